// How much alleles change predictions: REF and ALT haplotypes are predicted around each variant and compared.
// Values are the network's own logits, in which a change is seen wherever the probability is close to 0 or 1;
// of a model of coverage they are its coverage. With `rc_average` a value is the logit of the mean of both
// strands' probabilities, with `all_phases` that of the mean over the phases (of coverage: the mean).
//
// Models with outputs along the sequence are compared base by base; the value of a base is that of the output
// (bin) it lies in. Those without finite context (LSTM) predict each flank in a window of the model's length,
// centred on the end of the flank that touches the variant, from a multiple of the stride on. Models of a
// fixed window are compared bin by bin: the middle base of the middle bin is the variant's first changed
// base, further bins lie at multiples of the bin up to `span` away; ALT's window has the same bases to the
// left of the variant, and what follows in ALT to its right.
//
// Phase: a model of stride S predicts a base depending on its position modulo S. Left of a change of length d
// both haplotypes have the same phase; right of it ALT's bases lie d further along, so they are compared with
// a REF pass in that phase (the reference preceded by d mod S bases N: seen only within the context of the
// contig's start). With `all_phases` values are means over all S phases instead.
//
// REF windows of neighbouring alleles are predicted once. Scores do not depend on which alleles are scored
// together, on their order, or on the batch: every window holds all the context of what is read from it.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "app/call/interval_caller.hpp"
#include "app/call/region_table.hpp"
#include "app/model/model.hpp"
#include "app/variants/variant.hpp"
#include "kernels/backend.hpp"

namespace regkit {

// Bases [begin, end) of contig number `contig`, on which effects are looked for wherever the variant is.
struct EffectTarget {
    int contig = 0;
    std::int64_t begin = 0, end = 0;
    std::string name;  // for people: "chr20:1000-1200"
};

struct ScorerOptions {
    static constexpr std::int64_t kField = -1;  // default_span()

    std::int64_t span = 100;  // bases compared on either side of the variant

    bool all_phases = false;
    bool rc_average =
        false;  // means of the predictions of both strands, cut into the same stride cells and bins
    // At least so many bases where the variant changes the length: with a span of 0 there would be none.
    std::int64_t indel_span = 0;
    int workers = 1;  // threads that compare; those that predict are the back end's
    // What is compared in place of the variant's neighbourhood; the span does not count then.
    std::optional<EffectTarget> target = {};
    bool whole_field = false;  // the span is as far as a variant changes anything: set by VariantScorer
    bool rows = false;  // nothing is compared, effects have ComparedRows instead: of an ensemble's models
};

// How far to either side of a changed base the model's predictions can change; with an LSTM as far as they
// are compared at all, and of a fixed window 100 bases, which by its bins is mostly the one that holds the
// variant.
std::int64_t default_span(const Spec& spec, const SpecSummary& summary);

// Codes of [begin, end), inside contig number `contig`.
using FetchReference =
    std::function<void(int contig, std::int64_t begin, std::int64_t end, std::span<std::uint8_t> codes)>;

struct Allele {
    int contig = 0;
    std::int64_t contig_length = 0;
    Edit change;                   // trimmed: where bases are compared
    std::optional<Edit> ref_edit;  // the REF haplotype differs from the reference (--ref-mismatch use-vcf)
    Edit alt_edit;                 // reference to ALT haplotype; `change` unless ref_edit is set
    // Of a sample's haplotype with several variants: all of them, in place of alt_edit. What is compared lies
    // around `change`, of which the length counts alone where the haplotype has REF there; phases are counted
    // from what is left of it. Alleles that share a list share its windows.
    std::shared_ptr<const std::vector<Edit>> edits = nullptr;
    std::vector<const NamedRegion*> intervals = {};  // of this contig, for AlleleEffect::intervals

    std::span<const Edit> ref_edits() const {
        return ref_edit ? std::span(&*ref_edit, 1) : std::span<const Edit>();
    }
    std::span<const Edit> alt_edits() const { return edits ? std::span(*edits) : std::span(&alt_edit, 1); }
};

// At the base or bin where |alt - ref| is largest, the first of equals.
struct MarkerEffect {
    static constexpr std::int64_t kNowhere = INT64_MIN;

