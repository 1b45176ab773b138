// FASTA from a pipe, plain or compressed.
#include <cstdint>
#include <vector>

#include "io/fasta/fasta.hpp"
#include "test/fuzz/fuzz.hpp"

void fuzz_one(std::string_view input) {
    regkit::FastaStream stream(put("x", input));
    std::vector<std::uint8_t> codes(1000);
    while (stream.next()) {
        expect(!stream.name().empty(), "a record without a name");
        while (const std::int64_t got = stream.read(codes)) {
            expect(got > 0 && got <= 1000, "more bases than asked for");
            for (std::int64_t i = 0; i < got; ++i)
                expect(codes[static_cast<std::size_t>(i)] <= 4, "a code that is none");
        }
    }
}
