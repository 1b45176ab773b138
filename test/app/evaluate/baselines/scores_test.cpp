// What baselines score a position by, against the same by plain loops.
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <random>

#include "app/evaluate/baselines/composition.hpp"
#include "app/evaluate/baselines/motif_scan.hpp"

using namespace regkit;

namespace {

std::vector<std::uint8_t> random_codes(std::mt19937& random, std::int64_t length) {
    std::vector<std::uint8_t> codes(static_cast<std::size_t>(length));
    std::int64_t unknown = 0;  // bases of a run of N that are left
    for (std::uint8_t& code : codes) {
        if (unknown == 0 && random() % 400 == 0) unknown = static_cast<std::int64_t>(random() % 700);
        code = static_cast<std::uint8_t>(unknown > 0 ? 0 : 1 + random() % 4);
        unknown -= unknown > 0;
    }
    return codes;
}

}  // namespace

TEST_CASE("composition: GC among known bases, CpG of what C and G let expect") {
    std::mt19937 random(4);
    int none = 0;
    for (const std::int64_t bin : {1, 7, 200}) {
        const std::int64_t count = 3000 / bin;
        const auto codes = random_codes(random, count * bin + 2 * kCompositionReach);
        const auto gc = composition(Composition::gc, codes, bin, count),
                   cpg = composition(Composition::cpg, codes, bin, count);
        REQUIRE(std::ssize(gc) == count);
        for (std::int64_t i = 0; i < count; ++i) {
            const auto begin = codes.begin() + i * bin, end = begin + bin + 500;
            const double known = static_cast<double>(end - begin - std::count(begin, end, 0)),
                         c = static_cast<double>(std::count(begin, end, 2)),
                         g = static_cast<double>(std::count(begin, end, 3));
            double pairs = 0;
            for (auto at = begin; at + 1 < end; ++at) pairs += at[0] == 2 && at[1] == 3;
            const auto at = static_cast<std::size_t>(i);
            none += known == 0;
            CHECK(gc[at] == (known > 0 ? (c + g) / known : 0));
            CHECK(cpg[at] == (c * g > 0 ? pairs * known / (c * g) : 0));
        }
    }
    CHECK(none > 0);
}

TEST_CASE("composition: rows rise or fall with it") {
    std::mt19937 random(5);
    const auto codes = random_codes(random, 2 * kCompositionReach + 100);
    for (const Composition of : {Composition::gc, Composition::cpg}) {
        const CompositionBaseline baseline(of, {false, true});
        CHECK(baseline.reach() == 250);
        std::vector<float> scores(2 * 130, 7.0f);
        baseline.score({codes, 250, 1, 100, 0}, scores.data() + 20, 130);
        const auto values = composition(of, codes, 1, 100);
        CHECK(scores[19] == 7);
        CHECK(scores[120] == 7);
        for (std::size_t i = 1; i < 100; ++i) {
            CHECK(scores[20 + i] == -scores[150 + i]);
            CHECK((scores[20 + i] < scores[19 + i]) == (values[i] < values[i - 1]));
        }
    }
}

TEST_CASE("a motif's score is the better strand's log-odds, and a position's the best one near it") {
    std::mt19937 random(6);
    const BaseProbabilities background{0.3, 0.2, 0.2, 0.3};
    auto scans = std::make_shared<std::vector<MotifScan>>();
    std::vector<Motif> motifs;
    for (const std::size_t width : {1u, 2u, 9u, 12u}) {
        Motif motif{"m", "m"};
        motif.sites = width == 9 ? 0 : 50;
        for (std::size_t i = 0; i < width; ++i) {
            BaseProbabilities row{};
            double sum = 0;
            for (double& p : row) sum += p = static_cast<double>(random() % 7);
            for (double& p : row) p = sum > 0 ? p / sum : 0.25;
            motif.positions.push_back(row);
        }
        scans->emplace_back(motif, background);
        motifs.push_back(motif);
    }
    const auto bits = [&](const Motif& motif, std::size_t position, std::uint8_t code) {
        const double n = motif.sites > 0 ? motif.sites : 20, b = background[code - 1u];
        return std::log2((motif.positions[position][code - 1u] * n + b) / (n + 1) / b);
    };
    const auto score_at = [&](const Motif& motif, const std::uint8_t* codes) {
        const std::size_t width = motif.positions.size();
        if (std::count(codes, codes + width, 0) > 0) return static_cast<double>(kNoMatch);
        double forward = 0, backward = 0;
        for (std::size_t i = 0; i < width; ++i) {
            forward += bits(motif, i, codes[i]);
            backward += bits(motif, i, static_cast<std::uint8_t>(5 - codes[width - 1 - i]));
        }
        return std::max(forward, backward);
    };
    const MotifBaseline baseline(scans, {2, -1, 3, 2, 0, 1});
    CHECK(baseline.reach() == 112);
    for (const std::int64_t bin : {1, 64}) {
        const std::int64_t count = 1280 / bin, reach = 120;
        auto codes = random_codes(random, count * bin + 2 * reach);
        std::fill(codes.begin() + 300, codes.begin() + 560, std::uint8_t{0});  // no match near a position
        std::vector<float> scores(static_cast<std::size_t>(6 * count));
        baseline.score({codes, reach, bin, count, 0}, scores.data(), count);
        int none = 0;
        for (std::size_t m = 0; m < 6; ++m)
            for (std::int64_t i = 0; i < count; ++i) {
                const float told = scores[m * static_cast<std::size_t>(count) + static_cast<std::size_t>(i)];
                if (m == 1) {
                    CHECK(told == 0);
                    continue;
                }
                const Motif& motif = motifs[m == 0 || m == 3 ? 2 : m == 2 ? 3 : m - 4];
                const auto half = std::ssize(motif.positions) / 2;
                double best = kNoMatch;
                for (std::int64_t middle = reach + i * bin - 100; middle < reach + (i + 1) * bin + 100;
                     ++middle)
                    best = std::max(best, score_at(motif, codes.data() + middle - half));
                none += best == kNoMatch;
                CHECK(std::fabs(static_cast<double>(told) - best) <= 1e-4);
            }
        if (bin == 1) CHECK(none > 0);
    }
    CHECK((*scans)[3].scores(std::vector<std::uint8_t>(11, 1)).empty());
}
