// The table of regcall --over: of each region and marker the mean and the largest value, how many intervals
// reach into it, and of an ensemble the mean spread.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <set>
#include <span>
#include <string>
#include <vector>

#include "app/call/interval_caller.hpp"
#include "base/log.hpp"
#include "base/region.hpp"
#include "io/fasta/fasta.hpp"
#include "io/tracks/text_file.hpp"
#include "io/tracks/track_writer.hpp"

namespace regkit {

struct NamedRegion {
    std::int64_t begin = 0, end = 0;
    std::string name;  // column 4 of BED, or "."
};
// By contig, sorted by begin and end, in the file's order where these are equal.
using NamedRegions = std::map<std::string, std::vector<NamedRegion>>;

// Error(input) naming the line; also for a file without regions.
NamedRegions read_named_regions(const std::string& path, Log& log);
// The same with so many bases more on both sides, as far as the contigs reach.
std::vector<Region> with_margin(const NamedRegions& regions, const FastaFile& fasta, std::int64_t margin);

// TSV: a row for each region and marker, in the order of the data, regions sorted, markers in theirs. Memory:
// what is not yet known of the regions around the position. One sum in ascending order a region and marker,
// so that tiles do not show.
class RegionTable {
  public:
    // Of `options`: markers, header, decimals. `spread`: values have a second row of each marker behind those
    // of all. `pool` must outlive it.
    RegionTable(const std::string& path, NamedRegions regions, const TrackOptions& options, bool spread,
                ThreadPool& pool);

    // The contig of what follows, by its number too: two records of a stream can have one name. The one
    // before has ended.
    void begin_contig(int number, const std::string& name);
    // Of every marker a row of the cells, of `cell` bases, in which the bases of `known` lie: ascending.
    void values(KnownStretch known, std::int64_t cell, std::span<const float> values, std::int64_t row);
    // Before settle() passes its begin.
    void interval(const CalledInterval& called);
    // Neither a value nor an interval will begin before this position of the contig any more.
    void settle(std::int64_t position);
    // The rest; regions of contigs that never came have rows without values. Returns how many those are.
    std::int64_t finish(OutputSet& outputs);

  private:
    struct Sums {
        double sum = 0, spread = 0;
        float max = -1;
        std::int64_t intervals = 0;
    };
    struct Row {
        const NamedRegion* region = nullptr;
        std::int64_t bases = 0;  // with a value
        std::vector<Sums> markers;
        bool settled = false;
    };
    void open_before(std::int64_t position);
    void end_contig();
    void write(const Row& row);

    TextFile file_;
    NamedRegions regions_;
    std::vector<std::string> markers_;
    bool spread_;
    Rounding round_;
    ThreadPool& pool_;
    int number_ = -1;
    std::string contig_;
    std::set<std::string> seen_;                      // contigs with regions that are written
    const std::vector<NamedRegion>* here_ = nullptr;  // of the contig; null where it has none
    std::size_t next_ = 0;                            // of them, not yet open
    std::deque<Row> rows_;                            // open, or waiting for one before them
    std::vector<Row*> open_;
    std::string line_;
};

}  // namespace regkit
