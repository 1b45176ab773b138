// A FASTA file, plain or bgzip, whose index is built.
#include "test/fuzz/fasta.hpp"
#include "test/fuzz/fuzz.hpp"

void fuzz_one(std::string_view input) {
    absent("x.fa.fai");
    absent("x.fa.gzi");
    use_fasta(put("x.fa", input));
}
