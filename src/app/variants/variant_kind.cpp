#include "app/variants/variant_kind.hpp"

#include <array>
#include <cstdlib>

#include "kernels/base/nth.hpp"

namespace regkit {
namespace {

constexpr int kTrinucleotides = 96, kMnv = 96, kInsertions = 97, kLengths = 6;
constexpr std::array<const char*, kLengths> kLengthNames{"1", "2", "3-4", "5-8", "9-16", "17+"};
constexpr const char* kBases = "ACGT";

int length_bin(std::int64_t length) {
    int bin = 0;
    for (std::int64_t most = 1; bin + 1 < kLengths && length > most; most *= 2) ++bin;
    return bin;
}

// Codes 1 to 4 of A, C, G, T as numbers 0 to 3; a complement is 3 minus it.
std::optional<VariantKind> snv_kind(int before, int ref, int behind, int alt) {
    if (before < 0 || ref < 0 || behind < 0 || alt < 0) return std::nullopt;
    if (ref == 0 || ref == 2) {  // A, G: as the other strand has it
        std::swap(before, behind);
        before = 3 - before, ref = 3 - ref, behind = 3 - behind, alt = 3 - alt;
    }
    const int change = alt - (alt > ref ? 1 : 0);  // among the three others
    return ((ref == 3 ? 1 : 0) * 3 + change) * 16 + before * 4 + behind;
}

}  // namespace

std::optional<VariantKind> variant_kind(const Edit& change, std::span<const std::uint8_t> around) {
    const std::int64_t moved = change.shift();
    if (moved != 0) return kInsertions + (moved > 0 ? 0 : kLengths) + length_bin(std::abs(moved));
    if (change.removed != 1) return kMnv;
    return snv_kind(around[0] - 1, around[1] - 1, around[2] - 1, change.inserted[0] - 1);
}

std::string kind_name(VariantKind kind) {
    if (kind == kMnv) return "mnv";
    if (kind >= kInsertions + kLengths)
        return std::string("del:") + nth(kLengthNames, kind - kInsertions - kLengths);
    if (kind >= kInsertions) return std::string("ins:") + nth(kLengthNames, kind - kInsertions);
    const int change = kind / 16, ref = change / 3 == 1 ? 3 : 1;
    const int alt = change % 3 + (change % 3 >= ref ? 1 : 0);
    std::string name = "A[C>T]A";
    name[0] = kBases[kind / 4 % 4];
    name[2] = kBases[ref];
    name[4] = kBases[alt];
    name[6] = kBases[kind % 4];
    return name;
}

std::optional<VariantKind> kind_of_name(std::string_view name) {
    for (VariantKind kind = 0; kind < kVariantKinds; ++kind)
        if (kind_name(kind) == name) return kind;
    return std::nullopt;
}

VariantType type_of(VariantKind kind) {
    if (kind < kTrinucleotides) return VariantType::snv;
    if (kind == kMnv) return VariantType::mnv;
    return kind < kInsertions + kLengths ? VariantType::insertion : VariantType::deletion;
}

}  // namespace regkit
