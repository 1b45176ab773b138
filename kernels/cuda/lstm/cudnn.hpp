// LSTM layers by cuDNN: Lstm and LstmGrad, in fp32; products as cuDNN has them by default,
// with operands rounded to TF32 where the device has that. x and y are brought into cuDNN's layout and out of
// it, weights into its memory for them. The first results of a shape are compared with the plain kernels';
// what differs is not used. All throw Failure.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "kernels/cuda/cudnn/engines.hpp"
#include "kernels/cuda/elements.hpp"
#include "kernels/cuda/scratch.hpp"
#include "kernels/cuda/stream.hpp"

namespace regkit::cuda::cudnn {

// Device memory; as LstmLayer and LstmGradient have them.
struct LstmParameters {
    const float *weight_ih, *weight_hh, *bias;
};
struct LstmParameterGradients {
    float *weight_ih, *weight_hh, *bias;
};

// LstmMemory::own: what cuDNN leaves for its gradient or, where the plain kernels do the work, gates and
// cell, one behind the other.
struct LstmRoom {
    float* data;
    std::int64_t count;
    bool training;

    // Gates and cell of the problem, in floats.
    static std::int64_t parts(const LstmProblem& problem) { return gates_size(problem) + cell_size(problem); }
    Tensor gates(const LstmProblem& p) const { return {data, p.batch, p.gates() * p.hidden, p.length}; }
    Tensor cell(const LstmProblem& p) const { return {data + gates_size(p), p.batch, p.out(), p.length}; }

  private:
    static std::int64_t gates_size(const LstmProblem& p) { return p.batch * p.gates() * p.hidden * p.length; }
    static std::int64_t cell_size(const LstmProblem& p) { return p.batch * p.out() * p.length; }
};

class Lstms {
  public:
    // All belong to the back end.
    Lstms(Engines& engines, Stream& stream, Scratch& scratch);

    // Floats that a room for problems up to this one needs; none where cuDNN does not do it.
    std::optional<std::int64_t> room(const LstmProblem& problem, bool training);

    // Whether cuDNN may do it, in this room: not where what it did before was wrong, nor in one that was made
    // for a shape that it treats otherwise.
    bool may_do(const LstmProblem& problem, const LstmRoom& room);
    bool may_do_gradient(const LstmProblem& problem);
    // Of what it may do. Each returns false where other kernels have to do it after all: nothing is written
    // then, but the room's content is gone.
    bool forward(const LstmProblem& problem, const Tensor& x, const LstmParameters& parameters,
                 const LstmRoom& room, const Tensor& y);
    // Of what `forward` did, in the same room.
    bool gradient(const LstmProblem& problem, const Tensor& x, const LstmParameters& parameters,
                  const LstmRoom& room, const Tensor& y, const Tensor& dy,
                  const LstmParameterGradients& gradients, bool accumulate, const Tensor& dx);

    std::vector<std::string> take_notices();

  private:
    enum class Verdict { unknown, right, wrong };
    struct Known {
        std::unique_ptr<LstmPlan> plan;  // null where cuDNN does not do it
        Verdict inference = Verdict::unknown, training = Verdict::unknown, gradient = Verdict::unknown;
    };
    Known& known(const LstmProblem& problem);
    static Verdict& verdict_of(Known& known, const LstmRoom& room) {
        return room.training ? known.training : known.inference;
    }
    // Keeps what a trial has shown, and says so where cuDNN is wrong.
    bool settle(const LstmProblem& problem, const char* use, Verdict& verdict, bool ran, bool agrees);
    void give_up(const LstmProblem& problem, const char* use, const std::string& why);
    LstmOperands operands(const LstmProblem& problem, const LstmPlan& plan, const LstmRoom& room,
                          const Tensor& x, const LstmParameters& parameters, bool gradient);
    // Whether the gradients that a plan left in cuDNN's layouts are the plain kernels'; none where nothing
    // can be told.
    std::optional<bool> agrees(const LstmProblem& problem, const LstmPlan& plan, const LstmOperands& result,
                               const LstmRoom& room, const Tensor& x, const LstmParameters& parameters,
                               const Tensor& dy);

    Engines& engines_;
    Stream& stream_;
    Scratch& scratch_;
    std::map<std::string, Known> known_;
    std::vector<std::string> notices_;
};

}  // namespace regkit::cuda::cudnn
