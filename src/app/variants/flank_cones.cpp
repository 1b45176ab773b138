// ALT haplotypes by what the variant reaches alone: planned beside kept pieces of REF, computed many at a
// time.
#include <algorithm>

#include "app/variants/flank_scorer.hpp"
#include "kernels/base/nth.hpp"

namespace regkit {
namespace {

constexpr std::int64_t kPhaseBytes = std::int64_t{32} << 20;  // of ALT's values in all phases

}  // namespace

// Whether ALT can be computed from pieces of REF that hold all that it depends on, in all phases; adds its
// cones.
bool FlankScorer::plan_cones(const Allele& allele, const AllelePlan& plan, std::size_t index,
                             std::vector<Cone>& cones) {
    const std::int64_t moved = allele.change.shift();
    if (allele.ref_edit || allele.edits || plan.blocks.size() != (moved == 0 ? 1u : 2u)) return false;
    const BlockPlan &left = plan.blocks.front(), &right = plan.blocks.back();
    const std::size_t before = cones.size();
    for (std::size_t phase = 0; phase < left.alt.size(); ++phase) {
        const auto lead = static_cast<std::int64_t>(phase);
        const int right_lead = lead_for_shift(lead + moved, context_.stride);
        const std::size_t right_need =
            right.ref[options_.all_phases ? static_cast<std::size_t>(right_lead) : 0];
        const Cone cone{.allele = index,
                        .left = needs_[left.ref[phase]].piece,
                        .right = needs_[right_need].piece,
                        .alt = needs_[left.alt[phase]].piece,
                        .border = lead + allele.alt_edit.begin + std::ssize(allele.alt_edit.inserted),
                        .shift = lead + moved - right_lead};
        if (needs_[right.alt[phase]].piece != cone.alt || !is_inside(pieces_[cone.left]) ||
            !is_inside(pieces_[cone.right]) || !is_inside(pieces_[cone.alt]) ||
            !holds(pieces_[cone.alt], lead + allele.alt_edit.begin, cone.border)) {
            cones.resize(before);
            return false;
        }
        cones.push_back(cone);
    }
    for (std::size_t i = before; i < cones.size(); ++i) {
        pieces_[cones[i].left].is_kept = pieces_[cones[i].right].is_kept = true;
        pieces_[cones[i].alt].by_cone = true;
    }
    return true;
}

// Whether no end of the haplotype is seen.
bool FlankScorer::is_inside(const Piece& piece) const {
    const Window& w = piece.window;
    return w.begin == w.out_begin - context_.left && w.end == w.out_end + context_.right;
}

// The window of a target that is far away may lack the change.
bool FlankScorer::holds(const Piece& piece, std::int64_t begin, std::int64_t end) {
    return piece.window.begin <= begin && end <= piece.window.end;
}

// In the coordinates of the left piece's window.
ChangedWindow FlankScorer::changed_window(const Cone& cone, const Allele& allele,
                                          const AllelePlan& plan) const {
    const Piece &left = pieces_[cone.left], &right = pieces_[cone.right], &alt = pieces_[cone.alt];
    const auto phase = static_cast<std::size_t>(alt.haplotype.lead);
    const std::int64_t at = left.window.begin;
    return {.left = left.kept,
            .right = right.kept,
            .left_sample = left.sample,
            .right_sample = right.sample,
            .begin = alt.haplotype.lead + allele.alt_edit.begin - at,
            .end = cone.border - at,
            .shift = cone.shift + right.window.begin - at,
            .moved = cone.moved(pieces_),
            .out_begin = down(needs_[plan.blocks.front().alt[phase]].begin) - at,
            .out_end = up(needs_[plan.blocks.back().alt[phase]].end) - at};
}

template <class Take>
void FlankScorer::infer_cones(std::span<const Allele> alleles, std::span<const AllelePlan> plans,
                              std::span<Cone> cones, const Take& take) {
    std::vector<ChangedWindow> windows;
    for (const Cone& cone : cones)
        windows.push_back(changed_window(cone, alleles[cone.allele], plans[cone.allele]));
    const auto fetch = [&](std::size_t i, std::int64_t begin, std::span<std::uint8_t> codes) {
        const Piece& alt = pieces_[cones[i].alt];
        alt.haplotype.codes(pieces_[cones[i].left].window.begin + begin, contig_fetch(alt.contig), codes);
    };
    network_.infer_changed(windows, fetch, output_, [&](const ChangedOutputs& outputs) {
        pool_.run(std::ssize(outputs.windows), [&](std::int64_t i, int worker) {
            Cone& cone = cones[nth(outputs.windows, i)];
            cone.computed = true;
            take(cone, &outputs, static_cast<std::size_t>(i), nth(scratch_, worker));
        });
    });
    for (Cone& cone : cones)  // nothing that is compared can differ
        if (!cone.computed) take(cone, nullptr, 0, scratch_.front());
}

// ALT's values: REF's, and those computed over them.
void FlankScorer::lay_over(const Cone& cone, const ChangedOutputs* outputs, std::size_t number,
                           std::vector<float>& to) {
    const Piece &left = pieces_[cone.left], &right = pieces_[cone.right];
    Piece& alt = pieces_[cone.alt];
    // In outputs: those of ALT, and from which of them on REF's have a number smaller by `shift`.
    const std::int64_t begin = alt.window.out_begin / scale_, end = alt.window.out_end / scale_;
    const std::int64_t length = end - begin, shift = cone.shift / scale_;
    to.resize(static_cast<std::size_t>(network_.markers() * length));
    const std::int64_t first = outputs != nullptr ? left.window.begin + outputs->first[number] : 0;
    std::int64_t border = end;
    if (cone.moved(pieces_))
        border = std::clamp((outputs != nullptr ? first : down(cone.border)) / scale_, begin, end);
    const auto copy = [&](const Piece& from, int marker, std::int64_t low, std::int64_t high,
                          std::int64_t further) {
        const std::int64_t held = from.window.out_begin / scale_, held_end = from.window.out_end / scale_;
        low = std::max(low, held + further);
        high = std::min(high, held_end + further);
        if (low < high)
            std::copy_n(from.values + marker * (held_end - held) + low - further - held, high - low,
                        to.data() + marker * length + low - begin);
    };
    for (int m = 0; m < network_.markers(); ++m) {
        copy(left, m, begin, border, 0);
        copy(right, m, border, end, shift);
        if (outputs == nullptr) continue;
        const std::span<const float> values = outputs->row(number, network_.markers(), m);
        for (std::int64_t cell = 0; cell < outputs->cells; ++cell) {
            const std::int64_t at = (first + cell * outputs->step) / scale_;
            const std::int64_t low = std::max(at, begin), high = std::min(at + outputs->outputs, end);
            if (low < high)
                std::copy_n(values.data() + cell * outputs->outputs + low - at, high - low,
                            to.data() + m * length + low - begin);
        }
    }
    alt.values = to.data();
}

void FlankScorer::compute_cones(std::span<const Allele> alleles, std::span<const AllelePlan> plans,
                                std::span<Cone> cones, std::vector<AlleleEffect>& effects) {
    infer_cones(
        alleles, plans, cones,
        [&](const Cone& cone, const ChangedOutputs* outputs, std::size_t number, CompareScratch& scratch) {
            AlleleEffect& to = effects[cone.allele];
            // Sums are over all values, changed or not.
            const bool all = options_.rows || !plans[cone.allele].intervals.empty();
            if (scale_ == 1 && !cone.moved(pieces_) && !all) {
                to = effect_of_cells(cone, plans[cone.allele], outputs, number, scratch);
            } else {
                lay_over(cone, outputs, number, scratch.alt_piece);
                to = effect(plans[cone.allele], scratch);
            }
        });
}

// An allele's phases are averaged, so that all of them are held.
void FlankScorer::compute_all_phases(std::span<const Allele> alleles, std::span<const AllelePlan> plans,
                                     std::span<Cone> cones, std::vector<AlleleEffect>& effects) {
    const std::int64_t phases = context_.stride;
    std::vector<std::vector<float>> values;
    while (!cones.empty()) {
        const std::int64_t each =
            4 * network_.markers() * (pieces_[cones.front().alt].window.out_length() / scale_);
        const std::int64_t count =
            std::min(std::ssize(cones), phases * std::max<std::int64_t>(1, kPhaseBytes / (each * phases)));
        const std::span<Cone> some = cones.first(static_cast<std::size_t>(count));
        values.resize(some.size());
        infer_cones(
            alleles, plans, some,
            [&](const Cone& cone, const ChangedOutputs* outputs, std::size_t number, CompareScratch&) {
                lay_over(cone, outputs, number, nth(values, &cone - some.data()));
            });
        pool_.run(count / phases, [&](std::int64_t i, int worker) {
            const std::size_t allele = nth(some, i * phases).allele;
            effects[allele] = effect(plans[allele], nth(scratch_, worker));
        });
        cones = cones.subspan(some.size());
    }
}

}  // namespace regkit
