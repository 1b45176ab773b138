// Model, data set, reference and excluded regions are loaded and held against each other before anything is
// computed. Then windows are counted either as training cut them, or joined to stretches and predicted with
// all the sequence around them, so that no base is computed twice; both feed the same counts. The table
// appears only when all is counted.
#include "app/evaluate/evaluate.hpp"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <map>
#include <optional>

#include "app/evaluate/block_bootstrap.hpp"
#include "app/evaluate/calibrate.hpp"
#include "app/evaluate/coverage_metrics.hpp"
#include "app/evaluate/metrics_table.hpp"
#include "app/evaluate/scoring.hpp"
#include "app/model/genome_of.hpp"
#include "app/model/label_fit.hpp"
#include "app/model/model.hpp"
#include "app/model/predictor.hpp"
#include "app/model/session.hpp"
#include "base/text.hpp"
#include "io/files/output_check.hpp"
#include "io/files/output_set.hpp"
#include "io/tracks/intervals.hpp"
#include "kernels/base/error.hpp"
#include "kernels/base/nth.hpp"
#include "kernels/base/thread_pool.hpp"
#include "nn/network.hpp"

namespace regkit {
namespace {

// The excluded bases of each of the data set's contigs, merged. Contigs that the data set does not know are
// counted.
ContigIntervals read_excluded(const std::vector<std::string>& paths, const Dataset& dataset, Log& log) {
    std::map<std::string, std::size_t, std::less<>> place;
    for (std::size_t i = 0; i < dataset.reference().size(); ++i) place[dataset.reference()[i].name] = i;
    ContigIntervals excluded(place.size());
    for (const std::string& path : paths) {
        IntervalReader reader(path, interval_format(path), log, nullptr, Blocks::use, Quote::yes,
                              BedGraph::refuse_named);
        Interval interval;
        std::int64_t known = 0, elsewhere = 0;
        while (reader.next(interval)) {
            const auto found = place.find(interval.contig);
            ++(found == place.end() ? elsewhere : known);
            if (found == place.end()) continue;
            for (const IntervalReader::Block& block : reader.blocks())
                excluded[found->second].push_back({block.begin, block.end});
        }
        if (known + elsewhere == 0) log.warn("empty-file", path + ": holds no interval and excludes nothing");
        require(known > 0 || elsewhere == 0, ErrorKind::mismatch,
                path +
                    ": none of its contigs is in the data set's reference; are they named chr1 there and 1 "
                    "here?");
        if (elsewhere > 0)
            log.info(path + ": " + counted(elsewhere, "interval") + (elsewhere == 1 ? " lies" : " lie") +
                     " on contigs that the data set does not have");
    }
    for (auto& ranges : excluded) {
        std::sort(ranges.begin(), ranges.end(),
                  [](const BaseRange& a, const BaseRange& b) { return a.begin < b.begin; });
        std::vector<BaseRange> merged;
        for (const BaseRange& range : ranges) {
            if (!merged.empty() && range.begin <= merged.back().end)
                merged.back().end = std::max(merged.back().end, range.end);
            else
                merged.push_back(range);
        }
        ranges = std::move(merged);
    }
    return excluded;
}

// Everything that both ways of counting need.
struct Counting {
    Backend& backend;
    const Dataset& dataset;
    const std::vector<std::int64_t>& windows;
    const ReadCodes& read;
    const LabelMap& labels;
    const ContigIntervals& excluded;
    const KeepGoing& keep_going;
    const CountPositions& count;
};

void count_paper(const Counting& task, Model model) {
    Network network(model.spec, static_cast<int>(model.markers.size()), task.backend);
    network.load(std::move(model.tensors));
    network.only_predict();
    count_windows(network, task.dataset, task.windows, task.read, task.labels, task.excluded, task.keep_going,
                  task.count);
}

// The labels of bases [begin, end) of a stretch, in output positions from `begin` on.
void stretch_labels(const Counting& task, const Stretch& stretch, std::int64_t begin, std::int64_t end,
                    std::vector<LabelRun>& out) {
    const std::int64_t span = task.dataset.layout().span(), bin = task.dataset.layout().bin;
    const std::int64_t count = (end - begin) / bin;
    out.clear();
    for (std::int64_t w = (begin - stretch.begin) / span; stretch.begin + w * span < end; ++w)
        task.labels.window_labels(task.dataset, task.windows[stretch.first + static_cast<std::size_t>(w)],
                                  (stretch.begin + w * span - begin) / bin, out);
    for (LabelRun& run : out) {
        run.begin = std::max(run.begin, 0);
        run.end = static_cast<std::int32_t>(std::min<std::int64_t>(run.end, count));
    }
    std::erase_if(out, [](const LabelRun& run) { return run.begin >= run.end; });
    sort_labels(out);
}

void count_tiled(const Counting& task, Model model) {
    PredictorOptions options;
    options.logits = true;  // in f32: metrics rank, and 8-bit codes would tie what a model tells apart
    Predictor predictor(std::move(model), task.backend, options);
    const std::int64_t span = task.dataset.layout().span(), bin = task.dataset.layout().bin;
    std::vector<KeptRun> kept;
    std::vector<LabelRun> runs;
    for (const Stretch& stretch : stretches_of(task.dataset, task.windows)) {
        require(
            stretch.begin % bin == 0, ErrorKind::mismatch,
            task.dataset.path() + ": windows do not begin at multiples of the bin; use --window-mode paper");
        const auto fetch = [&](std::int64_t begin, std::int64_t end, std::span<std::uint8_t> codes) {
            task.read(stretch.contig, begin, end, codes);
        };
        const auto sink = [&](std::int64_t begin, std::int64_t end, std::span<const std::uint8_t> codes,
                              std::span<const float> logits) {
            kept.clear();
            kept_positions(codes, begin, bin, nth(task.excluded, stretch.contig), 0, kept);
            stretch_labels(task, stretch, begin, end, runs);
            const RowPlace place{0, stretch.contig, begin};
            task.count(logits, (end - begin) / bin, kept, runs, {&place, 1});
            task.keep_going(static_cast<std::int64_t>(stretch.first) + (end - stretch.begin) / span);
        };
        const std::int64_t length = nth(task.dataset.reference(), stretch.contig).length;
        predictor.predict(length, stretch.begin, stretch.end, fetch, sink);
    }
}

// `why`: what a marker without metrics has; `constant`: what follows of a constant.
void report_unscored(const std::vector<ClassReport>& classes, const std::string& split, const char* why,
                     const char* constant, Log& log) {
    for (const ClassReport& c : classes) {
        const std::string of =
            " of " + std::to_string(c.markers) + " markers of class '" + c.class_name + "'";
        if (c.constant > 0)
            log.warn("constant-prediction", "the model predicts a constant for " +
                                                std::to_string(c.constant) + of + " in " + split +
                                                ": it tells nothing about them" + constant);
        if (c.scored < c.markers)
            log.info(std::to_string(c.markers - c.scored) + " of " + counted(c.markers, "marker") +
                     " of class '" + c.class_name + "' " + (c.markers - c.scored == 1 ? "has " : "have ") +
                     why + " in " + split + ": NA, left out of its means");
    }
}

// Results must not take the place of what they were made from.
void refuse_inputs(const EvaluateParameters& p, const std::string& fasta) {
    std::vector<std::string> outputs = {p.output}, inputs = p.exclude;
    for (const std::string& more : {p.curves, p.calibrate})
        if (!more.empty()) outputs.push_back(more);
    inputs.insert(inputs.end(), {p.model, p.dataset, fasta});
    refuse_inputs_as_outputs(outputs, inputs);
}

AtomicFile text_file(const std::string& path, const std::string& text) {
    AtomicFile file(path);
    file.write(text);
    return file;
}

std::string rounded(const char* format, double a, double b = 0, double c = 0) {
    char text[160];
    std::snprintf(text, sizeof text, format, a, b, c);
    return text;
}

// What was counted, ready to be told and written.
struct Measured {
    EvaluateReport report;
    std::string table, curves;
    const char* unscored = "";  // why a marker may have no metrics
    const char* constant = "";  // what the table has for a constant
};

// Adds to the metrics by calling what it is given.
using CountAll = std::function<void(const CountPositions&)>;

SiteScores scores_of(const SiteMetrics& m) {
    const auto share = [](std::int64_t part, std::int64_t all) {
        return all > 0 ? static_cast<double>(part) / static_cast<double>(all) : SiteScores::kNone;
    };
    return {share(m.matched, m.calls), share(m.matched, m.labels), share(2 * m.matched, m.calls + m.labels),
            m.called_length, m.label_length};
}

// "; 95 % intervals 0.0121-0.0166 and 0.5831-0.6102"; "" where there are none.
std::string intervals_text(const RankingIntervals& of) {
    if (std::isnan(of.average_precision.low) || std::isnan(of.roc_auc.low)) return "";
    return rounded("; 95 %% intervals %.4f-%.4f", of.average_precision.low, of.average_precision.high) +
           rounded(" and %.4f-%.4f", of.roc_auc.low, of.roc_auc.high);
}

// Means, but of lengths the medians; "" of a model without calls.
std::string class_sites_text(const ClassMean& c) {
    if (std::isnan(c.mean.sites.f1)) return "";
    SiteScores sites = c.mean.sites;
    sites.called_length = c.median.sites.called_length;
    sites.label_length = c.median.sites.label_length;
    return sites_text("mean F1", sites);
}

// `calls` and `sites` of each marker of a calibrated model; else empty.
Measured measure_presence(const EvaluateParameters& p, const std::vector<Marker>& markers,
                          const std::vector<MarkerCalls>& calls, const std::vector<SiteMetrics>& sites,
                          const Dataset& dataset, std::span<const std::int64_t> windows, ThreadPool& pool,
                          const CountAll& count_all) {
    const int count = static_cast<int>(markers.size());
    MarkerCounts counts(count, pool);
    std::optional<BlockSamples> samples;
    std::optional<BlockBootstrap> bootstrap;
    if (p.bootstrap > 0) {
        samples.emplace(blocks_of(dataset, windows), p.bootstrap, p.seed);
        bootstrap.emplace(count, *samples, 1, pool);
    }
    count_all([&](std::span<const float> logits, std::int64_t length, std::span<const KeptRun> kept,
                  std::span<const LabelRun> labels, std::span<const RowPlace> places) {
        if (!bootstrap) return counts.add(logits, length, kept, labels);
        bootstrap->begin_batch(kept, places, dataset.layout().bin);
        counts.add(logits, length, kept, labels, [&](const BinnedRow& row) { bootstrap->count(row); });
    });
    std::vector<MarkerMetrics> metrics = counts.all_metrics();
    counts.add_calibration(metrics, calls);
    for (std::size_t i = 0; i < sites.size(); ++i) metrics[i].sites = scores_of(sites[i]);
    std::vector<ClassMean> classes = class_means(markers, metrics);
    if (bootstrap) bootstrap->add_intervals(markers, metrics, classes);
    Measured m;
    m.report.positions = metrics.front().positions;
    m.report.loss = counts.loss();
    m.unscored = "no positives or no negatives";
    m.constant = "; pr_auc_trapezoid is NA";
    for (const ClassMean& c : classes)
        m.report.classes.push_back(
            {c.class_name, c.markers, c.scored, c.constant, class_sites_text(c),
             c.scored == 0
                 ? ""
                 : "mean average precision " +
                       precision_text(c.mean.average_precision, "mean prevalence", c.mean.prevalence) +
                       rounded(", ROC AUC %.4f", c.mean.roc_auc) + intervals_text(c.mean.intervals)});
    m.table = metrics_table(p.split, markers, metrics, classes);
    if (!p.curves.empty()) m.curves = curves_table(p.split, markers, counts);
    return m;
}

Measured measure_coverage(const EvaluateParameters& p, const std::vector<Marker>& markers, ThreadPool& pool,
                          const CountAll& count_all) {
    CoverageSums sums(static_cast<int>(markers.size()), pool);
    count_all([&](std::span<const float> logits, std::int64_t length, std::span<const KeptRun> kept,
                  std::span<const LabelRun> labels,
                  std::span<const RowPlace>) { sums.add(logits, length, kept, labels); });
    const std::vector<CoverageMetrics> metrics = sums.all_metrics();
    Measured m;
    m.report.positions = metrics.front().bins;
    m.report.loss = sums.loss();
    m.unscored = "the same coverage or prediction everywhere";
    for (const CoverageClassMean& c : class_means(markers, metrics))
        m.report.classes.push_back(
            {c.class_name, c.markers, c.scored, c.constant, "",
             c.scored == 0 ? ""
                           : rounded("Pearson correlation %.4f, of log(1 + x) %.4f, Poisson loss %.4f",
                                     c.mean.pearson_r, c.mean.pearson_r_log1p, c.mean.poisson_loss)});
    m.table = coverage_table(p.split, markers, metrics);
    return m;
}

// Labels and outputs must stand for the same bases.
void require_evaluable(const EvaluateParameters& p, const Model& model, const Dataset& dataset) {
    const SpecSummary summary = summarise(model.spec, static_cast<int>(model.markers.size()));
    const LabelLayout outputs = output_layout(model, summary);
    const LabelLayout& labels = dataset.layout();
    require(p.window_mode == "paper" || (!summary.fixed_window && summary.finite_context), ErrorKind::usage,
            "--window-mode tiled: " + model.spec.name +
                (summary.fixed_window ? " takes windows of one length"
                                      : " reads the whole window for every output") +
                "; use paper");
    require(p.curves.empty() || model.spec.task != Task::coverage, ErrorKind::usage,
            "--curves: coverage is not ranked, there are none");
    const std::string name = "model " + p.model;
    require_fit(model.spec, summary, labels, dataset.window(), dataset.path(), name);
    require(!summary.fixed_window || (outputs.bin == labels.bin && outputs.offset == labels.offset),
            ErrorKind::mismatch,
            dataset.path() + ": its windows are labelled at " + std::to_string(labels.count) + " x " +
                std::to_string(labels.bin) + " bases from base " + std::to_string(labels.offset) + " on, " +
                name + " was trained on " + std::to_string(outputs.count) + " x " +
                std::to_string(outputs.bin) + " from base " + std::to_string(outputs.offset) + " on");
}

}  // namespace

void EvaluateParameters::verify() const {
    require(!model.empty(), ErrorKind::usage, "-m: a model is needed; regtrain makes one");
    require(!dataset.empty(), ErrorKind::usage, "-d: a data set is needed; regds-build makes one");
    parse_split(split);
    require(window_mode == "paper" || window_mode == "tiled", ErrorKind::usage,
            "--window-mode '" + window_mode + "': not one of paper, tiled");
    std::vector<std::string> outputs = {output};
    for (const std::string& more : {curves, calibrate})
        if (!more.empty()) outputs.push_back(more);
    refuse_equal_outputs(outputs);
    require(calibrate.empty() || markers.empty(), ErrorKind::usage,
            "--calibrate writes the whole model: it does not go with -k");
}

EvaluateReport evaluate(const EvaluateParameters& parameters, Log& log, const TellWork& tell) {
    parameters.verify();
    Session session(parameters.model, parameters.markers, parameters.backend, log);
    const Model& model = session.model();
    const Dataset dataset = Dataset::load(parameters.dataset, log);
    FastaFile fasta = open_reference(dataset, parameters.fasta, parameters.check_reference);
    refuse_inputs(parameters, fasta.path());
    require_evaluable(parameters, model, dataset);
    const LabelMap labels = LabelMap::by_name(model.markers, dataset);
    const std::vector<std::int64_t> windows = dataset.select(parse_split(parameters.split));
    require(!windows.empty(), ErrorKind::input, dataset.path() + ": no windows in split " + parameters.split);
    if (!parameters.check_reference && !dataset.check_windows(fasta, windows))
        log.info(dataset.path() +
                 ": holds no digests of the reference (it was built by an older regkit): only names and "
                 "lengths were compared; --check-reference compares all bases");
    const ContigIntervals excluded = read_excluded(parameters.exclude, dataset, log);

    std::vector<int> contig_of;  // the FASTA's number of each of the data set's contigs
    for (const ReferenceContig& contig : dataset.reference()) contig_of.push_back(fasta.find(contig.name));
    const ReadCodes read = [&](std::int32_t contig, std::int64_t begin, std::int64_t end,
                               std::span<std::uint8_t> codes) {
        fasta.read(nth(contig_of, contig), begin, end, codes);
    };
    const auto begin = std::chrono::steady_clock::now();
    double speed = 0;
    const auto total = static_cast<std::int64_t>(windows.size());
    const std::vector<std::int64_t> valid =
        parameters.calibrate.empty() ? std::vector<std::int64_t>{} : dataset.select(Split::valid);
    const bool calibrated = !parameters.calibrate.empty() || !model.calls.empty();
    // Windows of one pass after another: calibration, sites, metrics.
    std::int64_t before = 0;
    WorkDone work{.total = (std::ssize(valid) + (calibrated ? 2 : 1) * total) * dataset.window()};
    const KeepGoing keep_going = [&](std::int64_t done) {
        work.done = (before + done) * dataset.window();
        tell(work);
        return true;
    };
    ThreadPool pool(resolve_workers(parameters.backend.workers));
    OutputSet outputs;
    std::vector<MarkerCalls> calls = model.calls;
    if (!parameters.calibrate.empty()) {
        const std::string why = why_not_calibrated(model, valid);
        require(why.empty(), ErrorKind::input, "--calibrate " + parameters.calibrate + ": " + why);
        const std::optional<CallFit> fit = fit_model_calls(
            model, session.backend(), {dataset, valid, read, labels, excluded, keep_going}, pool);
        for (const std::string& sentence : fit_sentences(*fit)) log.info("calls: " + sentence);
        calls = fit->calls;
        before = std::ssize(valid);
        Model fitted = model;
        fitted.calls = calls;
        add_model(outputs, parameters.calibrate, fitted);
    }
    std::vector<SiteMetrics> sites;
    if (calibrated) {
        Model fitted = model;
        fitted.calls = calls;
        sites = *measure_sites(std::move(fitted), session.backend(),
                               {dataset, windows, read, labels, excluded, keep_going}, pool);
        before += total;
    }
    const CountAll count_all = [&](const CountPositions& count) {
        const Counting task{session.backend(), dataset, windows, read, labels, excluded, keep_going, count};
        keep_going(0);
        (parameters.window_mode == "tiled" ? count_tiled : count_paper)(task, session.take_model());
        const std::chrono::duration<double> spent = std::chrono::steady_clock::now() - begin;
        speed = static_cast<double>(work.total) / std::max(spent.count(), 1e-9);
    };
    const bool coverage = model.spec.task == Task::coverage;
    Measured measured = coverage ? measure_coverage(parameters, model.markers, pool, count_all)
                                 : measure_presence(parameters, model.markers, calls, sites, dataset, windows,
                                                    pool, count_all);
    session.tell_notices();
    tell_placeholders(fasta.path(), fasta.placeholders(), log);
    tell_empty_records(fasta, log);
    measured.report.windows = total;
    measured.report.nt_per_second = speed;
    require(measured.report.positions > 0, ErrorKind::input,
            dataset.path() + ": no position of split " + parameters.split + " is left to count");
    work.complete = true;
    tell(work);
    if (!parameters.curves.empty()) outputs.add(text_file(parameters.curves, measured.curves));
    outputs.add(text_file(parameters.output, measured.table));
    outputs.commit();
    report_unscored(measured.report.classes, parameters.split, measured.unscored, measured.constant, log);
    return measured.report;
}

}  // namespace regkit
