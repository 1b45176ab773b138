// Options that contradict each other are refused first, then the model decides what is left open, and one of
// two ways is taken. With an indexed reference, the regions are planned and predicted range by range. A
// stream is predicted a unit at a time, as soon as enough bases ahead are known, in a window that keeps only
// what is still needed, since a record may be endless and a pipe wants its lines soon. Both ways end in one
// CallSink.
#include "app/call/call.hpp"

#include <algorithm>
#include <chrono>
#include <limits>
#include <memory>
#include <numeric>
#include <set>
#include <unordered_set>
#include <utility>

#include "app/call/call_files.hpp"
#include "app/call/call_outputs.hpp"
#include "app/call/call_part.hpp"
#include "app/call/call_sink.hpp"
#include "app/call/record_window.hpp"
#include "app/call/values_header.hpp"
#include "app/model/ensemble.hpp"
#include "app/model/genome_of.hpp"
#include "app/model/regions.hpp"
#include "app/model/session.hpp"
#include "app/model/trained_reference.hpp"
#include "base/text.hpp"
#include "io/fasta/fasta.hpp"
#include "io/files/sha256.hpp"
#include "kernels/base/error.hpp"
#include "kernels/base/nth.hpp"

namespace regkit {
namespace {

constexpr std::int64_t kTile = 50000;
// Values of one tile lie in memory: at most so many, 160 MB; of an ensemble those of each model, and the mean
// and the spread.
constexpr std::int64_t kTileValues = 40'000'000;
constexpr std::size_t kMostSeen = 100'000;
// Around the regions of a table: a site that reaches into one is called whole.
constexpr std::int64_t kSiteMargin = 2000;

std::int64_t tile_for(std::int64_t asked, std::int64_t markers, std::int64_t models) {
    const std::int64_t rows = markers * (models > 1 ? models + 2 : 1);
    return asked > 0 ? asked : std::clamp<std::int64_t>(kTileValues / rows, 1000, kTile);
}

void check(const CallParameters& p) {
    const bool stream = !p.input.empty();
    require(stream != !p.fasta.empty(), ErrorKind::usage,
            "give either a reference with -f, or a FASTA file (or - for standard input) to read as a stream");
    require(!stream || (p.regions.empty() && p.regions_file.empty()), ErrorKind::usage,
            "-r and -R need an indexed reference: name it with -f");
    require(!stream || !p.check_reference, ErrorKind::usage,
            "--check-reference needs a reference: name it with -f");
    require(stream || !p.remap, ErrorKind::usage,
            "--remap reads the names of records of a stream; with -f use -r");
    check_site_options(p.sites);
    require(p.resolution >= 0, ErrorKind::usage, "the resolution is at least 1");
}

class Caller {
  public:
    Caller(const CallParameters& p, const CallOutputs& outputs, Log& log, const TellWork& tell)
        : p_(p),
          outputs_(outputs),
          log_(log),
          tell_(tell),
          pool_(resolve_workers(p.backend.workers)),
          name_(models_text(p.models)),
          session_(p.models, p.markers, p.backend, log) {
        const auto markers = std::ssize(model().markers), models = std::ssize(p_.models);
        plan_ = plan_calls(model(), p_.sites, outputs_.intervals, name_, session_.is_ensemble());
        predictor_ = std::make_unique<Ensemble>(
            session_.take_models(), p_.models, session_.backend(),
            Ensemble::Options{.predictor = {.tile = tile_for(p_.tile, markers, models),
                                            .rc_average = p_.rc_average,
                                            .coded = p_.coded,
                                            .paper_windows = p_.paper_windows},
                              .calibrated = !p_.sites.raw,
                              .spread = p_.spread || !p_.over.empty()},
            pool_);
        check_model();
        for (const std::string& notice : plan_.notices) log_.info(notice);
        for (const std::string& warning : plan_.warnings) log_.warn("sites", warning);
    }

