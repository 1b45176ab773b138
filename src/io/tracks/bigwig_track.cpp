#include "io/tracks/bigwig_track.hpp"

#include "kernels/base/error.hpp"

namespace regkit {

void BigWigTrack::interval(const CalledInterval&) {
    throw Error(ErrorKind::usage, "a bigWig file holds values, not intervals");
}

}  // namespace regkit
