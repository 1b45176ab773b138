// The format needs no more of a motif than its name and matrix; w and nsites are what other programs ask for.
// https://meme-suite.org/meme/doc/meme-format.html
#include <algorithm>
#include <cmath>

#include "base/text.hpp"
#include "io/motifs/meme.hpp"

namespace regkit {
namespace {

std::string one_word(std::string text) {
    std::ranges::replace_if(
        text, [](char c) { return c == ' ' || c == '\t'; }, '_');
    return text;
}

}  // namespace

std::string meme_text(const MotifFile& file) {
    std::string text = "MEME version 4\n\nALPHABET= ACGT\n\nstrands: + -\n\nBackground letter frequencies\n";
    for (std::size_t base = 0; base < 4; ++base) {
        text += {"ACGT"[base], ' '};
        text += number_text(file.background[base], "%.5f") + (base < 3 ? ' ' : '\n');
    }
    for (const Motif& motif : file.motifs) {
        text += "\nMOTIF " + one_word(motif.id) + (motif.name.empty() ? "" : " " + one_word(motif.name));
        text += "\nletter-probability matrix: alength= 4 w= " + std::to_string(motif.positions.size());
        text += " nsites= " + number_text(std::round(motif.sites), "%.0f") + '\n';
        for (const BaseProbabilities& row : motif.positions)
            for (std::size_t base = 0; base < 4; ++base)
                text += ' ' + number_text(row[base], "%.6f") + (base < 3 ? "" : "\n");
    }
    return text;
}

}  // namespace regkit
