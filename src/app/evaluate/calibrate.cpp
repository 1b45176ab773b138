// Both ways fill a spool and then go through it marker by marker.
#include "app/evaluate/calibrate.hpp"

#include "base/text.hpp"

namespace regkit {
namespace {

// Of what the model says of the windows; false when stopped.
bool fill(CodeSpool& spool, Model model, Backend& backend, const LabelledWindows& w, bool rc_average) {
    PredictorOptions options;
    options.logits = true;
    options.rc_average = rc_average;
    const std::vector<std::int64_t> windows = windows_for_sites(w.dataset, w.windows, spool.markers());
    Predictor predictor(std::move(model), backend, options);
    return spool_windows(predictor, w.dataset, windows, w.read, w.labels, w.excluded, w.keep_going, spool);
}

}  // namespace

std::optional<CallFit> fit_model_calls(Model model, Backend& backend, const LabelledWindows& windows,
                                       ThreadPool& pool) {
    const std::vector<Marker> markers = model.markers;
    const Dataset& dataset = windows.dataset;
    CodeSpool spool(static_cast<int>(markers.size()), dataset.layout().bin, dataset.reference());
    if (!fill(spool, std::move(model), backend, windows, false)) return std::nullopt;
    const auto all = std::ssize(windows.windows);
    bool stopped = false;
    CallFit fit = fit_calls(spool, markers, pool, [&] { stopped = stopped || !windows.keep_going(all); });
    if (stopped) return std::nullopt;
    return fit;
}

std::string why_not_calibrated(const Model& model, const std::vector<std::int64_t>& windows) {
    if (model.spec.task == Task::coverage) return "it predicts coverage, not probabilities";
    if (windows.empty()) return "there are no validation windows";
    return "";
}

std::string sites_text(const char* f1, const SiteScores& sites) {
    return std::string("sites: ") + f1 + " " + number_text(sites.f1, "%.3f") + " (precision " +
           number_text(sites.precision, "%.3f") + ", recall " + number_text(sites.recall, "%.3f") +
           "), median length " + number_text(sites.called_length, "%.0f") + " bp of labels' " +
           number_text(sites.label_length, "%.0f");
}

std::vector<std::string> fit_sentences(const CallFit& fit) {
    std::vector<std::string> sentences;
    for (const ClassSites& c : fit.classes) {
        const std::string name = c.class_name.empty() ? "no class" : c.class_name;
        if (c.labelled == 0) {
            sentences.push_back(name + ": no labels in the validation windows");
            continue;
        }
        sentences.push_back(name + " (" + counted(c.labelled, "marker") + "): " +
                            sites_text("F1", {c.precision, c.recall, c.f1, c.called_length, c.label_length}));
    }
    return sentences;
}

std::optional<std::vector<SiteMetrics>> measure_sites(Model model, Backend& backend,
                                                      const LabelledWindows& windows, bool rc_average,
                                                      ThreadPool& pool) {
    const std::vector<Marker> markers = model.markers;
    const std::vector<MarkerCalls> calls = model.calls;
    const Dataset& dataset = windows.dataset;
    CodeSpool spool(static_cast<int>(markers.size()), dataset.layout().bin, dataset.reference());
    if (!fill(spool, std::move(model), backend, windows, rc_average)) return std::nullopt;
    return site_metrics(spool, markers, calls, pool);
}

}  // namespace regkit
