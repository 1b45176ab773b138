// The optimiser.
#pragma once

#include <cstdint>

#include "kernels/tensor.hpp"

namespace regkit {

struct AdamStep {
    float learning_rate = 1e-3f;
    float beta1 = 0.9f;
    float beta2 = 0.999f;
    float eps = 1e-8f;
    std::int64_t step = 1;  // from 1
    float clip_norm = 0;    // gradients are scaled by min(1, clip_norm / norm); 0 = no clipping
};

// norm[0] = Euclidean norm of the gradient, one sum in a fixed order.
struct GradNorm {
    static constexpr const char* kName = "grad_norm";
    Slice gradient;
    Slice norm;

    void check() const;
};

// PyTorch's Adam (bias-corrected; eps outside the square root), clipping by norm[0] when step.clip_norm > 0.
struct Adam {
    static constexpr const char* kName = "adam";
    Slice parameters;
    Slice gradient;
    Slice m;
    Slice v;
    AdamStep step;
    Slice norm = {};

    void check() const;
};

}  // namespace regkit
