#include "app/genome_of.hpp"

#include <set>

#include "base/error.hpp"

namespace regkit {

FastaFile open_reference(const Dataset& dataset, const std::string& fasta, bool whole) {
    FastaFile file(fasta.empty() ? dataset.fasta_path() : fasta);
    dataset.check_reference(file, whole);
    return file;
}

PackedGenome load_genome(const Dataset& dataset, FastaFile& fasta) {
    const auto& reference = dataset.reference();
    PackedGenome genome(reference.size());
    std::set<std::int32_t> contigs;
    for (const DatasetWindow& window : dataset.windows()) contigs.insert(window.contig);
    for (const std::int32_t contig : contigs) {
        const ReferenceContig& expected = reference[static_cast<std::size_t>(contig)];
        const int index = fasta.require_contig(expected.name);
        const std::string md5 = fasta.md5(index);
        require(md5 == expected.md5, ErrorKind::mismatch,
                fasta.path() + ": contig " + expected.name + " has MD5 " + md5 + ", but " + dataset.path() +
                    " was built with " + expected.md5 + "; give the same assembly with -f");
        genome.load(static_cast<std::size_t>(contig), fasta, index);
    }
    return genome;
}

}  // namespace regkit
