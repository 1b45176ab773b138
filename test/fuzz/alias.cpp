// A table of contig names, as --alias takes it.
#include "io/fasta/contig_alias.hpp"
#include "test/fuzz/fuzz.hpp"

void fuzz_one(std::string_view input) {
    expect(!regkit::ContigAlias(put("x", input)).candidates("chr1").empty(), "no candidate");
}
