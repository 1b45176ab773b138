// A queue between reader and scorer: its first record leaves once one has been read that lies too far on to
// matter to it. What is read for others alone (beyond regions, outside targets) is never given.
#include "app/variants/phased_records.hpp"

#include <iterator>
#include <utility>

namespace regkit {

PhasedRecords::PhasedRecords(VcfReader& reader, const RecordChoice& choice, RecordAlleleFinder& finder,
                             RecordAlleleFinder& context, std::size_t sample, std::int64_t sight)
    : reader_(reader),
      choice_(choice),
      finder_(finder),
      context_(context),
      haplotypes_(reader.header(), sample, sight) {}

void PhasedRecords::read() {
    Waiting next;
    if (reader_.next(next.record) != VcfReader::Got::record) {
        ended_ = true;
        return;
    }
    const bool inside = choice_.reads_for_itself(next.record);
    next.is_taken = inside && choice_.takes(next.record);
    outside_ += inside && !next.is_taken;
    (next.is_taken ? finder_ : context_).find(next.record, next.found, next.alleles);
    next.sample =
        haplotypes_.add(next.record, next.found, next.alleles, next.is_taken ? counts_ : of_context_);
    waiting_.push_back(std::move(next));
}

bool PhasedRecords::next(VcfRecord& record, RecordAlleles& found, std::vector<Allele>& alleles,
                         std::array<SampleHaplotype, 2>& haplotypes) {
    for (;;) {
        while (!ended_ && (waiting_.empty() || !haplotypes_.is_complete(waiting_.front().sample))) read();
        if (waiting_.empty()) return false;
        Waiting first = std::move(waiting_.front());
        waiting_.pop_front();
        haplotypes = haplotypes_.haplotypes(first.sample, first.is_taken ? counts_ : of_context_);
        if (!first.is_taken) continue;
        ++records_;
        record = std::move(first.record);
        found = std::move(first.found);
        for (std::ptrdiff_t& query : found.queries)
            if (query >= 0) query += std::ssize(alleles);
        std::ranges::move(first.alleles, std::back_inserter(alleles));
        return true;
    }
}

}  // namespace regkit
