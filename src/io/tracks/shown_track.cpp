#include "io/tracks/shown_track.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <utility>

namespace regkit {
namespace {

constexpr std::array<std::pair<std::string_view, std::string_view>, 3> kKnown{
    {{"DNase", "0,114,178"}, {"TFBS", "213,94,0"}, {"Histone", "0,158,115"}}};
constexpr std::array<std::string_view, 4> kOthers{"204,121,167", "86,180,233", "230,159,0", "90,90,90"};

}  // namespace

std::string_view ClassColours::of(const std::string& class_name) {
    for (const auto& [name, colour] : kKnown)
        if (name == class_name) return colour;
    return others_.try_emplace(class_name, kOthers.at(others_.size() % kOthers.size())).first->second;
}

double axis_top(double value, double least, double largest) {
    const double held = std::clamp(value, least, largest);
    const double unit = std::pow(10.0, std::floor(std::log10(held)) - 1);
    constexpr double kSlack = 1e-9;  // two digits already
    return std::min(largest, std::ceil(held / unit - kSlack) * unit);
}

}  // namespace regkit
