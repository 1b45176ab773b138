// regsnp annotate and regsnp check, which read a VCF: their options, and what they become.
#include <cstdio>

#include "app/model/input_kind.hpp"
#include "app/variants/annotate.hpp"
#include "app/variants/check_variants.hpp"
#include "cli/common.hpp"
#include "cli/progress.hpp"
#include "kernels/base/error.hpp"
#include "tools/regsnp.hpp"

namespace regkit {
namespace {

// Which records are read, and what is done with those that do not fit the reference.
std::vector<cli::Option> record_options() {
    std::vector<cli::Option> options = reference_options();
    add(options,
        {
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
        });
    return options;
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

}  // namespace

cli::Tool annotate_tool() {
    cli::Tool tool{.name = "regsnp",
                   .command = "annotate",
                   .title = "annotate variants with their effect on predicted markers",
                   .usage = {"-m MODEL... -f REF [options] [in.vcf|in.vcf.gz|in.bcf|-]"}};
    tool.max_arguments = 1;
    tool.reads_stdin = true;
    tool.options = record_options();
    add(tool.options, scoring_options());
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
            {.name = "haplotypes",
             .help =
                 "also write the largest change of each haplotype of a sample, its phased variants together (REG_H1, REG_H2)",
             .group = cli::group::output},
            {.name = "sample",
             .letter = 's',
             .value = "SAMPLE",
             .help = "whose haplotypes; needed where the input has several samples",
             .group = cli::group::input},
            {.name = "shard",
             .value = "I/N",
             .help =
                 "annotate the I-th of N parts of an indexed input, for `regsnp merge`; slurm: the part of this task of a "
                 "job array",
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
            write_index_option("the output and the matrix; needs bgzip VCF or BCF and sorted input"),
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

void run_annotate(const cli::Arguments& args, Log& log) {
    AnnotateParameters p;
    read_records(args, p);
    if (args.given("output")) p.output = cli::output_file(args, "output");
    if (args.given("output-format")) p.format = parse_variant_format(args.text("output-format"), p.output);
    read_scoring(args, p);
    p.lossy = args.flag("lossy");
    p.write_index = args.flag("write-index");
    p.top = args.integer("top", 0, kMaxTop);
    p.haplotypes = args.flag("haplotypes");
    p.sample = args.text("sample");
    if (args.given("shard")) {
        p.shard = parse_shard(args.text("shard"));
        require(
            p.input != "-", ErrorKind::usage,
            "--shard takes a part of a file by its index: name a file in bgzip VCF or BCF, not standard input");
        require(
            p.regions.empty() && p.regions_file.empty(), ErrorKind::usage,
            "--shard takes a part of all the file: leave --region and --regions-file out (-t goes with it)");
    }
    require(p.haplotypes || !args.given("sample"), ErrorKind::usage, "--sample goes with --haplotypes");
    if (args.given("target")) p.target = cli::readable_file(args, "target");
    p.matrix = cli::output_file(args, "matrix");
    if (args.given("background")) p.background = cli::readable_file(args, "background");
    cli::Progress line(args, p.output == "-");
    annotate(p, log, line.tell());
    line.finish();
    if (p.shard)
        log.info("shard " + std::to_string(p.shard->number) + " of " + std::to_string(p.shard->of) +
                 "; once all are done: regsnp merge");
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

}  // namespace regkit
