// A block's header is recognised by its fixed bytes and gives the size, its footer the checksum and length of
// the content; libdeflate does the rest in one call, into a buffer of the size that the footer states. No
// size is believed beyond 64 KiB.
#include "io/files/bgzf_block.hpp"

#include <libdeflate.h>

#include <new>

namespace regkit {
namespace {

using namespace std::string_view_literals;

constexpr std::size_t kFooter = 8;  // CRC32 and size of the content
constexpr std::string_view kEnd =
    "\x1f\x8b\x08\x04\0\0\0\0\0\xff\x06\0\x42\x43\x02\0\x1b\0\x03\0\0\0\0\0\0\0\0\0"sv;

std::uint32_t little(std::string_view bytes, std::size_t at, std::size_t size) {
    std::uint32_t value = 0;
    for (std::size_t i = 0; i < size; ++i)
        value |= static_cast<std::uint32_t>(static_cast<unsigned char>(bytes[at + i])) << (8 * i);
    return value;
}

}  // namespace

std::string_view bgzf_end_block() {
    return kEnd;
}

std::size_t bgzf_block_size(std::string_view bytes) {
    // The specification allows other extra fields before BC; no writer of genomic files makes them.
    if (bytes.size() < kBgzfHeader || bytes.substr(0, 4) != kEnd.substr(0, 4) ||
        bytes.substr(10, 6) != kEnd.substr(10, 6))
        return 0;
    const std::size_t size = little(bytes, 16, 2) + std::size_t{1};
    return size < kBgzfHeader + kFooter ? 0 : size;
}

void BgzfInflater::Free::operator()(libdeflate_decompressor* p) const {
    libdeflate_free_decompressor(p);
}

BgzfInflater::BgzfInflater() : state_(libdeflate_alloc_decompressor()) {
    if (!state_) throw std::bad_alloc();
}
BgzfInflater::~BgzfInflater() = default;
BgzfInflater::BgzfInflater(BgzfInflater&&) noexcept = default;
BgzfInflater& BgzfInflater::operator=(BgzfInflater&&) noexcept = default;

bool BgzfInflater::inflate(std::string_view block, std::string& out) {
    if (bgzf_block_size(block) != block.size()) return false;
    const std::uint32_t checksum = little(block, block.size() - kFooter, 4);
    const std::size_t size = little(block, block.size() - 4, 4);
    if (size > kBgzfMaxBlock) return false;
    out.resize(size);
    const auto status =
        libdeflate_deflate_decompress(state_.get(), block.data() + kBgzfHeader,
                                      block.size() - kBgzfHeader - kFooter, out.data(), size, nullptr);
    return status == LIBDEFLATE_SUCCESS && libdeflate_crc32(0, out.data(), size) == checksum;
}

}  // namespace regkit
