// Edits are trimmed from the right first, then from the left. A haplotype is never built as a whole: codes()
// puts together just the stretch asked for, out of contig, inserted bases and contig again, so that a window
// costs what it is long, wherever on a chromosome it lies.
#include "app/variants/variant.hpp"

#include <algorithm>
#include <cstring>

#include "io/fasta/fasta.hpp"
#include "kernels/base/error.hpp"
#include "kernels/base/nth.hpp"

namespace regkit {
namespace {

std::vector<std::uint8_t> encode(std::string_view bases) {
    std::vector<std::uint8_t> codes(bases.size());
    std::transform(bases.begin(), bases.end(), codes.begin(), encode_base);
    return codes;
}

std::int64_t floor_to(std::int64_t x, std::int64_t stride) {
    return x / stride * stride;
}
std::int64_t ceil_to(std::int64_t x, std::int64_t stride) {
    return (x + stride - 1) / stride * stride;
}

}  // namespace

std::optional<AlleleKind> classify_allele(std::string_view allele) {
    if (allele.empty()) return std::nullopt;
    if (allele == "*") return AlleleKind::star;
    if (allele.find_first_of("[]") != std::string_view::npos) return AlleleKind::breakend;
    if (allele.front() == '<') {
        if (allele.size() > 2 && allele.back() == '>') return AlleleKind::symbolic;
        return std::nullopt;
    }
    const bool single = allele.size() > 1 && (allele.front() == '.' || allele.back() == '.');
    if (single) {
        allele.remove_prefix(allele.front() == '.' ? 1 : 0);
        allele.remove_suffix(allele.back() == '.' ? 1 : 0);
        // "A<INS>." and its like are breakends to a symbolic contig.
        if (allele.find('<') != std::string_view::npos) return AlleleKind::breakend;
    }
    bool known = !allele.empty();
    for (const char base : allele) {
        const std::uint8_t code = encode_base(base);
        if (code > 4) return std::nullopt;
        known = known && code != kCodeN;
    }
    if (single) return allele.empty() ? std::nullopt : std::optional(AlleleKind::breakend);
    return known ? AlleleKind::bases : AlleleKind::ambiguous;
}

Edit whole_edit(std::int64_t begin, std::string_view ref, std::string_view alt) {
    return {begin, static_cast<std::int64_t>(ref.size()), encode(alt)};
}

Edit trimmed_edit(std::int64_t begin, std::string_view ref, std::string_view alt) {
    const auto same = [](char a, char b) { return encode_base(a) == encode_base(b); };
    while (!ref.empty() && !alt.empty() && same(ref.back(), alt.back())) {
        ref.remove_suffix(1);
        alt.remove_suffix(1);
    }
    while (!ref.empty() && !alt.empty() && same(ref.front(), alt.front())) {
        ref.remove_prefix(1);
        alt.remove_prefix(1);
        ++begin;
    }
    return whole_edit(begin, ref, alt);
}

std::vector<SharedBlock> shared_blocks(const Edit& edit, std::int64_t span, std::int64_t contig_length) {
    return shared_blocks({&edit, 1}, edit, span, contig_length);
}

std::vector<SharedBlock> shared_blocks(std::span<const Edit> edits, const Edit& centre, std::int64_t span,
                                       std::int64_t contig_length) {
    const std::int64_t left = std::max<std::int64_t>(0, centre.begin - span);
    const std::int64_t right = std::min(contig_length, centre.begin + centre.removed + span);
    std::vector<SharedBlock> blocks;
    std::int64_t from = 0, shift = 0;
    const auto close = [&](std::int64_t to) {
        const std::int64_t begin = std::max(left, from), end = std::min(right, to);
        if (begin < end) blocks.push_back({begin, begin + shift, end - begin});
    };
    for (const Edit& edit : edits) {
        if (edit.shift() == 0) continue;
        close(edit.begin);
        from = edit.begin + edit.removed;
        shift += edit.shift();
    }
    close(right);
    return blocks;
}

std::int64_t shift_before(std::span<const Edit> edits, std::int64_t position) {
    std::int64_t shift = 0;
    for (const Edit& edit : edits)
        if (edit.begin < position) shift += edit.shift();
    return shift;
}

int lead_for_shift(std::int64_t shift, int stride) {
    const auto rest = static_cast<int>(shift % stride);
    return rest < 0 ? rest + stride : rest;
}

void Haplotype::codes(std::int64_t begin, const FetchContig& fetch, std::span<std::uint8_t> codes) const {
    const std::int64_t end = begin + static_cast<std::int64_t>(codes.size());
    std::fill(codes.begin(), codes.end(), kCodeN);
    // Copies contig [from, to), which lies at haplotype position `at`, as far as [begin, end) holds it.
    const auto copy_contig = [&](std::int64_t from, std::int64_t to, std::int64_t at) {
        const std::int64_t first = std::max(begin, at), last = std::min(end, at + to - from);
        if (first < last)
            fetch(from + first - at, from + last - at,
                  codes.subspan(static_cast<std::size_t>(first - begin),
                                static_cast<std::size_t>(last - first)));
    };
    std::int64_t from = 0, at = lead;  // of the contig, and where it lies here
    for (const Edit& edit : edits) {
        copy_contig(from, edit.begin, at);
        at += edit.begin - from;
        const std::int64_t behind = at + std::ssize(edit.inserted);
        for (std::int64_t x = std::max(begin, at); x < std::min(end, behind); ++x)
            nth(codes, x - begin) = nth(edit.inserted, x - at);
        from = edit.begin + edit.removed;
        at = behind;
    }
    copy_contig(from, contig_length, at);
}

Window window_for(std::int64_t begin, std::int64_t end, std::int64_t length, const Context& context) {
    const std::int64_t limit = ceil_to(length, context.stride);
    Window window;
    window.out_begin = floor_to(begin, context.stride);
    window.out_end =
        std::min(limit, window.out_begin + ceil_to(end - begin + context.stride - 1, context.stride));
    window.begin = std::max<std::int64_t>(0, window.out_begin - context.left);
    window.end = std::min(limit, window.out_end + context.right);
    return window;
}

}  // namespace regkit
