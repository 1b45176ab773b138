// The bigBed implementation of TrackWriter: the columns of narrowPeak, as UCSC's bigNarrowPeak.
#pragma once

#include <string>
#include <vector>

#include "io/bigwig/bigbed_writer.hpp"
#include "io/tracks/provenance.hpp"
#include "io/tracks/track_writer.hpp"

namespace regkit {

class BigBedTrack final : public TrackWriter {
  public:
    BigBedTrack(const std::string& path, const TrackOptions& options, Spool& spool);

    void add_contig(const std::string& name, std::int64_t length) override {
        writer_.file().add_contig(name, length);
    }
    void set_length(int contig, std::int64_t length) override { writer_.file().set_length(contig, length); }
    void interval(const CalledInterval& called) override;
    void values(int contig, std::int64_t begin, std::int64_t span, std::span<const float> values) override;
    void flush() override {}
    void finish(ThreadPool& pool) override { writer_.finish(pool); }
    void add_to(OutputSet& outputs) override { provenance_.add_to(outputs, writer_.file()); }

    BigFile* waiting() override { return &writer_.file(); }

  private:
    BigBedWriter writer_;
    Provenance provenance_;
    std::vector<std::string> markers_;
    Rounding round_;
    std::string columns_;
};

}  // namespace regkit
