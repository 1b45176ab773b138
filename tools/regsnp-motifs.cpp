// regsnp motifs: its options, and what they become. The work is in src/app.
#include "app/attribution/marker_motifs.hpp"
#include "cli/common.hpp"
#include "cli/progress.hpp"
#include "kernels/base/error.hpp"
#include "tools/regsnp.hpp"

namespace regkit {
namespace {

constexpr std::int64_t kMaxCount = 100'000, kMinWidth = 50, kMaxWidth = 10'000;

}  // namespace

cli::Tool motifs_tool() {
    const MotifParameters defaults;
    cli::Tool tool{.name = "regsnp",
                   .command = "motifs",
                   .title = "the motifs that a model looks for, from what bases contribute to its sites",
                   .usage = {"-m MODEL -f REF -r REGION [options]", "-m MODEL -f REF -R BED|- [options]"}};
    cli::Option count = count_option("sites of each marker, those that are called with the largest logits");
    count.fallback = std::to_string(defaults.count);
    cli::Option width = width_option("bases around the summit of each site that are searched");
    width.fallback = std::to_string(defaults.width);
    tool.options = region_options();
    add(tool.options, {count,
                       width,
                       cli::common::models(),
                       cli::common::markers(),
                       {.name = "method",
                        .value = "NAME",
                        .fallback = "input",
                        .help = "contributions: input, gradients times input, or integrated gradients (slow)",
                        .group = cli::group::model,
                        .choices = {"input", "integrated"}}});
    add(tool.options, integration_options());
    for (cli::Option& option : tool.options)
        if (option.name == "seed")
            option.help = "start of the orders by which chance is measured, and of baselines";
    add(tool.options,
        {cli::common::rc_average(),
         attribution_phases_option(),
         cli::common::output("motifs in the MEME suite's text format [standard output]"),
         {.name = "sites",
          .value = "BED",
          .help = "also write where the seqlets of each motif lie, with strand and contribution",
          .group = cli::group::output},
         {.name = "min-seqlets",
          .value = "N",
          .fallback = std::to_string(defaults.min_seqlets),
          .help = "only motifs that so many seqlets are like",
          .group = cli::group::output}});
    add(tool.options, run_options());
    tool.examples = {
        {"regsnp motifs -m model.safetensors -f hg19.fa -r chr20 -k CTCF.K562 -o ctcf.meme --sites ctcf.bed && regplot "
         "motifs ctcf.meme --collection JASPAR.meme -o ctcf.svg",
         "what the model takes for a site of CTCF, beside the motifs of a collection"},
        {"regsnp motifs -m model.safetensors -f hg19.fa -r chr20 -k class:TFBS -n 1000 -o motifs.meme",
         "of every transcription factor"},
    };
    return tool;
}

void run_motifs(const cli::Arguments& args, Log& log) {
    MotifParameters p;
    read_run(args, p);
    read_regions(args, p);
    require(
        !p.regions.empty() || !p.regions_file.empty(), ErrorKind::usage,
        "sites of which regions? name them with --region or --regions-file (-R - reads BED from standard input)");
    p.count = args.integer("count", 1, kMaxCount);
    p.width = args.integer("width", kMinWidth, kMaxWidth);
    p.min_seqlets = args.integer("min-seqlets", 2, kMaxCount);
    p.integrated = args.text("method") == "integrated";
    read_integration(args, p.integrated, p.integration);
    p.seed = p.integration.seed;
    if (args.given("output")) p.output = cli::output_file(args, "output");
    if (args.given("sites")) p.sites = cli::output_file(args, "sites");
    cli::Progress line(args, p.output == "-" || p.sites == "-");
    marker_motifs(p, log, line.tell());
    line.finish();
}

}  // namespace regkit
