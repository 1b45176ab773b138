// The LSTM's recurrence and its gradient: a block for each sample and direction, whose threads share the
// hidden units and meet after every position.
#include "kernels/cuda/lstm/plain.hpp"

namespace regkit::cuda {

namespace {

// What one block sees of it: rows of one sample and one direction, positions in the direction's order.
class Rows {
  public:
    __device__ Rows(const Lstm& lstm, std::int64_t number)
        : lstm_(lstm),
          sample_(number / lstm.directions),
          direction_(number % lstm.directions),
          hidden_(lstm.hidden) {}

    // Position of the row that is the direction's step `t`.
    __device__ std::int64_t position(std::int64_t t) const {
        return direction_ == 0 ? t : lstm_.y.length - 1 - t;
    }
    // Gate 0 i, 1 f, 2 g, 3 o.
    __device__ float& gate(int gate, std::int64_t unit, std::int64_t t) const {
        return lstm_.gates.at(sample_, (direction_ * 4 + gate) * hidden_ + unit, position(t));
    }
    __device__ float& cell(std::int64_t unit, std::int64_t t) const { return state(lstm_.cell, unit, t); }
    __device__ float& y(std::int64_t unit, std::int64_t t) const { return state(lstm_.y, unit, t); }
    __device__ float& state(const Tensor& tensor, std::int64_t unit, std::int64_t t) const {
        return tensor.at(sample_, direction_ * hidden_ + unit, position(t));
    }
    // Of the gate's row `unit` and h's unit `from`.
    __device__ float weight(int gate, std::int64_t unit, std::int64_t from) const {
        return lstm_.weight_hh[((direction_ * 4 + gate) * hidden_ + unit) * hidden_ + from];
    }

  private:
    const Lstm& lstm_;
    std::int64_t sample_, direction_, hidden_;
};

__global__ void lstm_kernel(Lstm lstm) {
    const std::int64_t sequences = lstm.y.batch * lstm.directions;
    for (std::int64_t number = blockIdx.x; number < sequences; number += gridDim.x) {
        const Rows rows(lstm, number);
        for (std::int64_t t = 0; t < lstm.y.length; ++t) {
            for (std::int64_t unit = threadIdx.x; unit < lstm.hidden; unit += kThreads) {
                float a[4];
                for (int gate = 0; gate < 4; ++gate) {
                    a[gate] = rows.gate(gate, unit, t);
                    for (std::int64_t k = 0; t > 0 && k < lstm.hidden; ++k)
                        a[gate] = fmaf(rows.weight(gate, unit, k), rows.y(k, t - 1), a[gate]);
                    a[gate] = gate == 2 ? tanhf(a[gate]) : sigmoid_of(a[gate]);
                    rows.gate(gate, unit, t) = a[gate];
                }
                const float before = t > 0 ? rows.cell(unit, t - 1) : 0.0f;
                const float cell = fmaf(a[1], before, a[0] * a[2]);
                rows.cell(unit, t) = cell;
                rows.y(unit, t) = a[3] * tanhf(cell);
            }
            __syncthreads();  // the next position reads all units of this one
        }
    }
}

// Gradients of a position's gates before their functions, from those of h (`dy`) and of the next position's
// c; and that of this position's c with respect to the previous one's.
__device__ void gate_gradients(const Rows& rows, std::int64_t unit, std::int64_t t, float dy, float& d_cell) {
    const float i = rows.gate(0, unit, t), f = rows.gate(1, unit, t);
    const float g = rows.gate(2, unit, t), o = rows.gate(3, unit, t);
    const float squashed = tanhf(rows.cell(unit, t));
    const float before = t > 0 ? rows.cell(unit, t - 1) : 0.0f;
    const float d = fmaf(dy * o, 1 - squashed * squashed, d_cell);
    rows.gate(0, unit, t) = d * g * i * (1 - i);
    rows.gate(1, unit, t) = d * before * f * (1 - f);
    rows.gate(2, unit, t) = d * i * (1 - g * g);
    rows.gate(3, unit, t) = dy * squashed * o * (1 - o);
    d_cell = d * f;
}

// `d_states`: [sequence][2][hidden], the gradients of h and c that come from the position after.
__global__ void lstm_grad_kernel(Lstm lstm, Tensor dy, float* d_states) {
    const std::int64_t sequences = lstm.y.batch * lstm.directions;
    for (std::int64_t number = blockIdx.x; number < sequences; number += gridDim.x) {
        const Rows rows(lstm, number);
        float* const d_hidden = d_states + number * 2 * lstm.hidden;
        float* const d_cell = d_hidden + lstm.hidden;
        for (std::int64_t unit = threadIdx.x; unit < lstm.hidden; unit += kThreads)
            d_hidden[unit] = d_cell[unit] = 0;
        for (std::int64_t t = lstm.y.length - 1; t >= 0; --t) {
            for (std::int64_t unit = threadIdx.x; unit < lstm.hidden; unit += kThreads)
                gate_gradients(rows, unit, t, rows.state(dy, unit, t) + d_hidden[unit], d_cell[unit]);
            __syncthreads();  // all gates' gradients are there
            for (std::int64_t unit = threadIdx.x; unit < lstm.hidden; unit += kThreads) {
                float sum = 0;
                for (int gate = 0; gate < 4; ++gate)
                    for (std::int64_t k = 0; k < lstm.hidden; ++k)
                        sum = fmaf(rows.weight(gate, k, unit), rows.gate(gate, k, t), sum);
                d_hidden[unit] = sum;  // read by this thread only
            }
        }
    }
}

// One thread a weight: the gradient of its row's gate times what h was before, over samples and positions.
struct WeightGradient {
    Lstm lstm;
    float* d_weight;
    __device__ void operator()(std::int64_t index) const {
        const std::int64_t from = index % lstm.hidden, row = index / lstm.hidden;
        const std::int64_t direction = row / (4 * lstm.hidden), length = lstm.y.length;
        const std::int64_t step = direction == 0 ? 1 : -1;
        double sum = 0;
        for (std::int64_t sample = 0; sample < lstm.y.batch; ++sample)
            for (std::int64_t p = 0; p < length; ++p) {
                if (!lstm.y.holds(p - step)) continue;  // before the first there is no h
                const double d = lstm.gates.at(sample, row, p);
                sum += d * lstm.y.at(sample, direction * lstm.hidden + from, p - step);
            }
        d_weight[index] += static_cast<float>(sum);
    }
};

}  // namespace

void lstm_forward(const Lstm& lstm) {
    launch(lstm_kernel, grid_for(lstm.y.batch * lstm.directions), dim3(kThreads), lstm);
}

void lstm_gradient(const Lstm& lstm, const Tensor& dy, float* d_weight_hh, Scratch& scratch) {
    const std::int64_t sequences = lstm.y.batch * lstm.directions;
    float* const d_states = scratch.get<float>(Scratch::kState, sequences * 2 * lstm.hidden);
    launch(lstm_grad_kernel, grid_for(sequences), dim3(kThreads), lstm, dy, d_states);
    for_each(lstm.directions * 4 * lstm.hidden * lstm.hidden, WeightGradient{lstm, d_weight_hh});
}

}  // namespace regkit::cuda
