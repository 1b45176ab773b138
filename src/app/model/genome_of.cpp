// Opening checks names and lengths; loading reads the contigs that hold windows into memory, and compares
// their bases on the way, so that the check costs no reading of its own. Placeholders read as N are counted
// and told.
#include "app/model/genome_of.hpp"

#include <set>

#include "base/paths.hpp"
#include "base/printable.hpp"
#include "base/text.hpp"
#include "kernels/base/error.hpp"
#include "kernels/base/nth.hpp"

namespace regkit {

FastaFile open_reference(const Dataset& dataset, const std::string& fasta, bool whole) {
    require(!fasta.empty() || path_exists(dataset.fasta_path()), ErrorKind::resource,
            dataset.fasta_path() + ": cannot open: there is no such file; the data set " + dataset.path() +
                " names this reference: say with -f where it is now");
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
        const int index = fasta.require_contig(nth(reference, contig).name);
        dataset.check_contig(fasta, contig, genome.load(static_cast<std::size_t>(contig), fasta, index));
    }
    return genome;
}

void tell_placeholders(const std::string& path, std::int64_t count, Log& log) {
    if (count > 0)
        log.info(path + ": " + std::to_string(count) + (count == 1 ? " base is" : " bases are") +
                 " '.', '*' or 'X', read as N");
}

void tell_empty_records(const FastaFile& fasta, Log& log) {
    const std::vector<std::string> names = fasta.empty_records();
    if (names.size() == 1)
        log.warn("empty-record", fasta.path() + " (" + printable(names[0]) + "): the record has no bases");
    else if (!names.empty())
        log.warn("empty-record", fasta.path() + ": " + std::to_string(names.size()) +
                                     " records have no bases: " + printable(some_of(names, 5)));
}

}  // namespace regkit
