// Counting a network's logits against a data set's labels, window by window: what regtrain's validation and
// regeval share. Output positions are bases or bins (LabelLayout).
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "app/evaluate/metrics.hpp"
#include "io/dataset/dataset.hpp"
#include "nn/network.hpp"

namespace regkit {

// Ranges of each of the data set's contigs, ascending and disjoint.
struct BaseRange {
    std::int64_t begin = 0;
    std::int64_t end = 0;
};
using ContigIntervals = std::vector<std::vector<BaseRange>>;

// Codes of positions [begin, end) of a data set's contig; N outside it.
using ReadCodes = std::function<void(std::int32_t contig, std::int64_t begin, std::int64_t end,
                                     std::span<std::uint8_t> codes)>;

// A model's markers within a data set's: labels_of[dataset marker] = model marker, or -1.
struct LabelMap {
    std::vector<int> labels_of;

    // The same markers in the same order.
    static LabelMap identity(std::size_t markers);
    // By name. Error(mismatch) naming the first of the model's markers that the data set lacks.
    static LabelMap by_name(const std::vector<Marker>& model, const Dataset& dataset);
    // Appends the labels of window `index` with the model's marker numbers, `shift` output positions further
    // along.
    void window_labels(const Dataset& dataset, std::int64_t index, std::int64_t shift,
                       std::vector<LabelRun>& out) const;
};
// Runs of several windows side by side, in the order that metrics take them: by marker, then by begin.
void sort_labels(std::vector<LabelRun>& runs);

// Which of the output positions of `bin` bases that begin at `begin` count, appended, `shift` positions
// further along: none of whose bases is excluded, and not all of whose bases are N. codes.size() is a
// multiple of `bin`.
void kept_positions(std::span<const std::uint8_t> codes, std::int64_t begin, std::int64_t bin,
                    const std::vector<BaseRange>& excluded, std::int64_t shift, std::vector<KeptRun>& out);

// Called between windows with the number done; false stops.
using KeepGoing = std::function<bool(std::int64_t done)>;

// Windows of a data set, and what predictions of them are held against. All must outlive it.
struct LabelledWindows {
    const Dataset& dataset;
    const std::vector<std::int64_t>& windows;
    const ReadCodes& read;
    const LabelMap& labels;
    const ContigIntervals& excluded;
    const KeepGoing& keep_going;  // with the number of windows done
};

// Where positions of a row lie: from `begin` to the next place's `begin` on, one behind the other on a contig
// of the data set, the first from `base` on.
struct RowPlace {
    std::int32_t begin = 0;
    std::int32_t contig = 0;
    std::int64_t base = 0;
};

// Windows side by side in one row a marker: what of it counts, its labels, and where it lies.
struct WindowBatch {
    std::vector<KeptRun> kept;
    std::vector<LabelRun> labels;  // to be sorted when all windows are there
    std::vector<RowPlace> places;

    void clear();
    // A window's outputs, `shift` positions further along; `codes` are their bases.
    void add(const Dataset& dataset, std::int64_t window, std::span<const std::uint8_t> codes,
             const LabelMap& map, const ContigIntervals& excluded, std::int64_t shift);
};

// Takes positions side by side that all lie on one stretch of a contig, whose first base is `base`.
using TakePlacedRun = std::function<void(const KeptRun& run, std::int32_t contig, std::int64_t base)>;
// The runs of `kept` in order, each cut where a place begins; `bin`: bases a position.
void each_placed_run(std::span<const KeptRun> kept, std::span<const RowPlace> places, std::int64_t bin,
                     const TakePlacedRun& take);

// Takes the logits [markers][length] of some output positions, behind them of an ensemble the spreads of the
// same form, with those that count and their labels, as MarkerCounts::add, and where they lie, ascending in
// both.
using CountPositions =
    std::function<void(std::span<const float> logits, std::int64_t length, std::span<const KeptRun> kept,
                       std::span<const LabelRun> labels, std::span<const RowPlace> places)>;

// What gives the logits of windows that run together.
struct WindowLogits {
    std::int64_t length = 0;             // codes of a window; those behind its bases are N
    std::int64_t positions = 0;          // of a row
    std::int64_t markers = 0, rows = 0;  // more rows than markers: with spreads
    // Codes [batch][length] to logits [batch][rows][positions].
    std::function<void(std::span<const std::uint8_t> codes, std::int64_t batch, std::span<float> logits)>
        infer;
};
// Those of a network, for windows of so many bases; with `rc_average` of the mean of both strands. In f32:
// metrics rank, and 8-bit codes would tie what a model tells apart. The network must outlive it.
WindowLogits network_logits(Network& network, std::int64_t window, bool rc_average);

// The paper's windows: each by itself, zero-padded at both ends; several run together. The network fits the
// data set (app/label_fit.hpp). With `rc_average` the logits are those of the mean of both strands. False
// when stopped before the end.
bool count_windows(const WindowLogits& model, const Dataset& dataset, std::span<const std::int64_t> windows,
                   const ReadCodes& read, const LabelMap& labels, const ContigIntervals& excluded,
                   const KeepGoing& keep_going, const CountPositions& count);
bool count_windows(Network& network, const Dataset& dataset, std::span<const std::int64_t> windows,
                   const ReadCodes& read, const LabelMap& labels, const ContigIntervals& excluded,
                   const KeepGoing& keep_going, const CountPositions& count, bool rc_average = false);

}  // namespace regkit
