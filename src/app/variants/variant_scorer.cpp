// Holds what both ways of scoring share, the network and its layout, and chooses between them: models of a
// fixed window are compared by windows (window_scorer.cpp), all others along the flanks (flank_scorer.cpp).
// How many alleles make a chunk follows from the memory that their values take.
#include "app/variants/variant_scorer.hpp"

#include <algorithm>
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
      output_(model.spec.task == Task::coverage ? TailOutput::rates : TailOutput::probabilities),
      options_(options),
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
    average_strands(values, other_, std::ssize(values) / (windows * network_.markers()));
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

std::string VariantScorer::compared() const {
    return scorer_->compared();
}

std::vector<AlleleEffect> VariantScorer::score(std::span<const Allele> alleles) {
    return scorer_->score(alleles);
}

}  // namespace regkit
