// The tail's loss by logit, and its targets, for all kernels.
#pragma once

#include "kernels/backend.hpp"
#include "kernels/cuda/elements.hpp"

namespace regkit::cuda {

// The first number in [low, high) that does not come before what is looked for; `high` where all do.
template <typename Number, typename IsBefore>
__device__ Number first_not_before(Number low, Number high, const IsBefore& is_before) {
    while (low < high) {
        const Number middle = (low + high) / 2;
        if (is_before(middle))
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

// Labels in device memory.
struct Runs {
    const LabelRun* runs;
    const std::int64_t* offsets;

    // The run that holds the marker at an output position; null where it is absent.
    __device__ const LabelRun* find(std::int64_t sample, std::int64_t marker, std::int64_t position) const {
        const std::int64_t r = first_ending_after(sample, marker, position);
        return r < offsets[sample + 1] && runs[r].marker == marker && runs[r].begin <= position ? runs + r
                                                                                                : nullptr;
    }
    // Number of the sample's first run, in the order (marker, begin), that ends behind a position of a marker
    // or is of a later marker; offsets[sample + 1] where there is none.
    __device__ std::int64_t first_ending_after(std::int64_t sample, std::int64_t marker,
                                               std::int64_t position) const {
        return first_not_before(offsets[sample], offsets[sample + 1], [&](std::int64_t r) {
            return runs[r].marker < marker || (runs[r].marker == marker && runs[r].end <= position);
        });
    }
};

struct LossAndGradient {
    float loss, d_logit;
};

__device__ inline LossAndGradient cross_entropy(float z, bool present, float pos_weight) {
    if (present) return {pos_weight * softplus_of(-z), -pos_weight * sigmoid_of(-z)};
    return {softplus_of(z), sigmoid_of(z)};
}

__device__ inline LossAndGradient poisson(float z, float y) {
    const float rate = softplus_of(z), sigmoid = sigmoid_of(z);
    const bool is_far_below =
        z < -15;  // there log(softplus(z)) = z and sigmoid(z) = softplus(z) to a float's digits
    const float log_rate = is_far_below ? z : logf(rate);
    return {rate - y * log_rate, sigmoid - y * (is_far_below ? 1.0f : sigmoid / rate)};
}

// The losses of parts, added up in their order.
struct TotalLoss {
    const double* losses;
    double* total;
    __device__ double term(std::int64_t, std::int64_t part) const { return losses[part]; }
    __device__ void store(std::int64_t, double sum) const { *total += sum; }
};

struct AddLoss {
    const double* total;
    float scale;
    float* loss;
    __device__ void operator()(std::int64_t) const { *loss += static_cast<float>(*total * scale); }
};

}  // namespace regkit::cuda
