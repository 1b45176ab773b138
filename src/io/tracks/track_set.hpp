// All output files of one call: of each output one for all markers, or one a marker.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "io/tracks/track_writer.hpp"

namespace regkit {

// "{marker}" in its name makes it one file a marker.
struct TrackOutput {
    std::string name;
    const TrackFormat* format = nullptr;
    bool gz = false;  // as TrackOptions::gz
};

// Error(usage) where an output's name has another word in braces, which would be a part of the file's.
void check_placeholders(const std::string& output);

// The names of its files, in the order of the markers; blanks, control characters and '/' in a marker's name
// are '_' there. Error(usage) when two markers would share one.
std::vector<std::string> track_paths(const TrackOutput& output, const std::vector<std::string>& markers);
// Of what the output has tracks of: the markers of these options, and where it holds values more of them.
std::vector<std::string> track_names(const TrackOutput& output, const TrackOptions& options);

// Files appear under their names only when the OutputSet is committed that they have joined.
class TrackSet {
  public:
    // Error(usage) where a format needs {marker} and there are several markers. `pool` must outlive it.
    // `options.format` is not looked at.
    TrackSet(std::span<const TrackOutput> outputs, const TrackOptions& options, ThreadPool& pool);
    ~TrackSet();

    // Where options.contigs_first: all contigs of the reference, before any data, for the formats that name
    // them first.
    void declare_contig(const std::string& name, std::int64_t length);
    // The next contig that has data; `declared` is its number among those declared, if any. Returns the
    // number by which it goes below.
    int add_contig(const std::string& name, std::int64_t length, int declared = -1);
    // Of one that was not declared.
    void set_length(int contig, std::int64_t length);
    // For the outputs that hold intervals.
    void interval(const CalledInterval& called);
    // For those that hold values. Of every marker, and behind them of options.more_values, a row of `count`
    // values of `span` bases each: row m begins at values[m * row]. Rounded here.
    void values(int contig, std::int64_t begin, std::int64_t span, std::int64_t count,
                std::span<const float> values, std::int64_t row);
    void flush();

    // Where options.measured, of a row of values: ValueHistogram::quantile.
    double quantile(int row, double q) const;
    // And what to look at first: the summit of the interval with the largest value, or else the first value.
    // Empty where there is neither.
    struct Sight {
        std::string contig;
        std::int64_t length = -1;  // of the contig, where it is known
        std::int64_t position = 0;
    };
    const std::optional<Sight>& sight() const;

    // All files are written, and join the outputs that appear together.
    void finish(OutputSet& outputs);

  private:
    struct Impl;
    std::unique_ptr<Impl> impl_;
};

}  // namespace regkit
