// The safetensors file format (huggingface/safetensors, README "Format"), the strict subset that models need: F32 tensors,
// header at most 16 MiB, sizes checked before allocation, exact coverage, no duplicates, finite values.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "base/named_tensor.hpp"

namespace regkit {

struct TensorFile {
    std::map<std::string, std::string> metadata;
    std::vector<NamedTensor> tensors;
};

// Throws Error(input) naming what is wrong, Error(resource) when it cannot be read.
TensorFile read_safetensors(const std::string& path);
// Atomic (AtomicFile). Tensors are written in the order given; equal input gives equal bytes.
void write_safetensors(const std::string& path, const TensorFile& file);
// SHA-256 of a file, hexadecimal.
std::string sha256_file(const std::string& path);

}  // namespace regkit
