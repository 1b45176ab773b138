// All else is in the header: BigWigWriter does the work, and only what a bigWig cannot hold is refused here.
#include "io/tracks/bigwig_track.hpp"

#include "kernels/base/error.hpp"

namespace regkit {

void BigWigTrack::interval(const CalledInterval&) {
    throw Error(ErrorKind::usage, "a bigWig file holds values, not intervals");
}

}  // namespace regkit
