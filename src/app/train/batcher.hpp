// Training batches in the order of app/window_order.hpp, prepared ahead on one thread of their own. What a
// batch holds depends on its step alone.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "io/dataset/dataset.hpp"
#include "io/fasta/packed_genome.hpp"
#include "kernels/backend.hpp"

namespace regkit {

struct Batch {
    std::int64_t step = 0;
    std::vector<std::uint8_t> sequence;  // [batch][window]
    std::vector<LabelRun> runs;          // in output positions; of sample s: offsets[s] .. offsets[s + 1]
    std::vector<std::int64_t> offsets;
    std::int64_t window = 0;

    Codes codes() const { return {sequence.data(), static_cast<std::int64_t>(offsets.size()) - 1, window}; }
    Labels labels() const { return {runs.data(), offsets.data()}; }
};

struct BatchPlan {
    std::vector<std::int64_t> windows;  // indexes into Dataset::windows()
    int batch = 8;
    std::uint64_t seed = 0;
    bool rc_augment = false;
    // Samples [first, end) of each batch alone, where ranks share it; end 0: all.
    int first = 0, end = 0;
};

// One batch, on the calling thread. genome slots are the data set's contig numbers.
Batch make_batch(const Dataset& dataset, const PackedGenome& genome, const BatchPlan& plan,
                 std::int64_t step);

// Reverses strand: codes, and runs [begin, end) -> [outputs - end, outputs - begin), still sorted by (marker,
// begin). `runs` are those of one sample with so many output positions.
void reverse_strand(std::span<std::uint8_t> codes, std::span<LabelRun> runs, std::int64_t outputs);

class Batcher {
  public:
    // Starts with the batch of `first_step`. `dataset` and `genome` must outlive it.
    Batcher(const Dataset& dataset, const PackedGenome& genome, BatchPlan plan, std::int64_t first_step);
    ~Batcher();
    Batcher(const Batcher&) = delete;
    Batcher& operator=(const Batcher&) = delete;

    // The batches of consecutive steps. Rethrows what went wrong while preparing one.
    Batch next();

  private:
    struct State;
    std::unique_ptr<State> state_;
};

}  // namespace regkit
