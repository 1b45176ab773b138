// Records for haplotypes: each is given once all that lies near it has been read.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <vector>

#include "app/variants/record_alleles.hpp"
#include "app/variants/record_choice.hpp"
#include "app/variants/sample_haplotypes.hpp"
#include "io/vcf/vcf.hpp"

namespace regkit {

class PhasedRecords {
  public:
    // All must outlive it. `context` finds alleles of records that are read for others alone.
    PhasedRecords(VcfReader& reader, const RecordChoice& choice, RecordAlleleFinder& finder,
                  RecordAlleleFinder& context, std::size_t sample, std::int64_t sight);

    // The next record that the choice takes, with its alleles behind those of `alleles`. False at the end.
    bool next(VcfRecord& record, RecordAlleles& found, std::vector<Allele>& alleles,
              std::array<SampleHaplotype, 2>& haplotypes);
    const PhaseCounts& counts() const { return counts_; }
    std::int64_t outside() const { return outside_; }  // records that the targets left out
    std::int64_t records() const { return records_; }  // that were given

  private:
    struct Waiting {
        VcfRecord record;
        RecordAlleles found;
        std::vector<Allele> alleles;
        SampleRecord sample;
        bool is_taken = false;
    };
    void read();

    VcfReader& reader_;
    const RecordChoice& choice_;
    RecordAlleleFinder &finder_, &context_;
    SampleHaplotypes haplotypes_;
    std::deque<Waiting> waiting_;
    bool ended_ = false;
    std::int64_t outside_ = 0, records_ = 0;
    PhaseCounts counts_, of_context_;
};

}  // namespace regkit
