// Small functions on words. The name that was meant is found by edit distance, case aside, and only offered
// where no more than half of what was typed would have to change.
#include "base/text.hpp"

#include <algorithm>
#include <cmath>
#include <cstdio>

namespace regkit {
namespace {

constexpr std::size_t kShown = 60;

}  // namespace

std::string lower_case(std::string_view text) {
    std::string result(text);
    for (char& c : result)
        if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
    return result;
}

std::string plural(std::int64_t count, std::string_view noun) {
    return std::string(noun) + (count == 1 ? "" : "s");
}

std::string counted(std::int64_t count, std::string_view noun) {
    return std::to_string(count) + " " + plural(count, noun);
}

std::string quoted(std::string_view text) {
    static constexpr char kHex[] = "0123456789abcdef";
    std::string shown = "'";
    std::size_t width = 0;
    for (const char c : text) {
        const auto byte = static_cast<unsigned char>(c);
        const bool prints = byte >= ' ' && byte < 0x7f;
        width += prints ? 1 : 4;
        if (width > kShown) return shown + "...'";
        shown += prints ? std::string(1, c) : std::string("\\x") + kHex[byte >> 4] + kHex[byte & 15];
    }
    return shown + "'";
}

std::string some_of(const std::vector<std::string>& names, std::size_t most) {
    std::string text;
    for (std::size_t i = 0; i < std::min(most, names.size()); ++i) text += (i == 0 ? "" : ", ") + names[i];
    return names.size() > most ? text + " and " + std::to_string(names.size() - most) + " more" : text;
}

std::size_t edit_distance(std::string_view a, std::string_view b) {
    std::vector<std::size_t> row(b.size() + 1);
    for (std::size_t j = 0; j <= b.size(); ++j) row[j] = j;
    for (std::size_t i = 1; i <= a.size(); ++i) {
        std::size_t diagonal = row[0];
        row[0] = i;
        for (std::size_t j = 1; j <= b.size(); ++j) {
            const std::size_t changed = diagonal + (a[i - 1] == b[j - 1] ? 0 : 1);
            diagonal = row[j];
            row[j] = std::min({row[j] + 1, row[j - 1] + 1, changed});
        }
    }
    return row.back();
}

std::string nearest(std::string_view typed, const std::vector<std::string>& names) {
    const std::string word = lower_case(typed);
    std::string best;
    std::size_t least = word.size() / 2 + 1;  // more than half of it would have to change
    for (const std::string& name : names) {
        const std::size_t distance = edit_distance(word, lower_case(name));
        if (distance >= least) continue;
        least = distance;
        best = name;
    }
    return best;
}

std::string number_text(double value, const char* format) {
    if (!std::isfinite(value)) return "NA";
    char text[64];
    std::snprintf(text, sizeof text, format, value);
    return text;
}

}  // namespace regkit
