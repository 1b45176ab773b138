#include "app/evaluate.hpp"

#include <algorithm>
#include <chrono>
#include <map>

#include "app/genome_of.hpp"
#include "app/metrics_table.hpp"
#include "app/model.hpp"
#include "app/predictor.hpp"
#include "app/scoring.hpp"
#include "base/error.hpp"
#include "base/thread_pool.hpp"
#include "io/atomic_file.hpp"
#include "io/intervals.hpp"
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
        IntervalReader reader(path, interval_format(path), log);
        Interval interval;
        std::int64_t known = 0, elsewhere = 0;
        while (reader.next(interval)) {
            const auto found = place.find(interval.contig);
            ++(found == place.end() ? elsewhere : known);
            if (found != place.end()) excluded[found->second].push_back({interval.begin, interval.end});
        }
        require(known > 0 || elsewhere == 0, ErrorKind::mismatch,
                path +
                    ": none of its contigs is in the data set's reference; are they named chr1 there and 1 "
                    "here?");
        if (elsewhere > 0)
            log.info(path + ": " + std::to_string(elsewhere) +
                     " intervals lie on contigs that the data set does not have");
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
    const Model& model;
    Backend& backend;
    const Dataset& dataset;
    const std::vector<std::int64_t>& windows;
    const ReadCodes& read;
    const LabelMap& labels;
    const ContigIntervals& excluded;
    const KeepGoing& keep_going;
};

void count_paper(const Counting& task, MarkerCounts& counts) {
    Network network(task.model.spec, static_cast<int>(task.model.markers.size()), task.backend);
    network.load(task.model.tensors);
    count_windows(network, task.dataset, task.windows, task.read, task.labels, task.excluded, task.keep_going,
                  counts);
}

// Neighbouring windows form one stretch, so that no base is computed twice.
void count_tiled(const Counting& task, MarkerCounts& counts) {
    PredictorOptions options;
    options.output = TailOutput::logits;
    Predictor predictor(task.model, task.backend, options);
    const std::int64_t window = task.dataset.window();
    std::vector<KeptRun> kept;
    std::vector<PeakRun> runs;
    for (std::size_t first = 0, next = 0; first < task.windows.size(); first = next) {
        const DatasetWindow& at = task.dataset.windows()[static_cast<std::size_t>(task.windows[first])];
        std::int64_t stretch_end = at.begin + window;
        for (next = first + 1; next < task.windows.size(); ++next) {
            const DatasetWindow& other = task.dataset.windows()[static_cast<std::size_t>(task.windows[next])];
            if (other.contig != at.contig || other.begin != stretch_end) break;
            stretch_end += window;
        }
        const auto fetch = [&](std::int64_t begin, std::int64_t end, std::span<std::uint8_t> codes) {
            task.read(at.contig, begin, end, codes);
        };
        const auto sink = [&](std::int64_t begin, std::int64_t end, std::span<const std::uint8_t> codes,
                              std::span<const float> logits) {
            kept_runs(codes, begin, task.excluded[static_cast<std::size_t>(at.contig)], kept);
            task.labels.labels(task.dataset, at.contig, begin, end, runs);
            counts.add(logits, end - begin, kept, runs);
            task.keep_going(static_cast<std::int64_t>(first) + (end - at.begin) / window);
        };
        const std::int64_t length = task.dataset.reference()[static_cast<std::size_t>(at.contig)].length;
        predictor.predict(length, at.begin, stretch_end, fetch, sink);
    }
}

void report_unscored(const std::vector<ClassMean>& means, const std::string& split, Log& log) {
    for (const ClassMean& c : means)
        if (c.scored < c.markers)
            log.info(std::to_string(c.markers - c.scored) + " of " + std::to_string(c.markers) +
                     " markers of class '" + c.class_name + "' have no positives or no negatives in " +
                     split + ": NA, left out of its means");
}

// Results must not take the place of what they were made from.
void refuse_inputs(const EvaluateParameters& p, const std::string& fasta) {
    std::vector<std::string> inputs = p.exclude;
    inputs.push_back(p.model);
    inputs.push_back(fasta);
    for (const std::string& input : inputs) {
        refuse_same_file(p.output, input);
        if (!p.curves.empty()) refuse_same_file(p.curves, input);
    }
}

void write_text(const std::string& path, const std::string& text) {
    AtomicFile file(path);
    file.write(text);
    file.commit();
}

}  // namespace

void EvaluateParameters::verify() const {
    require(!model.empty(), ErrorKind::usage, "-m: a model is needed; regtrain makes one");
    require(!dataset.empty(), ErrorKind::usage, "-d: a data set is needed; regds-build makes one");
    parse_split(split);
    require(window_mode == "paper" || window_mode == "tiled", ErrorKind::usage,
            "--window-mode '" + window_mode + "': not one of paper, tiled");
    if (!curves.empty()) refuse_same_output(output, curves);
}

EvaluateReport evaluate(const EvaluateParameters& parameters, const EvaluateHost& host, Log& log) {
    parameters.verify();
    Model model = load_model(parameters.model);
    model = restrict_markers(std::move(model), select_markers(model.markers, parameters.markers));
    const Dataset dataset = Dataset::load(parameters.dataset);
    FastaFile fasta = open_reference(dataset, parameters.fasta, parameters.check_reference);
    refuse_inputs(parameters, fasta.path());
    const LabelMap labels = LabelMap::by_name(model.markers, dataset);
    const std::vector<std::int64_t> windows = dataset.select(parse_split(parameters.split));
    require(!windows.empty(), ErrorKind::input, dataset.path() + ": no windows in split " + parameters.split);
    const ContigIntervals excluded = read_excluded(parameters.exclude, dataset, log);
    BackendChoice choice = make_backend(parameters.backend);
    if (!choice.notice.empty()) log.info(choice.notice);

    std::vector<int> contig_of;  // the FASTA's number of each of the data set's contigs
    for (const ReferenceContig& contig : dataset.reference()) contig_of.push_back(fasta.find(contig.name));
    const ReadCodes read = [&](std::int32_t contig, std::int64_t begin, std::int64_t end,
                               std::span<std::uint8_t> codes) {
        fasta.read(contig_of[static_cast<std::size_t>(contig)], begin, end, codes);
    };
    const auto begin = std::chrono::steady_clock::now();
    const auto total = static_cast<std::int64_t>(windows.size());
    double speed = 0;
    const KeepGoing keep_going = [&](std::int64_t done) {
        const std::chrono::duration<double> spent = std::chrono::steady_clock::now() - begin;
        speed = static_cast<double>(done * dataset.window()) / std::max(spent.count(), 1e-9);
        host.progress(done, total, speed);
        return true;
    };
    ThreadPool pool(resolve_workers(parameters.backend.workers));
    MarkerCounts counts(static_cast<int>(model.markers.size()), pool);
    const Counting task{model, *choice.backend, dataset, windows, read, labels, excluded, keep_going};
    if (parameters.window_mode == "tiled")
        count_tiled(task, counts);
    else
        count_paper(task, counts);

    const std::vector<MarkerMetrics> metrics = counts.all_metrics();
    EvaluateReport report{total, metrics.front().positions, class_means(model.markers, metrics),
                          counts.loss(), speed};
    require(report.positions > 0, ErrorKind::input,
            dataset.path() + ": no position of split " + parameters.split + " is left to count");
    write_text(parameters.output, metrics_table(parameters.split, model.markers, metrics));
    if (!parameters.curves.empty())
        write_text(parameters.curves, curves_table(parameters.split, model.markers, counts));
    report_unscored(report.means, parameters.split, log);
    return report;
}

}  // namespace regkit
