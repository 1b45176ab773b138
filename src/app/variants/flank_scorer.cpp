// Alleles scored by models with outputs along the sequence. What lies left and right of the variant is
// compared base by base; the value of a base is that of the output it lies in.
//
// Of REF whole windows are predicted, and what their layers give is kept. Of ALT only what the change reaches
// is computed (Network::infer_changed). In whole windows go alleles near a contig's ends, where padding is
// seen, those whose REF is not the reference, both strands, and models that have no cones.
#include "app/variants/flank_scorer.hpp"

#include <algorithm>
#include <map>

#include "app/model/both_strands.hpp"
#include "io/fasta/fasta.hpp"
#include "kernels/base/error.hpp"
#include "kernels/base/nth.hpp"

namespace regkit {
namespace {

constexpr std::int64_t kBatchBases = 50000;                    // codes per call of Network::infer
constexpr std::int64_t kMergedBytes = std::int64_t{64} << 20;  // predictions of one merged window
constexpr double kMostKeptBytes = 192 << 20;                   // of one allele
constexpr double kKeptBytes = 160 << 20;                       // of REF's layers and values, about
constexpr std::int64_t kEffectBytes = std::int64_t{16} << 20, kMaxNeighbours = 2048;  // of a chunk

}  // namespace

FlankScorer::FlankScorer(Model model, Backend& backend, FetchReference fetch, const ScorerOptions& options)
    : AlleleScorer(std::move(model), backend, std::move(fetch), options),
      pool_(std::max(1, options.workers)),
      scratch_(static_cast<std::size_t>(pool_.workers())) {
    const SpecSummary& summary = network_.summary();
    scale_ = summary.scale;
    context_.stride = summary.stride;
    context_.left = up(summary.context_left);
    context_.right = up(summary.context_right);
    // The other strand sees the same stretch from its other end.
    if (options_.rc_average) context_.left = context_.right = std::max(context_.left, context_.right);
    has_cones_ = network_.has_cones() && !options_.rc_average;
    // As much is compared as with a span of so many bases.
    if (options_.target) options_.span = (options_.target->end - options_.target->begin + 1) / 2;
    if (has_cones_ && options_.all_phases) {  // all of an allele's phases are kept at a time
        const std::int64_t bases = context_.stride * (2 * options_.span + context_.left + context_.right);
        has_cones_ = network_.kept_bytes_per_base() * static_cast<double>(bases) <= kMostKeptBytes;
    }
    if (summary.finite_context) return;
    window_ = network_.spec().window;
    if (options_.target && options_.span > window_reach())
        throw Error(ErrorKind::usage, "--target " + options_.target->name + ": longer than the " +
                                          std::to_string(2 * window_reach()) +
                                          " bases that a window of this model surely holds");
    options_.span = std::min(options_.span, window_reach());
}

// By cones no values are held, only effects, unless they are what is wanted.
std::size_t FlankScorer::chunk() const {
    if (!has_cones_ || options_.rows) return whole_chunk();
    const std::int64_t each = network_.markers() * std::int64_t{sizeof(MarkerEffect)};
    return static_cast<std::size_t>(std::clamp<std::int64_t>(kEffectBytes / each, 64, kMaxNeighbours));
}

std::size_t FlankScorer::whole_chunk() const {
    const std::int64_t phases = options_.all_phases ? context_.stride : 1;
    // At most two REF stretches and two of ALT.
    return chunk_of(4 * phases * (2 * options_.span + 2 * context_.stride) / scale_ * network_.markers() *
                    std::int64_t{sizeof(float)});
}

ComparedText FlankScorer::text() const {
    const char* const place = scale_ == 1 ? "that base" : "the first base compared of that bin";
    if (options_.target) return {" in " + options_.target->name + strands(), place};
    const std::string aside = options_.indel_span > 0 ? " (of an indel, beside it)" : "";
    const std::string where = options_.span == 0
                                  ? " at the variant" + aside
                                  : " within " + std::to_string(options_.span) + " bases of the variant" +
                                        (options_.whole_field ? " (the model's field)" : "");
    return {where + strands(), place};
}

std::vector<AlleleEffect> FlankScorer::score(std::span<const Allele> alleles, bool whole) {
    std::vector<AlleleEffect> effects;
    while (effects.size() < alleles.size()) {
        const std::span<const Allele> some = neighbours(alleles.subspan(effects.size()));
        for (AlleleEffect& effect : score_neighbours(some, has_cones_ && !whole))
            effects.push_back(std::move(effect));
    }
    return effects;
}

// The first alleles whose pieces of REF, kept with all layers, have room.
std::span<const Allele> FlankScorer::neighbours(std::span<const Allele> alleles) const {
    if (!has_cones_) return alleles;
    const double each =
        network_.kept_bytes_per_base() + 4.0 * network_.markers() / static_cast<double>(scale_);
    // In all phases REF is kept in each.
    const double most = kKeptBytes / each / (options_.all_phases ? context_.stride : 1);
    double bases = 0;
    std::size_t whole = 0;
    for (std::size_t i = 0; i < alleles.size(); ++i) {
        const std::int64_t begin = alleles[i].change.begin;
        const std::int64_t window = 2 * span_of(alleles[i]) + context_.left + context_.right;
        const bool follows = i > 0 && alleles[i].contig == alleles[i - 1].contig;
        const std::int64_t apart = follows ? std::abs(begin - alleles[i - 1].change.begin) : window;
        bases += static_cast<double>(std::min(apart, window));
        if (alleles[i].change.shift() != 0 && !options_.all_phases)
            bases += static_cast<double>(window);  // in another phase
        whole += alleles[i].ref_edit || alleles[i].edits || begin < window ||
                 begin > alleles[i].contig_length - window || options_.target;
        if ((bases > most || whole > whole_chunk()) && i > 0) return alleles.first(i);
    }
    return alleles;
}

std::vector<AlleleEffect> FlankScorer::score_neighbours(std::span<const Allele> alleles, bool by_cones) {
    needs_.clear();
    pieces_.clear();
    results_.clear();
    std::vector<AllelePlan> plans;
    for (const Allele& allele : alleles) plans.push_back(plan(allele));
    if (window_ > 0)
        centre_needs();
    else
        merge_needs();
    std::vector<Cone> cones;
    std::vector<bool> has_cones(alleles.size());
    for (std::size_t i = 0; by_cones && i < alleles.size(); ++i)
        has_cones[i] = plan_cones(alleles[i], plans[i], i, cones);
    by_cones_ += std::count(has_cones.begin(), has_cones.end(), true);
    predict_pieces();
    std::vector<AlleleEffect> effects(alleles.size());
    if (options_.all_phases)
        compute_all_phases(alleles, plans, cones, effects);
    else
        compute_cones(alleles, plans, cones, effects);
    pool_.run(std::ssize(alleles), [&](std::int64_t i, int worker) {
        const auto at = static_cast<std::size_t>(i);
        if (!has_cones[at]) effects[at] = effect(plans[at], nth(scratch_, worker));
    });
    return effects;
}

std::int64_t FlankScorer::window_reach() const {
    return reach_of(network_.spec(), network_.summary());
}

std::size_t FlankScorer::need(int contig, const Haplotype& haplotype, std::int64_t begin, std::int64_t length,
                              std::int64_t anchor) {
    needs_.push_back({contig, haplotype, haplotype.lead + begin, haplotype.lead + begin + length,
                      haplotype.lead + anchor, 0});
    return needs_.size() - 1;
}

std::int64_t FlankScorer::span_of(const Allele& allele) const {
    return allele.change.shift() != 0 ? std::max(options_.span, options_.indel_span) : options_.span;
}

// The part of the target that both haplotypes have.
std::vector<SharedBlock> FlankScorer::target_blocks(const Allele& allele) const {
    const EffectTarget& target = *options_.target;
    if (allele.contig != target.contig) return {};
    const std::int64_t begin = allele.change.begin, end = begin + allele.change.removed;
    const std::int64_t span = std::max({std::int64_t{0}, begin - target.begin, target.end - end});
    std::vector<SharedBlock> all = shared_blocks(allele.change, span, allele.contig_length);
    for (SharedBlock& block : all) {
        const std::int64_t cut = std::max<std::int64_t>(0, target.begin - block.ref_begin);
        block.length = std::min(block.ref_begin + block.length, target.end) - block.ref_begin - cut;
        block.ref_begin += cut;
        block.alt_begin += cut;
    }
    std::erase_if(all, [](const SharedBlock& block) { return block.length <= 0; });
    return all;
}

// Where the block touches the variant; or the middle of the target, as far as the block holds it.
std::int64_t FlankScorer::anchor_of(const SharedBlock& block, const Allele& allele) const {
    if (!options_.target) return std::max(block.ref_begin, allele.change.begin);
    return std::clamp((options_.target->begin + options_.target->end) / 2, block.ref_begin,
                      block.ref_begin + block.length - 1);
}

std::vector<SharedBlock> FlankScorer::blocks(const Allele& allele) const {
    if (options_.target) return target_blocks(allele);
    const bool indel = allele.change.shift() != 0;
    std::vector<SharedBlock> all =
        shared_blocks(allele.edits ? std::span(*allele.edits) : std::span(&allele.change, 1), allele.change,
                      span_of(allele), allele.contig_length);
    if (window_ > 0 && !indel)  // a change of many bases may leave the window
        for (SharedBlock& block : all)
            block.length = std::min(block.length, allele.change.begin + window_reach() - block.ref_begin);
    std::erase_if(all, [](const SharedBlock& block) { return block.length <= 0; });
    return all;
}

AllelePlan FlankScorer::plan(const Allele& allele) {
    // A haplotype's other variants to the left leave what lies around this one in the phase that it has.
    const int own =
        allele.edits ? lead_for_shift(-shift_before(*allele.edits, allele.change.begin), context_.stride) : 0;
    AllelePlan plan;
    for (const SharedBlock& block : blocks(allele)) {
        BlockPlan& p = plan.blocks.emplace_back();
        p.block = block;
        const std::int64_t shift = block.alt_begin - block.ref_begin;
        const std::int64_t anchor = anchor_of(block, allele);
        for (int phase = 0; phase < (options_.all_phases ? context_.stride : 1); ++phase) {
            const int alt_lead = options_.all_phases ? phase : own;
            const int ref_lead =
                options_.all_phases ? phase : lead_for_shift(alt_lead + shift, context_.stride);
            const Haplotype ref{allele.contig_length, ref_lead, allele.ref_edits()};
            const Haplotype alt{allele.contig_length, alt_lead, allele.alt_edits()};
            p.ref.push_back(need(allele.contig, ref, block.ref_begin, block.length, anchor));
            p.alt.push_back(need(allele.contig, alt, block.alt_begin, block.length, anchor + shift));
        }
    }
    find_known(allele, plan);
    plan.changed = changed_of(allele, plan);
    plan.intervals = allele.intervals;
    return plan;
}

// Bases that a change of length takes away are not there.
KnownStretch FlankScorer::changed_of(const Allele& allele, const AllelePlan& plan) {
    const auto place_of = [&](std::int64_t base) {
        std::int64_t place = 0;
        for (const BlockPlan& p : plan.blocks)
            place += std::clamp<std::int64_t>(base - p.block.ref_begin, 0, p.block.length);
        return place;
    };
    return {place_of(allele.change.begin), place_of(allele.change.begin + allele.change.removed)};
}

void FlankScorer::find_known(const Allele& allele, AllelePlan& plan) {
    const Haplotype ref{allele.contig_length, 0, allele.ref_edits()};
    std::int64_t before = 0;
    for (BlockPlan& p : plan.blocks) {
        bases_.resize(static_cast<std::size_t>(p.block.length));
        ref.codes(p.block.ref_begin, contig_fetch(allele.contig), bases_);
        p.before = before;
        p.known_begin = p.known_end = plan.known.size();
        for (std::int64_t x = 0; x < p.block.length; ++x) {
            if (nth(bases_, x) == kCodeN) continue;
            if (p.known_end == p.known_begin || plan.known.back().end != before + x) {
                plan.known.push_back({before + x, before + x});
                ++p.known_end;
            }
            plan.known.back().end = before + x + 1;
        }
        before += p.block.length;
    }
}

// Without finite context every need has a window of the model's length around its anchor, as far as the
// haplotype reaches; needs that have the same one share it.
void FlankScorer::centre_needs() {
    using Key = std::tuple<int, int, const Edit*, std::int64_t>;
    std::map<Key, std::size_t> known;
    for (Need& n : needs_) {
        const std::int64_t limit = up(n.haplotype.length());
        const std::int64_t begin = std::max<std::int64_t>(0, down(n.anchor - window_ / 2));
        const auto [found, fresh] =
            known.try_emplace({n.contig, n.haplotype.lead, n.haplotype.identity(), begin}, pieces_.size());
        if (fresh)
            pieces_.push_back(
                {n.contig, n.haplotype, {begin, std::min(begin + window_, limit), INT64_MAX, 0}, nullptr});
        Window& window = pieces_[found->second].window;
        window.out_begin = std::min(window.out_begin, down(n.begin));
        window.out_end = std::max(window.out_end, up(n.end));
        n.piece = found->second;
    }
}

// Needs of one haplotype that lie near each other share a window: a gap costs the tail over its bases, a
// window of its own the trunk over the context once more. Where needs overlap, they share memory too.
void FlankScorer::merge_needs() {
    std::vector<std::size_t> order(needs_.size());
    for (std::size_t i = 0; i < order.size(); ++i) order[i] = i;
    std::sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
        const auto key = [&](std::size_t i) {
            return std::tuple(needs_[i].stretch(), needs_[i].begin, needs_[i].end);
        };
        return key(a) < key(b);
    });
    const std::int64_t gap = (context_.left + context_.right) / 2;
    const std::int64_t longest =
        std::clamp<std::int64_t>(kMergedBytes / (4 * std::int64_t{network_.markers()}), 1, kBatchBases);
    const Need* open = nullptr;
    std::int64_t begin = 0, end = 0;
    std::vector<Stretch> wanted;
    const auto close = [&] {
        if (open == nullptr) return;
        pieces_.push_back({.contig = open->contig,
                           .haplotype = open->haplotype,
                           .window = window_for(begin, end, open->haplotype.length(), context_),
                           .wanted = std::move(wanted)});
        wanted.clear();
    };
    for (const std::size_t i : order) {
        Need& n = needs_[i];
        const std::int64_t most = n.begin <= end ? kBatchBases : longest;
        const bool joins = open != nullptr && n.stretch() == open->stretch() && n.begin <= end + gap &&
                           (n.end <= end || n.end - begin <= most);
        if (!joins) {
            close();
            open = &n;
            begin = n.begin;
            end = n.end;
        }
        end = std::max(end, n.end);
        n.piece = pieces_.size();
        const Stretch outputs{down(n.begin), up(n.end)};
        if (!wanted.empty() && outputs.first <= wanted.back().second)
            wanted.back().second = std::max(wanted.back().second, outputs.second);
        else
            wanted.push_back(outputs);
    }
    close();
}

