#include "app/variants/called_sites.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <random>

using namespace regkit;

namespace {

Model model_of(bool calibrated) {
    Model model;
    model.spec.task = Task::nucleotide;
    model.markers.resize(2);
    if (!calibrated) return model;
    model.calls.resize(2);
    // Called where 2 * x - 1 is at or above 1, so x at or above 1; a seed at x = 2.
    model.calls[0].probability = {2, -1, {}};
    model.calls[0].extension = 1;
    model.calls[0].f1.seed = 3;
    model.calls[0].merge_gap = 1;
    model.calls[0].min_length = 4;
    return model;
}

}  // namespace

TEST_CASE("sites by a model's cutoffs: seed, extension, gap and length") {
    SiteWork work;
    const Model model = model_of(true);
    const MarkerScales scales(model);
    CalledSites sites(model, scales, 1);
    CHECK(sites.calls(0));
    CHECK_FALSE(sites.calls(1));  // without a cutoff
    CHECK(sites.reaches_seed(0, 2.0f));
    CHECK_FALSE(sites.reaches_seed(0, 1.99f));
    struct Case {
        std::vector<float> outputs;
        std::vector<KnownStretch> known;
        bool site;
    };
    for (const auto& [outputs, known, site] : {
             Case{{0, 1, 2, 1, 1, 0}, {{0, 6}}, true},
             Case{{0, 1, 1.9f, 1, 1, 0}, {{0, 6}}, false},  // no seed
             Case{{0, 1, 2, 1, 0.9f, 0}, {{0, 6}}, false},  // too short
             Case{{2, 1, 0, 1, 1, 0}, {{0, 6}}, true},      // over a gap
             Case{{2, 1, 0, 0, 1, 1}, {{0, 6}}, false},     // the gap is too long
             Case{{1, 1, 1, 2}, {{0, 4}}, true},            // up to both ends
             Case{{1, 1, 9, 1, 2, 1},
                  {{0, 2}, {3, 6}},
                  false},  // an N ends it, and what stands there is nothing
             Case{{9, 1, 1, 2, 1, 1}, {{1, 3}, {3, 6}}, true},  // blocks side by side are one
             Case{{2, 1, 1, 1}, {}, false},
         })
        CHECK(sites.has_site(0, outputs, known, work) == site);
    const std::vector<float> two{9, 9, 9, 9, 0, 0, 0, 9, 9, 9, 9, 0};  // sites at 0 to 4 and 7 to 11
    const std::vector<KnownStretch> all{{0, 12}};
    const auto distance = [&](std::int64_t begin, std::int64_t end) {
        return sites.site_distance(0, two, all, {begin, end}, work);
    };
    CHECK(distance(3, 4) == 0);
    CHECK(distance(4, 5) == 1);
    CHECK(distance(5, 6) == 2);
    CHECK(distance(6, 7) == 1);
    CHECK(distance(3, 9) == 0);
    CHECK(distance(4, 4) == 1);  // bases put in at the end of one
    CHECK(distance(2, 2) == 0);
    CHECK(distance(11, 12) == 1);
    CHECK(sites.site_distance(0, two, std::vector<KnownStretch>{{4, 7}}, {5, 6}, work) ==
          CalledSites::kNoSite);
    CalledSites bins(model, scales, 4);  // one of 4 bases is long enough
    CHECK(bins.has_site(0, std::vector<float>{0, 2, 0}, std::vector<KnownStretch>{{0, 12}}, work));
}

TEST_CASE("without calibration a probability of one half is a site, and coverage has none") {
    SiteWork work;
    Model model = model_of(false);
    const MarkerScales scales(model);
    CalledSites sites(model, scales, 1);
    const std::vector<KnownStretch> all{{0, 3}};
    CHECK(sites.has_site(1, std::vector<float>{-1, 0, -1}, all, work));
    CHECK_FALSE(sites.has_site(1, std::vector<float>{-1, -0.001f, -1}, all, work));
    model.spec.task = Task::coverage;
    const MarkerScales coverage(model);
    CHECK_FALSE(CalledSites(model, coverage, 1).calls(0));
}

TEST_CASE("the largest value, of any number of them") {
    SiteWork work;
    std::mt19937 random(3);
    std::normal_distribution<float> normal(-5);
    for (std::size_t n = 1; n < 70; ++n) {
        std::vector<float> values(n);
        for (float& value : values) value = normal(random);
        CHECK(largest(values) == *std::ranges::max_element(values));
    }
}
