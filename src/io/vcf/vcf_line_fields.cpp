// A line is split at its separators into views and joined again from them. Comparing two records goes field
// by field, with numbers equal where they are the same value written otherwise or agree to six digits, so
// that only what was really lost is told.
#include "io/vcf/vcf_line_fields.hpp"

#include <algorithm>
#include <cctype>
#include <cmath>
#include <cstdlib>

#include "io/files/text_reader.hpp"
#include "kernels/base/number.hpp"

namespace regkit {
namespace {

constexpr std::size_t kFixed = 6;
constexpr std::size_t kShown = 40;
constexpr double kSixDigits = 5.1e-6;  // half a unit of the sixth digit, and the rounding to a float

std::string shown(std::string_view text) {
    return text.size() <= kShown ? std::string(text) : std::string(text.substr(0, kShown)) + "...";
}

std::vector<std::string_view> split(std::string_view text, char separator) {
    std::vector<std::string_view> parts;
    split_fields(text, separator, parts);
    return parts;
}

std::vector<std::string_view> split_filled(std::string_view text, char separator) {
    std::vector<std::string_view> parts = split(text, separator);
    std::erase_if(parts, [](std::string_view part) { return part.empty(); });
    return parts;
}

void join(std::string& out, const std::vector<std::string_view>& parts, char separator) {
    for (std::size_t i = 0; i < parts.size(); ++i) {
        if (i > 0) out += separator;
        out += parts[i];
    }
    if (parts.empty()) out += '.';
}

bool same_text(std::string_view a, std::string_view b) {
    const auto low = [](char c) { return std::tolower(static_cast<unsigned char>(c)); };
    return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                      [&](char x, char y) { return low(x) == low(y); });
}

bool same_value(std::string_view value, std::string_view printed) {
    if (value == printed) return true;
    const auto whole = parse_int(value, INT64_MIN, INT64_MAX),
               whole_printed = parse_int(printed, INT64_MIN, INT64_MAX);
    if (whole && whole_printed && *whole == *whole_printed) return true;
    const auto number = parse_real(value), number_printed = parse_real(printed);
    if (number && number_printed)
        return std::fabs(*number - *number_printed) <= kSixDigits * std::fabs(*number);
    // NaN and infinities, which parse_real refuses, come out in htslib's spelling.
    char* end = nullptr;
    const std::string special(value);
    const double parsed = std::strtod(special.c_str(), &end);
    return !special.empty() && *end == '\0' && !std::isfinite(parsed) && !number && same_text(value, printed);
}

bool same_values(std::string_view values, std::string_view printed) {
    if (values == printed) return true;
    const auto a = split(values, ','), b = split(printed, ',');
    return std::equal(a.begin(), a.end(), b.begin(), b.end(), same_value);
}

void compare_info(const std::vector<std::string_view>& info, const std::vector<std::string_view>& printed,
                  std::vector<std::string>& lost) {
    const auto key = [](std::string_view field) { return field.substr(0, field.find('=')); };
    std::size_t at = 0;
    for (const std::string_view field : info) {
        if (field == "." && info.size() == 1) continue;
        const bool there = at < printed.size() && key(printed[at]) == key(field);
        const std::string_view other = there ? printed[at] : std::string_view();
        at += there;
        const auto a = field.find('='), b = other.find('=');
        const bool valued = a != std::string_view::npos, valued_there = b != std::string_view::npos;
        const bool same = there && valued == valued_there &&
                          (!valued || same_values(field.substr(a + 1), other.substr(b + 1)));
        if (!same)
            lost.push_back("INFO/" + shown(field) +
                           (there ? " as '" + shown(valued_there ? other.substr(b + 1) : "") + "'" : ""));
    }
}

void compare_samples(const VcfLineFields& line, const VcfLineFields& printed,
                     std::vector<std::string>& lost) {
    const bool none = line.format.empty() || (line.format.size() == 1 && line.format[0] == ".");
    if (none && (printed.format.empty() || printed.format == line.format)) {
        for (std::size_t s = 0; s < line.samples.size(); ++s) {
            const auto& values = line.samples[s];
            const auto value = std::find_if(values.begin(), values.end(),
                                            [](std::string_view v) { return !v.empty() && v != "."; });
            if (value == values.end()) continue;
            lost.push_back("'" + shown(*value) + "' of sample " + std::to_string(s + 1) +
                           ", to which FORMAT gives no name");
            break;
        }
        return;
    }
    if (line.format != printed.format || line.samples.size() != printed.samples.size()) {
        lost.emplace_back("FORMAT");
        return;
    }
    for (std::size_t k = 0; k < line.format.size(); ++k) {
        for (std::size_t s = 0; s < line.samples.size(); ++s) {
            const auto value = k < line.samples[s].size() ? line.samples[s][k] : ".";
            const auto other = k < printed.samples[s].size() ? printed.samples[s][k] : ".";
            if (same_values(value, other)) continue;
            lost.push_back("FORMAT/" + shown(line.format[k]) + " '" + shown(value) + "' of sample " +
                           std::to_string(s + 1) + " as '" + shown(other) + "'");
            break;
        }
    }
}

}  // namespace

