// Which alleles of a record can be scored, and why the others cannot.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
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
#include "kernels/base/error.hpp"

namespace regkit {

// How a record's REF compares with the reference: `unchecked` on a contig that it lacks and at a telomere,
// `unknown` where N or another IUPAC code leaves it open, and of those that differ `skipped`, not scored, or
// `vcfs`, scored against the record's REF.
enum class RefState { unchecked, same, unknown, skipped, vcfs };

struct RecordAlleles {
    int contig = -1;  // number in the reference, -1: it has none
    RefState ref = RefState::unchecked;
    std::vector<AlleleNote> notes;  // one an ALT
    std::vector<std::ptrdiff_t>
        queries;  // index of its Allele among those that `find` appended to, -1 = not scored
};

// Whether a header that says `declared` of a contig (0: nothing) means another contig than one of `length`
// bases.
bool is_other_length(std::int64_t declared, std::int64_t length);

class RecordAlleleFinder {
  public:
    // `listed`: the input's header has ##contig lines. Counts of records go into `summary`.
    // What ends the run is thrown, or given to `stop`: where that returns, the record is left without scores,
    // or scored where its contig has another length.
    using Stop = std::function<void(const Error& error)>;
    RecordAlleleFinder(
        const AnnotateParameters& parameters, CachedReference& reference, const VcfHeader& header,
        bool listed, AnnotateSummary& summary, Log& log, Stop stop = [](const Error& error) { throw error; });

    // Error(input) for a REF that is not the reference's, Error(mismatch) for a contig that it lacks or has
    // in another length, unless the parameters say otherwise. Odd alleles are noted and warned of.
    void find(const VcfRecord& record, RecordAlleles& found, std::vector<Allele>& alleles);

  private:
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
    Stop stop_;
    std::vector<std::uint8_t> codes_;  // of the reference under a REF
    std::unordered_map<std::string, Place> places_;
    std::string last_name_;
    const Place* last_ = nullptr;
};

}  // namespace regkit
