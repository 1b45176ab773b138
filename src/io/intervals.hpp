// Genomic intervals as peak callers and browsers write them: narrowPeak (ENCODE, 10 columns), broadPeak (9), BED (3+) and
// bedGraph (4).
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/log.hpp"
#include "io/text_reader.hpp"

namespace regkit {

enum class IntervalFormat { bed, narrow_peak, broad_peak, bed_graph };

// By the name, .gz or .bgz aside: ".narrowPeak" and ".broadPeak" in any case; anything else is BED, also
// where it may be bedGraph.
IntervalFormat interval_format(const std::string& path);

struct Interval {
    std::string_view contig;  // valid until the next call
    std::int64_t begin = 0;   // 0-based, half-open, not empty
    std::int64_t end = 0;
    double value = 0;         // of bedGraph, finite
};

// Reads intervals in file order, plain or compressed. BED's rules hold for all: columns between tabs, or between
// blanks where a line has no tab; blank lines, comments and track/browser lines are no data. Error(input) naming file and
// line at too few columns, a coordinate that is no whole number, an interval without a base; in the other formats
// at any column that is not what the format says. Scores over 1000 are common and accepted. A summit outside its peak is
// warned of (kind "summit-outside-peak"), counted and kept.
class IntervalReader {
  public:
    IntervalReader(const std::string& path, IntervalFormat format, Log& log,
                   std::function<void(std::string_view)> raw = nullptr);

    bool next(Interval& interval);
    const LineReader& lines() const { return lines_; }  // for naming the line in an error
    std::int64_t summits_outside() const { return summits_outside_; }

  private:
    void check_columns(std::string_view line);
    void check_peak(const Interval& interval);
    std::int64_t coordinate(std::size_t column) const;

    LineReader lines_;
    IntervalFormat format_;
    Log& log_;
    std::vector<std::string_view> fields_;
    std::int64_t summits_outside_ = 0;
};

}  // namespace regkit
