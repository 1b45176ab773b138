// The name of an output tells its format; -O says it where a name does not, and no other than a name does
// where there are several.
#include "app/call/call_outputs.hpp"

#include <string>
#include <utility>

#include "app/call/call_browsers.hpp"
#include "kernels/base/error.hpp"

namespace regkit {
namespace {

const TrackFormat& format_of(const CallParameters& p, const std::string& name) {
    const TrackFormat* const told = track_format_of(name);
    if (p.format) {
        const TrackFormat& asked = *p.format->format;
        require(p.outputs.size() == 1 || !told || told == &asked, ErrorKind::usage,
                "-O " + std::string(asked.name) + ", but " + name + " is " +
                    (told ? std::string(told->title) : "") +
                    " by its name; with several -o leave out -O and let the names tell");
        return asked;
    }
    if (name.empty() || name == "-") return track_formats().front();
    require(told, ErrorKind::usage,
            name + ": the name does not tell the format; say it with -O (" + track_format_names(false) + ")");
    return *told;
}

// "{makrer}" would be a part of the name.
void check_placeholders(const std::string& output) {
    for (std::size_t at = 0; (at = output.find('{', at)) != std::string::npos; ++at) {
        const std::size_t end = output.find('}', at);
        if (end == std::string::npos) return;
        const std::string word = output.substr(at, end + 1 - at);
        require(
            word == "{marker}", ErrorKind::usage,
            "-o " + output + ": " + word + " stands for nothing; {marker} stands for the name of a marker");
    }
}

void check_options(const CallParameters& p, const CallOutputs& outputs) {
    const std::string with_values = track_format_names(true, " and ");
    require(p.resolution <= 1 || outputs.values, ErrorKind::usage,
            "--resolution averages values: it goes with " + with_values + ", not with intervals");
    for (const auto& [given, name] : {std::pair{!p.sites.cutoffs.empty(), "-c/--cutoff"},
                                      std::pair{p.sites.min_length.has_value(), "--min-length"},
                                      std::pair{p.sites.merge_gap.has_value(), "--merge-gap"}})
        require(!given || outputs.intervals, ErrorKind::usage,
                std::string(name) + " shapes intervals: it does not go with " + with_values +
                    ", which hold every value");
    require(!p.coded || outputs.values, ErrorKind::usage,
            "--values 8bit goes with " + with_values + ", not with intervals");
    require(!p.coded || !outputs.intervals, ErrorKind::usage,
            "--values 8bit goes with " + with_values +
                " alone: intervals are of exact values; write them in a run of their own");
}

}  // namespace

CallOutputs call_outputs(const CallParameters& p) {
    CallOutputs outputs;
    for (const std::string& name : p.outputs) {
        check_placeholders(name);
        outputs.tracks.push_back({name, &format_of(p, name), p.format && p.format->gz});
        (outputs.tracks.back().format->holds_values ? outputs.values : outputs.intervals) = true;
    }
    if (!p.hub.empty()) {
        for (const TrackOutput& track : hub_tracks(p)) outputs.tracks.push_back(track);
        outputs.values = outputs.intervals = true;
    }
    check_options(p, outputs);
    check_browsers(p, outputs);
    return outputs;
}

}  // namespace regkit
