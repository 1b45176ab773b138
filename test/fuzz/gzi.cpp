// A .gzi index of a good bgzip FASTA file of several blocks.
#include <htslib/bgzf.h>

#include "test/fuzz/fasta.hpp"
#include "test/fuzz/fuzz.hpp"

namespace {

constexpr std::size_t kBlock = 50;  // bytes of text a block

std::string pack(const std::string& path) {
    BGZF* file = bgzf_open(path.c_str(), "w");
    expect(file != nullptr, "cannot write to the scratch folder");
    for (std::size_t at = 0; at < kFasta.size(); at += kBlock) {
        const std::string_view piece = kFasta.substr(at, kBlock);
        expect(bgzf_write(file, piece.data(), piece.size()) == static_cast<ssize_t>(piece.size()) &&
                   bgzf_flush(file) == 0,
               "cannot write to the scratch folder");
    }
    expect(bgzf_close(file) == 0, "cannot write to the scratch folder");
    return path;
}

}  // namespace

void fuzz_one(std::string_view input) {
    static const std::string path = pack(absent("g.fa.gz"));
    put("g.fa.gz.fai", kFastaIndex);
    put("g.fa.gz.gzi", input);
    use_fasta(path);
}
