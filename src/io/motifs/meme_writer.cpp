// The format needs no more of a motif than its name and matrix; w and nsites are what other programs ask for.
// https://meme-suite.org/meme/doc/meme-format.html
#include <algorithm>
#include <cmath>
#include <cstdio>

#include "io/motifs/meme.hpp"

namespace regkit {
namespace {

std::string one_word(std::string text) {
    std::ranges::replace_if(
        text, [](char c) { return c == ' ' || c == '\t'; }, '_');
    return text;
}

void append(std::string& text, const char* format, double value) {
    char buffer[40];
    std::snprintf(buffer, sizeof buffer, format, value);
    text += buffer;
}

}  // namespace

std::string meme_text(const MotifFile& file) {
    std::string text = "MEME version 4\n\nALPHABET= ACGT\n\nstrands: + -\n\nBackground letter frequencies\n";
    for (std::size_t base = 0; base < 4; ++base) {
        text += {"ACGT"[base], ' '};
        append(text, base < 3 ? "%.5f " : "%.5f\n", file.background[base]);
    }
    for (const Motif& motif : file.motifs) {
        text += "\nMOTIF " + one_word(motif.id) + (motif.name.empty() ? "" : " " + one_word(motif.name));
        text += "\nletter-probability matrix: alength= 4 w= " + std::to_string(motif.positions.size());
        append(text, " nsites= %.0f\n", std::round(motif.sites));
        for (const BaseProbabilities& row : motif.positions)
            for (std::size_t base = 0; base < 4; ++base)
                append(text, base < 3 ? " %.6f" : " %.6f\n", row[base]);
    }
    return text;
}

}  // namespace regkit
