// The predictor wants whole cells and gives tiles; labels come window by window and are joined by the spool.
#include "app/evaluate/stretches.hpp"

#include <algorithm>

#include "kernels/base/error.hpp"
#include "kernels/base/nth.hpp"

namespace regkit {
namespace {

constexpr std::int64_t kMostCodes = std::int64_t{1} << 31, kMostCells = std::int64_t{1} << 25;

bool is_excluded(const std::vector<BaseRange>& excluded, std::int64_t position) {
    const auto after =
        std::upper_bound(excluded.begin(), excluded.end(), position,
                         [](std::int64_t at, const BaseRange& range) { return at < range.end; });
    return after != excluded.end() && after->begin <= position;
}

// Thrown out of a predictor's sink where a run is to stop.
struct Stopped {};

}  // namespace

std::vector<Stretch> stretches_of(const Dataset& dataset, std::span<const std::int64_t> windows) {
    const LabelLayout& layout = dataset.layout();
    std::vector<Stretch> stretches;
    for (std::size_t i = 0; i < windows.size(); ++i) {
        const DatasetWindow& window = nth(dataset.windows(), windows[i]);
        const std::int64_t begin = window.begin + layout.offset;
        if (stretches.empty() || stretches.back().contig != window.contig || stretches.back().end != begin)
            stretches.push_back({i, i, window.contig, begin, begin});
        stretches.back().last = i + 1;
        stretches.back().end = begin + layout.span();
    }
    for (Stretch& stretch : stretches)
        stretch.end = std::min(stretch.end, nth(dataset.reference(), stretch.contig).length);
    return stretches;
}

std::vector<std::int64_t> windows_for_sites(const Dataset& dataset, std::vector<std::int64_t> windows,
                                            int markers) {
    const std::int64_t cells = std::ssize(windows) * dataset.layout().count;
    const std::int64_t every = (cells - 1) / std::min(kMostCodes / markers, kMostCells) + 1;
    if (every > 1)
        std::erase_if(windows, [&](std::int64_t index) {
            return nth(dataset.windows(), index).begin / kSiteBlock / 2 % every != 0;
        });
    return windows;
}

bool spool_windows(Predictor& predictor, const Dataset& dataset, std::span<const std::int64_t> windows,
                   const ReadCodes& read, const LabelMap& labels, const ContigIntervals& excluded,
                   const KeepGoing& keep_going, CodeSpool& spool) {
    const LabelLayout& layout = dataset.layout();
    std::vector<LabelRun> runs;
    for (const std::int64_t index : windows) {
        const DatasetWindow& window = nth(dataset.windows(), index);
        runs.clear();
        labels.window_labels(dataset, index, 0, runs);
        for (const LabelRun& run : runs) {
            const std::int64_t first = window.begin + layout.offset;
            const LineRange bases{first + run.begin * layout.bin, first + run.end * layout.bin};
            if (is_excluded(nth(excluded, window.contig), bases.begin + (bases.end - bases.begin) / 2))
                continue;
            spool.add_label(run.marker,
                            {spool.line(window.contig, bases.begin), spool.line(window.contig, bases.end)});
        }
    }
    std::vector<KeptRun> kept;
    try {
        for (const Stretch& stretch : stretches_of(dataset, windows)) {
            const auto fetch = [&](std::int64_t begin, std::int64_t end, std::span<std::uint8_t> codes) {
                read(stretch.contig, begin, end, codes);
            };
            const auto sink = [&](std::int64_t begin, std::int64_t end, std::span<const std::uint8_t> codes,
                                  std::span<const float> logits) {
                const std::int64_t cells = (end - begin) / layout.bin;  // whole ones
                kept.clear();
                kept_positions(codes.first(static_cast<std::size_t>(cells * layout.bin)), begin, layout.bin,
                               nth(excluded, stretch.contig), 0, kept);
                spool.add(spool.line(stretch.contig, begin), logits, std::ssize(logits) / spool.markers(),
                          kept);
                if (!keep_going(static_cast<std::int64_t>(stretch.first) +
                                (end - stretch.begin) / layout.span()))
                    throw Stopped();
            };
            predictor.predict(nth(dataset.reference(), stretch.contig).length, stretch.begin, stretch.end,
                              fetch, sink);
        }
    } catch (const Stopped&) {
        return false;
    }
    return true;
}

}  // namespace regkit
