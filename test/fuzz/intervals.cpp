// BED, narrowPeak, broadPeak and bedGraph; the first byte says which.
#include "io/tracks/intervals.hpp"

#include <cmath>

#include "test/fuzz/fuzz.hpp"

void fuzz_one(std::string_view input) {
    using enum regkit::IntervalFormat;
    constexpr regkit::IntervalFormat kFormats[] = {bed, narrow_peak, broad_peak, bed_graph};
    const auto format = kFormats[choose(input, std::size(kFormats))];
    regkit::NullLog quiet;
    regkit::IntervalReader reader(put("x", input), format, quiet);
    for (regkit::Interval interval; reader.next(interval);) {
        expect(!interval.contig.empty(), "an interval on no contig");
        expect(interval.begin >= 0 && interval.end > interval.begin, "an interval without a base");
        expect(std::isfinite(interval.value), "a value that is no number");
    }
}
