// Takes the place of cudnn_engines.cpp in a plug-in that was built without cuDNN's headers: asking for its
// kernels is an error that says so, as the user named them.
#include "kernels/base/error.hpp"
#include "kernels/cuda/cudnn/engines.hpp"

namespace regkit::cuda::cudnn {

std::unique_ptr<Engines> open_engines(int) {
    throw Error(ErrorKind::resource, "REGKIT_CUDA_KERNELS=cudnn: this build has no cuDNN");
}

}  // namespace regkit::cuda::cudnn
