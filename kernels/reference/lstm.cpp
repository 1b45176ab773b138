// The recurrence of the LSTM, one step of one direction of one sample at a time.
#include <cmath>
#include <vector>

#include "kernels/reference/access.hpp"
#include "kernels/reference/reference_backend.hpp"

namespace regkit {

using reference::Flat;
using reference::Tensor;

namespace {

enum Gate { kInput, kForget, kCandidate, kOutput, kGates };

// One direction of one sample: element (unit, step), steps in the order in which they are taken.
struct Sequence {
    const Tensor &gates, &cell, &y;
    Flat weight;
    std::int64_t hidden, sample, direction;

    std::int64_t steps() const { return y.length; }
    std::int64_t position(std::int64_t step) const { return direction == 0 ? step : steps() - 1 - step; }
    double& gate(Gate which, std::int64_t unit, std::int64_t step) const {
        return gates(sample, (direction * kGates + which) * hidden + unit, position(step));
    }
    // State before the first step is zero.
    double state(const Tensor& of, std::int64_t unit, std::int64_t step) const {
        return step < 0 ? 0.0 : of(sample, direction * hidden + unit, position(step));
    }
    double& state_at(const Tensor& of, std::int64_t unit, std::int64_t step) const {
        return of(sample, direction * hidden + unit, position(step));
    }
    std::int64_t weight_index(Gate which, std::int64_t unit, std::int64_t from) const {
        return ((direction * kGates + which) * hidden + unit) * hidden + from;
    }
};

void forward(const Sequence& q) {
    for (std::int64_t step = 0; step < q.steps(); ++step)
        for (std::int64_t unit = 0; unit < q.hidden; ++unit) {
            for (const Gate which : {kInput, kForget, kCandidate, kOutput}) {
                double& a = q.gate(which, unit, step);
                for (std::int64_t from = 0; from < q.hidden; ++from)
                    a += q.weight[q.weight_index(which, unit, from)] * q.state(q.y, from, step - 1);
                a = which == kCandidate ? std::tanh(a) : reference::sigmoid(a);
            }
            const double c = q.gate(kForget, unit, step) * q.state(q.cell, unit, step - 1) +
                             q.gate(kInput, unit, step) * q.gate(kCandidate, unit, step);
            q.state_at(q.cell, unit, step) = c;
            q.state_at(q.y, unit, step) = q.gate(kOutput, unit, step) * std::tanh(c);
        }
}

// Steps from the last to the first. d_y and d_cell are the gradients of a step's h and c, including what
// flows back from the step after it.
void backward(const Sequence& q, const Tensor& dy, const Flat& d_weight) {
    const auto H = static_cast<std::size_t>(q.hidden);
    std::vector<double> d_y_after(H, 0.0), d_cell_after(H, 0.0);
    for (std::int64_t step = q.steps(); step-- > 0;) {
        std::vector<double> d_y_before(H, 0.0), d_cell_before(H, 0.0);
        for (std::int64_t unit = 0; unit < q.hidden; ++unit) {
            const auto u = static_cast<std::size_t>(unit);
            const double i = q.gate(kInput, unit, step), f = q.gate(kForget, unit, step),
                         g = q.gate(kCandidate, unit, step), o = q.gate(kOutput, unit, step);
            const double squashed = std::tanh(q.state(q.cell, unit, step));
            const double d_y = q.state(dy, unit, step) + d_y_after[u];
            const double d_cell = d_y * o * (1 - squashed * squashed) + d_cell_after[u];
            d_cell_before[u] = d_cell * f;
            q.gate(kInput, unit, step) = d_cell * g * i * (1 - i);
            q.gate(kForget, unit, step) = d_cell * q.state(q.cell, unit, step - 1) * f * (1 - f);
            q.gate(kCandidate, unit, step) = d_cell * i * (1 - g * g);
            q.gate(kOutput, unit, step) = d_y * squashed * o * (1 - o);
            for (const Gate which : {kInput, kForget, kCandidate, kOutput})
                for (std::int64_t from = 0; from < q.hidden; ++from) {
                    const std::int64_t w = q.weight_index(which, unit, from);
                    const double d = q.gate(which, unit, step);
                    d_weight[w] += d * q.state(q.y, from, step - 1);
                    d_y_before[static_cast<std::size_t>(from)] += d * q.weight[w];
                }
        }
        d_y_after = d_y_before;
        d_cell_after = d_cell_before;
    }
}

}  // namespace

Status ReferenceBackend::run(const LstmRecurrence& op) noexcept {
    const Tensor gates(op.gates), cell(op.cell), y(op.y);
    for (std::int64_t s = 0; s < y.batch; ++s)
        for (int d = 0; d < op.directions; ++d)
            forward({gates, cell, y, Flat(op.weight_hh), op.hidden, s, d});
    return {};
}

Status ReferenceBackend::run(const LstmRecurrenceGrad& op) noexcept {
    return reference::guarded([&] {
        const Tensor gates(op.gates), cell(op.cell), y(op.y), dy(op.dy);
        for (std::int64_t s = 0; s < y.batch; ++s)
            for (int d = 0; d < op.directions; ++d)
                backward({gates, cell, y, Flat(op.weight_hh), op.hidden, s, d}, dy, Flat(op.d_weight_hh));
    });
}

}  // namespace regkit
