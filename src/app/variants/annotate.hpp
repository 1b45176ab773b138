// regsnp annotate: VCF in, the same VCF with predicted effects out.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "app/call/shard.hpp"
#include "app/variants/allele_run.hpp"
#include "base/log.hpp"
#include "base/work_done.hpp"
#include "io/vcf/vcf.hpp"

namespace regkit {

// What to do with a record whose REF is not what the reference has there.
enum class RefMismatch { error, skip, use_vcf };
// What to do with a record on a contig that the reference lacks.
enum class MissingContig { error, skip };

struct AnnotateParameters : ScoringParameters {
    std::string input = "-";
    std::string output = "-";
    std::optional<VariantFormat> format;        // by default what the output's extension says
    std::vector<std::string> regions, targets;  // -r and -t
    std::string regions_file, targets_file;     // -R and -T
    // -t and -T with "^": records that begin there are left out, in the targets too.
    std::vector<std::string> excluded;
    std::string excluded_file;
    bool lossy = false;    // what BCF cannot hold of text is a warning
    std::string alias;     // rule of ContigAlias; empty = names must agree
    std::int64_t top = 0;  // markers of REG_TOP; 0: there is no such field
    std::string target;    // a BED file of intervals for REG_TARGET; empty: there is no such field
    RefMismatch ref_mismatch = RefMismatch::error;
    MissingContig missing_contig = MissingContig::error;
    std::string background;      // of regsnp background, for REG_Q; empty = none
    std::string matrix;          // path of the bgzip TSV; empty = none
    bool haplotypes = false;     // REG_H1 and REG_H2
    std::string sample;          // whose; empty = the only one
    std::optional<Shard> shard;  // of the input, by its index: what merge_variants() puts together
};

// Why an allele has no score, or which caveat its score has: the values of REG_NOTE.
enum class AlleleNote {
    none,
    star,
    symbolic,
    breakend,
    ambiguous,
    not_sequence,
    telomere,
    uncompared,
    ref_mismatch,
    missing_contig,
    vcf_ref,
    unphased,  // with --haplotypes: it is not known which haplotype has the allele
    overlap    // with --haplotypes: it overlaps a variant before it on the same haplotype
};
inline constexpr int kAlleleNotes = 13;
const char* to_string(AlleleNote note);

struct AnnotateSummary {
    std::int64_t records = 0;
    std::int64_t alleles = 0;
    std::int64_t scored = 0;
    std::int64_t gains = 0, losses = 0;  // alleles with which a marker's site appears, and vanishes
    std::int64_t outside = 0;            // records that do not begin in the targets: not in the output
    std::int64_t ref_mismatches = 0;     // records
    std::int64_t replaced_fields = 0;    // INFO fields of an earlier run of regsnp
    std::int64_t missing_contig = 0;     // records on contigs that the reference lacks
    std::int64_t unlisted_contig = 0;    // records on contigs that the header's ##contig lines do not list
    std::int64_t odd_quality = 0;        // records whose QUAL is no number that a float holds
    std::array<std::int64_t, kAlleleNotes> notes{};
    double seconds = 0;  // of reading, scoring and writing
};

// Throws Error; on any the outputs do not come to be. Memory does not grow with the number of records.
AnnotateSummary annotate(const AnnotateParameters& parameters, Log& log, const TellWork& tell = tell_nobody);

// log2((alt + e) / (ref + e)): e = 1e-6 only keeps a value of 0 from giving infinity.
double log2_fold_change(double ref, double alt);

}  // namespace regkit
