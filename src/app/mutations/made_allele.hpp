// Alleles that are made of a reference, not read: a substitution or a deletion, as a record of VCF has it.
#pragma once

#include <cstdint>
#include <string>

#include "app/variants/cached_reference.hpp"
#include "app/variants/variant_scorer.hpp"

namespace regkit {

struct MadeAllele {
    int contig = 0;             // number in the reference
    std::int64_t position = 0;  // of the record, 0-based
    std::string ref, alt;
    std::int64_t deleted = 0;  // bases; 0: a substitution
};

// Base `position` of the contig, which is `ref`, becomes `alt`; codes of A, C, G or T.
MadeAllele substitution(int contig, std::int64_t position, std::uint8_t ref, std::uint8_t alt);
// Bases [begin, begin + length) are deleted: the record begins at the base before, or at a contig's start
// ends with the base behind. Without a REF (empty) where a base is N, or nothing of the contig would be left.
MadeAllele deletion(int contig, std::int64_t begin, std::int64_t length, CachedReference& reference);
// As it is scored, trimmed like an allele that is read.
Allele allele_of(const MadeAllele& made, std::int64_t contig_length);

}  // namespace regkit
