// Whether what a run writes would take the place of what it reads.
#pragma once

#include <string>
#include <vector>

namespace regkit {

// Error(usage) when an output, which need not exist yet, is an input or its index (.fai, .gzi, .tbi, .csi),
// lies inside an input that is a directory (a data set), or is a directory that holds an input. "-" is a
// standard stream, "" nothing.
void refuse_inputs_as_outputs(const std::vector<std::string>& outputs,
                              const std::vector<std::string>& inputs);
// Error(usage) when two of the outputs, which need not exist yet, would be one file (or both standard
// output).
void refuse_equal_outputs(const std::vector<std::string>& outputs);
// The indexes that may come to lie beside a compressed output; older ones are removed, whether or not new
// ones are made. None of a stream.
std::vector<std::string> index_names(const std::string& data);
// Standard output, a device or a FIFO: what is written there has no name that another file could have beside
// it.
bool is_special_output(const std::string& path);

}  // namespace regkit
