// What regds-build can label, and where the labels of a window lie.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "io/dataset/dataset.hpp"

namespace regkit {

struct BuildDatasetParameters;

// What a target ("nucleotide", "bin", "coverage") starts from.
struct TargetDefaults {
    const char* target;
    std::int64_t window;
    double max_n;
    std::int64_t label_bin;
    std::int64_t label_bins;  // kAllBins, or so many in the middle
    double min_overlap;
    const char* keep_if;
};
inline constexpr std::int64_t kAllBins = 0;
std::vector<std::string> target_names();
const TargetDefaults& target_defaults(const std::string& target);  // Error(usage) for another name

// Where the labels of a window lie. Error(usage) when bins and window do not fit.
LabelLayout label_layout(const BuildDatasetParameters& parameters);

}  // namespace regkit
