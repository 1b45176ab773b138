// Four bases go into a byte; N is written as A and kept as runs beside it. Reading unpacks whole bytes by a
// table, four codes at a time, and then writes N over the runs that the stretch meets.
#include "io/fasta/packed_genome.hpp"

#include <algorithm>
#include <array>
#include <cstring>

#include "kernels/base/nth.hpp"

namespace regkit {
namespace {

// The four codes of a packed byte, in order of position.
using Four = std::array<std::uint8_t, 4>;
constexpr std::array<Four, 256> make_table() {
    std::array<Four, 256> table{};
    for (unsigned byte = 0; byte < 256; ++byte)
        for (unsigned i = 0; i < 4; ++i)
            table[byte][i] = static_cast<std::uint8_t>(1 + ((byte >> (2 * i)) & 3));
    return table;
}
constexpr std::array<Four, 256> kUnpacked = make_table();

}  // namespace

void PackedGenome::append(PackedContig& contig, std::span<const std::uint8_t> codes) {
    std::int64_t at = contig.length;
    for (const std::uint8_t code : codes) {
        if (code == kCodeN) {
            if (contig.unknown.empty() || contig.unknown.back().end != at) contig.unknown.push_back({at, at});
            ++contig.unknown.back().end;
        } else {
            auto& byte = nth(contig.bases, at / 4);
            byte = static_cast<std::uint8_t>(byte | ((code - 1) << (2 * (at % 4))));
        }
        ++at;
    }
    contig.length = at;
}

void PackedGenome::set(std::size_t slot, std::span<const std::uint8_t> codes) {
    PackedContig contig;
    contig.bases.resize((codes.size() + 3) / 4);
    append(contig, codes);
    contigs_.at(slot) = std::move(contig);
}

ContigDigests PackedGenome::load(std::size_t slot, FastaFile& fasta, int contig_index) {
    const std::int64_t length = fasta.contigs().at(static_cast<std::size_t>(contig_index)).length;
    PackedContig contig;
    contig.bases.resize(static_cast<std::size_t>((length + 3) / 4));
    ContigDigests digests =
        scan_digests(fasta, contig_index,
                     [&](std::int64_t, std::span<const std::uint8_t> codes) { append(contig, codes); });
    contig.unknown.shrink_to_fit();
    contigs_.at(slot) = std::move(contig);
    return digests;
}

void PackedGenome::read(std::size_t slot, std::int64_t begin, std::int64_t end,
                        std::span<std::uint8_t> codes) const {
    const PackedContig& contig = contigs_.at(slot);
    if (codes.empty()) return;  // memset must not be given a null pointer, not even for no bytes
    const std::int64_t first = std::clamp<std::int64_t>(begin, 0, contig.length);
    const std::int64_t last = std::clamp<std::int64_t>(end, first, contig.length);
    std::memset(codes.data(), kCodeN, static_cast<std::size_t>(end - begin));
    const auto one = [&](std::int64_t p) {
        nth(codes, p - begin) = nth(kUnpacked[nth(contig.bases, p / 4)], p % 4);
    };
    std::int64_t p = first;
    for (; p < last && p % 4 != 0; ++p) one(p);
    for (; p + 4 <= last; p += 4)
        std::memcpy(codes.data() + (p - begin), kUnpacked[nth(contig.bases, p / 4)].data(), 4);
    for (; p < last; ++p) one(p);
    auto run = std::upper_bound(contig.unknown.begin(), contig.unknown.end(), first,
                                [](std::int64_t position, const Run& r) { return position < r.end; });
    for (; run != contig.unknown.end() && run->begin < last; ++run) {
        const std::int64_t from = std::max(run->begin, first), to = std::min(run->end, last);
        std::memset(codes.data() + (from - begin), kCodeN, static_cast<std::size_t>(to - from));
    }
}

std::int64_t PackedGenome::bytes() const {
    std::size_t total = 0;
    for (const PackedContig& contig : contigs_)
        total += contig.bases.capacity() + contig.unknown.capacity() * sizeof(Run);
    return static_cast<std::int64_t>(total);
}

}  // namespace regkit
