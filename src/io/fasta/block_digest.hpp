// Digests of a contig's bases, one for each 1,000,000 of them. They tell references of the same names and
// lengths apart where only a part is read. What is digested is what the tools see: the letters A, C, G, T and
// N. So neither soft-masking (case) nor U for T changes a digest, and one ambiguity code in place of another
// or of N does not either.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "io/fasta/fasta.hpp"
#include "io/files/sha256.hpp"

namespace regkit {

inline constexpr std::int64_t kDigestBlock = 1'000'000;  // bases; the last block of a contig is what is left

// Blocks of a contig of that length.
constexpr std::size_t block_count(std::int64_t length) {
    return static_cast<std::size_t>((length + kDigestBlock - 1) / kDigestBlock);
}

// The codes of a contig in order, in pieces of any size, to the digests of its blocks: the first 64 bits of
// SHA-256.
class BlockDigests {
  public:
    void add(std::span<const std::uint8_t> codes);
    std::vector<std::uint64_t> finish();  // once, at the end

  private:
    void end_block();
    Sha256 hash_;
    std::int64_t filled_ = 0;  // bases of the block that is not complete yet
    std::string letters_;      // scratch
    std::vector<std::uint64_t> done_;
};

// 16 hexadecimal digits, as files hold them.
std::string digest_text(std::uint64_t digest);
std::optional<std::uint64_t> parse_digest(std::string_view text);

// Of `length` bases that are all N: blocks that are the same in every assembly.
std::uint64_t digest_of_unknown(std::int64_t length);

struct ContigDigests {
    std::string md5;  // M5 of SAM
    std::vector<std::uint64_t> blocks;
};

// FastaFile::scan with the digests of the blocks, in the same pass.
ContigDigests scan_digests(
    FastaFile& fasta, int contig,
    const std::function<void(std::int64_t begin, std::span<const std::uint8_t> codes)>& sink);
// The digest of one block of a contig, read from the file.
std::uint64_t read_block_digest(FastaFile& fasta, int contig, std::size_t block);

}  // namespace regkit
