// regsnp background: the effects of random variants, or of those of a VCF, into a file that regsnp annotate
// compares with.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "app/variants/allele_run.hpp"
#include "base/log.hpp"
#include "base/work_done.hpp"

namespace regkit {

struct BackgroundParameters : ScoringParameters {
    std::vector<std::string> regions;
    std::string regions_file;  // none of both: the whole reference
    std::int64_t count = 20000;
    std::uint64_t seed = 0;
    std::string from;  // VCF or BCF whose alleles are taken in place of random ones; empty: none
    std::string output;
};

// Four of five random variants are substitutions, each base and change as likely as every other; the others
// are insertions and deletions by halves, of 1, 2, 3-4, 5-8 or 9-16 bases in 8, 4, 2, 1 and 1 of 16. Of
// insertions half repeat the bases behind, half are bases of the 100 around, in an order of their own. The
// same seed and regions give the same file. Throws Error; on any the output does not come to be.
void make_background(const BackgroundParameters& parameters, Log& log, const TellWork& tell = tell_nobody);

}  // namespace regkit
