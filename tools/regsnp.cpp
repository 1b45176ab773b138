// regsnp: what variants do to predicted markers. Options to parameters; the work is in src/app.
#include "tools/regsnp.hpp"

#include <algorithm>
#include <cstdio>
#include <iterator>

#include "app/model/input_kind.hpp"
#include "app/mutations/background_run.hpp"
#include "app/mutations/mutagenesis.hpp"
#include "app/mutations/mutation_file.hpp"
#include "app/mutations/random_variants.hpp"
#include "app/variants/annotate.hpp"
#include "app/variants/check_variants.hpp"
#include "cli/common.hpp"
#include "cli/progress.hpp"
#include "cli/run.hpp"
#include "kernels/base/error.hpp"

using namespace regkit;

namespace {

constexpr std::int64_t kMaxSpan = 1'000'000, kMaxVerified = 1'000'000'000;
constexpr std::int64_t kMaxDeletion = 1000;
constexpr std::int64_t kMaxCount = 100'000'000;
constexpr std::int64_t kMaxTop = 1000;

// Which records are read, and what is done with those that do not fit the reference.
std::vector<cli::Option> record_options() {
    return {
        cli::common::fasta(cli::kNeeded),
        check_reference_option(),
        {.name = "region",
         .letter = 'r',
         .value = "REGIONS",
         .help =
             "only records that overlap one of these regions, separated by commas; needs the input's index",
         .group = cli::group::input,
         .repeatable = true},
        {.name = "regions-file",
         .letter = 'R',
         .value = "FILE",
         .help = "regions from a BED file, or from lines of CHROM, POS and perhaps END (1-based), as -r",
         .group = cli::group::input},
        {.name = "targets",
         .letter = 't',
         .value = "REGIONS",
         .help =
             "only records whose POS lies in these regions, or with '^' before them in none of these; reads all of any "
             "input",
         .group = cli::group::input,
         .repeatable = true},
        {.name = "targets-file",
         .letter = 'T',
         .value = "FILE",
         .help = "regions from a file as for -R, '^' before its name too, as -t",
         .group = cli::group::input},
        {.name = "ref-mismatch",
         .value = "ACTION",
         .fallback = "error",
         .help =
             "where a record's REF is not the reference's: stop, leave it without scores, or score against its own REF",
         .group = cli::group::input,
         .choices = {"error", "skip", "use-vcf"}},
        {.name = "missing-contig",
         .value = "ACTION",
         .fallback = "error",
         .help = "where the reference lacks a record's contig: stop, or leave the record without scores",
         .group = cli::group::input,
         .choices = {"error", "skip"}},
        {.name = "alias",
         .value = "RULE",
         .help =
             "contig names of the VCF that stand for others in the reference: 'ucsc' (chr1 is 1) or a file of two columns",
         .group = cli::group::input},
    };
}

cli::Option span_option() {
    return {.name = "span",
            .value = "BASES",
            .help = "compare predictions this far to either side of the variant [the model's field]",
            .group = cli::group::model};
}

// How alleles are scored.
std::vector<cli::Option> model_options() {
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

cli::Option phases_option() {
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

void add(std::vector<cli::Option>& options, std::vector<cli::Option> more) {
    options.insert(options.end(), std::make_move_iterator(more.begin()), std::make_move_iterator(more.end()));
}

cli::Option variants_option() {
    cli::Option format = cli::common::format(
        {},
        "vcf, vcf.gz or bcf, or as bcftools has them v (VCF), z (bgzip VCF), u (uncompressed BCF) or b (BCF); "
        "by default what the output's name says, VCF on standard output");
    format.suggestions = {"vcf", "vcf.gz", "bcf", "v", "z", "u", "b"};
    return format;
}

cli::Tool annotate_tool() {
    cli::Tool tool{.name = "regsnp",
                   .command = "annotate",
                   .title = "annotate variants with their effect on predicted markers",
                   .usage = {"-m MODEL... -f REF [options] [in.vcf|in.vcf.gz|in.bcf|-]"}};
    tool.max_arguments = 1;
    tool.reads_stdin = true;
    tool.options = record_options();
    add(tool.options, model_options());
    add(tool.options,
        {
            span_option(),
            phases_option(),
            cli::common::output("annotated variants [standard output]"),
            variants_option(),
            {.name = "background",
             .value = "FILE",
             .help =
                 "a file of regsnp background: also write how many of its variants have effects as large (REG_Q)",
             .group = cli::group::input},
            {.name = "lossy",
             .help = "what BCF cannot hold of text input is warned of and counted, instead of ending the run",
             .group = cli::group::output},
            {.name = "matrix",
             .value = "FILE",
             .help = "also write a bgzip TSV with a row for each allele and a column for each marker",
             .group = cli::group::output},
            {.name = "target",
             .value = "BED",
             .help =
                 "sum changes up in these intervals as well, such as promoters, where a variant reaches them (REG_TARGET)",
             .group = cli::group::input},
            {.name = "top",
             .value = "N",
             .fallback = "0",
             .help = "also name each allele's N strongest markers, with their changes, in REG_TOP",
             .group = cli::group::output},
            {.name = "write-index",
             .help = "index the output and the matrix; needs bgzip VCF or BCF and sorted input",
             .group = cli::group::output},
        });
    add(tool.options, run_options());
    tool.examples = {
        {"regsnp -m model.safetensors -f hg19.fa -o out.vcf.gz --write-index in.vcf.gz",
         "every variant, all markers"},
        {"regsnp annotate -m model.safetensors -f hg19.fa in.bcf | bcftools view -i 'REG_MAX>1'",
         "only variants that move a logit by more than 1: the odds change 2.7-fold"},
        {"regsnp -m model.safetensors -f hg19.fa -k class:DNase --matrix effects.tsv.gz -o out.bcf in.vcf",
         "DNase markers, with one column each"},
    };
    return tool;
}

cli::Tool check_tool() {
    cli::Tool tool{.name = "regsnp",
                   .command = "check",
                   .title = "whether a VCF fits a reference, and what annotate would make of it",
                   .usage = {"-f REF [options] [in.vcf|in.vcf.gz|in.bcf|-]"}};
    tool.max_arguments = 1;
    tool.reads_stdin = true;
    tool.options = record_options();
    add(tool.options, {cli::common::model(), span_option(), cli::common::progress()});
    tool.examples = {
        {"regsnp check -f hg19.fa in.vcf.gz", "contigs, REF, assembly, and which alleles will have no score"},
        {"regsnp check -m model.safetensors -f hg19.fa in.vcf.gz > check.tsv && regsnp -m model.safetensors -f hg19.fa "
         "-o out.vcf.gz in.vcf.gz",
         "annotate if it would run to its end"},
    };
    return tool;
}

cli::Tool ism_tool() {
    cli::Tool tool{
        .name = "regsnp",
        .command = "ism",
        .title = "the effect of every substitution of every base of a region",
        .usage = {"-m MODEL... -f REF -r REGION [options]", "-m MODEL... -f REF -R BED|- [options]"}};
    cli::Option output = cli::common::output(
        "effects; the name tells the format: .tsv, .matrix.tsv, .npz, .bw, .bedgraph, .vcf or .bcf [standard output]");
    output.repeatable = true;
    cli::Option format = cli::common::format(
        {},
        "tsv, matrix, npz, bigwig, bedgraph, vcf or bcf; text with .gz behind it is bgzip; by default what names "
        "say, tsv on standard output");
    format.suggestions = mutation_words(BaseOutputs::effects);
    cli::Option span = span_option();
    span.fallback = "0";
    span.help = "compare predictions this far to either side too; 0: at the substituted base alone";
    tool.options = {cli::common::fasta(cli::kNeeded),
                    check_reference_option(),
                    cli::common::regions(),
                    cli::common::regions_file(),
                    {.name = "width",
                     .value = "BASES",
                     .help = "so many bases of each region, around its middle, instead of all of it",
                     .group = cli::group::input},
                    {.name = "deletions",
                     .value = "BASES",
                     .fallback = "0",
                     .help = "also each deletion of up to so many bases",
                     .group = cli::group::input}};
    add(tool.options, model_options());
    add(tool.options, {span,
                       {.name = "target",
                        .value = "REGION",
                        .help = "compare predictions in this region instead, wherever the mutation is",
                        .group = cli::group::model},
                       phases_option(),
                       output,
                       format,
                       {.name = "modisco",
                        .help = "beside X.npz also X.ohe.npz and X.shap.npz, which tfmodisco-lite reads",
                        .group = cli::group::output},
                       {.name = "write-index",
                        .help = "index the outputs in bgzip VCF, BCF and bgzip TSV",
                        .group = cli::group::output}});
    add(tool.options, run_options());
    tool.examples = {
        {"regsnp ism -m model.safetensors -f hg19.fa -r chr20:1,000,001-1,000,200 -k CTCF.K562 -O matrix",
         "a row a base, to look at"},
        {"regsnp ism -m model.safetensors -f hg19.fa -R peaks.bed --width 400 -k CTCF.K562 -o ctcf.npz --modisco",
         "arrays to find motifs in, with tfmodisco-lite and finemo"},
        {"regsnp ism -m model.safetensors -f hg19.fa -r chr20:1,000,001-1,001,000 --span 100 -o all.vcf.gz "
         "--write-index -o '{marker}.bw'",
         "a file to look any variant up in, and tracks of the largest effect at each base"},
    };
    return tool;
}

cli::Tool random_tool() {
    cli::Tool tool{.name = "regsnp",
                   .command = "random",
                   .title = "substitutions drawn at random, with their effect on predicted markers",
                   .usage = {"-m MODEL... -f REF -n N [-r REGION | -R BED] [options]"}};
    tool.options = {cli::common::fasta(cli::kNeeded),
                    check_reference_option(),
                    cli::common::regions(),
                    cli::common::regions_file(),
                    {.name = "count",
                     .letter = 'n',
                     .value = "N",
                     .help = "how many",
                     .group = cli::group::input,
                     .needed = true},
                    cli::common::seed("1")};
    tool.options.back().group = cli::group::input;
    add(tool.options, model_options());
    add(tool.options, {span_option(),
                       phases_option(),
                       cli::common::output("the variants [standard output]"),
                       variants_option(),
                       {.name = "write-index",
                        .help = "index the output, which is bgzip VCF or BCF",
                        .group = cli::group::output}});
    add(tool.options, run_options());
    tool.examples = {
        {"regsnp random -m model.safetensors -f hg19.fa -r chr20 -n 10000 -o random.vcf.gz",
         "what to compare with"},
        {"regsnp random -m model.safetensors -f hg19.fa -R peaks.bed -n 1000 --seed 7 -o peaks.bcf --write-index",
         "of peaks alone"},
    };
    return tool;
}

cli::Tool background_tool() {
    cli::Tool tool{.name = "regsnp",
                   .command = "background",
                   .title = "effects of random variants, to compare others with",
                   .usage = {"-m MODEL... -f REF -o FILE [-n N] [-r REGION | -R BED] [options]",
                             "-m MODEL... -f REF -o FILE --from VCF [options]"}};
    tool.options = {
        cli::common::fasta(cli::kNeeded),
        check_reference_option(),
        cli::common::regions(),
        cli::common::regions_file(),
        {.name = "count",
         .letter = 'n',
         .value = "N",
         .fallback = std::to_string(BackgroundParameters().count),
         .help = "how many random variants",
         .group = cli::group::input},
        {.name = "from",
         .value = "VCF",
         .help = "the alleles of a VCF or BCF, of common variants for example, in place of random ones",
         .group = cli::group::input},
        cli::common::seed("1")};
    tool.options.back().group = cli::group::input;
    add(tool.options, model_options());
    cli::Option output = cli::common::output("the background; bgzip where its name ends in .gz");
    output.needed = true;
    add(tool.options, {span_option(), phases_option(), output});
    add(tool.options, run_options());
    tool.examples = {
        {"regsnp background -m model.safetensors -f hg19.fa -o background.tsv.gz && regsnp -m model.safetensors -f hg19.fa "
         "--background background.tsv.gz in.vcf | bcftools view -i 'REG_Q<0.01'",
         "variants whose effect one of a hundred random ones has"},
        {"regsnp background -m model.safetensors -f hg19.fa --from common.vcf.gz -o common.tsv.gz",
         "beside variants that many people carry"},
    };
    return tool;
}

RefMismatch ref_mismatch(const std::string& text) {
    if (text == "skip") return RefMismatch::skip;
    return text == "use-vcf" ? RefMismatch::use_vcf : RefMismatch::error;
}

// "^" before targets: those are left out.
bool without_caret(std::string& text) {
    if (!text.starts_with('^')) return false;
    text.erase(0, 1);
    return true;
}

std::int64_t span_of(const cli::Arguments& args) {
    return args.text("span").empty() ? ScorerOptions::kField : args.integer("span", 0, kMaxSpan);
}

// What model_options(), phases_option() and run_options() are about, -f, --check-reference and --span.
void read_scoring(const cli::Arguments& args, ScoringParameters& p) {
    p.models = cli::model_files(args);
    p.fasta = cli::fasta_file(args);
    p.check_reference = args.flag("check-reference");
    p.markers = args.list("markers");
    p.span = span_of(args);
    p.all_phases = args.text("phases") == "all";
    p.rc_average = args.flag("rc-average");
    p.verify = args.integer("verify", 0, kMaxVerified);
    p.provenance = !args.flag("no-version");
    p.command_line = args.command_line();
    p.backend = cli::backend_options(args);
}

// What record_options() are about.
void read_records(const cli::Arguments& args, AnnotateParameters& p) {
    p.input = cli::stream_input(args);
    require_kind(p.input, {FileKind::variants}, "regsnp reads VCF or BCF");
    p.regions = args.all("region");
    if (args.given("regions-file")) p.regions_file = cli::readable_file(args, "regions-file");
    for (std::string& target : args.all("targets"))
        (without_caret(target) ? p.excluded : p.targets).push_back(target);
    std::string file = args.text("targets-file");
    (without_caret(file) ? p.excluded_file : p.targets_file) = file;
    p.alias = args.text("alias");
    p.ref_mismatch = ref_mismatch(args.text("ref-mismatch"));
    if (args.text("missing-contig") == "skip") p.missing_contig = MissingContig::skip;
}

void run_annotate(const cli::Arguments& args, Log& log) {
    AnnotateParameters p;
    read_records(args, p);
    if (args.given("output")) p.output = cli::output_file(args, "output");
    if (args.given("output-format")) p.format = parse_variant_format(args.text("output-format"), p.output);
    read_scoring(args, p);
    p.lossy = args.flag("lossy");
    p.write_index = args.flag("write-index");
    p.top = args.integer("top", 0, kMaxTop);
    if (args.given("target")) p.target = cli::readable_file(args, "target");
    p.matrix = cli::output_file(args, "matrix");
    if (args.given("background")) p.background = cli::readable_file(args, "background");
    cli::Progress line(args, p.output == "-");
    annotate(p, log, line.tell());
    line.finish();
}

void run_check(const cli::Arguments& args, Log& log) {
    AnnotateParameters p;
    read_records(args, p);
    if (args.given("model")) p.models = {cli::model_file(args)};
    p.fasta = cli::fasta_file(args);
    p.check_reference = args.flag("check-reference");
    p.span = span_of(args);
    cli::Progress line(args);
    const VariantCheck check = check_variants(p, log, line.tell());
    line.finish();
    std::fputs(check_table(p, check).c_str(), stdout);
    if (check.stop) throw *check.stop;
}

void run_ism(const cli::Arguments& args, Log& log) {
    MutagenesisParameters p;
    read_scoring(args, p);
    p.regions = args.all("region");
    p.regions_file = bed_file(args);
    require(!p.regions.empty() || !p.regions_file.empty(), ErrorKind::usage,
            "which bases? name them with --region or --regions-file (-R - reads BED from standard input)");
    if (args.given("width")) p.width = args.integer("width", 1, kMaxSpan);
    p.deletions = args.integer("deletions", 0, kMaxDeletion);
    p.target = args.text("target");
    require(p.target.empty() || !args.given("span"), ErrorKind::usage,
            "--span is around the mutation, and --target wherever that is: give one of the two");
    if (args.given("output")) p.outputs = cli::output_files(args, "output", false);
    p.format = args.text("output-format");
    p.modisco = args.flag("modisco");
    p.write_index = args.flag("write-index");
    cli::Progress line(args, std::count(p.outputs.begin(), p.outputs.end(), "-") > 0);
    mutagenesis(p, log, line.tell());
    line.finish();
}

void run_random(const cli::Arguments& args, Log& log) {
    RandomParameters p;
    read_scoring(args, p);
    p.write_index = args.flag("write-index");
    p.regions = args.all("region");
    p.regions_file = bed_file(args);
    p.count = args.integer("count", 1, kMaxCount);
    p.seed = static_cast<std::uint64_t>(args.integer("seed", 0, INT64_MAX));
    if (args.given("output")) p.output = cli::output_file(args, "output");
    if (args.given("output-format")) p.format = parse_variant_format(args.text("output-format"), p.output);
    cli::Progress line(args, p.output == "-");
    random_variants(p, log, line.tell());
    line.finish();
}

void run_background(const cli::Arguments& args, Log& log) {
    BackgroundParameters p;
    read_scoring(args, p);
    p.regions = args.all("region");
    p.regions_file = bed_file(args);
    p.count = args.integer("count", 1, kMaxCount);
    if (args.given("from")) {
        p.from = cli::readable_file(args, "from");
        require_kind(p.from, {FileKind::variants}, "--from takes VCF or BCF");
        require(p.regions.empty() && p.regions_file.empty() && !args.given("count"), ErrorKind::usage,
                "--from takes all alleles of the VCF: it has no --region, --regions-file and --count");
    }
    p.seed = static_cast<std::uint64_t>(args.integer("seed", 0, INT64_MAX));
    p.output = cli::output_file(args, "output");
    cli::Progress line(args, p.output == "-");
    make_background(p, log, line.tell());
    line.finish();
}

}  // namespace

cli::Option regkit::check_reference_option() {
    return cli::common::check_reference(
        "compare all of the reference that the model remembers, not only a part of each contig");
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

int main(int argc, char** argv) {
    return cli::run(argc, argv,
                    {{annotate_tool(), run_annotate},
                     {check_tool(), run_check},
                     {ism_tool(), run_ism},
                     {grad_tool(), run_grad},
                     {random_tool(), run_random},
                     {background_tool(), run_background}});
}
