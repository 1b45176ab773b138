// Codes are turned to letters and fed to SHA-256, whose first 64 bits are kept for each block. It is written
// as a reading of the contig in pieces of any size, so that a scan made for another purpose gives the digests
// as well.
#include "io/fasta/block_digest.hpp"

#include <algorithm>
#include <charconv>

namespace regkit {
namespace {

constexpr std::size_t kDigits = 16;  // of 64 bits

}  // namespace

void BlockDigests::add(std::span<const std::uint8_t> codes) {
    while (!codes.empty()) {
        const auto take = std::min(codes.size(), static_cast<std::size_t>(kDigestBlock - filled_));
        letters_.resize(take);
        std::transform(codes.begin(), codes.begin() + static_cast<std::ptrdiff_t>(take), letters_.begin(),
                       decode_base);
        hash_.add(letters_.data(), take);
        filled_ += static_cast<std::int64_t>(take);
        if (filled_ == kDigestBlock) end_block();
        codes = codes.subspan(take);
    }
}

void BlockDigests::end_block() {
    done_.push_back(*parse_digest(hash_.hex().substr(0, kDigits)));
    hash_ = Sha256();
    filled_ = 0;
}

std::vector<std::uint64_t> BlockDigests::finish() {
    if (filled_ > 0) end_block();
    return std::move(done_);
}

std::string digest_text(std::uint64_t digest) {
    std::string text(kDigits, '0');
    for (std::size_t i = 0; i < kDigits; ++i)
        text[kDigits - 1 - i] = "0123456789abcdef"[(digest >> (4 * i)) & 15];
    return text;
}

std::optional<std::uint64_t> parse_digest(std::string_view text) {
    const auto is_digit = [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); };
    if (text.size() != kDigits || !std::all_of(text.begin(), text.end(), is_digit)) return std::nullopt;
    std::uint64_t digest = 0;
    std::from_chars(text.data(), text.data() + text.size(), digest, 16);
    return digest;
}

std::uint64_t digest_of_unknown(std::int64_t length) {
    BlockDigests digests;
    digests.add(std::vector<std::uint8_t>(static_cast<std::size_t>(length), kCodeN));
    return digests.finish().front();
}

ContigDigests scan_digests(
    FastaFile& fasta, int contig,
    const std::function<void(std::int64_t begin, std::span<const std::uint8_t> codes)>& sink) {
    BlockDigests digests;
    const std::string md5 = fasta.scan(contig, [&](std::int64_t begin, std::span<const std::uint8_t> codes) {
        digests.add(codes);
        sink(begin, codes);
    });
    return {md5, digests.finish()};
}

std::uint64_t read_block_digest(FastaFile& fasta, int contig, std::size_t block) {
    const std::int64_t length = fasta.contigs().at(static_cast<std::size_t>(contig)).length;
    const std::int64_t begin = static_cast<std::int64_t>(block) * kDigestBlock,
                       end = std::min(length, begin + kDigestBlock);
    std::vector<std::uint8_t> codes(static_cast<std::size_t>(end - begin));
    fasta.read(contig, begin, end, codes);
    BlockDigests digests;
    digests.add(codes);
    return digests.finish().front();
}

}  // namespace regkit
