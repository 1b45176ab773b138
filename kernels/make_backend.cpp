#include "base/error.hpp"
#include "base/number.hpp"
#include "kernels/backend.hpp"
#include "kernels/cpu/cpu_backend.hpp"
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

void require_f32(const BackendOptions& options) {
    require(options.precision == Precision::f32, ErrorKind::usage,
            "--precision " + std::string(precision_name(options.precision)) + ": --device " + options.device +
                " has f32 only; use --device cpu or --precision f32");
}

BackendChoice choose_automatically(const BackendOptions& options) {
    std::string notice;
    if (has_cuda_driver() && options.precision == Precision::f32) {
        try {
            auto backend = load_cuda_backend(0, cuda_plugin_paths());
            // Its kernels have run under the emulator alone; test/kernels has to pass on a GPU first.
            constexpr bool kSeenOnHardware = false;
            if (kSeenOnHardware && backend->is_complete()) return {std::move(backend), ""};
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
        require_f32(options);
        return {make_reference_backend(), ""};
    }
    if (device == "cuda" || device.starts_with("cuda:")) {
        require_f32(options);
        return {load_cuda_backend(cuda_device(device), cuda_plugin_paths()), ""};
    }
    if (device == "auto") return choose_automatically(options);
    throw Error(ErrorKind::usage, "--device " + device + ": unknown; use auto, cpu, cuda or cuda:N");
}

}  // namespace regkit
