// The tail's loss by logit in the device's own functions: loss.hpp in fewer instructions and digits.
#pragma once

#include "kernels/cuda/quick.hpp"
#include "kernels/cuda/tail/loss.hpp"

namespace regkit::cuda {

// Presence is a sign: the loss of a marker that is there is that of -z where it is absent.
__device__ inline LossAndGradient quick_cross_entropy(float z, bool present, float pos_weight) {
    const float against = present ? -z : z, weight = present ? pos_weight : 1.0f;
    const float e = quick_exp(-fabsf(against)), inverse = quick_quotient(1.0f, 1.0f + e);
    const float sigmoid = against > 0 ? inverse : e * inverse;
    return {weight * (fmaxf(against, 0.0f) + quick_log(1.0f + e)), present ? -weight * sigmoid : sigmoid};
}

// poisson of loss.hpp. 1 + e keeps too little of a small e, whose logarithm is a short series.
__device__ inline LossAndGradient quick_poisson(float z, float y) {
    const float e = quick_exp(-fabsf(z)), inverse = quick_quotient(1.0f, 1.0f + e);
    const float sigmoid = z > 0 ? inverse : e * inverse;
    const float rate = fmaxf(z, 0.0f) + (e < 0.01f ? e - e * e * (0.5f - e / 3) : quick_log(1.0f + e));
    const bool is_far_below = z < -15;  // as there
    const float log_rate = is_far_below ? z : quick_log(rate);
    return {rate - y * log_rate, sigmoid - y * (is_far_below ? 1.0f : quick_quotient(sigmoid, rate))};
}

}  // namespace regkit::cuda
