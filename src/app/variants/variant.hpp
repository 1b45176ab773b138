// What a variant does to a contig, as pure functions: which allele texts are bases, what changes once shared
// ends are trimmed, which positions of REF and ALT are the same base, and which window of a haplotype
// predicts them.
//
// A haplotype is a contig with some edits (mostly one), preceded by `lead` bases N, 0 <= lead < stride. Its
// coordinates count from the first of these, and its grid of coarse positions starts there, so `lead` sets
// its phase. Beyond its end it is N up to the stride, as every sequence is (DESIGN: tiling).
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

namespace regkit {

enum class AlleleKind {
    bases,      // A, C, G and T only
    ambiguous,  // bases, some of them N or another IUPAC code
    star,       // "*": deleted by a variant upstream
    symbolic,   // "<DEL>", "<NON_REF>", "<*>"
    breakend,   // "]chr1:5]A", "A.", ".A"
};
// The kind of an ALT (or REF) text; nothing when it is none of them.
std::optional<AlleleKind> classify_allele(std::string_view allele);

// Bases [begin, begin + removed) of a contig become `inserted` (codes).
struct Edit {
    std::int64_t begin = 0;
    std::int64_t removed = 0;
    std::vector<std::uint8_t> inserted;

    std::int64_t shift() const { return static_cast<std::int64_t>(inserted.size()) - removed; }
    bool operator==(const Edit&) const = default;
};
// REF at `begin` replaced by ALT, as written.
Edit whole_edit(std::int64_t begin, std::string_view ref, std::string_view alt);
// The same change without the bases that both alleles share at their ends: first those at the right, then
// those at the left, so that "CAA>CA" and "CA>C" are one edit. Not moved within repeats.
Edit trimmed_edit(std::int64_t begin, std::string_view ref, std::string_view alt);

// Bases that both haplotypes have: reference [ref_begin, ref_begin + length) is ALT [alt_begin, alt_begin +
// length).
struct SharedBlock {
    std::int64_t ref_begin = 0;
    std::int64_t alt_begin = 0;
    std::int64_t length = 0;
    bool operator==(const SharedBlock&) const = default;
};
// Up to `span` bases left of the edit, the edited bases themselves when their number stays the same, and up
// to `span` bases right of it. Where the number changes, deleted bases have no ALT value and inserted ones no
// REF value: both are left out, so that an insertion and the deletion that undoes it score alike with
// opposite signs.
std::vector<SharedBlock> shared_blocks(const Edit& edit, std::int64_t span, std::int64_t contig_length);
// The same of several edits, in order and apart: within `span` bases of `centre`, what lies between those
// that change the length.
std::vector<SharedBlock> shared_blocks(std::span<const Edit> edits, const Edit& centre, std::int64_t span,
                                       std::int64_t contig_length);
// By how many bases those before `position` move what follows.
std::int64_t shift_before(std::span<const Edit> edits, std::int64_t position);

// The phase in which REF must be predicted at positions that lie `shift` bases further along in ALT.
int lead_for_shift(std::int64_t shift, int stride);

// Codes of contig positions [begin, end), inside the contig.
using FetchContig = std::function<void(std::int64_t begin, std::int64_t end, std::span<std::uint8_t> codes)>;

struct Haplotype {
    std::int64_t contig_length = 0;
    int lead = 0;
    std::span<const Edit> edits = {};  // ascending, none overlaps another; none: the reference

    const Edit* identity() const { return edits.empty() ? nullptr : edits.data(); }
    std::int64_t length() const { return lead + contig_length + shift_before(edits, INT64_MAX); }
    // Codes of [begin, begin + codes.size()); N outside.
    void codes(std::int64_t begin, const FetchContig& fetch, std::span<std::uint8_t> codes) const;
};

// Codes [begin, end) to run, predictions [out_begin, out_end) to keep; all multiples of the stride.
struct Window {
    std::int64_t begin = 0, end = 0;
    std::int64_t out_begin = 0, out_end = 0;
    std::int64_t length() const { return end - begin; }
    std::int64_t out_length() const { return out_end - out_begin; }
};
struct Context {
    int stride = 1;
    std::int64_t left = 0;  // bases of context that a prediction needs, rounded up to the stride
    std::int64_t right = 0;
};
// The window that predicts [begin, end) of a haplotype of `length` bases exactly: with all its context, or up
// to the haplotype's ends. Away from these its size depends on end - begin alone, so that windows batch.
Window window_for(std::int64_t begin, std::int64_t end, std::int64_t length, const Context& context);

}  // namespace regkit
