// Alleles scored by models with outputs along the sequence. What lies left and right of the variant is
// compared base by base; the value of a base is that of the output it lies in.
#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <tuple>
#include <utility>

#include "app/model/both_strands.hpp"
#include "app/variants/allele_scorer.hpp"
#include "io/fasta/fasta.hpp"
#include "kernels/base/error.hpp"
#include "kernels/base/nth.hpp"

namespace regkit {
namespace {

constexpr std::int64_t kBatchBases = 50000;                    // codes per call of Network::infer
constexpr std::int64_t kMergedBytes = std::int64_t{16} << 20;  // predictions of one merged window
constexpr double kFarthest = 700;                              // the exponential of a logit is still a number

// A stretch of one haplotype to predict, and where its values are once it has been.
struct Piece {
    int contig = 0;
    Haplotype haplotype;
    Window window;
    const float* values = nullptr;  // [markers][window.out_length() / scale]
};

// Haplotype positions [begin, end), wanted by a block; `piece` is where they will be found.
struct Need {
    int contig = 0;
    Haplotype haplotype;
    std::int64_t begin = 0, end = 0;
    std::int64_t anchor = 0;  // the base at the variant: an LSTM's window is centred on it
    std::size_t piece = 0;

    // Needs that may share a window are equal in this.
    auto stretch() const { return std::tuple(contig, haplotype.lead, haplotype.edit); }
};

// A block's needs: one per phase, `ref` and `alt` in step.
struct BlockPlan {
    SharedBlock block;
    std::vector<std::size_t> ref, alt;  // indexes of needs
};

class FlankScorer final : public AlleleScorer {
  public:
    FlankScorer(Model model, Backend& backend, FetchReference fetch, const ScorerOptions& options)
        : AlleleScorer(std::move(model), backend, std::move(fetch), options) {
        const SpecSummary& summary = network_.summary();
        const auto up = [&](std::int64_t bases) {
            return (bases + summary.stride - 1) / summary.stride * summary.stride;
        };
        scale_ = summary.scale;
        context_ = {summary.stride, up(summary.context_left), up(summary.context_right)};
        // The other strand sees the same stretch from its other end.
        if (options_.rc_average) context_.left = context_.right = std::max(context_.left, context_.right);
        if (summary.finite_context) return;
        window_ = network_.spec().window;
        options_.span = std::min(options_.span, reach());
    }

    std::size_t chunk() const override {
        const std::int64_t phases = options_.all_phases ? context_.stride : 1;
        // At most two REF stretches and two of ALT.
        return chunk_of(4 * phases * (2 * options_.span + 2 * context_.stride) / scale_ * network_.markers() *
                        std::int64_t{sizeof(float)});
    }

    ComparedText text() const override {
        const std::string aside = options_.indel_span > 0 ? " (of an indel, beside it)" : "";
        const std::string where = options_.span == 0
                                      ? " at the variant" + aside
                                      : " within " + std::to_string(options_.span) + " bases of the variant";
        return {where + strands(), scale_ == 1 ? "that base" : "the first base compared of that bin"};
    }

    std::vector<AlleleEffect> score(std::span<const Allele> alleles) override {
        needs_.clear();
        pieces_.clear();
        results_.clear();
        std::vector<std::vector<BlockPlan>> plans;
        for (const Allele& allele : alleles) plans.push_back(plan(allele));
        if (window_ > 0)
            centre_needs();
        else
            merge_needs();
        predict_pieces();
        std::vector<AlleleEffect> effects;
        for (std::size_t i = 0; i < alleles.size(); ++i) effects.push_back(effect(alleles[i], plans[i]));
        return effects;
    }

  private:
    // How far from the base it is centred on a window surely holds what it should.
    std::int64_t reach() const { return std::max<std::int64_t>(0, window_ / 2 - context_.stride); }

    std::size_t need(int contig, const Haplotype& haplotype, std::int64_t begin, std::int64_t length,
                     std::int64_t anchor) {
        needs_.push_back({contig, haplotype, haplotype.lead + begin, haplotype.lead + begin + length,
                          haplotype.lead + anchor, 0});
        return needs_.size() - 1;
    }

