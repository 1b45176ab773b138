// JSON out of files that nobody vouches for, in bounded memory.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

namespace regkit {

inline constexpr std::size_t kMaxJsonBytes = std::size_t{16} << 20;

// The value; discarded (is_discarded()) where the text is not JSON. Error(input) that begins with `where` for
// more than 16 MiB, a million values or 64 levels: a document takes many times the memory of its text.
nlohmann::json parse_bounded_json(std::string_view text, const std::string& where);

}  // namespace regkit
