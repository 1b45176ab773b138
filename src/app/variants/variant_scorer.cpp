// Holds what both ways of scoring share, the network and its layout, and chooses between them: models of a
// fixed window are compared by windows (window_scorer.cpp), all others along the flanks (flank_scorer.cpp).
// How many alleles make a chunk follows from the memory that their values take.
#include "app/variants/variant_scorer.hpp"

#include <algorithm>
#include <utility>

#include "app/model/both_strands.hpp"
#include "app/model/label_fit.hpp"
#include "app/variants/allele_ensemble.hpp"
#include "app/variants/allele_scorer.hpp"
#include "base/text.hpp"
#include "kernels/base/error.hpp"

namespace regkit {
namespace {

constexpr std::int64_t kChunkBytes = std::int64_t{96} << 20;  // values of one chunk
constexpr std::size_t kMaxChunk = 256;

SpecSummary summary_of(const Model& model) {
    return summarise(model.spec, static_cast<int>(model.markers.size()));
}

// Outputs along the sequence are read base by base.
std::int64_t compared_cell(const Model& model) {
    const SpecSummary summary = summary_of(model);
    return summary.fixed_window ? output_layout(model, summary).bin : 1;
}

}  // namespace

std::int64_t default_span(const Spec& spec, const SpecSummary& summary) {
    if (summary.fixed_window) return ScorerOptions().span;
    if (!summary.finite_context) return reach_of(spec, summary);
    return std::max(summary.context_left, summary.context_right);
}

std::int64_t reach_of(const Spec& spec, const SpecSummary& summary) {
    return std::max<std::int64_t>(0, spec.window / 2 - summary.stride);
}

AlleleScorer::AlleleScorer(Model model, Backend& backend, FetchReference fetch, const ScorerOptions& options)
    : AlleleComparison(model, compared_cell(model), options.rows),
      network_(model.spec, static_cast<int>(model.markers.size()), backend),
      layout_(output_layout(model, network_.summary())),
      // In f32: most effects, differences of two values, are below a step of the 8-bit codes.
      output_(model.spec.task == Task::coverage ? TailOutput::rates : TailOutput::logits),
      options_(options),
      fetch_(std::move(fetch)) {
    network_.load(std::move(model.tensors));
    network_.only_predict();
    require(options_.span >= 0, ErrorKind::usage, "--span is negative");
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

FetchContig AlleleScorer::contig_fetch(int contig) const {
    return [this, contig](std::int64_t begin, std::int64_t end, std::span<std::uint8_t> out) {
        fetch_(contig, begin, end, out);
    };
}

std::size_t AlleleScorer::chunk_of(std::int64_t each) {
    return std::clamp(static_cast<std::size_t>(kChunkBytes / each), std::size_t{1}, kMaxChunk);
}

namespace {

// Both ways to compare, or bins of different lengths, have no bases in common.
void require_comparable(const std::vector<Model>& models, const std::vector<std::string>& paths) {
    const auto what = [](const Model& model) {
        const SpecSummary summary = summary_of(model);
        const std::string size = counted(output_layout(model, summary).bin, "base");
        return summary.fixed_window ? "a bin of " + size + " around the variant"
                                    : "outputs of " + size + " along the sequence";
    };
    const std::string first = what(models.front());
    for (std::size_t i = 1; i < models.size(); ++i)
        require(what(models[i]) == first, ErrorKind::mismatch,
                paths[i] + ": predicts " + what(models[i]) + ", " + paths.front() + " " + first +
                    "; there is no mean of the two");
}

// The span that is meant, and no more than every model sees: one without finite context reads a window of its
// own length.
void settle_span(const std::vector<Model>& models, ScorerOptions& options) {
    options.whole_field = options.span == ScorerOptions::kField;
    for (const Model& model : models)
        if (options.whole_field)
            options.span = std::max(options.span, default_span(model.spec, summary_of(model)));
    for (const Model& model : models) {
        const SpecSummary summary = summary_of(model);
        if (summary.fixed_window || summary.finite_context) continue;
        options.span = std::min(options.span, reach_of(model.spec, summary));
        options.whole_field = false;
    }
}

std::vector<Model> one(Model model) {
    std::vector<Model> models;
    models.push_back(std::move(model));
    return models;
}

}  // namespace

VariantScorer::VariantScorer(Model model, Backend& backend, FetchReference fetch,
                             const ScorerOptions& options)
    : VariantScorer(one(std::move(model)), {""}, backend, fetch, options) {}

VariantScorer::VariantScorer(std::vector<Model> models, const std::vector<std::string>& paths,
                             Backend& backend, const FetchReference& fetch, ScorerOptions options) {
    if (models.size() > 1) {
        require_comparable(models, paths);
        ensemble_ = std::make_unique<AlleleEnsemble>(models, compared_cell(models.front()));
        options.rows = true;
    }
    settle_span(models, options);
    for (Model& model : models) {
        const bool fixed = summary_of(model).fixed_window;
        scorers_.push_back(
            (fixed ? make_window_scorer : make_flank_scorer)(std::move(model), backend, fetch, options));
    }
}
VariantScorer::~VariantScorer() = default;

std::size_t VariantScorer::chunk() const {
    std::size_t least = scorers_.front()->chunk();
    for (const auto& scorer : scorers_) least = std::min(least, scorer->chunk());
    return std::max<std::size_t>(1, least / scorers_.size());
}

ComparedText VariantScorer::text() const {
    ComparedText text = scorers_.front()->text();
    text.models = static_cast<int>(scorers_.size());
    return text;
}

std::int64_t VariantScorer::reach() const {
    return scorers_.front()->reach();
}

std::int64_t VariantScorer::sight() const {
    std::int64_t most = 0;
    for (const auto& scorer : scorers_) most = std::max(most, scorer->sight());
    return most;
}

std::int64_t VariantScorer::by_cones() const {
    return scorers_.front()->by_cones();
}

std::vector<AlleleEffect> VariantScorer::score(std::span<const Allele> alleles, bool whole) {
    return ensemble_ ? score_together(alleles, whole) : scorers_.front()->score(alleles, whole);
}

std::vector<AlleleEffect> VariantScorer::score_together(std::span<const Allele> alleles, bool whole) {
    std::vector<std::vector<AlleleEffect>> of_models(alleles.size());  // of each allele
    for (const auto& scorer : scorers_) {
        std::vector<AlleleEffect> effects = scorer->score(alleles, whole);
        for (std::size_t i = 0; i < effects.size(); ++i) of_models[i].push_back(std::move(effects[i]));
    }
    std::vector<AlleleEffect> effects;
    for (std::vector<AlleleEffect>& of_allele : of_models) effects.push_back(ensemble_->effect(of_allele));
    return effects;
}

}  // namespace regkit
