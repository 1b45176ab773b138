// How a browser is to draw the files of a call: what a session of IGV and a hub of UCSC's are written from.
#pragma once

#include <map>
#include <string>
#include <string_view>

#include "base/marker.hpp"

namespace regkit {

struct ShownTrack {
    std::string path;     // of the file, as it is to be written
    Marker marker;        // whose it is; without a name: intervals of all
    bool values = false;  // else intervals
    double top = 1;       // of the axis of values, which begins at 0
};

// "r,g,b" for a class of markers: the same for the known ones everywhere, for others in the order in which
// they come. From a palette that the colour-blind can tell apart (Okabe and Ito 2008, "Color universal
// design").
class ClassColours {
  public:
    std::string_view of(const std::string& class_name);

  private:
    std::map<std::string, std::string_view> others_;
};

// An axis up to this value, or a little further, to a number of two digits: at least `least`, at most
// `largest`.
double axis_top(double value, double least, double largest);

}  // namespace regkit
