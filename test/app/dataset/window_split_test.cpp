#include "app/dataset/window_split.hpp"

#include "test/app/dataset/workshop.hpp"

using namespace regkit;
using namespace regkit::test;

TEST_CASE("named train regions leave the rest out") {
    Workshop w;
    w.p.train = {"a:-300"};
    w.p.test = {"a:301-400,a:401-500"};
    const auto s = w.build();
    CHECK((s.train == 2 && s.valid == 0 && s.test == 2));
    CHECK(s.unassigned == 7);
    CHECK(s.straddling == 0);
    w.p.output += "2";
    w.p.test = {"a:251-500"};
    CHECK_THROWS_AS(w.build(), Error);  // the splits overlap
    w.p.train = {"a:1-250"};
    CHECK(w.build().straddling == 1);
}

TEST_CASE("random splits keep blocks whole and follow the seed") {
    std::vector<regkit::Contig> contigs{{"a", 4000000}, {"b", 1000000}};
    std::vector<regkit::DatasetWindow> all;
    for (std::int32_t contig = 0; contig < 2; ++contig)
        for (std::int64_t begin = 0; begin + 1000 <= contigs[static_cast<std::size_t>(contig)].length;
             begin += 1000)
            all.push_back({contig, begin, Split::train});
    const auto deal = [&](std::int64_t block, std::uint64_t seed, std::int64_t dropped) {
        auto windows = all;
        CHECK(regkit::split_at_random(regkit::parse_random_split("random:0.8,0.1,0.1"), block, seed, 1000,
                                      contigs, windows) == dropped);
        return windows;
    };
    const auto count = [](const std::vector<regkit::DatasetWindow>& windows, Split split) {
        return std::count_if(windows.begin(), windows.end(), [&](const auto& w) { return w.split == split; });
    };
    for (const std::int64_t block : {std::int64_t{0}, std::int64_t{10000}}) {
        const auto one = deal(block, 1, 0), same = deal(block, 1, 0), two = deal(block, 2, 0);
        CHECK(count(one, Split::train) == 4000);
        CHECK(count(one, Split::valid) == 500);
        CHECK(count(one, Split::test) == 500);
        int differ = 0, changes = 0;
        for (std::size_t i = 0; i < one.size(); ++i) {
            CHECK(one[i].split == same[i].split);
            differ += one[i].split != two[i].split;
            if (block > 0 && i > 0 && one[i].begin % block != 0) changes += one[i].split != one[i - 1].split;
        }
        CHECK(differ > 500);
        CHECK(changes == 0);
    }
    auto uneven = all;
    const auto dropped = regkit::split_at_random(regkit::parse_random_split("random:0.5,0.25,0.25"), 10500, 1,
                                                 1000, contigs, uneven);
    CHECK(dropped > 0);
    CHECK(static_cast<std::size_t>(dropped) + uneven.size() == all.size());
    for (const char* bad : {"", "random", "random:", "random:0.8,0.1", "random:0.8,0.1,0.2",
                            "random:1.2,-0.1,-0.1", "random:.8,.1,.1,0", "other:0.8,0.1,0.1"})
        CHECK_THROWS_AS_MESSAGE(regkit::parse_random_split(bad), Error, bad);
}

TEST_CASE("windows that overlap are never in different splits") {
    const std::vector<regkit::Contig> contigs{{"a", 300000}};
    // Blocks shorter and longer than a window, with gaps between the windows here and there.
    for (const std::int64_t block :
         {std::int64_t{150}, std::int64_t{700}, std::int64_t{1000}, std::int64_t{5300}}) {
        std::vector<regkit::DatasetWindow> windows;
        for (std::int64_t begin = 0; begin + 1000 <= 300000; begin += begin % 7000 == 0 ? 1800 : 200)
            windows.push_back({0, begin, Split::train});
        const std::size_t all = windows.size();
        const auto dropped = regkit::split_at_random(regkit::parse_random_split("random:0.5,0.25,0.25"),
                                                     block, 1, 1000, contigs, windows);
        CHECK(dropped > 0);
        CHECK(windows.size() + static_cast<std::size_t>(dropped) == all);
        int leaks = 0;
        for (std::size_t i = 0; i < windows.size(); ++i)
            for (std::size_t j = i + 1; j < windows.size() && windows[j].begin < windows[i].begin + 1000; ++j)
                leaks += windows[i].split != windows[j].split;
        CHECK(leaks == 0);
    }
}
