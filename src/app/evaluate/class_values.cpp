// Classes are few: they are looked for one by one. Sums go in the order of markers, so that a table has the
// same bytes each time.
#include "app/evaluate/class_values.hpp"

#include <algorithm>
#include <limits>

namespace regkit {

std::vector<MarkerClass> classes_of(const std::vector<Marker>& markers) {
    std::vector<MarkerClass> classes;
    for (std::size_t i = 0; i < markers.size(); ++i) {
        auto found = std::find_if(classes.begin(), classes.end(),
                                  [&](const MarkerClass& c) { return c.name == markers[i].class_name; });
        if (found == classes.end()) found = classes.insert(found, {markers[i].class_name, {}});
        found->markers.push_back(i);
    }
    return classes;
}

double mean_of(const std::vector<double>& values) {
    double sum = 0;
    for (const double value : values) sum += value;
    return sum / static_cast<double>(values.size());  // NaN of none
}

double median_of(std::vector<double> values) {
    if (values.empty()) return std::numeric_limits<double>::quiet_NaN();
    std::sort(values.begin(), values.end());
    const std::size_t half = values.size() / 2;
    return values.size() % 2 == 1 ? values[half] : (values[half - 1] + values[half]) / 2;
}

}  // namespace regkit
