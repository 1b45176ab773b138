// A plan is made by describing the layer to cuDNN, asking how much memory it wants, and asking for the place
// of every gate's weights in it; a place or layout other than expected is refused, not guessed. Running a
// plan is one call forward and two for the gradients. The algorithm and arithmetic asked for are those that
// take any shape and round operands to TF32 (see LstmDescriptors).
#include "kernels/cuda/cudnn/cudnn_lstm.hpp"

#include <algorithm>
#include <limits>
#include <utility>
#include <vector>

namespace regkit::cuda::cudnn {

namespace {

constexpr cudnnDataType_t kType = CUDNN_DATA_FLOAT;

int int_of(std::int64_t value) {
    if (value > std::numeric_limits<int>::max())
        throw CallFailed{CUDNN_STATUS_BAD_PARAM,
                         "a size of " + std::to_string(value) + " is too large for it"};
    return static_cast<int>(value);
}

using RnnData = std::unique_ptr<cudnnRNNDataStruct, LstmDescriptors::Destroy>;

// All sequences of one length, so that those that are packed lie as [length][batch][channels].
RnnData sequences(const LstmProblem& problem, std::int64_t channels) {
    cudnnRNNDataDescriptor_t raw = nullptr;
    require_success(library().create_rnn_data(&raw));
    RnnData data(raw);
    const int length = int_of(problem.length), batch = int_of(problem.batch);
    const std::vector<int> lengths(static_cast<std::size_t>(batch), length);
    require_success(library().set_rnn_data(raw, kType, CUDNN_RNN_DATA_LAYOUT_SEQ_MAJOR_PACKED, length, batch,
                                           int_of(channels), lengths.data(), nullptr));
    return data;
}

// ---- where parameters lie
struct Matrix {
    std::int64_t weight, bias;  // begin, in floats; the bias of one that has none means nothing
};

class Weights {
  public:
    Weights(cudnnHandle_t handle, const LstmDescriptors& descriptors, std::int64_t bytes, void* memory)
        : handle_(handle), descriptors_(descriptors), bytes_(bytes), memory_(static_cast<char*>(memory)) {}

    // `number`: 0 to 3 the gates' matrices of the input, 4 to 7 those of the recurrence.
    Matrix matrix(int direction, int number, std::int64_t rows, std::int64_t columns) const {
        const auto shape = LstmDescriptors::tensor(), bias_shape = LstmDescriptors::tensor();
        void *weight = nullptr, *bias = nullptr;
        require_success(library().rnn_weight_params(handle_, descriptors_.rnn(), direction,
                                                    static_cast<std::size_t>(bytes_), memory_, number,
                                                    shape.get(), &weight, bias_shape.get(), &bias));
        require_rows(shape.get(), rows, columns);
        const bool biased = number < 4;
        if (biased) require_rows(bias_shape.get(), rows, 1);
        return {place(weight, rows * columns), biased ? place(bias, rows) : 0};
    }

  private:
    // That it is rows of columns, without gaps.
    static void require_rows(cudnnTensorDescriptor_t shape, std::int64_t rows, std::int64_t columns) {
        cudnnDataType_t type{};
        int dimensions = 0, sizes[3] = {}, strides[3] = {};
        require_success(library().get_tensor(shape, 3, &type, &dimensions, sizes, strides));
        if (type != kType || dimensions != 3 || sizes[0] != 1 || sizes[1] != rows || sizes[2] != columns ||
            (rows > 1 && strides[1] != columns) || (columns > 1 && strides[2] != 1))
            throw CallFailed{CUDNN_STATUS_NOT_SUPPORTED, "its weights have another layout"};
    }

    std::int64_t place(const void* address, std::int64_t count) const {
        constexpr std::int64_t kFloat = sizeof(float);
        const std::int64_t begin = address ? static_cast<const char*>(address) - memory_ : -1;
        if (begin < 0 || begin % kFloat != 0 || begin + count * kFloat > bytes_)
            throw CallFailed{CUDNN_STATUS_NOT_SUPPORTED, "its weights lie outside their memory"};
        return begin / kFloat;
    }

    cudnnHandle_t handle_;
    const LstmDescriptors& descriptors_;
    std::int64_t bytes_;
    char* memory_;
};

// ---- the plan
class CudnnLstm final : public LstmPlan {
  public:
    CudnnLstm(const Sizes& sizes, const Places& places, cudnnHandle_t handle, LstmDescriptors descriptors)
        : LstmPlan(sizes, places), handle_(handle), descriptors_(std::move(descriptors)) {}

    // States before the first step are zero, those after the last are not asked for. Since cuDNN 8.9.1 it
    // takes the sequences' lengths from the descriptors alone.
    bool forward(const LstmOperands& o, bool training) const override {
        const LstmDescriptors& d = descriptors_;
        return on(o.stream) &&
               library().rnn_forward(
                   handle_, d.rnn(), training ? CUDNN_FWD_MODE_TRAINING : CUDNN_FWD_MODE_INFERENCE, nullptr,
                   d.x(), o.x, d.y(), o.y, d.state(), nullptr, nullptr, d.state(), nullptr, nullptr,
                   weight_bytes(), o.weights, workspace_bytes(), o.workspace, training ? reserve_bytes() : 0,
                   training ? o.reserve : nullptr) == CUDNN_STATUS_SUCCESS;
    }

