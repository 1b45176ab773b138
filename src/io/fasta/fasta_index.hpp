// The .fai index of a FASTA file: a strict reader, and a builder. (Format: faidx(5) of samtools.)
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace regkit {

struct FastaIndexEntry {
    std::string name;
    std::int64_t length = 0;      // bases
    std::uint64_t offset = 0;     // uncompressed, of the first base
    std::int64_t line_bases = 0;  // bases a line; 0 only for a contig without bases
    std::int64_t line_width = 0;  // with blanks behind the bases, and LF

    // Uncompressed offset of base `position`, which may be the length.
    std::uint64_t offset_of(std::int64_t position) const;
};

// `size`: uncompressed bytes of the FASTA file. Throws Error(mismatch) naming file and line when the index is
// malformed, points past the end, overlaps itself or names a contig twice.
std::vector<FastaIndexEntry> read_fasta_index(const std::string& path, std::uint64_t size);

// Scans the FASTA file and writes `fasta`.fai; records without bases are left out, as samtools does.
// Error(input) when its lines cannot be indexed (unequal lengths, duplicate or missing names),
// Error(resource) saying how to build it when the directory cannot be written.
void build_fasta_index(const std::string& fasta);

}  // namespace regkit
