// Reads bigWig files (Kent et al. 2010), whoever wrote them.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace regkit {

// Whether a file begins as a bigWig does. False for what is no regular file, or cannot be read. Error(input)
// for a bigWig in big-endian byte order and for a bigBed.
bool is_bigwig(const std::string& path);

// Our own rather than libBigWig's: that one reads past its buffers where a file is damaged. Nothing in the
// file is trusted: Error(input) naming it where it is cut short, contradicts itself, or its index runs in
// circles.
class BigWigReader {
  public:
    struct BigWigContig {
        std::string name;
        std::int64_t length = 0;
    };
    struct Value {
        std::int32_t contig = 0;  // in contigs()
        std::int64_t begin = 0;   // 0-based, half-open, not empty, inside the contig
        std::int64_t end = 0;
        float value = 0;  // any, also NaN
    };

    explicit BigWigReader(const std::string& path);
    ~BigWigReader();

    const std::vector<BigWigContig>& contigs() const;  // also those without values
    // All values, contig by contig, ascending and disjoint within one.
    void read(const std::function<void(const Value&)>& sink);

  private:
    struct Impl;
    std::unique_ptr<Impl> impl_;
};

}  // namespace regkit