VcfLineFields::VcfLineFields(std::string_view line, std::size_t most_samples) {
    std::vector<std::string_view> columns;
    while (columns.size() < kFixed + 3 || columns.size() - kFixed - 3 < most_samples) {
        const auto tab = line.find('\t');
        columns.push_back(line.substr(0, tab));
        if (tab == std::string_view::npos) break;
        line.remove_prefix(tab + 1);
    }
    fixed.assign(columns.begin(), columns.begin() + kFixed);
    filters = split_filled(columns[kFixed], ';');
    info = split_filled(columns[kFixed + 1], ';');
    if (columns.size() <= kFixed + 2) return;
    format = split(columns[kFixed + 2], ':');
    for (std::size_t i = kFixed + 3; i < columns.size(); ++i) samples.push_back(split(columns[i], ':'));
}

std::string VcfLineFields::text() const {
    std::string out;
    join(out, fixed, '\t');
    out += '\t';
    join(out, filters, ';');
    out += '\t';
    join(out, info, ';');
    if (format.empty() && samples.empty()) return out;
    out += '\t';
    join(out, format, ':');
    for (const auto& sample : samples) {
        out += '\t';
        join(out, sample, ':');
    }
    return out;
}

std::string VcfLineFields::text_with_only(std::size_t key) const {
    VcfLineFields one = *this;
    one.info.clear();
    one.format = {format[key]};
    for (auto& sample : one.samples)
        sample = key < sample.size() ? std::vector{sample[key]} : std::vector<std::string_view>{};
    return one.text();
}

void VcfLineFields::remove_format(std::size_t key) {
    const auto at = static_cast<std::ptrdiff_t>(key);
    format.erase(format.begin() + at);
    for (auto& sample : samples)
        if (key < sample.size()) sample.erase(sample.begin() + at);
}

std::vector<std::string> differences(std::string_view line, std::string_view printed) {
    const VcfLineFields a(line), b(printed);
    static constexpr const char* kNames[] = {"CHROM", "POS", "ID", "REF", "ALT", "QUAL"};
    std::vector<std::string> lost;
    for (std::size_t i = 0; i < kFixed; ++i) {
        const bool numeric = i == 1 || i == 5;
        if (a.fixed[i] != b.fixed[i] && !(numeric && same_value(a.fixed[i], b.fixed[i])))
            lost.push_back(std::string(kNames[i]) + " '" + shown(a.fixed[i]) + "' as '" + shown(b.fixed[i]) +
                           "'");
    }
    const std::vector<std::string_view> none{"."};
    if ((a.filters.empty() ? none : a.filters) != (b.filters.empty() ? none : b.filters))
        lost.emplace_back("FILTER");
    compare_info(a.info, b.info, lost);
    compare_samples(a, b, lost);
    return lost;
}

}  // namespace regkit