    std::vector<SharedBlock> blocks(const Allele& allele) const {
        const bool indel = allele.change.shift() != 0;
        const std::int64_t span = indel ? std::max(options_.span, options_.indel_span) : options_.span;
        std::vector<SharedBlock> all = shared_blocks(allele.change, span, allele.contig_length);
        if (window_ > 0 && !indel)  // a change of many bases may leave the window
            for (SharedBlock& block : all)
                block.length = std::min(block.length, allele.change.begin + reach() - block.ref_begin);
        std::erase_if(all, [](const SharedBlock& block) { return block.length <= 0; });
        return all;
    }

    std::vector<BlockPlan> plan(const Allele& allele) {
        const Edit* ref_edit = allele.ref_edit ? &*allele.ref_edit : nullptr;
        std::vector<BlockPlan> plans;
        for (const SharedBlock& block : blocks(allele)) {
            BlockPlan& p = plans.emplace_back();
            p.block = block;
            const std::int64_t shift = block.alt_begin - block.ref_begin;
            // Where the block touches the variant.
            const std::int64_t anchor = std::max(block.ref_begin, allele.change.begin);
            for (int phase = 0; phase < (options_.all_phases ? context_.stride : 1); ++phase) {
                const int ref_lead = options_.all_phases ? phase : lead_for_shift(shift, context_.stride);
                const Haplotype ref{allele.contig_length, ref_lead, ref_edit};
                const Haplotype alt{allele.contig_length, phase, &allele.alt_edit};
                p.ref.push_back(need(allele.contig, ref, block.ref_begin, block.length, anchor));
                p.alt.push_back(need(allele.contig, alt, block.alt_begin, block.length, anchor + shift));
            }
        }
        return plans;
    }

    // Without finite context every need has a window of the model's length around its anchor, as far as the
    // haplotype reaches; needs that have the same one share it.
    void centre_needs() {
        using Key = std::tuple<int, int, const Edit*, std::int64_t>;
        std::map<Key, std::size_t> known;
        for (Need& n : needs_) {
            const std::int64_t limit = up(n.haplotype.length());
            const std::int64_t begin = std::max<std::int64_t>(0, down(n.anchor - window_ / 2));
            const auto [found, fresh] =
                known.try_emplace({n.contig, n.haplotype.lead, n.haplotype.edit, begin}, pieces_.size());
            if (fresh)
                pieces_.push_back({n.contig,
                                   n.haplotype,
                                   {begin, std::min(begin + window_, limit), INT64_MAX, 0},
                                   nullptr});
            Window& window = pieces_[found->second].window;
            window.out_begin = std::min(window.out_begin, down(n.begin));
            window.out_end = std::max(window.out_end, up(n.end));
            n.piece = found->second;
        }
    }
    std::int64_t down(std::int64_t x) const { return x < 0 ? 0 : x / context_.stride * context_.stride; }
    std::int64_t up(std::int64_t x) const {
        return (x + context_.stride - 1) / context_.stride * context_.stride;
    }

    // Needs of one haplotype that lie near each other share a window: a gap costs the tail over its bases, a
    // window of its own the trunk over the context once more.
    void merge_needs() {
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
            std::max<std::int64_t>(1, kMergedBytes / (4 * std::int64_t{network_.markers()}));
        const Need* open = nullptr;
        std::int64_t begin = 0, end = 0;
        const auto close = [&] {
            if (open == nullptr) return;
            pieces_.push_back({open->contig, open->haplotype,
                               window_for(begin, end, open->haplotype.length(), context_), nullptr});
        };
        for (const std::size_t i : order) {
            Need& n = needs_[i];
            const bool joins = open != nullptr && n.stretch() == open->stretch() && n.begin <= end + gap &&
                               (n.end <= end || n.end - begin <= longest);
            if (!joins) {
                close();
                open = &n;
                begin = n.begin;
                end = n.end;
            }
            end = std::max(end, n.end);
            n.piece = pieces_.size();
        }
        close();
    }

    // Windows of one shape run together.
    void predict_pieces() {
        std::map<std::tuple<std::int64_t, std::int64_t, std::int64_t>, std::vector<Piece*>> shapes;
        for (Piece& piece : pieces_) {
            const Window& w = piece.window;
            shapes[{w.length(), w.out_begin - w.begin, w.out_length()}].push_back(&piece);
        }
        for (const auto& [shape, members] : shapes) {
            const auto most =
                static_cast<std::size_t>(std::max<std::int64_t>(1, kBatchBases / std::get<0>(shape)));
            for (std::size_t first = 0; first < members.size(); first += most)
                predict_batch(std::span(members).subspan(first, std::min(most, members.size() - first)));
        }
    }

