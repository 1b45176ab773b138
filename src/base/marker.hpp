// A regulatory marker: one experiment whose intervals are learnt and predicted.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace regkit {

struct Marker {
    std::string name;        // unique within a data set or model, as marker_spelling spells it
    std::string class_name;  // "TFBS", "Histone", "DNase" or any other; may be empty
    std::string cell;
    std::string target;
    double prevalence =
        0;  // fraction of the training positions (or bins) with it; of coverage: the mean over the bins
};

// The one spelling of a marker's name, which every format of ours and names of files can hold as they are,
// and -k can be given: '_' stands for blanks and any of , ; = / % \ ", and for '#' at the start; what cannot
// be shown is written as hex.
std::string marker_spelling(std::string_view name);

// Gives markers of files that an earlier version or another program wrote that spelling, and a number where
// two would be the same; control characters in class, cell and target are written as hex. A sentence for each
// marker that changed.
std::vector<std::string> clean_markers(std::vector<Marker>& markers, const std::string& where);

}  // namespace regkit
