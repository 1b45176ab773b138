// Several ways to compute one operation. They stand in a list, best first and the plain kernel last: the
// first that is allowed (choice.hpp), that fits the operation and that this device has computes it
// (CudaBackend::compute). After oneDNN, src/gpu/gpu_convolution_list.cpp.
#pragma once

#include <cstddef>
#include <vector>

#include "kernels/cuda/choice.hpp"

namespace regkit {

class CudaBackend;

namespace cuda {

template <typename Op>
struct Implementation {
    Kernels kernels;
    // Whether it takes this operation; of a library, whether it has a way to do it, as far as is known. It
    // may say why not in a notice.
    bool (*fits)(const Op& op, CudaBackend& backend);
    // Computes it. False, with nothing done, where a library's first result of this shape was wrong, of which
    // there is a notice: the next in the list then does it. Throws Failure.
    bool (*run)(const Op& op, CudaBackend& backend);
};

template <typename Op>
bool fits_always(const Op&, CudaBackend&) {
    return true;
}

// Whether a list ends with the plain kernel and has what choice.hpp says of its family, no more and no less.
template <typename Op, std::size_t n>
constexpr bool is_list_of(Family family, const Implementation<Op> (&list)[n]) {
    KernelSet all{};
    for (const Implementation<Op>& implementation : list) all.add(implementation.kernels);
    return all == kFamilies[static_cast<int>(family)].kernels && list[n - 1].kernels == Kernels::plain;
}

// The lists, for tests: what there is of which operation.
struct ImplementationName {
    Family family;
    const char* operation;
    Kernels kernels;
};
std::vector<ImplementationName> implementations();

template <typename Op, std::size_t n>
void add_names(Family family, const Implementation<Op> (&list)[n], std::vector<ImplementationName>& to) {
    for (const Implementation<Op>& implementation : list)
        to.push_back({family, Op::kName, implementation.kernels});
}
// Of conv/conv.cu, lstm/lstm.cu, tail/tail.cu.
void add_conv_names(std::vector<ImplementationName>& to);
void add_lstm_names(std::vector<ImplementationName>& to);
void add_tail_names(std::vector<ImplementationName>& to);

}  // namespace cuda

}  // namespace regkit
