// Ranking metrics, or for coverage correlations, of a model on one split of a data set: what regeval does.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "app/evaluate/measure.hpp"
#include "base/log.hpp"
#include "base/work_done.hpp"
#include "io/dataset/dataset.hpp"
#include "kernels/backend.hpp"

namespace regkit {

struct EvaluateParameters {
    std::vector<std::string> models;  // of several, the mean: an ensemble
    std::string dataset;
    std::string fasta;                 // empty: the path that the data set remembers
    std::string split = "test";        // train | valid | test
    std::vector<std::string> exclude;  // BED files: positions inside count neither way
    // BED: what is named alike in column 4 is an annotation, and what lies inside of each is also measured by
    // itself. Empty: none.
    std::string by;
    std::vector<std::string> markers;  // names, globs, class:NAME; empty: all
    // paper: each window by itself, zero-padded, as in training. tiled: every position with its full context;
    // models that have none (a fixed window, an LSTM) are Error(usage).
    std::string window_mode = "paper";
    bool rc_average = false;  // of means of both strands; not with `calibrate`
    bool baselines = false;   // of the same positions in the same table (baselines/baselines.hpp)
    std::string motifs;       // MEME text, for them; empty: none
    std::string output;       // metrics, TSV; empty: standard output
    // A model file: the model with calls fitted on the validation windows, which the table is of then. Not
    // with `markers`, nor with several models. Empty: none.
    std::string calibrate;
    std::string curves;            // points of the curves, TSV; empty: none
    int bootstrap = 200;           // replicates that intervals come from; 0: no intervals
    std::uint64_t seed = 1;        // of their draws
    bool check_reference = false;  // bases of every contig, not only where the windows lie
    BackendOptions backend;

    void verify() const;  // Error(usage)
};

struct EvaluateReport {
    std::int64_t windows = 0;
    std::int64_t positions = 0;  // counted: not N, not excluded; bases or bins
    std::vector<ClassReport> classes;
    std::vector<AnnotationReport> annotations;
    std::vector<std::string> baselines;  // sentences about them
    double loss = 0;
    double nt_per_second = 0;
};

// Writes the table (and the curves). Errors: mismatch when the FASTA is not the data set's, or the data set
// lacks a marker of the model's or labels something else, or models have no mean; input when the split has no
// windows or no counted position.
EvaluateReport evaluate(const EvaluateParameters& parameters, Log& log, const TellWork& tell = tell_nobody);

}  // namespace regkit
