// Motifs of transcription factors in the text format of the MEME suite, as JASPAR and others give them.
#pragma once

#include <array>
#include <string>
#include <vector>

namespace regkit {

using BaseProbabilities = std::array<double, 4>;  // of A, C, G, T; they sum to 1

struct Motif {
    std::string id;    // "MA0139.1"
    std::string name;  // "CTCF"; empty where the file gives an identifier alone
    double sites = 0;  // from how many the probabilities were counted; 0: not known
    std::vector<BaseProbabilities> positions = {};  // one at least

    std::string full_name() const { return name.empty() ? id : id + " " + name; }
    // Whether the motif is that factor's, letters' case aside: its name, or its identifier where it has none,
    // is the target's, alone or in a pair ("MAX::MYC"); what stands in brackets behind it ("(var.2)") does
    // not count, nor what follows a '_' or a '.' in an identifier ("CTCF_HUMAN.H11MO.0.A").
    bool is_of(const std::string& target) const;
};

struct MotifFile {
    BaseProbabilities background{0.25, 0.25, 0.25, 0.25};
    std::vector<Motif> motifs;  // in the file's order, one at least
};

// Plain or compressed. Error(input) naming file and line where it is no MEME text of motifs of DNA, where a
// motif has no letter-probability matrix or a matrix is not of probabilities.
MotifFile read_meme(const std::string& path);

// The same as version 4 of that format: both strands, the background, and of each motif its name, `sites`
// rounded and its matrix with six digits behind the point. Motifs have no E-value here, and none is written.
// Blanks in names are written as '_', which ends a name there.
std::string meme_text(const MotifFile& file);

}  // namespace regkit
