// For metrics_sklearn.py: reads f32 logits and a byte a label from files, prints the metrics of one marker, a
// line each.
//   metrics_probe LOGITS LABELS
#include <cstdio>
#include <fstream>
#include <iterator>

#include "app/evaluate/metrics.hpp"

using namespace regkit;

int main(int argc, char** argv) {
    if (argc != 3) return 2;
    std::ifstream logit_file(argv[1], std::ios::binary), label_file(argv[2], std::ios::binary);
    const std::vector<char> raw{std::istreambuf_iterator<char>(logit_file), {}};
    const std::vector<char> present{std::istreambuf_iterator<char>(label_file), {}};
    if (raw.size() != present.size() * sizeof(float)) return 2;
    const std::span<const float> logits(reinterpret_cast<const float*>(raw.data()), present.size());
    std::vector<LabelRun> labels;
    for (std::size_t i = 0; i < present.size(); ++i) {
        const auto at = static_cast<std::int32_t>(i);
        if (present[i]) labels.push_back({0, at, at + 1});
    }
    ThreadPool pool(2);
    MarkerCounts counts(1, pool);
    const KeptRun all{0, static_cast<std::int32_t>(present.size())};
    counts.add(logits, all.end, {&all, 1}, labels);
    std::vector<MarkerMetrics> all_metrics = counts.all_metrics();
    counts.add_calibration(all_metrics, {});
    const MarkerMetrics& m = all_metrics[0];
    for (const double value : {m.roc_auc, m.average_precision, m.pr_auc_trapezoid, m.recall_at_fdr05,
                               counts.loss(), m.mcc, m.top_k_accuracy, m.calibration.slope,
                               m.calibration.intercept, m.calibration.error, m.calibration.error_of_constant})
        std::printf("%.10g\n", value);
    return 0;
}
