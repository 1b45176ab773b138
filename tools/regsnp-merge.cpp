// regsnp merge: its options, and what they become.
#include "app/variants/merge_variants.hpp"
#include "cli/common.hpp"
#include "cli/progress.hpp"
#include "tools/regsnp.hpp"

namespace regkit {
namespace {

constexpr int kMostParts = 1'000'000;

}  // namespace

cli::Tool merge_tool() {
    cli::Tool tool{.name = "regsnp",
                   .command = "merge",
                   .title = "make one file of the parts that regsnp annotate --shard has written",
                   .usage = {"[options] PART..."}};
    tool.min_arguments = 1;
    tool.max_arguments = kMostParts;
    tool.options = {cli::common::output("annotated variants [standard output]"), variants_option(),
                    write_index_option("the output, which is bgzip VCF or BCF"), cli::common::no_version(),
                    cli::common::progress()};
    tool.examples = {
        {"regsnp merge -o out.vcf.gz --write-index parts/*.vcf.gz", "the file of one run, and its index"},
        {"for i in 1 2 3; do regsnp -m model.safetensors -f hg19.fa --shard $i/3 -o $i.bcf in.bcf; done; regsnp merge -o "
         "out.bcf 1.bcf 2.bcf 3.bcf",
         "in three parts, as tasks on three machines would"},
    };
    return tool;
}

void run_merge(const cli::Arguments& args, Log& log) {
    MergeVariantsParameters p;
    p.parts = args.positional();
    if (args.given("output")) p.output = cli::output_file(args, "output");
    if (args.given("output-format")) p.format = parse_variant_format(args.text("output-format"), p.output);
    p.write_index = args.flag("write-index");
    p.provenance = !args.flag("no-version");
    p.command_line = args.command_line();
    cli::Progress line(args, p.output == "-");
    merge_variants(p, log, line.tell());
    line.finish();
}

}  // namespace regkit
