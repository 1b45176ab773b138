// The markers of a class, and what stands for all of them in a table.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "base/marker.hpp"

namespace regkit {

struct MarkerClass {
    std::string name;
    std::vector<std::size_t> markers;  // ascending
};
// In order of first appearance; the markers without a class form one too.
std::vector<MarkerClass> classes_of(const std::vector<Marker>& markers);

// NaN of none.
double mean_of(const std::vector<double>& values);
double median_of(std::vector<double> values);  // of an even number the mean of the two in the middle

}  // namespace regkit
