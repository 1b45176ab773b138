// From --device and --precision to a back end. "cpu", "reference" and "cuda:N" get what they name, or an
// error that says why not. "auto" takes a GPU only where the plug-in loads and its kernels are proven on
// hardware, and else the CPU; the notice that goes with the choice says why the GPU is not used.
#include <optional>

#include "kernels/backend.hpp"
#include "kernels/base/error.hpp"
#include "kernels/base/number.hpp"
#include "kernels/cpu/cpu_backend.hpp"
#include "kernels/cuda/choice.hpp"
#include "kernels/cuda/plugin.hpp"
#include "kernels/reference/reference_backend.hpp"

namespace regkit {

namespace {

// N of "cuda:N"; "cuda" alone is device 0.
int cuda_device(const std::string& device) {
    if (device == "cuda") return 0;
    const auto number = parse_int(std::string_view(device).substr(5), 0, 1023);
    require(number.has_value(), ErrorKind::usage,
            "--device " + device + ": not a device number; use cuda:0, cuda:1, ...");
    return static_cast<int>(*number);
}

// A GPU's users expect its speed.
std::string notice_of_plain_kernels(const KernelChoice& kernels, bool are_wanted) {
    if (kernels != kPlainKernels || are_wanted) return "";
    return "--device cuda computes f32 by plain kernels; --precision bf16 runs on tensor cores";
}

BackendChoice choose_automatically(const BackendOptions& options) {
    std::string notice;
    const auto wanted = kernels_of_environment();
    if (has_cuda_driver()) {
        try {
            const KernelChoice kernels = choose_kernels(options.precision, wanted);
            auto backend = load_cuda_backend(0, kernels, cuda_plugin_paths());
            // Its kernels have run under the emulator alone; test/kernels has to pass on a GPU first.
            constexpr bool kSeenOnHardware = false;
            if (kSeenOnHardware)
                return {std::move(backend), notice_of_plain_kernels(kernels, wanted.has_value())};
            notice = "its kernels are not proven on hardware yet; --device cuda asks for them";
        } catch (const Error& error) {
            notice = error.what();
        }
        notice = "the GPU is not used (" + notice + "); running on the CPU";
    }
    BackendOptions cpu = options;
    cpu.device = "cpu";
    return {make_backend(cpu).backend, notice};
}

}  // namespace

const char* precision_name(Precision precision) {
    return precision == Precision::bf16 ? "bf16" : "f32";
}

BackendChoice make_backend(const BackendOptions& options) {
    const std::string& device = options.device;
    if (device == "cpu") return {make_cpu_backend(options), ""};
    if (device == "reference") {
        require(options.precision == Precision::f32, ErrorKind::usage,
                "--precision bf16: --device reference has f32 only; use another device or --precision f32");
        return {make_reference_backend(), ""};
    }
    if (device == "cuda" || device.starts_with("cuda:")) {
        const auto wanted = kernels_of_environment();
        const KernelChoice kernels = choose_kernels(options.precision, wanted);
        nccl_of_environment();  // a word that makes no sense is told before the plug-in is asked
        auto backend = load_cuda_backend(cuda_device(device), kernels, cuda_plugin_paths());
        return {std::move(backend), notice_of_plain_kernels(kernels, wanted.has_value())};
    }
    if (device == "auto") return choose_automatically(options);
    throw Error(ErrorKind::usage, "--device " + device + ": unknown; use auto, cpu, cuda or cuda:N");
}

}  // namespace regkit
