// What the bases around a target contribute to a model's outputs there: gradients, and integrated gradients
// (Sundararajan, Taly and Yan 2017), of the sum of a marker's logits on the target, as the network has them
// before any calibration. A base is one-hot, so that contributions go through an embedding.
//
// A contribution is hypothetical: what base b at this place is worth, whichever is there. Of gradients it is
// the gradient less its mean over A, C, G and T (Majdandzic, Rajesh and Koo 2023), which the four of a base
// that is known could all change by without changing anything. Of integrated gradients it is the mean
// gradient on straight ways from baselines to the sequence, less that of the base that the baseline has
// there: those of the bases that are there sum up to the difference between the sequence's logits and the
// baseline's.
//
// With both strands or all phases, contributions are the means of those of each: the gradient of the mean
// logit, which is not the logit of the mean probability.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "app/model/model.hpp"
#include "app/variants/variant_scorer.hpp"
#include "kernels/backend.hpp"

namespace regkit {

// Ways from baselines to the sequence.
struct IntegrationOptions {
    // Points on each way: so many, or as many as bring the sum within kComplete of the difference.
    std::optional<std::int64_t> steps;
    static constexpr double kComplete = 0.01;
    // Baselines that have the sequence's pairs of bases in another order; 0: one of N alone.
    std::int64_t shuffles = 10;
    std::uint64_t seed = 1;
};

struct AttributionOptions {
    bool all_phases = false, rc_average = false;
    std::optional<IntegrationOptions> integration;  // none: gradients
};

// Bases [begin, end) of a contig.
struct AttributionTarget {
    int contig = 0;
    std::int64_t contig_length = 0;
    std::int64_t begin = 0, end = 0;
};

// Of a marker: the sum of the contributions of all bases that are there, and what it should be.
struct Completeness {
    double sum = 0, difference = 0;
    double rounding = 0;  // how far the difference may be off, since logits have 32 bits

    void add(const Completeness& other, double factor);
    double off() const;  // by how much more than that, of the difference
    bool holds() const { return off() <= IntegrationOptions::kComplete; }
};

class Attribution {
  public:
    // `backend` must outlive it. Error(usage) where a model of a fixed window is asked for phases.
    Attribution(Model model, Backend& backend, FetchReference fetch, const AttributionOptions& options);
    ~Attribution();

    // Takes contributions [markers.size()][A, C, G, T][end - begin] of bases [begin, end).
    using Take =
        std::function<void(std::int64_t begin, std::int64_t end, std::span<const float> contributions)>;
    // Of all bases that could contribute, in ascending stretches; those outside contribute nothing. Memory
    // does not grow with the target. Returns one a marker, of integrated gradients alone.
    std::vector<Completeness> run(const AttributionTarget& target, std::span<const int> markers,
                                  const Take& take);

  private:
    struct Impl;
    std::unique_ptr<Impl> impl_;
};

}  // namespace regkit
