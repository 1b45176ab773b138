#include "app/attribution/seqlets.hpp"

#include <doctest/doctest.h>

#include <numeric>

#include "base/splitmix.hpp"

using namespace regkit;

namespace {

constexpr std::int64_t kWidth = 200;

// Contributions that are small but for 12 bases from `motif` on; -1: none.
SiteContributions site(std::int64_t begin, std::int64_t motif, float size = 1) {
    SiteContributions made{{0, begin, begin + kWidth}, {}, std::vector<float>(4 * kWidth)};
    for (std::int64_t i = 0; i < kWidth; ++i) {
        const std::uint64_t draw = splitmix(static_cast<std::uint64_t>(begin + i));
        const std::int64_t code = 1 + static_cast<std::int64_t>(draw % 4);
        made.codes.push_back(static_cast<std::uint8_t>(code));
        const bool inside = motif >= 0 && i >= motif && i < motif + 12;
        const float noise = static_cast<float>(draw >> 40) / 16777216.0f - 0.5f;
        made.four[static_cast<std::size_t>((code - 1) * kWidth + i)] = inside ? size : 0.2f * noise;
    }
    return made;
}

}  // namespace

TEST_CASE("seqlets are where contributions lie together, and nowhere where they do not") {
    std::vector<SiteContributions> sites;
    for (std::int64_t s = 0; s < 40; ++s) sites.push_back(site(1000 * s, s % 2 == 0 ? 30 + 3 * s : -1));
    const Seqlets seqlets = find_seqlets(sites, 1);
    REQUIRE(seqlets.found.size() == 20);
    for (const Seqlet& seqlet : seqlets.found) {
        CHECK(seqlet.site % 2 == 0);
        const std::int64_t motif = 30 + 3 * static_cast<std::int64_t>(seqlet.site);
        CHECK(seqlet.begin >= motif + 12 - Seqlet::kCore);
        CHECK(seqlet.begin <= motif);
        double sum = 0;
        for (std::int64_t i = 0; i < Seqlet::kCore; ++i) sum += sites[seqlet.site].actual(seqlet.begin + i);
        CHECK(seqlet.contribution == doctest::Approx(sum));
        CHECK(seqlet.contribution >= seqlets.cutoff);
    }
    CHECK(seqlets.stretches > 40);
    std::vector<SiteContributions> none;
    for (std::int64_t s = 0; s < 40; ++s) none.push_back(site(1000 * s, -1));
    CHECK(find_seqlets(none, 1).found.size() <= 2);
    CHECK(find_seqlets({}, 1).found.empty());
}

TEST_CASE("contributions below zero are no seqlets") {
    std::vector<SiteContributions> sites;
    for (std::int64_t s = 0; s < 20; ++s) sites.push_back(site(1000 * s, 60, -1));
    for (const Seqlet& seqlet : find_seqlets(sites, 1).found) {
        CHECK(seqlet.contribution > 0);
        CHECK((seqlet.begin + Seqlet::kCore <= 60 || seqlet.begin >= 72));
    }
}

TEST_CASE("a seqlet of two sites that overlap is one, and flanks lie inside of the site") {
    std::vector<SiteContributions> sites{site(0, 100), site(0, 100)};
    CHECK(find_seqlets(sites, 1).found.size() == 1);
    sites[1].bases.contig = 1;
    CHECK(find_seqlets(sites, 1).found.size() == 2);
    const std::vector<SiteContributions> edge{site(0, 0), site(5000, kWidth - 12), site(9000, 100)};
    const Seqlets found = find_seqlets(edge, 1);
    REQUIRE(found.found.size() == 1);
    CHECK(found.found.front().site == 2);
}
