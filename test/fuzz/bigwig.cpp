// A bigWig file.
#include "io/bigwig/bigwig_reader.hpp"
#include "test/fuzz/fuzz.hpp"

void fuzz_one(std::string_view input) {
    const std::string path = put("x.bw", input);
    if (!regkit::is_bigwig(path)) return;
    regkit::BigWigReader reader(path);
    std::int64_t end = 0, contig = -1;
    reader.read([&](const regkit::BigWigReader::Value& value) {
        const auto& contigs = reader.contigs();
        expect(value.contig >= contig && static_cast<std::size_t>(value.contig) < contigs.size(),
               "contigs out of order");
        if (value.contig != contig) end = 0;
        contig = value.contig;
        expect(value.begin >= end && value.end > value.begin, "values overlap or are out of order");
        end = value.end;
        expect(end <= contigs[static_cast<std::size_t>(contig)].length, "a value past the end of its contig");
    });
}
