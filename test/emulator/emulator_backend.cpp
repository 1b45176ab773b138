#include "test/emulator/emulator_backend.hpp"

#include "kernels/cuda/cuda_backend.hpp"

namespace regkit {

namespace emulator {

void use_order(Order order) {
    set_order(order);
    set_copy_time(order == Order::forward   ? CopyTime::at_wait
                  : order == Order::reverse ? CopyTime::at_once
                                            : CopyTime::by_chance);
}

}  // namespace emulator

std::unique_ptr<Backend> make_emulator_backend(emulator::Order order, const KernelChoice& kernels) {
    emulator::use_order(order);
    return make_cuda_backend("emulator", "emulator", 0, kernels);
}

}  // namespace regkit
