// Convolutions by cuDNN: the same results as plain.hpp, of operands and products rounded to bf16
// with sums in fp32. Operands are brought into the view's layout (view.hpp) and results out of it. All throw
// Failure.
#pragma once

#include <string>
#include <vector>

#include "kernels/cuda/conv/plain.hpp"
#include "kernels/cuda/cudnn/plans.hpp"
#include "kernels/cuda/scratch.hpp"
#include "kernels/cuda/stream.hpp"

namespace regkit::cuda::cudnn {

class Convolutions {
  public:
    // All belong to the back end.
    Convolutions(Engines& engines, Stream& stream, Scratch& scratch);

    // Whether cuDNN may have a plan for the product: not where it has no view, or where none was right
    // before.
    bool may_do(Direction direction, const ConvProblem& problem) const;
    // Of what it may do. Each returns false, with nothing done, where cuDNN has no right plan for it after
    // all, and another kernel has to do it.
    bool forward(const ConvProblem& problem, const float* x, const float* weight, const float* bias,
                 bool relu, float* y);
    bool grad_input(const ConvProblem& problem, const float* dy, const float* weight, bool accumulate,
                    float* dx);
    bool grad_weight(const ConvProblem& problem, const float* x, const float* dy, float* d_weight,
                     float* d_bias);

    std::vector<std::string> take_notices() { return plans_.take_notices(); }

  private:
    // Where a product leaves its result, and how its values are read.
    template <typename Value>
    struct Result {
        void* data;
        std::int64_t values;  // bf16, of the buffer
        Value value;
        std::int64_t count;  // of what `value` reads
    };
    template <typename Value, typename Plain>
    const Plan* plan_for(const Product& product, const Operands& operands, const Result<Value>& result,
                         const Plain& plain);
    void* workspace(std::int64_t bytes);
    void run(const Plan& plan, Operands operands);

    Stream& stream_;
    Scratch& scratch_;
    Engines& engines_;
    Plans plans_;
};

}  // namespace regkit::cuda::cudnn
