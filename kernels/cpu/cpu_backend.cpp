#include "kernels/cpu/cpu_backend.hpp"

#include "kernels/cpu/backend_impl.hpp"

namespace regkit {

CpuBackend::CpuBackend(const BackendOptions& options)
    : kernels_(cpu::select_kernels(options.isa)),
      pool_(resolve_workers(options.workers)),
      description_("cpu " + kernels_.isa + " f32") {}

std::unique_ptr<Backend> make_cpu_backend(const BackendOptions& options) {
    return std::make_unique<CpuBackend>(options);
}

std::vector<std::string> cpu_isas() {
    return cpu::isa_names();
}

}  // namespace regkit
