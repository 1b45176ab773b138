// Making the CPU back end: the table of kernels for the instruction set and precision asked for, and a team
// of threads that spins between its rounds. The operations themselves lie beside it, a file for each family
// of layers.
#include "kernels/cpu/cpu_backend.hpp"

#include "kernels/cpu/backend_impl.hpp"

namespace regkit {

CpuBackend::CpuBackend(const BackendOptions& options)
    : kernels_(cpu::select_kernels(options.isa, options.precision)),
      pool_(resolve_workers(options.workers), ThreadPool::Idle::spin),
      description_("cpu " + kernels_.isa + " " + precision_name(options.precision)) {}

std::unique_ptr<Backend> make_cpu_backend(const BackendOptions& options) {
    return std::make_unique<CpuBackend>(options);
}

std::vector<std::string> cpu_isas(Precision precision) {
    return cpu::isa_names(precision);
}

}  // namespace regkit
