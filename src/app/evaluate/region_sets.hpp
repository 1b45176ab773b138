// Regions of the genome that evaluation leaves out, or that it also looks at by themselves.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "app/evaluate/scoring.hpp"
#include "base/log.hpp"
#include "io/dataset/dataset.hpp"

namespace regkit {

// The intervals of all files, merged, by the data set's contigs. Those on contigs that it does not know are
// counted and told. Errors: input as IntervalReader; mismatch where a file has intervals and none of them is
// on one of the data set's contigs.
ContigIntervals read_regions(const std::vector<std::string>& paths, const Dataset& dataset, Log& log);

// Intervals that share a name: "promoter".
struct Annotation {
    std::string name;
    ContigIntervals regions;
};
inline constexpr std::size_t kMostAnnotations = 1000;
// What the rows of everything are named by.
inline constexpr const char* kEverything = "all";
// In order of first appearance; intervals without a name in column 4 are ".". Errors as read_regions, and
// input where there are more than kMostAnnotations names, or one is kEverything.
std::vector<Annotation> read_annotations(const std::string& path, const Dataset& dataset, Log& log);

// Those of the positions `kept` that lie in `regions`, replacing `inside`: a position of `bin` bases lies
// where its middle base does, so that regions that part the genome part its positions.
void positions_inside(std::span<const KeptRun> kept, std::span<const RowPlace> places, std::int64_t bin,
                      const ContigIntervals& regions, std::vector<KeptRun>& inside);

}  // namespace regkit
