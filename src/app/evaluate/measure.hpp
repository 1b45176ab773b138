// Predictions of the positions of one split, counted once, as rows of a table: of everything, and of what
// lies inside of each annotation.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "app/evaluate/call_fit.hpp"
#include "app/evaluate/metrics.hpp"
#include "app/evaluate/metrics_table.hpp"
#include "app/evaluate/region_sets.hpp"
#include "app/evaluate/scoring.hpp"
#include "kernels/base/thread_pool.hpp"

namespace regkit {

// Where predictions are counted, and how. All that it refers to must outlive it.
struct MeasuredSplit {
    std::string split;  // its name
    const std::vector<Marker>& markers;
    const Dataset& dataset;
    std::span<const std::int64_t> windows;
    const std::vector<Annotation>* annotations = nullptr;  // none: the table does not name them
    int bootstrap = 0;                                     // replicates; 0: no intervals
    std::uint64_t seed = 0;
    bool spread = false;  // of an ensemble: the table has the columns of its models' spread
    ThreadPool& pool;
};

// What is known of the predictions besides their values.
struct Predictions {
    bool calibrated = false;              // they are logits: their calibration is measured
    std::vector<MarkerCalls> calls = {};  // of each marker of a calibrated model
    std::vector<SiteMetrics> sites = {};  // the same
    std::vector<bool> missing = {};       // markers without a prediction, whose metrics are NA; empty: none
    bool spread = false;                  // they have rows of it behind the logits
    MoreFields fields = {};               // behind those of the annotation
};

// Feeds all positions to what it is given.
using CountAll = std::function<void(const CountPositions&)>;

struct ClassReport {
    std::string class_name;
    int markers = 0, scored = 0, constant = 0;
    std::string sites;  // the same of its sites; empty of a model without calls
    std::string text;   // its means, for people; empty when none is scored
};
struct AnnotationReport {
    std::string name;
    std::int64_t positions = 0;
    std::string text;  // its means, for people
};

struct Measured {
    std::int64_t positions = 0;
    double loss = 0;
    std::vector<ClassReport> classes;
    std::vector<AnnotationReport> annotations;
    std::vector<MarkerMetrics> metrics;  // of everything; not of coverage
    std::string means;                   // "TFBS 0.1234, DNase NA": of average precision; not of coverage
    std::string rows;                    // of the table: of everything, then of each annotation
    std::string curves;                  // where they are asked for
    const char* unscored = "";           // why a marker may have no metrics
    const char* constant = "";           // what the table has for a constant
};

// Error(usage) where the counts of so many markers in so many annotations would not fit the memory that they
// may take.
Measured measure_presence(const MeasuredSplit& of, const Predictions& predictions, bool curves,
                          const CountAll& count_all);
Measured measure_coverage(const MeasuredSplit& of, const CountAll& count_all);
// The first line of either's rows, with `more` columns behind, and those of the spread.
std::string measured_header(bool coverage, bool annotated, bool spread, const std::string& more);

}  // namespace regkit
