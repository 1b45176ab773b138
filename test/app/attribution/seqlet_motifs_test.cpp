#include "app/attribution/seqlet_motifs.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <string>

#include "app/attribution/seqlet_profile.hpp"
#include "base/splitmix.hpp"
#include "io/fasta/fasta.hpp"

using namespace regkit;

namespace {

constexpr std::int64_t kWidth = 80;

// `word` at `begin`, or its reverse complement, with a contribution of 1 a base; around it others with
// little.
SiteContributions site(std::int64_t number, const std::string& word, std::int64_t begin, bool reverse) {
    SiteContributions made{{0, 1000 * number, 1000 * number + kWidth}, {}, std::vector<float>(4 * kWidth)};
    std::vector<std::uint8_t> codes;
    for (const char base : word) codes.push_back(encode_base(base));
    if (reverse) reverse_complement(codes);
    for (std::int64_t i = 0; i < kWidth; ++i) {
        const std::uint64_t draw = splitmix(static_cast<std::uint64_t>(1000 * number + i));
        const bool inside = i >= begin && i < begin + std::ssize(codes);
        const std::uint8_t code =
            inside ? codes[static_cast<std::size_t>(i - begin)] : static_cast<std::uint8_t>(1 + draw % 4);
        made.codes.push_back(code);
        made.four[static_cast<std::size_t>((code - 1) * kWidth + i)] =
            inside ? 1 : 0.1f * (static_cast<float>(draw >> 40) / 16777216.0f - 0.5f);
    }
    return made;
}

std::string consensus(const SeqletMotif& motif) {
    std::string word;
    for (const BaseProbabilities& column : motif.columns)
        word += "ACGT"[std::ranges::max_element(column) - column.begin()];
    return word;
}

std::string turned(const std::string& word) {
    std::vector<std::uint8_t> codes;
    for (const char base : word) codes.push_back(encode_base(base));
    reverse_complement(codes);
    std::string other;
    for (const std::uint8_t code : codes) other += decode_base(code);
    return other;
}

}  // namespace

TEST_CASE("two words on both strands are two motifs, each in one orientation") {
    const std::string first = "TGACGTCATCGA", second = "CCACTAGGGTGT";
    std::vector<SiteContributions> sites;
    std::vector<Seqlet> seqlets;
    for (std::int64_t s = 0; s < 50; ++s) {
        const std::int64_t begin = 25 + s % 7;
        sites.push_back(site(s, s < 30 ? first : second, begin, s % 3 == 0));
        seqlets.push_back({static_cast<std::size_t>(s), begin - 2 + s % 3, 12});
    }
    ThreadPool one(1), three(3);
    const std::vector<SeqletMotif> motifs = find_motifs(sites, seqlets, {.min_seqlets = 10}, one);
    REQUIRE(motifs.size() == 2);
    CHECK((consensus(motifs[0]) == first || consensus(motifs[0]) == turned(first)));
    CHECK((consensus(motifs[1]) == second || consensus(motifs[1]) == turned(second)));
    CHECK(motifs[0].sites.size() == 30);
    CHECK(motifs[1].sites.size() == 20);
    CHECK(motifs[0].contribution == doctest::Approx(360));
    const bool flipped = consensus(motifs[0]) != first;
    for (const MotifSite& place : motifs[0].sites) {
        const auto s = static_cast<std::int64_t>(seqlets[place.seqlet].site);
        CHECK(place.bases == ContigRange{0, 1000 * s + 25 + s % 7, 1000 * s + 25 + s % 7 + 12});
        CHECK(place.reverse == ((s % 3 == 0) != flipped));
    }
    const std::vector<SeqletMotif> again = find_motifs(sites, seqlets, {.min_seqlets = 10}, three);
    REQUIRE(again.size() == 2);
    for (std::size_t m = 0; m < 2; ++m) CHECK(again[m].columns == motifs[m].columns);
    CHECK(find_motifs(sites, seqlets, {.min_seqlets = 25}, one).size() == 1);
    CHECK(find_motifs(sites, seqlets, {.min_seqlets = 31}, one).empty());
    CHECK(find_motifs(sites, {}, {}, one).empty());
}

TEST_CASE("a seqlet counts as much as it contributes") {
    std::vector<SiteContributions> sites;
    std::vector<Seqlet> seqlets;
    for (std::int64_t s = 0; s < 20; ++s) {
        sites.push_back(site(s, s < 5 ? "TGACGTCATCGA" : "TGACGTGATCGA", 30, false));
        seqlets.push_back({static_cast<std::size_t>(s), 28, s < 5 ? 9.0 : 1.0});
    }
    ThreadPool pool(1);
    const std::vector<SeqletMotif> motifs = find_motifs(sites, seqlets, {.min_seqlets = 20}, pool);
    REQUIRE(motifs.size() == 1);
    REQUIRE(motifs[0].columns.size() == 12);
    const bool flipped = consensus(motifs[0]).substr(0, 3) != "TGA";
    CHECK(motifs[0].columns[flipped ? 5 : 6][flipped ? 2 : 1] ==
          doctest::Approx(45.0 / 60));  // C, or G of the other strand
    CHECK(motifs[0].columns[flipped ? 5 : 6][flipped ? 1 : 2] == doctest::Approx(15.0 / 60));
}

TEST_CASE("profiles are aligned as they were shifted and turned") {
    const SiteContributions here = site(1, "TGACGTCATCGA", 30, false),
                            there = site(2, "TGACGTCATCGA", 30, true);
    const Profile profile(here, {0, 28, 1});
    for (const std::int64_t begin : {20, 28, 33}) {
        const Profile other(there, {0, begin, 1});
        const Alignment found = align(profile, other, other.reversed());
        CHECK(found.reverse);
        // The word begins at place 12 of the one; of the other it ends at 42 - (begin - 10).
        CHECK(found.shift == 12 - (Seqlet::kLength - (42 - (begin - Seqlet::kFlank))));
        CHECK(found.similarity > 0.98f);
        CHECK(found.similarity <= 1.0001f);
    }
    CHECK(align(profile, profile, profile.reversed()).similarity == doctest::Approx(1));
}

TEST_CASE("the composition is that of both strands") {
    SiteContributions bases{{0, 0, 8}, {1, 1, 1, 1, 2, 2, 0, 0}, {}};
    const BaseProbabilities share = composition(std::vector{bases});
    CHECK(share[0] == share[3]);
    CHECK(share[0] == doctest::Approx(6.0 / 20));
    CHECK(share[1] == doctest::Approx(4.0 / 20));
}
