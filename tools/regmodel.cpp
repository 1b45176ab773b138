// regmodel: what a model file holds, and the same in fewer bits. The work is in src/app/model.
#include <cstdio>

#include "app/model/input_kind.hpp"
#include "app/model/model_info.hpp"
#include "app/model/quantize.hpp"
#include "cli/common.hpp"
#include "cli/run.hpp"
#include "kernels/base/error.hpp"

using namespace regkit;

namespace {

std::string model_argument(const cli::Arguments& args) {
    const std::string path = cli::model_named(args.positional().front());
    require_kind(path, {FileKind::model}, "regmodel takes a model, a .safetensors file that regtrain wrote");
    return path;
}

cli::Tool info_tool() {
    cli::Tool tool{.name = "regmodel",
                   .command = "info",
                   .title = "what a model predicts, how it was trained, and how far it sees",
                   .usage = {"[options] MODEL"}};
    tool.min_arguments = tool.max_arguments = 1;
    cli::Option format =
        cli::common::format({"tsv", "json"}, "rows of key and value, or all of it, markers and contigs too");
    format.fallback = "tsv";
    tool.options = {
        format,
        {.name = "markers",
         .help = "a row a marker instead: name, class, cell, target, prevalence, cutoffs",
         .group = cli::group::output},
    };
    tool.examples = {
        {"regmodel info model.safetensors", "what it is"},
        {"regmodel info --markers model.safetensors | cut -f1", "the names that -k takes"},
        {"regmodel info -O json model.safetensors | jq .training", "how it was trained"},
    };
    return tool;
}

cli::Tool quantize_tool() {
    cli::Tool tool{.name = "regmodel",
                   .command = "quantize",
                   .title = "the same model with weights in 8 bits: a file a quarter as large",
                   .usage = {"MODEL -o SMALL.safetensors"}};
    tool.min_arguments = tool.max_arguments = 1;
    cli::Option output = cli::common::output("the model with 8-bit weights");
    output.needed = true;
    tool.options = {output};
    tool.examples = {
        {"regmodel quantize model.safetensors -o small.safetensors",
         "what regcall and the others take as well"},
    };
    return tool;
}

void quantize(const cli::Arguments& args, Log& log) {
    quantize_model(model_argument(args), cli::output_file(args, "output"), log);
}

void info(const cli::Arguments& args, Log& log) {
    const std::string path = model_argument(args);
    const bool json = args.text("output-format") == "json";
    require(!json || !args.flag("markers"), ErrorKind::usage,
            "--markers is a table; -O json has the markers too");
    const Model model = load_model(path, log);
    const std::string text = json                   ? model_json(model, path)
                             : args.flag("markers") ? markers_table(model)
                                                    : model_table(model, path);
    std::fputs(text.c_str(), stdout);
}

}  // namespace

int main(int argc, char** argv) {
    return cli::run(argc, argv, {{info_tool(), info}, {quantize_tool(), quantize}});
}
