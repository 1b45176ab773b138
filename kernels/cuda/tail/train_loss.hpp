// What the kernels of the last layer at training, sm80_train.cu and sm90_train.cu, make of the
// sums z = own * streamed^T of a warp: the loss, and in place of z its gradient, in registers. A warp has
// kOwn rows of its own, 16 or 32, and takes 32 streamed ones together.
#pragma once

#include "kernels/cuda/tail/quick_loss.hpp"
#include "kernels/cuda/tail/train_rows.hpp"

namespace regkit::cuda {

inline constexpr int kTaken = 32;            // streamed rows
inline constexpr int kMarkers = kSlotGroup;  // own rows of a block of last_weights

// Both ways of looking at z give its elements by (i, n, part): own row 16 * i + part / 2 * 8 + lane / 4,
// streamed row 8 * n + lane % 4 * 2 + part % 2.
__device__ inline int own_row(int i, int part) {
    return i * kStep + part / 2 * 8 + lane_id() / 4;
}
__device__ inline int streamed_row(int n, int part) {
    return n * 8 + lane_id() % 4 * 2 + part % 2;
}

// The value of the run that holds a position of the sample, 0 where none does.
__device__ inline float value_at(const LabelSlot& slot, const LabelRun* runs, std::int64_t position) {
    const LabelRun* const first = runs + (slot.word[0] | std::int64_t{slot.word[1]} << 32);
    const std::uint32_t r =
        first_not_before(0u, slot.word[2], [&](std::uint32_t i) { return first[i].end <= position; });
    return r < slot.word[2] && first[r].begin <= position ? first[r].value : 0.0f;
}

// For the Poisson loss a warp's targets lie in shared memory, as z does: own rows x streamed rows.
inline constexpr int kTargetPitch = kTaken + 8;  // keeps what a half warp reads together in different banks
template <LossKind kKind, int kOwn>
inline constexpr int kTargetValues = kKind == LossKind::poisson ? kOwn* kTargetPitch : 0;  // of a warp

// Of kCount markers and the kPlaced positions from `position` of the sample; a marker's or a position's
// values are `by_marker` or `by_position` apart.
template <int kCount, int kPlaced>
__device__ void stage_targets(const LabelSlot* slots, const LabelRun* runs, std::int64_t position, float* to,
                              int by_marker, int by_position) {
    __syncwarp();  // all have read what it held
    const int place = lane_id() % kPlaced;
#pragma unroll 1
    for (int marker = lane_id() / kPlaced; marker < kCount; marker += kWarp / kPlaced)
        to[marker * by_marker + place * by_position] = value_at(slots[marker], runs, position + place);
    __syncwarp();
}

// Of the two that follow, begin() comes first; start(i, n, part) is what an element of z begins with, its
// bias; gradient(i, n, part, z) what becomes of it.
template <LossKind kKind, int kOwn>
struct PositionsByMarkers {
    const Targets& targets;
    float* staged;           // the warp's targets
    const LabelSlot* slots;  // of the streamed markers
    const float* bias;
    int markers;            // from the streamed ones' first to the last of all
    std::uint32_t valid;    // of the warp's positions
    int own_first;          // of them, in the tile ...
    std::int64_t position;  // ... and in the sample
    float loss;

