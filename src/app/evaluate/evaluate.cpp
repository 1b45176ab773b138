// Model, data set, reference and excluded regions are loaded and held against each other before anything is
// computed. Then windows are counted either as training cut them, or joined to stretches and predicted with
// all the sequence around them, so that no base is computed twice; both feed the same counts. The table
// appears only when all is counted.
#include "app/evaluate/evaluate.hpp"

#include <algorithm>
#include <chrono>
#include <optional>

#include "app/evaluate/baselines/baselines.hpp"
#include "app/evaluate/calibrate.hpp"
#include "app/evaluate/ensemble_windows.hpp"
#include "app/evaluate/measure.hpp"
#include "app/evaluate/scoring.hpp"
#include "app/model/ensemble.hpp"
#include "app/model/genome_of.hpp"
#include "app/model/label_fit.hpp"
#include "app/model/model.hpp"
#include "app/model/session.hpp"
#include "base/text.hpp"
#include "io/files/bgzf_writer.hpp"
#include "io/files/output_check.hpp"
#include "io/files/output_set.hpp"
#include "kernels/base/error.hpp"
#include "kernels/base/nth.hpp"
#include "kernels/base/thread_pool.hpp"
#include "nn/network.hpp"

namespace regkit {
namespace {

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
    ThreadPool& pool;
    bool rc_average = false;
};

void count_paper(const Counting& task, std::vector<Model> models, const std::vector<std::string>&) {
    if (models.size() > 1) {
        EnsembleWindows ensemble(std::move(models), task.dataset, task.rc_average, task.backend, task.pool);
        count_windows(ensemble.logits(), task.dataset, task.windows, task.read, task.labels, task.excluded,
                      task.keep_going, task.count);
        return;
    }
    Model& model = models.front();
    Network network(model.spec, static_cast<int>(model.markers.size()), task.backend);
    network.load(std::move(model.tensors));
    network.only_predict();
    count_windows(network, task.dataset, task.windows, task.read, task.labels, task.excluded, task.keep_going,
                  task.count, task.rc_average);
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

void count_tiled(const Counting& task, std::vector<Model> models, const std::vector<std::string>& paths) {
    const bool several = models.size() > 1;  // of one, the metrics know what its logits mean
    // In f32: metrics rank, and 8-bit codes would tie what a model tells apart.
    Ensemble ensemble(std::move(models), paths, task.backend,
                      {.predictor = {.rc_average = task.rc_average, .logits = true},
                       .calibrated = several,
                       .spread = several},
                      task.pool);
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
        ensemble.predict(length, stretch.begin, stretch.end, 0, fetch, sink);
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
    for (const std::string& more : {p.by, p.motifs})
        if (!more.empty()) inputs.push_back(more);
    for (const std::string& more : {p.curves, p.calibrate})
        if (!more.empty()) outputs.push_back(more);
    inputs.insert(inputs.end(), p.models.begin(), p.models.end());
    inputs.insert(inputs.end(), {p.dataset, fasta});
    refuse_inputs_as_outputs(outputs, inputs);
}

// Labels and outputs must stand for the same bases.
void require_evaluable(const EvaluateParameters& p, const Model& model, const std::string& path,
                       const Dataset& dataset) {
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
    require(!p.baselines || model.spec.task != Task::coverage, ErrorKind::usage,
            "--baselines: coverage is not ranked, there are none");
    const std::string name = "model " + path;
    require_fit(model.spec, summary, labels, dataset.window(), dataset.path(), name);
    require(!summary.fixed_window || (outputs.bin == labels.bin && outputs.offset == labels.offset),
            ErrorKind::mismatch,
            dataset.path() + ": its windows are labelled at " + std::to_string(labels.count) + " x " +
                std::to_string(labels.bin) + " bases from base " + std::to_string(labels.offset) + " on, " +
                name + " was trained on " + std::to_string(outputs.count) + " x " +
                std::to_string(outputs.bin) + " from base " + std::to_string(outputs.offset) + " on");
}

// What baselines need besides the model's windows; nothing where there are none.
struct BaselineInputs {
    std::vector<std::int64_t> to_fit;
    std::optional<MotifFile> motifs;
    std::int64_t passed = 0;  // windows that all of them go through
};

// They are fitted on training windows, or where there are none and they are not what is evaluated, on those
// of validation.
BaselineInputs read_baseline_inputs(const EvaluateParameters& p, const Dataset& dataset, FastaFile& fasta) {
    BaselineInputs inputs;
    if (!p.baselines) return inputs;
    const Split split = parse_split(p.split);
    if (!p.motifs.empty()) inputs.motifs = read_meme(p.motifs);
    inputs.to_fit = dataset.select(Split::train);
    if (inputs.to_fit.empty() && split != Split::valid) inputs.to_fit = dataset.select(Split::valid);
    dataset.check_windows(fasta, inputs.to_fit);
    inputs.passed = baseline_passes(inputs.motifs.has_value()) * std::ssize(dataset.select(split)) +
                    std::ssize(inputs.to_fit);
    return inputs;
}

// `before`: windows of earlier passes, to which each pass adds its own.
BaselineReport baselines_beside(const Measured& model, const MeasuredSplit& split,
                                const LabelledWindows& windows, const BaselineInputs& inputs,
                                std::int64_t& before) {
    // A pass ends with the number of all its windows.
    const auto pass_of = [&](const std::vector<std::int64_t>& of) {
        return [&](std::int64_t done) {
            const bool more = windows.keep_going(done);
            if (done == std::ssize(of)) before += done;
            return more;
        };
    };
    const KeepGoing measuring = pass_of(windows.windows), fitting = pass_of(inputs.to_fit);
    const LabelledWindows measured{windows.dataset, windows.windows,  windows.read,
                                   windows.labels,  windows.excluded, measuring},
        fit{windows.dataset, inputs.to_fit, windows.read, windows.labels, windows.excluded, fitting};
    return measure_baselines({measured, fit, inputs.motifs}, split, model);
}

}  // namespace

void EvaluateParameters::verify() const {
    require(!models.empty(), ErrorKind::usage, "-m: a model is needed; regtrain makes one");
    require(!dataset.empty(), ErrorKind::usage, "-d: a data set is needed; regds-build makes one");
    parse_split(split);
    require(window_mode == "paper" || window_mode == "tiled", ErrorKind::usage,
            "--window-mode '" + window_mode + "': not one of paper, tiled");
    std::vector<std::string> outputs = {output};
    for (const std::string& more : {curves, calibrate})
        if (!more.empty()) outputs.push_back(more);
    refuse_equal_outputs(outputs);
    require(motifs.empty() || baselines, ErrorKind::usage, "--motifs is for --baselines, which is not given");
    require(calibrate.empty() || models.size() == 1, ErrorKind::usage,
            "--calibrate writes one model: it does not go with several -m, whose mean is not calibrated; "
            "calibrate each by itself");
    require(calibrate.empty() || markers.empty(), ErrorKind::usage,
            "--calibrate writes the whole model: it does not go with -k");
    require(
        calibrate.empty() || !rc_average, ErrorKind::usage,
        "--calibrate fits the probabilities of one strand, as all tools predict them: it does not go with "
        "--rc-average");
}

EvaluateReport evaluate(const EvaluateParameters& parameters, Log& log, const TellWork& tell) {
    parameters.verify();
    Session session(parameters.models, parameters.markers, parameters.backend, log);
    const Model& model = session.model();
    const Dataset dataset = Dataset::load(parameters.dataset, log);
    FastaFile fasta = open_reference(dataset, parameters.fasta, parameters.check_reference);
    refuse_inputs(parameters, fasta.path());
    for (std::size_t i = 0; i < parameters.models.size(); ++i)
        require_evaluable(parameters, session.models()[i], parameters.models[i], dataset);
    const LabelMap labels = LabelMap::by_name(model.markers, dataset);
    const std::vector<std::int64_t> windows = dataset.select(parse_split(parameters.split));
    require(!windows.empty(), ErrorKind::input, dataset.path() + ": no windows in split " + parameters.split);
    if (!parameters.check_reference && !dataset.check_windows(fasta, windows))
        log.info(dataset.path() +
                 ": holds no digests of the reference (it was built by an older regkit): only names and "
                 "lengths were compared; --check-reference compares all bases");
    const ContigIntervals excluded = read_regions(parameters.exclude, dataset, log);
    std::vector<Annotation> annotations;
    const bool annotated = !parameters.by.empty();
    if (annotated) annotations = read_annotations(parameters.by, dataset, log);
    const BaselineInputs baseline_inputs = read_baseline_inputs(parameters, dataset, fasta);

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
    const bool ensemble = session.is_ensemble();
    const bool calibrated = !ensemble && (!parameters.calibrate.empty() || !model.calls.empty());
    // Windows of one pass after another: calibration, sites, metrics.
    std::int64_t before = 0;
    const std::int64_t by_model = std::ssize(valid) + (calibrated ? 2 : 1) * total;
    WorkDone work{.total = (by_model + baseline_inputs.passed) * dataset.window()};
    const KeepGoing keep_going = [&](std::int64_t done) {
        work.done = (before + done) * dataset.window();
        tell(work);
        return true;
    };
    ThreadPool pool(resolve_workers(parameters.backend.workers));
    OutputSet outputs;
    std::vector<MarkerCalls> calls;
    if (calibrated) calls = model.calls;
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
                               {dataset, windows, read, labels, excluded, keep_going}, parameters.rc_average,
                               pool);
        before += total;
    }
    const CountAll count_all = [&](const CountPositions& count) {
        const Counting task{session.backend(), dataset,    windows, read, labels,
                            excluded,          keep_going, count,   pool, parameters.rc_average};
        keep_going(0);
        (parameters.window_mode == "tiled" ? count_tiled : count_paper)(task, session.take_models(),
                                                                        parameters.models);
        const std::chrono::duration<double> spent = std::chrono::steady_clock::now() - begin;
        speed = static_cast<double>(by_model * dataset.window()) / std::max(spent.count(), 1e-9);
    };
    const bool coverage = model.spec.task == Task::coverage;
    const MeasuredSplit split{.split = parameters.split,
                              .markers = model.markers,
                              .dataset = dataset,
                              .windows = windows,
                              .annotations = annotated ? &annotations : nullptr,
                              .bootstrap = parameters.bootstrap,
                              .seed = parameters.seed,
                              .spread = ensemble,
                              .pool = pool};
    const Measured measured =
        coverage ? measure_coverage(split, count_all)
                 : measure_presence(split,
                                    {.calibrated = true,
                                     .calls = calls,
                                     .sites = sites,
                                     .spread = ensemble,
                                     .fields = parameters.baselines ? model_fields() : MoreFields()},
                                    !parameters.curves.empty(), count_all);
    session.tell_notices();
    require(measured.positions > 0, ErrorKind::input,
            dataset.path() + ": no position of split " + parameters.split + " is left to count");
    before += total;
    BaselineReport baselines;
    if (parameters.baselines)
        baselines = baselines_beside(measured, split, {dataset, windows, read, labels, excluded, keep_going},
                                     baseline_inputs, before);
    tell_placeholders(fasta.path(), fasta.placeholders(), log);
    tell_empty_records(fasta, log);
    work.complete = true;
    tell(work);
    if (!parameters.curves.empty()) add_text(outputs, parameters.curves, measured.curves);
    add_text(outputs, parameters.output,
             measured_header(coverage, annotated, ensemble, parameters.baselines ? kBaselineColumns : "") +
                 measured.rows + baselines.rows);
    outputs.commit();
    report_unscored(measured.classes, parameters.split, measured.unscored, measured.constant, log);
    return {
        total, measured.positions, measured.classes, measured.annotations, baselines.sentences, measured.loss,
        speed};
}

}  // namespace regkit
