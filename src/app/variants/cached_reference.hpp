// The reference with its last stretch at hand: neighbouring variants read overlapping windows.
#pragma once

#include <algorithm>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "io/fasta/fasta.hpp"
#include "kernels/base/nth.hpp"

namespace regkit {

class CachedReference {
  public:
    explicit CachedReference(const std::string& path) : fasta_(path) {}

    FastaFile& fasta() { return fasta_; }
    const std::vector<Contig>& contigs() const { return fasta_.contigs(); }

    // Codes of [begin, end), inside the contig.
    void read(int contig, std::int64_t begin, std::int64_t end, std::span<std::uint8_t> codes) {
        if (contig != contig_ || begin < begin_ || end > begin_ + static_cast<std::int64_t>(cache_.size()))
            load(contig, begin, end);
        std::copy_n(cache_.begin() + (begin - begin_), end - begin, codes.begin());
    }

  private:
    static constexpr std::int64_t kBases = 1 << 18;

    void load(int contig, std::int64_t begin, std::int64_t end) {
        const std::int64_t length = nth(contigs(), contig).length;
        contig_ = -1;  // should reading throw
        begin_ = std::max<std::int64_t>(0, begin - kBases / 8);
        const std::int64_t until = std::min(length, std::max(end, begin_ + kBases));
        cache_.resize(static_cast<std::size_t>(until - begin_));
        fasta_.read(contig, begin_, until, cache_);
        contig_ = contig;
    }
    FastaFile fasta_;
    int contig_ = -1;
    std::int64_t begin_ = 0;
    std::vector<std::uint8_t> cache_;
};

}  // namespace regkit
