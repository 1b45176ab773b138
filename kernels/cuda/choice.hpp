// Which kernels the CUDA back end uses. An operation has a plain fp32 kernel and may have a faster twin;
// where the chosen kind lacks an operation, the plain kernel does it.
#pragma once

#include <optional>

#include "kernels/backend.hpp"

namespace regkit {

enum class KernelChoice : int {
    naive,  // plain kernels, fp32
    fast,   // products on tensor cores: operands rounded to bf16, sums in fp32
    cudnn,  // NVIDIA's: convolutions and LSTMs by cuDNN, the tail by cuBLASLt, the rest as fast
};

// What the environment's REGKIT_CUDA_KERNELS=naive|fast|cudnn asks for; none where it is not set. Throws
// Error(usage) on any other word.
std::optional<KernelChoice> kernels_of_environment();

// Whether the plans of cuDNN are kept in a file: not with REGKIT_CUDNN_PLANS=off. Throws Error(usage) on
// another word.
bool keeps_cudnn_plans();

// The kernels that compute in `precision`, or `wanted` where they do. Throws Error(usage) where they do not.
KernelChoice choose_kernels(Precision precision, std::optional<KernelChoice> wanted);

// Whether sums between ranks may go by NCCL: the environment's REGKIT_NCCL=on|off, on where it is not set.
// Throws Error(usage) on any other word.
bool nccl_of_environment();

}  // namespace regkit
