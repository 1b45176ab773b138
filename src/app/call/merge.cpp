// Parts are read one after the other, in the order of the reference; runs that two of them cut between them
// join, since nothing tells the sites' caller of the cut.
#include "app/call/merge.hpp"

#include <algorithm>
#include <chrono>
#include <memory>
#include <utility>

#include "app/call/call_files.hpp"
#include "app/call/call_outputs.hpp"
#include "app/call/part_file.hpp"
#include "base/text.hpp"
#include "base/version.hpp"
#include "kernels/base/error.hpp"
#include "kernels/base/thread_pool.hpp"

namespace regkit {
namespace {

using Parts = std::vector<std::unique_ptr<PartReader>>;

std::string which(const PartReader& part) {
    return part.path() + " (shard " + std::to_string(part.header().shard) + " of " +
           std::to_string(part.header().shards) + ")";
}

// In the order of the shards.
Parts open_parts(const std::vector<std::string>& paths) {
    Parts parts;
    for (const std::string& path : paths) {
        parts.push_back(std::make_unique<PartReader>(path));
        require(parts.back()->has_header(), ErrorKind::input,
                path + ": cut short or damaged; run that shard again");
    }
    std::ranges::stable_sort(parts, {}, [](const auto& part) { return part->header().shard; });
    const PartReader& first = *parts.front();
    const std::string key = call_key(first.header());
    for (const auto& part : parts)
        require(call_key(part->header()) == key, ErrorKind::mismatch,
                which(*part) + " and " + which(first) +
                    " are not of one call: another model, reference, region, precision or option");
    std::vector<std::string> missing;
    auto part = parts.begin();
    for (int shard = 1; shard <= first.header().shards; ++shard) {
        if (part == parts.end() || (*part)->header().shard != shard) {
            missing.push_back(std::to_string(shard));
            continue;
        }
        const auto next = part + 1;
        require(next == parts.end() || (*next)->header().shard != shard, ErrorKind::mismatch,
                (*part)->path() + " and " + (next == parts.end() ? "" : (*next)->path()) + ": shard " +
                    std::to_string(shard) + " twice");
        part = next;
    }
    require(missing.empty(), ErrorKind::mismatch,
            "of " + counted(first.header().shards, "shard") + " there is no part of " + some_of(missing));
    return parts;
}

// A contig that goes on in the next part begins once.
class Joined final : public CallEvents {
  public:
    explicit Joined(CallEvents& then) : then_(then) {}

    void begin_contig(const CallContig& contig) override {
        if (contig.declared != last_) then_.begin_contig(contig);
        last_ = contig.declared;
    }
    void values(std::int64_t begin, std::int64_t span, std::int64_t count, std::span<const float> values,
                std::int64_t row) override {
        then_.values(begin, span, count, values, row);
    }
    void called(std::int64_t begin, std::span<const KnownStretch> stretches,
                const CalledRuns& called) override {
        then_.called(begin, stretches, called);
    }
    void end_region() override { then_.end_region(); }

  private:
    CallEvents& then_;
    int last_ = -1;
};

std::vector<std::string> header_lines(const CallParameters& p, const PartHeader& part, const CallPlan& plan) {
    if (!p.provenance) return {};
    std::vector<std::string> lines = {"regcallVersion=" + std::string(version()),
                                      "regcallCommand=" + p.command_line};
    lines.insert(lines.end(), part.provenance.begin(), part.provenance.end());
    lines.insert(lines.end(), plan.header.begin(), plan.header.end());
    return lines;
}

}  // namespace

CallSummary merge_parts(const std::vector<std::string>& paths, CallParameters p, Log& log,
                        const TellWork& tell) {
    const auto start = std::chrono::steady_clock::now();
    const Parts parts = open_parts(paths);
    const PartHeader& header = parts.front()->header();
    p.fasta = header.reference_path;
    p.model = header.model_path;
    p.decimals = header.decimals;
    const CallOutputs outputs = call_outputs(p);
    for (const auto& [wanted, held, name] : {std::tuple(outputs.values, header.holds_values, "values"),
                                             std::tuple(outputs.intervals, header.holds_runs, "sites")})
        require(!wanted || held, ErrorKind::usage,
                std::string("the parts hold no ") + name +
                    ": tell the shards with -O which formats will be " +
                    "written, as -O narrowpeak -O bigwig");

    Model model;  // without weights: what sites are made by
    model.spec.task = header.coverage ? Task::coverage : Task::nucleotide;
    model.markers = header.markers;
    model.calls = header.calls;
    const CallPlan plan = plan_calls(model, header.sites, header.holds_runs, header.model_path);
    for (const std::string& notice : plan.notices) log.info(notice);
    for (const std::string& warning : plan.warnings) log.warn("sites", warning);

    ThreadPool pool(resolve_workers(p.backend.workers));
    CallFiles files(p, outputs, plan,
                    {.markers = header.markers,
                     .coverage = header.coverage,
                     .header = header_lines(p, header, plan),
                     .cell = header.cell,
                     .width = header.width,
                     .over = {}},
                    paths, pool);
    for (const Contig& contig : header.contigs) files.tracks().declare_contig(contig.name, contig.length);

    CallSummary summary;
    WorkDone work;
    work.total = std::ssize(parts);
    Joined joined(files.calls());
    for (const auto& part : parts) {
        const PartReader::End end = part->replay(joined);
        require(end.is_complete, ErrorKind::input,
                which(*part) + ": cut short or damaged; run that shard again");
        summary.bases += end.place.bases;
        summary.n_bases += end.place.n_bases;
        ++work.done;
        tell(work);
    }
    work.complete = true;
    tell(work);
    files.commit(log);
    summary.contigs = files.calls().contigs();
    summary.intervals = files.calls().intervals();
    summary.dropped = files.calls().dropped();
    summary.wrote_values = outputs.values;
    summary.wrote_intervals = outputs.intervals;
    summary.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    return summary;
}

}  // namespace regkit
