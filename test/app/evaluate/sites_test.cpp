// Sites cut out of codes, against a walk over cells; matching worked by hand; rankings by hand.
#include "app/evaluate/sites.hpp"

#include <doctest/doctest.h>

#include <cmath>
#include <random>
#include <vector>

#include "app/evaluate/site_ranking.hpp"

using namespace regkit;

namespace {

// Cell by cell: which cells are in a site, joined over gaps of known cells.
std::vector<Site> by_walking(const CodeRow& row, std::int64_t cell, const SiteRules& rules) {
    std::vector<Site> sites;
    const auto cells = static_cast<std::int64_t>(row.codes.size());
    std::int64_t begin = -1, end = -1;
    const auto close = [&] {
        if (begin >= 0 && (end - begin) * cell >= rules.min_length) {
            std::int64_t best = begin;
            for (std::int64_t i = begin; i < end; ++i)
                if (row.codes[static_cast<std::size_t>(i)] > row.codes[static_cast<std::size_t>(best)])
                    best = i;
            sites.push_back({{row.begin + begin * cell, row.begin + end * cell},
                             row.begin + best * cell + cell / 2,
                             row.codes[static_cast<std::size_t>(best)]});
        }
        begin = -1;
    };
    for (std::int64_t i = 0; i < cells; ++i) {
        const std::uint8_t code = row.codes[static_cast<std::size_t>(i)];
        if (begin >= 0 && (code == 0 || (i - end) * cell > rules.merge_gap)) close();
        if (code < rules.extension) continue;
        if (begin >= 0 && (i - end) * cell > rules.merge_gap) close();
        if (begin < 0) begin = i;
        end = i + 1;
    }
    close();
    return sites;
}

Site site(std::int64_t begin, std::int64_t end, std::int64_t summit, std::uint8_t best) {
    return {{begin, end}, summit, best};
}

std::vector<bool> matched(std::vector<Site> sites, const std::vector<LineRange>& labels, SiteMatch how) {
    match_sites(sites, labels, how);
    std::vector<bool> found;
    for (const Site& s : sites) found.push_back(s.matched);
    return found;
}

}  // namespace

TEST_CASE("sites: as a walk over the cells gives them, for random rows and rules") {
    std::mt19937 random(3);
    for (int turn = 0; turn < 300; ++turn) {
        std::vector<std::uint8_t> codes(random() % 400);
        std::uint8_t code = 100;
        for (std::uint8_t& c : codes) {
            if (random() % 4 == 0) code = static_cast<std::uint8_t>(95 + random() % 12);
            c = random() % 40 == 0 ? std::uint8_t{0} : code;
        }
        const std::int64_t cell = turn % 3 == 0 ? 200 : turn % 3 == 1 ? 1 : 10;
        const CodeRow row{1000, codes};
        const SiteRules rules{static_cast<std::uint8_t>(98 + random() % 9),
                              static_cast<std::int64_t>(random() % 8) * cell,
                              1 + static_cast<std::int64_t>(random() % 10) * cell};
        std::vector<Site> sites;
        sites_of(row, cell, code_runs(codes, rules.extension), rules, sites);
        const std::vector<Site> expected = by_walking(row, cell, rules);
        REQUIRE(sites.size() == expected.size());
        for (std::size_t i = 0; i < sites.size(); ++i) {
            CHECK(sites[i].bases.begin == expected[i].bases.begin);
            CHECK(sites[i].bases.end == expected[i].bases.end);
            CHECK(sites[i].summit == expected[i].summit);
            CHECK(sites[i].best == expected[i].best);
        }
    }
}

TEST_CASE("sites: a second call on a label is false, and the best call has it") {
    const std::vector<LineRange> labels = {{1000, 1200}, {5000, 5200}};
    CHECK(matched({site(900, 1050, 1010, 10), site(1060, 1150, 1100, 20)}, labels, SiteMatch::summit) ==
          std::vector<bool>{false, true});
    // Of equals the first. Each label to the nearest summit among what is left of them.
    CHECK(matched({site(1000, 1050, 1010, 20), site(1060, 1150, 1100, 20)}, labels, SiteMatch::summit) ==
          std::vector<bool>{true, false});
}

TEST_CASE("sites: a summit in the label, or within 100 bp of its middle") {
    const std::vector<LineRange> narrow = {{1000, 1020}}, wide = {{1000, 3000}};
    for (const auto& [summit, found] : {std::pair{910, true}, {909, false}, {1110, true}, {1111, false}})
        CHECK(matched({site(summit, summit + 1, summit, 9)}, narrow, SiteMatch::summit) ==
              std::vector<bool>{found});
    for (const auto& [summit, found] : {std::pair{1000, true}, {999, false}, {2999, true}, {3000, false}})
        CHECK(matched({site(summit, summit + 1, summit, 9)}, wide, SiteMatch::summit) ==
              std::vector<bool>{found});
}

TEST_CASE("sites: bases of both over bases of either, .3 and more") {
    const std::vector<LineRange> labels = {{1000, 2000}};
    CHECK(matched({site(1700, 2000, 1800, 9)}, labels, SiteMatch::overlap) == std::vector<bool>{true});
    CHECK(matched({site(1701, 2000, 1800, 9)}, labels, SiteMatch::overlap) == std::vector<bool>{false});
    CHECK(matched({site(0, 3300, 1500, 9)}, labels, SiteMatch::overlap) == std::vector<bool>{true});
    CHECK(matched({site(0, 3400, 1500, 9)}, labels, SiteMatch::overlap) == std::vector<bool>{false});
}

