// Each piece of a model's metadata has a function that writes it and one that reads it and checks every
// value. Reading goes from cheap to costly: the header is held against the architecture before a tensor gets
// memory, then the checksum, then markers and reference. Choosing markers cuts rows out of the tensors that
// have one a marker.
#include "app/model/model.hpp"

#include <fnmatch.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>
#include <set>

#include "app/model/packed_weights.hpp"
#include "base/printable.hpp"
#include "base/text.hpp"
#include "io/files/bounded_json.hpp"
#include "io/files/output_set.hpp"
#include "io/files/sha256.hpp"
#include "kernels/base/error.hpp"
#include "kernels/base/nth.hpp"
#include "nn/network.hpp"

namespace regkit {
namespace {

using nlohmann::json;

constexpr const char* kFormatKey = "regkit.model";
constexpr const char* kFormatVersion = "1";
constexpr const char* kSpecKey = "regkit.spec";
constexpr const char* kMarkersKey = "regkit.markers";
constexpr const char* kReferenceKey = "regkit.reference";
constexpr const char* kSummaryKey = "regkit.summary";
constexpr const char* kLayoutKey = "regkit.layout";
constexpr const char* kCallsKey = "regkit.calls";
constexpr std::size_t kMostCommas = 16;  // in a marker's name

std::string dump(const nlohmann::ordered_json& value) {
    return value.dump(-1, ' ', false, json::error_handler_t::replace);
}

std::string reference_text(const std::vector<ReferenceContig>& reference) {
    auto list = nlohmann::ordered_json::array();
    for (const ReferenceContig& contig : reference) {
        list.push_back({{"name", contig.name}, {"length", contig.length}, {"md5", contig.md5}});
        if (contig.blocks.empty()) continue;
        std::string digests;
        for (const std::uint64_t digest : contig.blocks) digests += digest_text(digest);
        list.back()["blocks"] = digests;
    }
    return dump(list);
}

std::string layout_text(const LabelLayout& layout) {
    return dump({{"task", layout.task},
                 {"bin", layout.bin},
                 {"offset", layout.offset},
                 {"count", layout.count},
                 {"min_overlap", layout.min_overlap}});
}

const std::string& entry(const TensorFile& file, const std::string& key, const std::string& path) {
    const auto found = file.metadata.find(key);
    require(found != file.metadata.end(), ErrorKind::input,
            path + ": no '" + key + "' in its metadata: not a model of regkit; train one with regtrain");
    return found->second;
}

json parse_list(const std::string& text, const std::string& where) {
    json list = parse_bounded_json(text, where);
    require(list.is_array(), ErrorKind::input, where + " is not a JSON list");
    return list;
}

json list_of(const TensorFile& file, const std::string& key, const std::string& path) {
    return parse_list(entry(file, key, path), path + ": metadata '" + key + "'");
}

// Files of nucleotide models have none: an output a base.
LabelLayout layout_of(const TensorFile& file, const Spec& spec, const std::string& path) {
    if (spec.task == Task::nucleotide) return {to_string(spec.task), 1, 0, spec.window, 0};
    LabelLayout layout;
    const json text =
        parse_bounded_json(entry(file, kLayoutKey, path), path + ": metadata '" + kLayoutKey + "'");
    // The parser's own conversion would cut 16.5 to 16, and take true for 1.
    const auto whole = [&](const char* key) {
        require(text.at(key).is_number_integer(), ErrorKind::input,
                path + ": metadata '" + kLayoutKey + "': " + key + " is no whole number");
        return text.at(key).get<std::int64_t>();
    };
    try {
        layout = {text.at("task").get<std::string>(), whole("bin"), whole("offset"), whole("count"),
                  text.at("min_overlap").get<double>()};
    } catch (const json::exception&) {
        throw Error(ErrorKind::input,
                    path + ": metadata '" + kLayoutKey + "' lacks task, bin, offset, count or min_overlap");
    }
    require(layout.task == to_string(spec.task) && layout.min_overlap >= 0 && layout.min_overlap < 1 &&
                layout.bin >= 1 && layout.offset >= 0 && layout.count >= 1 && layout.bin <= spec.window &&
                layout.offset <= spec.window && layout.count <= (spec.window - layout.offset) / layout.bin,
            ErrorKind::input, path + ": metadata '" + kLayoutKey + "' does not fit the architecture");
    return layout;
}

// Absent where the model was not trained on the contig, and in older models.
void read_blocks(const json& item, ReferenceContig& contig, const std::string& path) {
    if (!item.contains("blocks")) return;
    const std::string digests = item["blocks"].is_string() ? item["blocks"].get<std::string>() : "";
    constexpr std::size_t kDigits = 16;
    for (std::size_t at = 0; at < digests.size(); at += kDigits)
        if (const auto digest = parse_digest(std::string_view(digests).substr(at, kDigits)))
            contig.blocks.push_back(*digest);
    require(contig.length >= 1 && contig.blocks.size() == block_count(contig.length) &&
                digests.size() == contig.blocks.size() * kDigits,
            ErrorKind::input, path + ": contig " + contig.name + " of its reference has impossible blocks");
}

std::vector<ReferenceContig> reference_of(const TensorFile& file, const std::string& path) {
    std::vector<ReferenceContig> reference;
    for (const json& item : list_of(file, kReferenceKey, path)) {
        try {
            reference.push_back({item.at("name").get<std::string>(), item.at("length").get<std::int64_t>(),
                                 item.at("md5").get<std::string>()});
        } catch (const json::exception&) {
            throw Error(ErrorKind::input, path + ": contig " + std::to_string(reference.size() + 1) +
                                              " of its reference lacks name, length or md5");
        }
        read_blocks(item, reference.back(), path);
    }
    return reference;
}

void require_version(const TensorFile& file, const std::string& path) {
    require(entry(file, kFormatKey, path) == kFormatVersion, ErrorKind::input,
            path + ": written by a newer regkit (model format " + entry(file, kFormatKey, path) + ")");
}

// Before a value is read: a file of gigabytes of holes takes no room on disk.
void check_header(const TensorFile& header, const std::string& path) {
    require_version(header, path);
    const Spec spec = parse_spec(entry(header, kSpecKey, path), path);
    const int markers = static_cast<int>(list_of(header, kMarkersKey, path).size());
    require(markers > 0, ErrorKind::input, path + ": a model without markers");
    std::vector<NamedTensor> tensors = unpacked_shapes(header);
    std::erase_if(tensors, [](const NamedTensor& tensor) { return is_optimiser_tensor(tensor.name); });
    check_tensors(spec, markers, tensors, false, path);
}

// Names as any output shows them, or as the sheet had them before they were spelled; no class is shown as
// '.'.
bool matches(const Marker& marker, const std::string& pattern) {
    const std::string spelled = marker_spelling(pattern);
    if (marker.name == spelled) return true;
    constexpr std::string_view kClass = "class:";
    if (pattern.starts_with(kClass)) {
        const std::string shown = marker.class_name.empty() ? "." : marker.class_name;
        return shown == pattern.substr(kClass.size()) ||
               fnmatch(pattern.c_str() + kClass.size(), shown.c_str(), 0) == 0;
    }
    return fnmatch(pattern.c_str(), marker.name.c_str(), 0) == 0 ||
           fnmatch(spelled.c_str(), marker.name.c_str(), 0) == 0;
}

// What was written with commas between comes in parts, and a name of a sheet may hold commas: parts that
// match nothing by themselves are put together again where that makes a pattern which does.
std::vector<std::string> patterns_of(const std::vector<Marker>& markers,
                                     const std::vector<std::string>& parts) {
    const auto matches_any = [&](const std::string& text) {
        return std::any_of(markers.begin(), markers.end(),
                           [&](const Marker& marker) { return matches(marker, text); });
    };
    // From the last part on: how many parts the pattern takes that begins here, so that all behind it fit; 0
    // where none does.
    std::vector<std::size_t> taken(parts.size());
    for (std::size_t i = parts.size(); i-- > 0;) {
        std::string text;
        for (std::size_t end = i; end < std::min(parts.size(), i + kMostCommas + 1) && taken[i] == 0; ++end) {
            text += (end > i ? "," : "") + parts[end];
            if ((end + 1 == parts.size() || taken[end + 1] > 0) && matches_any(text)) taken[i] = end + 1 - i;
        }
    }
    if (parts.empty() || taken[0] == 0) return parts;  // of these, the first that matches nothing is told
    std::vector<std::string> patterns;
    for (std::size_t i = 0; i < parts.size(); i += taken[i]) {
        patterns.push_back(parts[i]);
        for (std::size_t k = 1; k < taken[i]; ++k) patterns.back() += "," + parts[i + k];
    }
    return patterns;
}

// The nearest name, then all that there are.
std::string no_such_marker(const std::vector<Marker>& markers, const std::string& pattern,
                           const std::string& option) {
    const bool by_class = pattern.starts_with("class:");
    std::vector<std::string> names;
    for (const Marker& marker : markers) {
        const std::string name = by_class ? "class:" + marker.class_name : marker.name;
        if (std::find(names.begin(), names.end(), name) == names.end()) names.push_back(name);
    }
    const std::string meant = nearest(pattern, names);
    return std::string(by_class ? "no marker is of this class" : "no marker is called that") +
           (meant.empty() ? "" : "; did you mean " + meant + "?") + (meant.empty() ? "; " : " ") +
           "there are " + some_of(names) + " (" + option +
           " takes names, globs such as 'CTCF*', and class:NAME)";
}

}  // namespace

std::string markers_text(const std::vector<Marker>& markers) {
    auto list = nlohmann::ordered_json::array();
    for (const Marker& marker : markers)
        list.push_back({{"name", marker.name},
                        {"class", marker.class_name},
                        {"cell", marker.cell},
                        {"target", marker.target},
                        {"prevalence", marker.prevalence}});
    return dump(list);
}

std::vector<Marker> parse_markers(const std::string& text, bool coverage, const std::string& where) {
    // A model of coverage has the mean coverage there.
    const double most = coverage ? std::numeric_limits<double>::max() : 1;
    std::vector<Marker> markers;
    std::set<std::string> names;
    for (const json& item : parse_list(text, where + ": the list of markers")) {
        Marker marker;
        try {
            marker.name = item.at("name").get<std::string>();
            marker.class_name = item.at("class").get<std::string>();
            marker.cell = item.at("cell").get<std::string>();
            marker.target = item.at("target").get<std::string>();
            marker.prevalence = item.at("prevalence").get<double>();
        } catch (const json::exception&) {
            throw Error(ErrorKind::input, where + ": marker " + std::to_string(markers.size() + 1) +
                                              " lacks name, class, cell, target or prevalence");
        }
        require(marker.prevalence >= 0 && marker.prevalence <= most, ErrorKind::input,
                where + ": marker '" + marker.name + "': impossible prevalence");
        require(!marker.name.empty() && names.insert(marker.name).second, ErrorKind::input,
                where + ": marker '" + marker.name + "' twice or without a name");
        markers.push_back(std::move(marker));
    }
    require(!markers.empty(), ErrorKind::input, where + ": a model without markers");
    return markers;
}

bool is_optimiser_tensor(const std::string& name) {
    return name.starts_with("adam.");
}

TensorFile tensor_file_of(Model model) {
    TensorFile file;
    file.metadata = {{"format", "pt"},  // what the format's own Python readers look for
                     {kFormatKey, kFormatVersion},
                     {kSpecKey, to_json(model.spec)},
                     {kMarkersKey, markers_text(model.markers)},
                     {kReferenceKey, reference_text(model.reference)},
                     {kSummaryKey, model.summary.empty() ? "{}" : model.summary}};
    if (model.spec.task != Task::nucleotide) file.metadata[kLayoutKey] = layout_text(model.layout);
    if (!model.calls.empty()) file.metadata[kCallsKey] = calls_text(model.calls);
    file.tensors = std::move(model.tensors);
    if (model.packed) pack_weights(file);
    return file;
}

Model model_of(TensorFile file, const std::string& path) {
    require_version(file, path);
    const auto checksum = file.metadata.find(kChecksumKey);
    if (checksum != file.metadata.end())
        require(checksum->second == content_sha256(file, kChecksumKey), ErrorKind::input,
                path + ": damaged: its checksum does not match (if it was edited on purpose, drop '" +
                    std::string(kChecksumKey) + "' from its metadata)");
    Model model;
    model.spec = parse_spec(entry(file, kSpecKey, path), path);
    model.layout = layout_of(file, model.spec, path);
    model.markers = parse_markers(entry(file, kMarkersKey, path), model.spec.task == Task::coverage, path);
    model.notices = clean_markers(model.markers, path);
    if (const auto calls = file.metadata.find(kCallsKey); calls != file.metadata.end())
        model.calls = parse_calls(calls->second, model.markers.size(),
                                  path + ": metadata '" + std::string(kCallsKey) + "'");
    model.reference = reference_of(file, path);
    for (ReferenceContig& contig : model.reference) {
        const std::string name = printable(contig.name);
        if (name != contig.name)
            model.notices.push_back(path + ": contig " + name +
                                    " of its reference has another name in the file");
        contig.name = name;
    }
    model.summary = entry(file, kSummaryKey, path);
    require(parse_bounded_json(model.summary, path + ": metadata '" + kSummaryKey + "'").is_object(),
            ErrorKind::input, path + ": metadata '" + std::string(kSummaryKey) + "' is not a JSON object");
    std::erase_if(file.tensors, [](const NamedTensor& tensor) { return is_optimiser_tensor(tensor.name); });
    model.packed = !file.bytes.empty();
    unpack_weights(file, path);
    check_tensors(model.spec, static_cast<int>(model.markers.size()), file.tensors, true, path);
    model.tensors = std::move(file.tensors);
    return model;
}

Model load_model(const std::string& path, Log& log) {
    const auto check = [&](const TensorFile& header) { check_header(header, path); };
    Model model = model_of(read_safetensors(path, check), path);
    for (const std::string& notice : model.notices) log.warn("name", notice);
    model.digest = sha256_file(path);
    return model;
}

void add_model(OutputSet& outputs, const std::string& path, const Model& model) {
    TensorFile file = tensor_file_of(model);
    file.metadata[kChecksumKey] = content_sha256(file, kChecksumKey);
    add_safetensors(outputs, path, file);
}

void save_model(const std::string& path, const Model& model) {
    OutputSet alone;
    add_model(alone, path, model);
    alone.commit();
}

std::vector<int> select_markers(const std::vector<Marker>& markers, const std::vector<std::string>& patterns,
                                const std::string& option) {
    std::vector<bool> chosen(markers.size(), patterns.empty());
    for (const std::string& pattern : patterns_of(markers, patterns)) {
        bool any = false;
        for (std::size_t i = 0; i < markers.size(); ++i) {
            if (!matches(markers[i], pattern)) continue;
            chosen[i] = true;
            any = true;
        }
        if (!any)
            throw Error(ErrorKind::usage,
                        option + " " + pattern + ": " + no_such_marker(markers, pattern, option));
    }
    std::vector<int> indexes;
    for (std::size_t i = 0; i < chosen.size(); ++i)
        if (chosen[i]) indexes.push_back(static_cast<int>(i));
    return indexes;
}

Model restrict_markers(Model model, const std::vector<int>& chosen) {
    const std::size_t all = model.markers.size();
    for (const int index : chosen)
        require(index >= 0 && static_cast<std::size_t>(index) < all, ErrorKind::usage, "no such marker");
    require(!chosen.empty(), ErrorKind::usage, "no marker chosen");
    std::set<std::string> rows_of;  // tensors with one row a marker
    for (const HeadSpec& head : model.spec.heads)
        for (const char* what : {".weight", ".bias"}) rows_of.insert(head.from + what);
    for (NamedTensor& tensor : model.tensors) {
        if (!rows_of.count(tensor.name)) continue;
        require(!tensor.shape.empty() && tensor.shape[0] == static_cast<std::int64_t>(all), ErrorKind::input,
                "tensor '" + tensor.name + "' does not have one row a marker");
        const std::size_t row = tensor.values.size() / all;
        std::vector<float> kept;
        kept.reserve(row * chosen.size());
        for (const int index : chosen) {
            const auto begin =
                tensor.values.begin() + static_cast<std::ptrdiff_t>(static_cast<std::size_t>(index) * row);
            kept.insert(kept.end(), begin, begin + static_cast<std::ptrdiff_t>(row));
        }
        tensor.values = std::move(kept);
        tensor.shape[0] = static_cast<std::int64_t>(chosen.size());
    }
    std::vector<Marker> markers;
    std::vector<MarkerCalls> calls;
    for (const int index : chosen) {
        markers.push_back(nth(model.markers, index));
        if (!model.calls.empty()) calls.push_back(nth(model.calls, index));
    }
    model.markers = std::move(markers);
    model.calls = std::move(calls);
    return model;
}

}  // namespace regkit
