// Names of markers are written into VCF fields, tables and file names, so what would break one of these
// becomes an underscore, and two names that come out alike get a number. Names that were right keep their
// spelling, wherever they stand in the list. Every change is told.
#include "base/marker.hpp"

#include <set>

#include "base/printable.hpp"

namespace regkit {

std::string marker_spelling(std::string_view name) {
    std::string text = printable(name);
    for (char& c : text)
        if (std::string_view(" ,;=/%\\\"").find(c) != std::string_view::npos) c = '_';
    if (text.starts_with('#')) text[0] = '_';
    return text;
}

std::vector<std::string> clean_markers(std::vector<Marker>& markers, const std::string& where) {
    std::vector<std::string> told;
    std::set<std::string> taken;  // names that are spelled right stay, wherever they stand
    for (const Marker& marker : markers)
        if (marker_spelling(marker.name) == marker.name) taken.insert(marker.name);
    for (Marker& marker : markers) {
        bool rewritten = false;
        for (std::string* text : {&marker.class_name, &marker.cell, &marker.target}) {
            rewritten = rewritten || !is_printable(*text);
            *text = printable(*text);
        }
        const std::string plain = marker_spelling(marker.name);
        std::string name = plain;
        if (name != marker.name)
            for (int n = 2; !taken.insert(name).second; ++n) name = plain + "_" + std::to_string(n);
        if (name != marker.name)
            told.push_back(where + ": marker '" + printable(marker.name) + "' is called " + name + " here");
        if (rewritten)
            told.push_back(where + ": marker " + name +
                           ": control characters of its class, cell or target are written as hex");
        marker.name = std::move(name);
    }
    return told;
}

}  // namespace regkit
