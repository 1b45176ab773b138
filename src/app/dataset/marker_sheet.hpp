// Which peak file belongs to which marker.
#pragma once

#include <string>
#include <vector>

#include "base/log.hpp"
#include "base/marker.hpp"

namespace regkit {

struct MarkerSource {
    Marker marker;      // its name as marker_spelling spells it
    std::string given;  // the name as it was given
    std::string file;   // as the sheet or the command line has it
    std::string path;   // where to open it
};

// A tab-separated sheet with the header "name class target cell peaks" in any order (name and peaks are
// needed; other columns are warned of and ignored, whatever they hold); paths are relative to the sheet.
// Error(input) naming the line at a missing column, an empty name or one that is spelled as another is, a
// name, class, target or cell that is not printable ASCII, or a folder in place of a file; Error(resource)
// where a file cannot be opened.
std::vector<MarkerSource> read_marker_sheet(const std::string& path, Log& log);

// Markers named after their files, ".narrowPeak.gz" and the like aside. Error(usage) when two names are the
// same.
std::vector<MarkerSource> markers_of_files(const std::vector<std::string>& paths);

}  // namespace regkit
