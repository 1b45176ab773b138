// The kernels for compute capability 9.0 are used where their instructions do what hopper.hpp says of them.
#pragma once

#include "kernels/cuda/scratch.hpp"

namespace regkit::cuda {

// Whether they are to be used beside `scratch`: on a device of that capability, where a small kernel of all
// their instructions has given what the host computes of the same numbers. It is run, and waited for, when
// this is asked the first time; where it went wrong, `scratch` has a notice of it, and even kernels that do
// without what went wrong are not used. Throws Failure.
bool uses_hopper(Scratch& scratch);

}  // namespace regkit::cuda