    CallSummary run() {
        const auto start = std::chrono::steady_clock::now();
        if (p_.input.empty())
            call_reference();
        else
            call_stream();
        session_.tell_notices();
        work_.complete = true;
        tell_(work_);
        if (!p_.shard) files_->commit(log_);
        if (part_) part_->finish();
        // Of few codes, a model may well give a region one.
        if (sink_->is_constant() && !p_.coded)
            log_.warn("constant", name_ +
                                      ": predicts one value everywhere, of each marker the same at every " +
                                      (cell_ > 1 ? "bin" : "base") + "; it may have learned nothing");
        summary_.bases = sink_->bases();
        summary_.n_bases = sink_->n_bases();
        summary_.intervals = files_->calls().intervals();
        summary_.dropped = files_->calls().dropped();
        summary_.wrote_values = outputs_.values;
        summary_.wrote_intervals = outputs_.intervals;
        summary_.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
        return summary_;
    }

  private:
    const Model& model() const { return session_.model(); }
    bool coverage() const { return model().spec.task == Task::coverage; }

    // Predicts local positions [begin, end) of `length`; those from `lead` on lie at `shift` + their own on
    // the contig.
    void predict(std::int64_t length, std::int64_t begin, std::int64_t end, std::int64_t lead,
                 std::int64_t shift, const FetchCodes& fetch) {
        const auto missing = [lead](std::int64_t at) { return std::max<std::int64_t>(0, lead - at); };
        if (outputs_.values)
            predictor_->predict(length, begin, end, lead, fetch,
                                [&](std::int64_t at, std::int64_t stop, auto codes, auto values) {
                                    sink_->values(at + missing(at) + shift,
                                                  codes.subspan(static_cast<std::size_t>(missing(at))),
                                                  values);
                                    reached(range_, stop);
                                    tell_bases();
                                });
        else
            predictor_->predict_called(
                length, begin, end, lead, plan_.cutoffs, fetch,
                [&](std::int64_t at, std::int64_t stop, auto codes, const CalledRuns& called) {
                    sink_->called(at + missing(at) + shift,
                                  codes.subspan(static_cast<std::size_t>(missing(at))), called);
                    reached(range_, stop);
                    tell_bases();
                });
    }

    void tell_bases() {
        work_.done = sink_->bases();
        tell_(work_);
    }

    // What depends on what the model predicts.
    void check_model() {
        cell_ = predictor_->resolution();
        width_ = p_.resolution > 0 ? p_.resolution : cell_;
        require(width_ % cell_ == 0, ErrorKind::usage,
                "--resolution " + std::to_string(width_) + " is not a multiple of the " +
                    std::to_string(cell_) + " bases that an output of this model stands for");
        require(
            !coverage() || !p_.coded, ErrorKind::usage,
            "--values 8bit is for probabilities; the model predicts coverage, which goes beyond what the codes hold");
    }

    std::vector<std::string> about_values() const {
        const auto known =
            std::ranges::count_if(session_.models(), [](const Model& m) { return !m.calls.empty(); });
        return values_header({.cell = cell_,
                              .coverage = coverage(),
                              .calibrated = plan_.calibrated,
                              .coded = p_.coded,
                              .spread = spreads() != Spreads::none,
                              .models = std::ssize(p_.models),
                              .calibrated_of = p_.sites.raw ? 0 : known});
    }

    // Where the predictions come from; `digest` is the reference's, a stream has none.
    std::vector<std::string> provenance(const std::string& source, const std::string& digest) {
        std::vector<std::string> lines = session_.provenance("regcall", digest);
        lines.push_back("reference=" + source);
        for (const std::string& line : about_values()) lines.push_back(line);
        return lines;
    }

    void open(bool contigs_first, const std::vector<std::string>& provenance, NamedRegions over) {
        std::vector<std::string> lines = call_header(p_, provenance, plan_);
        std::vector<std::string> inputs = p_.models;
        inputs.insert(inputs.end(), {p_.input, p_.fasta, p_.regions_file, p_.over});
        files_ = std::make_unique<CallFiles>(p_, outputs_, plan_,
                                             CallFiles::Content{.markers = model().markers,
                                                                .coverage = coverage(),
                                                                .header = std::move(lines),
                                                                .cell = cell_,
                                                                .width = width_,
                                                                .contigs_first = contigs_first,
                                                                .over = std::move(over)},
                                             inputs, pool_);
    }

