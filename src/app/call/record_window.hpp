// What a stream's record still has to give: the bases around the position that is predicted.
#pragma once

#include <algorithm>
#include <cstdint>
#include <span>
#include <vector>

#include "io/fasta/fasta.hpp"

namespace regkit {

// Bases of a record between what is needed behind and ahead of the position; local positions, multiples of
// the stride begin cells.
class RecordWindow {
  public:
    void start(std::int64_t lead) {
        first_ = 0;
        codes_.assign(static_cast<std::size_t>(lead), kCodeN);
    }
    std::int64_t end() const { return first_ + static_cast<std::int64_t>(codes_.size()); }
    // Reads until `position` is reached; false when the record ends before it.
    bool fill(FastaStream& stream, std::int64_t position) {
        while (end() < position) {
            const std::size_t have = codes_.size();
            codes_.resize(have + static_cast<std::size_t>(position - end()));
            const std::int64_t n = stream.read(std::span(codes_).subspan(have));
            codes_.resize(have + static_cast<std::size_t>(n));
            if (n == 0) return false;
        }
        return true;
    }
    void drop_before(std::int64_t position) {
        if (position <= first_) return;
        codes_.erase(codes_.begin(), codes_.begin() + (position - first_));
        first_ = position;
    }
    void copy(std::int64_t begin, std::int64_t end, std::span<std::uint8_t> to) const {
        std::copy(codes_.begin() + (begin - first_), codes_.begin() + (end - first_), to.begin());
    }

  private:
    std::int64_t first_ = 0;
    std::vector<std::uint8_t> codes_;
};

}  // namespace regkit
