// What all parts share stands in one object of its own, so that whether they are of one call is whether these
// texts are equal.
#include "app/call/part_header.hpp"

#include <nlohmann/json.hpp>

#include "app/call/shard.hpp"
#include "app/model/model.hpp"
#include "io/files/bounded_json.hpp"
#include "io/tracks/track_writer.hpp"
#include "kernels/base/error.hpp"

namespace regkit {
namespace {

using nlohmann::json;

constexpr int kVersion = 1;
constexpr std::int64_t kMany = 1'000'000'000;  // bases of a cell, a value, a site

json sites_json(const SiteOptions& sites) {
    json cutoffs = json::array();
    for (const CutoffChoice& choice : sites.cutoffs)
        cutoffs.push_back(choice.pattern.empty() ? choice.text : choice.pattern + "=" + choice.text);
    json text = {{"cutoffs", cutoffs}, {"raw", sites.raw}};
    if (sites.min_length) text["min_length"] = *sites.min_length;
    if (sites.merge_gap) text["merge_gap"] = *sites.merge_gap;
    return text;
}

// Error(input) that begins with `where` unless it is a whole number from `least` to `most`.
std::int64_t whole(const json& value, std::int64_t least, std::int64_t most, const std::string& where) {
    require(value.is_number_integer() && value >= least && value <= most, ErrorKind::input,
            where + " makes no sense");
    return value.get<std::int64_t>();
}

SiteOptions sites_of(const json& text, const std::string& where) {
    SiteOptions sites;
    for (const json& cutoff : text.at("cutoffs")) try {
            sites.cutoffs.push_back(parse_cutoff(cutoff.get<std::string>()));
        } catch (const Error& error) {  // there as a usage error
            throw Error(ErrorKind::input, where + ": " + error.what());
        }
    sites.raw = text.at("raw").get<bool>();
    if (text.contains("min_length")) sites.min_length = whole(text["min_length"], 1, kMany, where);
    if (text.contains("merge_gap")) sites.merge_gap = whole(text["merge_gap"], 0, kMany, where);
    return sites;
}

// One text by itself, as in parts of a version that knew no more.
json one_or_several(const std::vector<std::string>& texts) {
    if (texts.size() > 1) return texts;
    return texts.empty() ? "" : texts.front();
}

std::vector<std::string> texts_of(const json& value) {
    if (value.is_string()) return {value.get<std::string>()};
    return value.get<std::vector<std::string>>();
}

json key_json(const PartHeader& h) {
    json key = {{"format_version", kVersion},
                {"shards", h.shards},
                {"values", h.holds_values},
                {"runs", h.holds_runs},
                {"model", one_or_several(h.model_digests)},
                {"reference", h.reference_digest},
                {"coverage", h.coverage},
                {"markers", json::parse(markers_text(h.markers))},
                {"calls", h.calls.empty() ? json() : json::parse(calls_text(h.calls))},
                {"sites", sites_json(h.sites)},
                {"cell", h.cell},
                {"width", h.width},
                {"decimals", h.decimals},
                {"modes", h.modes},
                {"ranges", h.ranges}};
    if (h.spread) key["spread"] = true;
    return key;
}

std::string dump(const json& value) {
    return value.dump(-1, ' ', false, json::error_handler_t::replace);
}

}  // namespace

std::string call_key(const PartHeader& header) {
    return dump(key_json(header));
}

std::string header_text(const PartHeader& header) {
    return dump({{"call", key_json(header)},
                 {"shard", header.shard},
                 {"model", one_or_several(header.model_paths)},
                 {"reference", header.reference_path},
                 {"provenance", header.provenance}});
}

PartHeader parse_header(std::string_view text, const std::string& path) {
    const std::string where = path + ": the header";
    PartHeader h;
    try {
        const json all = parse_bounded_json(text, where);
        const json& key = all.at("call");
        require(key.at("format_version") == kVersion, ErrorKind::input,
                path + ": a part that another version of regcall wrote; make it anew");
        h.shards = static_cast<int>(whole(key.at("shards"), 1, kMostShards, where));
        h.shard = static_cast<int>(whole(all.at("shard"), 1, h.shards, where));
        h.holds_values = key.at("values").get<bool>();
        h.holds_runs = key.at("runs").get<bool>();
        h.model_paths = texts_of(all.at("model"));
        h.model_digests = texts_of(key.at("model"));
        h.reference_path = all.at("reference").get<std::string>();
        h.reference_digest = key.at("reference").get<std::string>();
        h.coverage = key.at("coverage").get<bool>();
        h.spread = key.value("spread", false);
        h.markers = parse_markers(dump(key.at("markers")), h.coverage, path);
        if (!key.at("calls").is_null()) h.calls = parse_calls(dump(key.at("calls")), h.markers.size(), where);
        h.sites = sites_of(key.at("sites"), where);
        h.cell = whole(key.at("cell"), 1, kMany, where);
        h.width = whole(key.at("width"), h.cell, kMany, where);
        h.decimals = static_cast<int>(whole(key.at("decimals"), 0, Rounding::kMaxDecimals, where));
        h.modes = key.at("modes").get<std::string>();
        h.ranges = key.at("ranges").get<std::string>();
        h.provenance = all.at("provenance").get<std::vector<std::string>>();
    } catch (const json::exception&) {
        throw Error(ErrorKind::input, where + " lacks something, or is damaged");
    }
    require(!h.markers.empty() && h.width % h.cell == 0 && !h.model_paths.empty() &&
                h.model_paths.size() == h.model_digests.size() && (!h.spread || h.is_ensemble()),
            ErrorKind::input, where + " makes no sense");
    return h;
}

}  // namespace regkit
