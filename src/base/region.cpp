// The grammar of regions: a name, a colon, a range. Names of contigs may hold colons and commas too, so a
// text is read both ways and held against the contigs that there are; where both readings make sense it is
// refused, and the message says how braces tell them apart. A comma in a list belongs to a number where three
// digits follow it.
#include "base/region.hpp"

#include <algorithm>

#include "kernels/base/error.hpp"
#include "kernels/base/number.hpp"

namespace regkit {
namespace {

constexpr const char* kBadPosition = "positions are whole numbers from 1";

// The bases of a range, or why it is none.
struct Range {
    std::int64_t begin = 0;
    std::int64_t end = kContigEnd;
    const char* fault = nullptr;
};

bool is_digit(char c) {
    return c >= '0' && c <= '9';
}

std::optional<std::int64_t> parse_position(std::string_view digits) {
    std::string plain(digits);
    std::erase(plain, ',');
    if (plain.empty() || !is_digit(plain[0])) return std::nullopt;
    return parse_int(plain, 1, INT64_MAX / 2);
}

// What stands behind the colon; nothing is all of the contig.
Range parse_range(std::string_view text, OnePosition one) {
    Range range;
    const auto dash = text.find('-');
    const std::string_view first = text.substr(0, dash),
                           last = dash == text.npos ? "" : text.substr(dash + 1);
    if (text == "-") return {.fault = kBadPosition};
    if (!first.empty()) {
        const auto begin = parse_position(first);
        if (!begin) return {.fault = kBadPosition};
        range.begin = *begin - 1;
        if (dash == text.npos && one == OnePosition::alone) range.end = *begin;
    }
    if (!last.empty()) {
        const auto end = parse_position(last);
        if (!end) return {.fault = kBadPosition};
        range.end = *end;
    }
    if (range.end <= range.begin) range.fault = "the end lies before the start";
    return range;
}

[[noreturn]] void bad(std::string_view text, const RegionRules& rules, const std::string& why) {
    throw Error(ErrorKind::usage, rules.called + " '" + std::string(text) + "': " + why);
}

Region in_range(std::string_view name, const Range& range) {
    return {std::string(name), range.begin, range.end};
}

// A name in braces, and what follows it.
struct Braced {
    std::string_view name, rest;
    const char* fault = nullptr;
};

Braced split_braces(std::string_view text) {
    const auto close = text.find('}');
    if (close == text.npos) return {.name = {}, .rest = {}, .fault = "no closing brace"};
    Braced braced{text.substr(1, close - 1), text.substr(close + 1), nullptr};
    if (!braced.rest.empty() && !braced.rest.starts_with(':')) braced.fault = "text after the brace";
    if (braced.name.empty()) braced.fault = "no contig name";
    return braced;
}

// Whether the comma at `at` stands in a number: behind a digit of the range that begins at `range`, and
// before three digits and the end, a dash or another comma.
bool in_number(std::string_view text, std::size_t range, std::size_t at) {
    const std::string_view before = text.substr(range, at - range), behind = text.substr(at + 1);
    if (before.empty() || !is_digit(before.back()) || before.find_first_not_of("0123456789,-") != before.npos)
        return false;
    if (behind.size() < 3 || !std::all_of(behind.begin(), behind.begin() + 3, is_digit)) return false;
    return behind.size() == 3 || behind[3] == ',' || behind[3] == '-';
}

std::vector<std::string_view> split_list(std::string_view text) {
    std::vector<std::string_view> parts;
    std::size_t begin = 0, range = text.npos;
    for (std::size_t at = 0; at <= text.size(); ++at) {
        if (at < text.size() && at == begin && text[at] == '{') {
            const auto close = text.find('}', at);
            if (close != text.npos) at = close;
            continue;
        }
        if (at < text.size() && text[at] == ':') range = at + 1;
        if (at < text.size() && (text[at] != ',' || (range != text.npos && in_number(text, range, at))))
            continue;
        parts.push_back(text.substr(begin, at - begin));
        begin = at + 1;
        range = text.npos;
    }
    return parts;
}

}  // namespace

Region parse_region(std::string_view text, const RegionRules& rules) {
    if (text.starts_with('{')) {
        const Braced braced = split_braces(text);
        if (braced.fault != nullptr) bad(text, rules, braced.fault);
        const Range range = braced.rest.empty() ? Range{} : parse_range(braced.rest.substr(1), rules.one);
        if (range.fault != nullptr) bad(text, rules, range.fault);
        return in_range(braced.name, range);
    }
    const auto colon = text.rfind(':');
    if (text.empty() || colon == 0) bad(text, rules, "no contig name; write it as chr1:1,000-2,000");
    if (colon == text.npos) return in_range(text, {});
    const std::string_view name = text.substr(0, colon);
    const Range range = parse_range(text.substr(colon + 1), rules.one);
    const bool whole = rules.has_contig(std::string(text)), part = rules.has_contig(std::string(name));
    if (whole && part && range.fault == nullptr)
        bad(text, rules,
            "there are contigs " + std::string(text) + " and " + std::string(name) + "; use {" +
                std::string(text) + "} for the first, {" + std::string(name) + "}" +
                std::string(text.substr(colon)) + " for these bases of the second");
    if (whole) return in_range(text, {});
    if (range.fault == nullptr) return in_range(name, range);
    if (part) bad(text, rules, std::string(range.fault) + "; write it as chr1:1,000-2,000");
    return in_range(text, {});
}

std::vector<Region> parse_regions(std::string_view text, const RegionRules& rules) {
    const std::vector<std::string_view> parts = split_list(text);
    const bool whole = parts.size() > 1 && rules.has_contig(std::string(text));
    if (whole) {
        const bool list = std::all_of(parts.begin(), parts.end(), [&](std::string_view part) {
            return !part.empty() && rules.has_contig(parse_region(part, rules).contig);
        });
        if (list)
            bad(text, rules,
                "this is a contig's name, and a list of regions of others; use {" + std::string(text) +
                    "} for the contig, or an option for each region");
        return {in_range(text, {})};
    }
    std::vector<Region> regions;
    for (const std::string_view part : parts) {
        if (part.empty() && parts.size() > 1) bad(text, rules, "an empty entry between commas");
        regions.push_back(parse_region(part, rules));
    }
    return regions;
}

std::vector<Region> parse_regions(const std::vector<std::string>& texts, const RegionRules& rules) {
    std::vector<Region> regions;
    for (const std::string& text : texts)
        for (Region& region : parse_regions(text, rules)) regions.push_back(std::move(region));
    return regions;
}

std::optional<Region> parse_placed_name(std::string_view name) {
    std::string_view contig = name, text;
    if (name.starts_with('{')) {
        const Braced braced = split_braces(name);
        if (braced.fault != nullptr) return std::nullopt;
        contig = braced.name;
        text = braced.rest.substr(std::min<std::size_t>(1, braced.rest.size()));
        if (text.empty()) return in_range(contig, {});
    } else {
        const auto colon = name.rfind(':');
        if (colon == name.npos || colon == 0) return std::nullopt;
        contig = name.substr(0, colon);
        text = name.substr(colon + 1);
    }
    const bool shaped = text.size() > 1 && text.find_first_not_of("0123456789,-") == text.npos &&
                        std::count(text.begin(), text.end(), '-') == 1;
    if (!shaped) return std::nullopt;
    const Range range = parse_range(text, OnePosition::to_end);
    if (range.fault != nullptr)
        throw Error(ErrorKind::usage, "region '" + std::string(name) + "': " + range.fault);
    return in_range(contig, range);
}

std::string to_string(const Region& region) {
    const bool plain = region.contig.find_first_of(":,{") == std::string::npos;
    std::string text = plain ? region.contig : "{" + region.contig + "}";
    text += ":" + std::to_string(region.begin + 1);
    return text + "-" + (region.end == kContigEnd ? "" : std::to_string(region.end));
}

}  // namespace regkit
