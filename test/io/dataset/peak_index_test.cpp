#include "io/dataset/peak_index.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <random>

using regkit::LabelRun;
using regkit::Peak;
using regkit::PeakIndex;

namespace {

bool equal(const std::vector<LabelRun>& a, const std::vector<LabelRun>& b) {
    return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](const LabelRun& x, const LabelRun& y) {
        return x.begin == y.begin && x.end == y.end && x.marker == y.marker && x.value == y.value;
    });
}

}  // namespace

TEST_CASE("overlaps are those of a plain search") {
    std::mt19937 random(5);
    constexpr std::int64_t kLength = 400000;
    std::vector<LabelRun> runs;
    for (std::int32_t marker = 0; marker < 40; ++marker)
        for (std::int64_t at = random() % 5000; at < kLength;) {
            // Most are short, a few reach over many stretches.
            const std::int64_t size = 1 + random() % (random() % 50 == 0 ? 90000 : 300);
            const std::int64_t end = std::min(kLength, at + size);
            runs.push_back({marker, static_cast<std::int32_t>(at), static_cast<std::int32_t>(end),
                            static_cast<float>(random() % 100)});
            at = end + 1 + random() % 4000;
        }
    std::stable_sort(runs.begin(), runs.end(),
                     [](const LabelRun& a, const LabelRun& b) { return a.begin < b.begin; });
    std::vector<Peak> peaks;
    std::vector<float> values;
    for (const LabelRun& run : runs) {
        peaks.push_back({run.begin, run.end, run.marker});
        values.push_back(run.value);
    }
    const PeakIndex index(peaks, values, kLength), plain(peaks, {}, kLength);
    for (int round = 0; round < 500; ++round) {
        const std::int64_t begin = random() % kLength,
                           end = std::min<std::int64_t>(kLength, begin + 1 + random() % 30000);
        std::vector<LabelRun> expected{{3, 1, 2}}, found{{3, 1, 2}};
        for (std::int32_t marker = 0; marker < 40; ++marker)
            for (const LabelRun& run : runs)
                if (run.marker == marker && run.begin < end && run.end > begin)
                    expected.push_back(
                        {marker, static_cast<std::int32_t>(std::max<std::int64_t>(run.begin, begin) - begin),
                         static_cast<std::int32_t>(std::min<std::int64_t>(run.end, end) - begin), run.value});
        index.overlapping(begin, end, found);
        CHECK(equal(found, expected));
        found.resize(1);
        plain.overlapping(begin, end, found);
        for (LabelRun& run : expected) run.value = 1;
        CHECK(equal(found, expected));
    }
    std::vector<LabelRun> none;
    index.overlapping(5, 5, none);
    index.overlapping(kLength + 99999, kLength + 100000, none);
    PeakIndex({}, {}, 10).overlapping(0, 10, none);
    CHECK(none.empty());
}
