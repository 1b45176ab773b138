// Baselines are made, measured and forgotten one after the other, so that memory holds the counts of one.
#include "app/evaluate/baselines/baselines.hpp"

#include <algorithm>
#include <cmath>
#include <memory>

#include "app/evaluate/baselines/composition.hpp"
#include "app/evaluate/baselines/motif_scan.hpp"
#include "app/evaluate/baselines/other_cells.hpp"
#include "base/printable.hpp"
#include "base/text.hpp"
#include "kernels/base/nth.hpp"

namespace regkit {
namespace {

class ConstantBaseline final : public Baseline {
  public:
    explicit ConstantBaseline(std::size_t markers) : markers_(static_cast<std::int64_t>(markers)) {}
    std::int64_t reach() const override { return 0; }
    void score(const ScoredPositions& positions, float* scores, std::int64_t stride) const override {
        for (std::int64_t m = 0; m < markers_; ++m) std::fill_n(scores + m * stride, positions.count, 0.0f);
    }

  private:
    std::int64_t markers_;
};

struct FittedBaseline {
    std::string name;
    bool from_sequence = true;
    std::unique_ptr<Baseline> baseline = {};
    bool logits = false;                    // its scores are logits of probabilities
    std::vector<bool> missing = {};         // markers that it says nothing of
    std::vector<std::string> details = {};  // of each marker; "" is none
};

// Metrics of some markers on the windows that baselines are fitted on.
std::vector<MarkerMetrics> fit_metrics(const Baseline& baseline, std::size_t markers,
                                       const LabelledWindows& windows, ThreadPool& pool) {
    MarkerCounts counts(static_cast<int>(markers), pool);
    count_baseline(baseline, static_cast<std::int64_t>(markers), windows, pool,
                   [&](std::span<const float> scores, std::int64_t length, std::span<const KeptRun> kept,
                       std::span<const LabelRun> labels,
                       std::span<const RowPlace>) { counts.add(scores, length, kept, labels); });
    return counts.all_metrics();
}

FittedBaseline composition_baseline(Composition of, const LabelledWindows& fit, const MeasuredSplit& split) {
    const std::size_t markers = split.markers.size();
    std::vector<bool> falls(markers);
    if (!fit.windows.empty()) {
        const auto metrics = fit_metrics(CompositionBaseline(of, falls), markers, fit, split.pool);
        for (std::size_t m = 0; m < markers; ++m) falls[m] = metrics[m].scored && metrics[m].roc_auc < 0.5;
    }
    FittedBaseline fitted{of == Composition::gc ? "gc" : "cpg"};
    for (std::size_t m = 0; m < markers; ++m) fitted.details.push_back(falls[m] ? "lower" : "higher");
    fitted.baseline = std::make_unique<CompositionBaseline>(of, std::move(falls));
    return fitted;
}

// Of each marker the motifs of its target, or, where it has none, of its name.
std::vector<std::vector<int>> motifs_of(const std::vector<Marker>& markers, const MotifFile& file) {
    std::vector<std::vector<int>> all(markers.size());
    for (std::size_t m = 0; m < markers.size(); ++m)
        for (std::size_t i = 0; i < file.motifs.size(); ++i)
            if (file.motifs[i].is_of(markers[m].target.empty() ? markers[m].name : markers[m].target))
                all[m].push_back(static_cast<int>(i));
    return all;
}

// Of several motifs the one with the largest average precision on the windows of the fit; each round tries
// the next one of all markers that have several.
std::vector<int> best_motifs(const std::vector<std::vector<int>>& candidates,
                             const std::shared_ptr<const std::vector<MotifScan>>& scans,
                             const LabelledWindows& fit, ThreadPool& pool) {
    std::vector<int> best;
    std::vector<std::size_t> several;
    std::size_t rounds = 0;
    for (std::size_t m = 0; m < candidates.size(); ++m) {
        best.push_back(candidates[m].empty() ? -1 : candidates[m].front());
        if (candidates[m].size() < 2) continue;
        several.push_back(m);
        rounds = std::max(rounds, candidates[m].size());
    }
    if (several.empty() || fit.windows.empty()) return best;
    LabelMap labels;
    for (const int marker : fit.labels.labels_of) {
        const auto found = std::find(several.begin(), several.end(), static_cast<std::size_t>(marker));
        labels.labels_of.push_back(found == several.end() ? -1 : static_cast<int>(found - several.begin()));
    }
    std::vector<double> precision(several.size(), -1);
    for (std::size_t round = 0; round < rounds; ++round) {
        std::vector<int> tried;
        for (const std::size_t m : several)
            tried.push_back(round < candidates[m].size() ? candidates[m][round] : -1);
        const auto metrics =
            fit_metrics(MotifBaseline(scans, tried), several.size(),
                        {fit.dataset, fit.windows, fit.read, labels, fit.excluded, fit.keep_going}, pool);
        for (std::size_t i = 0; i < several.size(); ++i)
            if (tried[i] >= 0 && metrics[i].scored && metrics[i].average_precision > precision[i]) {
                precision[i] = metrics[i].average_precision;
                best[several[i]] = tried[i];
            }
    }
    return best;
}

FittedBaseline motif_baseline(const MotifFile& file, const std::vector<Marker>& markers,
                              const LabelledWindows& fit, ThreadPool& pool) {
    auto scans = std::make_shared<std::vector<MotifScan>>();
    for (const Motif& motif : file.motifs) scans->emplace_back(motif, file.background);
    const std::vector<int> best = best_motifs(motifs_of(markers, file), scans, fit, pool);
    FittedBaseline fitted{"motif"};
    for (const int motif : best) {
        fitted.missing.push_back(motif < 0);
        fitted.details.push_back(motif < 0 ? "" : printable(nth(file.motifs, motif).full_name()));
    }
    fitted.baseline = std::make_unique<MotifBaseline>(scans, best);
    return fitted;
}

FittedBaseline kmer_baseline(const BaselineTask& task, const MeasuredSplit& split) {
    const std::size_t markers = split.markers.size();
    FittedBaseline fitted{"kmer"};
    auto regression =
        KmerRegression::fit(task.kmers, static_cast<std::int64_t>(markers), task.fit, split.pool);
    for (std::size_t m = 0; m < markers; ++m) {
        fitted.missing.push_back(!regression || !regression->learnt(m));
        fitted.details.push_back(fitted.missing[m] ? ""
                                                   : std::to_string(task.kmers.k) + "-mers within " +
                                                         std::to_string(task.kmers.reach) + " bp");
    }
    fitted.logits = true;
    fitted.baseline = std::move(regression);
    if (!fitted.baseline) fitted.baseline = std::make_unique<ConstantBaseline>(markers);
    return fitted;
}

FittedBaseline other_cells_baseline(const std::vector<Marker>& markers, const Dataset& dataset) {
    std::vector<std::vector<int>> others = same_target_elsewhere(markers, dataset);
    FittedBaseline fitted{"other-cells", false};
    for (const std::vector<int>& of : others) {
        fitted.missing.push_back(of.empty());
        fitted.details.push_back(of.empty() ? "" : "not from sequence; " + counted(std::ssize(of), "marker"));
    }
    fitted.baseline = std::make_unique<OtherCellsBaseline>(dataset, std::move(others));
    return fitted;
}

MoreFields fields_of(const FittedBaseline& fitted) {
    MoreFields fields{.of_all = "\t" + fitted.name, .of_classes = "\t."};
    for (const std::string& detail : fitted.details)
        fields.of_markers.push_back("\t" + (detail.empty() ? "." : detail));
    return fields;
}

// Of each of the model's markers the data set's description of it, which has the target and the cell of its
// sheet.
std::vector<Marker> markers_of(const Dataset& dataset, const LabelMap& labels, std::size_t markers) {
    std::vector<Marker> described(markers);
    for (std::size_t i = 0; i < labels.labels_of.size(); ++i)
        if (labels.labels_of[i] >= 0) nth(described, labels.labels_of[i]) = dataset.markers()[i];
    return described;
}

// Of windows evenly spread ones.
std::vector<std::int64_t> thinned(const Dataset& dataset, const std::vector<std::int64_t>& windows) {
    const std::int64_t most = std::max<std::int64_t>(kBaselineFitBases / dataset.layout().span(), 1),
                       every = (std::ssize(windows) + most - 1) / most;
    std::vector<std::int64_t> some;
    for (std::int64_t i = 0; i < std::ssize(windows); i += every) some.push_back(nth(windows, i));
    return some;
}

// What the model is held against: of each marker the best baseline that predicts from sequence.
struct Best {
    std::string name;
    double average_precision = -1;
};

std::string not_better(const MeasuredSplit& split, const Measured& model, const std::vector<Best>& best) {
    std::vector<std::string> names;
    std::int64_t scored = 0;
    for (std::size_t m = 0; m < best.size(); ++m) {
        if (!model.metrics[m].scored) continue;
        ++scored;
        if (model.metrics[m].average_precision > best[m].average_precision) continue;
        names.push_back(split.markers[m].name + " (" + best[m].name + " " +
                        number_text(best[m].average_precision, "%.4f") + ", model " +
                        number_text(model.metrics[m].average_precision, "%.4f") + ")");
    }
    if (names.empty())
        return "the model is better than every baseline from sequence for all of " +
               counted(scored, "marker") + ", by average precision";
    constexpr std::size_t kNamed = 40;
    return "by average precision the model is not better than the best baseline from sequence for " +
           std::to_string(names.size()) + " of " + counted(scored, "marker") + ": " + some_of(names, kNamed);
}

}  // namespace

MoreFields model_fields() {
    return {.of_all = "\tmodel\t."};
}

int baseline_passes(bool motifs) {
    return motifs ? 6 : 5;
}

BaselineReport measure_baselines(const BaselineTask& task, const MeasuredSplit& split,
                                 const Measured& model) {
    BaselineReport report;
    std::vector<Best> best(split.markers.size());
    const auto measure = [&](FittedBaseline fitted) {
        const CountAll count_all = [&](const CountPositions& count) {
            count_baseline(*fitted.baseline, std::ssize(split.markers), task.windows, split.pool, count);
        };
        const Measured measured = measure_presence(
            split, {.calibrated = fitted.logits, .missing = fitted.missing, .fields = fields_of(fitted)},
            false, count_all);
        report.rows += measured.rows;
        report.sentences.push_back("baseline " + fitted.name +
                                   (fitted.from_sequence ? "" : " (not from sequence)") +
                                   ": mean average precision " + measured.means);
        for (std::size_t m = 0; m < best.size() && fitted.from_sequence; ++m)
            if (measured.metrics[m].scored &&
                measured.metrics[m].average_precision > best[m].average_precision)
                best[m] = {fitted.name, measured.metrics[m].average_precision};
    };
    FittedBaseline prevalence{"prevalence"};
    prevalence.baseline = std::make_unique<ConstantBaseline>(best.size());
    prevalence.details.resize(best.size());
    measure(std::move(prevalence));
    const std::vector<std::int64_t> some = thinned(split.dataset, task.fit.windows);
    const KeepGoing keep_going = [](std::int64_t) { return true; };
    const LabelledWindows part{split.dataset,     some,      task.fit.read, task.fit.labels,
                               task.fit.excluded, keep_going};
    measure(composition_baseline(Composition::gc, part, split));
    measure(composition_baseline(Composition::cpg, part, split));
    const std::vector<Marker> markers = markers_of(split.dataset, task.fit.labels, best.size());
    if (task.motifs) measure(motif_baseline(*task.motifs, markers, part, split.pool));
    measure(kmer_baseline(task, split));
    measure(other_cells_baseline(markers, split.dataset));
    report.sentences.push_back(not_better(split, model, best));
    return report;
}

}  // namespace regkit
