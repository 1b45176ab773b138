// regsnp: what variants do to predicted markers. Options to parameters; the work is in src/app.
#include "tools/regsnp.hpp"

#include <algorithm>

#include "app/model/input_kind.hpp"
#include "app/mutations/background_run.hpp"
#include "app/mutations/mutagenesis.hpp"
#include "app/mutations/mutation_file.hpp"
#include "app/mutations/random_variants.hpp"
#include "cli/common.hpp"
#include "cli/progress.hpp"
#include "cli/run.hpp"
#include "kernels/base/error.hpp"

using namespace regkit;

namespace {

constexpr std::int64_t kMaxDeletion = 1000;
constexpr std::int64_t kMaxCount = 100'000'000;

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
    tool.options = region_options();
    add(tool.options, {width_option("so many bases of each region, around its middle, instead of all of it"),
                       {.name = "deletions",
                        .value = "BASES",
                        .fallback = "0",
                        .help = "also each deletion of up to so many bases",
                        .group = cli::group::input}});
    add(tool.options, scoring_options());
    add(tool.options,
        {span, target_option("compare predictions in this region instead, wherever the mutation is"),
         phases_option(), output, format, modisco_option(),
         write_index_option("the outputs in bgzip VCF, BCF and bgzip TSV")});
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
    cli::Option count = count_option("how many");
    count.needed = true;
    tool.options = region_options();
    add(tool.options, {count, seed_option("1", cli::group::input)});
    add(tool.options, scoring_options());
    add(tool.options, {span_option(), phases_option(), cli::common::output("the variants [standard output]"),
                       variants_option(), write_index_option("the output, which is bgzip VCF or BCF")});
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
    cli::Option count = count_option("how many random variants");
    count.fallback = std::to_string(BackgroundParameters().count);
    tool.options = region_options();
    add(tool.options,
        {count,
         {.name = "from",
          .value = "VCF",
          .help = "the alleles of a VCF or BCF, of common variants for example, in place of random ones",
          .group = cli::group::input},
         seed_option("1", cli::group::input)});
    add(tool.options, scoring_options());
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

void run_ism(const cli::Arguments& args, Log& log) {
    MutagenesisParameters p;
    read_scoring(args, p);
    read_regions(args, p);
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
    read_regions(args, p);
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
    read_regions(args, p);
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

int main(int argc, char** argv) {
    return cli::run(argc, argv,
                    {{annotate_tool(), run_annotate},
                     {merge_tool(), run_merge},
                     {check_tool(), run_check},
                     {ism_tool(), run_ism},
                     {grad_tool(), run_grad},
                     {motifs_tool(), run_motifs},
                     {random_tool(), run_random},
                     {background_tool(), run_background}});
}
