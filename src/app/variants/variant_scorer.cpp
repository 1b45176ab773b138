// Holds what both ways of scoring share, the network and its layout, and chooses between them: models of a
// fixed window are compared by windows (window_scorer.cpp), all others along the flanks (flank_scorer.cpp).
// How many alleles make a chunk follows from the memory that their values take.
#include "app/variants/variant_scorer.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <utility>

#include "app/model/both_strands.hpp"
#include "app/model/label_fit.hpp"
#include "app/variants/allele_scorer.hpp"
#include "kernels/base/error.hpp"

namespace regkit {
namespace {

constexpr std::int64_t kChunkBytes = std::int64_t{96} << 20;  // values of one chunk
constexpr std::size_t kMaxChunk = 256;

}  // namespace

AlleleScorer::AlleleScorer(Model model, Backend& backend, FetchReference fetch, const ScorerOptions& options)
    : network_(model.spec, static_cast<int>(model.markers.size()), backend),
      layout_(output_layout(model, network_.summary())),
      // In f32: most effects, differences of two values, are below a step of the 8-bit codes.
      output_(model.spec.task == Task::coverage ? TailOutput::rates : TailOutput::logits),
      options_(options),
      scales_(model),
      // Outputs along the sequence are read base by base.
      sites_(model, scales_, network_.summary().fixed_window ? layout_.bin : 1),
      fetch_(std::move(fetch)) {
    network_.load(std::move(model.tensors));
    network_.only_predict();
    require(options.span >= 0, ErrorKind::usage, "--span is negative");
}

void AlleleScorer::infer(std::span<const std::uint8_t> codes, std::span<const std::uint8_t> reversed,
                         std::int64_t length, std::int64_t begin, std::int64_t end, std::span<float> values) {
    const std::int64_t windows = std::ssize(codes) / length;
    network_.infer({codes.data(), windows, length}, begin, end, output_, values);
    if (!options_.rc_average) return;
    other_.resize(values.size());
    network_.infer({reversed.data(), windows, length}, length - end, length - begin, output_, other_);
    const std::int64_t each = std::ssize(values) / (windows * network_.markers());
    if (output_ == TailOutput::logits)
        average_strand_logits(values, other_, each, network_.spec().task);
    else
        average_strands(values, other_, each);
}

std::string AlleleScorer::strands() const {
    if (!options_.rc_average) return "";
    return output_ == TailOutput::logits ? ", of the mean probability of both strands"
                                         : ", mean of both strands";
}

void AlleleScorer::take(std::size_t marker, std::span<const float> ref, std::span<const float> alt,
                        std::int64_t place, AlleleEffect& effect) const {
    constexpr std::size_t kTogether = MarkerScales::kTogether;
    MarkerEffect& best = effect.markers[marker];
    std::array<float, kTogether> deltas;
    for (std::size_t begin = 0; begin < ref.size(); begin += kTogether) {
        const std::size_t count = std::min(kTogether, ref.size() - begin);
        for (std::size_t i = 0; i < count; ++i) deltas[i] = alt[begin + i] - ref[begin + i];
        const std::size_t at = largest_magnitude({deltas.data(), count});
        const float change = std::fabs(deltas[at]);
        const double fold = scales_.larger_fold(marker, ref.subspan(begin, count), alt.subspan(begin, count),
                                                change, effect.fold);
        if (fold > effect.fold) {
            effect.fold = fold;
            effect.fold_marker = marker;
        }
        // The first that is compared is taken whether or not it changed.
        if (best.place != MarkerEffect::kNowhere &&
            (std::isnan(best.delta) || change <= std::fabs(best.delta)))
            continue;
        best = {deltas[at], ref[begin + at], alt[begin + at], place + static_cast<std::int64_t>(begin + at)};
    }
}

void AlleleScorer::note_sites(std::size_t marker, std::span<const float> ref, std::span<const float> alt,
                              std::span<const KnownStretch> stretches, AlleleEffect& effect,
                              SiteWork& work) const {
    const bool in_ref = sites_.has_site(marker, ref, stretches, work),
               in_alt = sites_.has_site(marker, alt, stretches, work);
    if (in_ref != in_alt) (in_alt ? effect.gained : effect.lost).push_back(marker);
}

FetchContig AlleleScorer::contig_fetch(int contig) const {
    return [this, contig](std::int64_t begin, std::int64_t end, std::span<std::uint8_t> out) {
        fetch_(contig, begin, end, out);
    };
}

std::size_t AlleleScorer::chunk_of(std::int64_t each) {
    return std::clamp(static_cast<std::size_t>(kChunkBytes / each), std::size_t{1}, kMaxChunk);
}

VariantScorer::VariantScorer(Model model, Backend& backend, FetchReference fetch,
                             const ScorerOptions& options) {
    const bool fixed = summarise(model.spec, static_cast<int>(model.markers.size())).fixed_window;
    scorer_ = (fixed ? make_window_scorer : make_flank_scorer)(std::move(model), backend, std::move(fetch),
                                                               options);
}
VariantScorer::~VariantScorer() = default;

std::size_t VariantScorer::chunk() const {
    return scorer_->chunk();
}

ComparedText VariantScorer::text() const {
    return scorer_->text();
}

std::int64_t VariantScorer::by_cones() const {
    return scorer_->by_cones();
}

std::vector<AlleleEffect> VariantScorer::score(std::span<const Allele> alleles, bool whole) {
    return scorer_->score(alleles, whole);
}

}  // namespace regkit
