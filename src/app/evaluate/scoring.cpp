// Windows are run in batches, bounded in bases and in values; their logits are laid side by side, so that the
// counting sees one long row a marker. Positions on N or in excluded regions are left out as runs, and labels
// are moved to the model's order of markers and sorted once a batch.
#include "app/evaluate/scoring.hpp"

#include <algorithm>
#include <map>
#include <string>

#include "app/model/both_strands.hpp"
#include "kernels/base/error.hpp"
#include "kernels/base/nth.hpp"

namespace regkit {

LabelMap LabelMap::identity(std::size_t markers) {
    LabelMap map;
    for (std::size_t i = 0; i < markers; ++i) map.labels_of.push_back(static_cast<int>(i));
    return map;
}

LabelMap LabelMap::by_name(const std::vector<Marker>& model, const Dataset& dataset) {
    std::map<std::string, std::size_t> place;
    for (std::size_t i = 0; i < dataset.markers().size(); ++i) place[dataset.markers()[i].name] = i;
    LabelMap map;
    map.labels_of.assign(dataset.markers().size(), -1);
    for (std::size_t i = 0; i < model.size(); ++i) {
        const auto found = place.find(model[i].name);
        require(found != place.end(), ErrorKind::mismatch,
                dataset.path() + ": has no marker '" + model[i].name +
                    "' of the model; choose those that it has with -k");
        map.labels_of[found->second] = static_cast<int>(i);
    }
    return map;
}

void LabelMap::window_labels(const Dataset& dataset, std::int64_t index, std::int64_t shift,
                             std::vector<LabelRun>& out) const {
    const std::size_t first = out.size();
    dataset.window_labels(index, out);
    for (std::size_t i = first; i < out.size(); ++i) {
        LabelRun& run = out[i];
        run.marker = nth(labels_of, run.marker);
        run.begin += static_cast<std::int32_t>(shift);
        run.end += static_cast<std::int32_t>(shift);
    }
    out.erase(std::remove_if(out.begin() + static_cast<std::ptrdiff_t>(first), out.end(),
                             [](const LabelRun& run) { return run.marker < 0; }),
              out.end());
}

void sort_labels(std::vector<LabelRun>& runs) {
    const auto before = [](const LabelRun& a, const LabelRun& b) {
        return a.marker != b.marker ? a.marker < b.marker : a.begin < b.begin;
    };
    if (!std::is_sorted(runs.begin(), runs.end(), before)) std::sort(runs.begin(), runs.end(), before);
}

void kept_positions(std::span<const std::uint8_t> codes, std::int64_t begin, std::int64_t bin,
                    const std::vector<BaseRange>& excluded, std::int64_t shift, std::vector<KeptRun>& out) {
    const std::int64_t count = static_cast<std::int64_t>(codes.size()) / bin;
    auto skip = std::upper_bound(
        excluded.begin(), excluded.end(), begin,
        [](std::int64_t position, const BaseRange& interval) { return position < interval.end; });
    const auto counts = [&](std::int64_t p) {
        const std::int64_t from = begin + p * bin;
        while (skip != excluded.end() && skip->end <= from) ++skip;
        if (skip != excluded.end() && skip->begin < from + bin) return false;
        const auto cell = codes.subspan(static_cast<std::size_t>(p * bin), static_cast<std::size_t>(bin));
        return std::any_of(cell.begin(), cell.end(), [](std::uint8_t code) { return code != kCodeN; });
    };
    bool open = false;
    for (std::int64_t p = 0; p < count; ++p) {
        const auto at = static_cast<std::int32_t>(p + shift);
        const bool now = counts(p);
        if (now && open) out.back().end = at + 1;
        if (now && !open) out.push_back({at, at + 1});
        open = now;
    }
}

void WindowBatch::clear() {
    kept.clear();
    labels.clear();
    places.clear();
}

void WindowBatch::add(const Dataset& dataset, std::int64_t window, std::span<const std::uint8_t> codes,
                      const LabelMap& map, const ContigIntervals& excluded, std::int64_t shift) {
    const LabelLayout& layout = dataset.layout();
    const DatasetWindow& at = nth(dataset.windows(), window);
    const std::int64_t begin = at.begin + layout.offset;
    kept_positions(codes, begin, layout.bin, nth(excluded, at.contig), shift, kept);
    map.window_labels(dataset, window, shift, labels);
    places.push_back({static_cast<std::int32_t>(shift), at.contig, begin});
}

void each_placed_run(std::span<const KeptRun> kept, std::span<const RowPlace> places, std::int64_t bin,
                     const TakePlacedRun& take) {
    std::size_t place = 0;
    for (const KeptRun& run : kept)
        for (std::int32_t at = run.begin; at < run.end;) {
            while (place + 1 < places.size() && places[place + 1].begin <= at) ++place;
            const std::int32_t end =
                place + 1 < places.size() ? std::min(run.end, places[place + 1].begin) : run.end;
            const RowPlace& p = places[place];
            take({at, end}, p.contig, p.base + (at - p.begin) * bin);
            at = end;
        }
}

namespace {

constexpr std::int64_t kBatchBases = std::int64_t{1} << 17;
constexpr std::int64_t kBatchValues = std::int64_t{1} << 24;

// Logits of a batch, [window][row][position], as rows of all windows each.
void side_by_side(std::span<const float> logits, std::int64_t windows, std::int64_t rows,
                  std::int64_t positions, std::vector<float>& beside) {
    beside.resize(logits.size());
    for (std::int64_t w = 0; w < windows; ++w)
        for (std::int64_t r = 0; r < rows; ++r)
            std::copy_n(logits.data() + (w * rows + r) * positions, positions,
                        beside.data() + (r * windows + w) * positions);
}

}  // namespace

WindowLogits network_logits(Network& network, std::int64_t window, bool rc_average) {
    const SpecSummary& summary = network.summary();
    WindowLogits of;
    // Padded right with N where the stride asks for it; no label lies there.
    of.length = (window + summary.stride - 1) / summary.stride * summary.stride;
    of.positions = summary.fixed_window ? summary.outputs : of.length / summary.scale;
    of.markers = of.rows = network.markers();
    of.infer = [&network, rc_average, length = of.length, positions = of.positions,
                reversed = std::vector<std::uint8_t>(), other = std::vector<float>()](
                   std::span<const std::uint8_t> codes, std::int64_t batch, std::span<float> logits) mutable {
        network.infer({codes.data(), batch, length}, 0, length, TailOutput::logits, logits);
        if (!rc_average) return;
        reverse_rows(codes, length, reversed);
        other.resize(logits.size());
        network.infer({reversed.data(), batch, length}, 0, length, TailOutput::logits, other);
        average_strand_logits(logits, other, positions, network.spec().task);
    };
    return of;
}

bool count_windows(const WindowLogits& model, const Dataset& dataset, std::span<const std::int64_t> windows,
                   const ReadCodes& read, const LabelMap& labels, const ContigIntervals& excluded,
                   const KeepGoing& keep_going, const CountPositions& count) {
    const LabelLayout& layout = dataset.layout();
    const std::int64_t window = dataset.window(), length = model.length, positions = model.positions;
    const std::int64_t batch =
        std::max<std::int64_t>(1, std::min(kBatchBases / length, kBatchValues / (model.rows * positions)));
    std::vector<std::uint8_t> codes;
    std::vector<float> logits, rows;
    WindowBatch laid;
    const auto total = static_cast<std::int64_t>(windows.size());
    for (std::int64_t first = 0; first < total; first += batch) {
        if (!keep_going(first)) return false;
        const std::int64_t here = std::min(batch, total - first);
        codes.assign(static_cast<std::size_t>(here * length), kCodeN);
        laid.clear();
        for (std::int64_t s = 0; s < here; ++s) {
            const std::int64_t index = nth(windows, first + s);
            const DatasetWindow& at = nth(dataset.windows(), index);
            const auto sequence = std::span(codes).subspan(static_cast<std::size_t>(s * length),
                                                           static_cast<std::size_t>(window));
            read(at.contig, at.begin, at.begin + window, sequence);
            laid.add(dataset, index,
                     sequence.subspan(static_cast<std::size_t>(layout.offset),
                                      static_cast<std::size_t>(layout.span())),
                     labels, excluded, s * positions);
        }
        logits.resize(static_cast<std::size_t>(here * model.rows * positions));
        model.infer(codes, here, logits);
        sort_labels(laid.labels);
        if (here > 1) side_by_side(logits, here, model.rows, positions, rows);
        count(here > 1 ? rows : logits, here * positions, laid.kept, laid.labels, laid.places);
    }
    return keep_going(total);
}

bool count_windows(Network& network, const Dataset& dataset, std::span<const std::int64_t> windows,
                   const ReadCodes& read, const LabelMap& labels, const ContigIntervals& excluded,
                   const KeepGoing& keep_going, const CountPositions& count, bool rc_average) {
    return count_windows(network_logits(network, dataset.window(), rc_average), dataset, windows, read,
                         labels, excluded, keep_going, count);
}

}  // namespace regkit
