// regsnp grad: its options, and what they become. The work is in src/app.
#include <algorithm>
#include <string_view>

#include "app/attribution/gradients.hpp"
#include "app/mutations/mutation_file.hpp"
#include "cli/common.hpp"
#include "cli/progress.hpp"
#include "kernels/base/error.hpp"
#include "kernels/base/number.hpp"
#include "tools/regsnp.hpp"

namespace regkit {
namespace {

constexpr std::int64_t kMaxSteps = 100'000;

// shuffled:N or n.
std::int64_t shuffles(const std::string& text) {
    constexpr std::string_view kShuffled = "shuffled:";
    constexpr std::int64_t kMost = 1000;
    if (text == "n" || text == "N") return 0;
    const auto count = text.starts_with(kShuffled)
                           ? parse_int(std::string_view(text).substr(kShuffled.size()), 1, kMost)
                           : std::nullopt;
    require(count.has_value(), ErrorKind::usage,
            "--baseline " + text + ": takes shuffled:N, N being 1 to " + std::to_string(kMost) + ", or n");
    return *count;
}

}  // namespace

std::vector<cli::Option> integration_options() {
    const IntegrationOptions integration;
    cli::Option seed = seed_option(std::to_string(integration.seed), cli::group::model);
    seed.help = "start of the order of shuffled baselines";
    return {
        {.name = "baseline",
         .value = "KIND",
         .fallback = "shuffled:" + std::to_string(integration.shuffles),
         .help = "where integrated gradients begin: shuffled:N, N sequences with the same pairs of bases in "
                 "another order, or n, N alone",
         .group = cli::group::model,
         .suggestions = {"shuffled:", "n"}},
        seed,
        {.name = "steps",
         .value = "N",
         .help = "points on the way from each baseline; by default 16, or thrice as many up to 1296 until "
                 "contributions sum up to the difference of the predictions within 1 %",
         .group = cli::group::model}};
}

void read_integration(const cli::Arguments& args, bool integrated, IntegrationOptions& options) {
    for (const char* name : {"baseline", "steps"})
        require(!args.given(name) || integrated, ErrorKind::usage,
                "--" + std::string(name) + " goes with --method integrated");
    options.shuffles = shuffles(args.text("baseline"));
    options.seed = static_cast<std::uint64_t>(args.integer("seed", 0, INT64_MAX));
    if (args.given("steps")) options.steps = args.integer("steps", 1, kMaxSteps);
}

cli::Option attribution_phases_option() {
    cli::Option phases = phases_option();
    phases.help =
        "cells of the model's stride lie on the contig as they do for regcall (own), or the mean is taken over all "
        "shifts of them (all; slow)";
    return phases;
}

cli::Tool grad_tool() {
    const GradientParameters defaults;
    cli::Tool tool{.name = "regsnp",
                   .command = "grad",
                   .title = "what each base of a region contributes to predictions, by gradients",
                   .usage = {"-m MODEL -f REF -r REGION [options]", "-m MODEL -f REF -R BED|- [options]"}};
    cli::Option output = cli::common::output(
        "contributions; the name tells the format: .tsv, .matrix.tsv, .npz, .bw, .bedgraph or .bed [standard output]");
    output.repeatable = true;
    cli::Option format = cli::common::format(
        {},
        "tsv, matrix, npz, bigwig, bedgraph or bed; text with .gz behind it is bgzip; by default what names say, tsv "
        "on standard output");
    format.suggestions = mutation_words(BaseOutputs::attributions);
    tool.options = region_options();
    add(tool.options,
        {width_option("tell of so many bases around the middle of each region or site, instead of its own"),
         {.name = "sites",
          .help = "instead of the regions the sites that are called in them, each by itself",
          .group = cli::group::input},
         cli::common::models(),
         cli::common::markers(),
         target_option("contributions to predictions in this region, instead of those in the region itself"),
         {.name = "method",
          .value = "NAME",
          .fallback = "input",
          .help =
              "one value a base: input, the gradient times the base that is there; norm, of the gradient; "
              "integrated, integrated gradients",
          .group = cli::group::model,
          .choices = {"input", "norm", "integrated"}}});
    add(tool.options, integration_options());
    add(tool.options, {cli::common::rc_average(),
                       attribution_phases_option(),
                       output,
                       format,
                       {.name = "bin",
                        .value = "BASES",
                        .fallback = std::to_string(defaults.bin),
                        .help = "of BED: bases of a bin",
                        .group = cli::group::output},
                       {.name = "top",
                        .value = "N",
                        .fallback = std::to_string(defaults.top),
                        .help = "of BED: the N bins of each region and marker with the largest contributions",
                        .group = cli::group::output},
                       modisco_option(),
                       write_index_option("the outputs in bgzip TSV")});
    add(tool.options, run_options());
    tool.examples = {
        {"regsnp grad -m model.safetensors -f hg19.fa -r chr20:1,000,001-1,000,200 -k CTCF.K562 -O bedgraph",
         "the gradient times each base, of the sum of logits in the region"},
        {"regsnp grad -m model.safetensors -f hg19.fa -r chr20:990,000-1,010,000 --target chr20:1,000,001-1,000,200 -k "
         "CTCF.K562 -O bed | regsnp ism -m model.safetensors -f hg19.fa -R - --target chr20:1,000,001-1,000,200 -k "
         "CTCF.K562 -O matrix",
         "the three bins around a promoter that count most for it, and what mutations there do"},
        {"regsnp grad -m model.safetensors -f hg19.fa -r chr20 --sites --width 400 --method integrated -k CTCF.K562 -o "
         "ctcf.npz --modisco",
         "integrated gradients of every site on a chromosome, to find motifs in"},
    };
    return tool;
}

void run_grad(const cli::Arguments& args, Log& log) {
    GradientParameters p;
    read_run(args, p);
    p.write_index = args.flag("write-index");
    read_regions(args, p);
    require(!p.regions.empty() || !p.regions_file.empty(), ErrorKind::usage,
            "which bases? name them with --region or --regions-file (-R - reads BED from standard input)");
    if (args.given("width")) p.width = args.integer("width", 1, kMaxSpan);
    p.sites = args.flag("sites");
    p.target = args.text("target");
    require(p.target.empty() || !p.sites, ErrorKind::usage,
            "--sites are targets of their own: leave --target out");
    if (args.text("method") == "norm") p.method = GradientMethod::norm;
    if (args.text("method") == "integrated") p.method = GradientMethod::integrated;
    require(!args.given("seed") || p.method == GradientMethod::integrated, ErrorKind::usage,
            "--seed goes with --method integrated");
    read_integration(args, p.method == GradientMethod::integrated, p.integration);
    if (args.given("output")) p.outputs = cli::output_files(args, "output", false);
    p.format = args.text("output-format");
    p.bin = args.integer("bin", 1, kMaxSpan);
    p.top = args.integer("top", 1, kMaxTop);
    p.modisco = args.flag("modisco");
    const bool bins = std::ranges::any_of(p.outputs, [&](const std::string& name) {
        return mutation_file(name, p.format, BaseOutputs::attributions).kind == MutationFile::Kind::bins;
    });
    for (const char* name : {"bin", "top"})
        require(!args.given(name) || bins, ErrorKind::usage,
                "--" + std::string(name) + " goes with an output in BED (-O bed)");
    cli::Progress line(args, std::count(p.outputs.begin(), p.outputs.end(), "-") > 0);
    gradients(p, log, line.tell());
    line.finish();
}

}  // namespace regkit