// Windows of one shape run together.
void FlankScorer::predict_pieces() {
    std::map<std::tuple<std::int64_t, std::int64_t, std::int64_t, bool>, std::vector<Piece*>> shapes;
    for (Piece& piece : pieces_) {
        const Window& w = piece.window;
        if (!piece.by_cone)
            shapes[{w.length(), w.out_begin - w.begin, w.out_length(), piece.is_kept}].push_back(&piece);
    }
    kept_used_ = 0;
    for (const auto& [shape, members] : shapes) {
        const auto most =
            static_cast<std::size_t>(std::max<std::int64_t>(1, kBatchBases / std::get<0>(shape)));
        for (std::size_t first = 0; first < members.size(); first += most)
            predict_batch(std::span(members).subspan(first, std::min(most, members.size() - first)));
    }
}

void FlankScorer::predict_batch(std::span<Piece* const> batch) {
    const Window& shape = batch.front()->window;
    const auto length = static_cast<std::size_t>(shape.length());
    codes_.resize(batch.size() * length);
    for (std::size_t i = 0; i < batch.size(); ++i)
        batch[i]->haplotype.codes(batch[i]->window.begin, contig_fetch(batch[i]->contig),
                                  std::span(codes_).subspan(i * length, length));
    const auto each =
        static_cast<std::size_t>(network_.markers()) * static_cast<std::size_t>(shape.out_length() / scale_);
    std::vector<float>& values = results_.emplace_back(batch.size() * each);
    const std::int64_t out_begin = shape.out_begin - shape.begin, out_end = out_begin + shape.out_length();
    const KeptWindows* kept = nullptr;
    if (batch.front()->is_kept) {
        kept = &keep_batch(batch, values);
    } else {
        if (options_.rc_average) reverse_rows(codes_, shape.length(), reversed_);
        infer(codes_, reversed_, shape.length(), out_begin, out_end, values);
    }
    for (std::size_t i = 0; i < batch.size(); ++i) {
        batch[i]->values = values.data() + i * each;
        batch[i]->kept = kept;
        batch[i]->sample = static_cast<std::int64_t>(i);
    }
}

