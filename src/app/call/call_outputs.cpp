// The name of an output tells its format; -O says it where a name does not, and no other than a name does
// where there are several.
#include "app/call/call_outputs.hpp"

#include <algorithm>
#include <string>
#include <utility>

#include "app/call/call_browsers.hpp"
#include "io/files/output_check.hpp"
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

void check_spread(const CallParameters& p, const CallOutputs& outputs) {
    if (!p.spread) return;
    require(p.models.size() > 1, ErrorKind::usage,
            "--spread is the standard deviation over several models: give more than one -m");
    bool any = p.shard && outputs.values;
    for (const TrackOutput& output : outputs.tracks) {
        if (!output.format->holds_values) continue;
        any = true;
        require(output.name.find("{marker}") != std::string::npos, ErrorKind::usage,
                "--spread writes a second track of each marker: write {marker} in the name of the output, as "
                "-o '{marker}.bw'");
    }
    require(any, ErrorKind::usage,
            "--spread writes tracks of values: it goes with " + track_format_names(true, " and ") +
                ", not with intervals");
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
    check_spread(p, outputs);
    require(!p.coded || outputs.values, ErrorKind::usage,
            "--values 8bit goes with " + with_values + ", not with intervals");
    require(!p.coded || !outputs.intervals, ErrorKind::usage,
            "--values 8bit goes with " + with_values +
                " alone: intervals are of exact values; write them in a run of their own");
}

// Of a shard.
void check_part(const CallParameters& p) {
    require(p.input.empty(), ErrorKind::usage,
            "--shard cuts a reference into parts: name it with -f; a stream has no parts that are known");
    require(p.over.empty(), ErrorKind::usage,
            "--over does not go with --shard: cut the file of its regions instead, the tables are rows that "
            "can follow each other");
    require(p.outputs.size() == 1 && p.outputs.front().find('{') == std::string::npos, ErrorKind::usage,
            "--shard writes one file, a part for `regcall merge`: name it with one -o");
    require(p.hub.empty() && p.igv.empty(), ErrorKind::usage,
            "--hub and --igv are written from all parts together: give them to `regcall merge`");
}

void check_resume(const CallParameters& p) {
    if (!p.resume) return;
    require(p.input.empty(), ErrorKind::usage, "--resume needs a reference: name it with -f");
    require(p.over.empty(), ErrorKind::usage, "--over does not go with --resume");
    require(!journal_path(p).empty(), ErrorKind::usage,
            "--resume needs an output in a file, beside which it keeps what is done");
}

}  // namespace

std::string journal_path(const CallParameters& p) {
    std::string first = p.outputs.empty() ? p.hub + "/hub.txt" : p.outputs.front();
    if (is_special_output(first) || first.empty()) return "";
    // Folders of one marker each are not one's for all.
    if (const std::size_t marker = first.find('{'); marker != std::string::npos)
        std::replace(first.begin() + static_cast<std::ptrdiff_t>(marker), first.end(), '/', '_');
    return first + ".unfinished";
}

CallOutputs call_outputs(const CallParameters& p) {
    CallOutputs outputs;
    check_resume(p);
    if (p.shard) {
        for (const TrackFormat* format : p.part_formats)
            (format->holds_values ? outputs.values : outputs.intervals) = true;
        if (p.part_formats.empty()) outputs.intervals = true;
        check_part(p);
        check_options(p, outputs);
        return outputs;
    }
    for (const std::string& name : p.outputs) {
        check_placeholders(name);
        outputs.tracks.push_back({name, &format_of(p, name), p.format && p.format->gz});
        (outputs.tracks.back().format->holds_values ? outputs.values : outputs.intervals) = true;
    }
    if (!p.hub.empty()) {
        for (const TrackOutput& track : hub_tracks(p)) outputs.tracks.push_back(track);
        outputs.values = outputs.intervals = true;
    }
    if (!p.over.empty()) outputs.values = outputs.intervals = true;
    check_options(p, outputs);
    check_browsers(p, outputs);
    return outputs;
}

}  // namespace regkit
