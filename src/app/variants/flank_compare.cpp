// REF's and ALT's values side by side: the largest change of each marker, the largest fold, and sites that
// one of the two has. Where only some cells of ALT were computed, only these are compared; all else is the
// same.
#include <algorithm>
#include <cmath>
#include <limits>

#include "app/variants/flank_scorer.hpp"
#include "kernels/base/nth.hpp"

namespace regkit {
namespace {

constexpr double kFarthest = 700;                        // the exponential of a logit is still a number
constexpr std::int64_t kPacked = std::int64_t{1} << 40;  // a place that no contig has

std::span<const float> part(std::span<const float> values, std::int64_t begin, std::int64_t end) {
    return values.subspan(static_cast<std::size_t>(begin), static_cast<std::size_t>(end - begin));
}

}  // namespace

// Values of one marker at the bases of a block, where they are or in `buffer`: means over the phases.
std::span<const float> FlankScorer::read_block(const std::vector<std::size_t>& phases, std::int64_t marker,
                                               std::size_t length, std::vector<float>& buffer,
                                               CompareScratch& scratch) const {
    if (phases.size() == 1 && scale_ == 1) return {first_value(phases.front(), marker), length};
    buffer.resize(length);
    if (phases.size() == 1)
        each_value(phases.front(), marker, length, [&](std::size_t x, float value) { buffer[x] = value; });
    else if (scales_.coverage())
        read_mean(phases, marker, buffer, scratch);
    else
        read_mean_logit(phases, marker, buffer, scratch);
    return buffer;
}

const float* FlankScorer::first_value(std::size_t need, std::int64_t marker) const {
    const Need& n = needs_[need];
    const Piece& piece = pieces_[n.piece];
    return piece.values + marker * (piece.window.out_length() / scale_) +
           (n.begin - piece.window.out_begin) / scale_;
}

template <class Take>
void FlankScorer::each_value(std::size_t need, std::int64_t marker, std::size_t length,
                             const Take& take) const {
    const float* values = first_value(need, marker);
    const std::int64_t aside = (needs_[need].begin - pieces_[needs_[need].piece].window.out_begin) % scale_;
    for (std::size_t x = 0; x < length; ++x) take(x, values[(aside + static_cast<std::int64_t>(x)) / scale_]);
}

void FlankScorer::read_mean(const std::vector<std::size_t>& phases, std::int64_t marker,
                            std::vector<float>& out, CompareScratch& scratch) const {
    auto& sums = scratch.sums;
    sums.assign(out.size(), {});
    for (const std::size_t need : phases)
        each_value(need, marker, out.size(),
                   [&](std::size_t x, float value) { sums[x].first += static_cast<double>(value); });
    for (std::size_t x = 0; x < out.size(); ++x)
        out[x] = static_cast<float>(sums[x].first / static_cast<double>(phases.size()));
}

// Of the probabilities, and of what they lack of 1: each of the two is precise where it is small.
void FlankScorer::read_mean_logit(const std::vector<std::size_t>& phases, std::int64_t marker,
                                  std::vector<float>& out, CompareScratch& scratch) const {
    auto& sums = scratch.sums;
    sums.assign(out.size(), {});
    for (const std::size_t need : phases)
        each_value(need, marker, out.size(), [&](std::size_t x, float value) {
            const double far = std::min(std::fabs(static_cast<double>(value)), kFarthest);
            const double small = std::exp(-far), large = 1 / (1 + small);
            const double none = 0 * static_cast<double>(value);  // NaN where the value is not finite
            sums[x].first += (value < 0 ? small * large : large) + none;
            sums[x].second += value < 0 ? large : small * large;
        });
    for (std::size_t x = 0; x < out.size(); ++x)
        out[x] = static_cast<float>(std::log(sums[x].first) - std::log(sums[x].second));
}

AlleleEffect FlankScorer::effect(const AllelePlan& plan, CompareScratch& scratch) const {
    AlleleEffect result;
    result.changed = plan.changed;
    for (const KnownStretch& known : plan.known) result.compared += known.end - known.begin;
    if (result.compared == 0) return result;
    result.markers.resize(static_cast<std::size_t>(network_.markers()));
    begin_intervals(plan.intervals, result);
    for (std::size_t m = 0; m < result.markers.size(); ++m) compare(plan, m, result, scratch);
    return result;
}

void FlankScorer::compare(const AllelePlan& plan, std::size_t marker, AlleleEffect& effect,
                          CompareScratch& scratch) const {
    const bool called = sites_.calls(marker);
    const auto m = static_cast<std::int64_t>(marker);
    float most = -std::numeric_limits<float>::infinity();
    const auto both = [&](const BlockPlan& p) {
        const auto length = static_cast<std::size_t>(p.block.length);
        return std::pair(read_block(p.ref, m, length, scratch.ref_values, scratch),
                         read_block(p.alt, m, length, scratch.alt_values, scratch));
    };
    for (const BlockPlan& p : plan.blocks) {
        const auto [ref, alt] = both(p);
        for (const KnownStretch& known : plan.known_of(p)) {
            const std::int64_t begin = known.begin - p.before, end = known.end - p.before;
            take(marker, part(ref, begin, end), part(alt, begin, end), p.block.ref_begin + begin, effect);
            if (called)
                most = std::max({most, largest(part(ref, begin, end)), largest(part(alt, begin, end))});
        }
    }
    if (!called || !sites_.reaches_seed(marker, most)) return;
    scratch.ref_row.clear();
    scratch.alt_row.clear();
    for (const BlockPlan& p : plan.blocks) {
        const auto [ref, alt] = both(p);
        scratch.ref_row.insert(scratch.ref_row.end(), ref.begin(), ref.end());
        scratch.alt_row.insert(scratch.alt_row.end(), alt.begin(), alt.end());
    }
    note_sites(marker, scratch.ref_row, scratch.alt_row, plan.known, effect, scratch.sites);
}

AlleleEffect FlankScorer::effect_of_cells(const Cone& cone, const AllelePlan& plan,
                                          const ChangedOutputs* outputs, std::size_t number,
                                          CompareScratch& scratch) const {
    AlleleEffect result;
    result.changed = plan.changed;
    for (const KnownStretch& known : plan.known) result.compared += known.end - known.begin;
    if (result.compared == 0) return result;
    const int markers = network_.markers();
    result.markers.resize(static_cast<std::size_t>(markers));
    find_compared(cone, plan, outputs, number, scratch.compared);
    for (int m = 0; m < markers; ++m)
        compare_cells(plan, outputs != nullptr ? outputs->row(number, markers, m) : std::span<const float>{},
                      static_cast<std::size_t>(m), result, scratch);
    return result;
}

// The computed cells, as far as the block's known bases hold them. Of changes of the same size the first
// counts, so that the first base is always among what is compared.
void FlankScorer::find_compared(const Cone& cone, const AllelePlan& plan, const ChangedOutputs* outputs,
                                std::size_t number, std::vector<ComparedStretch>& compared) const {
    const BlockPlan& p = plan.blocks.front();
    compared.clear();
    const std::int64_t cells = outputs != nullptr ? outputs->cells : 0;
    for (const KnownStretch& known : plan.known)
        for (std::int64_t i = 0; i < cells; ++i) {
            const std::int64_t cell = pieces_[cone.left].window.begin + outputs->first[number] +
                                      i * outputs->step - needs_[p.alt.front()].begin;
            const std::int64_t begin = std::max(known.begin, cell),
                               end = std::min(known.end, cell + outputs->cell);
            if (begin >= end) continue;
            const std::int64_t at = i * outputs->cell + begin - cell;
            if (!compared.empty() && compared.back().end == begin &&
                compared.back().at + begin - compared.back().begin == at)
                compared.back().end = end;
            else
                compared.push_back({begin, end, at});
        }
    const std::int64_t first = plan.known.front().begin;
    if (compared.empty() || compared.front().begin != first)
        compared.insert(compared.begin(), {first, first + 1, -1});
}

void FlankScorer::compare_cells(const AllelePlan& plan, std::span<const float> cells, std::size_t marker,
                                AlleleEffect& effect, CompareScratch& scratch) const {
    const BlockPlan& p = plan.blocks.front();
    const auto length = static_cast<std::size_t>(p.block.length);
    const std::span<const float> ref{first_value(p.ref.front(), static_cast<std::int64_t>(marker)), length};
    // Many short stretches, side by side.
    std::vector<float>&ref_row = scratch.ref_row, &alt_row = scratch.alt_row;
    ref_row.clear();
    alt_row.clear();
    for (const ComparedStretch& s : scratch.compared) {
        const std::span<const float> before = part(ref, s.begin, s.end);
        const std::span<const float> after = s.at < 0 ? before : part(cells, s.at, s.at + s.end - s.begin);
        ref_row.insert(ref_row.end(), before.begin(), before.end());
        alt_row.insert(alt_row.end(), after.begin(), after.end());
    }
    take(marker, ref_row, alt_row, kPacked, effect);
    std::int64_t& place = effect.markers[marker].place;
    std::int64_t rest = place - kPacked;
    auto stretch = scratch.compared.begin();
    for (; rest >= stretch->end - stretch->begin; ++stretch) rest -= stretch->end - stretch->begin;
    place = p.block.ref_begin + stretch->begin + rest;
    if (!sites_.calls(marker)) return;
    float most = largest(alt_row);
    for (const KnownStretch& known : plan.known)
        most = std::max(most, largest(part(ref, known.begin, known.end)));
    if (!sites_.reaches_seed(marker, most)) return;
    alt_row.assign(ref.begin(), ref.end());
    for (const ComparedStretch& s : scratch.compared)
        if (s.at >= 0)
            std::ranges::copy(part(cells, s.at, s.at + s.end - s.begin), alt_row.begin() + s.begin);
    note_sites(marker, ref, alt_row, plan.known, effect, scratch.sites);
}

}  // namespace regkit
