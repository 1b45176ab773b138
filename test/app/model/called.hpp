// What predict_called gives, put together as values, NAN where nothing was called.
#pragma once

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "app/model/predictor.hpp"

namespace regkit::test {

// Row-wise [marker][cell of bases begin, end), from the tiles of predict_called.
inline std::vector<std::vector<float>> called_values(Predictor& predictor, std::int64_t known,
                                                     std::int64_t begin, std::int64_t end,
                                                     std::span<const float> cutoffs,
                                                     const std::vector<std::uint8_t>& contig) {
    const std::int64_t bin = predictor.resolution();
    std::vector<std::vector<float>> all(static_cast<std::size_t>(predictor.markers()));
    std::int64_t next = begin;
    predictor.predict_called(
        known, begin, end, cutoffs,
        [&](std::int64_t from, std::int64_t to, std::span<std::uint8_t> codes) {
            std::copy(contig.begin() + from, contig.begin() + to, codes.begin());
        },
        [&](std::int64_t from, std::int64_t to, std::span<const std::uint8_t> codes,
            const CalledRuns& called) {
            REQUIRE(from == next);
            REQUIRE(std::equal(codes.begin(), codes.end(), contig.begin() + from, contig.begin() + to));
            const std::int64_t cells = (to - from + bin - 1) / bin;
            std::vector<std::vector<float>> rows(all.size(),
                                                 std::vector<float>(static_cast<std::size_t>(cells), NAN));
            const CalledRun* before = nullptr;
            for (const CalledRun& run : called.runs) {
                REQUIRE((run.sample == 0 && run.begin >= 0 && run.begin < run.end && run.end <= cells));
                if (before)
                    REQUIRE((before->marker < run.marker ||
                             (before->marker == run.marker && before->end < run.begin)));
                const std::span<const float> values = called.values_of(run);
                std::copy(values.begin(), values.end(),
                          rows[static_cast<std::size_t>(run.marker)].begin() + run.begin);
                before = &run;
            }
            for (std::size_t m = 0; m < all.size(); ++m)
                all[m].insert(all[m].end(), rows[m].begin(), rows[m].end());
            next = to;
        });
    REQUIRE(next == end);
    return all;
}

// Whether a row of them is a row of values with those below the cutoff left out.
inline bool calls_agree(std::span<const float> called, std::span<const float> values, float cutoff) {
    return std::equal(
        called.begin(), called.end(), values.begin(), values.end(),
        [&](float got, float value) { return value < cutoff ? std::isnan(got) : got == value; });
}

// A value that is among them, so that equality is met.
inline float middle_of(std::vector<float> values) {
    std::nth_element(values.begin(), values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2),
                     values.end());
    return values[values.size() / 2];
}

}  // namespace regkit::test
