// A call in parts: which stretches of the reference one of several runs predicts.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "app/model/regions.hpp"

namespace regkit {

inline constexpr std::int64_t kMostShards = 1'000'000;

struct Shard {
    int number = 1, of = 1;  // from 1
};

// "2/7", or "slurm": the task of a Slurm job array, of its number of tasks, as Slurm's environment variables
// tell. Error(usage) for anything else, and where these variables are missing.
Shard parse_shard(const std::string& text);

// A piece of one of the call's stretches.
struct ShardRange {
    std::int64_t range = 0;  // number of the stretch
    int contig = 0;
    std::int64_t begin = 0, end = 0;
    bool is_last = true;  // of its stretch
};

// All of `ranges`, cut into `shard.of` pieces of about the same number of bases, at multiples of `grid` bases
// on a contig: those of this shard, in order. There may be none.
std::vector<ShardRange> shard_ranges(const std::vector<ContigRange>& ranges, Shard shard, std::int64_t grid);

}  // namespace regkit
