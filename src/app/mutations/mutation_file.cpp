// A word of -O is taken before the name; of names the endings tell.
#include "app/mutations/mutation_file.hpp"

#include <algorithm>

#include "base/paths.hpp"
#include "base/text.hpp"
#include "io/files/output_check.hpp"
#include "kernels/base/error.hpp"

namespace regkit {
namespace {

using Kind = MutationFile::Kind;

constexpr const char* kMatrixEnding = ".matrix.tsv";

std::string choices(BaseOutputs of) {
    return std::string("tsv, matrix, npz, ") +
           (of == BaseOutputs::effects ? "vcf, vcf.gz or bcf" : "or bed") +
           ", or of tracks bigwig or bedgraph";
}

bool is_variant_word(const std::string& word) {
    const std::string_view stem = without_gz_ending(word);
    return stem == "vcf" || word == "bcf" || word == "v" || word == "z" || word == "u" || word == "b";
}

const TrackFormat* with_values(const TrackFormat* format) {
    return format != nullptr && format->holds_values ? format : nullptr;
}

MutationFile file_of_word(const std::string& name, const std::string& word, BaseOutputs of) {
    const std::string lower = lower_case(word), stem(without_gz_ending(lower));
    const bool gz = stem != lower || has_gz_ending(name);
    if (of == BaseOutputs::attributions && stem == "bed") return {.name = name, .kind = Kind::bins, .gz = gz};
    if (of == BaseOutputs::effects && is_variant_word(lower))
        return {.name = name, .kind = Kind::variants, .variants = parse_variant_format(word, name)};
    if (stem == "tsv") return {.name = name, .gz = gz};
    if (stem == "matrix") return {.name = name, .kind = Kind::matrix, .gz = gz};
    if (lower == "npz") return {.name = name, .kind = Kind::arrays};
    const auto words = track_words();
    if (std::find(words.begin(), words.end(), lower) != words.end() && with_values(track_word(word).format))
        return {.name = name, .kind = Kind::track, .gz = stem != lower, .track = track_word(word).format};
    throw Error(ErrorKind::usage, "-O " + quoted(word) + ": no output format; choose " + choices(of));
}

MutationFile file_of_name(const std::string& name, BaseOutputs of) {
    const std::string lower = lower_case(name), stem(without_gz_ending(lower));
    if (name.empty() || name == "-") return {.name = name};
    if (stem.ends_with(kMatrixEnding)) return {.name = name, .kind = Kind::matrix, .gz = stem != lower};
    if (stem.ends_with(".tsv")) return {.name = name, .gz = stem != lower};
    if (lower.ends_with(".npz")) return {.name = name, .kind = Kind::arrays};
    if (of == BaseOutputs::attributions && stem.ends_with(".bed"))
        return {.name = name, .kind = Kind::bins, .gz = stem != lower};
    if (of == BaseOutputs::effects && (stem.ends_with(".vcf") || lower.ends_with(".bcf")))
        return {.name = name, .kind = Kind::variants, .variants = variant_format_of(name)};
    if (const TrackFormat* format = with_values(track_format_of(name)))
        return {.name = name, .kind = Kind::track, .track = format};
    throw Error(ErrorKind::usage,
                name + ": the name does not tell the format; say it with -O (" + choices(of) + ")");
}

}  // namespace

MutationFile mutation_file(const std::string& name, const std::string& word, BaseOutputs of) {
    return word.empty() ? file_of_name(name, of) : file_of_word(name, word, of);
}

std::vector<std::string> mutation_words(BaseOutputs of) {
    std::vector<std::string> words{"tsv", "tsv.gz", "matrix", "matrix.gz", "bigwig", "bedgraph", "npz"};
    for (const char* more : {"vcf", "vcf.gz", "bcf"})
        if (of == BaseOutputs::effects) words.push_back(more);
    if (of == BaseOutputs::attributions) words.insert(words.end(), {"bed", "bed.gz"});
    return words;
}

std::vector<std::string> paths_of(const MutationFile& file, const std::vector<std::string>& markers,
                                  bool modisco) {
    const bool one_marker = file.kind == Kind::track || file.kind == Kind::arrays;
    check_placeholders(file.name);
    const bool has_place = file.name.find("{marker}") != std::string::npos;
    require(
        one_marker || !has_place, ErrorKind::usage,
        "-o " + file.name + ": a file of this format holds all markers; {marker} is for tracks and arrays");
    require(!one_marker || has_place || markers.size() == 1, ErrorKind::usage,
            "-o " + file.name + ": a file of this format holds one marker, and there are " +
                std::to_string(markers.size()) + ": choose one with -k, or put {marker} into the name");
    std::vector<std::string> paths;
    for (const std::string& path : track_paths({file.name, file.track, file.gz}, markers)) {
        paths.push_back(path);
        if (!modisco || file.kind != Kind::arrays) continue;
        const std::string stem = lower_case(path).ends_with(".npz") ? path.substr(0, path.size() - 4) : path;
        paths.push_back(stem + ".ohe.npz");
        paths.push_back(stem + ".shap.npz");
    }
    return paths;
}

std::vector<MutationFile> mutation_files(const MutationFiles& asked, BaseOutputs of,
                                         const std::vector<std::string>& markers,
                                         const std::vector<std::string>& inputs) {
    require(asked.format.empty() || asked.outputs.size() == 1, ErrorKind::usage,
            "-O goes with one output; of several the names tell the formats");
    std::vector<MutationFile> files;
    std::vector<std::string> paths;
    bool arrays = false, indexed = false;
    for (const std::string& name : asked.outputs) {
        const MutationFile& file = files.emplace_back(mutation_file(name, asked.format, of));
        arrays = arrays || file.kind == Kind::arrays;
        for (const std::string& path : paths_of(file, markers, asked.modisco)) paths.push_back(path);
        if (file.gz || is_compressed(file.variants))
            for (std::string& beside : index_names(name)) paths.push_back(std::move(beside));
        indexed = indexed || (asked.write_index && (file.kind == Kind::table || file.kind == Kind::matrix ||
                                                    file.kind == Kind::variants));
    }
    require(!asked.modisco || arrays, ErrorKind::usage, "--modisco goes with an output in .npz");
    require(!asked.write_index || indexed, ErrorKind::usage,
            of == BaseOutputs::effects ? "--write-index goes with an output in bgzip VCF, BCF or bgzip TSV"
                                       : "--write-index goes with an output in bgzip TSV");
    refuse_inputs_as_outputs(paths, inputs);
    refuse_equal_outputs(paths);
    return files;
}

}  // namespace regkit
