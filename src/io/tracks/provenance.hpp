// Where the data of a bigWig or bigBed come from: the format has no room for it, so FILE.json beside FILE
// says what a text track says in its header.
#pragma once

#include <string>

#include "io/bigwig/big_file.hpp"
#include "io/tracks/track_writer.hpp"

namespace regkit {

class Provenance {
  public:
    Provenance(const std::string& path, const TrackOptions& options);

    // The finished track, and its description where there is a header; an older one goes in any case.
    void add_to(OutputSet& outputs, BigFile& track) const;

  private:
    std::string path_, text_;
};

}  // namespace regkit