    CallEvents& events() {
        if (part_) return part_->events();
        return files_->calls();
    }

    Spreads spreads() const {
        if (predictor_->rows() == predictor_->markers()) return Spreads::none;
        return p_.spread ? Spreads::told : Spreads::for_table;
    }

    void make_sink() {
        const float largest = coverage() ? std::numeric_limits<float>::max() : 1.0f;
        sink_ = std::make_unique<CallSink>(events(), outputs_.intervals, plan_, cell_, width_, largest, pool_,
                                           spreads());
        if (files_->table()) sink_->set_table(*files_->table());
    }

    void call_reference();
    void open_part(const FastaFile& fasta, const std::string& digest, const std::vector<ContigRange>& ranges);
    void call_range(FastaFile& fasta, const ShardRange& range);
    void reached(std::int64_t range, std::int64_t position);
    void call_stream();
    void call_record(FastaStream& stream);
    Region place_of(const std::string& record);
    void begin_stream_contig(const std::string& name);
    void end_contig();

    const CallParameters& p_;
    const CallOutputs& outputs_;
    Log& log_;
    const TellWork& tell_;
    WorkDone work_;
    ThreadPool pool_;
    std::string name_;  // of the model, or of all, in messages
    Session session_;
    CallPlan plan_;
    std::unique_ptr<Ensemble> predictor_;
    std::unique_ptr<CallFiles> files_;
    std::unique_ptr<CallPart> part_;  // of a shard, or of a run that may be resumed
    std::unique_ptr<CallSink> sink_;
    std::int64_t range_ = 0;             // number of the stretch that is predicted
    std::int64_t cell_ = 1, width_ = 1;  // bases an output, bases a value written
    CallSummary summary_;
    RecordWindow window_;
    // Of a stream.
    std::string last_contig_;
    bool any_contig_ = false;
    std::int64_t last_end_ = 0;             // of the last record, on last_contig_
    std::unordered_set<std::size_t> seen_;  // hashes of records' names: of millions, names would be gigabytes
    std::set<std::string> left_contigs_;    // with --remap: those before
};

void Caller::call_reference() {
    FastaFile fasta(p_.fasta);
    std::vector<Region> regions = parse_regions(p_.regions, region_rules(fasta, "--region"));
    if (!p_.regions_file.empty()) {
        const std::vector<Region> more = read_bed_regions(p_.regions_file, log_);
        regions.insert(regions.end(), more.begin(), more.end());
    }
    const bool all = p_.regions.empty() && p_.regions_file.empty();
    std::vector<ContigRange> ranges = plan_regions(regions, all, fasta, cell_, log_);
    NamedRegions over;
    if (!p_.over.empty()) {
        over = read_named_regions(p_.over, log_);
        // Also where more is predicted: regions that do not lie on the reference are refused.
        const std::vector<Region> wanted = with_margin(over, fasta, kSiteMargin);
        const std::vector<ContigRange> of_table = plan_regions(wanted, false, fasta, cell_, log_);
        if (all && outputs_.tracks.empty()) ranges = of_table;
    }

    const std::string digest = reference_digest(fasta);
    open(true, provenance(p_.fasta, digest), std::move(over));
    for (const Contig& contig : fasta.contigs()) files_->tracks().declare_contig(contig.name, contig.length);
    if (p_.shard || p_.resume) open_part(fasta, digest, ranges);
    make_sink();
    const PartPlace start = part_ ? part_->start() : PartPlace();
    if (start.bases > 0) {
        sink_->go_on(start.bases, start.n_bases);
        log_.info("goes on behind " + counted(start.bases, "base") + ", from " + journal_path(p_));
    }
    std::vector<TrainedReference> trained;
    for (std::size_t i = 0; i < p_.models.size(); ++i)
        trained.emplace_back(session_.models()[i], p_.models[i], fasta, log_);
    if (p_.check_reference)
        for (TrainedReference& one : trained) one.check_all();
    const std::vector<ShardRange> mine =
        shard_ranges(ranges, p_.shard.value_or(Shard()), std::lcm(predictor_->grid(), width_));
    for (const ShardRange& range : mine) work_.total += range.end - range.begin;
    tell_bases();
    int current = -1;
    for (ShardRange range : mine) {
        const bool begun = start.range > range.range || (start.range == range.range && start.position > 0);
        if (range.contig != current) {
            current = range.contig;
            ++summary_.contigs;
            const Contig& contig = nth(fasta.contigs(), current);
            if (!begun) events().begin_contig({contig.name, contig.length, current});
        }
        if (start.range > range.range) continue;
        if (begun) range.begin = start.position;
        for (TrainedReference& one : trained) one.reading(range.contig, range.begin, range.end);
        call_range(fasta, range);
    }
    tell_placeholders(p_.fasta, fasta.placeholders(), log_);
    tell_empty_records(fasta, log_);
}

void Caller::call_range(FastaFile& fasta, const ShardRange& range) {
    range_ = range.range;
    if (range.begin < range.end)
        predict(nth(fasta.contigs(), range.contig).length, range.begin, range.end, 0, 0,
                [&](std::int64_t begin, std::int64_t end, std::span<std::uint8_t> codes) {
                    fasta.read(range.contig, begin, end, codes);
                });
    if (!range.is_last) return;
    sink_->end_region();
    reached(range_ + 1, 0);
    files_->tracks().flush();
}

// The whole call's header, whichever shard this is.
void Caller::open_part(const FastaFile& fasta, const std::string& digest,
                       const std::vector<ContigRange>& ranges) {
    const Shard shard = p_.shard.value_or(Shard());
    Sha256 places;
    for (const ContigRange& range : ranges) {
        const std::string text = nth(fasta.contigs(), range.contig).name + "\t" +
                                 std::to_string(range.begin) + "\t" + std::to_string(range.end) + "\n";
        places.add(text.data(), text.size());
    }
    std::string modes = precision_name(p_.backend.precision);
    for (const auto& [is_on, name] :
         {std::pair{p_.rc_average, " rc-average"}, std::pair{p_.paper_windows, " paper-windows"},
          std::pair{p_.coded, " 8bit"}})
        if (is_on) modes += name;
    const PartHeader header{.shard = shard.number,
                            .shards = shard.of,
                            .holds_values = outputs_.values,
                            .holds_runs = outputs_.intervals,
                            .model_paths = p_.models,
                            .model_digests = session_.digests(),
                            .reference_path = p_.fasta,
                            .reference_digest = digest,
                            .coverage = coverage(),
                            .spread = p_.spread,
                            .markers = model().markers,
                            .calls = session_.is_ensemble() ? std::vector<MarkerCalls>() : model().calls,
                            .sites = p_.sites,
                            .cell = cell_,
                            .width = width_,
                            .decimals = p_.decimals,
                            .modes = modes,
                            .ranges = places.hex(),
                            .provenance = provenance(p_.fasta, digest),
                            .contigs = fasta.contigs()};
    part_ = std::make_unique<CallPart>(header,
                                       CallPart::Files{.output = p_.shard ? p_.outputs.front() : "",
                                                       .journal = p_.resume ? journal_path(p_) : ""},
                                       p_.shard ? nullptr : &files_->calls(), pool_);
}

void Caller::reached(std::int64_t range, std::int64_t position) {
    if (part_ && sink_->is_settled()) part_->reached({range, position, sink_->bases(), sink_->n_bases()});
}

void Caller::call_stream() {
    FastaStream stream(p_.input);
    open(false, provenance(p_.input == "-" ? "stdin" : p_.input, ""),
         p_.over.empty() ? NamedRegions() : read_named_regions(p_.over, log_));
    make_sink();
    tell_bases();
    while (stream.next()) call_record(stream);
    end_contig();
    tell_placeholders(p_.input == "-" ? "standard input" : p_.input, stream.placeholders(), log_);
}

// How long it is shows when its last record has ended.
void Caller::end_contig() {
    if (any_contig_) files_->calls().set_length(last_end_);
}

void Caller::begin_stream_contig(const std::string& name) {
    if (any_contig_ && name == last_contig_ && p_.remap) return;
    end_contig();
    // An output that is sorted or has an index refuses the second one by itself.
    if (!p_.remap && seen_.size() < kMostSeen && !seen_.insert(std::hash<std::string>()(name)).second)
        log_.warn("record-twice",
                  p_.input + " (" + name + "): a second record of this name; the output has rows of both");
    if (p_.remap && any_contig_) left_contigs_.insert(last_contig_);
    last_contig_ = name;
    any_contig_ = true;
    ++summary_.contigs;
    files_->calls().begin_contig({.name = name});
}

// A name without a range is the contig's own; "chr1:100" could be meant as one.
Region Caller::place_of(const std::string& record) {
    const std::string where = p_.input + " (" + record + "): ";
    try {
        if (const std::optional<Region> place = parse_placed_name(record)) return *place;
    } catch (const Error&) {
        throw Error(ErrorKind::input, where + "--remap needs records named contig:begin-end, from 1");
    }
    const auto colon = record.rfind(':');
    if (colon != std::string::npos && record.find_first_not_of("0123456789,", colon + 1) == std::string::npos)
        log_.warn(
            "remap-name",
            where + "taken for a contig of this name, which begins at 1; a place is written " + record + "-");
    return {record, 0, kContigEnd};
}

// Predicts unit by unit, as soon as enough bases ahead are known. With --remap a record lies at the
// coordinates in its name: local position 0 is the start of the stride cell (or window) in which it begins,
// and the missing bases are N; an output cell of which bases are missing begins with the record.
void Caller::call_record(FastaStream& stream) {
    Region place{stream.name(), 0, kContigEnd};
    if (p_.remap) {
        place = place_of(stream.name());
        require(
            place.contig != last_contig_ || place.begin >= last_end_, ErrorKind::input,
            p_.input + " (" + stream.name() +
                "): begins before the end of the record above; --remap needs records sorted by position, without overlap");
        require(!left_contigs_.contains(place.contig), ErrorKind::input,
                p_.input + " (" + stream.name() + "): " + place.contig +
                    " again, after another contig; --remap needs all records of a contig together");
    }
    const std::int64_t lead = place.begin % predictor_->grid();
    const std::int64_t shift = place.begin - lead;
    window_.start(lead);
    const FetchCodes fetch = [this](std::int64_t begin, std::int64_t end, std::span<std::uint8_t> codes) {
        window_.copy(begin, end, codes);
    };
    bool begun = false;
    for (std::int64_t position = lead / cell_ * cell_;;) {
        const std::int64_t stop = (position / predictor_->unit() + 1) * predictor_->unit();
        const std::int64_t needed = stop + predictor_->ahead();
        const bool more = window_.fill(stream, needed);
        if (!begun && window_.end() > lead) {
            begin_stream_contig(place.contig);
            begun = true;
        }
        const std::int64_t length = more ? needed : window_.end();
        if (begun) predict(length, position, more ? stop : length, lead, shift, fetch);
        if (!more) break;
        position = stop;
        window_.drop_before(position - predictor_->behind());
    }
    if (!begun) {
        log_.warn("empty-record", p_.input + " (" + stream.name() + "): the record has no bases");
        return;
    }
    const std::int64_t end = shift + window_.end();
    require(place.end == kContigEnd || place.end == end, ErrorKind::input,
            p_.input + " (" + stream.name() + "): the record has " + counted(end - place.begin, "base") +
                ", its name says " + std::to_string(place.end - place.begin));
    sink_->end_region();
    last_end_ = end;
    files_->tracks().flush();
}

}  // namespace

CallSummary call(const CallParameters& parameters, Log& log, const TellWork& tell) {
    check(parameters);
    const CallOutputs outputs = call_outputs(parameters);
    return Caller(parameters, outputs, log, tell).run();
}

}  // namespace regkit
