#include "io/fasta/packed_genome.hpp"

#include <doctest/doctest.h>

#include <random>

using namespace regkit;

TEST_CASE("packed genome: any range reads as it was stored, N beyond the ends") {
    std::mt19937 random(2);
    for (const std::size_t length : {1u, 3u, 4u, 5u, 1000u}) {
        std::vector<std::uint8_t> codes(length);
        bool unknown = true;  // runs of N and of bases, from the first base to the last
        for (std::uint8_t& code : codes) {
            if (random() % 9 == 0) unknown = !unknown;
            code = unknown ? kCodeN : static_cast<std::uint8_t>(1 + random() % 4);
        }
        PackedGenome genome(3);
        genome.set(1, codes);
        CHECK(genome.length(1) == static_cast<std::int64_t>(length));
        CHECK(genome.length(0) == 0);
        for (int i = 0; i < 300; ++i) {
            const auto span = static_cast<int>(length) + 20;
            std::int64_t begin = static_cast<int>(random() % static_cast<unsigned>(span)) - 10;
            std::int64_t end = static_cast<int>(random() % static_cast<unsigned>(span)) - 10;
            if (end < begin) std::swap(begin, end);
            std::vector<std::uint8_t> got(static_cast<std::size_t>(end - begin), 99);
            genome.read(1, begin, end, got);
            for (std::int64_t p = begin; p < end; ++p) {
                const bool inside = p >= 0 && p < static_cast<std::int64_t>(length);
                REQUIRE(got[static_cast<std::size_t>(p - begin)] ==
                        (inside ? codes[static_cast<std::size_t>(p)] : kCodeN));
            }
        }
    }
}

TEST_CASE("packed genome: two bits a base") {
    PackedGenome genome(1);
    genome.set(0, std::vector<std::uint8_t>(1 << 20, 3));
    CHECK(genome.bytes() == 1 << 18);
}
