// The text by which LSTM problems are told apart and named in notices. It needs nothing of cuDNN, so a build
// without its headers has it too.
#include "kernels/cuda/cudnn/lstm_plan.hpp"

namespace regkit::cuda::cudnn {

std::string text_of(const LstmProblem& p) {
    const auto number = [](std::int64_t value) { return std::to_string(value); };
    return "lstm batch " + number(p.batch) + " length " + number(p.length) + " channels " + number(p.in) +
           " to " + number(p.directions) + " times " + number(p.hidden);
}

}  // namespace regkit::cuda::cudnn
