// The plug-in's own sources, compiled as C++ against the emulator's <cuda_runtime.h>.
#include "test/emulator/emulator_backend.hpp"

#include "kernels/cuda/conv.cu"
#include "kernels/cuda/cuda_backend.cu"

namespace regkit {

std::unique_ptr<Backend> make_emulator_backend(emulator::Order order) {
    emulator::set_order(order);
    return make_cuda_backend("emulator", "emulator f32", 0);
}

}  // namespace regkit
