#include "app/evaluate/scoring.hpp"

#include <doctest/doctest.h>

#include <random>

using namespace regkit;

TEST_CASE("positions that count: no base excluded, not all bases N") {
    std::mt19937 random(8);
    for (const std::int64_t bin : {1, 3, 16})
        for (int round = 0; round < 50; ++round) {
            const std::int64_t begin = static_cast<std::int64_t>(random() % 500),
                               count = 1 + static_cast<std::int64_t>(random() % 40);
            std::vector<std::uint8_t> codes(static_cast<std::size_t>(bin * count));
            for (std::size_t i = 0; i < codes.size();) {
                const std::size_t run = 1 + random() % 30;
                const bool n = random() % 3 == 0;
                for (std::size_t k = 0; k < run && i < codes.size(); ++k, ++i)
                    codes[i] = static_cast<std::uint8_t>(n ? 0 : 1 + random() % 4);
            }
            std::vector<BaseRange> excluded;
            for (std::int64_t at = static_cast<std::int64_t>(random() % 60);
                 at < begin + bin * count + 100;) {
                const auto size = 1 + static_cast<std::int64_t>(random() % 20);
                excluded.push_back({at, at + size});
                at += size + 1 + static_cast<std::int64_t>(random() % 100);
            }
            std::vector<KeptRun> kept;
            kept_positions(codes, begin, bin, excluded, 7, kept);
            std::vector<bool> told(static_cast<std::size_t>(count));
            std::int32_t last = -1;
            for (const KeptRun& run : kept) {
                REQUIRE((run.begin > last && run.end > run.begin && run.begin >= 7 && run.end <= count + 7));
                for (std::int32_t p = run.begin; p < run.end; ++p)
                    told[static_cast<std::size_t>(p - 7)] = true;
                last = run.end;
            }
            for (std::int64_t p = 0; p < count; ++p) {
                bool known = false, clear = true;
                for (std::int64_t x = p * bin; x < (p + 1) * bin; ++x) {
                    known = known || codes[static_cast<std::size_t>(x)] != 0;
                    for (const BaseRange& range : excluded)
                        clear = clear && !(range.begin <= begin + x && begin + x < range.end);
                }
                CHECK(told[static_cast<std::size_t>(p)] == (known && clear));
            }
        }
}
