// The bigWig implementation of TrackWriter.
#pragma once

#include <string>

#include "io/bigwig/bigwig_writer.hpp"
#include "io/tracks/provenance.hpp"
#include "io/tracks/track_writer.hpp"

namespace regkit {

// Values wait in waiting() until BigFile::drain, so that many files can be compressed together.
class BigWigTrack final : public TrackWriter {
  public:
    BigWigTrack(const std::string& path, const TrackOptions& options, Spool& spool)
        : writer_(path, spool, {.contigs_first = options.contigs_first}, options.step),
          provenance_(path, options) {}

    void add_contig(const std::string& name, std::int64_t length) override {
        writer_.file().add_contig(name, length);
    }
    void set_length(int contig, std::int64_t length) override { writer_.file().set_length(contig, length); }
    void interval(const CalledInterval&) override;
    void values(int contig, std::int64_t begin, std::int64_t span, std::span<const float> values) override {
        writer_.add(contig, begin, span, values);
    }
    void flush() override {}
    void finish(ThreadPool& pool) override { writer_.finish(pool); }
    void add_to(OutputSet& outputs) override { provenance_.add_to(outputs, writer_.file()); }

    BigFile* waiting() override { return &writer_.file(); }

  private:
    BigWigWriter writer_;
    Provenance provenance_;
};

}  // namespace regkit
