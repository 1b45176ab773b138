#include "base/printable.hpp"

#include <doctest/doctest.h>

#include <string>
#include <vector>

using regkit::is_printable;
using regkit::printable;

TEST_CASE("nothing of an input moves the terminal's cursor or ends a line") {
    const std::vector<std::pair<std::string, std::string>> table{
        {"plain ~ text \\x41", "plain ~ text \\x41"},
        {"\x1b[2Jx", "\\x1b[2Jx"},
        {std::string("a\0b\n\r\t\x7f", 7), "a\\x00b\\x0a\\x0d\\x09\\x7f"},
        {"\xc2\xb5 \xe2\x82\xac \xf0\x9f\xa7\xac", "\xc2\xb5 \xe2\x82\xac \xf0\x9f\xa7\xac"},
        {"\xc2\x9b", "\\xc2\\x9b"},  // CSI, as one character
        {"\xc2\xa0", "\xc2\xa0"},
        {"\xff\xb5", "\\xff\\xb5"},  // Latin-1
        {"\xc2", "\\xc2"},           // cut
        {"\xe2\x82", "\\xe2\\x82"},
        {"\xc0\x8a", "\\xc0\\x8a"},  // overlong line feed
        {"\xe0\x80\x8a", "\\xe0\\x80\\x8a"},
        {"\xed\xa0\x80", "\\xed\\xa0\\x80"},    // surrogate
        {"a\xe2\x80\x8b", "a\\xe2\\x80\\x8b"},  // no width
        {"\xe2\x80\x8f", "\\xe2\\x80\\x8f"},
        {"\xe2\x81\xa9", "\\xe2\\x81\\xa9"},
        {"\xe2\x81\xa0", "\\xe2\\x81\\xa0"},
        {"\xd8\x9c", "\\xd8\\x9c"},
        {"\xef\xbb\xbf", "\\xef\\xbb\\xbf"},                                           // byte order mark
        {"\xd8\x9b \xe2\x80\x90 \xef\xbb\xbe", "\xd8\x9b \xe2\x80\x90 \xef\xbb\xbe"},  // their neighbours
        {"\xf4\x90\x80\x80", "\\xf4\\x90\\x80\\x80"},
    };
    for (const auto& [text, shown] : table) {
        CHECK_MESSAGE(printable(text) == shown, shown);
        CHECK(is_printable(shown));
        CHECK_MESSAGE(is_printable(text) == (text == shown), shown);
    }
}
