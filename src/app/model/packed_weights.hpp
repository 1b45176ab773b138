// Weights in 8 bits, for files a quarter as large: of each weight tensor integers from -127 to 127, and a
// scale for each of its rows. In memory a model has plain weights, whatever its file has.
#pragma once

#include <string>
#include <vector>

#include "io/safetensors/safetensors.hpp"

namespace regkit {

// Of a model's file: every tensor of two or more dimensions becomes whole numbers, I8 in the file, and a
// tensor NAME.scale (rows) is added: the largest magnitude of a row (all elements of one index of the first
// dimension) divided by 127. Each weight is off by half its row's scale at most.
void pack_weights(TensorFile& file);
// The reverse. Error(input), with `path`: an I8 tensor without scales for its rows, or scales of none.
void unpack_weights(TensorFile& file, const std::string& path);
// The tensors that unpack_weights leaves, as far as names and shapes tell.
std::vector<NamedTensor> unpacked_shapes(const TensorFile& file);

}  // namespace regkit
