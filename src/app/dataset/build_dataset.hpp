// From a genome and peak files to a data set (regds-build).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "app/dataset/interval_set.hpp"
#include "app/dataset/label_layout.hpp"
#include "base/log.hpp"
#include "base/work_done.hpp"

namespace regkit {

struct BuildDatasetParameters {
    std::string fasta;
    std::string sheet;  // a marker sheet, or
    // files of peaks, of coverage bedGraph or bigWig: words of markers_of_files, and its rules of classes
    std::vector<std::string> peaks, classes;
    std::string output;
    std::string target = "nucleotide";
    // Bases of a bin, how many bins (kAllBins: as many as the window holds), and the fraction of a bin over
    // which a marker's peaks must cover it; none: the target's default. Error(usage) where the target has no
    // such thing.
    std::optional<std::int64_t> label_bin, label_bins;
    std::optional<double> min_overlap;
    // Which windows to keep: "all"; "any", those with a label of any marker; or with one of a class, each
    // "class:NAME". Empty: the target's default.
    std::vector<std::string> keep_if;
    std::int64_t window = 25000;
    double max_n = 0.1;              // largest fraction of N of a window that is kept
    double max_mask = 0.1;           // largest fraction covered by the masks
    std::vector<std::string> masks;  // BED
    std::string alias;               // rule of ContigAlias
    // Peaks and coverage on contigs that the FASTA lacks are left out, and what reaches past a contig's end
    // is cut off there, both counted; otherwise they are errors.
    bool skip_missing = false, clip = false;
    bool use_blocks = true;  // of BED12 and gappedPeak, as the peaks

    // By region, texts of parse_regions: what no list names is train, unless `train` names regions, when it
    // is left out.
    std::vector<std::string> train, valid, test;
    // At random: "random:0.8,0.1,0.1" in blocks of split_block bases (0: each window for itself).
    std::string split;
    std::int64_t split_block = 1000000;
    std::uint64_t seed = 1;

    bool force = false;
    int workers = 1;
    bool provenance = true;  // version and command in dataset.json
    std::string command;
};

struct ClassSummary {
    std::string class_name;
    std::int64_t markers = 0;
    double prevalence = 0;  // mean over its markers; of coverage: the mean coverage
};

struct BuildDatasetSummary {
    std::int64_t train = 0, valid = 0, test = 0;
    // Windows dropped, by the first reason that holds.
    std::int64_t short_end = 0;  // the contig ends within the window
    std::int64_t too_much_n = 0;
    std::int64_t masked = 0;
    std::int64_t unlabelled = 0;  // without a label of the markers that keep_if names
    std::int64_t straddling = 0;  // in two splits
    std::int64_t unassigned = 0;  // in none, where train regions are named
    std::int64_t intervals = 0;   // read
    std::int64_t peaks = 0;       // after merging; of coverage: runs of bins
    std::int64_t summits_outside = 0;
    LeftOut left_out;                 // of the files of all markers
    std::int64_t mask_elsewhere = 0;  // mask intervals on contigs that the FASTA does not hold
    std::vector<ClassSummary> classes;

    bool filters_labels = false;  // whether windows without labels are left out
    std::int64_t kept() const { return train + valid + test; }
};

// Throws Error(usage) for parameters that contradict each other, Error(input) for bad input, Error(mismatch)
// for contigs that the FASTA does not hold. The result does not depend on the number of workers or the order
// of intervals in files.
BuildDatasetSummary build_dataset(const BuildDatasetParameters& parameters, Log& log,
                                  const TellWork& tell = tell_nobody);

}  // namespace regkit
