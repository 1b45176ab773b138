// The two ways in which alleles are scored; internal to VariantScorer.
#pragma once

#include <cmath>
#include <cstddef>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "app/variants/variant_scorer.hpp"
#include "io/dataset/dataset.hpp"
#include "nn/network.hpp"

namespace regkit {

// Keeps the change of larger magnitude; `best` starts without a place, so the first compared takes it,
// changed or not. One that is no number stays: it must not hide behind others.
inline void keep_strongest(MarkerEffect& best, float ref, float alt) {
    const float delta = alt - ref;
    if (std::isnan(best.delta)) return;
    const bool none = best.delta == 0 && best.ref == 0 && best.alt == 0;
    if (none || !(std::fabs(delta) <= std::fabs(best.delta))) best = {delta, ref, alt};
}

class AlleleScorer {
  public:
    AlleleScorer(Model model, Backend& backend, FetchReference fetch, const ScorerOptions& options);
    virtual ~AlleleScorer() = default;

    // As VariantScorer's.
    virtual std::size_t chunk() const = 0;
    virtual std::vector<AlleleEffect> score(std::span<const Allele> alleles) = 0;
    virtual std::string compared() const = 0;

  protected:
    FetchContig contig_fetch(int contig) const;
    // Alleles whose values, `each` bytes an allele, are held at a time.
    static std::size_t chunk_of(std::int64_t each);

    Network network_;
    LabelLayout layout_;
    TailOutput output_;
    ScorerOptions options_;

  private:
    FetchReference fetch_;
};

// Models with outputs along the sequence: flanks of the variant, base by base, an output's value at each of
// its bases.
std::unique_ptr<AlleleScorer> make_flank_scorer(Model model, Backend& backend, FetchReference fetch,
                                                const ScorerOptions& options);
// Models of a fixed window: windows around the variant.
std::unique_ptr<AlleleScorer> make_window_scorer(Model model, Backend& backend, FetchReference fetch,
                                                 const ScorerOptions& options);

}  // namespace regkit
