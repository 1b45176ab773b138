// What a back end lacks, made of what it has: each of these has a way for every back end.
#pragma once

#include <vector>

#include "kernels/backend.hpp"

namespace regkit::compose {

// Memory of the host that is kept from call to call, since the pages of a fresh array cost more than filling
// it.
using Staging = std::vector<float>;

// As the operations say; from the values of TailInfer where the back end has no more.
void tail_codes(Backend& backend, const TailCodes& op, Staging& staging);
void tail_runs(Backend& backend, const TailRuns& op, Staging& staging);

// to = the sum of `from` over all ranks, in their order (kernels/communicator.hpp); may be the same values.
// By Communicator::sum_in_order where the back end has no way of its own: the bits are the same.
void all_reduce(Backend& backend, const Slice& from, const Slice& to, Communicator& ranks, Staging& staging);

// Memory for a layer over x of up to this batch and length.
LstmMemory alloc_lstm(Backend& backend, const Shape& x, int hidden, int directions, bool training);
// As the operations say; by a convolution and the recurrence where the back end has not got the whole.
void lstm(Backend& backend, const Lstm& op);
void lstm_grad(Backend& backend, const LstmGrad& op);

}  // namespace regkit::compose
