// Which kernels the CUDA back end may use. An operation has a plain kernel and may have others; they stand in
// a list beside the operation's code, best first (implementation.hpp).
#pragma once

#include <initializer_list>
#include <iterator>
#include <optional>
#include <string>

#include "kernels/backend.hpp"

namespace regkit {

// What computes an operation: the names of the files in the folders of kernels/cuda.
enum class Kernels : int {
    plain,     // f32, on any device
    sm80,      // on tensor cores, compute capability 8.0: operands rounded to bf16, sums in f32
    sm90,      // the same by the instructions of 9.0
    cudnn,     // NVIDIA's cuDNN
    cublaslt,  // NVIDIA's cuBLASLt
};
inline constexpr const char* kKernelNames[] = {"plain", "sm80", "sm90", "cudnn", "cublaslt"};

constexpr const char* name_of(Kernels kernels) {
    return kKernelNames[static_cast<int>(kernels)];
}

class KernelSet {
  public:
    constexpr KernelSet(std::initializer_list<Kernels> list) {
        for (const Kernels kernels : list) add(kernels);
    }
    constexpr void add(Kernels kernels) { bits_ |= bit(kernels); }
    constexpr bool has(Kernels kernels) const { return (bits_ & bit(kernels)) != 0; }
    constexpr KernelSet operator&(const KernelSet& other) const {
        KernelSet both = *this;
        both.bits_ &= other.bits_;
        return both;
    }
    constexpr bool operator==(const KernelSet&) const = default;

  private:
    static constexpr unsigned bit(Kernels kernels) { return 1u << static_cast<int>(kernels); }
    unsigned bits_ = 0;
};

// An operation with its gradients, of those that have others than plain kernels; and which.
enum class Family : int { conv, lstm, tail };
struct FamilyKernels {
    const char* name;
    KernelSet kernels;
};
inline constexpr FamilyKernels kFamilies[] = {
    {"conv", {Kernels::plain, Kernels::sm80, Kernels::sm90, Kernels::cudnn}},
    {"lstm", {Kernels::plain, Kernels::cudnn}},
    {"tail", {Kernels::plain, Kernels::sm80, Kernels::sm90, Kernels::cublaslt}},
};

// Those that each family may use; plain ones are always among them. Plain data: it passes to the plug-in.
class KernelChoice {
  public:
    static constexpr int kFamilyCount = static_cast<int>(std::size(kFamilies));

    constexpr KernelChoice(const KernelSet& everywhere = {Kernels::plain}) {
        for (int family = 0; family < kFamilyCount; ++family) set(static_cast<Family>(family), everywhere);
    }
    constexpr void set(Family family, const KernelSet& kernels) {
        KernelSet& allowed = allowed_[static_cast<int>(family)];
        allowed = kernels & kFamilies[static_cast<int>(family)].kernels;
        allowed.add(Kernels::plain);
    }
    constexpr bool allows(Family family, Kernels kernels) const {
        return allowed_[static_cast<int>(family)].has(kernels);
    }
    constexpr bool allows(Kernels kernels) const {  // in any family
        bool any = false;
        for (const KernelSet& allowed : allowed_) any = any || allowed.has(kernels);
        return any;
    }
    constexpr bool operator==(const KernelChoice&) const = default;

  private:
    KernelSet allowed_[kFamilyCount] = {{}, {}, {}};
};

inline constexpr KernelChoice kPlainKernels;
inline constexpr KernelChoice kTensorCoreKernels = KernelSet{Kernels::sm80, Kernels::sm90};
inline constexpr KernelChoice kAllKernels =
    KernelSet{Kernels::sm80, Kernels::sm90, Kernels::cudnn, Kernels::cublaslt};

// As REGKIT_CUDA_KERNELS has it: "conv=sm80,conv=cudnn,tail=sm90"; a family of plain kernels alone is named
// too.
std::string text_of(const KernelChoice& choice);

// The environment's REGKIT_CUDA_KERNELS; none where it is not set. Words apart by commas, each the name of
// kernels, which may then be used everywhere, or FAMILY=NAME, for that family alone. Throws Error(usage) on
// any other word.
std::optional<std::string> kernels_of_environment();

// The kernels that compute in `precision` or, of these, what `wanted` asks for in such words. A family that
// is named has its own words only; one that is not, where no word is for everywhere, what the precision has.
// Throws Error(usage) where they compute in another precision, too.
KernelChoice choose_kernels(Precision precision, const std::optional<std::string>& wanted);

// Whether the plans of cuDNN are kept in a file: not with REGKIT_CUDNN_PLANS=off. Throws Error(usage) on
// another word.
bool keeps_cudnn_plans();

// Whether sums between ranks may go by NCCL: the environment's REGKIT_NCCL=on|off, on where it is not set.
// Throws Error(usage) on any other word.
bool nccl_of_environment();

}  // namespace regkit
