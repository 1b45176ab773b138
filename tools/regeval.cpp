// regeval: how well a model ranks the positions of a held-out split. The work is in src/app/evaluate.hpp.
#include <cstdio>

#include "app/evaluate/block_bootstrap.hpp"
#include "app/evaluate/evaluate.hpp"
#include "app/model/input_kind.hpp"
#include "base/text.hpp"
#include "cli/common.hpp"
#include "cli/progress.hpp"
#include "cli/run.hpp"

using namespace regkit;

namespace {

cli::Tool make_tool() {
    const EvaluateParameters defaults;
    cli::Tool tool{.name = "regeval",
                   .title = "metrics of a model on a held-out split",
                   .usage = {"-m MODEL... -d NAME.regds [options]"}};
    tool.options = {
        cli::common::models(),
        cli::common::dataset(cli::kNeeded),
        cli::common::fasta(),
        cli::common::check_reference(
            "compare the bases of every contig with the data set's, not only those where windows lie"),
        {.name = "split",
         .value = "NAME",
         .fallback = defaults.split,
         .help = "which windows to evaluate",
         .group = cli::group::input,
         .choices = {"train", "valid", "test"}},
        {.name = "exclude",
         .value = "BED",
         .help = "positions that are not to count",
         .group = cli::group::input,
         .repeatable = true},
        {.name = "by",
         .value = "BED",
         .help = "also measure what lies inside of each annotation, which column 4 names",
         .group = cli::group::input},
        cli::common::markers(),
        cli::common::rc_average(),
        cli::common::window_mode(defaults.window_mode),
        {.name = "baselines",
         .help = "also score the same positions by GC, CpG, k-mers and the same target in other cells",
         .group = cli::group::model},
        {.name = "motifs",
         .value = "MEME",
         .help =
             "for --baselines: also by the motifs of the markers' targets, in the MEME suite's text format",
         .group = cli::group::input},
        cli::common::output("table of metrics [standard output]"),
        {.name = "curves",
         .value = "FILE",
         .help = "also write points of the precision-recall and ROC curves",
         .group = cli::group::output},
        {.name = "calibrate",
         .value = "FILE",
         .help = "write the model with calls fitted on the validation windows, as regtrain ends with: what "
                 "its probabilities mean, and from which on sites are called; the table is of these",
         .group = cli::group::output},
        {.name = "bootstrap",
         .value = "N",
         .fallback = std::to_string(defaults.bootstrap),
         .help = "replicates of a bootstrap of blocks, from which the 95 % intervals come; 0 is none",
         .group = cli::group::output},
        cli::common::seed(std::to_string(defaults.seed)),
        cli::common::threads(),
        cli::common::device(),
        cli::common::precision(),
        cli::common::isa(),
        cli::common::progress(),
    };
    tool.examples = {
        {"regeval -m model.safetensors -d chr20.regds > metrics.tsv", "every marker, then a row a class"},
        {"regeval -m model.safetensors -d chr20.regds | grep -w mean", "only the means of the classes"},
        {"regeval -m model.safetensors -d chr20.regds --by annotation.bed > metrics.tsv",
         "also of promoters, enhancers, ... by themselves"},
        {"regeval -m model.safetensors -d chr20.regds --baselines --motifs jaspar.meme > metrics.tsv",
         "beside what GC, CpG, motifs and k-mers tell without the model"},
        {"regeval -m a.safetensors -m b.safetensors -d chr20.regds > metrics.tsv",
         "the mean of two models, and how far they are apart"},
        {"regeval -m model.safetensors -d chr20.regds --split valid --window-mode tiled --curves curves.tsv",
         "with the full context of every position, and curves to plot"},
    };
    return tool;
}

void run(const cli::Arguments& args, Log& log) {
    EvaluateParameters p;
    p.models = cli::model_files(args);
    p.dataset = cli::dataset_folder(args);
    p.fasta = cli::fasta_file(args);
    p.check_reference = args.flag("check-reference");
    p.split = args.text("split");
    p.exclude = args.all("exclude");
    for (const std::string& path : p.exclude)
        require_kind(path, {FileKind::intervals, FileKind::bed_graph},
                     "--exclude takes intervals, a BED file");
    p.by = args.has("by") ? cli::readable_file(args, "by") : "";
    if (!p.by.empty())
        require_kind(p.by, {FileKind::intervals, FileKind::bed_graph}, "--by takes intervals, a BED file");
    p.markers = args.list("markers");
    p.window_mode = args.text("window-mode");
    p.rc_average = args.flag("rc-average");
    p.baselines = args.flag("baselines");
    p.motifs = args.has("motifs") ? cli::readable_file(args, "motifs") : "";
    p.output = cli::output_file(args, "output");
    p.curves = cli::output_file(args, "curves");
    p.calibrate = cli::output_file(args, "calibrate");
    p.bootstrap = static_cast<int>(args.integer("bootstrap", 0, kMostReplicates));
    p.seed = static_cast<std::uint64_t>(args.integer("seed", 0, INT64_MAX));
    p.backend = cli::backend_options(args);

    cli::Progress line(args);
    const EvaluateReport report = evaluate(p, log, line.tell());
    line.finish();
    log.info(cli::grouped(static_cast<double>(report.windows)) + " " + plural(report.windows, "window") +
             ", " + cli::grouped(static_cast<double>(report.positions)) + " " +
             plural(report.positions, "position") + ", " + cli::grouped(report.nt_per_second) + " nt/s");
    for (const ClassReport& c : report.classes) {
        const std::string name =
            (c.class_name.empty() ? "no class" : c.class_name) + " (" + counted(c.scored, "marker") + "): ";
        log.info(name + (c.scored > 0 ? c.text : "NA"));
        if (!c.sites.empty()) log.info(name + c.sites);
    }
    for (const AnnotationReport& a : report.annotations)
        log.info("annotation " + a.name + ": " + cli::grouped(static_cast<double>(a.positions)) + " " +
                 plural(a.positions, "position") + "; " + a.text);
    for (const std::string& sentence : report.baselines) log.info(sentence);
}

}  // namespace

int main(int argc, char** argv) {
    return cli::run(argc, argv, make_tool(), run);
}
