// std::from_chars does the parsing, since it takes no blanks, no plus sign and no locale's commas. Added here
// is what it leaves to the caller: nothing may stand behind the number, an integer lies in its range, and a
// real number is finite.
#include "kernels/base/number.hpp"

#include <charconv>
#include <cmath>

namespace regkit {

std::optional<std::int64_t> parse_int(std::string_view text, std::int64_t low, std::int64_t high) {
    std::int64_t value = 0;
    const auto [stop, status] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (status != std::errc() || stop != text.data() + text.size() || value < low || value > high)
        return std::nullopt;
    return value;
}

std::optional<double> parse_real(std::string_view text) {
    double value = 0;
    const auto [stop, status] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (status != std::errc() || stop != text.data() + text.size() || !std::isfinite(value))
        return std::nullopt;
    return value;
}

}  // namespace regkit
