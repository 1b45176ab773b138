// regmodel quantize: the same model with weights in 8 bits.
#pragma once

#include <string>

#include "base/log.hpp"

namespace regkit {

// Error(usage) where `output` is the model's own file; else those of load_model and save_model.
void quantize_model(const std::string& path, const std::string& output, Log& log);

}  // namespace regkit
