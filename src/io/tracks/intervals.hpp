// Genomic intervals as peak callers and browsers write them: narrowPeak (ENCODE, 10 columns), broadPeak (9),
// BED (3+) and bedGraph (4).
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/log.hpp"
#include "io/files/text_reader.hpp"

namespace regkit {

enum class IntervalFormat { bed, narrow_peak, broad_peak, bed_graph };

// By the name, .gz or .bgz aside: ".narrowPeak" and ".broadPeak" in any case; anything else is BED, also
// where it may be bedGraph.
IntervalFormat interval_format(const std::string& path);

// Whether the blocks of BED12 and gappedPeak are the intervals, or what lies around them is.
enum class Blocks : bool { ignore, use };

// Whether messages may quote what a file holds. A file that a sheet names need not be one that the user meant
// to show: then the log has the line at --verbosity 5 only.
enum class Quote : bool { no, yes };

// What bedGraph given for BED is: an error, which it is known by its name, its track line or its first lines;
// an error where its name or track line says it; or intervals with a column that is not asked for. Windows
// with numbers as names look like bedGraph, and are common where only the intervals matter.
enum class BedGraph { refuse, refuse_named, accept };

struct Interval {
    std::string_view contig;  // valid until the next call
    std::int64_t begin = 0;   // 0-based, half-open, not empty
    std::int64_t end = 0;
    double value = 0;            // of bedGraph, finite
    std::string_view name = {};  // column 4 of the others, "" where there is none; valid as long as `contig`
};

// Reads intervals in file order, plain or compressed. BED's rules hold for all: columns between tabs, or
// between blanks where a line has no tab; blank lines, comments and track/browser lines are no data.
// Error(input) naming file and line at too few columns, a coordinate that is no whole number, an end before
// its start; in the other formats at any column that is not what the format says. Scores over 1000 are common
// and accepted. A summit outside its peak is warned of (kind "summit-outside-peak"), counted and kept.
// Intervals of no length, as BED has them for insertions, and NaN in bedGraph, which is no data, are left
// out, counted and told at the end; so are blocks of no length. bedGraph that is given for BED may be
// refused: by its name, its track line, or where the first lines (100 at most) have four columns, the fourth
// a number, and most begin where the one before ended. Columns that are not used may hold any bytes but NUL.
// WIG and the output of idr are recognised, so that the error names the cure.
class IntervalReader {
  public:
    IntervalReader(const std::string& path, IntervalFormat format, Log& log,
                   std::function<void(std::string_view)> raw = nullptr, Blocks blocks = Blocks::ignore,
                   Quote quote = Quote::yes, BedGraph bed_graph = BedGraph::refuse);

    bool next(Interval& interval);
    // What the last interval consists of, ascending and disjoint: itself, or where they are used its blocks.
    // BED with 12 columns or more has blocks where columns 7, 8 and 10 hold whole numbers, and 11 and 12
    // lists or numbers. Blocks that contradict themselves, or cannot be read, are Error(input), and so is a
    // file of which some lines of so many columns have blocks and others do not.
    struct Block {
        std::int64_t begin, end;
    };
    const std::vector<Block>& blocks() const { return blocks_; }
    // Its fourth column, of BED the name; empty where there is none. Valid until the next call.
    std::string_view name() const { return fields_.size() > 3 ? fields_[3] : std::string_view(); }
    const LineReader& lines() const { return lines_; }  // for naming the line in an error
    std::int64_t summits_outside() const { return summits_outside_; }
    std::int64_t empty() const { return empty_; }      // intervals of no length
    std::int64_t no_data() const { return no_data_; }  // values that are NaN

  private:
    bool next_line(std::string_view& line);
    [[noreturn]] void fail(const std::string& what) const;
    std::string text_of(std::size_t column) const;  // quoted, or where that is not allowed its number
    [[noreturn]] void refuse_bed_graph() const;
    void look_for_bed_graph(const Interval& interval);
    void decide_bed_graph();
    bool has_blocks();
    [[noreturn]] void fail_blocks(std::size_t column, const std::string& what) const;
    void read_blocks(const Interval& interval);
    std::vector<std::int64_t> numbers_of_blocks(std::size_t column, std::int64_t count) const;
    void check_columns();
    void check_peak(const Interval& interval);
    std::int64_t coordinate(std::size_t column) const;

    LineReader lines_;
    IntervalFormat format_;
    Log& log_;
    std::string_view line_;  // the last with data
    std::vector<std::string_view> fields_;
    Blocks use_blocks_;
    Quote quote_;
    std::vector<Block> blocks_;
    std::int64_t line_with_blocks_ = 0, line_without_blocks_ = 0;  // the last of each, from 1
    BedGraph bed_graph_;
    bool may_be_bed_graph_;
    std::string last_contig_;
    std::int64_t last_end_ = 0, like_bed_graph_ = 0, touching_ = 0;  // lines so far
    std::int64_t summits_outside_ = 0, empty_ = 0, no_data_ = 0, empty_blocks_ = 0;
};

}  // namespace regkit
