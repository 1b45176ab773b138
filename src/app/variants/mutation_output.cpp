// Names tell formats as those of regcall's outputs do; a matrix, which is a TSV as well, says so in its name.
#include "app/variants/mutation_output.hpp"

#include <algorithm>

#include "app/variants/scored_vcf.hpp"
#include "base/paths.hpp"
#include "base/text.hpp"
#include "kernels/base/error.hpp"
#include "kernels/base/nth.hpp"

namespace regkit {
namespace {

using Kind = MutationFile::Kind;

constexpr const char* kMatrixEnding = ".matrix.tsv";
constexpr const char* kChoose = "tsv, matrix, npz, vcf, vcf.gz or bcf, or of tracks bigwig or bedgraph";

bool is_variant_word(const std::string& word) {
    const std::string_view stem = without_gz_ending(word);
    return stem == "vcf" || word == "bcf" || word == "v" || word == "z" || word == "u" || word == "b";
}

const TrackFormat* with_values(const TrackFormat* format) {
    return format != nullptr && format->holds_values ? format : nullptr;
}

MutationFile file_of_word(const std::string& name, const std::string& word) {
    const std::string lower = lower_case(word), stem(without_gz_ending(lower));
    const bool gz = stem != lower || has_gz_ending(name);
    if (is_variant_word(lower))
        return {.name = name, .kind = Kind::variants, .variants = parse_variant_format(word, name)};
    if (stem == "tsv") return {.name = name, .gz = gz};
    if (stem == "matrix") return {.name = name, .kind = Kind::matrix, .gz = gz};
    if (lower == "npz") return {.name = name, .kind = Kind::arrays};
    const auto words = track_words();
    if (std::find(words.begin(), words.end(), lower) != words.end() && with_values(track_word(word).format))
        return {.name = name, .kind = Kind::track, .gz = stem != lower, .track = track_word(word).format};
    throw Error(ErrorKind::usage, "-O " + quoted(word) + ": no output format; choose " + kChoose);
}

MutationFile file_of_name(const std::string& name) {
    const std::string lower = lower_case(name), stem(without_gz_ending(lower));
    if (name.empty() || name == "-") return {.name = name};
    if (stem.ends_with(kMatrixEnding)) return {.name = name, .kind = Kind::matrix, .gz = stem != lower};
    if (stem.ends_with(".tsv")) return {.name = name, .gz = stem != lower};
    if (lower.ends_with(".npz")) return {.name = name, .kind = Kind::arrays};
    if (stem.ends_with(".vcf") || lower.ends_with(".bcf"))
        return {.name = name, .kind = Kind::variants, .variants = variant_format_of(name)};
    if (const TrackFormat* format = with_values(track_format_of(name)))
        return {.name = name, .kind = Kind::track, .track = format};
    throw Error(ErrorKind::usage,
                name + ": the name does not tell the format; say it with -O (" + kChoose + ")");
}

class Variants final : public MutationOutput {
  public:
    Variants(const MutationFile& file, const MutationContext& context)
        : vcf_(file.name, file.variants, context.run, context.parameters, context.log) {}

    void add(const MutatedBase& base) override {
        for (std::size_t i = 0; i < base.alleles.size(); ++i) vcf_.add(base.alleles[i], base.effects[i]);
    }
    void flush() override { vcf_.flush(); }
    void add_to(OutputSet& outputs) override { vcf_.add_to(outputs); }

  private:
    ScoredVcf vcf_;
};

}  // namespace

MutationFile mutation_file(const std::string& name, const std::string& word) {
    return word.empty() ? file_of_name(name) : file_of_word(name, word);
}

std::vector<std::string> mutation_words() {
    return {"tsv", "tsv.gz", "matrix", "matrix.gz", "bigwig", "bedgraph", "npz", "vcf", "vcf.gz", "bcf"};
}

std::vector<std::string> paths_of(const MutationFile& file, const std::vector<std::string>& markers,
                                  bool modisco) {
    const bool one_marker = file.kind == Kind::track || file.kind == Kind::arrays;
    check_placeholders(file.name);
    const bool has_place = file.name.find("{marker}") != std::string::npos;
    require(one_marker || !has_place, ErrorKind::usage,
            "-o " + file.name + ": a table or VCF holds all markers; {marker} is for tracks and arrays");
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

std::unique_ptr<MutationOutput> make_mutation_variants(const MutationFile& file,
                                                       const MutationContext& context) {
    return std::make_unique<Variants>(file, context);
}

std::unique_ptr<MutationOutput> make_mutation_output(const MutationFile& file,
                                                     const MutationContext& context) {
    switch (file.kind) {
        case Kind::table:
            return make_mutation_table(file, context);
        case Kind::matrix:
            return make_mutation_matrix(file, context);
        case Kind::track:
            return make_mutation_track(file, context);
        case Kind::arrays:
            return make_mutation_arrays(file, context);
        case Kind::variants:
            break;
    }
    return make_mutation_variants(file, context);
}

}  // namespace regkit
