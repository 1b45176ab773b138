// Reference sequence: indexed random access with our own strict index readers, and streaming from a pipe.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace regkit {

// Symbol codes: 0 N, 1 A, 2 C, 3 G, 4 T, which is also U. Lower case is accepted, every other IUPAC code is
// N, anything else is bad input.
inline constexpr std::uint8_t kCodeN = 0;
// 0..4, or 255 for a byte that is no IUPAC nucleotide code.
std::uint8_t encode_base(char base);
char decode_base(std::uint8_t code);
// Codes of all of `bases`, as a FASTA has them, into codes[0..size). Placeholders, '.', '*' and 'X', which
// other programs write where a base is not known, are N as well; 255 stands for a byte that is no nucleotide
// code.
enum class Encoded { clean, placeholders, bad };
Encoded encode_bases(std::string_view bases, std::uint8_t* codes);
// How many placeholders stand in `bases`.
std::int64_t count_placeholders(std::string_view bases);
// Letters of ASCII alone; other bytes stay.
char upper_case(char symbol);
// How an error names a byte: 'x' or byte 0x00.
std::string describe_byte(char byte);
// In place: reverse complement of codes.
void reverse_complement(std::span<std::uint8_t> codes);

struct Contig {
    std::string name;
    std::int64_t length = 0;
};

// A FASTA file (plain or bgzip) with .fai (and .gzi). Missing indexes are built beside it (Error(resource)
// when that directory cannot be written: says how to build them). Both indexes pass a strict reader: an index
// that is older in content than its data, points past the end or is malformed is Error(mismatch). Not
// thread-safe; copy per thread by opening again.
class FastaFile {
  public:
    explicit FastaFile(const std::string& path);
    ~FastaFile();
    FastaFile(FastaFile&&) noexcept;

    const std::string& path() const;
    const std::vector<Contig>& contigs() const;  // file order
    // -1 when there is none.
    int find(const std::string& contig) const;
    // As find, but throws Error(mismatch). When chr1/1 or chrM/MT differ only by convention it tells the name
    // that the file has, and then `remedy`.
    int require_contig(const std::string& contig, const std::string& remedy = "use that name") const;
    // Placeholders among the bases read so far. What is read again counts once, as long as a contig is read
    // forward.
    std::int64_t placeholders() const;
    // Names of records without bases, which are no contigs, or contigs of no length: those that lie beside
    // the contigs looked at so far. Of files of some thousand contigs all.
    std::vector<std::string> empty_records() const;
    // Codes of [begin, end); positions outside the contig are N. Throws Error(input) at a byte that is no
    // base, naming file, contig and position.
    void read(int contig, std::int64_t begin, std::int64_t end, std::span<std::uint8_t> codes);
    // Reads a whole contig in pieces, in order, passing each to `sink`; returns the MD5 of the upper-case
    // sequence (M5 of SAM), hexadecimal.
    std::string scan(
        int contig, const std::function<void(std::int64_t begin, std::span<const std::uint8_t> codes)>& sink);
    // That MD5 alone.
    std::string md5(int contig);

  private:
    struct Impl;
    std::unique_ptr<Impl> impl_;
};

// FASTA records from a stream of unknown length, in bounded memory: plain or (b)gzip, "-" is standard input.
// Error(input) for a stream without a base.
class FastaStream {
  public:
    explicit FastaStream(const std::string& path);
    ~FastaStream();

    // Moves to the next record; false at the end. Unread rest of the current one is skipped (and still
    // checked).
    bool next();
    const std::string& name() const;  // first word of the header
    // Up to codes.size() further bases of the record; 0 at its end.
    std::int64_t read(std::span<std::uint8_t> codes);
    std::int64_t placeholders() const;  // so far

  private:
    struct Impl;
    std::unique_ptr<Impl> impl_;
};

}  // namespace regkit
