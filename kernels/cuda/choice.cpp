#include "kernels/cuda/choice.hpp"

#include <cstdlib>
#include <string>

#include "base/error.hpp"

namespace regkit {

namespace {

constexpr const char* kVariable = "REGKIT_CUDA_KERNELS";

}  // namespace

std::optional<KernelChoice> kernels_of_environment() {
    const char* const value = std::getenv(kVariable);
    if (!value) return std::nullopt;
    const std::string word = value;
    if (word == "naive") return KernelChoice::naive;
    if (word == "fast") return KernelChoice::fast;
    if (word == "cudnn") return KernelChoice::cudnn;
    throw Error(ErrorKind::usage,
                std::string(kVariable) + "=" + word + ": unknown; use naive, fast or cudnn");
}

bool nccl_of_environment() {
    const char* const value = std::getenv("REGKIT_NCCL");
    const std::string word = value ? value : "on";
    require(word == "on" || word == "off", ErrorKind::usage, "REGKIT_NCCL=" + word + ": unknown; use on or off");
    return word == "on";
}

KernelChoice choose_kernels(Precision precision, std::optional<KernelChoice> wanted) {
    const KernelChoice fitting = precision == Precision::bf16 ? KernelChoice::fast : KernelChoice::naive;
    if (!wanted || *wanted == fitting) return fitting;
    const std::string variable = kVariable;
    require(*wanted != KernelChoice::cudnn, ErrorKind::resource,
            variable + "=cudnn: this build has no cuDNN; use naive or fast");
    throw Error(ErrorKind::usage,
                *wanted == KernelChoice::fast
                    ? variable + "=fast: these kernels compute in bf16; add --precision bf16"
                    : variable + "=naive: these kernels compute in f32; use --precision f32");
}

}  // namespace regkit
