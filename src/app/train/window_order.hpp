// The order of training windows, as a pure function: sample i of training is one window, without a list to
// shuffle or a generator to save. An epoch is a permutation of the windows keyed by (seed, epoch): a Feistel
// network over the next even power of two, walked until it lands inside (Black & Rogaway 2002, "Ciphers with
// arbitrary finite domains").
#pragma once

#include <cstdint>

namespace regkit {

// A bijection of [0, count) onto itself. index must lie inside.
std::int64_t permuted(std::uint64_t seed, std::uint64_t epoch, std::int64_t count, std::int64_t index);

// The window of sample `position`, counted over all epochs.
inline std::int64_t window_at(std::uint64_t seed, std::int64_t count, std::int64_t position) {
    return permuted(seed, static_cast<std::uint64_t>(position / count), count, position % count);
}

// Whether that sample is seen as its reverse complement under --rc-augment: a fair coin.
bool reversed_at(std::uint64_t seed, std::int64_t position);

}  // namespace regkit
