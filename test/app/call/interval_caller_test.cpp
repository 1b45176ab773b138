#include "app/call/interval_caller.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <random>
#include <tuple>
#include <vector>

using namespace regkit;

namespace {

bool before(const CalledInterval& a, const CalledInterval& b) {
    return std::tie(a.begin, a.end, a.marker) < std::tie(b.begin, b.end, b.marker);
}

}  // namespace

TEST_CASE("a sorter that spools gives the same order as one that does not") {
    std::mt19937 random(1);
    std::vector<CalledInterval> all, out;
    IntervalSorter sorter(100);
    // Ends ascend, begins do not; from time to time what began before a bound is taken out, bound by bound.
    std::int64_t bound = 0;
    for (int i = 0; i < 20000; ++i) {
        CalledInterval called;
        called.begin = bound + random() % 5000;
        called.end = called.begin + 1 + random() % 50;
        called.marker = static_cast<std::int32_t>(random() % 7);
        all.push_back(called);
        sorter.push(called);
        if (i % 3000 == 2999) {
            bound += 2500;
            sorter.release(bound, [&](const CalledInterval& c) { out.push_back(c); });
            CHECK(std::all_of(out.begin(), out.end(),
                              [&](const CalledInterval& c) { return c.begin < bound; }));
        }
    }
    sorter.release(INT64_MAX, [&](const CalledInterval& c) { out.push_back(c); });
    REQUIRE(out.size() == all.size());
    std::sort(all.begin(), all.end(), before);
    for (std::size_t i = 0; i < all.size(); ++i) {
        REQUIRE(!before(all[i], out[i]));
        REQUIRE(!before(out[i], all[i]));
    }
}

TEST_CASE(
    "cells of several bases: intervals end with the last cell, the summit is the middle of the best one") {
    ThreadPool pool(2);
    const std::vector<float> values{0.1f, 0.6f, 0.9f, 0.9f,
                                    0.2f, 0.7f, 0.1f, 0.8f};  // cells 10..30..., the last cut at 85
    const auto called = [&](const CallRules& rules, const std::vector<std::size_t>& cuts) {
        IntervalCaller caller({rules}, 10);
        std::vector<CalledInterval> out;
        std::size_t from = 0;
        std::vector<std::size_t> all = cuts;
        all.push_back(values.size());
        for (const std::size_t to : all) {
            const auto begin = static_cast<std::int64_t>(10 * from + 10);
            const std::int64_t end = to == values.size() ? 85 : static_cast<std::int64_t>(10 * to + 10);
            CalledRuns called;
            called.append_row(0, 0, std::span(values).subspan(from, to - from), 0.5f);
            caller.add(begin, std::vector<KnownStretch>{{begin, end}}, called, pool);
            from = to;
        }
        caller.end_stretch();
        caller.release(0, [&](const CalledInterval& c) { out.push_back(c); });
        return out;
    };
    for (const std::vector<std::size_t>& cuts : {std::vector<std::size_t>{}, {1}, {2, 3, 7}, {4, 5, 6}}) {
        const auto plain = called({0, 0, 1}, cuts);
        REQUIRE(plain.size() == 3);
        CHECK((plain[0].begin == 20 && plain[0].end == 50 && plain[0].summit == 15 && plain[0].max == 0.9f));
        CHECK(plain[0].mean == doctest::Approx(0.8));
        CHECK((plain[1].begin == 60 && plain[1].end == 70 && plain[1].summit == 5));
        CHECK((plain[2].begin == 80 && plain[2].end == 85 && plain[2].summit == 2));
        const auto merged = called({0, 10, 1}, cuts);
        REQUIRE(merged.size() == 1);
        CHECK((merged[0].begin == 20 && merged[0].end == 85 && merged[0].mean == doctest::Approx(0.78)));
        CHECK(called({0, 0, 11}, cuts).size() == 1);
        // Of runs whose best values are .9, .7 and .8: joined or not, the best one counts, and equality will
        // do.
        CHECK(called({0.8f, 0, 1}, cuts).size() == 2);
        CHECK(called({0.81f, 0, 1}, cuts).size() == 1);
        CHECK(called({0.9f, 10, 1}, cuts).size() == 1);
        CHECK(called({0.91f, 10, 1}, cuts).empty());
    }
}

TEST_CASE("an interval below the seed is not counted among those that are too short") {
    ThreadPool pool(1);
    const std::vector<float> values{0.6f, 0.1f, 0.9f, 0.1f, 0.6f, 0.6f, 0.1f, 0.9f, 0.6f};
    IntervalCaller caller({{0.8f, 0, 2}}, 1);
    CalledRuns called;
    called.append_row(0, 0, values, 0.5f);
    caller.add(0, std::vector<KnownStretch>{{0, 9}}, called, pool);
    caller.end_stretch();
    std::vector<CalledInterval> out;
    caller.release(0, [&](const CalledInterval& c) { out.push_back(c); });
    REQUIRE(out.size() == 1);
    CHECK((out[0].begin == 7 && out[0].end == 9));
    CHECK(caller.dropped() == 1);  // [2, 3)
}

