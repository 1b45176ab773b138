// Most bases of a genome have values near nothing, and the few that matter are far from the largest that a
// value can be: an axis ends at a quantile that sites reach, so that they stand out.
#include "app/call/call_browsers.hpp"

#include <algorithm>
#include <cctype>
#include <filesystem>
#include <utility>

#include "app/call/call_files.hpp"
#include "app/model/ensemble.hpp"
#include "base/paths.hpp"
#include "io/files/bgzf_writer.hpp"
#include "io/files/output_check.hpp"
#include "io/tracks/igv_session.hpp"
#include "io/tracks/track_hub.hpp"
#include "kernels/base/error.hpp"
#include "kernels/base/nth.hpp"

namespace regkit {
namespace {

constexpr double kTopQuantile = 0.999, kLeastTop = 0.01, kLargestCoverage = 1e9;
constexpr std::int64_t kSight = 20000;  // bases in the first view
constexpr std::string_view kPlaceholder = "{marker}";

bool is_genome_name(const std::string& name) {
    return !name.empty() && std::all_of(name.begin(), name.end(), [](unsigned char c) {
        return std::isalnum(c) != 0 || c == '_' || c == '-' || c == '.';
    }) && name.front() != '.';
}

// An output's files as they are to be drawn; with spreads, those of values have them behind the markers.
std::vector<ShownTrack> shown(const TrackOutput& output, std::vector<Marker> markers, bool spreads,
                              const TrackSet& tracks, double largest) {
    if (spreads && output.format->holds_values)
        for (std::size_t m = 0, n = markers.size(); m < n; ++m) markers.push_back(spread_of(markers[m]));
    std::vector<std::string> names;
    for (const Marker& marker : markers) names.push_back(marker.name);
    const std::vector<std::string> paths = track_paths(output, names);
    const bool split = output.name.find(kPlaceholder) != std::string::npos || markers.size() == 1;
    std::vector<ShownTrack> all;
    for (std::size_t i = 0; i < paths.size(); ++i) {
        ShownTrack track;
        track.path = paths[i];
        track.values = output.format->holds_values;
        if (split) track.marker = markers[i];
        if (track.values)
            track.top = axis_top(tracks.quantile(static_cast<int>(i), kTopQuantile), kLeastTop, largest);
        all.push_back(track);
    }
    return all;
}

// Marker by marker, in the order of the model, values first, each with its spread; at the end what is of all
// markers.
std::vector<ShownTrack> in_order(const std::vector<TrackOutput>& outputs, const std::vector<Marker>& markers,
                                 bool spreads, const TrackSet& tracks, double largest) {
    std::vector<ShownTrack> all;
    std::vector<std::vector<ShownTrack>> by_output;
    for (const bool values : {true, false})
        for (const TrackOutput& output : outputs)
            if (output.format->holds_values == values)
                by_output.push_back(shown(output, markers, spreads, tracks, largest));
    for (std::size_t m = 0; m < markers.size(); ++m)
        for (const std::vector<ShownTrack>& files : by_output) {
            if (files.front().marker.name.empty()) continue;
            for (std::size_t at = m; at < files.size(); at += markers.size()) all.push_back(files[at]);
        }
    for (const std::vector<ShownTrack>& files : by_output)
        if (files.front().marker.name.empty()) all.push_back(files.front());
    return all;
}

// Those that lie in files, in a format that it opens.
std::vector<TrackOutput> igv_outputs(const CallOutputs& outputs) {
    std::vector<TrackOutput> tracks;
    for (const TrackOutput& output : outputs.tracks)
        if (output.format->in_browsers && !is_special_output(output.name)) tracks.push_back(output);
    return tracks;
}

}  // namespace

std::vector<TrackOutput> hub_tracks(const CallParameters& p) {
    std::vector<TrackOutput> tracks;
    for (const auto& [ending, format] : {std::pair{".bw", "bigwig"}, std::pair{".bb", "bigbed"}})
        tracks.push_back(
            {p.hub + "/" + p.genome + "/" + std::string(kPlaceholder) + ending, &track_format(format)});
    return tracks;
}

std::vector<std::string> browser_files(const CallParameters& p) {
    std::vector<std::string> files;
    if (!p.hub.empty()) files.push_back(p.hub + "/hub.txt");
    if (!p.igv.empty()) files.push_back(p.igv);
    return files;
}

void check_browsers(const CallParameters& p, const CallOutputs& outputs) {
    require(p.hub.find(kPlaceholder) == std::string::npos, ErrorKind::usage,
            "--hub " + p.hub + ": one folder for all markers; {marker} stands in names of -o");
    require(p.hub.empty() || !p.genome.empty(), ErrorKind::usage,
            "--hub needs the genome's name, as UCSC has it: --genome hg19");
    require(p.genome.empty() || is_genome_name(p.genome), ErrorKind::usage,
            "--genome " + p.genome + ": a name as hg19, of letters, digits, '.', '_' and '-'");
    require(p.genome.empty() || !browser_files(p).empty(), ErrorKind::usage,
            "--genome names the genome of --hub and --igv; neither is asked for");
    if (p.igv.empty()) return;
    require(!p.genome.empty() || !p.fasta.empty(), ErrorKind::usage,
            "--igv needs a genome: a reference with -f, or a name that IGV knows with --genome");
    require(!igv_outputs(outputs).empty(), ErrorKind::usage,
            "--igv shows tracks in files: name some with -o, as '{marker}.bw' or sites.bb");
}

void add_browser_files(const CallParameters& p, const CallOutputs& outputs,
                       const std::vector<Marker>& markers, bool coverage, const TrackSet& tracks,
                       const std::vector<std::string>& header, OutputSet& files) {
    const double largest = coverage ? kLargestCoverage : 1;
    if (!p.hub.empty()) {
        std::vector<ShownTrack> shown = in_order(hub_tracks(p), markers, p.spread, tracks, largest);
        for (ShownTrack& track : shown) track.path.erase(0, p.hub.size() + 1);
        const std::string model = p.models.size() > 1
                                      ? models_text(p.models)
                                      : std::filesystem::path(p.models.front()).stem().string();
        add_text(files, p.hub + "/hub.txt",
                 track_hub({.genome = p.genome, .source = model, .comments = header}, shown));
    }
    if (p.igv.empty()) return;
    std::string locus;
    if (const auto& sight = tracks.sight()) {
        const std::int64_t end = sight->position + kSight / 2;
        locus = sight->contig + ":" + std::to_string(std::max<std::int64_t>(1, end + 1 - kSight)) + "-" +
                std::to_string(sight->length > 0 ? std::min(end, sight->length) : end);
    }
    add_text(files, p.igv,
             igv_session(p.igv, p.genome.empty() ? absolute_path(p.fasta) : p.genome, locus,
                         in_order(igv_outputs(outputs), markers, p.spread, tracks, largest)));
}

}  // namespace regkit
