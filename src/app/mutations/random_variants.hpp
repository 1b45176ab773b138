// regsnp random: substitutions drawn at random, scored: what effects look like where nobody chose the
// variants.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "app/variants/allele_run.hpp"
#include "base/log.hpp"
#include "base/work_done.hpp"
#include "io/vcf/vcf.hpp"

namespace regkit {

struct RandomParameters : ScoringParameters {
    std::vector<std::string> regions;
    std::string regions_file;  // none of both: the whole reference
    std::int64_t count = 0;
    std::uint64_t seed = 0;
    std::string output = "-";
    std::optional<VariantFormat> format;  // by default what the output's extension says
};

// Every set of so many substitutions of known bases of the regions is as likely as every other; the same seed
// and regions give the same. Throws Error, (input) where there are not so many; on any the output does not
// come to be.
void random_variants(const RandomParameters& parameters, Log& log, const TellWork& tell = tell_nobody);

}  // namespace regkit
