// Reads the user's words in REGKIT_CUDA_KERNELS, REGKIT_NCCL and REGKIT_CUDNN_PLANS, and holds them against
// --precision: plain kernels compute in f32, the fast ones and cuDNN's in bf16, and a pair that does not fit
// is refused rather than computed otherwise. All of it is told before a device is looked for.
#include "kernels/cuda/choice.hpp"

#include <cstdlib>
#include <string>

#include "kernels/base/error.hpp"

namespace regkit {

namespace {

constexpr const char* kVariable = "REGKIT_CUDA_KERNELS";
constexpr const char* kPlansVariable = "REGKIT_CUDNN_PLANS";

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
    require(word == "on" || word == "off", ErrorKind::usage,
            "REGKIT_NCCL=" + word + ": unknown; use on or off");
    return word == "on";
}

bool keeps_cudnn_plans() {
    const char* const value = std::getenv(kPlansVariable);
    if (!value) return true;
    require(std::string(value) == "off", ErrorKind::usage,
            std::string(kPlansVariable) + "=" + value + ": unknown; use off, or unset it");
    return false;
}

KernelChoice choose_kernels(Precision precision, std::optional<KernelChoice> wanted) {
    const bool bf16 = precision == Precision::bf16;
    const KernelChoice kernels = wanted.value_or(bf16 ? KernelChoice::fast : KernelChoice::naive);
    const std::string variable = kVariable;
    if (kernels == KernelChoice::naive) {
        require(!bf16, ErrorKind::usage,
                variable + "=naive: these kernels compute in f32; use --precision f32");
        return kernels;
    }
    require(bf16, ErrorKind::usage,
            variable + (kernels == KernelChoice::fast ? "=fast" : "=cudnn") +
                ": these kernels compute in bf16; add --precision bf16");
    if (kernels == KernelChoice::cudnn)
        keeps_cudnn_plans();  // a wrong word is told before a device is looked for
    return kernels;
}

}  // namespace regkit
