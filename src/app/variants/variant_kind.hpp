// What sort of change a variant is: variants of one kind are compared with each other.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "app/variants/variant.hpp"

namespace regkit {

// Substitutions by their trinucleotide, the same on both strands: the middle base is C or T as in the spectra
// of mutations (Alexandrov et al. 2013); changes of several bases; insertions and deletions by length.
using VariantKind = int;
inline constexpr int kVariantKinds = 96 + 1 + 2 * 6;

// Of a trimmed change; `around`: codes of the base before it, of the bases it removes, and of the base behind
// (N beyond the contig). Nothing where a substitution lies beside N.
std::optional<VariantKind> variant_kind(const Edit& change, std::span<const std::uint8_t> around);

// "A[C>T]G", "mnv", "ins:3-4", "del:17+".
std::string kind_name(VariantKind kind);
std::optional<VariantKind> kind_of_name(std::string_view name);

// Substitution, change of several bases, insertion, deletion.
enum class VariantType { snv, mnv, insertion, deletion };
VariantType type_of(VariantKind kind);

}  // namespace regkit
