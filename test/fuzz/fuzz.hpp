// What the fuzz targets share. A target is one file that defines fuzz_one(); run.py runs them all.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

// Reads `input` as the format that the target is about. regkit::Error is the right answer to bad input; a
// crash, any other exception and a broken expectation are findings.
void fuzz_one(std::string_view input);
using Target = void (*)(std::string_view input);
// Whether it was read to its end.
bool try_input(Target target, std::string_view input);

// Writes a file of the process's own scratch folder and returns its path.
std::string put(const std::string& name, std::string_view content);
// A path in that folder; nothing is there afterwards.
std::string absent(const std::string& name);
// Ends the process with this text unless `ok`.
void expect(bool ok, const char* what);

// The first byte chooses among `count`, and is taken off; 0 where there is none.
std::size_t choose(std::string_view& input, std::size_t count);
// The part before the next line that is "@@@@", which is taken off with it; everything where there is none.
std::string_view next_part(std::string_view& input);

// A FASTA file of two contigs, chr1 (130 bases, 60 a line) and chr2 (7), and its index.
inline constexpr std::string_view kFasta =
    ">chr1 first\n"
    "ACGTACGTNNACGTACGTTTACGTACGTGGACGTACGTCCACGTACGTAAACGTACGTGC\n"
    "acgtacgtttacgtacgtccacgtacgtggacgtacgtaaacgtacgttgacgtacgtca\n"
    "ACGTACGTRY\n"
    ">chr2\n"
    "GATTACA\n";
inline constexpr std::string_view kFastaIndex = "chr1\t130\t12\t60\t61\nchr2\t7\t151\t7\t8\n";
