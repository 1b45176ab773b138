#include "test/emulator/stand_in_lstm.hpp"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <vector>

#include "test/emulator/cuda_runtime.h"
#include "test/emulator/stand_in_engines.hpp"

namespace regkit::emulator {

namespace {

using cuda::cudnn::GatePlaces;
using cuda::cudnn::LstmOperands;
using cuda::cudnn::LstmPlan;
using cuda::cudnn::LstmProblem;
using Way = StandInPlan::Way;

constexpr std::int64_t kBetween = 5;         // floats between the parameters of gates
constexpr std::int64_t kWorkspace = 1000;    // bytes, all of which are written
constexpr double kFull = 2718, kSpent = -1;  // what a reserve begins with

double sigmoid(double z) {
    return 1 / (1 + std::exp(-z));
}

struct Layout {
    LstmPlan::Places places{};
    std::int64_t size = kBetween;

    explicit Layout(const LstmProblem& p) {
        const auto place = [this](std::int64_t count) {
            const std::int64_t begin = size;
            size += count + kBetween;
            return begin;
        };
        for (std::int64_t gate = p.gates(); gate-- > 0;) {
            GatePlaces& at = places[static_cast<std::size_t>(gate)];
            at.bias = place(p.hidden);
            at.weight_hh = place(p.hidden * p.hidden);
            at.weight_ih = place(p.hidden * p.in);
        }
    }
};

// One direction of one sample, step by step in the direction's order.
class Sequence {
  public:
    Sequence(const LstmProblem& p, const LstmPlan::Places& places, const LstmOperands& o,
             std::int64_t direction, std::int64_t sample)
        : p_(p), places_(places), o_(o), direction_(direction), sample_(sample) {}

    std::int64_t row(std::int64_t step) const {
        return (direction_ == 0 ? step : p_.length - 1 - step) * p_.batch + sample_;
    }
    float& x(float* from, std::int64_t step, std::int64_t i) const { return from[row(step) * p_.in + i]; }
    float& h(float* from, std::int64_t step, std::int64_t u) const {
        return from[row(step) * p_.out() + direction_ * p_.hidden + u];
    }
    double h_before(std::int64_t step, std::int64_t u) const { return step > 0 ? h(o_.y, step - 1, u) : 0; }
    float& weight_ih(float* from, std::int64_t gate, std::int64_t u, std::int64_t i) const {
        return from[place(gate).weight_ih + u * p_.in + i];
    }
    float& weight_hh(float* from, std::int64_t gate, std::int64_t u, std::int64_t k) const {
        return from[place(gate).weight_hh + u * p_.hidden + k];
    }
    float& bias(float* from, std::int64_t gate, std::int64_t u) const { return from[place(gate).bias + u]; }

    void forward(double* reserve) const {
        std::vector<double> cells(static_cast<std::size_t>(p_.hidden));
        for (std::int64_t step = 0; step < p_.length; ++step)
            for (std::int64_t u = 0; u < p_.hidden; ++u) {
                double a[4];
                for (std::int64_t gate = 0; gate < 4; ++gate) {
                    a[gate] = bias(o_.weights, gate, u);
                    for (std::int64_t i = 0; i < p_.in; ++i)
                        a[gate] += static_cast<double>(weight_ih(o_.weights, gate, u, i)) * x(o_.x, step, i);
                    for (std::int64_t k = 0; k < p_.hidden; ++k)
                        a[gate] += weight_hh(o_.weights, gate, u, k) * h_before(step, k);
                    a[gate] = gate == 2 ? std::tanh(a[gate]) : sigmoid(a[gate]);
                }
                double& cell = cells[static_cast<std::size_t>(u)];
                cell = a[1] * cell + a[0] * a[2];
                h(o_.y, step, u) = static_cast<float>(a[3] * std::tanh(cell));
                if (!reserve) continue;
                for (std::int64_t gate = 0; gate < 4; ++gate) kept(reserve, step, u)[gate] = a[gate];
                kept(reserve, step, u)[4] = cell;
            }
    }

    void gradient(double* reserve) const {
        std::vector<double> d_h(static_cast<std::size_t>(p_.hidden)), d_c(d_h), next(d_h);
        for (std::int64_t step = p_.length; step-- > 0;) {
            for (std::int64_t u = 0; u < p_.hidden; ++u) {
                const auto at = static_cast<std::size_t>(u);
                double* const k = kept(reserve, step, u);
                const double i = k[0], f = k[1], g = k[2], o = k[3], squashed = std::tanh(k[4]);
                const double before = step > 0 ? kept(reserve, step - 1, u)[4] : 0;
                const double dy = h(o_.dy, step, u) + d_h[at];
                const double d = dy * o * (1 - squashed * squashed) + d_c[at];
                k[0] = d * g * i * (1 - i);
                k[1] = d * before * f * (1 - f);
                k[2] = d * i * (1 - g * g);
                k[3] = dy * squashed * o * (1 - o);
                d_c[at] = d * f;
            }
            std::fill(next.begin(), next.end(), 0.0);
            for (std::int64_t u = 0; u < p_.hidden; ++u)
                for (std::int64_t gate = 0; gate < 4; ++gate)
                    add(step, u, gate, kept(reserve, step, u)[gate], next);
            std::swap(d_h, next);
        }
    }