    float delta = 0;  // alt - ref
    float ref = 0;
    float alt = 0;
    std::int64_t place = kNowhere;  // the base of the contig; of a bin see ComparedText
};

// Of each marker, the sum of log2((alt + e) / (ref + e)), MarkerScales::log2_fold, over the bases of an
// interval that are compared.
struct IntervalEffect {
    const NamedRegion* interval = nullptr;
    std::vector<double> sums;
};

// All that would be compared of an allele: outputs of cells side by side.
struct ComparedRows {
    std::vector<std::vector<float>> ref = {}, alt = {};  // of each marker
    std::vector<KnownStretch> stretches = {};            // of their bases, those that are compared
    std::vector<std::int64_t> places = {};  // of each stretch MarkerEffect::place of its first cell
};

struct AlleleEffect {
    std::int64_t compared =
        0;  // bases or bins; 0: there is nothing to compare (span 0 at an indel, no flank, all N)
    std::vector<MarkerEffect> markers;  // of the model, in order; empty when compared is 0
    // The largest |log2 fold change| of what the outputs stand for (MarkerScales::larger_fold), of all
    // markers at all that was compared, and its marker.
    double fold = 0;
    std::size_t fold_marker = 0;
    // Markers that have a site (CalledSites) in ALT alone, and in REF alone, among what was compared. Bases
    // that one of the two lacks are passed over: what lies on either side of them is side by side.
    std::vector<std::size_t> gained = {}, lost = {};
    // Bases from the change to the nearest site of any marker in REF, 0 where one holds some of it.
    static constexpr std::int64_t kNoSite = INT64_MAX;
    std::int64_t site_distance = kNoSite;
    KnownStretch changed = {};  // where the change lies in what is compared, laid side by side
    // Of an ensemble, of each marker: the standard deviation over the models, of a sample, of their own
    // change at its place.
    std::vector<float> spreads = {};
    ComparedRows rows = {};
    std::vector<IntervalEffect> intervals = {};  // of the allele's, in order
};

// For people.
struct ComparedText {
    std::string compared;  // what is compared: " within 100 bases of the variant"
    std::string place;     // what MarkerEffect::place is: "that base"
    int models = 1;        // of several, outputs are their mean
};

class AlleleEnsemble;
class AlleleScorer;

class VariantScorer {
  public:
    // `backend` must outlive it. Error(usage) when a model of a fixed window is asked for phases.
    VariantScorer(Model model, Backend& backend, FetchReference fetch, const ScorerOptions& options);
    // The same by the mean of several, which have the same markers (Session); `paths` name them in messages.
    // Error(mismatch) where they cannot be compared by the same bases or bins.
    VariantScorer(std::vector<Model> models, const std::vector<std::string>& paths, Backend& backend,
                  const FetchReference& fetch, ScorerOptions options);
    ~VariantScorer();

    // Alleles that are best scored at a time: enough to fill batches, few enough for memory.
    std::size_t chunk() const;
    ComparedText text() const;
    // How far from a variant bases are compared.
    std::int64_t reach() const;
    // How far from a variant any base may lie on which what is compared depends.
    std::int64_t sight() const;
    // One effect per allele. Where the reference is N a base is left out, and a bin that is all N.
    // `whole`: in whole windows, where else only what an allele reaches would be computed (to check that).
    std::vector<AlleleEffect> score(std::span<const Allele> alleles, bool whole = false);
    // How many alleles were scored by what they reach alone so far (of an ensemble by its first model).
    std::int64_t by_cones() const;

  private:
    std::vector<AlleleEffect> score_together(std::span<const Allele> alleles, bool whole);

    std::vector<std::unique_ptr<AlleleScorer>> scorers_;  // of each model
    std::unique_ptr<AlleleEnsemble> ensemble_;            // of several
};

}  // namespace regkit
