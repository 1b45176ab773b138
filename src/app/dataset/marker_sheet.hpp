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

// A file of peaks as the command line has it, "FILE" or "NAME=FILE". A word that is a file as a whole, or
// that has a slash before its first "=", is no more than that: `name` is empty then. Error(usage) where there
// is nothing on one side of the "=", or what stands before it is no name.
struct PeakFile {
    std::string name, path;
};
PeakFile parse_peak_file(const std::string& word);

// Markers of such words, without a name named after their files, ".narrowPeak.gz" and the like aside. Each of
// `classes` is "CLASS", of all of them, or "NAME=CLASS", of those that select_markers finds by NAME; of
// several that fit a marker the last counts. Error(usage) where two names are the same, a file's makes none,
// a rule fits no marker, or two markers come from standard input.
std::vector<MarkerSource> markers_of_files(const std::vector<std::string>& words,
                                           const std::vector<std::string>& classes = {});

}  // namespace regkit
