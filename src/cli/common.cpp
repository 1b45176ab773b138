#include "cli/common.hpp"

#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "base/error.hpp"
#include "base/thread_pool.hpp"

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
Option regions() {
    return {.name = "region",
            .letter = 'r',
            .value = "REGION",
            .help = "only this region, as chr20, chr20:1,000 or chr20:1000-2,000 (1-based, inclusive)",
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
            .help = "trained model (.safetensors)",
            .group = group::model,
            .needed = need == Need::needed};
}
Option dataset(Need need) {
    return {.name = "dataset",
            .letter = 'd',
            .value = "DIR",
            .help = "data set that regds-build wrote",
            .group = group::input,
            .needed = need == Need::needed};
}
Option markers() {
    return {.name = "markers",
            .letter = 'k',
            .value = "LIST",
            .help = "only these markers, separated by commas: names, globs ('CTCF*') or class:DNase",
            .group = group::model,
            .repeatable = true};
}
Option cutoff(const std::string& fallback) {
    return {.name = "cutoff",
            .letter = 'c',
            .value = "P",
            .fallback = fallback,
            .help = "value from which a position counts as marked: a probability, or coverage",
            .group = group::output};
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
        .help = "paper: independent windows, padded with zeros; tiled: every position sees its full context",
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
            .help = "auto, cpu, cuda or cuda:N; auto is the CPU until the CUDA kernels are proven on hardware",
            .group = group::device};
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
            .group = group::device};
}
Option seed(const std::string& fallback) {
    return {.name = "seed",
            .value = "N",
            .fallback = fallback,
            .help = "start of every random choice",
            .group = group::model};
}
Option progress() {
    return {.name = "progress",
            .value = "MODE",
            .fallback = "auto",
            .help = "auto: one line on a terminal; json: one object a line; both on standard error",
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

std::string readable_file(const Arguments& args, const std::string& name) {
    const std::string path = args.text(name);
    if (access(path.c_str(), R_OK) != 0) throw_errno("cannot open " + path);
    return path;
}

}  // namespace regkit::cli
