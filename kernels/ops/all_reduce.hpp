// Sums over ranks on the device. compose::all_reduce is what to call: it has a way for every back end.
#pragma once

#include "kernels/communicator.hpp"
#include "kernels/tensor.hpp"

namespace regkit {

// to = the sum of `from` over all ranks, in their order; may be the same values. The bits are those of
// Communicator::sum_in_order.
struct AllReduce {
    static constexpr const char* kName = "all_reduce";
    Slice from;
    Slice to;
    QuietRanks* ranks;

    void check() const;
};

}  // namespace regkit
