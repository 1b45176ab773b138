// What merge of regcall and of regsnp ask of their parts alike.
#include "app/call/part_order.hpp"

#include <algorithm>

#include "base/text.hpp"
#include "kernels/base/error.hpp"

namespace regkit {

std::string which_part(const RunPart& part, int shards) {
    return part.path + " (shard " + std::to_string(part.shard) + " of " + std::to_string(shards) + ")";
}

void order_parts(std::vector<RunPart>& parts, int shards) {
    std::ranges::stable_sort(parts, {}, &RunPart::shard);
    const auto twice = std::ranges::adjacent_find(parts, {}, &RunPart::shard);
    if (twice != parts.end())
        throw Error(ErrorKind::mismatch, twice->path + " and " + (twice + 1)->path + ": shard " +
                                             std::to_string(twice->shard) + " twice");
    std::vector<std::string> missing;
    auto part = parts.begin();
    for (int shard = 1; shard <= shards; ++shard)
        if (part != parts.end() && part->shard == shard)
            ++part;
        else
            missing.push_back(std::to_string(shard));
    require(missing.empty(), ErrorKind::mismatch,
            "of " + counted(shards, "shard") + " there is no part of " + some_of(missing));
}

}  // namespace regkit