TEST_CASE("sites: what is matched by") {
    const std::vector<LineRange> narrow = {{0, 200}}, broad = {{0, 2000}};
    CHECK(site_match({"a", "TFBS", "", "", 0}, broad) == SiteMatch::summit);
    CHECK(site_match({"a", "Histone", "", "", 0}, narrow) == SiteMatch::overlap);
    CHECK(site_match({"a", "CUT&RUN", "", "", 0}, narrow) == SiteMatch::summit);
    CHECK(site_match({"a", "CUT&RUN", "", "", 0}, broad) == SiteMatch::overlap);
    CHECK(median_length({5, 1, 3}) == 3);
    CHECK(median_length({5, 1, 3, 4}) == 3.5);
    CHECK(std::isnan(median_length({})));
}

TEST_CASE("ranking: largest F1, false discovery rates and q-values by hand") {
    SiteRanking ranking;
    // Scores 5 4 3 2 1, of which 5 4 2 match; four labels. Precision 1, 1, 2/3, 3/4, 3/5; F1 .4 .667 .571 .75
    // .667.
    for (const auto& [score, is_matched] :
         {std::pair{3.0, false}, {5.0, true}, {1.0, false}, {4.0, true}, {2.0, true}})
        ranking.add_site(score, is_matched, static_cast<int>(score) % 2);
    ranking.add_labels(3, 0);
    ranking.add_labels(1, 1);
    ranking.sort();
    CHECK(ranking.labels() == 4);
    CHECK(ranking.best_f1(SiteRanking::kBoth) == 2);
    CHECK(ranking.at(2).f1() == 0.75);
    CHECK(ranking.at(2).recall() == 0.75);
    CHECK(ranking.at(3).precision() == doctest::Approx(2.0 / 3));
    CHECK(ranking.at_rate(SiteRanking::kBoth, 0.26, 1) == 2);
    CHECK(ranking.at_rate(SiteRanking::kBoth, 0.2, 1) == 4);
    CHECK(std::isinf(ranking.at_rate(SiteRanking::kBoth, 0.2, 3)));
    const std::vector<MarkerCalls::Rate> rates = ranking.rates();
    // q: .4 at 1, .25 at 2 and 3 (whose own rate is 1/3), 0 at 4 and 5.
    REQUIRE(rates.size() == 3);
    CHECK(rates[0].seed == 1);
    CHECK(rates[0].rate == doctest::Approx(0.4));
    CHECK(rates[1].seed == 2);
    CHECK(rates[1].rate == doctest::Approx(0.25));
    CHECK(rates[2].seed == 4);
    CHECK(rates[2].rate == 0);
    // Half 0 has 4 and 2, half 1 has 5, 3 and 1. Half 0's best cutoff is 2, half 1's is 5.
    CHECK(ranking.best_f1(0) == 2);
    CHECK(ranking.best_f1(1) == 5);
    const SiteRanking::Counts crossed = ranking.crossed([&](int half) { return ranking.best_f1(half); });
    CHECK(crossed.calls == 2);  // none of half 0 is as high as 5; of half 1, 5 and 3
    CHECK(crossed.matched == 1);
    CHECK(crossed.labels == 4);
}

TEST_CASE("ranking: equal scores stand or fall together, and nothing is called of nothing") {
    SiteRanking ties;
    for (const bool is_matched : {true, false, false, true}) ties.add_site(1, is_matched, 0);
    ties.add_labels(2, 0);
    ties.sort();
    CHECK(ties.at(1).calls == 4);
    CHECK(ties.at_rate(SiteRanking::kBoth, 0.5, 1) == 1);
    CHECK(std::isinf(ties.at_rate(SiteRanking::kBoth, 0.49, 1)));
    SiteRanking nothing;
    nothing.sort();
    CHECK(nothing.f1_cutoff().seed == SiteCutoff::kNone);
    CHECK(nothing.rate_cutoff(0.2, 20).seed == SiteCutoff::kNone);
    CHECK(nothing.rates().empty());
}

TEST_CASE("ranking: a rate holds only where it holds in the half that it was not fitted on") {
    // Sites from 40 down: of half 0 all match, of half 1 the first ten and then none.
    SiteRanking ranking;
    for (int i = 0; i < 40; ++i) {
        ranking.add_site(40 - i, true, 0);
        ranking.add_site(40 - i, i < 10, 1);
        ranking.add_labels(1, i % 2);
    }
    ranking.sort();
    // All together .2 is reached by 16 of each half; half 0's own cutoff would call all of half 1, 30 of them
    // false.
    CHECK(ranking.at_rate(SiteRanking::kBoth, 0.2, 20) == 25);
    CHECK(ranking.at_rate(0, 0.2, 10) == 1);
    CHECK(ranking.rate_cutoff(0.2, 20).seed == SiteCutoff::kNone);
    // The halves alike: the rate that is told is that of the other half.
    SiteRanking alike;
    for (int i = 0; i < 80; ++i) alike.add_site(80 - i, i < 40, i / 2 % 2);
    alike.add_labels(40, 0);
    alike.sort();
    const SiteCutoff cutoff = alike.rate_cutoff(0.2, 20);
    CHECK(cutoff.seed == 31);
    CHECK(cutoff.calls == 50);
    CHECK(1 - cutoff.precision == doctest::Approx(0.2));
}
