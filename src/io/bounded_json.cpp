#include "io/bounded_json.hpp"

#include "base/error.hpp"

namespace regkit {
namespace {

constexpr int kMaxDepth = 64;
constexpr std::size_t kMaxValues = 1'000'000;

}  // namespace

nlohmann::json parse_bounded_json(std::string_view text, const std::string& where) {
    using nlohmann::json;
    require(text.size() <= kMaxJsonBytes, ErrorKind::input, where + ": more than 16 MiB of JSON");
    std::size_t values = 0;
    const auto watch = [&](int depth, json::parse_event_t event, json&) {
        require(depth <= kMaxDepth, ErrorKind::input, where + ": nested deeper than 64 levels");
        const bool begins = event == json::parse_event_t::object_start || event == json::parse_event_t::array_start ||
                            event == json::parse_event_t::value;
        if (begins) require(++values <= kMaxValues, ErrorKind::input, where + ": more than a million values");
        return true;
    };
    return json::parse(text, watch, false);
}

}  // namespace regkit
