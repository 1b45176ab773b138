// A data set: its files one after the other, between lines "@@@@".
#include "io/dataset/dataset.hpp"

#include <algorithm>

#include "io/dataset/dataset_files.hpp"
#include "test/fuzz/fuzz.hpp"

namespace {

constexpr std::size_t kMostWindows = 100, kMostContigs = 10;

void check_runs(const std::vector<regkit::LabelRun>& runs, std::int64_t length, std::size_t markers) {
    for (const auto& run : runs)
        expect(run.begin >= 0 && run.end > run.begin && run.end <= length && run.marker >= 0 &&
                   static_cast<std::size_t>(run.marker) < markers,
               "a label outside its window");
}

}  // namespace

void fuzz_one(std::string_view input) {
    using namespace regkit::dataset_file;
    const std::string folder = absent("d.regds");
    for (const char* name : {kDescription, kReference, kMarkers, kWindows})
        put(std::string("d.regds/") + name, next_part(input));
    const std::string_view labels = next_part(input);
    put(std::string("d.regds/") + kPeaks, labels);
    put(std::string("d.regds/") + kCoverage, labels);
    const regkit::Dataset set = regkit::Dataset::load(folder);
    std::vector<regkit::LabelRun> runs;
    for (std::size_t i = 0; i < std::min(kMostWindows, set.windows().size()); ++i) {
        runs.clear();
        set.window_labels(static_cast<std::int64_t>(i), runs);
        check_runs(runs, set.layout().count, set.markers().size());
    }
    for (std::size_t i = 0; i < std::min(kMostContigs, set.reference().size()); ++i)
        for (const std::int64_t begin : {std::int64_t{0}, set.reference()[i].length - 10}) {
            runs.clear();
            set.labels(static_cast<std::int32_t>(i), begin, begin + 1000, runs);
            check_runs(runs, 1000, set.markers().size());
        }
}
