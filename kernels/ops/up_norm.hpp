// Batch norm behind the up-convolution, expressed through its weights. With h the tail's input, u = up(h):
// statistics of u per output channel follow from the mean m and covariance S of h over batch and coarse
// positions:
//   mean_j = U_j^T m + b,  var = avg_j(u_j^T S u_j + (mean_j - mean)^2),  j = phase in 0..stride-1,
// and the folded layer is U * s, (b - mean) * s + beta with s = gamma / sqrt(var + eps).
#pragma once

#include <cstdint>

#include "kernels/tensor.hpp"

namespace regkit {

struct UpNorm {
    Slice weight, bias;  // [in][out][stride], [out]
    Slice gamma, beta;   // [out]
    int in = 0, out = 0, stride = 1;
    float eps = 1e-5f;
};

// What FoldUpNorm leaves for its gradient and for the running statistics.
struct UpNormState {
    Slice input_mean;        // [in]
    Slice input_covariance;  // [in][in], biased
    Slice mean, var;         // [out], of the up-convolution's output, biased
    // > 0: h is a part of a batch that several processes share and that has so many coarse positions;
    // input_mean and input_covariance are given, of all of them (and the folded layer's gradients, too, are
    // sums over all of them).
    std::int64_t shared_count = 0;
};

struct FoldUpNorm {
    static constexpr const char* kName = "fold_up_norm";
    View h;
    UpNorm norm;
    UpNormState state;
    Slice folded_weight;
    Slice folded_bias;

    void check() const;
};

// From the gradients of the folded layer to those of weight, bias, gamma, beta (added) and of h (added to
// dh).
struct FoldUpNormGrad {
    static constexpr const char* kName = "fold_up_norm_grad";
    View h;
    UpNorm norm;
    UpNormState state;
    Slice d_folded_weight;
    Slice d_folded_bias;
    Slice d_weight;
    Slice d_bias = {};  // none where the layer has none
    Slice d_gamma;
    Slice d_beta;
    View dh;

    void check() const;
};

}  // namespace regkit
