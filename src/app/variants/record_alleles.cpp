// A record passes through the questions in order: is its contig in the reference, of the same length; is each
// ALT bases or something else; does its place have a REF; and does that REF agree with the reference. What a
// contig is called in the reference is looked up once a contig. Options decide whether a disagreement is an
// error, a note, or a score against the record's own REF.
#include "app/variants/record_alleles.hpp"

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <utility>

#include "kernels/base/error.hpp"
#include "kernels/base/nth.hpp"

namespace regkit {
namespace {

constexpr int kShownBases = 20;

std::string shortened(std::string_view bases) {
    if (bases.size() <= kShownBases) return std::string(bases);
    return std::string(bases.substr(0, kShownBases)) + "... (" + std::to_string(bases.size()) + " bases)";
}

bool is_base(char c) {
    return c != 0 && std::strchr("ACGTNUMRWSYKVHDBacgtnumrwsykvhdb", c) != nullptr;
}

Allele allele_of(const VcfRecord& record, int alt, int contig, std::int64_t length, bool use_vcf) {
    Allele allele;
    allele.contig = contig;
    allele.contig_length = length;
    allele.change = trimmed_edit(record.position(), record.ref(), record.alt(alt));
    allele.alt_edit = use_vcf ? whole_edit(record.position(), record.ref(), record.alt(alt)) : allele.change;
    if (use_vcf) allele.ref_edit = whole_edit(record.position(), record.ref(), record.ref());
    return allele;
}

}  // namespace

bool is_other_length(std::int64_t declared, std::int64_t length) {
    // INT32_MAX and more is written by tools that did not know it: no contig is that long.
    return declared != 0 && declared < INT32_MAX && declared != length;
}

RecordAlleleFinder::RecordAlleleFinder(const AnnotateParameters& parameters, CachedReference& reference,
                                       const VcfHeader& header, bool listed, AnnotateSummary& summary,
                                       Log& log, Stop stop)
    : p_(parameters),
      reference_(reference),
      header_(header),
      alias_(parameters.alias.empty() ? ContigAlias() : ContigAlias(parameters.alias)),
      listed_(listed),
      summary_(summary),
      log_(log),
      stop_(std::move(stop)) {}

void RecordAlleleFinder::find(const VcfRecord& record, RecordAlleles& found, std::vector<Allele>& alleles) {
    ++summary_.records;
    const int alts = record.alts();
    summary_.alleles += alts;
    const Place place = place_of(record);
    found.contig = place.contig;
    found.ref = RefState::unchecked;
    summary_.unlisted_contig += !place.listed;
    summary_.missing_contig += place.contig < 0;
    if (record.odd_quality()) {
        ++summary_.odd_quality;
        log_.warn("odd-quality", record.where() + ": QUAL is not a number that VCF can hold; kept as it is");
    }
    found.notes.assign(static_cast<std::size_t>(alts),
                       place.contig < 0 ? AlleleNote::missing_contig : AlleleNote::none);
    found.queries.assign(static_cast<std::size_t>(alts), -1);
    if (place.contig < 0) return;
    const std::int64_t length = nth(reference_.contigs(), place.contig).length;
    const bool ref_known = classify_allele(record.ref()) == AlleleKind::bases;
    for (int a = 0; a < alts; ++a) nth(found.notes, a) = note_of(record, a, ref_known);
    // POS 0 and the position past the end stand for the telomeres: there is no REF to compare.
    if (record.position() == -1 || record.position() == length) {
        for (AlleleNote& note : found.notes)
            if (note == AlleleNote::none || note == AlleleNote::ambiguous) note = AlleleNote::telomere;
        return;
    }
    const RefState state = found.ref = check_ref(record, place.contig);
    for (std::size_t a = 0; a < found.notes.size(); ++a) {
        AlleleNote& note = found.notes[a];
        if (state == RefState::unknown && note == AlleleNote::none) note = AlleleNote::ambiguous;
        if (state == RefState::skipped) note = AlleleNote::ref_mismatch;
        if (note != AlleleNote::none) continue;
        if (state == RefState::vcfs) note = AlleleNote::vcf_ref;
        found.queries[a] = static_cast<std::ptrdiff_t>(alleles.size());
        alleles.push_back(
            allele_of(record, static_cast<int>(a), place.contig, length, state == RefState::vcfs));
    }
}

// Looked up once a contig.
const RecordAlleleFinder::Place& RecordAlleleFinder::place_of(const VcfRecord& record) {
    if (last_ != nullptr && record.contig() == last_name_) return *last_;
    last_name_ = record.contig();
    auto known = places_.find(last_name_);
    if (known == places_.end()) {
        const Place place{contig_of(record, last_name_), is_listed(last_name_)};
        if (listed_ && !place.listed)
            log_.warn("unlisted-contig",
                      record.where() + ": contig " + last_name_ +
                          " is not among the ##contig lines of the header; its records are kept");
        if (place.contig < 0)
            log_.warn("missing-contig", record.where() + ": contig " + last_name_ + " is not in " + p_.fasta +
                                            "; its records are kept without scores");
        else
            check_length(record, place.contig);
        known = places_.emplace(last_name_, place).first;
    }
    last_ = &known->second;
    return *last_;
}

// In the input, or among the reference's contigs, which were added where the input lists none.
bool RecordAlleleFinder::is_listed(const std::string& name) const {
    if (listed_) return header_.contig(name) != nullptr;
    return VcfHeader::can_list(name) && reference_.fasta().find(name) >= 0;
}

int RecordAlleleFinder::contig_of(const VcfRecord& record, const std::string& name) const {
    for (const std::string& candidate : alias_.candidates(name)) {
        const int found = reference_.fasta().find(candidate);
        if (found >= 0) return found;
    }
    if (p_.missing_contig == MissingContig::skip) return -1;
    try {
        return reference_.fasta().require_contig(name, "rename one or give --alias ucsc");
    } catch (const Error& error) {
        stop_(Error(error.kind(), record.where() + ": " + error.what() +
                                      " (--missing-contig skip leaves such records without scores)"));
        return -1;
    }
}

void RecordAlleleFinder::check_length(const VcfRecord& record, int contig) const {
    const Contig* declared = header_.contig(record.contig());
    const std::int64_t length = nth(reference_.contigs(), contig).length;
    if (declared == nullptr || declared->length == 0 || declared->length == length) return;
    const std::string what = record.where() + ": " + declared->name + " has " +
                             std::to_string(declared->length) + " bases in the VCF's header and " +
                             std::to_string(length) + " in " + p_.fasta;
    if (is_other_length(declared->length, length))
        stop_(Error(ErrorKind::mismatch, what + ": another assembly"));
    else
        log_.warn("placeholder-length",
                  what + "; no contig is that long, so the header's length is taken for unknown");
}

AlleleNote RecordAlleleFinder::note_of(const VcfRecord& record, int alt, bool ref_known) const {
    const auto kind = classify_allele(record.alt(alt));
    if (!kind) {
        log_.warn("not-sequence",
                  record.where() + ": ALT '" + shortened(record.alt(alt)) +
                      "' is neither bases nor symbolic, nor a breakend nor '*'; kept without a score");
        return AlleleNote::not_sequence;
    }
    switch (*kind) {
        case AlleleKind::star:
            return AlleleNote::star;
        case AlleleKind::symbolic:
            return AlleleNote::symbolic;
        case AlleleKind::breakend:
            return AlleleNote::breakend;
        case AlleleKind::ambiguous:
            return AlleleNote::ambiguous;
        case AlleleKind::bases:
            break;
    }
    return ref_known ? AlleleNote::none : AlleleNote::ambiguous;
}

std::string RecordAlleleFinder::difference(const VcfRecord& record, int contig, bool& unknown) {
    const std::string_view ref = record.ref();
    const std::int64_t length = nth(reference_.contigs(), contig).length;
    const std::int64_t begin = record.position(), end = begin + static_cast<std::int64_t>(ref.size());
    const auto what = [&] { return record.where() + ": REF '" + shortened(ref) + "'"; };
    if (ref.empty() || !std::all_of(ref.begin(), ref.end(), is_base)) return what() + " is not made of bases";
    if (end > length)
        return what() + ", but " + p_.fasta + " has only " + std::to_string(length) + " bases of " +
               std::string(record.contig());
    codes_.resize(ref.size());
    reference_.read(contig, begin, end, codes_);
    bool same = true;
    for (std::size_t i = 0; i < ref.size(); ++i) {
        const std::uint8_t code = encode_base(ref[i]);
        // N stands for every IUPAC code here, in REF and in the reference: it agrees with any base.
        unknown = unknown || codes_[i] == kCodeN || code == kCodeN;
        same = same && (codes_[i] == code || codes_[i] == kCodeN || code == kCodeN);
    }
    if (same) return {};
    std::string bases;
    for (const std::uint8_t code : codes_) bases += decode_base(code);
    return what() + ", but " + p_.fasta + " has '" + shortened(bases) + "' there";
}

RefState RecordAlleleFinder::check_ref(const VcfRecord& record, int contig) {
    bool unknown = false;
    const std::string what = difference(record, contig, unknown);
    if (what.empty()) return unknown ? RefState::unknown : RefState::same;
    const bool ends = p_.ref_mismatch == RefMismatch::error;
    if (ends)
        stop_(Error(ErrorKind::input, what + "; another assembly? --ref-mismatch skip or use-vcf goes on"));
    ++summary_.ref_mismatches;
    // A REF that reaches past the contig has no place on it.
    const std::int64_t end = record.position() + static_cast<std::int64_t>(record.ref().size());
    const bool inside = end <= nth(reference_.contigs(), contig).length;
    const bool skip =
        ends || p_.ref_mismatch == RefMismatch::skip || !inside || !classify_allele(record.ref());
    log_.warn("ref-mismatch", what + (skip ? "; not scored" : "; scored against the record's REF"));
    return skip ? RefState::skipped : RefState::vcfs;
}

}  // namespace regkit
