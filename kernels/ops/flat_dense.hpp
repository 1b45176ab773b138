// Flatten and dense: y[0][o][s] = b[o] + sum_i sum_p w[o][i * length + p] * x[s][i][p]. y is (1, out, batch
// of x): one row over the samples, since what follows acts on each alone. Sums run over (i, p) in ascending
// order.
#pragma once

#include "kernels/tensor.hpp"

namespace regkit {

struct FlatDense {
    static constexpr const char* kName = "flat_dense";
    View x;
    Slice weight;     // [out][in * length]
    Slice bias = {};  // [out]; may be none
    bool relu = false;
    View y;

    void check() const;
};

struct FlatDenseGradInput {
    static constexpr const char* kName = "flat_dense_grad_input";
    View dy;
    Slice weight;
    bool accumulate = false;
    View dx;

    void check() const;
};

// d_weight may be too large for a copy for each worker.
struct FlatDenseGradWeight {
    static constexpr const char* kName = "flat_dense_grad_weight";
    View x;
    View dy;
    Slice d_weight;
    Slice d_bias = {};

    void check() const;
};

// The copy alone, before a fused tail that reads every position: y[0][i * length + p][s] = x[s][i][p], y (1,
// channels * length of x, batch of x).
struct Flatten {
    static constexpr const char* kName = "flatten";
    View x;
    View y;

    void check() const;
};

struct FlattenGrad {
    static constexpr const char* kName = "flatten_grad";
    View dy;
    bool accumulate = false;
    View dx;

    void check() const;
};

}  // namespace regkit
