// Counting a network's logits against a data set's labels, window by window: what regtrain's validation and
// regeval share.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "app/metrics.hpp"
#include "io/dataset.hpp"
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
    // Labels of [begin, end) with the model's marker numbers, sorted by (marker, begin); replaces `out`.
    void labels(const Dataset& dataset, std::int32_t contig, std::int64_t begin, std::int64_t end,
                std::vector<PeakRun>& out) const;
};

// The runs of a window at `begin` that are neither N nor excluded; replaces `out`.
void kept_runs(std::span<const std::uint8_t> codes, std::int64_t begin,
               const std::vector<BaseRange>& excluded, std::vector<KeptRun>& out);

// Called between windows with the number done; false stops.
using KeepGoing = std::function<bool(std::int64_t done)>;

// The paper's windows: each by itself, zero-padded at both ends. Adds to `counts`; false when stopped before
// the end.
bool count_windows(Network& network, const Dataset& dataset, std::span<const std::int64_t> windows,
                   const ReadCodes& read, const LabelMap& labels, const ContigIntervals& excluded,
                   const KeepGoing& keep_going, MarkerCounts& counts);

}  // namespace regkit
