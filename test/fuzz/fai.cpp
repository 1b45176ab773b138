// A .fai index of a good FASTA file.
#include "test/fuzz/fasta.hpp"
#include "test/fuzz/fuzz.hpp"

void fuzz_one(std::string_view input) {
    put("r.fa.fai", input);
    use_fasta(put("r.fa", kFasta));
}
