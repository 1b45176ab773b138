// An LSTM layer of one shape as cuDNN is given it: fp32, a bias a gate, positions outermost. Of x it has
// [length][batch][in], of y [length][batch][directions * hidden]; the weights of input and recurrence and the
// biases lie together where cuDNN wants them.
#pragma once

#include <array>
#include <cstdint>
#include <string>

namespace regkit::cuda::cudnn {

struct LstmProblem {
    std::int64_t batch, length, in, hidden, directions;

    std::int64_t gates() const { return 4 * directions; }
    std::int64_t out() const { return directions * hidden; }
};

// One line that tells problems apart.
std::string text_of(const LstmProblem& problem);

// Where the parameters of one gate begin in cuDNN's weights, in floats: [hidden][in], [hidden][hidden],
// [hidden].
struct GatePlaces {
    std::int64_t weight_ih, weight_hh, bias;
};

// Device memory, of which a run reads and writes what it needs.
struct LstmOperands {
    float *x, *y, *dy, *dx;
    float *weights, *d_weights;  // the gradient is added to what these hold
    void* workspace;
    void* reserve;  // what the forward pass of training leaves for the gradient
    void* stream;   // of CUDA, on which it runs
};

// A problem ready to run.
class LstmPlan {
  public:
    struct Sizes {
        std::int64_t weights;             // floats
        std::int64_t workspace, reserve;  // bytes
    };
    // By direction and gate (i, f, g, o).
    using Places = std::array<GatePlaces, 8>;

    LstmPlan(const Sizes& sizes, const Places& places) : sizes_(sizes), places_(places) {}
    virtual ~LstmPlan() = default;
    LstmPlan(const LstmPlan&) = delete;
    LstmPlan& operator=(const LstmPlan&) = delete;

    const Sizes& sizes() const { return sizes_; }
    const Places& places() const { return places_; }

    // Each queues its work on the operands' stream; false where that fails.
    virtual bool forward(const LstmOperands& operands, bool training) const = 0;
    // Writes dx and adds to d_weights; what the reserve holds is gone then.
    virtual bool gradient(const LstmOperands& operands) const = 0;

  private:
    Sizes sizes_;
    Places places_;
};

}  // namespace regkit::cuda::cudnn
