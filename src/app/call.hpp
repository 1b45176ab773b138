// regcall: a model over a genome, a few regions or a stream, into tracks.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/log.hpp"
#include "base/region.hpp"
#include "io/track_writer.hpp"
#include "kernels/backend.hpp"

namespace regkit {

struct CallParameters {
    std::string input;                  // FASTA read as a stream: a path or "-"; empty: `fasta`, by its index
    std::string fasta;
    std::vector<Region> regions;        // with `fasta`; none and no file: all of it
    std::string regions_file;           // BED
    std::string model;
    std::vector<std::string> markers;   // patterns of select_markers; empty = all
    std::string output = "-";           // "{marker}" in it: one file a marker
    std::optional<TrackFormat> format;  // by default what the output's name says; narrowPeak on standard output
    double cutoff = 0.5;                // compared, as a float, with the float probability of each position
    std::int64_t min_length = 1;
    std::int64_t merge_gap = 0;
    std::int64_t resolution = 1;
    int decimals = 4;
    std::int64_t tile = 0;              // bases predicted at a time; 0 = what suits the number of markers
    bool rc_average = false;
    bool paper_windows = false;         // independent zero-padded windows on the contig's grid
    bool remap = false;                 // stream: a record named chr:begin-end lies there
    bool provenance = true;
    std::string command_line;
    BackendOptions backend;
};

struct CallSummary {
    std::int64_t contigs = 0;    // or records
    std::int64_t bases = 0;
    std::int64_t n_bases = 0;    // of them, without a value
    std::int64_t intervals = 0;
    std::int64_t dropped = 0;    // shorter than min_length
    double seconds = 0;
};

// Throws Error; then no output comes to be (standard output apart).
CallSummary call(const CallParameters& parameters, Log& log);

}  // namespace regkit
