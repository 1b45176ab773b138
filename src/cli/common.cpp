// First the table's entries, each a function that gives one option with its help. Then what stands behind
// several of them: a path is tried, and its kind looked at, when options are read, so that a wrong file or a
// missing folder is told at once and not after the work.
#include "cli/common.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "app/model/input_kind.hpp"
#include "app/model/shipped_models.hpp"
#include "base/paths.hpp"
#include "base/text.hpp"
#include "kernels/base/error.hpp"
#include "kernels/base/thread_pool.hpp"

namespace regkit::cli {
namespace common {

Option fasta(Need need) {
    return {.name = "fasta",
            .letter = 'f',
            .value = "REF",
            .help = "reference FASTA, plain or bgzip; missing .fai and .gzi are built beside it",
            .group = group::input,
            .needed = need == Need::needed};
}
Option check_reference(const std::string& help) {
    return {.name = "check-reference", .help = help, .group = group::input};
}
Option regions() {
    return {
        .name = "region",
        .letter = 'r',
        .value = "REGION",
        .help =
            "only these regions, separated by commas, as chr20, chr20:1,000-2,000 (1-based, inclusive), chr20:1,000- or {HLA-A*01:01}:1-100",
        .group = group::input,
        .repeatable = true};
}
Option regions_file() {
    return {.name = "regions-file",
            .letter = 'R',
            .value = "BED",
            .help = "only the regions of this BED file",
            .group = group::input};
}
Option model(Need need) {
    return {.name = "model",
            .letter = 'm',
            .value = "MODEL",
            .help = "trained model: a .safetensors file, or the name of one that comes with the tools",
            .group = group::model,
            .needed = need == Need::needed,
            .files = "*.safetensors"};
}
Option models() {
    Option option = model(kNeeded);
    option.help += "; several are an ensemble, whose mean is taken";
    option.repeatable = true;
    return option;
}
Option dataset(Need need) {
    return {.name = "dataset",
            .letter = 'd',
            .value = "DIR",
            .help = "data set that regds-build wrote",
            .group = group::input,
            .needed = need == Need::needed,
            .files = "*/"};
}
Option markers() {
    return {.name = "markers",
            .letter = 'k',
            .value = "LIST",
            .help = "only these markers, separated by commas: names, globs ('CTCF*') or class:DNase",
            .group = group::model,
            .repeatable = true,
            .names_markers = true};
}
Option output(const std::string& help, const std::string& value) {
    return {.name = "output", .letter = 'o', .value = value, .help = help, .group = group::output};
}
Option format(const std::vector<std::string>& choices, const std::string& help) {
    return {.name = "output-format",
            .letter = 'O',
            .value = "FORMAT",
            .help = help,
            .group = group::output,
            .choices = choices};
}
Option force() {
    return {.name = "force", .help = "replace an output that exists", .group = group::output};
}
Option rc_average() {
    return {.name = "rc-average",
            .help = "average with the prediction of the reverse complement",
            .group = group::model};
}
Option window_mode(const std::string& fallback) {
    return {
        .name = "window-mode",
        .value = "MODE",
        .fallback = fallback,
        .help =
            "what is predicted at a time. tiled: every base with all the sequence around it that the model can see; "
            "paper: windows cut as in training, each with nothing around it",
        .group = group::model,
        .choices = {"paper", "tiled"}};
}
Option threads() {
    return {.name = "threads",
            .letter = '@',
            .value = "N",
            .fallback = "0",
            .help = "worker threads in all; 0 is every processor",
            .group = group::device};
}
Option device() {
    return {.name = "device",
            .value = "NAME",
            .fallback = "auto",
            .help = "where to compute: auto, cpu, cuda or cuda:N (regkit(1), Devices)",
            .group = group::device,
            .suggestions = {"auto", "cpu", "cuda"}};
}
Option precision() {
    return {.name = "precision",
            .value = "TYPE",
            .fallback = "f32",
            .help = "operands of products, summed in f32",
            .group = group::device,
            .choices = {"f32", "bf16"}};
}
Option isa() {
    return {.name = "isa",
            .value = "NAME",
            .fallback = "auto",
            .help =
                "instruction set of the CPU code (the best one here, if not given); pin it where bytes must "
                "be the same on different machines",
            .group = group::device,
            .suggestions = {"auto", "avx512bf16", "avx512", "avx2", "sse4", "neon", "generic"}};
}
Option seed(const std::string& fallback) {
    return {.name = "seed",
            .value = "N",
            .fallback = fallback,
            .help = "start of every random choice",
            .group = group::model};
}
Option progress() {
    return {
        .name = "progress",
        .value = "MODE",
        .fallback = "auto",
        .help =
            "how far the work is, on standard error. auto: a line that is rewritten on a terminal, elsewhere a line a "
            "minute; json: an object a second (regkit(1), Progress)",
        .choices = {"auto", "none", "json"}};
}
Option no_version() {
    return {.name = "no-version",
            .help = "leave version, command and digests out of the output's header",
            .group = group::output};
}
Option verbosity() {
    return {.name = "verbosity",
            .value = "N",
            .fallback = "4",
            .help = "1 errors, 3 also warnings, 4 also summaries, 5 also details"};
}

}  // namespace common

int threads(const Arguments& args) {
    return resolve_workers(static_cast<int>(args.integer("threads", 0, 256)));
}

BackendOptions backend_options(const Arguments& args) {
    BackendOptions options;
    options.device = args.text("device");
    options.workers = threads(args);
    if (args.text("isa") != "auto") options.isa = args.text("isa");
    if (args.text("precision") == "bf16") options.precision = Precision::bf16;
    return options;
}

std::string stream_input(const Arguments& args) {
    if (!args.positional().empty()) return args.positional().front();
    require(isatty(STDIN_FILENO) == 0, ErrorKind::usage,
            "no input is named, and standard input is a terminal; name a file, or pipe one in; see " +
                args.tool().name + " --help");
    return "-";
}

namespace {

std::string readable(const std::string& path) {
    if (access(path.c_str(), R_OK) != 0) throw_errno("cannot open " + path);
    return path;
}

}  // namespace

std::string readable_file(const Arguments& args, const std::string& name) {
    require(args.text(name) != "-", ErrorKind::usage,
            "--" + name + " -: it takes a file, not standard input; bash's <(command) is one");
    return readable(args.text(name));
}

namespace {

// Each of the two would be refused by itself, in words that hide that the other is at hand.
void refuse_swapped(const Arguments& args) {
    const std::vector<Option>& table = args.tool().options;
    const auto given = [&](const char* name) {
        const bool has =
            std::any_of(table.begin(), table.end(), [&](const Option& o) { return o.name == name; });
        return has && args.given(name);
    };
    if (!given("model") || !given("fasta")) return;
    const std::string fasta = args.text("fasta");
    for (const std::string& model : args.all("model"))
        require(file_kind(model) != FileKind::fasta || file_kind(fasta) != FileKind::model, ErrorKind::usage,
                "-m " + model + " is a FASTA file and -f " + fasta +
                    " a model: swap them; -m takes the model, -f the reference");
}

}  // namespace

std::string fasta_file(const Arguments& args, const std::string& name) {
    if (!args.given(name)) return "";
    const std::string path = readable_file(args, name);
    refuse_swapped(args);
    require_kind(path, {FileKind::fasta}, "-f takes the reference, a FASTA file");
    return path;
}

namespace {

std::string model_file(const Arguments& args, const std::string& name) {
    const std::string path = model_named(name);
    refuse_swapped(args);
    require_kind(path, {FileKind::model}, "-m takes the model, a .safetensors file that regtrain wrote");
    return path;
}

}  // namespace

std::string model_file(const Arguments& args) {
    return model_file(args, args.text("model"));
}

std::vector<std::string> model_files(const Arguments& args) {
    std::vector<std::string> paths;
    for (const std::string& name : args.all("model")) paths.push_back(model_file(args, name));
    return paths;
}

std::string model_named(const std::string& name) {
    const std::string path = find_model(name);
    const std::vector<std::string> shipped = shipped_models();
    // What looks like a path was meant as one.
    if (path == name && name.find('/') == std::string::npos && !name.ends_with(".safetensors") &&
        access(path.c_str(), F_OK) != 0 && !shipped.empty())
        throw Error(ErrorKind::resource, name + ": no such file, nor a model that comes with the tools (" +
                                             some_of(shipped) + ")");
    return readable(path);
}

std::string dataset_folder(const Arguments& args) {
    const std::string path = without_slashes(args.text("dataset"));
    require_kind(path, {FileKind::dataset, FileKind::folder}, "-d takes the folder that regds-build wrote");
    return path;
}

namespace {

void check_output(const std::string& path, bool parents) {
    const auto slash = path.rfind('/');
    if (slash == std::string::npos) return;
    const std::string folder = slash == 0 ? "/" : path.substr(0, slash);
    require(slash + 1 < path.size(), ErrorKind::usage, path + ": the name of a folder; name a file in it");
    struct stat info {};
    const bool there = stat(folder.c_str(), &info) == 0;
    if (there && !S_ISDIR(info.st_mode))
        throw Error(ErrorKind::resource, path + ": cannot create: " + folder + " is a file, not a directory");
    if (!there && errno == ENOENT && folder.find('{') == std::string::npos && !parents)
        throw Error(ErrorKind::resource, path + ": cannot create: there is no directory " + folder +
                                             "; make it first: mkdir -p " + folder);
}

}  // namespace

std::string output_file(const Arguments& args, const std::string& name) {
    const std::string path = args.text(name);
    check_output(path, false);
    return path;
}

std::vector<std::string> output_files(const Arguments& args, const std::string& name, bool parents) {
    const std::vector<std::string> paths = args.all(name);
    for (const std::string& path : paths) check_output(path, parents);
    return paths;
}

}  // namespace regkit::cli
