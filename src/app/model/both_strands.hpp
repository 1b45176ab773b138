// Predictions of both strands: the other strand's bases, and the mean of the two outputs. What a model says
// of a reverse complement runs backwards.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "nn/spec.hpp"

namespace regkit {

// The reverse complement of every row of `length` codes.
void reverse_rows(std::span<const std::uint8_t> codes, std::int64_t length,
                  std::vector<std::uint8_t>& reversed);

// Rows of `positions` outputs become the mean of themselves and of the rows of the reverse complement.
// Probabilities or coverage:
void average_strands(std::span<float> values, std::span<const float> other, std::int64_t positions);
// Logits: that of the mean of both probabilities, or what a mean coverage is the softplus of. Two that are
// equal stay as they are.
void average_strand_logits(std::span<float> logits, std::span<const float> other, std::int64_t positions,
                           Task task);

}  // namespace regkit
