// A deletion is trimmed from its record's REF and ALT by the same function as one that is read, so that the
// same variant has one score, wherever in a repeat its record has it.
#include "app/mutations/made_allele.hpp"

#include <algorithm>
#include <vector>

#include "app/variants/variant.hpp"
#include "io/fasta/fasta.hpp"
#include "kernels/base/nth.hpp"

namespace regkit {

MadeAllele substitution(int contig, std::int64_t position, std::uint8_t ref, std::uint8_t alt) {
    return {contig, position, std::string(1, decode_base(ref)), std::string(1, decode_base(alt)), 0};
}

MadeAllele deletion(int contig, std::int64_t begin, std::int64_t length, CachedReference& reference) {
    const std::int64_t end = begin + length, limit = nth(reference.contigs(), contig).length;
    const std::int64_t from = std::max<std::int64_t>(0, begin - 1), to = begin == 0 ? end + 1 : end;
    MadeAllele made{contig, from, {}, {}, length};
    if (to > limit) return made;
    std::vector<std::uint8_t> codes(static_cast<std::size_t>(to - from));
    reference.read(contig, from, to, codes);
    if (std::find(codes.begin(), codes.end(), kCodeN) != codes.end()) return made;
    for (const std::uint8_t code : codes) made.ref += decode_base(code);
    made.alt = begin == 0 ? made.ref.back() : made.ref.front();
    return made;
}

Allele allele_of(const MadeAllele& made, std::int64_t contig_length) {
    Allele allele;
    allele.contig = made.contig;
    allele.contig_length = contig_length;
    allele.change = trimmed_edit(made.position, made.ref, made.alt);
    allele.alt_edit = allele.change;
    return allele;
}

}  // namespace regkit
