// From fp32 tensors, positions side by side, to rows in bf16, channels side by side. A block turns a tile
// through shared memory, so that it reads along the positions and writes along the channels. Rows may follow
// the positions or go in steps, and begin with zeroes where a convolution pads.
#include "kernels/base/arithmetic.hpp"
#include "kernels/cuda/rows.hpp"

namespace regkit::cuda {

namespace {

constexpr int kPositions = 32;
constexpr int kTurners = 256;  // threads

// The position of x that a row holds; any other number: none.
struct Following {
    std::int64_t before;
    __device__ std::int64_t operator()(std::int64_t row) const { return row - before; }
};
struct Stepping {
    std::int64_t before;
    Steps steps;
    __device__ std::int64_t operator()(std::int64_t row) const {
        const std::int64_t position = steps.position(row / steps.rows(), row % steps.rows());
        return position < 0 ? position : position - before;
    }
};

// A block turns kRowTile channels of kPositions rows: it reads along the positions and writes along the
// channels.
template <typename Order>
__global__ void rows_kernel(Tensor x, Order order, std::int64_t length, std::int64_t channels,
                            std::uint32_t* to) {
    __shared__ float tile[kRowTile][kPositions + 1];
    const int thread = static_cast<int>(threadIdx.x);
    const std::int64_t begin = std::int64_t{blockIdx.x} * kPositions,
                       first = std::int64_t{blockIdx.y} * kRowTile;
    for (std::int64_t n = blockIdx.z; n < x.batch; n += gridDim.z) {
        const std::int64_t position = order(begin + thread % kPositions);
        for (int c = thread / kPositions; c < kRowTile; c += kTurners / kPositions)
            tile[c][thread % kPositions] =
                first + c < x.channels && x.holds(position) ? x.at(n, first + c, position) : 0.0f;
        __syncthreads();
        const int pair = thread % (kRowTile / 2) * 2;
        for (int p = thread / (kRowTile / 2); p < kPositions; p += kTurners / (kRowTile / 2))
            if (begin + p < length && first + pair < channels)
                to[((n * length + begin + p) * channels + first + pair) / 2] =
                    bf16_pair(tile[pair][p], tile[pair + 1][p]);
        __syncthreads();  // nobody reads the next sample's values while another still writes these
    }
}

template <typename Order>
Rows ordered_rows(const Tensor& x, const Order& order, std::int64_t length, Scratch::Slot slot,
                  Scratch& scratch) {
    const std::int64_t channels = round_up(x.channels, kRowUnit);
    auto* const to = scratch.get<std::uint32_t>(slot, x.batch * length * channels / 2);
    const dim3 grid(blocks_for(length, kPositions), blocks_for(channels, kRowTile), at_most_rounds(x.batch));
    launch(rows_kernel<Order>, grid, dim3(kTurners), x, order, length, channels, to);
    return {reinterpret_cast<const Bf16*>(to), x.batch, length, channels};
}

}  // namespace

Rows rows_of(const Tensor& x, Scratch::Slot slot, Scratch& scratch) {
    return padded_rows_of(x, 0, x.length, slot, scratch);
}

Rows padded_rows_of(const Tensor& x, std::int64_t before, std::int64_t length, Scratch::Slot slot,
                    Scratch& scratch) {
    return ordered_rows(x, Following{before}, length, slot, scratch);
}

Rows stepped_rows_of(const Tensor& x, std::int64_t before, const Steps& steps, Scratch::Slot slot,
                     Scratch& scratch) {
    return ordered_rows(x, Stepping{before, steps}, steps.lines * steps.rows(), slot, scratch);
}

}  // namespace regkit::cuda
