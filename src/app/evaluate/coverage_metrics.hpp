// How well predicted coverage follows measured coverage, per marker, in one streaming pass.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "app/evaluate/metrics.hpp"
#include "base/marker.hpp"
#include "io/dataset/dataset.hpp"
#include "kernels/base/thread_pool.hpp"

namespace regkit {

struct CoverageMetrics {
    std::int64_t bins = 0;
    double mean_coverage = 0;
    double poisson_loss = 0;  // mean of rate - y log(rate), as in training
    // Correlations are defined only where neither prediction nor coverage is the same in every bin.
    bool scored = false;
    double pearson_r = 0;
    double pearson_r_log1p = 0;  // of log(1 + x)
    // The predictions are the same but for rounding: their standard deviation is below 1/65536 of their mean.
    bool constant = false;
    // No lower than of the best constant, the mean coverage.
    bool loss_of_constant = false;
    double spread = ModelSpread::kNone;  // of ensembles, of all bins; SpreadSums
};

// Moments are updated value by value (Welford 1962), so that nothing cancels in long runs and the result
// depends on the order of the bins alone.
class CoverageSums {
  public:
    // `pool` must outlive it; results do not depend on its size.
    CoverageSums(int markers, ThreadPool& pool);

    void clear();
    // As MarkerCounts::add; a rate is softplus(logit), the coverage that of the label, 0 where there is none.
    void add(std::span<const float> logits, std::int64_t length, std::span<const KeptRun> kept,
             std::span<const LabelRun> labels);
    std::vector<CoverageMetrics> all_metrics() const;
    // Mean Poisson loss over markers and bins.
    double loss() const;

  private:
    // Of pairs (x, y).
    struct Moments {
        double mean_x = 0, mean_y = 0, xx = 0, yy = 0, xy = 0;
        void add(double x, double y, double n);
        bool varies() const { return xx > 0 && yy > 0; }
        bool constant(double n) const { return xx <= n * (mean_x / 65536) * (mean_x / 65536); }
        double correlation() const;
    };
    struct Sums {
        std::int64_t bins = 0;
        double loss = 0;
        Moments plain, logs;
    };
    std::vector<Sums> sums_;
    ThreadPool* pool_;
    std::vector<std::vector<float>> coverage_;  // scratch of each worker
};

// Means and medians over a class's markers (of the correlations: over those that are scored), in order of
// first appearance.
struct CoverageClassMean {
    std::string class_name;
    int markers = 0;
    int scored = 0;
    int constant = 0;
    CoverageMetrics mean, median;
};
std::vector<CoverageClassMean> class_means(const std::vector<Marker>& markers,
                                           const std::vector<CoverageMetrics>& metrics);
// Mean over classes of the class means of pearson_r: what regtrain keeps the best of. NaN when nothing is
// scored.
double mean_pearson(const std::vector<CoverageClassMean>& means);

// split, marker, class, pearson_r, pearson_r_log1p, poisson_loss, mean_coverage, bins, and then `more`, names
// that begin with a tab each.
std::string coverage_header(const std::string& more);
// A row a marker, then a row a class whose marker is "mean", then one whose marker is "median", each with
// `more` and, where asked for, the mean spread behind it. NA where a value is not defined.
std::string coverage_rows(const std::string& split, const std::vector<Marker>& markers,
                          const std::vector<CoverageMetrics>& metrics, const std::string& more,
                          bool spread = false);

}  // namespace regkit
