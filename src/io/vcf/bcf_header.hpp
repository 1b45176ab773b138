// Private to src/io/vcf* and bcf*: htslib's view of a header. It drops lines that it cannot parse; whoever
// reads its files finds no definition behind them.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "io/vcf/vcf_state.hpp"

namespace regkit {

class Log;

// Error(input) "`name`: `refusal`" where htslib refuses the whole. It says nothing itself: its words hold
// parts of lines as they are, with what a terminal obeys.
HtsHeader parse_bcf_header(char* text, const std::string& name, const char* refusal);
// The ID of a line of this kind ("INFO", "FILTER", "FORMAT", "contig").
bool defines(const bcf_hdr_t& header, std::string_view kind, const std::string& id);
// INFO, FILTER, FORMAT and contig.
bool is_definition(std::string_view kind);
// Warns of the lines that `header`, which was made of them, lacks or reads otherwise than they say: all that
// htslib would warn of, and in words that a terminal can show.
void tell_header(const bcf_hdr_t& header, const std::vector<std::string>& lines, const std::string& name,
                 Log& log);

}  // namespace regkit
