// An object whose members are the lines of a header, in their order, and the markers.
#include "io/tracks/provenance.hpp"

#include <nlohmann/json.hpp>
#include <utility>

#include "io/files/atomic_file.hpp"
#include "io/files/output_set.hpp"

namespace regkit {
namespace {

constexpr const char* kEnding = ".json";

}  // namespace

Provenance::Provenance(const std::string& path, const TrackOptions& options) : path_(path + kEnding) {
    if (options.header.empty()) return;
    nlohmann::ordered_json object;
    for (const std::string& line : options.header) {
        const auto at = line.find('=');
        object[line.substr(0, at)] = line.substr(at + 1);
    }
    object["markers"] = options.markers;
    text_ = object.dump(1, ' ', false, nlohmann::json::error_handler_t::replace) + "\n";
}

void Provenance::add_to(OutputSet& outputs, BigFile& track) const {
    track.add_to(outputs, kEnding);
    if (text_.empty()) return;
    AtomicFile file(path_);
    file.write(text_);
    outputs.add(std::move(file));
}

}  // namespace regkit
