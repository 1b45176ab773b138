#include "base/region.hpp"

#include <algorithm>

#include "base/error.hpp"
#include "base/number.hpp"

namespace regkit {
namespace {

[[noreturn]] void bad(std::string_view text, const char* why) {
    throw Error(ErrorKind::usage, "bad region '" + std::string(text) + "': " + why + "; write it as chr1:1,000-2,000");
}

std::int64_t parse_position(std::string_view text, std::string_view digits) {
    std::string plain(digits);
    std::erase(plain, ',');
    const auto value = parse_int(plain, 1, INT64_MAX / 2);
    if (!value) bad(text, "positions are whole numbers from 1");
    return *value;
}

}  // namespace

Region parse_region(std::string_view text) {
    std::string_view name = text, range;
    if (text.starts_with('{')) {
        const auto close = text.find('}');
        if (close == text.npos) bad(text, "no closing brace");
        name = text.substr(1, close - 1);
        range = text.substr(close + 1);
        if (!range.empty() && !range.starts_with(':')) bad(text, "text after the brace");
    } else if (const auto colon = text.rfind(':'); colon != text.npos) {
        name = text.substr(0, colon);
        range = text.substr(colon);
    }
    if (name.empty()) bad(text, "no contig name");
    Region region{std::string(name), 0, kContigEnd};
    if (range.empty()) return region;
    range.remove_prefix(1);
    const auto dash = range.find('-');
    region.begin = parse_position(text, range.substr(0, dash)) - 1;
    if (dash != range.npos) region.end = parse_position(text, range.substr(dash + 1));
    if (region.end <= region.begin) bad(text, "the end lies before the start");
    return region;
}

std::string to_string(const Region& region) {
    std::string text = region.contig.find(':') == std::string::npos ? region.contig : "{" + region.contig + "}";
    text += ":" + std::to_string(region.begin + 1);
    return region.end == kContigEnd ? text : text + "-" + std::to_string(region.end);
}

}  // namespace regkit
