// Ranking metrics of many markers in one streaming pass: per marker, counts of all and of positive positions
// on a grid of 65,536 logits. Positions that share a grid cell count as tied, so equal logits are always
// exact ties.
//
// The grid is monotone and finest where precision changes: steps of 1/4096 in [-4, 6), 1/1024 out to [-8,
// 10), 1/256 out to [-24, 26), 1/64 out to [-88, 90), clamped beyond. Against metrics of the f32 logits
// themselves the error stays below 1e-4 (test/app/metrics_sklearn.py). Memory: 512 KiB a marker, 460 MiB for
// 919.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "app/evaluate/calibration.hpp"
#include "app/evaluate/confidence_interval.hpp"
#include "app/evaluate/model_spread.hpp"
#include "app/model/marker_calls.hpp"
#include "base/marker.hpp"
#include "io/dataset/dataset.hpp"
#include "kernels/base/thread_pool.hpp"

namespace regkit {

// log(1 + e^z) of any z.
double softplus(double z);

inline constexpr int kLogitBins = 65536;
// The grid cell of a finite logit, 0..65535, and the lowest logit of a cell.
int logit_bin(float logit);
double bin_logit(int bin);

// Positions [begin, end) of a window that count (not N, not excluded).
struct KeptRun {
    std::int32_t begin = 0;
    std::int32_t end = 0;
};

// Sites at a model's stored cutoffs; NaN where there are none.
struct SiteScores {
    static constexpr double kNone = std::numeric_limits<double>::quiet_NaN();
    double precision = kNone, recall = kNone, f1 = kNone;
    double called_length = kNone, label_length = kNone;  // medians, in bases
};

struct MarkerMetrics {
    std::int64_t positions = 0;
    std::int64_t positives = 0;
    double prevalence = 0;
    // Defined only where there are positives and negatives.
    bool scored = false;
    double roc_auc = 0;            // ties count half
    double average_precision = 0;  // sum of (R_n - R_{n-1}) P_n, as scikit-learn
    // Linear between distinct thresholds; below the recall of the highest one, its precision. NaN of a
    // constant, which has no two thresholds. (The usual start, precision 1 at recall 0, gives a constant (1 +
    // prevalence) / 2.)
    double pr_auc_trapezoid = 0;
    double recall_at_fdr05 = 0;  // largest recall with precision >= 0.95; 0 when there is none
    // Also of markers that are not scored: all predictions lie in one cell of the grid or two that adjoin.
    bool constant = false;
    double mcc = 0;  // the largest Matthews correlation of what is called and what is present, of all cutoffs
    // The precision of the k positions ranked highest, k being the number of positives; of positions that tie
    // at the k-th place, as many as are left, at random.
    double top_k_accuracy = 0;
    Calibration calibration = {};     // MarkerCounts::add_calibration
    SiteScores sites = {};            // of calibrated models; measure_sites()
    RankingIntervals intervals = {};  // BlockBootstrap::add_intervals
    ModelSpread spread = {};          // of ensembles; SpreadSums
};

// Points of a precision-recall or ROC curve, from the highest threshold down.
struct CurvePoint {
    double threshold = 0;  // logit at or above which a position is called
    double recall = 0;     // = true positive rate
    double precision = 0;
    double false_positive_rate = 0;
};

// A marker's row of positions, as cells of the grid, and its labels.
struct BinnedRow {
    int marker = 0;
    std::span<const std::uint16_t> bins;
    std::span<const LabelRun> labels;
};
// Counts the rows of a batch in a way of its own; of several markers on several threads at once.
using TakeRow = std::function<void(const BinnedRow&)>;

class MarkerCounts {
  public:
    // `pool` must outlive it; results do not depend on its size.
    MarkerCounts(int markers, ThreadPool& pool);

    int markers() const { return markers_; }
    void clear();
    // One window (or tile): logits [markers][length]; `kept` ascending and disjoint inside [0, length);
    // `labels` sorted by (marker, begin), disjoint within a marker, inside [0, length). Error(diverged) at a
    // logit that is not finite. `also` gets every row too.
    void add(std::span<const float> logits, std::int64_t length, std::span<const KeptRun> kept,
             std::span<const LabelRun> labels, const TakeRow& also = {});
    // The same in two steps, of rows that another one's `also` gets: what a batch of so many positions needs,
    // then each marker's row once, on any thread.
    void begin_batch(std::int64_t length);
    void count(const BinnedRow& row, std::span<const KeptRun> kept);
    // 32-bit counters are widened when one could overflow, after `limit` positions (tests lower it).
    void set_widening_limit(std::uint64_t limit) { limit_ = limit; }

    MarkerMetrics metrics(int marker) const;
    std::vector<MarkerMetrics> all_metrics() const;
    // Of each marker that is scored, of the logits that its calls make of the model's (a marker each; none:
    // of the model's own); takes some milliseconds a marker.
    void add_calibration(std::vector<MarkerMetrics>& metrics, std::span<const MarkerCalls> calls) const;
    // Mean sigmoid cross-entropy of all markers and positions, to the grid's resolution.
    double loss() const;
    // At most about `points` points, first and last threshold included; empty for a marker that is not
    // scored.
    std::vector<CurvePoint> curve(int marker, int points) const;

  private:
    void each_cell(int marker, const std::function<void(const LogitCell&)>& take) const;
    std::uint64_t all(int marker, int bin) const;
    std::uint64_t positive(int marker, int bin) const;
    void widen();

    int markers_ = 0;
    ThreadPool* pool_;
    std::vector<std::uint32_t> counts_;  // [marker][all, positive][bin]
    std::vector<std::uint64_t> wide_;   // the same, what counts_ held before it was widened; empty until then
    std::uint64_t since_widening_ = 0;  // positions
    std::uint64_t limit_ = UINT32_MAX;
    std::vector<std::vector<std::uint16_t>> bins_;  // scratch of each worker
};

// Means and medians over the scored markers of a class, value by value, over the markers that have it; in
// order of first appearance. The markers without a class form one too.
struct ClassMean {
    std::string class_name;
    int markers = 0;
    int scored = 0;
    int constant = 0;  // of all markers
    double positives = 0, median_positives = 0;
    // scored: any marker was; constant: all markers are. A value that no marker has is NaN.
    MarkerMetrics mean, median;
};
std::vector<ClassMean> class_means(const std::vector<Marker>& markers,
                                   const std::vector<MarkerMetrics>& metrics);
// Mean over classes of the class means of average precision: what regtrain keeps the best of. NaN when
// nothing is scored.
double mean_average_precision(const std::vector<ClassMean>& means);
// The same mean of prevalences: the average precision of a random ranking.
double mean_prevalence(const std::vector<ClassMean>& means);
// "0.1234, 5.1 times the prevalence 0.0242": how an average precision is told. `what`: "prevalence", "mean
// prevalence".
std::string precision_text(double average_precision, const char* what, double prevalence);

}  // namespace regkit
