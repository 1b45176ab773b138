// The rows of the CUDA back end in the table of back ends under test.
#include <doctest/doctest.h>

#include "base/error.hpp"
#include "kernels/cuda/plugin.hpp"
#include "test/emulator/emulator_backend.hpp"
#include "test/kernels/harness.hpp"

namespace regkit::test {

namespace {

using emulator::Order;

// The CUDA back end under the emulator: the order in which threads run must not change a bit.
void add_emulator(std::vector<BackendUnderTest>& table) {
    const std::string forward = "emulator, threads forward";
    table.push_back({forward, [] { return make_emulator_backend(Order::forward); }, 1e-5, ""});
    table.push_back(
        {"emulator, threads reverse", [] { return make_emulator_backend(Order::reverse); }, 1e-5, forward});
    table.push_back(
        {"emulator, threads shuffled", [] { return make_emulator_backend(Order::shuffled); }, 1e-5, forward});
}

// And on a GPU, where this machine has one that the plug-in can use.
void add_gpu(std::vector<BackendUnderTest>& table) {
    const auto open = [] { return load_cuda_backend(0, cuda_plugin_paths()); };
    try {
        open();
        table.push_back({"cuda", open, 1e-5, ""});
    } catch (const Error& error) {
        MESSAGE("without a GPU: " << std::string(error.what()));
    }
}

}  // namespace

void add_cuda(std::vector<BackendUnderTest>& table) {
    add_emulator(table);
    add_gpu(table);
}

}  // namespace regkit::test
