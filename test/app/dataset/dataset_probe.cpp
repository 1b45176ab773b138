// The windows and labels of a data set as text, for oracles: dataset_probe DIR [repeats]. With repeats the
// labels of all windows are asked for so many times instead, to take their time.
#include <chrono>
#include <cstdio>
#include <exception>
#include <string>
#include <vector>

#include "io/dataset/dataset.hpp"

namespace {

using namespace regkit;

void print_window(const Dataset& dataset, std::size_t index, std::vector<LabelRun>& runs) {
    const DatasetWindow& at = dataset.windows()[index];
    std::printf("%s\t%lld\t%s\t", dataset.reference()[static_cast<std::size_t>(at.contig)].name.c_str(),
                static_cast<long long>(at.begin), to_string(at.split));
    runs.clear();
    dataset.window_labels(static_cast<std::int64_t>(index), runs);
    for (const LabelRun& run : runs)
        std::printf("%d:%d-%d=%.9g,", run.marker, run.begin, run.end, static_cast<double>(run.value));
    std::printf("\n");
}

void take_time(const Dataset& dataset, int repeats) {
    std::vector<LabelRun> runs;
    std::size_t sum = 0;
    const auto start = std::chrono::steady_clock::now();
    for (int i = 0; i < repeats; ++i)
        for (std::size_t index = 0; index < dataset.windows().size(); ++index) {
            runs.clear();
            dataset.window_labels(static_cast<std::int64_t>(index), runs);
            sum += runs.size();
        }
    const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - start;
    const double calls = static_cast<double>(repeats) * static_cast<double>(dataset.windows().size());
    std::printf("%zu runs, %.3f us a window\n", sum, 1e6 * seconds.count() / calls);
}

}  // namespace

int main(int argc, char** argv) {
    if (argc < 2 || argc > 3) return 2;
    try {
        const Dataset dataset = Dataset::load(argv[1]);
        if (argc == 3) {
            take_time(dataset, std::stoi(argv[2]));
            return 0;
        }
        const LabelLayout& layout = dataset.layout();
        std::printf("%s\t%lld\t%lld\t%lld\t%lld\n", layout.task.c_str(),
                    static_cast<long long>(dataset.window()), static_cast<long long>(layout.bin),
                    static_cast<long long>(layout.offset), static_cast<long long>(layout.count));
        std::vector<LabelRun> runs;
        for (std::size_t i = 0; i < dataset.windows().size(); ++i) print_window(dataset, i, runs);
    } catch (const std::exception& error) {
        std::fprintf(stderr, "dataset_probe: %s\n", error.what());
        return 1;
    }
    return 0;
}
