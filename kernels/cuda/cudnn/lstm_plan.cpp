#include "kernels/cuda/cudnn/lstm_plan.hpp"

namespace regkit::cuda::cudnn {

std::string text_of(const LstmProblem& p) {
    const auto number = [](std::int64_t value) { return std::to_string(value); };
    return "lstm batch " + number(p.batch) + " length " + number(p.length) + " channels " + number(p.in) +
           " to " + number(p.directions) + " times " + number(p.hidden);
}

}  // namespace regkit::cuda::cudnn
