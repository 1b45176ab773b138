// A regulatory marker: one experiment whose intervals are learnt and predicted.
#pragma once

#include <string>

namespace regkit {

struct Marker {
    std::string name;         // unique within a data set or model
    std::string class_name;   // "TFBS", "Histone", "DNase" or any other; may be empty
    std::string cell;
    std::string target;
    double prevalence = 0;    // fraction of the training positions (or bins) with it; of coverage: the mean over the bins
};

}  // namespace regkit
