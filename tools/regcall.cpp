// regcall: where a model predicts markers, as tracks. Options to parameters; the work is in src/app.
#include <algorithm>
#include <cstdio>
#include <string>
#include <vector>

#include "app/call/call.hpp"
#include "app/call/merge.hpp"
#include "app/model/input_kind.hpp"
#include "base/paths.hpp"
#include "base/text.hpp"
#include "cli/common.hpp"
#include "cli/progress.hpp"
#include "cli/run.hpp"
#include "kernels/base/error.hpp"

using namespace regkit;

namespace {

constexpr std::int64_t kMany = 1'000'000'000;
constexpr int kMostParts = 1'000'000;

// Options that merge has too.
cli::Option tracks_option() {
    cli::Option output = cli::common::output(
        "tracks [standard output]; {marker} in the name gives one file for each marker; repeatable: one "
        "prediction, several formats");
    output.repeatable = true;
    return output;
}
cli::Option format_option() {
    cli::Option format = cli::common::format(
        {}, track_format_names(false, " or ") +
                ", or as names end: bw, bed.gz; by default what the output's name says, " +
                std::string(track_formats().front().name) + " on standard output");
    format.suggestions = track_words();
    return format;
}
cli::Option hub_option() {
    return {.name = "hub",
            .value = "DIR",
            .help = "a UCSC track hub: values (bigWig) and intervals (bigBed) of every marker, and hub.txt",
            .group = cli::group::output};
}
cli::Option igv_option() {
    return {.name = "igv",
            .value = "FILE.xml",
            .help = "a session of IGV that opens the outputs, with ranges, colours and a place to look at",
            .group = cli::group::output};
}
cli::Option genome_option() {
    return {.name = "genome",
            .value = "NAME",
            .help = "the genome of --hub and --igv, as UCSC names it: hg19 [of a session: the reference]",
            .group = cli::group::output};
}
cli::Option parents_option() {
    return {.name = "parents",
            .help = "make the folders of outputs that are missing",
            .group = cli::group::output};
}

cli::Tool call_tool() {
    const CallParameters defaults;
    cli::Option format = format_option();
    format.help += "; with --shard, repeatable: what merge will write";
    format.repeatable = true;
    const std::string with_values = track_format_names(true);
    cli::Option output = tracks_option();
    cli::Tool tool{
        .name = "regcall",
        .title = "predict markers along DNA and write them as tracks",
        .usage = {"-m MODEL... -f REF [-r REGION]... [-R BED] [options]", "-m MODEL... [options] [in.fa|-]"}};
    tool.max_arguments = 1;
    tool.options = {
        cli::common::fasta(),
        cli::common::check_reference(
            "compare all of the reference that the model remembers, not only the part that is read"),
        cli::common::regions(),
        cli::common::regions_file(),
        {.name = "remap",
         .help =
             "a record of the stream named chr:begin-end (as samtools faidx names it) lies at these coordinates",
         .group = cli::group::input},
        cli::common::models(),
        cli::common::markers(),
        cli::common::rc_average(),
        cli::common::window_mode("tiled"),
        {.name = "tile",
         .value = "BASES",
         .help =
             "predict so many bases at a time [50000, fewer with many markers]; changes memory and speed, not the output",
         .group = cli::group::model},
        output,
        format,
        hub_option(),
        igv_option(),
        genome_option(),
        {.name = "over",
         .value = "BED",
         .help =
             "a table of these regions: mean, largest value and number of sites, by region and marker; of several "
             "-m also the mean spread",
         .group = cli::group::output},
        {.name = "over-output",
         .value = "FILE",
         .fallback = "-",
         .help = "where the table of --over goes",
         .group = cli::group::output},
        parents_option(),
        {.name = "shard",
         .value = "I/N",
         .help = "predict the I-th of N parts of the reference, into a file for `regcall merge`; slurm: the "
                 "part of this task of a job array",
         .group = cli::group::output},
        {.name = "resume",
         .help = "keep what is done in OUTPUT.unfinished, and go on from there when the run was killed",
         .group = cli::group::output},
        {.name = "cutoff",
         .letter = 'c',
         .value = "CUTOFF",
         .help =
             "where sites are called: f1, fdr:0.05, fdr:0.1 or fdr:0.2 (of calibrated models), a probability "
             "or coverage, or NAME= and one of these for some markers, as -k names them [f1; 0.5 of a model "
             "that is not calibrated, and of several]",
         .group = cli::group::output,
         .repeatable = true},
        {.name = "raw",
         .help = "the model's own probabilities, though it may be calibrated, and every run at or above the "
                 "cutoff is an interval",
         .group = cli::group::output},
        {.name = "min-length",
         .value = "BASES",
         .help = "drop intervals shorter than this [what the model says; 1 without calibration]",
         .group = cli::group::output},
        {.name = "merge-gap",
         .value = "BASES",
         .help = "join intervals of a marker that are at most so far apart [what the model says; 0 without "
                 "calibration]",
         .group = cli::group::output},
        {.name = "resolution",
         .value = "BASES",
         .help = "average values over bins of so many bases (" + with_values +
                 ") [what an output of the model stands for]",
         .group = cli::group::output},
        {.name = "values",
         .value = "KIND",
         .fallback = "exact",
         .help = "8bit: logits in steps of 1/8, probabilities off by 1/64 at most, small ones by 6.5 % (" +
                 with_values +
                 "); "
                 "neighbours are often equal, and files about half as large",
         .group = cli::group::output,
         .choices = {"exact", "8bit"}},
        {.name = "spread",
         .help =
             "of several -m: also a track of each marker's spread, the standard deviation over the models, as "
             "marker NAME.spread (" +
             with_values + ")",
         .group = cli::group::output},
        {.name = "round",
         .value = "DECIMALS",
         .fallback = std::to_string(defaults.decimals),
         .help = "decimals of the values written; fewer make smaller files",
         .group = cli::group::output},
        cli::common::no_version(),
        cli::common::threads(),
        cli::common::device(),
        cli::common::precision(),
        cli::common::isa(),
        cli::common::progress(),
    };
    tool.examples = {
        {"regcall -m model.safetensors -f hg19.fa -r chr20:30,000,000-31,000,000 -o calls.narrowPeak.gz",
         "intervals in a megabase, indexed"},
        {"regcall -m model.safetensors -f hg19.fa -k class:DNase -o '{marker}.bw'",
         "one bigWig file for each DNase marker"},
        {"regcall -m model.safetensors -f hg19.fa --values 8bit -o 'tracks/{marker}.bw'",
         "of every marker, in small files"},
        {"regcall -m model.safetensors -f hg19.fa --parents -o 'bw/{marker}.bw' -o sites.bb -o sites.tsv",
         "values and intervals of one prediction"},
        {"regcall -m model.safetensors -f hg19.fa --hub myhub --genome hg19 --igv myhub/igv.xml",
         "tracks to look at, in the UCSC browser and in IGV"},
        {"regcall -m a.safetensors -m b.safetensors -m c.safetensors -f hg19.fa --spread -o '{marker}.bw'",
         "the mean of three models, and how far they are apart"},
        {"samtools faidx hg19.fa chr20:1-100000 | regcall -m model.safetensors --remap -O tsv -",
         "a stream, at its own coordinates"},
    };
    return tool;
}

cli::Tool merge_tool() {
    cli::Tool tool{.name = "regcall",
                   .command = "merge",
                   .title = "make tracks of the parts that runs with --shard have written",
                   .usage = {"[options] PART..."}};
    tool.min_arguments = 1;
    tool.max_arguments = kMostParts;
    tool.options = {
        tracks_option(),
        format_option(),
        hub_option(),
        igv_option(),
        genome_option(),
        parents_option(),
        cli::common::no_version(),
        cli::common::threads(),
        cli::common::progress(),
    };
    tool.examples = {
        {"regcall merge -o sites.narrowPeak.gz parts/*.part", "the sites of all shards, sorted and indexed"},
        {"regcall merge --parents -o 'bw/{marker}.bw' -o sites.bb parts/*.part",
         "values and sites, of shards that ran with -O bigwig -O bigbed"},
    };
    return tool;
}

// What both commands take.
void read_outputs(const cli::Arguments& args, CallParameters& p) {
    p.parents = args.flag("parents");
    if (args.given("output")) p.outputs = cli::output_files(args, "output", p.parents);
    p.hub = without_slashes(args.text("hub"));
    if (args.given("igv")) {
        const bool in_hub = !p.hub.empty() && args.text("igv").starts_with(p.hub + "/");
        p.igv = cli::output_files(args, "igv", p.parents || in_hub).front();
    }
    if (args.given("genome")) p.genome = args.text("genome");
    p.provenance = !args.flag("no-version");
    p.command_line = args.command_line();
    if (!p.hub.empty() && !args.given("output")) p.outputs.clear();
}

void tell_values(const CallParameters& p, Log& log) {
    log.info((p.coded ? "values have 8 bits (--values), " : "values ") + std::string("are rounded to ") +
             counted(p.decimals, "decimal") + " (--round)");
}

void tell_done(const CallSummary& done, Log& log) {
    char text[240];
    std::snprintf(text, sizeof text, " in %.1f s (%lld of them N, without a value)", done.seconds,
                  static_cast<long long>(done.n_bases));
    log.info(counted(done.bases, "base") + " of " + counted(done.contigs, "contig") + text);
}

void tell_intervals(const CallSummary& done, Log& log) {
    log.info(
        counted(done.intervals, "interval") +
        (done.dropped > 0 ? "; " + std::to_string(done.dropped) + " shorter than --min-length dropped" : ""));
}

void run_merge(const cli::Arguments& args, Log& log) {
    CallParameters p;
    read_outputs(args, p);
    if (args.given("output-format")) p.format = track_word(args.text("output-format"));
    p.backend.workers = cli::threads(args);
    cli::Progress line(args, std::count(p.outputs.begin(), p.outputs.end(), "-") > 0);
    const CallSummary done = merge_parts(args.positional(), p, log, line.tell());
    line.finish();
    tell_done(done, log);
    if (done.wrote_intervals) tell_intervals(done, log);
}

void run_call(const cli::Arguments& args, Log& log) {
    CallParameters p;
    if (!args.positional().empty() || !args.given("fasta")) p.input = cli::stream_input(args);
    require_kind(p.input, {FileKind::fasta}, "regcall reads FASTA");
    p.fasta = cli::fasta_file(args);
    p.check_reference = args.flag("check-reference");
    p.regions = args.all("region");
    if (args.given("regions-file")) p.regions_file = cli::readable_file(args, "regions-file");
    require_kind(p.regions_file, {FileKind::intervals, FileKind::bed_graph}, "-R takes regions, a BED file");
    p.models = cli::model_files(args);
    p.markers = args.list("markers");
    read_outputs(args, p);
    if (args.given("shard")) p.shard = parse_shard(args.text("shard"));
    p.resume = args.flag("resume");
    if (args.given("over")) p.over = cli::readable_file(args, "over");
    require_kind(p.over, {FileKind::intervals, FileKind::bed_graph}, "--over takes regions, a BED file");
    require(!args.given("over-output") || !p.over.empty(), ErrorKind::usage,
            "--over-output names the table of --over, which is not asked for");
    p.over_output = cli::output_files(args, "over-output", p.parents).front();
    if (!p.over.empty() && !args.given("output")) p.outputs.clear();
    std::vector<TrackWord> formats;
    for (const std::string& word : args.all("output-format")) formats.push_back(track_word(word));
    if (p.shard) {
        for (const TrackWord& word : formats) p.part_formats.push_back(word.format);
    } else if (!formats.empty()) {
        p.format = formats.front();
        require(formats.size() == 1, ErrorKind::usage,
                "several -O go with --shard; of several outputs the names tell the formats");
    }
    for (const std::string& text : args.all("cutoff")) p.sites.cutoffs.push_back(parse_cutoff(text));
    p.sites.raw = args.flag("raw");
    if (args.given("min-length")) p.sites.min_length = args.integer("min-length", 1, kMany);
    if (args.given("merge-gap")) p.sites.merge_gap = args.integer("merge-gap", 0, kMany);
    p.spread = args.flag("spread");
    if (args.given("resolution")) p.resolution = args.integer("resolution", 1, kMany);
    p.coded = args.text("values") == "8bit";
    p.decimals = static_cast<int>(args.integer("round", 0, Rounding::kMaxDecimals));
    if (args.given("tile")) p.tile = args.integer("tile", 1, 10'000'000);
    p.rc_average = args.flag("rc-average");
    p.paper_windows = args.text("window-mode") == "paper";
    p.remap = args.flag("remap");
    p.backend = cli::backend_options(args);
    cli::Progress line(args, std::count(p.outputs.begin(), p.outputs.end(), "-") > 0 ||
                                 (!p.over.empty() && p.over_output == "-"));
    const CallSummary done = call(p, log, line.tell());
    line.finish();

    tell_done(done, log);
    if (p.shard)
        return log.info("shard " + std::to_string(p.shard->number) + " of " + std::to_string(p.shard->of) +
                        "; once all are done: regcall merge");
    if (done.wrote_values) tell_values(p, log);
    if (done.wrote_intervals) tell_intervals(done, log);
}

}  // namespace

int main(int argc, char** argv) {
    return cli::run(argc, argv, {{call_tool(), run_call}, {merge_tool(), run_merge}});
}
