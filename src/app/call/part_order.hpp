// The parts of a run in shards, put in order.
#pragma once

#include <string>
#include <vector>

namespace regkit {

// A part, closed: there may be more of them than files can be open.
struct RunPart {
    std::string path;
    int shard = 1;
};

// "x.part (shard 2 of 7)".
std::string which_part(const RunPart& part, int shards);
// By their shards. Error(mismatch) where one comes twice, or one of `shards` is missing.
void order_parts(std::vector<RunPart>& parts, int shards);

}  // namespace regkit