    // To the 32 streamed markers behind these; those of another tile have other slots.
    __device__ void next() {
        slots += kTaken;
        bias += kTaken;
        markers -= kTaken;
    }
    __device__ void begin() const {
        if constexpr (kKind == LossKind::poisson)
            stage_targets<kTaken, kOwn>(slots, targets.runs, position, staged, 1, kTargetPitch);
    }
    __device__ float start(int, int n, int part) const { return bias[streamed_row(n, part)]; }
    __device__ float gradient(int i, int n, int part, float z) {
        const int row = own_row(i, part), marker = streamed_row(n, part);
        if (marker >= markers || (valid >> row & 1u) == 0) return 0.0f;
        LossAndGradient result;
        if constexpr (kKind == LossKind::poisson)
            result = quick_poisson(z, staged[row * kTargetPitch + marker]);
        else
            result = quick_cross_entropy(
                z, (slots[marker].word[own_first / 32] >> (own_first % 32 + row) & 1u) != 0,
                targets.pos_weight);
        loss += result.loss;
        return result.d_logit;
    }
};

template <LossKind kKind, int kOwn>
struct MarkersByPositions {
    const Targets& targets;
    float* staged;                // the warp's targets
    const LabelSlot* slots;       // of the warp's markers
    int first;                    // of the streamed positions, in their tile ...
    std::int64_t position;        // ... and in the sample
    std::uint32_t valid;          // of the streamed positions
    float bias[kOwn / kStep][2];  // of own rows
    float bias_sum[kOwn / kStep][2];

    // Own rows below `markers` have a bias, from `from` on.
    __device__ void load_bias(const float* from, int markers) {
#pragma unroll
        for (int i = 0; i < kOwn / kStep; ++i)
#pragma unroll
            for (int half = 0; half < 2; ++half) {
                const int row = own_row(i, 2 * half);
                if (row < markers) bias[i][half] = from[row];
            }
    }
    // To the streamed positions from `place` of the piece's row.
    __device__ void move_to(std::int64_t place, const TrainPiece& piece, int stride) {
        first = static_cast<int>(place % kPositions);
        position = piece.begin * stride + place;
        valid = first_bits(piece.length - place);
    }
    __device__ void begin() const {
        if constexpr (kKind == LossKind::poisson)
            stage_targets<kOwn, kTaken>(slots, targets.runs, position, staged, kTargetPitch, 1);
    }
    __device__ float start(int i, int, int part) const {
        return bias[i][part / 2];
    }
    __device__ float gradient(int i, int n, int part, float z) {
        const int row = own_row(i, part), streamed = streamed_row(n, part);
        if ((valid >> streamed & 1u) == 0) return 0.0f;
        LossAndGradient result;
        if constexpr (kKind == LossKind::poisson)
            result = quick_poisson(z, staged[row * kTargetPitch + streamed]);
        else
            result = quick_cross_entropy(z, (slots[row].word[first / 32] >> streamed & 1u) != 0,
                                         targets.pos_weight);
        bias_sum[i][part / 2] += result.d_logit;
        return result.d_logit;
    }
    // Sums of own rows, the first of which is row `row` of the result; and of their bias.
    template <int kSteps>
    __device__ void store(const float (&sum)[kOwn / kStep][2 * kSteps][4], std::int64_t row, float* weights,
                          float* bias_sums) const {
#pragma unroll
        for (int i = 0; i < kOwn / kStep; ++i)
#pragma unroll
            for (int half = 0; half < 2; ++half) {
                const std::int64_t own_place = row + own_row(i, 2 * half);
#pragma unroll
                for (int n = 0; n < 2 * kSteps; ++n)
#pragma unroll
                    for (int e = 0; e < 2; ++e)
                        weights[own_place * kSteps * kStep + streamed_row(n, e)] = sum[i][n][2 * half + e];
                float total = bias_sum[i][half];
                total += __shfl_xor_sync(0xFFFFFFFFu, total, 1);
                total += __shfl_xor_sync(0xFFFFFFFFu, total, 2);
                if (lane_id() % 4 == 0) bias_sums[own_place] = total;
            }
    }
};

// z of own rows 16 * i .. becomes its gradient, of which columns 16 * t .. are a left operand.
template <typename Loss>
__device__ void gradient_part(std::uint32_t (&part)[4], Loss& loss, int i, int t, const float (*z)[4]) {
#pragma unroll
    for (int pair = 0; pair < 4; ++pair) {
        const int n = 2 * t + pair / 2, first = pair % 2 * 2;
        const float low = loss.gradient(i, n, first, z[n][first]);
        part[pair] = bf16_pair(low, loss.gradient(i, n, first + 1, z[n][first + 1]));
    }
}

}  // namespace regkit::cuda
