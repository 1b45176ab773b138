// What the emulator's parts know of its streams.
#pragma once

#include "test/emulator/cuda_runtime.h"

namespace regkit::emulator {

// Whether nothing is queued on any stream.
bool is_all_idle();
// Whether calls of this function are to be left out.
bool is_left_out(const char* call);

}  // namespace regkit::emulator
