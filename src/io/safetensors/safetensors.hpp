// The safetensors file format (huggingface/safetensors, README "Format"), the strict subset that models need:
// F32 and I8 tensors, header at most 16 MiB, at most 4,096 tensors of rank at most 8, sizes checked before
// allocation, exact coverage, no duplicates, finite values.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "base/named_tensor.hpp"

namespace regkit {

class OutputSet;

struct TensorFile {
    std::map<std::string, std::string> metadata;
    std::vector<NamedTensor> tensors;  // in the order of their data
    // Names of those that are I8 in the file: their values are whole numbers from -128 to 127.
    std::set<std::string> bytes;
};

// Throws Error(input) naming what is wrong, Error(resource) when it cannot be read, or when the memory that
// the file claims cannot be had. `check` sees metadata and shapes (of tensors without values) before room is
// made for a value; what it throws ends the reading.
using CheckHeader = std::function<void(const TensorFile&)>;
TensorFile read_safetensors(const std::string& path, const CheckHeader& check = {});
// Atomic (AtomicFile). Tensors are written in the order given; equal input gives equal bytes. Error(input) on
// a value that is not finite, one of an I8 tensor that is none, a shape that does not fit its values, or a
// name given twice: nothing is written then.
void write_safetensors(const std::string& path, const TensorFile& file);
// The same, to appear together with other outputs.
void add_safetensors(OutputSet& outputs, const std::string& path, const TensorFile& file);
// SHA-256 of everything a file says but the metadata entry `except` (where the result itself may be kept),
// hexadecimal.
std::string content_sha256(const TensorFile& file, const std::string& except);

}  // namespace regkit
