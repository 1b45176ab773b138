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

struct Row {
    KernelChoice choice;
    const char* name;
    double tolerance;
};
constexpr Row kRows[] = {{kPlainKernels, "plain", 1e-5}, {kTensorCoreKernels, "tensor cores", 2e-2}};
// What is by other kernels, convolutions, LSTMs and the tail, has tests of its own under the emulator.
constexpr Row kLibraries = {kAllKernels, "libraries", 2e-2};

// The CUDA back end under the emulator: the order in which threads run must not change a bit. Compute
// capability 9.0 has kernels of its own in bf16, some of whose sums have another order. The emulator is slow:
// the short form has one order for each capability's kernels, and none under the sanitizers, ten times as
// slow still.
void add_emulator(std::vector<BackendUnderTest>& table, const Row& row) {
    const bool in_bf16 = row.choice != kPlainKernels;
    const std::string label = std::string("emulator ") + row.name + ", threads ";
    const auto add = [&](const char* name, Order order, int capability, const std::string& same_bits) {
        const auto make = [=] {
            const OnDevice device(capability);
            return make_emulator_backend(order, row.choice);
        };
        table.push_back({label + name, make, row.tolerance, same_bits});
    };
    if (!kSanitized || long_form()) add("forward", Order::forward, 80, "");
    if (kSanitized) return;  // what is read and written does not depend on the order
    if (in_bf16 || long_form()) add("reverse", Order::reverse, 90, in_bf16 ? "" : label + "forward");
    if (long_form()) add("shuffled", Order::shuffled, 90, label + "reverse");
}

// And on a GPU, where this machine has one that the plug-in can use, with what `words` of REGKIT_CUDA_KERNELS
// choose; test/gpu/run.sh finds a row by them.
void add_gpu(std::vector<BackendUnderTest>& table, const char* words) {
    const Precision precision = words == std::string("plain") ? Precision::f32 : Precision::bf16;
    const KernelChoice choice = choose_kernels(precision, words);
    const auto open = [=] { return load_cuda_backend(0, choice, cuda_plugin_paths()); };
    try {
        open();
        table.push_back(
            {std::string("cuda ") + words + ";", open, precision == Precision::f32 ? 1e-5 : 2e-2, ""});
    } catch (const Error& error) {
        MESSAGE("without a GPU: " << std::string(error.what()));
    }
}

}  // namespace

void add_cuda(std::vector<BackendUnderTest>& table) {
    for (const Row& row : kRows) add_emulator(table, row);
    const auto with_stand_ins = [] { return make_emulator_backend(Order::forward, kLibraries.choice); };
    if (long_form() && !kSanitized)
        table.push_back({"emulator libraries", with_stand_ins, kLibraries.tolerance, ""});
    setenv("REGKIT_CUDNN_PLANS", "off", 1);  // every shape is timed here, and the user's file left alone
    for (const char* const words : {"plain", "sm80", "sm80,sm90", "sm80,sm90,cudnn,cublaslt"})
        add_gpu(table, words);
    unsetenv("REGKIT_CUDNN_PLANS");
}

}  // namespace regkit::test

// Two of them: one says so, one is older than the question.
TEST_CASE("cuda: a plug-in of another build is refused before it is used") {
    for (const char* const path : {REGKIT_OTHER_PLUGIN, REGKIT_OLD_PLUGIN}) {
        CAPTURE(path);
        std::string text;
        try {
            regkit::load_cuda_backend(0, regkit::kPlainKernels, {path});
        } catch (const regkit::Error& error) {
            CHECK(error.kind() == regkit::ErrorKind::resource);
            text = error.what();
        }
        CHECK(text.find("belongs to another build of regkit") != std::string::npos);
    }
}