TEST_CASE("calls do not depend on tiles, and stretches without values end them") {
    ThreadPool pool(2);
    constexpr int kMarkers = 5;
    constexpr std::int64_t kCell = 3, kBegin = 7, kEnd = 2000;  // inside a cell, both
    constexpr std::int64_t kFirst = kBegin / kCell, kCells = (kEnd - 1) / kCell + 1 - kFirst;
    std::mt19937 random(3);
    std::vector<float> values(static_cast<std::size_t>(kMarkers * kCells));
    for (float& v : values) v = static_cast<float>(random() % 1000) / 1000;
    std::vector<bool> known(static_cast<std::size_t>(kCells));
    for (std::size_t i = 0; i < known.size(); ++i) known[i] = i / 40 % 4 != 3 && i % 97 != 0;
    const auto cell_begin = [&](std::int64_t i) { return std::max(kBegin, (kFirst + i) * kCell); };
    const auto cell_end = [&](std::int64_t i) { return std::min(kEnd, (kFirst + i + 1) * kCell); };

    struct Rules {
        float cutoff;
        CallRules rest;
    };
    const std::vector<Rules> all = {
        {0.5f, {0, 0, 1}}, {0.9f, {0, 4, 1}}, {0.4f, {0, 9, 5}}, {0, {0, 0, 1}}, {0.5f, {0.98f, 2, 4}}};
    for (std::size_t first = 0; first < all.size(); ++first) {
        std::vector<CallRules> by_marker;
        std::vector<float> cutoffs;
        for (std::size_t m = 0; m < kMarkers; ++m) {
            by_marker.push_back(all[(first + m) % all.size()].rest);
            cutoffs.push_back(all[(first + m) % all.size()].cutoff);
        }
        // The definition, cell by cell.
        std::vector<CalledInterval> expected;
        for (int m = 0; m < kMarkers; ++m) {
            const CallRules rules = by_marker[static_cast<std::size_t>(m)];
            const float cutoff = cutoffs[static_cast<std::size_t>(m)];
            CalledInterval open;
            double sum = 0;
            std::int64_t cells = 0;
            const auto close = [&] {
                open.mean = static_cast<float>(sum / static_cast<double>(cells));
                if (cells > 0 && open.max >= rules.seed && open.end - open.begin >= rules.min_length)
                    expected.push_back(open);
                cells = 0;
            };
            for (std::int64_t i = 0; i < kCells; ++i) {
                const float v = values[static_cast<std::size_t>(m * kCells + i)];
                if (!known[static_cast<std::size_t>(i)]) close();
                if (!known[static_cast<std::size_t>(i)] || v < cutoff) continue;
                if (cells > 0 && cell_begin(i) - open.end > rules.merge_gap) close();
                if (cells == 0) open = {.begin = cell_begin(i), .marker = m, .max = -1}, sum = 0;
                if (v > open.max) open.max = v, open.summit = (cell_begin(i) + cell_end(i)) / 2 - open.begin;
                open.end = cell_end(i);
                sum += static_cast<double>(v);
                ++cells;
            }
            close();
        }
        std::sort(expected.begin(), expected.end(), before);

        for (const std::int64_t tile : {std::int64_t{1}, std::int64_t{7}, std::int64_t{100}, kCells}) {
            CAPTURE(tile);
            IntervalCaller caller(by_marker, kCell);
            std::vector<CalledInterval> got;
            const auto keep = [&](const CalledInterval& c) { got.push_back(c); };
            for (std::int64_t from = 0; from < kCells; from += tile) {
                const std::int64_t to = std::min(kCells, from + tile);
                CalledRuns called;
                for (int m = 0; m < kMarkers; ++m)
                    called.append_row(0, m,
                                      std::span(values).subspan(static_cast<std::size_t>(m * kCells + from),
                                                                static_cast<std::size_t>(to - from)),
                                      cutoffs[static_cast<std::size_t>(m)]);
                std::vector<KnownStretch> stretches;
                for (std::int64_t i = from; i < to; ++i) {
                    if (!known[static_cast<std::size_t>(i)]) continue;
                    if (!stretches.empty() && stretches.back().end == cell_begin(i))
                        stretches.back().end = cell_end(i);
                    else
                        stretches.push_back({cell_begin(i), cell_end(i)});
                }
                caller.add(cell_begin(from), stretches, called, pool);
                caller.release(0, keep);
            }
            caller.end_stretch();
            caller.release(0, keep);
            REQUIRE(got.size() == expected.size());
            for (std::size_t i = 0; i < got.size(); ++i) {
                CHECK((got[i].begin == expected[i].begin && got[i].end == expected[i].end));
                CHECK((got[i].marker == expected[i].marker && got[i].summit == expected[i].summit));
                CHECK((got[i].max == expected[i].max && got[i].mean == expected[i].mean));
            }
        }
    }
}
