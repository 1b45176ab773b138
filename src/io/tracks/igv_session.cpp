// Without a range of their own, values are drawn by IGV up to a mean of megabases, a level that most of a
// genome reaches; so every track of values is given one. What else a session can say is left to IGV.
#include "io/tracks/igv_session.hpp"

#include <filesystem>
#include <string_view>

#include "base/paths.hpp"
#include "base/text.hpp"

namespace regkit {
namespace {

std::string escaped(std::string_view text) {
    std::string out;
    for (const char c : text) {
        switch (c) {
            case '&':
                out += "&amp;";
                break;
            case '<':
                out += "&lt;";
                break;
            case '>':
                out += "&gt;";
                break;
            case '"':
                out += "&quot;";
                break;
            default:
                out += c;
        }
    }
    return out;
}

std::string attribute(std::string_view name, std::string_view value) {
    return " " + std::string(name) + "=\"" + escaped(value) + "\"";
}

std::string relative(const std::string& path, const std::string& session) {
    namespace fs = std::filesystem;
    const fs::path folder = fs::path(absolute_path(session)).parent_path();
    return fs::path(absolute_path(path)).lexically_relative(folder).string();
}

std::string label(const ShownTrack& track) {
    if (track.marker.name.empty()) return std::filesystem::path(track.path).filename().string();
    return track.marker.name + (track.values ? "" : " sites");
}

std::string track_element(const ShownTrack& track, const std::string& id, std::string_view colour) {
    std::string out = "        <Track" + attribute("id", id) + attribute("name", label(track)) +
                      attribute("color", colour) + attribute("visible", "true");
    if (!track.values) {
        const bool all = track.marker.name.empty();
        return out + attribute("displayMode", all ? "EXPANDED" : "COLLAPSED") +
               (all ? "" : attribute("height", "25")) + "/>\n";
    }
    out += attribute("height", "50") + attribute("renderer", "BAR_CHART") +
           attribute("windowFunction", "max") + attribute("autoScale", "false") + ">\n";
    return out + "            <DataRange" + attribute("minimum", "0") + attribute("baseline", "0") +
           attribute("maximum", number_text(track.top)) + attribute("type", "LINEAR") +
           attribute("drawBaseline", "true") + attribute("flipAxis", "false") + "/>\n        </Track>\n";
}

}  // namespace

std::string igv_session(const std::string& path, const std::string& genome, const std::string& locus,
                        std::span<const ShownTrack> tracks) {
    std::string resources, elements;
    ClassColours colours;
    for (const ShownTrack& track : tracks) {
        const std::string id = relative(track.path, path);
        resources += "        <Resource" + attribute("path", id) + "/>\n";
        elements += track_element(
            track, id, track.marker.name.empty() ? "90,90,90" : colours.of(track.marker.class_name));
    }
    return "<?xml version=\"1.0\" encoding=\"UTF-8\" standalone=\"no\"?>\n<Session" +
           attribute("genome", genome) + (locus.empty() ? "" : attribute("locus", locus)) +
           attribute("version", "8") + ">\n    <Resources>\n" + resources + "    </Resources>\n    <Panel" +
           attribute("name", "DataPanel") + ">\n" + elements + "    </Panel>\n</Session>\n";
}

}  // namespace regkit
