#include <algorithm>
#include <array>

#include "io/fasta.hpp"

namespace regkit {
namespace {

constexpr std::uint8_t kBad = 255;

constexpr std::array<std::uint8_t, 256> make_codes() {
    std::array<std::uint8_t, 256> codes{};
    codes.fill(kBad);
    for (const char letter : {'N', 'R', 'Y', 'S', 'W', 'K', 'M', 'B', 'D', 'H', 'V', 'U'}) {
        codes[static_cast<unsigned char>(letter)] = kCodeN;
        codes[static_cast<unsigned char>(letter + ('a' - 'A'))] = kCodeN;
    }
    std::uint8_t code = 1;
    for (const char letter : {'A', 'C', 'G', 'T'}) {
        codes[static_cast<unsigned char>(letter)] = code;
        codes[static_cast<unsigned char>(letter + ('a' - 'A'))] = code++;
    }
    return codes;
}

constexpr std::array<std::uint8_t, 256> kCodes = make_codes();

}  // namespace

std::uint8_t encode_base(char base) {
    return kCodes[static_cast<unsigned char>(base)];
}

char decode_base(std::uint8_t code) {
    return code < 5 ? "NACGT"[code] : 'N';
}

void reverse_complement(std::span<std::uint8_t> codes) {
    std::reverse(codes.begin(), codes.end());
    for (std::uint8_t& code : codes) code = code == kCodeN ? kCodeN : static_cast<std::uint8_t>(5 - code);
}

bool encode_bases(std::string_view bases, std::uint8_t* codes) {
    std::uint8_t high = 0;  // codes are 0..4: only a bad byte sets a high bit
    for (std::size_t i = 0; i < bases.size(); ++i) high |= codes[i] = kCodes[static_cast<unsigned char>(bases[i])];
    return high < 8;
}

std::string describe_byte(char byte) {
    const auto value = static_cast<unsigned char>(byte);
    if (value > 32 && value < 127) return std::string("'") + byte + "'";
    constexpr char kHex[] = "0123456789abcdef";
    return std::string("byte 0x") + kHex[value >> 4] + kHex[value & 15];
}

}  // namespace regkit
