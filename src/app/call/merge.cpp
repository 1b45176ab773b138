// Parts are read one after the other, in the order of the reference; runs that two of them cut between them
// join, since nothing tells the sites' caller of the cut.
#include "app/call/merge.hpp"

#include <algorithm>
#include <chrono>
#include <tuple>
#include <utility>

#include "app/call/call_files.hpp"
#include "app/call/call_outputs.hpp"
#include "app/call/part_file.hpp"
#include "app/call/part_order.hpp"
#include "app/model/ensemble.hpp"
#include "base/text.hpp"
#include "kernels/base/error.hpp"
#include "kernels/base/thread_pool.hpp"

namespace regkit {
namespace {

[[noreturn]] void fail_damaged(const std::string& part) {
    throw Error(ErrorKind::input, part + ": cut short or damaged; run that shard again");
}

bool same_contigs(const std::vector<Contig>& a, const std::vector<Contig>& b) {
    return std::ranges::equal(
        a, b, [](const Contig& x, const Contig& y) { return x.name == y.name && x.length == y.length; });
}

// In the order of the shards; `header` becomes that of the first that is named.
std::vector<RunPart> read_parts(const std::vector<std::string>& paths, PartHeader& header) {
    std::vector<RunPart> parts;
    for (const std::string& path : paths) {
        const PartReader reader(path);
        if (!reader.has_header()) fail_damaged(path);
        if (parts.empty()) header = reader.header();
        parts.push_back({path, reader.header().shard});
        require(call_key(reader.header()) == call_key(header) &&
                    same_contigs(reader.header().contigs, header.contigs),
                ErrorKind::mismatch,
                which_part(parts.back(), reader.header().shards) + " and " +
                    which_part(parts.front(), header.shards) +
                    " are not of one call: another model, reference, region, precision or option");
    }
    order_parts(parts, header.shards);
    return parts;
}

// A contig that goes on in the next part begins once. Each part is in order by itself; that the next does not
// begin before the end of the last is seen here.
class Joined final : public CallEvents {
  public:
    explicit Joined(CallEvents& then) : then_(then) {}

    void begin_part(const std::string& path) { path_ = path; }
    void begin_contig(const CallContig& contig) override {
        check(contig.declared, last_);
        if (contig.declared == last_) return;
        then_.begin_contig(contig);
        last_ = contig.declared;
        values_end_ = called_end_ = 0;
    }
    void values(std::int64_t begin, std::int64_t span, std::int64_t count, std::span<const float> values,
                std::int64_t row) override {
        check(begin, values_end_);
        values_end_ = begin + span * count;
        then_.values(begin, span, count, values, row);
    }
    void called(std::int64_t begin, std::span<const KnownStretch> stretches,
                const CalledRuns& called) override {
        check(begin, called_end_);
        called_end_ = stretches.empty() ? begin : stretches.back().end;
        then_.called(begin, stretches, called);
    }
    void end_region() override { then_.end_region(); }

  private:
    void check(std::int64_t place, std::int64_t last) const {
        require(place >= last, ErrorKind::input,
                path_ + ": begins before the end of the shard before it; make it anew");
    }

    CallEvents& then_;
    std::string path_;
    int last_ = -1;
    std::int64_t values_end_ = 0, called_end_ = 0;
};

}  // namespace

CallSummary merge_parts(const std::vector<std::string>& paths, CallParameters p, Log& log,
                        const TellWork& tell) {
    const auto start = std::chrono::steady_clock::now();
    PartHeader header;
    const std::vector<RunPart> parts = read_parts(paths, header);
    p.fasta = header.reference_path;
    p.models = header.model_paths;
    p.decimals = header.decimals;
    const CallOutputs outputs = call_outputs(p);
    p.spread = header.spread;
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
    const std::string name = models_text(header.model_paths);
    const CallPlan plan = plan_calls(model, header.sites, header.holds_runs, name, header.is_ensemble());
    for (const std::string& notice : plan.notices) log.info(notice);
    for (const std::string& warning : plan.warnings) log.warn("sites", warning);

    ThreadPool pool(resolve_workers(p.backend.workers));
    CallFiles files(p, outputs, plan,
                    {.markers = header.markers,
                     .coverage = header.coverage,
                     .header = call_header(p, header.provenance, plan),
                     .cell = header.cell,
                     .width = header.width,
                     .over = {}},
                    paths, pool);
    for (const Contig& contig : header.contigs) files.tracks().declare_contig(contig.name, contig.length);

    CallSummary summary;
    WorkDone work{.unit = "parts", .total = std::ssize(parts)};
    tell(work);
    Joined joined(files.calls());
    for (const RunPart& part : parts) {
        PartReader reader(part.path);
        joined.begin_part(part.path);
        const PartReader::End end = reader.replay(joined);
        if (!end.is_complete) fail_damaged(which_part(part, header.shards));
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
