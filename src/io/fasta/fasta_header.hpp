// What a FASTA header and the ends of its lines may look like, for the index and for streams alike.
#pragma once

#include <string_view>

#include "io/files/text_reader.hpp"

namespace regkit {

// They may stand at the end of a line and before a name, as samtools reads them; between bases they are an
// error.
inline constexpr std::string_view kFastaBlanks = " \t\r\v\f";

// The name in a header line without its '>': the first word, also behind blanks. Valid as long as the line.
std::string_view fasta_name(std::string_view header);

// Why the line cannot be a record's header; empty where it can. Names are printable ASCII, as SAM and VCF
// have them, so that every format can carry them; a carriage return within the line is that of a file whose
// lines end in nothing else.
std::string_view header_fault(std::string_view header);

}  // namespace regkit
