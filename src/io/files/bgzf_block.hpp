// One block of a BGZF file (SAM specification, section 4.1): a gzip member of at most 64 KiB that states its
// own size.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

struct libdeflate_decompressor;

namespace regkit {

inline constexpr std::size_t kBgzfHeader = 18;         // bytes of a header as every BGZF writer makes it
inline constexpr std::size_t kBgzfMaxBlock = 1 << 16;  // of a whole block, and of its content
// The empty block that ends every complete file.
std::string_view bgzf_end_block();

// The size in bytes of the block whose first bytes (at least kBgzfHeader, unless the file ends) are given; 0
// when they are not a BGZF header.
std::size_t bgzf_block_size(std::string_view bytes);

// Inflates blocks. Not thread-safe.
class BgzfInflater {
  public:
    BgzfInflater();
    ~BgzfInflater();
    BgzfInflater(BgzfInflater&&) noexcept;
    BgzfInflater& operator=(BgzfInflater&&) noexcept;
    // The content of a whole block into `out` (replaced). False when it is corrupt: sizes or checksum do not
    // agree.
    bool inflate(std::string_view block, std::string& out);

  private:
    struct Free {
        void operator()(libdeflate_decompressor* p) const;
    };
    std::unique_ptr<libdeflate_decompressor, Free> state_;
};

}  // namespace regkit
