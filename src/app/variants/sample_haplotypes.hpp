// The two haplotypes of a sample, as far as its genotypes tell them: which variants lie on which.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "app/variants/record_alleles.hpp"
#include "app/variants/variant.hpp"
#include "app/variants/variant_scorer.hpp"
#include "io/vcf/vcf.hpp"

namespace regkit {

// The sample's number in the header. Without a name the only one: Error(usage) where there are several.
// Error(mismatch) for one that the header lacks, Error(input) where there is none at all.
std::size_t find_sample(const VcfHeader& header, const std::string& name);

// A record, as far as haplotypes are about it.
struct SampleRecord {
    int contig = -1;           // of the reference; -1: has no haplotypes
    std::int64_t number = -1;  // of its variants in SampleHaplotypes
    std::int64_t position = 0;
    Edit hull;  // from its first to its last changed base, with nothing put in: only a place
    std::array<bool, 2> known{};     // what the haplotype has here
    std::array<int, 2> alt{-1, -1};  // the ALT that it carries, which is applied; -1: none is
    bool has_set = false;            // of `set`: a heterozygote's, or one that is told
    std::string set;
};

// What is to be predicted of a haplotype at a record.
struct SampleHaplotype {
    enum class Kind {
        unknown,
        reference,  // it is REF all around
        allele,     // the record's own ALT `alt` is its only variant here
        several     // `edits`, compared around `centre`
    };
    Kind kind = Kind::unknown;
    int alt = -1;
    std::shared_ptr<const std::vector<Edit>> edits = nullptr;
    Edit centre;
};

// How many records' genotypes could not be placed, and why.
struct PhaseCounts {
    std::int64_t missing = 0;   // no GT, or not of all copies
    std::int64_t unphased = 0;  // heterozygotes
    std::int64_t polyploid = 0;
    std::int64_t other_sets = 0;  // records near which lie variants of another phase set
};

// Variants are taken in the order of the file, which ascends on each contig, and kept while later records may
// lie near. Which are applied is decided between pairs of records, so that it does not depend on where
// reading began:
// - a homozygous ALT is on both haplotypes; a heterozygote on those that '|' says, and with others of its
//   phase set alone (those without PS are one set); a record that is in no set is with the nearest
//   heterozygote's, the first of two as near;
// - a variant that overlaps one before it on the same haplotype is not applied.
class SampleHaplotypes {
  public:
    // `sight`: bases from a variant on which something may depend.
    SampleHaplotypes(const VcfHeader& header, std::size_t sample, std::int64_t sight);

    // The record's genotype, whose `found` alleles are in `alleles`; notes those that are not applied. Error
    // (input) where the record comes before the one before it.
    SampleRecord add(const VcfRecord& record, RecordAlleles& found, const std::vector<Allele>& alleles,
                     PhaseCounts& counts);
    // Whether all that is near was added, once a record on this contig at this position has been.
    bool is_complete(const SampleRecord& record) const;
    // Of a complete record; those are asked for in the order of the file.
    std::array<SampleHaplotype, 2> haplotypes(const SampleRecord& record, PhaseCounts& counts);

  private:
    struct Variant {
        int contig = 0;
        std::int64_t number = 0;
        Edit edit;
        std::array<bool, 2> on{}, applied{};
        bool homozygous = false;
        std::string set;
    };
    void place(const VcfRecord& record, const Genotype& genotype, RecordAlleles& found,
               const std::vector<Allele>& alleles, SampleRecord& placed, PhaseCounts& counts);
    void apply(Variant variant, RecordAlleles& found, std::size_t alt);
    bool is_near(const Variant& variant, const Edit& centre, int contig) const;
    const std::string* set_of(const SampleRecord& record) const;
    SampleHaplotype haplotype(const SampleRecord& record, std::size_t side, const std::string* set,
                              bool& others);
    void forget(const SampleRecord& record);

    const VcfHeader& header_;
    std::size_t sample_;
    std::int64_t sight_;
    std::string contig_;                        // of the record that came last
    std::set<std::string, std::less<>> ended_;  // contigs before that
    int number_of_contig_ = -1;                 // in the reference
    std::int64_t position_ = -1;                // of it
    std::int64_t records_ = 0;
    std::deque<Variant> variants_;
    std::array<std::shared_ptr<const std::vector<Edit>>, 2> last_;  // lists are shared where they are equal
    Genotype genotype_;
};

}  // namespace regkit