    void predict_batch(std::span<Piece* const> batch) {
        const Window& shape = batch.front()->window;
        const auto length = static_cast<std::size_t>(shape.length());
        codes_.resize(batch.size() * length);
        for (std::size_t i = 0; i < batch.size(); ++i)
            batch[i]->haplotype.codes(batch[i]->window.begin, contig_fetch(batch[i]->contig),
                                      std::span(codes_).subspan(i * length, length));
        const auto each = static_cast<std::size_t>(network_.markers()) *
                          static_cast<std::size_t>(shape.out_length() / scale_);
        std::vector<float>& values = results_.emplace_back(batch.size() * each);
        const std::int64_t out_begin = shape.out_begin - shape.begin;
        if (options_.rc_average) reverse_rows(codes_, shape.length(), reversed_);
        infer(codes_, reversed_, shape.length(), out_begin, out_begin + shape.out_length(), values);
        for (std::size_t i = 0; i < batch.size(); ++i) batch[i]->values = values.data() + i * each;
    }

    // Values of one marker at the bases of a block, where they are or in `buffer`: means over the phases.
    std::span<const float> read_block(const std::vector<std::size_t>& phases, std::int64_t marker,
                                      std::size_t length, std::vector<float>& buffer) {
        if (phases.size() == 1 && scale_ == 1) return {first_value(phases.front(), marker), length};
        buffer.resize(length);
        if (phases.size() == 1)
            each_value(phases.front(), marker, length,
                       [&](std::size_t x, float value) { buffer[x] = value; });
        else if (scales_.coverage())
            read_mean(phases, marker, buffer);
        else
            read_mean_logit(phases, marker, buffer);
        return buffer;
    }

    const float* first_value(std::size_t need, std::int64_t marker) const {
        const Need& n = needs_[need];
        const Piece& piece = pieces_[n.piece];
        return piece.values + marker * (piece.window.out_length() / scale_) +
               (n.begin - piece.window.out_begin) / scale_;
    }

    template <class Take>
    void each_value(std::size_t need, std::int64_t marker, std::size_t length, const Take& take) const {
        const float* values = first_value(need, marker);
        const std::int64_t aside =
            (needs_[need].begin - pieces_[needs_[need].piece].window.out_begin) % scale_;
        for (std::size_t x = 0; x < length; ++x)
            take(x, values[(aside + static_cast<std::int64_t>(x)) / scale_]);
    }

    void read_mean(const std::vector<std::size_t>& phases, std::int64_t marker, std::vector<float>& out) {
        sums_.assign(out.size(), {});
        for (const std::size_t need : phases)
            each_value(need, marker, out.size(),
                       [&](std::size_t x, float value) { sums_[x].first += static_cast<double>(value); });
        for (std::size_t x = 0; x < out.size(); ++x)
            out[x] = static_cast<float>(sums_[x].first / static_cast<double>(phases.size()));
    }

    // Of the probabilities, and of what they lack of 1: each of the two is precise where it is small.
    void read_mean_logit(const std::vector<std::size_t>& phases, std::int64_t marker,
                         std::vector<float>& out) {
        sums_.assign(out.size(), {});
        for (const std::size_t need : phases)
            each_value(need, marker, out.size(), [&](std::size_t x, float value) {
                const double far = std::min(std::fabs(static_cast<double>(value)), kFarthest);
                const double small = std::exp(-far), large = 1 / (1 + small);
                const double none = 0 * static_cast<double>(value);  // NaN where the value is not finite
                sums_[x].first += (value < 0 ? small * large : large) + none;
                sums_[x].second += value < 0 ? large : small * large;
            });
        for (std::size_t x = 0; x < out.size(); ++x)
            out[x] = static_cast<float>(std::log(sums_[x].first) - std::log(sums_[x].second));
    }

