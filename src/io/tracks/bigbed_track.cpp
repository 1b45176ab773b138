// The table's name and those of its columns are what browsers know the format by; what stands behind them is
// shown to who clicks on an interval, and says what regcall writes there.
#include "io/tracks/bigbed_track.hpp"

#include "io/tracks/narrow_peak.hpp"
#include "kernels/base/error.hpp"
#include "kernels/base/nth.hpp"

namespace regkit {
namespace {

constexpr BigFormat kFormat{.title = "bigBed",
                            .magic = 0x8789F2EB,
                            .items_per_block = 512,
                            .fields = 10,
                            .bed_fields = 6,
                            .columns =
                                R"(table bigNarrowPeak
"Where a marker is predicted from sequence"
(
    string chrom;        "Contig"
    uint   chromStart;   "Start, from 0"
    uint   chromEnd;     "End"
    string name;         "Marker"
    uint   score;        "0 to 1000: how sure, within the marker"
    char[1] strand;      "Both: ."
    float  signalValue;  "Mean probability, or coverage"
    float  pValue;       "-log10 of a p-value; -1 where there is none"
    float  qValue;       "-log10 of the share of false ones; -1: unknown"
    int    peak;         "Summit, from the start"
)
)"};

}  // namespace

BigBedTrack::BigBedTrack(const std::string& path, const TrackOptions& options, Spool& spool)
    : writer_(path, spool, kFormat, {.contigs_first = options.contigs_first}),
      provenance_(path, options),
      markers_(options.markers),
      round_(options.decimals) {}

void BigBedTrack::interval(const CalledInterval& called) {
    columns_.clear();
    append_narrow_peak(columns_, nth(markers_, called.marker), called, round_);
    writer_.add(called.contig, called.begin, called.end, columns_);
}

void BigBedTrack::values(int, std::int64_t, std::int64_t, std::span<const float>) {
    throw Error(ErrorKind::usage, "a bigBed file holds intervals, not values");
}

}  // namespace regkit
