// Baselines of a model in its own table: the same positions, scored by other means and measured in the same
// way.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "app/evaluate/baselines/kmer_regression.hpp"
#include "app/evaluate/measure.hpp"
#include "io/motifs/meme.hpp"

namespace regkit {

// The columns that a table with baselines has more: which predictor a row is of, and what can be said of it.
inline constexpr const char* kBaselineColumns = "\tpredictor\tdetail";
// Those of the model's own rows.
MoreFields model_fields();

struct BaselineTask {
    const LabelledWindows& windows;  // as the model's
    // What baselines are fitted on, with the same markers; all of it for the regression, for directions and
    // motifs windows evenly spread of it, of kBaselineFitBases or not much more. Without windows nothing is
    // fitted: the higher GC ranks first, the first motif is taken, and there is no regression.
    const LabelledWindows& fit;
    const std::optional<MotifFile>& motifs;
    KmerSettings kmers = {};
};
inline constexpr std::int64_t kBaselineFitBases = 10'000'000;

struct BaselineReport {
    std::string rows;                    // of the table
    std::vector<std::string> sentences;  // for people
};

// In this order: prevalence (a constant), gc and cpg (Composition), motif (MotifBaseline; where there are
// motifs), kmer (KmerRegression) and other-cells (OtherCellsBaseline). A marker that a baseline says nothing
// of has NA. `model`: as measured on the same split, for the sentences on what it does not better.
BaselineReport measure_baselines(const BaselineTask& task, const MeasuredSplit& split, const Measured& model);
// How often the measured windows are gone through.
int baseline_passes(bool motifs);

}  // namespace regkit
