// Normalisation per channel, activation, dropout.
#pragma once

#include <cstdint>

#include "kernels/dropout.hpp"
#include "kernels/tensor.hpp"

namespace regkit {

// y = (x - mean) / sqrt(var + eps) * gamma + beta; all Slices of `channels` values.
struct Norm {
    Slice mean, var, gamma, beta;
    float eps = 1e-5f;
};

// Over batch and length: mean and biased variance of every channel.
struct Moments {
    static constexpr const char* kName = "moments";
    View x;
    Slice mean;
    Slice var;

    void check() const;
};

// running = (1 - momentum) * running + momentum * batch statistic; var unbiased by count / (count - 1), as
// PyTorch.
struct UpdateRunning {
    static constexpr const char* kName = "update_running";
    Slice mean;
    Slice var;
    std::int64_t count;  // values per channel
    float momentum;
    Slice running_mean;
    Slice running_var;

    void check() const;
};

// y = dropout(relu(norm(x))), each part optional; with none of them it copies.
struct NormAct {
    static constexpr const char* kName = "norm_act";
    View x;
    const Norm* norm = nullptr;
    bool relu = false;
    Dropout dropout = {};
    View y;

    void check() const;
};

// Gradient of NormAct in training, where norm->mean and var are the batch's own moments of x (so dx has the
// terms through them); d_gamma and d_beta are added to. dx may be the same tensor as dy.
struct NormActGrad {
    static constexpr const char* kName = "norm_act_grad";
    View x;
    View dy;
    const Norm* norm = nullptr;
    bool relu = false;
    Dropout dropout = {};
    View dx;
    Slice d_gamma = {};
    Slice d_beta = {};
    // Of a batch that several processes share, x is a part, and norm->mean and var are the whole batch's: the
    // terms through the moments are left to NormGrad.
    bool is_part = false;

    void check() const;
};

// Subtracts from dx the terms that NormActGrad of a part left out, given d_gamma and d_beta of the whole
// batch and its number of values per channel.
struct NormGrad {
    static constexpr const char* kName = "norm_grad";
    View x;
    Norm norm;
    Slice sum_gamma;
    Slice sum_beta;
    std::int64_t count;
    View dx;

    void check() const;
};

}  // namespace regkit