// Of a window alone, as where variants lie near each other, the tail runs where somebody wants its outputs.
const KeptWindows& FlankScorer::keep_batch(std::span<Piece* const> batch, std::span<float> values) {
    const Window& w = batch.front()->window;
    if (kept_used_ == kept_.size()) kept_.push_back(std::make_unique<KeptWindows>());
    KeptWindows& kept = *kept_[kept_used_++];
    network_.keep({codes_.data(), std::ssize(batch), w.length()}, kept);
    if (batch.size() > 1) {
        network_.infer_kept(kept, w.out_begin - w.begin, w.out_end - w.begin, output_, values);
        return kept;
    }
    const std::int64_t row = w.out_length() / scale_;
    for (const auto& [begin, end] : batch.front()->wanted) {
        const std::int64_t count = (end - begin) / scale_;
        some_values_.resize(static_cast<std::size_t>(network_.markers() * count));
        network_.infer_kept(kept, begin - w.begin, end - w.begin, output_, some_values_);
        for (std::int64_t m = 0; m < network_.markers(); ++m)
            std::copy_n(some_values_.data() + m * count, count,
                        values.data() + m * row + (begin - w.out_begin) / scale_);
    }
    return kept;
}

std::unique_ptr<AlleleScorer> make_flank_scorer(Model model, Backend& backend, FetchReference fetch,
                                                const ScorerOptions& options) {
    return std::make_unique<FlankScorer>(std::move(model), backend, std::move(fetch), options);
}

}  // namespace regkit
