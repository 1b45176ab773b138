// Run lengths in two passes over the bits, a warp a row: how many runs and called positions a row has, then,
// with the sums over all rows before it, each run and each called value to its place. No pass writes what
// another could write, so the order is that of the rows whatever the schedule.
#include "kernels/cuda/tail/called_runs.hpp"
#include "kernels/cuda/tensor_core.hpp"

namespace regkit::cuda {

namespace {

constexpr unsigned kAll = 0xFFFFFFFFu;
constexpr int kRowThreads = 128;
constexpr int kBlockRows = kRowThreads / kWarp;

// Of a row.
struct Counts {
    std::int64_t runs, values;
};

// A word of a row, and the bits where runs begin and where they end.
struct Word {
    std::uint32_t called = 0, starts = 0, ends = 0;

    __device__ Word(const std::uint32_t* row, std::int64_t words, std::int64_t w) {
        if (w >= words) return;
        called = row[w];
        const std::uint32_t before = w > 0 ? row[w - 1] >> 31 : 0u;
        const std::uint32_t behind = w + 1 < words ? row[w + 1] & 1u : 0u;
        starts = called & ~(called << 1 | before);
        ends = called & ~(called >> 1 | behind << 31);
    }
};

// Sum over the lanes up to the caller's.
__device__ int sum_up_to(int value) {
    const int lane = static_cast<int>(threadIdx.x) % kWarp;
    for (int distance = 1; distance < kWarp; distance *= 2) {
        const int below = __shfl_up_sync(kAll, value, static_cast<unsigned>(distance));
        if (lane >= distance) value += below;
    }
    return value;
}

__global__ void count_runs_kernel(BitRows called, Counts* counts) {
    const std::int64_t words = called.length / 32;
    const int lane = static_cast<int>(threadIdx.x) % kWarp;
    const std::int64_t row = std::int64_t{blockIdx.x} * kBlockRows + threadIdx.x / kWarp;
    if (row >= called.rows) return;  // the whole warp
    int runs = 0, values = 0;
    for (std::int64_t w = lane; w < words; w += kWarp) {
        const Word word(called.bits + row * words, words, w);
        runs += __popc(word.starts);
        values += __popc(word.called);
    }
    runs = sum_up_to(runs);
    values = sum_up_to(values);
    if (lane == kWarp - 1) counts[row] = {runs, values};
}

// before[row]: what all rows before it have.
__global__ void write_runs_kernel(BitRows called, const Counts* before, CalledRun* runs, float* values) {
    const std::int64_t words = called.length / 32;
    const int lane = static_cast<int>(threadIdx.x) % kWarp;
    const std::int64_t row = std::int64_t{blockIdx.x} * kBlockRows + threadIdx.x / kWarp;
    if (row >= called.rows) return;
    const auto sample = static_cast<std::int32_t>(called.first_sample + row / called.markers);
    const auto marker = static_cast<std::int32_t>(row % called.markers);
    // Runs that began, runs that ended and values, of all rows and of this one's words so far.
    std::int64_t begun = before[row].runs, ended = before[row].runs, valued = before[row].values;
    for (std::int64_t base = 0; base < words; base += kWarp) {
        const Word word(called.bits + row * words, words, base + lane);
        const int starts = __popc(word.starts), ends = __popc(word.ends), count = __popc(word.called);
        const int starts_to = sum_up_to(starts), ends_to = sum_up_to(ends), count_to = sum_up_to(count);
        const std::int64_t first_value = valued + count_to - count;
        CalledRun* start = runs + begun + starts_to - starts;
        CalledRun* end = runs + ended + ends_to - ends;
        const std::int64_t position = (base + lane) * 32;
        int seen = 0;
        for (std::uint32_t rest = word.called; rest != 0; rest &= rest - 1) {
            const int bit = __ffs(static_cast<int>(rest)) - 1;
            const auto place = static_cast<std::int32_t>(called.first_position + position + bit);
            if (word.starts >> bit & 1u) {
                start->sample = sample;
                start->marker = marker;
                start->begin = place;
                start->first = first_value + seen;
                ++start;
            }
            if (word.ends >> bit & 1u) (end++)->end = place + 1;
            values[first_value + seen++] = called.values[row * called.length + position + bit];
        }
        begun += __shfl_sync(kAll, starts_to, kWarp - 1);
        ended += __shfl_sync(kAll, ends_to, kWarp - 1);
        valued += __shfl_sync(kAll, count_to, kWarp - 1);
    }
}

}  // namespace

void collect_runs(const BitRows& called, CalledRuns& out, Scratch& scratch) {
    const dim3 grid(blocks_for(called.rows, kBlockRows)), block(kRowThreads);
    auto* const counts = scratch.get<Counts>(Scratch::kRunCounts, called.rows);
    launch(count_runs_kernel, grid, block, called, counts);
    std::vector<Counts> before(static_cast<std::size_t>(called.rows));
    const std::size_t bytes = before.size() * sizeof(Counts);
    scratch.stream().download(before.data(), counts, bytes);
    Counts total{};
    for (Counts& row : before) {
        const Counts own = row;
        row = total;
        total.runs += own.runs;
        total.values += own.values;
    }
    if (total.runs == 0) return;
    scratch.stream().upload(counts, before.data(), bytes);
    auto* const runs = scratch.get<CalledRun>(Scratch::kCalledRuns, total.runs);
    float* const values = scratch.get<float>(Scratch::kCalledValues, total.values);
    launch(write_runs_kernel, grid, block, called, counts, runs, values);

    const std::size_t old_runs = out.runs.size(), old_values = out.values.size();
    out.runs.resize(old_runs + static_cast<std::size_t>(total.runs));
    out.values.resize(old_values + static_cast<std::size_t>(total.values));
    scratch.stream().download(out.runs.data() + old_runs, runs,
                              static_cast<std::size_t>(total.runs) * sizeof *runs);
    scratch.stream().download(out.values.data() + old_values, values,
                              static_cast<std::size_t>(total.values) * sizeof *values);
    for (std::size_t i = old_runs; i < out.runs.size(); ++i)
        out.runs[i].first += static_cast<std::int64_t>(old_values);
}

void append_by_marker(const std::vector<CalledRuns>& parts, CalledRuns& out) {
    std::vector<std::size_t> next(parts.size());
    while (true) {
        const CalledRun* least = nullptr;  // of all parts' next runs: the first of the lowest marker
        std::size_t from = 0;
        for (std::size_t i = 0; i < parts.size(); ++i)
            if (next[i] < parts[i].runs.size() && (!least || parts[i].runs[next[i]].marker < least->marker)) {
                least = &parts[i].runs[next[i]];
                from = i;
            }
        if (!least) return;
        out.append(least->sample, least->marker, least->begin, parts[from].values_of(*least));
        ++next[from];
    }
}

}  // namespace regkit::cuda
