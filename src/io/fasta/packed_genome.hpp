// Contigs of a genome in memory, 2 bits a base plus runs of N: 3.1 Gb take 0.8 GB. Immutable once filled,
// then safe to read from several threads.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "io/fasta/block_digest.hpp"
#include "io/fasta/fasta.hpp"

namespace regkit {

class PackedGenome {
  public:
    // Room for contigs 0..count-1, all absent.
    explicit PackedGenome(std::size_t count) : contigs_(count) {}

    // Reads a whole contig of the FASTA file into place `slot`, and digests it on the way.
    ContigDigests load(std::size_t slot, FastaFile& fasta, int contig);
    // The same from codes (tests).
    void set(std::size_t slot, std::span<const std::uint8_t> codes);

    std::int64_t length(std::size_t slot) const { return contigs_.at(slot).length; }
    // Codes of [begin, end), as FastaFile::read gives them: N outside the contig.
    void read(std::size_t slot, std::int64_t begin, std::int64_t end, std::span<std::uint8_t> codes) const;
    std::int64_t bytes() const;

  private:
    struct Run {
        std::int64_t begin, end;
    };
    struct PackedContig {
        std::int64_t length = 0;
        std::vector<std::uint8_t> bases;  // base p: bits 2 (p % 4) of byte p / 4; 0 A, 1 C, 2 G, 3 T; N as 0
        std::vector<Run> unknown;         // N, ascending
    };
    static void append(PackedContig& contig, std::span<const std::uint8_t> codes);

    std::vector<PackedContig> contigs_;
};

}  // namespace regkit
