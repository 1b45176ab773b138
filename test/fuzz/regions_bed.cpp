// A BED file of regions, as -R takes it, on a good FASTA file.
#include "app/model/regions.hpp"
#include "test/fuzz/fuzz.hpp"

void fuzz_one(std::string_view input) {
    regkit::NullLog quiet;
    const auto regions = regkit::read_bed_regions(put("x.bed", input), quiet);
    put("r.fa.fai", kFastaIndex);
    const regkit::FastaFile fasta(put("r.fa", kFasta));
    for (const std::int64_t cell : {1, 128}) {
        regkit::ContigRange last{0, 0, 0};
        for (const auto& range : regkit::plan_regions(regions, false, fasta, cell, quiet)) {
            expect(range.contig > last.contig || range.begin >= last.end,
                   "ranges overlap or are out of order");
            expect(range.end > range.begin && range.begin % cell == 0, "no range of whole cells");
            last = range;
        }
    }
}
