#include "app/variant_scorer.hpp"

#include <algorithm>
#include <cmath>
#include <map>
#include <tuple>
#include <utility>

#include "base/error.hpp"
#include "io/fasta.hpp"
#include "nn/network.hpp"

namespace regkit {
namespace {

constexpr std::int64_t kBatchBases = 50000;                   // codes per call of Network::infer
constexpr std::int64_t kMergedBytes = std::int64_t{16} << 20;  // predictions of one merged window
constexpr std::int64_t kChunkBytes = std::int64_t{96} << 20;   // predictions of one chunk
constexpr std::size_t kMaxChunk = 256;

// A stretch of one haplotype to predict, and where its values are once it has been.
struct Piece {
    int contig = 0;
    Haplotype haplotype;
    Window window;
    const float* values = nullptr;  // [markers][window.out_length()]

    const float* row(std::int64_t marker, std::int64_t position) const {
        return values + marker * window.out_length() + position - window.out_begin;
    }
};

// Haplotype positions [begin, end), wanted by a block; `piece` is where they will be found.
struct Need {
    int contig = 0;
    Haplotype haplotype;
    std::int64_t begin = 0, end = 0;
    std::size_t piece = 0;

    // Needs that may share a window are equal in this.
    auto stretch() const { return std::tuple(contig, haplotype.lead, haplotype.edit); }
};

// A block's needs: one per phase, `ref` and `alt` in step.
struct BlockPlan {
    SharedBlock block;
    std::vector<std::size_t> ref, alt;  // indexes of needs
};

}  // namespace

struct VariantScorer::Impl {
    Network network;
    FetchReference fetch;
    ScorerOptions options;
    Context context;
    std::vector<Need> needs;
    std::vector<Piece> pieces;
    std::vector<std::vector<float>> results;  // of batches; pieces point into them
    std::vector<std::uint8_t> codes;

    Impl(const Model& model, Backend& backend, FetchReference reference, const ScorerOptions& how)
        : network(model.spec, static_cast<int>(model.markers.size()), backend), fetch(std::move(reference)), options(how) {
        network.load(model.tensors);
        const SpecSummary& summary = network.summary();
        const auto up = [&](std::int64_t bases) { return (bases + summary.stride - 1) / summary.stride * summary.stride; };
        context = {summary.stride, up(summary.context_left), up(summary.context_right)};
        require(options.span >= 0, ErrorKind::usage, "--span is negative");
    }

    FetchContig contig_fetch(int contig) const {
        return [this, contig](std::int64_t begin, std::int64_t end, std::span<std::uint8_t> out) {
            fetch(contig, begin, end, out);
        };
    }

    std::size_t need(int contig, const Haplotype& haplotype, std::int64_t begin, std::int64_t length) {
        needs.push_back({contig, haplotype, haplotype.lead + begin, haplotype.lead + begin + length, 0});
        return needs.size() - 1;
    }

    std::vector<BlockPlan> plan(const Allele& allele) {
        const Edit* ref_edit = allele.ref_edit ? &*allele.ref_edit : nullptr;
        std::vector<BlockPlan> plans;
        for (const SharedBlock& block : shared_blocks(allele.change, options.span, allele.contig_length)) {
            BlockPlan& p = plans.emplace_back();
            p.block = block;
            const std::int64_t shift = block.alt_begin - block.ref_begin;
            for (int phase = 0; phase < (options.all_phases ? context.stride : 1); ++phase) {
                const int ref_lead = options.all_phases ? phase : lead_for_shift(shift, context.stride);
                const Haplotype ref{allele.contig_length, ref_lead, ref_edit};
                const Haplotype alt{allele.contig_length, phase, &allele.alt_edit};
                p.ref.push_back(need(allele.contig, ref, block.ref_begin, block.length));
                p.alt.push_back(need(allele.contig, alt, block.alt_begin, block.length));
            }
        }
        return plans;
    }

