// Bases to codes and back, by tables of 256 entries that are made at compile time. Encoding a stretch is one
// loop without branches, in which all that is not a plain code sets a high bit; only when one was seen is it
// looked at again.
#include <algorithm>
#include <array>

#include "io/fasta/fasta.hpp"

namespace regkit {
namespace {

constexpr std::uint8_t kBad = 255;
// In the table of FASTA, for what stands where a base is not known.
constexpr std::uint8_t kPlaceholder = 16;

using Codes = std::array<std::uint8_t, 256>;

constexpr Codes make_codes() {
    Codes codes{};
    codes.fill(kBad);
    for (const char letter : {'N', 'R', 'Y', 'S', 'W', 'K', 'M', 'B', 'D', 'H', 'V'}) {
        codes[static_cast<unsigned char>(letter)] = kCodeN;
        codes[static_cast<unsigned char>(letter + ('a' - 'A'))] = kCodeN;
    }
    std::uint8_t code = 1;
    for (const char letter : {'A', 'C', 'G', 'T'}) {
        codes[static_cast<unsigned char>(letter)] = code;
        codes[static_cast<unsigned char>(letter + ('a' - 'A'))] = code++;
    }
    codes['U'] = codes['u'] = codes['T'];
    return codes;
}

constexpr Codes make_fasta_codes() {
    Codes codes = make_codes();
    for (const char symbol : {'.', '*', 'X', 'x'}) codes[static_cast<unsigned char>(symbol)] = kPlaceholder;
    return codes;
}

constexpr Codes kCodes = make_codes(), kFastaCodes = make_fasta_codes();

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

Encoded encode_bases(std::string_view bases, std::uint8_t* codes) {
    std::uint8_t high = 0;  // codes are 0..4: only placeholders and bad bytes set a high bit
    for (std::size_t i = 0; i < bases.size(); ++i)
        high |= codes[i] = kFastaCodes[static_cast<unsigned char>(bases[i])];
    if (high < 8) return Encoded::clean;
    std::replace(codes, codes + bases.size(), kPlaceholder, kCodeN);
    return (high & 0x80) == 0 ? Encoded::placeholders : Encoded::bad;
}

std::int64_t count_placeholders(std::string_view bases) {
    return std::count_if(bases.begin(), bases.end(), [](char base) {
        return kFastaCodes[static_cast<unsigned char>(base)] == kPlaceholder;
    });
}

char upper_case(char symbol) {
    return symbol >= 'a' && symbol <= 'z' ? static_cast<char>(symbol & 0xdf) : symbol;
}

std::string describe_byte(char byte) {
    const auto value = static_cast<unsigned char>(byte);
    if (value > 32 && value < 127) return std::string("'") + byte + "'";
    constexpr char kHex[] = "0123456789abcdef";
    return std::string("byte 0x") + kHex[value >> 4] + kHex[value & 15];
}

}  // namespace regkit
