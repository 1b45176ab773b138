// Takes the place of lt_engine.cpp in a plug-in that was built without cuBLASLt's header: there is never an
// engine, and the caller learns why, so that the tail runs on other kernels.
#include "kernels/cuda/cublaslt/engine.hpp"

namespace regkit::cuda::cublaslt {

std::unique_ptr<Engine> open_engine(std::string& why) {
    why = "this build has no cuBLASLt";
    return nullptr;
}

}  // namespace regkit::cuda::cublaslt