    // Needs of one haplotype that lie near each other share a window: a gap costs the tail over its bases, a window of
    // its own the trunk over the context once more.
    void merge_needs() {
        std::vector<std::size_t> order(needs.size());
        for (std::size_t i = 0; i < order.size(); ++i) order[i] = i;
        std::sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
            const auto key = [&](std::size_t i) { return std::tuple(needs[i].stretch(), needs[i].begin, needs[i].end); };
            return key(a) < key(b);
        });
        const std::int64_t gap = (context.left + context.right) / 2;
        const std::int64_t longest = std::max<std::int64_t>(1, kMergedBytes / (4 * std::int64_t{network.markers()}));
        const Need* open = nullptr;
        std::int64_t begin = 0, end = 0;
        const auto close = [&] {
            if (open == nullptr) return;
            pieces.push_back({open->contig, open->haplotype, window_for(begin, end, open->haplotype.length(), context), nullptr});
        };
        for (const std::size_t i : order) {
            Need& n = needs[i];
            const bool joins = open != nullptr && n.stretch() == open->stretch() && n.begin <= end + gap &&
                               (n.end <= end || n.end - begin <= longest);
            if (!joins) {
                close();
                open = &n;
                begin = n.begin;
                end = n.end;
            }
            end = std::max(end, n.end);
            n.piece = pieces.size();
        }
        close();
    }

    // Windows of one shape run together.
    void predict_pieces() {
        std::map<std::tuple<std::int64_t, std::int64_t, std::int64_t>, std::vector<Piece*>> shapes;
        for (Piece& piece : pieces) {
            const Window& w = piece.window;
            shapes[{w.length(), w.out_begin - w.begin, w.out_length()}].push_back(&piece);
        }
        for (const auto& [shape, members] : shapes) {
            const auto most = static_cast<std::size_t>(std::max<std::int64_t>(1, kBatchBases / std::get<0>(shape)));
            for (std::size_t first = 0; first < members.size(); first += most)
                predict_batch(std::span(members).subspan(first, std::min(most, members.size() - first)));
        }
    }

    void predict_batch(std::span<Piece* const> batch) {
        const Window& shape = batch.front()->window;
        const auto length = static_cast<std::size_t>(shape.length());
        codes.resize(batch.size() * length);
        for (std::size_t i = 0; i < batch.size(); ++i)
            batch[i]->haplotype.codes(batch[i]->window.begin, contig_fetch(batch[i]->contig),
                                      std::span(codes).subspan(i * length, length));
        const auto each = static_cast<std::size_t>(network.markers()) * static_cast<std::size_t>(shape.out_length());
        std::vector<float>& values = results.emplace_back(batch.size() * each);
        const std::int64_t out_begin = shape.out_begin - shape.begin;
        network.infer({codes.data(), static_cast<std::int64_t>(batch.size()), shape.length()}, out_begin,
                      out_begin + shape.out_length(), TailOutput::probabilities, values);
        for (std::size_t i = 0; i < batch.size(); ++i) batch[i]->values = values.data() + i * each;
    }

    // Probabilities of one marker along a block: means over the phases.
    void read_block(const std::vector<std::size_t>& phases, std::int64_t marker, std::vector<float>& out) const {
        std::vector<double> sum(out.size());
        for (const std::size_t index : phases) {
            const Need& n = needs[index];
            const float* values = pieces[n.piece].row(marker, n.begin);
            if (phases.size() == 1) {
                std::copy_n(values, out.size(), out.begin());
                return;
            }
            for (std::size_t x = 0; x < out.size(); ++x) sum[x] += static_cast<double>(values[x]);
        }
        for (std::size_t x = 0; x < out.size(); ++x) out[x] = static_cast<float>(sum[x] / static_cast<double>(phases.size()));
    }

    AlleleEffect effect(const Allele& allele, const std::vector<BlockPlan>& plans) const {
        AlleleEffect result;
        const auto markers = static_cast<std::size_t>(network.markers());
        std::vector<std::uint8_t> bases;
        for (const BlockPlan& p : plans) {
            bases.resize(static_cast<std::size_t>(p.block.length));
            const Haplotype ref{allele.contig_length, 0, allele.ref_edit ? &*allele.ref_edit : nullptr};
            ref.codes(p.block.ref_begin, contig_fetch(allele.contig), bases);
            const auto known = bases.size() - static_cast<std::size_t>(std::count(bases.begin(), bases.end(), kCodeN));
            if (known == 0) continue;
            result.compared += static_cast<std::int64_t>(known);
            result.markers.resize(markers);
            for (std::size_t m = 0; m < markers; ++m) strongest(p, bases, static_cast<std::int64_t>(m), result.markers[m]);
        }
        return result;
    }

    void strongest(const BlockPlan& p, const std::vector<std::uint8_t>& bases, std::int64_t marker, MarkerEffect& best) const {
        std::vector<float> ref(bases.size()), alt(bases.size());
        read_block(p.ref, marker, ref);
        read_block(p.alt, marker, alt);
        for (std::size_t x = 0; x < bases.size(); ++x) {
            if (bases[x] == kCodeN) continue;
            const float delta = alt[x] - ref[x];
            // `best` starts without a place: the first base compared takes it, changed or not.
            const bool none = best.delta == 0 && best.ref == 0 && best.alt == 0;
            if (none || std::fabs(delta) > std::fabs(best.delta)) best = {delta, ref[x], alt[x]};
        }
    }
};

VariantScorer::VariantScorer(const Model& model, Backend& backend, FetchReference fetch, const ScorerOptions& options)
    : impl_(std::make_unique<Impl>(model, backend, std::move(fetch), options)) {}
VariantScorer::~VariantScorer() = default;

std::size_t VariantScorer::chunk() const {
    const Impl& s = *impl_;
    const std::int64_t phases = s.options.all_phases ? s.context.stride : 1;
    // At most two REF stretches and two of ALT.
    const std::int64_t each = 4 * phases * (2 * s.options.span + 2 * s.context.stride) * s.network.markers() *
                              static_cast<std::int64_t>(sizeof(float));
    return std::clamp(static_cast<std::size_t>(kChunkBytes / each), std::size_t{1}, kMaxChunk);
}

std::vector<AlleleEffect> VariantScorer::score(std::span<const Allele> alleles) {
    Impl& s = *impl_;
    s.needs.clear();
    s.pieces.clear();
    s.results.clear();
    std::vector<std::vector<BlockPlan>> plans;
    for (const Allele& allele : alleles) plans.push_back(s.plan(allele));
    s.merge_needs();
    s.predict_pieces();
    std::vector<AlleleEffect> effects;
    for (std::size_t i = 0; i < alleles.size(); ++i) effects.push_back(s.effect(alleles[i], plans[i]));
    return effects;
}

}  // namespace regkit
