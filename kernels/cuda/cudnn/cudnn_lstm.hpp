// cuDNN's RNN functions as far as an LSTM layer needs them. Its descriptors need no device; how large its
// memory is, and where weights lie in it, it tells only with a handle, and so on a device.
#pragma once

#include <functional>
#include <memory>

#include "kernels/cuda/cudnn/library.hpp"
#include "kernels/cuda/cudnn/lstm_plan.hpp"

namespace regkit::cuda::cudnn {

// Owns cuDNN's descriptors of a problem. Throws CallFailed.
class LstmDescriptors {
  public:
    explicit LstmDescriptors(const LstmProblem& problem);

    cudnnRNNDescriptor_t rnn() const { return rnn_.get(); }
    cudnnRNNDataDescriptor_t x() const { return x_.get(); }
    cudnnRNNDataDescriptor_t y() const { return y_.get(); }
    // h and c before the first step and after the last.
    cudnnTensorDescriptor_t state() const { return state_.get(); }

    struct Destroy {
        void operator()(cudnnRNNDescriptor_t raw) const { library().destroy_rnn(raw); }
        void operator()(cudnnRNNDataDescriptor_t raw) const { library().destroy_rnn_data(raw); }
        void operator()(cudnnTensorDescriptor_t raw) const { library().destroy_tensor(raw); }
    };
    using Tensor = std::unique_ptr<cudnnTensorStruct, Destroy>;
    static Tensor tensor();  // of no size yet

  private:
    std::unique_ptr<cudnnRNNStruct, Destroy> rnn_;
    std::unique_ptr<cudnnRNNDataStruct, Destroy> x_, y_;
    Tensor state_;
};

// As Engines::lstm. Throws CallFailed.
std::unique_ptr<LstmPlan> lstm_plan(const LstmProblem& problem, cudnnHandle_t handle,
                                    const std::function<void*(std::int64_t bytes)>& memory);

}  // namespace regkit::cuda::cudnn
