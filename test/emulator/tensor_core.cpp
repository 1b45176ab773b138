// The arithmetic of kernels/cuda/tensor_core.hpp as C++: each collective of a warp is computed for all lanes
// by the last that comes to it.
#include "kernels/cuda/tensor_core.hpp"

#include <bit>

namespace regkit::cuda {

namespace {

using emulator::kWarpSize;
using emulator::WarpSlots;

// What a lane leaves for multiply_add, and where it finds its sums.
struct Operands {
    float sum[4];
    std::uint32_t a[4], b[2];
};

template <typename T>
T taken_from(const WarpSlots& slots, int lane) {
    static_assert(sizeof(T) <= WarpSlots::kBytes);
    T value;
    std::memcpy(&value, slots.lane[lane], sizeof value);
    return value;
}

float value_of(std::uint32_t pair, int half) {
    return std::bit_cast<float>(half == 0 ? pair << 16 : pair & 0xFFFF0000u);
}

template <bool kTransposed>
void load_all(WarpSlots& slots) {
    const Bf16* rows[kWarpSize];
    for (int l = 0; l < 32; ++l) rows[l] = taken_from<const Bf16*>(slots, l);
    for (int l = 0; l < 32; ++l) {
        const int along = l / 4, across = l % 4 * 2;
        std::uint32_t part[4];
        for (int m = 0; m < 4; ++m) {
            const Bf16* const* const matrix = rows + 8 * m;
            const std::uint32_t low = (kTransposed ? matrix[across][along] : matrix[along][across]).bits;
            const std::uint32_t high =
                (kTransposed ? matrix[across + 1][along] : matrix[along][across + 1]).bits;
            part[m] = low | high << 16;
        }
        std::memcpy(slots.lane[l], part, sizeof part);
    }
}

void multiply_all(WarpSlots& slots) {
    float a[16][16], b[16][8], sum[16][8] = {};
    for (int l = 0; l < 32; ++l) {
        const Operands operands = taken_from<Operands>(slots, l);
        const int g = l / 4, t = l % 4 * 2;
        for (int half = 0; half < 2; ++half) {
            for (int i = 0; i < 4; ++i)
                a[g + i % 2 * 8][t + i / 2 * 8 + half] = value_of(operands.a[i], half);
            for (int i = 0; i < 2; ++i) b[t + i * 8 + half][g] = value_of(operands.b[i], half);
        }
    }
    for (int row = 0; row < 16; ++row)
        for (int k = 0; k < 16; ++k)
            for (int column = 0; column < 8; ++column) sum[row][column] += a[row][k] * b[k][column];
    for (int l = 0; l < 32; ++l) {
        float own[4];
        std::memcpy(own, slots.lane[l], sizeof own);
        for (int i = 0; i < 4; ++i) own[i] += sum[l / 4 + i / 2 * 8][l % 4 * 2 + i % 2];
        std::memcpy(slots.lane[l], own, sizeof own);
    }
}

template <bool kTransposed>
void load(std::uint32_t (&part)[4], const Bf16* row) {
    if (reinterpret_cast<std::uintptr_t>(row) % 16 != 0)
        emulator::fail("the row of a matrix at an address that is no multiple of 16");
    emulator::meet(&row, sizeof row, load_all<kTransposed>, part, sizeof part);
}

}  // namespace

Bf16 to_bf16(float value) {
    const auto bits = std::bit_cast<std::uint32_t>(value);
    if (std::isnan(value)) return {0x7FFF};  // as the device has it
    return {static_cast<std::uint16_t>((bits + 0x7FFF + (bits >> 16 & 1)) >> 16)};
}

float to_float(Bf16 value) {
    return value_of(value.bits, 0);
}

std::uint32_t bf16_pair(float low, float high) {
    return to_bf16(low).bits | std::uint32_t{to_bf16(high).bits} << 16;
}

void load_matrices(std::uint32_t (&part)[4], const Bf16* row) {
    load<false>(part, row);
}

void load_matrices_transposed(std::uint32_t (&part)[4], const Bf16* row) {
    load<true>(part, row);
}

void multiply_add(float (&sum)[4], const std::uint32_t (&a)[4], std::uint32_t b_low, std::uint32_t b_high) {
    const Operands own{{sum[0], sum[1], sum[2], sum[3]}, {a[0], a[1], a[2], a[3]}, {b_low, b_high}};
    emulator::meet(&own, sizeof own, multiply_all, sum, sizeof sum);
}

}  // namespace regkit::cuda
