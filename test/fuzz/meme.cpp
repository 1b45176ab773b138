// Motifs in MEME's text format.
#include "io/motifs/meme.hpp"

#include <cmath>

#include "test/fuzz/fuzz.hpp"

void fuzz_one(std::string_view input) {
    const regkit::MotifFile file = regkit::read_meme(put("x", input));
    expect(!file.motifs.empty(), "a file without a motif");
    for (const regkit::Motif& motif : file.motifs) {
        expect(!motif.positions.empty() && motif.sites >= 0, "a motif without a matrix");
        for (const auto& row : motif.positions)
            expect(std::fabs(row[0] + row[1] + row[2] + row[3] - 1) < 1e-9,
                   "probabilities that do not sum to 1");
    }
}
