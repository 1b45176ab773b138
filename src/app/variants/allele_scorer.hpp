// The two ways in which alleles are scored; internal to VariantScorer.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "app/variants/allele_comparison.hpp"
#include "app/variants/variant_scorer.hpp"
#include "io/dataset/dataset.hpp"
#include "nn/network.hpp"

namespace regkit {

// Of a model that reads its whole window for every output: how far from the base that a window is centred on
// it surely holds what it should.
std::int64_t reach_of(const Spec& spec, const SpecSummary& summary);

class AlleleScorer : protected AlleleComparison {
  public:
    AlleleScorer(Model model, Backend& backend, FetchReference fetch, const ScorerOptions& options);
    virtual ~AlleleScorer() = default;

    // As VariantScorer's.
    virtual std::size_t chunk() const = 0;
    virtual std::vector<AlleleEffect> score(std::span<const Allele> alleles, bool whole) = 0;
    virtual ComparedText text() const = 0;
    virtual std::int64_t reach() const { return options_.span; }
    virtual std::int64_t sight() const = 0;
    virtual std::int64_t by_cones() const { return 0; }

  protected:
    // Predicts [begin, end) of windows of `length` codes, side by side in `codes`, into `values`: with
    // rc_average the mean with those of `reversed`, the windows of the other strand, as VariantScorer's.
    void infer(std::span<const std::uint8_t> codes, std::span<const std::uint8_t> reversed,
               std::int64_t length, std::int64_t begin, std::int64_t end, std::span<float> values);
    // Behind ComparedText::compared: "" or what is said of both strands.
    std::string strands() const;
    FetchContig contig_fetch(int contig) const;
    // Alleles whose values, `each` bytes an allele, are held at a time.
    static std::size_t chunk_of(std::int64_t each);

    Network network_;
    LabelLayout layout_;
    TailOutput output_;
    ScorerOptions options_;

  private:
    FetchReference fetch_;
    std::vector<float> other_;  // values of the other strand
};

// Models with outputs along the sequence: flanks of the variant, base by base, an output's value at each of
// its bases.
std::unique_ptr<AlleleScorer> make_flank_scorer(Model model, Backend& backend, FetchReference fetch,
                                                const ScorerOptions& options);
// Models of a fixed window: windows around the variant.
std::unique_ptr<AlleleScorer> make_window_scorer(Model model, Backend& backend, FetchReference fetch,
                                                 const ScorerOptions& options);

}  // namespace regkit
