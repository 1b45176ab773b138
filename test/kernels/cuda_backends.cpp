// The rows of the CUDA back end in the table of back ends under test.
#include <doctest/doctest.h>

#include "kernels/base/error.hpp"
#include "kernels/cuda/plugin.hpp"
#include "test/emulator/emulator_backend.hpp"
#include "test/emulator/fault.hpp"
#include "test/kernels/harness.hpp"

namespace regkit::test {

namespace {

using emulator::Order;

struct Kernels {
    KernelChoice choice;
    const char* name;
    double tolerance;
};
constexpr Kernels kKernels[] = {{KernelChoice::naive, "naive", 1e-5}, {KernelChoice::fast, "fast", 2e-2}};
// What is not as fast, convolutions, LSTMs and the tail, has tests of its own under the emulator.
constexpr Kernels kCudnn = {KernelChoice::cudnn, "cudnn", 2e-2};

#ifdef __SANITIZE_ADDRESS__
constexpr bool kSanitized = true;
#else
constexpr bool kSanitized = false;
#endif

// The CUDA back end under the emulator: the order in which threads run must not change a bit. Compute
// capability 9.0 has fast kernels of its own, some of whose sums have another order. The emulator is slow:
// the short form has one order for each capability's kernels, and none under the sanitizers, ten times as
// slow still.
void add_emulator(std::vector<BackendUnderTest>& table, const Kernels& kernels) {
    const bool fast = kernels.choice != KernelChoice::naive;
    const std::string label = std::string("emulator ") + kernels.name + ", threads ";
    const auto add = [&](const char* name, Order order, int capability, const std::string& same_bits) {
        const auto make = [=] {
            const OnDevice device(capability);
            return make_emulator_backend(order, kernels.choice);
        };
        table.push_back({label + name, make, kernels.tolerance, same_bits});
    };
    if (!kSanitized || long_form()) add("forward", Order::forward, 80, "");
    if (kSanitized) return;  // what is read and written does not depend on the order
    if (fast || long_form()) add("reverse", Order::reverse, 90, fast ? "" : label + "forward");
    if (long_form()) add("shuffled", Order::shuffled, 90, label + "reverse");
}

// And on a GPU, where this machine has one that the plug-in can use.
void add_gpu(std::vector<BackendUnderTest>& table, const Kernels& kernels) {
    const auto open = [=] { return load_cuda_backend(0, kernels.choice, cuda_plugin_paths()); };
    try {
        open();
        table.push_back({std::string("cuda ") + kernels.name, open, kernels.tolerance, ""});
    } catch (const Error& error) {
        MESSAGE("without a GPU: " << std::string(error.what()));
    }
}

}  // namespace

void add_cuda(std::vector<BackendUnderTest>& table) {
    for (const Kernels& kernels : kKernels) add_emulator(table, kernels);
    const auto with_stand_ins = [] { return make_emulator_backend(Order::forward, kCudnn.choice); };
    if (long_form() && !kSanitized) table.push_back({"emulator cudnn", with_stand_ins, kCudnn.tolerance, ""});
    for (const Kernels& kernels : kKernels) add_gpu(table, kernels);
    setenv("REGKIT_CUDNN_PLANS", "off", 1);  // every shape is timed here, and the user's file left alone
    add_gpu(table, kCudnn);
    unsetenv("REGKIT_CUDNN_PLANS");
}

}  // namespace regkit::test

// Two of them: one says so, one is older than the question.
TEST_CASE("cuda: a plug-in of another build is refused before it is used") {
    for (const char* const path : {REGKIT_OTHER_PLUGIN, REGKIT_OLD_PLUGIN}) {
        CAPTURE(path);
        std::string text;
        try {
            regkit::load_cuda_backend(0, regkit::KernelChoice::naive, {path});
        } catch (const regkit::Error& error) {
            CHECK(error.kind() == regkit::ErrorKind::resource);
            text = error.what();
        }
        CHECK(text.find("belongs to another build of regkit") != std::string::npos);
    }
}
