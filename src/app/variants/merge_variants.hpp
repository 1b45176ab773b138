// regsnp merge: from the parts of regsnp annotate --shard to the file of one run.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/log.hpp"
#include "base/work_done.hpp"
#include "io/vcf/vcf.hpp"

namespace regkit {

struct MergeVariantsParameters {
    std::vector<std::string> parts;  // in any order
    std::string output = "-";
    std::optional<VariantFormat> format;  // by default what the output's name says
    bool write_index = false;
    bool provenance = true;  // version, command and digests in the header
    std::string command_line;
};

// Writes, to the byte, what one run over all would have, but for the command in its header. Error(mismatch)
// for parts of different runs, one that is given twice, or one that is missing; Error(input) for a file that
// is no part, or is damaged; Error(usage) for text where the parts are BCF, and the reverse, since digits
// would differ.
void merge_variants(const MergeVariantsParameters& parameters, Log& log, const TellWork& tell = tell_nobody);

}  // namespace regkit
