// Words for messages: numbers with their noun, the name that was meant, and what of an input may be shown.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace regkit {

// "1 interval", "0 intervals".
std::string counted(std::int64_t count, std::string_view noun);
// What stands behind a number that was written otherwise: "interval" or "intervals".
std::string plural(std::int64_t count, std::string_view noun);

// In quotes for a message: at most 60 characters, of which those that do not print (and the bytes of none)
// are "\x1b".
std::string quoted(std::string_view text);

// "a, b, c", or "a, b, c and 7 more".
std::string some_of(const std::vector<std::string>& names, std::size_t most = 10);

// Of ASCII; other bytes stay.
std::string lower_case(std::string_view text);

// Levenshtein's distance.
std::size_t edit_distance(std::string_view a, std::string_view b);
// Which of them was probably meant: "" where none is near. Letters' case counts little.
std::string nearest(std::string_view typed, const std::vector<std::string>& names);

// As tables have numbers: six significant digits, or as printf's `format` says; NA where it is not finite.
std::string number_text(double value, const char* format = "%.6g");

}  // namespace regkit
