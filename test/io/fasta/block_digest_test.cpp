#include "io/fasta/block_digest.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <random>

#include "test/support/scratch.hpp"

using namespace regkit;

namespace {

std::vector<std::uint64_t> digests_of(const std::vector<std::uint8_t>& codes, std::size_t piece) {
    BlockDigests digests;
    for (std::size_t at = 0; at < codes.size(); at += piece)
        digests.add(std::span(codes).subspan(at, std::min(piece, codes.size() - at)));
    return digests.finish();
}

std::vector<std::uint64_t> digests_of(const test::Scratch& dir, const std::string& bases) {
    FastaFile fasta(
        dir.write("x" + std::to_string(std::hash<std::string>()(bases)) + ".fa", ">c\n" + bases + "\n"));
    const ContigDigests all = scan_digests(fasta, 0, [](std::int64_t, std::span<const std::uint8_t>) {});
    for (std::size_t block = 0; block < all.blocks.size(); ++block)
        CHECK(read_block_digest(fasta, 0, block) == all.blocks[block]);
    return all.blocks;
}

}  // namespace

// The expected digits are those of sha256sum.
TEST_CASE("block digests: the first 16 digits of the SHA-256 of the letters") {
    BlockDigests digests;
    digests.add(std::vector<std::uint8_t>{1, 2, 3, 4, 0});
    CHECK(digest_text(digests.finish().at(0)) == "d254552eaf2579aa");  // ACGTN
    CHECK(digest_text(digest_of_unknown(kDigestBlock)) == "9069130f77c4dfc4");
    CHECK(BlockDigests().finish().empty());
    CHECK(parse_digest("0123456789abcdef") == 0x0123456789abcdefULL);
    CHECK(digest_text(1) == "0000000000000001");
    for (const char* bad : {"", "0123456789abcde", "0123456789abcdef0", "0123456789abcdeg",
                            "0123456789ABCDEF", " 123456789abcdef"})
        CHECK_FALSE(parse_digest(bad).has_value());
}

TEST_CASE("block digests: blocks are of 1,000,000 bases, however the bases come") {
    const std::size_t block = static_cast<std::size_t>(kDigestBlock);
    const std::uint64_t a = *parse_digest("e23c0cda5bcdecdd");  // 1,000,000 x A
    for (const std::size_t length : {block - 1, block, block + 1, 2 * block, 2 * block + 77}) {
        const std::vector<std::uint8_t> codes(length, 1);
        const auto whole = digests_of(codes, length);
        CHECK(whole.size() == block_count(static_cast<std::int64_t>(length)));
        CHECK(std::count(whole.begin(), whole.end(), a) == static_cast<std::ptrdiff_t>(length / block));
        for (const std::size_t piece : {std::size_t{999'983}, std::size_t{1} << 20, block})
            CHECK(digests_of(codes, piece) == whole);
    }
}

TEST_CASE("block digests: what the tools see the same has the same digest, one other base has not") {
    const test::Scratch dir;
    std::mt19937 random(3);
    std::string bases(2'100'000, 'N');
    for (std::size_t i = 10'000; i < bases.size(); ++i) bases[i] = "ACGT"[random() % 4];
    const auto digests = digests_of(dir, bases);
    REQUIRE(digests.size() == 3);

    std::string lower = bases;
    std::transform(lower.begin(), lower.end(), lower.begin(),
                   [](char c) { return static_cast<char>(c | 0x20); });
    CHECK(digests_of(dir, lower) == digests);
    std::string codes = bases;  // other ambiguity codes in place of N
    for (std::size_t i = 0; i < 10'000; ++i) codes[i] = "RYSWKMBDHVN"[i % 11];
    CHECK(digests_of(dir, codes) == digests);

    for (const std::size_t at : {std::size_t{0}, std::size_t{999'999}, std::size_t{1'000'000},
                                 std::size_t{1'999'999}, std::size_t{2'099'999}})
        for (const char base : {'A', 'C', 'N'}) {
            if (bases[at] == base) continue;
            std::string other = bases;
            other[at] = base;
            const auto found = digests_of(dir, other);
            for (std::size_t block = 0; block < 3; ++block)
                CHECK((found[block] != digests[block]) ==
                      (block == at / static_cast<std::size_t>(kDigestBlock)));
        }
}
