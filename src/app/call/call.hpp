// regcall: a model over a genome, a few regions or a stream, into tracks.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "app/call/call_cutoffs.hpp"
#include "app/call/shard.hpp"
#include "base/log.hpp"
#include "base/work_done.hpp"
#include "io/tracks/track_writer.hpp"
#include "kernels/backend.hpp"

namespace regkit {

struct CallParameters {
    std::string input;  // FASTA read as a stream: a path or "-"; empty: `fasta`, by its index
    std::string fasta;
    std::vector<std::string> regions;  // texts of parse_regions, with `fasta`; none and no file: all of it
    std::string regions_file;          // BED
    std::vector<std::string> models;   // of several the mean: an ensemble (model/ensemble.hpp)
    std::vector<std::string> markers;  // patterns of select_markers; empty = all
    std::vector<std::string> outputs{"-"};  // "{marker}" in a name: one file a marker
    std::optional<TrackWord> format;        // what -O says; else what the output's name does
    bool parents = false;                   // folders that names lead through are made where missing
    std::string hub;  // folder of a track hub, with values and intervals of every marker; empty: none
    std::string igv;  // session of IGV with all outputs that it opens; empty: none
    // BED: of each region and marker the mean, the largest value and the intervals; empty: none. A table
    // there, TSV. Alone and without regions, these are the regions.
    std::string over, over_output = "-";
    // One part of a call: the output is a part file for merge_parts(), which holds what these formats need.
    std::optional<Shard> shard;
    std::vector<const TrackFormat*> part_formats;  // none: intervals
    // Go on from what a run that was killed has left beside the first output, and leave the same.
    bool resume = false;
    std::string genome;           // for both, as UCSC names it; a session can do with `fasta`
    SiteOptions sites;            // for intervals, but for `raw`; of coverage a cutoff must be given
    std::int64_t resolution = 0;  // bases a value; a multiple of the model's own, which is taken for 0
    int decimals = 4;
    bool spread = false;    // of several models: tracks of values also of how far they are apart
    bool coded = false;     // values of the logits' 8-bit codes: off by 1/64 at most, and in long runs
    std::int64_t tile = 0;  // bases predicted at a time; 0 = what suits the number of markers
    bool rc_average = false;
    bool paper_windows =
        false;  // independent zero-padded windows on the contig's grid; some models have no others
    bool check_reference = false;  // all bases of the contigs that the model knows, not only of those read
    bool remap = false;            // stream: a record named as parse_placed_name reads it lies there
    bool provenance = true;
    std::string command_line;
    BackendOptions backend;
};

struct CallSummary {
    std::int64_t contigs = 0;  // or records
    std::int64_t bases = 0;
    std::int64_t n_bases = 0;  // of them, without a value (cells that are all N)
    std::int64_t intervals = 0;
    std::int64_t dropped = 0;  // shorter than min_length
    bool wrote_values = false, wrote_intervals = false;
    double seconds = 0;
};

// Throws Error; then no output comes to be (standard output apart).
CallSummary call(const CallParameters& parameters, Log& log, const TellWork& tell = tell_nobody);

}  // namespace regkit
