// A table of defaults for each target, and the checks that bins fit into the window and lie in its middle,
// where the model's outputs will be. Each message names the option to change.
#include "app/dataset/label_layout.hpp"

#include <array>

#include "app/dataset/build_dataset.hpp"
#include "base/text.hpp"
#include "kernels/base/error.hpp"

namespace regkit {
namespace {

constexpr std::array<TargetDefaults, 3> kTargets{{
    {"nucleotide", 25000, 0.1, 1, kAllBins, 0, "all"},
    {"bin", 1000, 0, 200, 1, 0.5, "any"},
    {"coverage", 131072, 0.1, 128, kAllBins, 0, "all"},
}};

void usage(bool ok, const std::string& what) {
    require(ok, ErrorKind::usage, what);
}

}  // namespace

std::vector<std::string> target_names() {
    std::vector<std::string> names;
    for (const TargetDefaults& target : kTargets) names.push_back(target.target);
    return names;
}

const TargetDefaults& target_defaults(const std::string& target) {
    for (const TargetDefaults& candidate : kTargets)
        if (candidate.target == target) return candidate;
    throw Error(ErrorKind::usage, "--target '" + target + "' is unknown");
}

LabelLayout label_layout(const BuildDatasetParameters& p) {
    const TargetDefaults& defaults = target_defaults(p.target);
    const bool nucleotide = p.target == "nucleotide";
    usage(!nucleotide || (!p.label_bin && !p.label_bins),
          "--label-bin and --label-bins do not go with --target nucleotide: every base has labels");
    usage(p.target == "bin" || !p.min_overlap, "--min-overlap does not go with --target " + p.target);
    LabelLayout layout{.task = p.target, .bin = p.label_bin.value_or(defaults.label_bin)};
    layout.min_overlap = p.min_overlap.value_or(defaults.min_overlap);
    usage(layout.min_overlap >= 0 && layout.min_overlap < 1,
          "--min-overlap must be at least 0 and less than 1: a bin has a marker that covers more than this");
    const std::string size = counted(layout.bin, "base"), window = "a window of " + std::to_string(p.window);
    usage(layout.bin >= 1 && layout.bin <= p.window,
          "bins of " + size + " do not fit into " + window + "; look at --label-bin and --window");
    const std::int64_t fit = p.window / layout.bin, wanted = p.label_bins.value_or(defaults.label_bins);
    layout.count = wanted == kAllBins ? fit : wanted;
    const std::string bins = counted(layout.count, "bin") + " of " + size;
    usage(layout.count >= 1 && layout.count <= fit, bins + (layout.count == 1 ? " does" : " do") +
                                                        " not fit into " + window + "; look at --label-bins");
    usage((p.window - layout.span()) % 2 == 0, bins + " cannot lie in the middle of " + window + ": " +
                                                   counted(p.window - layout.span(), "base") + " around " +
                                                   (layout.count == 1 ? "it" : "them") + " is odd");
    layout.offset = (p.window - layout.span()) / 2;
    return layout;
}

}  // namespace regkit
