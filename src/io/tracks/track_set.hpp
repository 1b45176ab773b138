// All output files of one call: one for all markers, or one a marker.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "io/tracks/track_writer.hpp"

namespace regkit {

// Files appear under their names only in commit(), all of them after all are completely written.
class TrackSet {
  public:
    // `output` with "{marker}" in it names one file a marker; blanks, control characters and '/' in a
    // marker's name become '_' there. Error(usage) when two files would have one name, or the format needs
    // {marker} and there are several markers. `pool` must outlive it.
    TrackSet(const std::string& output, const TrackOptions& options, ThreadPool& pool);
    ~TrackSet();

    const std::vector<std::string>& paths() const;

    // Returns its number.
    int add_contig(const std::string& name, std::int64_t length);
    void set_length(int contig, std::int64_t length);
    void interval(const CalledInterval& called);
    // For every marker a row of `count` values of `span` bases each: row m begins at values[m * row]. Rounded
    // here.
    void values(int contig, std::int64_t begin, std::int64_t span, std::int64_t count,
                std::span<const float> values, std::int64_t row);
    void flush();
    void commit();

  private:
    struct Impl;
    std::unique_ptr<Impl> impl_;
};

}  // namespace regkit
