#include "test/emulator/emulator_backend.hpp"

#include "kernels/cuda/cuda_backend.hpp"

namespace regkit {

std::unique_ptr<Backend> make_emulator_backend(emulator::Order order, KernelChoice kernels) {
    emulator::set_order(order);
    return make_cuda_backend("emulator", "emulator", 0, kernels);
}

}  // namespace regkit
