// Whether anybody could run a model: a few hundred bytes of a spec can ask for any amount of memory and time.
#pragma once

#include <cstdint>
#include <string>

#include "nn/spec.hpp"

namespace regkit {

inline constexpr std::int64_t kMaxParameters = std::int64_t{1} << 28;  // 1 GiB of a file

// Error(input) "SOURCE: layer 'x': ..." where the model has more than kMaxParameters weights, or where a
// first prediction of 100 bases would take more than about 160 MiB beside the weights, or more arithmetic
// than a processor does in some seconds. Nothing is allocated in proportion to the model.
void require_affordable(const Spec& spec, int markers, const std::string& source);

}  // namespace regkit
