// Names of tracks and of groups are letters, digits and '_', unique by a number where markers' names differ
// in other characters alone; labels are the names themselves, but for what a line of a hub or a page of the
// browser would take for its own.
#include "io/tracks/track_hub.hpp"

#include <algorithm>
#include <array>
#include <cctype>
#include <map>
#include <set>
#include <string_view>

#include "base/printable.hpp"
#include "base/text.hpp"

namespace regkit {
namespace {

constexpr std::size_t kShortLabel = 17, kLongLabel = 76;  // characters that are shown
constexpr int kOnAtFirst = 12;                            // markers

bool is_plain(char c) {
    return std::isalnum(static_cast<unsigned char>(c)) != 0 && static_cast<unsigned char>(c) < 0x80;
}

// One name for each text that is given, whatever is in it.
class Names {
  public:
    const std::string& of(const std::string& text) {
        const auto found = names_.find(text);
        if (found != names_.end()) return found->second;
        std::string name;
        for (const char c : text) name += is_plain(c) ? c : '_';
        if (name.empty() || !is_plain(name.front()) || (name.front() >= '0' && name.front() <= '9'))
            name.insert(0, "x");
        std::string unique = name;
        for (int i = 2; !taken_.insert(unique).second; ++i) unique = name + "_" + std::to_string(i);
        return names_.emplace(text, unique).first->second;
    }

  private:
    std::map<std::string, std::string> names_;
    std::set<std::string> taken_;
};

// At most so many characters, none of them cut in two.
std::string label(std::string_view text, std::size_t most) {
    std::string out;
    std::size_t count = 0;
    for (const char c : printable(text)) {
        const bool begins = (static_cast<unsigned char>(c) & 0xC0) != 0x80;
        if (begins && count++ == most) break;
        out += c == '<' || c == '>' || c == '\\' || c == '"' ? '_' : c;
    }
    return out;
}

std::string url(std::string_view path) {
    constexpr std::string_view kDigits = "0123456789ABCDEF", kKept = "-_.~/:@!$,()*+";
    std::string out;
    for (const char c : path) {
        if (is_plain(c) || kKept.find(c) != kKept.npos) {
            out += c;
        } else {
            const auto byte = static_cast<unsigned char>(c);
            out += {'%', kDigits[byte >> 4], kDigits[byte & 15]};
        }
    }
    return out;
}

// What tracks are grouped by: a dimension of the composite.
class Group {
  public:
    Group(std::string_view name, std::string_view title, std::string Marker::*field)
        : name_(name), title_(title), field_(field) {}

    void see(const Marker& marker) {
        if (seen_.insert(text(marker)).second) order_.push_back(text(marker));
    }
    // " class=TFBS", of a track.
    std::string of(const Marker& marker) { return " " + name_ + "=" + tags_.of(text(marker)); }
    // "class Class TFBS=TFBS Histone=Histone", of the composite.
    std::string line() {
        std::string out = name_ + " " + title_;
        for (const std::string& text : order_) {
            std::string shown = label(text, kLongLabel);
            std::replace_if(
                shown.begin(), shown.end(), [](char c) { return c == ' ' || c == '='; }, '_');
            out += " " + tags_.of(text) + "=" + shown;
        }
        return out;
    }

  private:
    std::string text(const Marker& marker) const {
        return (marker.*field_).empty() ? "unknown" : marker.*field_;
    }
    std::string name_, title_;
    std::string Marker::*field_;
    std::set<std::string> seen_;
    std::vector<std::string> order_;
    Names tags_;
};

// Of each class as many, in the order of the model.
std::set<std::string> on_at_first(std::span<const ShownTrack> tracks) {
    std::set<std::string> classes, on;
    for (const ShownTrack& track : tracks) classes.insert(track.marker.class_name);
    std::map<std::string, int> left;
    for (const std::string& name : classes)
        left[name] = std::max(1, kOnAtFirst / static_cast<int>(classes.size()));
    for (const ShownTrack& track : tracks)
        if (!on.contains(track.marker.name) && left[track.marker.class_name]-- > 0)
            on.insert(track.marker.name);
    return on;
}

// "CTCF.K562 sites (CTCF in K562)"
std::string long_label(const ShownTrack& track) {
    const Marker& marker = track.marker;
    std::string text = marker.name + (track.values ? "" : " sites");
    if (!marker.target.empty() && !marker.cell.empty())
        text += " (" + marker.target + " in " + marker.cell + ")";
    return label(text, kLongLabel);
}

std::string head_of(const HubHead& head) {
    std::string out;
    for (const std::string& comment : head.comments) out += "# " + printable(comment) + "\n";
    // UCSC asks for an address; one that cannot be anybody's is better than a guess.
    return out + "hub regkit\nshortLabel regkit\nlongLabel " +
           label("Regulatory markers predicted from sequence: " + head.source, kLongLabel) +
           "\nuseOneFile on\nemail nobody@example.invalid\n\ngenome " + head.genome + "\n\n";
}

}  // namespace

std::string track_hub(const HubHead& head, std::span<const ShownTrack> tracks) {
    std::array groups{Group("class", "Class", &Marker::class_name), Group("cell", "Cell", &Marker::cell),
                      Group("target", "Target", &Marker::target)};
    for (const ShownTrack& track : tracks)
        for (Group& group : groups) group.see(track.marker);
    std::string out = head_of(head) + "track markers\ncompositeTrack on\nshortLabel " +
                      label(head.source, kShortLabel) + "\nlongLabel " +
                      label("Markers predicted by regcall, " + head.source, kLongLabel) +
                      "\ntype bed 3\nsubGroup1 view View signal=Signal sites=Sites\n";
    for (std::size_t i = 0; i < groups.size(); ++i)
        out += "subGroup" + std::to_string(i + 2) + " " + groups[i].line() + "\n";
    out +=
        "dimensions dimX=class dimY=cell dimA=target\nfilterComposite dimA\n"
        "sortOrder class=+ cell=+ target=+ view=+\ndragAndDrop subTracks\nvisibility full\n\n"
        "    track signal\n    parent markers\n    view signal\n    shortLabel Signal\n"
        "    longLabel Values along the genome\n    type bigWig 0 1\n    visibility full\n    autoScale off\n"
        "    alwaysZero on\n    maxHeightPixels 128:40:8\n    windowingFunction maximum\n\n"
        "    track sites\n    parent markers\n    view sites\n    shortLabel Sites\n"
        "    longLabel Where values reach the cutoff\n    type bigNarrowPeak\n    visibility dense\n\n";
    ClassColours colours;
    Names names;
    const std::set<std::string> on = on_at_first(tracks);
    int priority = 0;
    for (const ShownTrack& track : tracks) {
        const Marker& marker = track.marker;
        const std::string view = track.values ? "signal" : "sites";
        std::string of_groups;
        for (Group& group : groups) of_groups += group.of(marker);
        out += "        track " + view + "_" + names.of(marker.name) + "\n        parent " + view +
               (on.contains(marker.name) ? " on" : " off") + "\n        shortLabel " +
               label(marker.name, kShortLabel) + "\n        longLabel " + long_label(track) +
               "\n        type " + (track.values ? "bigWig 0 1" : "bigNarrowPeak") + "\n        bigDataUrl " +
               url(track.path) + "\n        subGroups view=" + view + of_groups + "\n        color " +
               std::string(colours.of(marker.class_name)) + "\n";
        if (track.values) out += "        viewLimits 0:" + number_text(track.top) + "\n";
        out += "        priority " + std::to_string(++priority) + "\n\n";
    }
    return out;
}

}  // namespace regkit
