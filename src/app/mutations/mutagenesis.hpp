// regsnp ism: in-silico saturation mutagenesis, every substitution of every base of a region.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "app/variants/allele_run.hpp"
#include "base/log.hpp"
#include "base/work_done.hpp"

namespace regkit {

struct MutagenesisParameters : ScoringParameters {
    std::vector<std::string> regions;
    std::string regions_file;
    std::int64_t width = 0;      // bases of every region, around its middle; 0: as it is
    std::int64_t deletions = 0;  // also deletions of up to so many bases
    std::string target;  // a region: what is compared, wherever the mutation is; "": its neighbourhood
    std::vector<std::string> outputs{"-"};
    std::string format;    // of -O; "": what names tell
    bool modisco = false;  // beside arrays two files for modisco-lite
};

struct MutagenesisSummary {
    std::int64_t bases = 0;    // with a known reference
    std::int64_t unknown = 0;  // N: left out
    std::int64_t substitutions = 0, deletions = 0;
};

// Throws Error; on any the outputs do not come to be. Memory grows with the regions for arrays alone.
MutagenesisSummary mutagenesis(const MutagenesisParameters& parameters, Log& log,
                               const TellWork& tell = tell_nobody);

}  // namespace regkit
