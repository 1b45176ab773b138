// What a convolution of stride 1 and its gradient by the input have in common, whatever kernel computes it: a
// product of matrices whose rows shift, y[p][:] = sum over taps t of x[p + t*dilation - shift][:] * W_t.
#pragma once

#include "kernels/cuda/conv/problem.hpp"
#include "kernels/cuda/runtime.hpp"

namespace regkit::cuda {

// Plain data, passed to kernels by value.
struct RowShift {
    std::int64_t batch, in_length, out_length, out;
    std::int64_t dilation, shift;
    int taps;
    bool relu, accumulate;
    // What a kernel makes of it.
    int in;       // channels of a row of x
    int columns;  // of the packed weights: out, rounded up
    int windows;  // of x in shared memory
};

inline RowShift shift_of_forward(const ConvProblem& g, bool relu) {
    return {g.batch,
            g.in_length,
            g.out_length,
            g.out,
            g.dilation,
            g.pad_left,
            static_cast<int>(g.width),
            relu,
            false,
            0,
            0,
            0};
}

// y is the gradient with respect to x, and x the one with respect to y.
inline RowShift shift_of_gradient(const ConvProblem& g, bool accumulate) {
    return {g.batch,
            g.out_length,
            g.in_length,
            g.in,
            g.dilation,
            (g.width - 1) * g.dilation - g.pad_left,
            static_cast<int>(g.width),
            false,
            accumulate,
            0,
            0,
            0};
}

// W_t in the layer's own weights.
struct ShiftWeights {
    const float* weight;
    std::int64_t taps, channels, out;
    std::int64_t channel_step, out_step;  // in memory, where taps follow one another
    bool reversed;                        // the taps
    // Zero beyond the channels.
    __device__ float at(std::int64_t tap, std::int64_t channel, std::int64_t output) const {
        if (channel >= channels || output >= out) return 0;
        return weight[output * out_step + channel * channel_step + (reversed ? taps - 1 - tap : tap)];
    }
};

// Of shift_of_forward and of shift_of_gradient; `weight` is the layer's.
inline ShiftWeights weights_of_forward(const ConvProblem& g, const float* weight) {
    return {weight, g.width, g.in, g.out, g.width, g.in * g.width, false};
}
inline ShiftWeights weights_of_gradient(const ConvProblem& g, const float* weight) {
    return {weight, g.width, g.out, g.in, g.in * g.width, g.width, true};
}

}  // namespace regkit::cuda
