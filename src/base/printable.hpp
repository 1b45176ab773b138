// Text of inputs made fit to be shown or written as part of a line.
#pragma once

#include <string>
#include <string_view>

namespace regkit {

// `text` with every control character (of ASCII, and those of Unicode: U+0080 to U+009F, separators of lines,
// changes of direction, what has no width) and every byte that is no UTF-8 written as \x1b is: nothing in it
// can move a terminal's cursor, change its colours, end the line or turn its order.
std::string printable(std::string_view text);
bool is_printable(std::string_view text);

}  // namespace regkit