    AlleleEffect effect(const Allele& allele, const std::vector<BlockPlan>& plans) {
        AlleleEffect result;
        const auto markers = static_cast<std::size_t>(network_.markers());
        find_known(allele, plans);
        for (const KnownStretch& known : known_) result.compared += known.end - known.begin;
        if (result.compared == 0) return result;
        result.markers.resize(markers);
        for (std::size_t m = 0; m < markers; ++m) compare(plans, m, result);
        return result;
    }

    // Stretches without N in the reference: of each block, and of all blocks laid side by side.
    void find_known(const Allele& allele, const std::vector<BlockPlan>& plans) {
        const Haplotype ref{allele.contig_length, 0, allele.ref_edit ? &*allele.ref_edit : nullptr};
        known_.clear();
        blocks_.clear();
        std::int64_t before = 0;
        for (const BlockPlan& p : plans) {
            bases_.resize(static_cast<std::size_t>(p.block.length));
            ref.codes(p.block.ref_begin, contig_fetch(allele.contig), bases_);
            blocks_.push_back({before, known_.size(), known_.size()});
            std::size_t& end = blocks_.back().known_end;
            for (std::int64_t x = 0; x < p.block.length; ++x) {
                if (nth(bases_, x) == kCodeN) continue;
                if (end == blocks_.back().known_begin || known_.back().end != before + x) {
                    known_.push_back({before + x, before + x});
                    ++end;
                }
                known_.back().end = before + x + 1;
            }
            before += p.block.length;
        }
    }

    void compare(const std::vector<BlockPlan>& plans, std::size_t marker, AlleleEffect& effect) {
        const bool called = sites_.calls(marker);
        float most = -std::numeric_limits<float>::infinity();
        for (std::size_t b = 0; b < plans.size(); ++b) {
            const std::int64_t before = blocks_[b].before;
            const auto [ref, alt] = read_both(plans[b], marker);
            for (std::size_t k = blocks_[b].known_begin; k < blocks_[b].known_end; ++k) {
                const auto begin = static_cast<std::size_t>(known_[k].begin - before),
                           count = static_cast<std::size_t>(known_[k].end - known_[k].begin);
                take(marker, ref.subspan(begin, count), alt.subspan(begin, count),
                     plans[b].block.ref_begin + static_cast<std::int64_t>(begin), effect);
                if (called)
                    most = std::max(
                        {most, largest(ref.subspan(begin, count)), largest(alt.subspan(begin, count))});
            }
        }
        if (!called || !sites_.reaches_seed(marker, most)) return;
        ref_row_.clear();
        alt_row_.clear();
        for (const BlockPlan& plan : plans) {
            const auto [ref, alt] = read_both(plan, marker);
            ref_row_.insert(ref_row_.end(), ref.begin(), ref.end());
            alt_row_.insert(alt_row_.end(), alt.begin(), alt.end());
        }
        note_sites(marker, ref_row_, alt_row_, known_, effect);
    }

    std::pair<std::span<const float>, std::span<const float>> read_both(const BlockPlan& plan,
                                                                        std::size_t marker) {
        const auto m = static_cast<std::int64_t>(marker);
        const auto length = static_cast<std::size_t>(plan.block.length);
        return {read_block(plan.ref, m, length, ref_values_), read_block(plan.alt, m, length, alt_values_)};
    }

    Context context_;
    std::int64_t scale_ = 1;   // bases an output
    std::int64_t window_ = 0;  // of a model without finite context
    std::vector<Need> needs_;
    std::vector<Piece> pieces_;
    std::vector<std::vector<float>> results_;  // of batches; pieces point into them
    std::vector<std::uint8_t> codes_, reversed_;
    // Of the allele that is compared, kept from marker to marker.
    struct Block {
        std::int64_t before;                 // bases of the blocks before it
        std::size_t known_begin, known_end;  // of `known_`
    };
    std::vector<Block> blocks_;
    std::vector<KnownStretch> known_;  // of all blocks, side by side
    std::vector<std::uint8_t> bases_;
    std::vector<float> ref_values_, alt_values_, ref_row_, alt_row_;
    std::vector<std::pair<double, double>> sums_;
};

}  // namespace

std::unique_ptr<AlleleScorer> make_flank_scorer(Model model, Backend& backend, FetchReference fetch,
                                                const ScorerOptions& options) {
    return std::make_unique<FlankScorer>(std::move(model), backend, std::move(fetch), options);
}

}  // namespace regkit
