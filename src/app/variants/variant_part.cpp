// Parts are told to be of one run by digests, since all that scores depend on is long. Of the input that is
// its index, by which it was cut, and its size.
#include "app/variants/variant_part.hpp"

#include <sys/stat.h>

#include <array>
#include <utility>

#include "base/text.hpp"
#include "io/dataset/dataset.hpp"
#include "io/files/sha256.hpp"
#include "kernels/base/error.hpp"
#include "kernels/base/number.hpp"

namespace regkit {
namespace {

constexpr std::size_t kDigestLength = 64;

std::string digest_of(const std::string& text) {
    Sha256 digest;
    digest.add(text.data(), text.size());
    return digest.hex();
}

// htslib takes the first of these that is there.
std::string input_text(const std::string& path) {
    struct stat about {};
    for (const char* ending : {".csi", ".tbi"})
        if (stat((path + ending).c_str(), &about) == 0) {
            const std::string index = sha256_file(path + ending);
            if (stat(path.c_str(), &about) != 0) throw_errno(path + ": cannot read");
            return std::to_string(about.st_size) + " " + index;
        }
    throw Error(ErrorKind::resource, path + ": its index went away");
}

std::string options_text(const AnnotateParameters& p) {
    std::string text = std::string(precision_name(p.backend.precision)) + " top=" + std::to_string(p.top);
    const auto add = [&](const char* name, const std::string& value) {
        text += std::string("\n") + name + "=" + value;
    };
    const auto add_file = [&](const char* name, const std::string& path) {
        if (!path.empty()) add(name, sha256_file(path));
    };
    if (p.rc_average) add("rc-average", "");
    add("ref-mismatch", std::to_string(static_cast<int>(p.ref_mismatch)));
    add("missing-contig", std::to_string(static_cast<int>(p.missing_contig)));
    if (p.alias == "ucsc")
        add("alias", p.alias);
    else
        add_file("alias", p.alias);
    add_file("target", p.target);
    add_file("background", p.background);
    add_file("targets-file", p.targets_file);
    add_file("excluded-file", p.excluded_file);
    for (const std::string& target : p.targets) add("targets", target);
    for (const std::string& target : p.excluded) add("excluded", target);
    if (p.haplotypes) add("haplotypes", p.sample);
    return text;
}

const std::array kFields{
    std::pair{"model", &VariantPart::model}, std::pair{"reference", &VariantPart::reference},
    std::pair{"input", &VariantPart::input}, std::pair{"options", &VariantPart::options}};

}  // namespace

VariantPart part_of(const AnnotateParameters& parameters, AlleleRun& run) {
    std::string model, options = options_text(parameters);
    for (const std::string& line : run.settings())
        (line.starts_with("model=") ? model : options) += "\n" + line;
    return {.shard = parameters.shard->number,
            .shards = parameters.shard->of,
            .model = digest_of(model),
            .reference = reference_digest(run.reference().fasta()),
            .input = digest_of(input_text(parameters.input)),
            .options = digest_of(options)};
}

std::string part_line(const VariantPart& part) {
    std::string line =
        std::string("##") + kShardKey + "=" + std::to_string(part.shard) + "/" + std::to_string(part.shards);
    for (const auto& [name, field] : kFields) line += std::string(" ") + name + "=" + part.*field;
    return line;
}

VariantPart read_part(const VcfHeader& header) {
    const std::vector<std::string> lines = header.values_of(kShardKey);
    require(lines.size() == 1, ErrorKind::input,
            header.source() + ": no part of a run: its header has no line ##" + kShardKey +
                "=, as regsnp annotate --shard writes it");
    const std::string& line = lines.front();
    const auto value = [&](const std::string& before, char after) {
        const std::size_t at = line.find(before);
        if (at == std::string::npos) return std::string();
        const std::size_t begin = at + before.size();
        return line.substr(begin, line.find(after, begin) - begin);
    };
    VariantPart part;
    const auto shard = parse_int(value("", '/'), 1, kMostShards),
               shards = parse_int(value("/", ' '), 1, kMostShards);
    bool is_whole = shard && shards && *shard <= *shards;
    for (const auto& [name, field] : kFields) {
        part.*field = value(std::string(" ") + name + "=", ' ');
        is_whole = is_whole && (part.*field).size() == kDigestLength;
    }
    require(is_whole, ErrorKind::input,
            header.source() + ": its line ##" + kShardKey + " is damaged; run that shard again");
    part.shard = static_cast<int>(*shard);
    part.shards = static_cast<int>(*shards);
    return part;
}

std::string difference(const VariantPart& a, const VariantPart& b) {
    if (a.shards != b.shards) return "another number of shards";
    for (const auto& [name, field] : kFields)
        if (a.*field != b.*field) {
            const bool many = std::string_view(name) == "options";
            return std::string(many ? "other " : "another ") + name;
        }
    return {};
}

}  // namespace regkit
