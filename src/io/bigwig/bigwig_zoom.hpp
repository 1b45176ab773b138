// Zoom levels of a bigWig or bigBed file, built in one pass while the values (or depths) go by. Internal to
// the writers.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "io/bigwig/bigwig_index.hpp"

namespace regkit::bigwig {

// Of equal-weight values: what a zoom record and the total summary add up.
struct Moments {
    float min = 0;
    float max = 0;
    double sum = 0;
    double sum_squares = 0;
};
// One sum in an order set by values.size() alone; NaN or infinity among the values leaves sum_squares not
// finite.
Moments moments(std::span<const float> values);

struct Summary {
    std::uint64_t bases = 0;
    double min = 0;
    double max = 0;
    double sum = 0;
    double sum_squares = 0;
};

// Raw (not yet compressed) records of one level, ready to be a block.
struct ZoomBlock {
    int level = 0;
    BlockEntry range;
    std::string bytes;
};

// Bins lie on a grid of the contig: level k has bins of reduction(k) = first * 4^k bases. A record covers,
// within its bin, the stretch from the first to the last base that has a value.
class ZoomBuilder {
  public:
    static constexpr std::uint32_t kRecordsPerBlock = 512;
    static constexpr int kMaxLevels = 10;

    // `done` receives full blocks, each level's in order.
    ZoomBuilder(std::uint64_t first_reduction, std::function<void(ZoomBlock&&)> done);

    // values.size() items of `span` bases each from `begin` on; ascending within a contig.
    void add(std::uint32_t contig, std::uint64_t begin, std::uint32_t span, std::span<const float> values);
    // No more values on this contig.
    void end_contig();

    int levels() const { return levels_; }
    std::uint32_t reduction(int level) const {
        return static_cast<std::uint32_t>(level_[at(level)].reduction);
    }
    std::uint64_t records(int level) const { return level_[at(level)].records; }
    const Summary& total() const { return total_; }

  private:
    struct Record {
        std::uint32_t contig = 0;
        std::uint64_t bin = 0, begin = 0, end = 0, bases = 0;
        float min = 0, max = 0;
        double sum = 0, sum_squares = 0;
    };
    struct Level {
        std::uint64_t reduction = 0;
        std::uint64_t records = 0;
        std::optional<Record> open;
        ZoomBlock block;
    };
    static std::size_t at(int level) { return static_cast<std::size_t>(level); }
    void merge(int level, const Record& part);
    void close(int level);
    void flush(int level);

    int levels_ = 0;
    std::array<Level, kMaxLevels> level_;
    Summary total_;
    std::function<void(ZoomBlock&&)> done_;
};

}  // namespace regkit::bigwig