  private:
    const GatePlaces& place(std::int64_t gate) const {
        return places_[static_cast<std::size_t>(direction_ * 4 + gate)];
    }
    double* kept(double* reserve, std::int64_t step, std::int64_t u) const {
        return reserve + (row(step) * p_.out() + direction_ * p_.hidden + u) * 5;
    }
    // The gradient `d` of one gate before its function, to all that went into it.
    void add(std::int64_t step, std::int64_t u, std::int64_t gate, double d,
             std::vector<double>& d_before) const {
        for (std::int64_t i = 0; i < p_.in; ++i) {
            x(o_.dx, step, i) += static_cast<float>(d * weight_ih(o_.weights, gate, u, i));
            weight_ih(o_.d_weights, gate, u, i) += static_cast<float>(d * x(o_.x, step, i));
        }
        for (std::int64_t k = 0; k < p_.hidden; ++k) {
            d_before[static_cast<std::size_t>(k)] += d * weight_hh(o_.weights, gate, u, k);
            weight_hh(o_.d_weights, gate, u, k) += static_cast<float>(d * h_before(step, k));
        }
        bias(o_.d_weights, gate, u) += static_cast<float>(d);
    }

    const LstmProblem& p_;
    const LstmPlan::Places& places_;
    const LstmOperands& o_;
    std::int64_t direction_, sample_;
};

template <typename Body>
void for_each_sequence(const LstmProblem& p, const LstmPlan::Places& places, const LstmOperands& o,
                       const Body& body) {
    for (std::int64_t direction = 0; direction < p.directions; ++direction)
        for (std::int64_t sample = 0; sample < p.batch; ++sample)
            body(Sequence(p, places, o, direction, sample));
}

class StandInPlanOfLstm final : public LstmPlan {
  public:
    explicit StandInPlanOfLstm(const LstmProblem& p) : StandInPlanOfLstm(p, Layout(p)) {}

    bool forward(const LstmOperands& o, bool training) const override {
        const Way way = stand_in().lstm.forward;
        ++stand_in().lstm.forwards;
        if (way == Way::fails) return false;
        queue(o, [=, p = problem_, places = places()] {
            if (way == Way::silent) return cudaSuccess;
            double* const reserve = training ? static_cast<double*>(o.reserve) : nullptr;
            for_each_sequence(p, places, o,
                              [&](const Sequence& s) { s.forward(reserve ? reserve + 1 : nullptr); });
            if (reserve) reserve[0] = kFull;
            if (way == Way::wrong) o.y[0] += 1000;
            return cudaSuccess;
        });
        return true;
    }

    bool gradient(const LstmOperands& o) const override {
        const Way way = stand_in().lstm.gradient;
        const int wrong = stand_in().lstm.wrong;
        ++stand_in().lstm.gradients;
        if (way == Way::fails) return false;
        queue(o, [=, p = problem_, places = places()] {
            if (way == Way::silent) return cudaSuccess;
            double* const reserve = static_cast<double*>(o.reserve);
            if (reserve[0] != kFull) return cudaErrorInvalidValue;
            reserve[0] = kSpent;
            std::fill_n(o.dx, p.batch * p.length * p.in, 0.0f);
            for_each_sequence(p, places, o, [&](const Sequence& s) { s.gradient(reserve + 1); });
            const GatePlaces& last = places[static_cast<std::size_t>(p.gates() - 1)];
            float* const values[] = {o.dx, o.d_weights + last.weight_ih, o.d_weights + last.weight_hh,
                                     o.d_weights + last.bias};
            if (way == Way::wrong) *values[wrong] += 1000;
            return cudaSuccess;
        });
        return true;
    }

  private:
    StandInPlanOfLstm(const LstmProblem& p, const Layout& layout)
        : LstmPlan({layout.size, kWorkspace,
                    static_cast<std::int64_t>(sizeof(double)) * (1 + 5 * p.batch * p.length * p.out())},
                   layout.places),
          problem_(p) {}

    template <typename Work>
    static void queue(const LstmOperands& o, const Work& work) {
        static_cast<cudaStream_t>(o.stream)->queue([=] {
            std::memset(o.workspace, 1, kWorkspace);
            return work();
        });
    }

    LstmProblem problem_;
};

}  // namespace

std::unique_ptr<LstmPlan> make_stand_in_lstm(const LstmProblem& problem) {
    return std::make_unique<StandInPlanOfLstm>(problem);
}

}  // namespace regkit::emulator
