// Cuts follow from the number of shards alone, so that each run finds its own without knowing of the others.
#include "app/call/shard.hpp"

#include <algorithm>
#include <cstdlib>

#include "base/text.hpp"
#include "kernels/base/error.hpp"
#include "kernels/base/number.hpp"

namespace regkit {
namespace {

std::int64_t slurm(const std::string& name) {
    const std::string variable = "SLURM_ARRAY_TASK_" + name;
    const char* const text = std::getenv(variable.c_str());
    require(
        text, ErrorKind::usage,
        "--shard slurm: " + variable +
            " is not set; it is for the tasks of a job array (sbatch --array=1-7), else write --shard 2/7");
    const auto value = parse_int(text, 0, INT64_MAX);
    require(value.has_value(), ErrorKind::usage,
            "--shard slurm: " + variable + " is " + quoted(text) + ", not a number");
    return *value;
}

Shard checked(std::int64_t number, std::int64_t of, const std::string& text) {
    require(of >= 1 && of <= kMostShards && number >= 1 && number <= of, ErrorKind::usage,
            "--shard " + text + ": the first number is from 1 to the second, which is at most 1,000,000");
    return {static_cast<int>(number), static_cast<int>(of)};
}

}  // namespace

Shard parse_shard(const std::string& text) {
    if (text == "slurm") {
        const std::int64_t step = std::max<std::int64_t>(1, slurm("STEP")), first = slurm("MIN"),
                           task = slurm("ID"), count = slurm("COUNT");
        return checked((task - first) / step + 1, count,
                       text + " (task " + std::to_string(task) + " of " + std::to_string(count) + ")");
    }
    const std::size_t slash = text.find('/');
    const auto number = parse_int(text.substr(0, slash), 0, INT64_MAX);
    const auto of = slash == std::string::npos ? std::optional<std::int64_t>()
                                               : parse_int(text.substr(slash + 1), 0, INT64_MAX);
    require(number && of, ErrorKind::usage,
            "--shard " + quoted(text) + ": which of how many, as 2/7, or slurm in a task of a job array");
    return checked(*number, *of, text);
}

std::vector<ShardRange> shard_ranges(const std::vector<ContigRange>& ranges, Shard shard, std::int64_t grid) {
    std::int64_t bases = 0;
    for (const ContigRange& range : ranges) bases += range.end - range.begin;
    // bases * k / of without overflow: of is at most a million, and so is what is left of a whole part.
    const auto cut = [&](std::int64_t k) { return bases / shard.of * k + bases % shard.of * k / shard.of; };
    const std::int64_t first = cut(shard.number - 1), last = cut(shard.number);
    std::vector<ShardRange> mine;
    std::int64_t before = 0;  // bases in the stretches so far
    for (std::size_t i = 0; i < ranges.size(); before += ranges[i].end - ranges[i].begin, ++i) {
        const ContigRange& range = ranges[i];
        // Where the cut at so many bases falls, held to the stretch.
        const auto place = [&](std::int64_t at) {
            const std::int64_t position = range.begin + at - before;
            if (position >= range.end) return range.end;
            return std::max(range.begin, position / grid * grid);
        };
        const std::int64_t begin = place(first), end = place(last);
        if (begin < end)
            mine.push_back({static_cast<std::int64_t>(i), range.contig, begin, end, end == range.end});
    }
    return mine;
}

}  // namespace regkit
