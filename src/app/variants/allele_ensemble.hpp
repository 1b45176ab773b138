// Alleles scored by several models: what each of them gives for the bases or bins that are compared becomes
// the logit of their mean probability (of coverage the mean), in REF and in ALT, and these are compared as
// one model's are.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "app/model/model.hpp"
#include "app/variants/allele_comparison.hpp"

namespace regkit {

class AlleleEnsemble {
  public:
    // The models' tensors are not needed. Cells of `resolution` bases are compared.
    AlleleEnsemble(const std::vector<Model>& models, std::int64_t resolution);

    // Of what each model gave of one allele (ScorerOptions::rows), which is not the same afterwards.
    AlleleEffect effect(std::span<AlleleEffect> of_models);

  private:
    struct Cells {
        std::size_t begin, end;
    };
    Cells cells_of(const KnownStretch& stretch) const;
    void cut_stretches(std::size_t cells);
    void compare(std::size_t marker, std::size_t cells, AlleleEffect& effect);
    void form_mean(std::size_t cells, std::vector<std::vector<float>> ComparedRows::*side, std::size_t marker,
                   std::vector<float>& mean);
    void calibrate(std::size_t model, std::size_t marker, std::vector<float>& outputs) const;
    float spread_at(std::size_t marker, std::int64_t place) const;

    Task task_;
    std::int64_t resolution_;
    std::size_t markers_;
    std::vector<MarkerScales> scales_;  // of each model
    AlleleComparison comparison_;
    // Of the allele at hand.
    std::vector<ComparedRows*> rows_;  // of each model
    std::vector<KnownStretch> stretches_;
    std::vector<std::int64_t> places_;  // of the stretches
    std::vector<float> ref_, alt_;      // of a marker, the mean
    SiteWork work_;
};

}  // namespace regkit
