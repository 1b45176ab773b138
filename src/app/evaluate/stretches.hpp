// Windows that lie side by side, as one stretch of a contig: predicted with all the sequence around them, no
// base is computed twice and no window shows.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "app/evaluate/code_spool.hpp"
#include "app/evaluate/scoring.hpp"
#include "app/model/predictor.hpp"
#include "io/dataset/dataset.hpp"

namespace regkit {

// Labelled bases [begin, end) of windows [first, last) of those asked for, on one contig.
struct Stretch {
    std::size_t first = 0, last = 0;
    std::int32_t contig = 0;
    std::int64_t begin = 0, end = 0;
};
// `windows` ascend, as Dataset::select gives them. The end of the contig cuts the last window.
std::vector<Stretch> stretches_of(const Dataset& dataset, std::span<const std::int64_t> windows);

// Of what would be more than fits a spool, every so many-th pair of blocks of kSiteBlock.
std::vector<std::int64_t> windows_for_sites(const Dataset& dataset, std::vector<std::int64_t> windows,
                                            int markers);
// Fills `spool` with the logits that `predictor` has for the windows, as regcall would predict them, and with
// their labels. The predictor gives f32 logits and fits the data set. Labels whose middle is excluded do not
// count. False when stopped.
bool spool_windows(Predictor& predictor, const Dataset& dataset, std::span<const std::int64_t> windows,
                   const ReadCodes& read, const LabelMap& labels, const ContigIntervals& excluded,
                   const KeepGoing& keep_going, CodeSpool& spool);

}  // namespace regkit
