// regsnp: what variants do to predicted markers. Options to parameters; the work is in src/app.
#include <cstdio>
#include <iterator>

#include "app/model/input_kind.hpp"
#include "app/variants/annotate.hpp"
#include "app/variants/check_variants.hpp"
#include "cli/common.hpp"
#include "cli/progress.hpp"
#include "cli/run.hpp"

using namespace regkit;

namespace {

constexpr std::int64_t kMaxSpan = 1'000'000;

// Which records are read, and what is done with those that do not fit the reference.
std::vector<cli::Option> record_options() {
    return {
        cli::common::fasta(cli::kNeeded),
        cli::common::check_reference(
            "compare all of the reference that the model remembers, not only a part of each contig"),
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
            .fallback = std::to_string(AnnotateParameters().span),
            .help = "compare predictions this far to either side of the variant",
            .group = cli::group::model};
}

void add(std::vector<cli::Option>& options, std::vector<cli::Option> more) {
    options.insert(options.end(), std::make_move_iterator(more.begin()), std::make_move_iterator(more.end()));
}

cli::Tool annotate_tool() {
    cli::Tool tool{.name = "regsnp",
                   .command = "annotate",
                   .title = "annotate variants with their effect on predicted markers",
                   .usage = {"-m MODEL -f REF [options] [in.vcf|in.vcf.gz|in.bcf|-]"}};
    tool.max_arguments = 1;
    tool.reads_stdin = true;
    cli::Option format = cli::common::format(
        {},
        "vcf, vcf.gz or bcf, or as bcftools has them v (VCF), z (bgzip VCF), u (uncompressed BCF) or b (BCF); "
        "by default what the output's name says, VCF on standard output");
    format.suggestions = {"vcf", "vcf.gz", "bcf", "v", "z", "u", "b"};
    tool.options = record_options();
    add(tool.options,
        {
            cli::common::model(cli::kNeeded),
            cli::common::markers(),
            cli::common::rc_average(),
            span_option(),
            {.name = "phases",
             .value = "WHICH",
             .fallback = "own",
             .help =
                 "what an insertion or deletion that shifts the sequence behind it is compared with. own: the reference "
                 "shifted alike; all: the mean over all shifts within the model's stride (slow)",
             .group = cli::group::model,
             .choices = {"own", "all"}},
            cli::common::output("annotated variants [standard output]"),
            format,
            {.name = "lossy",
             .help = "what BCF cannot hold of text input is warned of and counted, instead of ending the run",
             .group = cli::group::output},
            {.name = "matrix",
             .value = "FILE",
             .help = "also write a bgzip TSV with a row for each allele and a column for each marker",
             .group = cli::group::output},
            {.name = "write-index",
             .help = "index the output and the matrix; needs bgzip VCF or BCF and sorted input",
             .group = cli::group::output},
            cli::common::no_version(),
            cli::common::threads(),
            cli::common::device(),
            cli::common::precision(),
            cli::common::isa(),
            cli::common::progress(),
        });
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

// What record_options() and span_option() are about, and the model.
AnnotateParameters read_records(const cli::Arguments& args) {
    AnnotateParameters p;
    p.input = cli::stream_input(args);
    require_kind(p.input, {FileKind::variants}, "regsnp reads VCF or BCF");
    if (args.given("model")) p.model = cli::model_file(args);
    p.fasta = cli::fasta_file(args);
    p.check_reference = args.flag("check-reference");
    p.regions = args.all("region");
    if (args.given("regions-file")) p.regions_file = cli::readable_file(args, "regions-file");
    for (std::string& target : args.all("targets"))
        (without_caret(target) ? p.excluded : p.targets).push_back(target);
    std::string file = args.text("targets-file");
    (without_caret(file) ? p.excluded_file : p.targets_file) = file;
    p.alias = args.text("alias");
    p.span = args.integer("span", 0, kMaxSpan);
    p.ref_mismatch = ref_mismatch(args.text("ref-mismatch"));
    if (args.text("missing-contig") == "skip") p.missing_contig = MissingContig::skip;
    return p;
}

void run_annotate(const cli::Arguments& args, Log& log) {
    AnnotateParameters p = read_records(args);
    if (args.given("output")) p.output = cli::output_file(args, "output");
    if (args.given("output-format")) p.format = parse_variant_format(args.text("output-format"), p.output);
    p.lossy = args.flag("lossy");
    p.markers = args.list("markers");
    p.all_phases = args.text("phases") == "all";
    p.rc_average = args.flag("rc-average");
    p.matrix = cli::output_file(args, "matrix");
    p.write_index = args.flag("write-index");
    p.provenance = !args.flag("no-version");
    p.command_line = args.command_line();
    p.backend = cli::backend_options(args);
    cli::Progress line(args, p.output == "-");
    annotate(p, log, line.tell());
    line.finish();
}

void run_check(const cli::Arguments& args, Log& log) {
    const AnnotateParameters p = read_records(args);
    cli::Progress line(args);
    const VariantCheck check = check_variants(p, log, line.tell());
    line.finish();
    std::fputs(check_table(p, check).c_str(), stdout);
    if (check.stop) throw *check.stop;
}

}  // namespace

int main(int argc, char** argv) {
    return cli::run(argc, argv, {{annotate_tool(), run_annotate}, {check_tool(), run_check}});
}
