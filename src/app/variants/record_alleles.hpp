// Which alleles of a record can be scored, and why the others cannot.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "app/variants/annotate.hpp"
#include "app/variants/cached_reference.hpp"
#include "app/variants/variant_scorer.hpp"
#include "base/log.hpp"
#include "io/fasta/contig_alias.hpp"
#include "io/vcf/vcf.hpp"

namespace regkit {

struct RecordAlleles {
    std::vector<AlleleNote> notes;  // one an ALT
    std::vector<std::ptrdiff_t>
        queries;  // index of its Allele among those that `find` appended to, -1 = not scored
};

class RecordAlleleFinder {
  public:
    // `listed`: the input's header has ##contig lines. Counts of records go into `summary`.
    RecordAlleleFinder(const AnnotateParameters& parameters, CachedReference& reference,
                       const VcfHeader& header, bool listed, AnnotateSummary& summary, Log& log);

    // Error(input) for a REF that is not the reference's, Error(mismatch) for a contig that it lacks or has
    // in another length, unless the parameters say otherwise. Odd alleles are noted and warned of.
    void find(const VcfRecord& record, RecordAlleles& found, std::vector<Allele>& alleles);

  private:
    enum class RefState { same, unknown, skipped, vcfs };
    struct Place {
        int contig = -1;  // number in the reference, -1: it has none
        bool listed = true;
    };

    bool is_listed(const std::string& name) const;
    const Place& place_of(const VcfRecord& record);
    int contig_of(const VcfRecord& record, const std::string& name) const;
    void check_length(const VcfRecord& record, int contig) const;
    AlleleNote note_of(const VcfRecord& record, int alt, bool ref_known) const;
    RefState check_ref(const VcfRecord& record, int contig);
    // Empty where REF is the reference's; `unknown`: as far as N and IUPAC codes let know.
    std::string difference(const VcfRecord& record, int contig, bool& unknown);

    const AnnotateParameters& p_;
    CachedReference& reference_;
    const VcfHeader& header_;
    ContigAlias alias_;
    bool listed_;
    AnnotateSummary& summary_;
    Log& log_;
    std::unordered_map<std::string, Place> places_;
    std::string last_name_;
    const Place* last_ = nullptr;
};

}  // namespace regkit
