// regds-build: peaks and a genome into a data set to train on.
#include <cstdio>
#include <string>

#include "app/dataset/build_dataset.hpp"
#include "app/dataset/marker_sheet.hpp"
#include "app/model/input_kind.hpp"
#include "base/paths.hpp"
#include "base/text.hpp"
#include "cli/common.hpp"
#include "cli/progress.hpp"
#include "cli/run.hpp"

namespace {

using namespace regkit;

const BuildDatasetParameters kDefaults;
constexpr std::int64_t kMostBases = INT32_MAX;

// A default that depends on the target: the first one's, then the others' that differ.
template <class Show>
std::string per_target(Show&& show) {
    std::string text;
    for (const std::string& name : target_names()) {
        const std::string value = show(target_defaults(name));
        if (value.empty() || (!text.empty() && text == value)) continue;
        text += (text.empty() ? "" : "; ") + (name == kDefaults.target ? "" : name + " ") + value;
    }
    return text;
}

// "" for a target without bins.
std::string bins_of(const TargetDefaults& target) {
    if (target.target == kDefaults.target) return "";
    return target.label_bins == kAllBins ? "all" : std::to_string(target.label_bins);
}

std::string bin_of(const TargetDefaults& target) {
    return target.target == kDefaults.target ? "" : std::to_string(target.label_bin);
}

cli::Option split_regions(const std::string& split) {
    const std::string rest = split == "train" ? "; given once, what no option names is left out"
                                              : "; what no option names is train";
    return {.name = split,
            .value = "REGION",
            .help = "windows of this region (chr20:1-8,000,000) are " + split + rest,
            .group = "Splits",
            .repeatable = true};
}

cli::Tool make_tool() {
    cli::Tool tool{.name = "regds-build",
                   .title = "peaks and a genome into a data set to train on",
                   .usage = {"-f REF --sheet SHEET -o NAME.regds [options]",
                             "-f REF -o NAME.regds [options] [NAME=]PEAKS..."}};
    tool.max_arguments = 100000;
    tool.options = {
        cli::common::fasta(cli::kNeeded),
        {.name = "sheet",
         .value = "TSV",
         .help = "markers and their files: columns name, class, target, cell, peaks",
         .group = cli::group::input},
        {.name = "class",
         .value = "CLASS",
         .help =
             "class of the markers of peak files that stand on the command line, or NAME=CLASS of some of "
             "them, as -k names them; of several that fit the last counts",
         .group = cli::group::input,
         .repeatable = true},
        {.name = "alias",
         .value = "RULE",
         .help = "contig names of peaks and masks: ucsc (chr1 is 1, chrM is MT) or a file of two columns, "
                 "their name and the reference's",
         .group = cli::group::input},
        {.name = "missing-contig",
         .value = "ACTION",
         .fallback = "error",
         .help =
             "where peaks or coverage lie on contigs that the reference lacks: stop, or leave these out and count them",
         .group = cli::group::input,
         .choices = {"error", "skip"}},
        {.name = "clip",
         .help =
             "cut peaks and coverage that reach past the end of their contig off there, and count them; otherwise an error",
         .group = cli::group::input},
        {.name = "blocks",
         .value = "ACTION",
         .fallback = "use",
         .help =
             "blocks of BED12 and gappedPeak: use takes them for the peaks, ignore the interval around them",
         .group = cli::group::input,
         .choices = {"use", "ignore"}},
        {.name = "output",
         .letter = 'o',
         .value = "DIR",
         .help = "the data set, a directory",
         .group = cli::group::output,
         .needed = true},
        cli::common::force(),
        cli::common::no_version(),
        {.name = "target",
         .value = "WHAT",
         .fallback = kDefaults.target,
         .help = "what has labels: each nucleotide, or bins: a marker in them, or its coverage",
         .group = "Labels",
         .choices = target_names()},
        {.name = "label-bin",
         .value = "BASES",
         .fallback = per_target(bin_of),
         .help = "length of a bin",
         .group = "Labels"},
        {.name = "label-bins",
         .value = "N",
         .fallback = per_target(bins_of),
         .help = "bins in the middle of a window, or all that it holds",
         .group = "Labels"},
        {.name = "min-overlap",
         .value = "FRACTION",
         .fallback = number_text(target_defaults("bin").min_overlap),
         .help = "a bin has a marker whose peaks cover more of it than this; 0 is any base",
         .group = "Labels"},
        {.name = "window",
         .value = "BASES",
         .fallback = per_target([](const TargetDefaults& t) { return std::to_string(t.window); }),
         .help = "length of a window",
         .group = "Windows"},
        {.name = "keep-if",
         .value = "RULE",
         .fallback = per_target([](const TargetDefaults& t) { return std::string(t.keep_if); }),
         .help = "all windows, or those with a label of any marker, or of class:NAME",
         .group = "Windows",
         .repeatable = true},
        {.name = "max-n",
         .value = "FRACTION",
         .fallback = per_target([](const TargetDefaults& t) { return number_text(t.max_n); }),
         .help = "drop windows with more N than this",
         .group = "Windows"},
        {.name = "mask",
         .value = "BED",
         .help = "regions that are hard to map",
         .group = "Windows",
         .repeatable = true},
        {.name = "max-mask",
         .value = "FRACTION",
         .fallback = number_text(kDefaults.max_mask),
         .help = "drop windows of which more than this is masked",
         .group = "Windows"},
        split_regions("train"),
        split_regions("valid"),
        split_regions("test"),
        {.name = "split",
         .value = "RULE",
         .help = "assign blocks of the genome at random: random:TRAIN,VALID,TEST with a fraction for each",
         .group = "Splits"},
        {.name = "split-block",
         .value = "BASES",
         .fallback = std::to_string(kDefaults.split_block),
         .help = "size of these blocks; 0 assigns each window by itself",
         .group = "Splits"},
        cli::common::seed(std::to_string(kDefaults.seed)),
        cli::common::threads(),
        cli::common::progress(),
    };
    tool.examples = {
        {"regds-build -f hg19.fa.gz --sheet markers.tsv --mask mask.bed.gz --valid chr7 --test chr8 -o "
         "hg19.regds",
         "a sheet of markers, whole chromosomes held out"},
        {"regds-build -f hg19.fa.gz --split random:0.8,0.1,0.1 -o two.regds CTCF=ctcf.bed.gz open=dnase.bed",
         "two files, named, blocks of 1 Mb assigned at random"},
        {"regds-build -f hg19.fa.gz --sheet markers.tsv --target bin --keep-if class:TFBS -o task1.regds",
         "a label for each 200 bases in the middle of 1,000; only windows with a peak of a TFBS marker"},
        {"regds-build -f hg19.fa.gz --sheet bigwigs.tsv --target coverage --test chr9 -o coverage.regds",
         "the mean coverage of bins of 128 bases, in windows of 131,072"},
    };
    tool.notes = "The data set is described in regds(5).";
    return tool;
}

std::string row(const char* what, std::int64_t count) {
    return std::string(what) + " " + std::to_string(count);
}

// Said now, when it costs a minute to mend, and not by regtrain or regeval hours later.
void tell_empty_splits(const BuildDatasetSummary& s, const BuildDatasetParameters& p, Log& log) {
    struct Split {
        const char* name;
        std::int64_t windows;
        const std::vector<std::string>& regions;
        const char* consequence;
    };
    for (const Split& split :
         {Split{"train", s.train, p.train, "regtrain has nothing to learn from"},
          Split{"valid", s.valid, p.valid, "regtrain cannot tell which weights are best and keeps the last"},
          Split{"test", s.test, p.test, "regeval has nothing to evaluate by itself"}}) {
        if (split.windows > 0) continue;
        const std::string option = std::string("--") + split.name;
        std::string cure = "give regions to " + option + ", or use --split random:0.8,0.1,0.1";
        if (!p.split.empty())
            cure = "give it a larger share in --split, or use smaller blocks (--split-block)";
        else if (!split.regions.empty())
            cure = "those of " + option +
                   " were all dropped: give it more or larger regions, or a smaller --window";
        else if (std::string_view(split.name) == "train")
            cure = "leave more of the genome to it";
        log.warn("empty-split",
                 std::string("no windows for ") + split.name + ": " + split.consequence + "; " + cure);
    }
}

void report(const BuildDatasetSummary& s, const BuildDatasetParameters& p, Log& log) {
    const bool coverage = p.target == "coverage";
    log.info("windows kept: " + std::to_string(s.kept()) + " (" + row("train", s.train) + ", " +
             row("valid", s.valid) + ", " + row("test", s.test) + ")");
    log.info("windows dropped: " + row("cut short by the contig's end", s.short_end) + ", " +
             row("too much N", s.too_much_n) + ", " + row("masked", s.masked) +
             (s.filters_labels ? ", " + row("without a label", s.unlabelled) : "") + ", " +
             row("reaching into two splits", s.straddling) + ", " +
             row("outside the regions of all splits", s.unassigned));
    const LeftOut& left = s.left_out;
    const std::int64_t dropped = left.elsewhere + left.behind + left.empty + left.no_data;
    const std::string rest =
        (dropped > 0 ? ", " + std::to_string(dropped) + " left out" : "") +
        (left.clipped > 0 ? ", " + std::to_string(left.clipped) + " cut off at a contig's end" : "");
    if (coverage)
        log.info("coverage: " + counted(s.intervals, "interval") + " read, in bins " +
                 counted(s.peaks, "run") + " of equal values" + rest);
    else
        log.info("peaks: " + std::to_string(s.intervals) + " read, " + std::to_string(s.peaks) +
                 " after merging within a marker, " + std::to_string(s.summits_outside) +
                 " with the summit outside" + rest);
    for (const ClassSummary& c : s.classes) {
        char prevalence[32];
        std::snprintf(prevalence, sizeof prevalence, "%.5f", c.prevalence);
        log.info("class " + (c.class_name.empty() ? std::string("(none)") : c.class_name) + ": " +
                 counted(c.markers, "marker") + (coverage ? ", mean coverage " : ", mean prevalence ") +
                 prevalence);
    }
    tell_empty_splits(s, p, log);
    log.info("wrote " + p.output);
}

void build(const cli::Arguments& args, Log& log) {
    BuildDatasetParameters p;
    p.fasta = cli::fasta_file(args);
    p.sheet = args.text("sheet");
    require_kind(p.sheet, {FileKind::sheet},
                 "--sheet takes a table of markers, with columns name and peaks at least");
    p.peaks = args.positional();
    p.classes = args.all("class");
    for (const std::string& word : p.peaks)
        require_kind(
            parse_peak_file(word).path,
            {FileKind::intervals, FileKind::bed_graph, FileKind::wiggle, FileKind::bigwig, FileKind::bigbed},
            "peaks are a BED file (or one of its kind)");
    p.output = without_slashes(args.text("output"));
    p.target = args.text("target");
    const TargetDefaults& defaults = target_defaults(p.target);
    p.window = args.given("window") ? args.integer("window", 1, kMostBases) : defaults.window;
    p.max_n = args.given("max-n") ? args.real("max-n", 0, 1) : defaults.max_n;
    if (args.given("label-bin")) p.label_bin = args.integer("label-bin", 1, kMostBases);
    if (args.given("label-bins"))
        p.label_bins =
            args.text("label-bins") == "all" ? kAllBins : args.integer("label-bins", 1, kMostBases);
    if (args.given("min-overlap")) p.min_overlap = args.real("min-overlap", 0, 1);
    if (args.given("keep-if")) p.keep_if = args.all("keep-if");
    p.max_mask = args.real("max-mask", 0, 1);
    p.masks = args.all("mask");
    for (const std::string& path : p.masks)
        require_kind(path, {FileKind::intervals, FileKind::bed_graph}, "--mask takes intervals, a BED file");
    p.alias = args.text("alias");
    p.skip_missing = args.text("missing-contig") == "skip";
    p.clip = args.flag("clip");
    p.use_blocks = args.text("blocks") == "use";
    p.train = args.all("train");
    p.valid = args.all("valid");
    p.test = args.all("test");
    p.split = args.text("split");
    p.split_block = args.integer("split-block", 0, INT32_MAX);
    p.seed = static_cast<std::uint64_t>(args.integer("seed", 0, INT64_MAX));
    p.force = args.flag("force");
    p.workers = cli::threads(args);
    p.provenance = !args.flag("no-version");
    p.command = args.command_line();
    cli::Progress line(args);
    const BuildDatasetSummary summary = build_dataset(p, log, line.tell());
    line.finish();
    report(summary, p, log);
}

}  // namespace

int main(int argc, char** argv) {
    return regkit::cli::run(argc, argv, make_tool(), build);
}
