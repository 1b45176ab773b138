// The options that several of regsnp's commands have, each row once, and what they become.
#include <iterator>

#include "app/model/input_kind.hpp"
#include "cli/common.hpp"
#include "kernels/base/error.hpp"
#include "tools/regsnp.hpp"

using namespace regkit;

namespace {

constexpr std::int64_t kMaxVerified = 1'000'000'000;

}  // namespace

void regkit::add(std::vector<cli::Option>& options, std::vector<cli::Option> more) {
    options.insert(options.end(), std::make_move_iterator(more.begin()), std::make_move_iterator(more.end()));
}

std::vector<cli::Option> regkit::reference_options() {
    return {cli::common::fasta(cli::kNeeded),
            cli::common::check_reference(
                "compare all of the reference that the model remembers, not only a part of each contig")};
}

std::vector<cli::Option> regkit::region_options() {
    std::vector<cli::Option> options = reference_options();
    add(options, {cli::common::regions(), cli::common::regions_file()});
    return options;
}

cli::Option regkit::width_option(const std::string& help) {
    return {.name = "width", .value = "BASES", .help = help, .group = cli::group::input};
}

cli::Option regkit::count_option(const std::string& help) {
    return {.name = "count", .letter = 'n', .value = "N", .help = help, .group = cli::group::input};
}

cli::Option regkit::seed_option(const std::string& fallback, const char* group) {
    cli::Option seed = cli::common::seed(fallback);
    seed.group = group;
    return seed;
}

std::vector<cli::Option> regkit::scoring_options() {
    return {
        cli::common::models(),
        cli::common::markers(),
        cli::common::rc_average(),
        {.name = "verify",
         .value = "N",
         .fallback = "0",
         .help =
             "score up to N alleles, ever farther apart, once more in whole windows, and end with an error where that differs",
         .group = cli::group::model}};
}

cli::Option regkit::span_option() {
    return {.name = "span",
            .value = "BASES",
            .help = "compare predictions this far to either side of the variant [the model's field]",
            .group = cli::group::model};
}

cli::Option regkit::target_option(const std::string& help) {
    return {.name = "target", .value = "REGION", .help = help, .group = cli::group::model};
}

cli::Option regkit::phases_option() {
    return {
        .name = "phases",
        .value = "WHICH",
        .fallback = "own",
        .help =
            "what an insertion or deletion that shifts the sequence behind it is compared with. own: the reference "
            "shifted alike; all: the mean over all shifts within the model's stride (slow)",
        .group = cli::group::model,
        .choices = {"own", "all"}};
}

cli::Option regkit::variants_option() {
    cli::Option format = cli::common::format(
        {},
        "vcf, vcf.gz or bcf, or as bcftools has them v (VCF), z (bgzip VCF), u (uncompressed BCF) or b (BCF); "
        "by default what the output's name says, VCF on standard output");
    format.suggestions = {"vcf", "vcf.gz", "bcf", "v", "z", "u", "b"};
    return format;
}

cli::Option regkit::modisco_option() {
    return {.name = "modisco",
            .help = "beside X.npz also X.ohe.npz and X.shap.npz, which tfmodisco-lite reads",
            .group = cli::group::output};
}

cli::Option regkit::write_index_option(const std::string& what) {
    return {.name = "write-index", .help = "index " + what, .group = cli::group::output};
}

std::vector<cli::Option> regkit::run_options() {
    return {cli::common::no_version(), cli::common::threads(), cli::common::device(),
            cli::common::precision(),  cli::common::isa(),     cli::common::progress()};
}

std::string regkit::bed_file(const cli::Arguments& args) {
    if (!args.given("regions-file") || args.text("regions-file") == "-") return args.text("regions-file");
    const std::string path = cli::readable_file(args, "regions-file");
    require_kind(path, {FileKind::intervals, FileKind::bed_graph}, "-R takes regions, a BED file");
    return path;
}

std::int64_t regkit::span_of(const cli::Arguments& args) {
    return args.text("span").empty() ? ScorerOptions::kField : args.integer("span", 0, kMaxSpan);
}

void regkit::read_scoring(const cli::Arguments& args, ScoringParameters& p) {
    read_run(args, p);
    p.span = span_of(args);
    p.verify = args.integer("verify", 0, kMaxVerified);
}
