// The facts are collected once, as ordered pairs of key and JSON value; the table prints the pairs, the JSON
// nests what the table would have to flatten. What training noted is shown under its own names, so that a
// later version's notes show without a change here.
#include "app/model/model_info.hpp"

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>
#include <utility>
#include <vector>

#include "app/model/calibrated.hpp"
#include "base/printable.hpp"
#include "base/text.hpp"

namespace regkit {
namespace {

using Json = nlohmann::ordered_json;
using Facts = std::vector<std::pair<std::string, Json>>;

std::string value_text(const Json& value) {
    if (value.is_string()) return printable(value.get<std::string>());
    if (value.is_number_float()) return number_text(value.get<double>());
    return value.dump(-1, ' ', false, Json::error_handler_t::replace);
}

std::string dot(const std::string& text) {
    return text.empty() ? "." : text;
}

Json field_of(const SpecSummary& summary, std::int64_t bases) {
    const bool whole = summary.fixed_window || !summary.finite_context;
    return whole ? Json("window") : Json(bases);
}

Facts facts_of(const Model& model, const std::string& path) {
    const auto markers = std::ssize(model.markers);
    const SpecSummary summary = summarise(model.spec, static_cast<int>(markers));
    std::int64_t bases = 0;
    for (const ReferenceContig& contig : model.reference) bases += contig.length;
    return {{"model", path},
            {"sha256", model.digest},
            {"architecture", model.spec.name},
            {"task", to_string(model.spec.task)},
            {"parameters", summary.parameters},
            {"weights", model.packed ? "8 bits" : "f32"},
            {"window", model.spec.window},
            {"receptive_field", field_of(summary, summary.receptive_field())},
            {"context_left", field_of(summary, summary.context_left)},
            {"context_right", field_of(summary, summary.context_right)},
            {"stride", summary.stride},
            {"bases_per_output", model.layout.bin},
            {"markers", markers},
            {"calibrated", !model.calls.empty()},
            {"reference_contigs", std::ssize(model.reference)},
            {"reference_bases", bases},
            {"reference_sha256", reference_digest(model.reference)}};
}

// Markers of each class, in order of first appearance.
std::vector<std::pair<std::string, std::int64_t>> classes_of(const Model& model) {
    std::vector<std::pair<std::string, std::int64_t>> classes;
    for (const Marker& marker : model.markers) {
        const std::string name = dot(marker.class_name);
        auto found =
            std::find_if(classes.begin(), classes.end(), [&](const auto& c) { return c.first == name; });
        if (found == classes.end()) found = classes.insert(found, {name, 0});
        ++found->second;
    }
    return classes;
}

// As probabilities; NA where no site is called.
std::string cutoff_text(float logit) {
    return number_text(std::isfinite(logit) ? probability_of(static_cast<double>(logit)) : std::nan(""));
}

std::string calls_row(const MarkerCalls& calls) {
    std::string row = cutoff_text(calls.f1.seed) + "\t" +
                      number_text(static_cast<double>(calls.f1.precision)) + "\t" +
                      number_text(static_cast<double>(calls.f1.recall));
    for (const SiteCutoff& cutoff : calls.at) row += "\t" + cutoff_text(cutoff.seed);
    return row + "\t" + cutoff_text(calls.extension) + "\t" + std::to_string(calls.merge_gap) + "\t" +
           std::to_string(calls.min_length);
}

// "settings.batch": of an object's members, but for the architecture, which has rows of its own.
void flatten(const Json& object, const std::string& prefix, std::string& rows) {
    for (const auto& [key, value] : object.items()) {
        if (key == "architecture") continue;
        const std::string name = prefix + "." + printable(key);
        if (value.is_object())
            flatten(value, name, rows);
        else
            rows += name + "\t" + value_text(value) + "\n";
    }
}

}  // namespace

std::string model_table(const Model& model, const std::string& path) {
    std::string rows = "key\tvalue\n";
    for (const auto& [key, value] : facts_of(model, path)) rows += key + "\t" + value_text(value) + "\n";
    for (const auto& [name, count] : classes_of(model))
        rows += "class:" + name + "\t" + std::to_string(count) + "\n";
    flatten(Json::parse(model.summary), "training", rows);
    return rows;
}

std::string markers_table(const Model& model) {
    std::string rows =
        "marker\tclass\tcell\ttarget\tprevalence\tcutoff_f1\tprecision_f1\trecall_f1\tcutoff_fdr05\t"
        "cutoff_fdr10\tcutoff_fdr20\textension\tmerge_gap\tmin_length\n";
    for (std::size_t i = 0; i < model.markers.size(); ++i) {
        const Marker& marker = model.markers[i];
        rows += marker.name + "\t" + dot(marker.class_name) + "\t" + dot(marker.cell) + "\t" +
                dot(marker.target) + "\t" + number_text(marker.prevalence) + "\t" +
                (model.calls.empty() ? "NA\tNA\tNA\tNA\tNA\tNA\tNA\tNA\tNA" : calls_row(model.calls[i])) +
                "\n";
    }
    return rows;
}

std::string model_json(const Model& model, const std::string& path) {
    Json json;
    for (const auto& [key, value] : facts_of(model, path)) json[key] = value;
    json["markers"] = Json::parse(markers_text(model.markers));
    if (!model.calls.empty()) json["calls"] = Json::parse(calls_text(model.calls));
    json["reference"] = Json::array();
    for (const ReferenceContig& contig : model.reference)
        json["reference"].push_back({{"name", contig.name}, {"length", contig.length}, {"md5", contig.md5}});
    json["training"] = Json::parse(model.summary);
    json["spec"] = Json::parse(to_json(model.spec));
    return json.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

}  // namespace regkit
