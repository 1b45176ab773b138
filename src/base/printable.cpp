// Text is walked one UTF-8 character at a time. Control characters, broken or overlong sequences, and those
// that part lines or turn the direction of text are written as \x and two hex digits; all else stays. So a
// name out of a file can neither forge a second line nor rewrite what a terminal shows.
#include "base/printable.hpp"

namespace regkit {
namespace {

// Bytes of the UTF-8 character that `text` begins with; 0 where it is none that may be shown.
std::size_t shown(std::string_view text) {
    const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
    const unsigned char first = byte(0);
    if (first < 0x80) return first >= ' ' && first != 0x7f ? 1 : 0;
    const std::size_t size = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2;
    if (first < 0xc2 || first > 0xf4 || text.size() < size) return 0;
    for (std::size_t i = 1; i < size; ++i)
        if ((byte(i) & 0xc0) != 0x80) return 0;
    // Overlong forms, surrogates, what lies beyond U+10FFFF, and the control characters above ASCII.
    const unsigned char second = byte(1);
    const bool bad = (first == 0xc2 && second < 0xa0) || (first == 0xe0 && second < 0xa0) ||
                     (first == 0xed && second > 0x9f) || (first == 0xf0 && second < 0x90) ||
                     (first == 0xf4 && second > 0x8f);
    // What has no width, separates lines or turns the direction of text: U+061C, U+200B to U+200F, U+2028 to
    // U+202E, U+2060 to U+206F, and U+FEFF, the byte order mark.
    const unsigned char third = size > 2 ? byte(2) : 0;
    const bool unseen = (first == 0xd8 && second == 0x9c) ||
                        (first == 0xe2 && second == 0x80 &&
                         ((third >= 0x8b && third <= 0x8f) || (third >= 0xa8 && third <= 0xae))) ||
                        (first == 0xe2 && second == 0x81 && third >= 0xa0 && third <= 0xaf) ||
                        (first == 0xef && second == 0xbb && third == 0xbf);
    return bad || unseen ? 0 : size;
}

}  // namespace

std::string printable(std::string_view text) {
    constexpr char kHex[] = "0123456789abcdef";
    std::string out;
    out.reserve(text.size());
    while (!text.empty()) {
        const std::size_t size = shown(text);
        if (size > 0) {
            out += text.substr(0, size);
        } else {
            const auto byte = static_cast<unsigned char>(text[0]);
            out += {'\\', 'x', kHex[byte >> 4], kHex[byte & 15]};
        }
        text.remove_prefix(size > 0 ? size : 1);
    }
    return out;
}

bool is_printable(std::string_view text) {
    for (std::size_t size = 0; !text.empty(); text.remove_prefix(size))
        if ((size = shown(text)) == 0) return false;
    return true;
}

}  // namespace regkit
