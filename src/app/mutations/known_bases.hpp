// The bases of regions that are not N, numbered from front to back, and random draws among them.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "app/model/regions.hpp"
#include "app/variants/cached_reference.hpp"
#include "base/log.hpp"

namespace regkit {

// Random numbers from a seed (splitmix).
class Generator {
  public:
    explicit Generator(std::uint64_t seed) : state_(seed) {}
    // The next number below `limit`, all of them alike.
    std::int64_t below(std::int64_t limit);

  private:
    std::uint64_t state_;
};

// `count` different numbers below `total`, ascending (Floyd's way to draw without replacement: Bentley &
// Floyd 1987).
std::vector<std::int64_t> random_numbers(std::int64_t total, std::int64_t count, std::uint64_t seed);

class KnownBases {
  public:
    // Of regions of -r and of a BED file, or of the whole reference where neither names any: counts them.
    // Errors of plan_regions. The reference must outlive it.
    KnownBases(CachedReference& reference, const std::vector<std::string>& regions,
               const std::string& regions_file, Log& log);

    std::int64_t count() const { return count_; }
    // Each base has `choices` numbers: calls visit(contig, position, code, choice) for each of the ascending
    // `numbers`.
    using Visit =
        std::function<void(int contig, std::int64_t position, std::uint8_t code, std::int64_t choice)>;
    void visit(std::span<const std::int64_t> numbers, std::int64_t choices, const Visit& visit);

  private:
    void read(const ContigRange& piece);

    CachedReference& reference_;
    std::vector<ContigRange> pieces_;
    std::vector<std::int64_t> known_;  // bases of each piece
    std::int64_t count_ = 0;
    std::vector<std::uint8_t> codes_;
};

}  // namespace regkit
