#include "test/fuzz/fasta.hpp"

#include <algorithm>
#include <cstdint>
#include <vector>

#include "io/fasta/fasta.hpp"
#include "test/fuzz/fuzz.hpp"

void use_fasta(const std::string& path) {
    constexpr std::int64_t kBases = 512, kMostToScan = 1 << 20;
    constexpr std::size_t kContigs = 20;
    regkit::FastaFile fasta(path);
    std::vector<std::uint8_t> codes(kBases);
    for (std::size_t i = 0; i < std::min(kContigs, fasta.contigs().size()); ++i) {
        const int contig = static_cast<int>(i);
        const std::int64_t length = fasta.contigs()[i].length;
        expect(fasta.find(fasta.contigs()[i].name) == contig, "a contig is not found by its name");
        for (const std::int64_t begin : {std::int64_t{-5}, length / 2, length - 100}) {
            std::fill(codes.begin(), codes.end(), 255);
            fasta.read(contig, begin, begin + kBases, codes);
            for (const std::uint8_t code : codes) expect(code <= 4, "a code that is none");
        }
        if (length > kMostToScan) continue;
        std::int64_t seen = 0;
        fasta.scan(contig, [&](std::int64_t begin, std::span<const std::uint8_t> piece) {
            expect(begin == seen, "a scan with a gap");
            seen += static_cast<std::int64_t>(piece.size());
        });
        expect(seen == length, "a scan of another length than the contig's");
    }
}
