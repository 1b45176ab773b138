// How far values would move with other stretches of the genome.
#pragma once

#include <limits>

namespace regkit {

// NaN where it is not known.
struct ConfidenceInterval {
    double low = std::numeric_limits<double>::quiet_NaN();
    double high = std::numeric_limits<double>::quiet_NaN();
};

// Of a marker, or of the mean or the median of a class.
struct RankingIntervals {
    ConfidenceInterval roc_auc, average_precision, mcc;
};

}  // namespace regkit
