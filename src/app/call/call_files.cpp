// Names are checked before anything is opened, so that a slip costs nothing.
#include "app/call/call_files.hpp"

#include <utility>

#include "app/call/call_browsers.hpp"
#include "app/model/session.hpp"
#include "base/text.hpp"
#include "io/files/output_check.hpp"
#include "io/files/output_set.hpp"
#include "io/files/parents.hpp"

namespace regkit {

std::vector<std::string> call_header(const CallParameters& p, const std::vector<std::string>& provenance,
                                     const CallPlan& plan) {
    if (!p.provenance) return {};
    std::vector<std::string> lines = tool_lines("regcall", p.command_line);
    for (const std::vector<std::string>* more : {&provenance, &plan.header})
        lines.insert(lines.end(), more->begin(), more->end());
    return lines;
}

Marker spread_of(const Marker& marker) {
    Marker spread = marker;
    spread.name += ".spread";
    return spread;
}

CallFiles::CallFiles(const CallParameters& p, const CallOutputs& outputs, const CallPlan& plan,
                     Content content, const std::vector<std::string>& inputs, ThreadPool& pool)
    : p_(p), outputs_(outputs), content_(std::move(content)) {
    TrackOptions options;
    for (const Marker& marker : content_.markers) options.markers.push_back(marker.name);
    if (p.spread)
        for (const Marker& marker : content_.markers) options.more_values.push_back(spread_of(marker).name);
    options.header = content_.header;
    options.decimals = p.decimals;
    options.step = content_.width;
    options.contigs_first = content_.contigs_first;
    std::vector<std::string> paths;
    for (const TrackOutput& output : outputs.tracks)
        for (const std::string& path : track_paths(output, track_names(output, options)))
            paths.push_back(path);
    for (const std::string& path : browser_files(p)) paths.push_back(path);
    if (!p.over.empty()) paths.push_back(p.over_output);
    if (p.shard) paths.push_back(p.outputs.front());  // a part, of which there are no tracks
    refuse_equal_outputs(paths);
    refuse_inputs_as_outputs(paths, inputs);
    if (p.parents || !p.hub.empty())
        for (const std::string& path : paths)
            if (p.parents || path.starts_with(p.hub + "/")) make_parents(path);
    options.measured = !browser_files(p).empty();
    tracks_ = std::make_unique<TrackSet>(outputs.tracks, options, pool);
    calls_ = std::make_unique<TrackCalls>(*tracks_, plan, content_.cell, pool);
    if (p.over.empty()) return;
    table_ = std::make_unique<RegionTable>(p.over_output, std::move(content_.over), options,
                                           p.models.size() > 1, pool);
    calls_->set_table(*table_);
}

void CallFiles::commit(Log& log) {
    OutputSet files;
    tracks_->finish(files);
    if (table_) {
        const std::int64_t missing = table_->finish(files);
        if (missing > 0)
            log.warn("regions-missing", p_.over + ": " + counted(missing, "region") +
                                            " on contigs without predictions; no values there");
    }
    add_browser_files(p_, outputs_, content_.markers, content_.coverage, *tracks_, content_.header, files);
    files.commit();
}

}  // namespace regkit
