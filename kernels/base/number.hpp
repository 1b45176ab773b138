// Strict number parsing: the whole text, in range, or nothing. (No sign but '-', no blanks, no "1e3" for an
// integer.)
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace regkit {

// The integer that `text` spells in decimal, if it lies in [low, high].
std::optional<std::int64_t> parse_int(std::string_view text, std::int64_t low, std::int64_t high);

// The finite number that `text` spells in decimal or scientific notation ("nan" and "inf" are refused).
std::optional<double> parse_real(std::string_view text);

}  // namespace regkit