    bool gradient(const LstmOperands& o) const override {
        const LstmDescriptors& d = descriptors_;
        return on(o.stream) &&
               library().rnn_backward_data(handle_, d.rnn(), nullptr, d.y(), o.y, o.dy, d.x(), o.dx,
                                           d.state(), nullptr, nullptr, nullptr, d.state(), nullptr, nullptr,
                                           nullptr, weight_bytes(), o.weights, workspace_bytes(), o.workspace,
                                           reserve_bytes(), o.reserve) == CUDNN_STATUS_SUCCESS &&
               library().rnn_backward_weights(handle_, d.rnn(), CUDNN_WGRAD_MODE_ADD, nullptr, d.x(), o.x,
                                              d.state(), nullptr, d.y(), o.y, weight_bytes(), o.d_weights,
                                              workspace_bytes(), o.workspace, reserve_bytes(),
                                              o.reserve) == CUDNN_STATUS_SUCCESS;
    }

  private:
    bool on(void* stream) const {
        return library().set_stream(handle_, static_cast<cudaStream_t>(stream)) == CUDNN_STATUS_SUCCESS;
    }
    std::size_t weight_bytes() const { return static_cast<std::size_t>(sizes().weights) * sizeof(float); }
    std::size_t workspace_bytes() const { return static_cast<std::size_t>(sizes().workspace); }
    std::size_t reserve_bytes() const { return static_cast<std::size_t>(sizes().reserve); }

    cudnnHandle_t handle_;
    LstmDescriptors descriptors_;
};

}  // namespace

LstmDescriptors::Tensor LstmDescriptors::tensor() {
    cudnnTensorDescriptor_t raw = nullptr;
    require_success(library().create_tensor(&raw));
    return Tensor(raw);
}

// The algorithm is the one for any shape that computes step after step; others keep weights in registers and
// need shapes that suit them. CUDNN_DEFAULT_MATH rounds operands to TF32; its other math on tensor cores
// would take them to fp16, which gradients do not fit. Without projections the size of one is that of h;
// without layers behind one another there is no dropout.
LstmDescriptors::LstmDescriptors(const LstmProblem& problem) : state_(tensor()) {
    cudnnRNNDescriptor_t raw = nullptr;
    require_success(library().create_rnn(&raw));
    rnn_.reset(raw);
    const int hidden = int_of(problem.hidden);
    require_success(library().set_rnn(raw, CUDNN_RNN_ALGO_STANDARD, CUDNN_LSTM, CUDNN_RNN_SINGLE_INP_BIAS,
                                      problem.directions == 2 ? CUDNN_BIDIRECTIONAL : CUDNN_UNIDIRECTIONAL,
                                      CUDNN_LINEAR_INPUT, kType, kType, CUDNN_DEFAULT_MATH,
                                      int_of(problem.in), hidden, hidden, 1, nullptr,
                                      CUDNN_RNN_PADDED_IO_DISABLED));
    x_ = sequences(problem, problem.in);
    y_ = sequences(problem, problem.out());
    const int sizes[] = {int_of(problem.directions), int_of(problem.batch), hidden};
    const int strides[] = {int_of(problem.batch * problem.hidden), hidden, 1};
    require_success(library().set_tensor(state_.get(), kType, 3, sizes, strides));
}

std::unique_ptr<LstmPlan> lstm_plan(const LstmProblem& problem, cudnnHandle_t handle,
                                    const std::function<void*(std::int64_t bytes)>& memory) {
    LstmDescriptors descriptors(problem);
    std::size_t weight_bytes = 0, workspace = 0, training_workspace = 0, none = 0, reserve = 0;
    require_success(library().rnn_weight_space(handle, descriptors.rnn(), &weight_bytes));
    require_success(library().rnn_temp_space(handle, descriptors.rnn(), CUDNN_FWD_MODE_INFERENCE,
                                             descriptors.x(), &workspace, &none));
    require_success(library().rnn_temp_space(handle, descriptors.rnn(), CUDNN_FWD_MODE_TRAINING,
                                             descriptors.x(), &training_workspace, &reserve));
    const auto bytes = static_cast<std::int64_t>(weight_bytes);
    const Weights weights(handle, descriptors, bytes, memory(bytes));
    LstmPlan::Places places{};
    for (int direction = 0; direction < problem.directions; ++direction)
        for (int gate = 0; gate < 4; ++gate) {
            const Matrix input = weights.matrix(direction, gate, problem.hidden, problem.in);
            const Matrix recurrence = weights.matrix(direction, 4 + gate, problem.hidden, problem.hidden);
            places[static_cast<std::size_t>(direction * 4 + gate)] = {input.weight, recurrence.weight,
                                                                      input.bias};
        }
    const LstmPlan::Sizes sizes{bytes / static_cast<std::int64_t>(sizeof(float)),
                                static_cast<std::int64_t>(std::max(workspace, training_workspace)),
                                static_cast<std::int64_t>(reserve)};
    return std::make_unique<CudnnLstm>(sizes, places, handle, std::move(descriptors));
}

}  // namespace regkit::cuda::cudnn
