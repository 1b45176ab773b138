// The primitives of compute capability 9.0 against plain loops, and the faults in their use that the emulator
// must notice.
#include "kernels/cuda/hopper.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include "kernels/cuda/rows.hpp"
#include "test/emulator/fault.hpp"
#include "test/emulator/on_stream.hpp"
#include "test/kernels/harness.hpp"

using namespace regkit;
using namespace regkit::cuda;
using emulator::CopyTime;
using emulator::Order;
using regkit::test::block_fails;
using regkit::test::Fault;
using regkit::test::kCopyTimes;
using regkit::test::kOrders;
using regkit::test::random_values;
using regkit::test::run_block;

namespace {

constexpr float kNaN = std::numeric_limits<float>::quiet_NaN();

struct Matrix {
    std::int64_t rows, columns, pitch;
    std::vector<Bf16> values;

    Matrix(std::int64_t rows_, std::int64_t columns_, std::int64_t pitch_, std::uint32_t seed)
        : rows(rows_), columns(columns_), pitch(pitch_) {
        for (const double value : random_values(rows * pitch, seed))
            values.push_back(to_bf16(static_cast<float>(value)));
    }
    CUtensorMap map(int tile_rows) const { return tiled(values.data(), rows, columns, pitch, tile_rows); }
    // 0 outside.
    double at(std::int64_t row, std::int64_t column) const {
        if (row >= rows || column >= columns) return 0;
        return to_float(values[static_cast<std::size_t>(row * pitch + column)]);
    }
};

// Whether a launch of a warpgroup ends as an error that speaks of `what`.
template <typename... Params>
bool fails_with(const char* what, void (*kernel)(Params...), std::type_identity_t<Params>... params) {
    return block_fails(what, kernel, kWarpgroup, 128 << 10, params...);
}

// Tiles of 32 rows in `tiles` places, and the barriers behind them.
constexpr int kTileValues = 32 * kTileColumns;
struct Places {
    Bf16* data;
    PhaseBarrier *full, *empty;

    Places(unsigned char* memory, int tiles)
        : data(reinterpret_cast<Bf16*>(memory)),
          full(reinterpret_cast<PhaseBarrier*>(data + tiles * kTileValues)),
          empty(full + tiles) {}
    static std::size_t bytes(int tiles) {
        return kSwizzleBytes +
               static_cast<std::size_t>(tiles) * (kTileValues * sizeof(Bf16) + 2 * sizeof(PhaseBarrier));
    }
};

// One tile, to `to` in the order of rows and columns.
__global__ void copy_one(const __grid_constant__ CUtensorMap map, int row, int column, float* to) {
    const Places at(swizzle_shared(), 1);
    if (threadIdx.x == 0) {
        set_barrier(*at.full, 1);
        publish_barriers();
        arrive_and_expect(*at.full, kTileValues * sizeof(Bf16));
        copy_tile(at.data, map, row, column, *at.full);
    }
    __syncthreads();
    wait_phase(*at.full, 0);
    for (int i = static_cast<int>(threadIdx.x); i < kTileValues; i += kWarp)
        to[i] = to_float(at.data[swizzled(i / kTileColumns, i % kTileColumns / kCopied) + i % kCopied]);
}

// Sums of each of `tiles` tiles by columns: the second warp copies, the first adds up; two places.
__global__ void sum_tiles(const __grid_constant__ CUtensorMap map, int tiles, bool waits_for_empty,
                          float* to) {
    const Places at(swizzle_shared(), 2);
    const int lane = static_cast<int>(threadIdx.x) % kWarp;
    if (threadIdx.x == 0) {
        for (int place = 0; place < 2; ++place) {
            set_barrier(at.full[place], 1);
            set_barrier(at.empty[place], kWarp);
        }
        publish_barriers();
    }
    __syncthreads();
    for (int tile = 0; tile < tiles; ++tile) {
        const int place = tile % 2;
        const unsigned round = static_cast<unsigned>(tile) / 2;
        Bf16* const data = at.data + place * kTileValues;
        if (threadIdx.x < kWarp) {
            wait_phase(at.full[place], round % 2);
            for (int c = lane; c < kTileColumns; c += kWarp) {
                float sum = 0;
                for (int r = 0; r < 32; ++r) sum += to_float(data[swizzled(r, c / kCopied) + c % kCopied]);
                to[tile * kTileColumns + c] = sum;
            }
            arrive(at.empty[place]);
        } else if (lane == 0) {
            if (round > 0 && waits_for_empty) wait_phase(at.empty[place], (round - 1) % 2);
            arrive_and_expect(at.full[place], kTileValues * sizeof(Bf16));
            copy_tile(data, map, tile * 32, 0, at.full[place]);
        }
    }
}

// c[64][256] = 1 + a[64][128] b[256][128]^T by one warpgroup: `a` is copied, `b` stored by the threads.
__global__ void multiply(const __grid_constant__ CUtensorMap map, const Bf16* b, bool fences, float* c) {
    constexpr int kDepth = 2 * kTileColumns;
    Bf16* const own_a = reinterpret_cast<Bf16*>(swizzle_shared());
    Bf16* const own_b = own_a + 64 * kDepth;
    PhaseBarrier& full = *reinterpret_cast<PhaseBarrier*>(own_b + 256 * kDepth);
    const int thread = static_cast<int>(threadIdx.x), lane = thread % kWarp;
    if (thread == 0) {
        set_barrier(full, 1);
        publish_barriers();
        arrive_and_expect(full, 64 * kDepth * sizeof(Bf16));
        for (int part = 0; part < 2; ++part)
            copy_tile(own_a + part * 64 * kTileColumns, map, 0, part * kTileColumns, full);
    }
    for (int i = thread; i < 256 * kDepth; i += kWarpgroup) {
        const int row = i / kDepth, column = i % kDepth;
        own_b[column / kTileColumns * 256 * kTileColumns + swizzled(row, column % kTileColumns / kCopied) +
              column % kCopied] = b[i];
    }
    if (fences) fence_async_proxy();
    __syncthreads();
    wait_phase(full, 0);
    WideSums sums;
    for (auto& part : sums)
        for (float& sum : part) sum = 1;
    begin_products(sums);
    for (int k = 0; k < kDepth / 16; ++k)
        multiply_add_async(sums, operand(own_a + k / 4 * 64 * kTileColumns, k % 4),
                           operand(own_b + k / 4 * 256 * kTileColumns, k % 4));
    commit_products();
    wait_products(sums);
    for (int n = 0; n < 32; ++n)
        for (int i = 0; i < 4; ++i)
            c[(thread / kWarp * 16 + lane / 4 + i / 2 * 8) * 256 + n * 8 + lane % 4 * 2 + i % 2] = sums[n][i];
}

// Each half of the block reverses its own values, behind a barrier of its own.
__global__ void reverse_halves(float* values) {
    float* const shared = reinterpret_cast<float*>(dynamic_shared());
    const int i = static_cast<int>(threadIdx.x);
    shared[i] = values[i];
    if (i < 64) {
        meet<1, 64>();
        values[i] = shared[63 - i];
    } else {
        meet<2, 64>();
        values[i] = shared[191 - i];
    }
}

enum class Wrong {
    unset,
    crowded,
    unpublished,
    odd,
    forgotten,
    deadlock,
    rank,
    odd_bytes,
    not_begun,
    not_committed,
    not_waited,
    not_named,
    begun_twice,
    sums_written_before,
    left_written_before,
    sums_written,
    left_written
};

// Products of registers, with one thing wrong.
__device__ void misuse_registers(const Bf16* tile, Wrong wrong) {
    Sums<8> sums = {};
    LeftPart left = {};
    begin_products(sums, left);
    if (wrong == Wrong::sums_written_before) sums[3][1] = 2;
    if (wrong == Wrong::left_written_before) left[2] = 2;
    multiply_add_async(sums, left, operand(tile, 0));
    commit_products();
    if (wrong == Wrong::begun_twice) begin_products(sums);
    if (wrong == Wrong::sums_written) sums[3][1] = 2;
    if (wrong == Wrong::left_written) left[2] = 2;
    if (wrong == Wrong::not_named)
        wait_products(sums);
    else
        wait_products(sums, left);
}

__global__ void misuse(const __grid_constant__ CUtensorMap map, Wrong wrong) {
    const Places at(swizzle_shared(), 1);
    WideSums sums = {};
    const bool is_first = threadIdx.x == 0;
    if (is_first && wrong != Wrong::unset) set_barrier(*at.full, 1);
    if (is_first && wrong != Wrong::unpublished) publish_barriers();
    __syncthreads();
    switch (wrong) {
        case Wrong::unset:
            arrive(*at.full);
            break;
        case Wrong::crowded:
            if (is_first) arrive_and_expect(*at.full, 2);
            if (is_first) arrive(*at.full);
            break;
        case Wrong::unpublished:
        case Wrong::forgotten:
            if (is_first) copy_tile(at.data, map, 0, 0, *at.full);
            break;
        case Wrong::odd:
            if (is_first) copy_tile(at.data + 8, map, 0, 0, *at.full);
            break;
        case Wrong::rank:
            if (is_first) copy_line_tile(at.data, map, 0, 0, 0, *at.full);
            break;
        case Wrong::odd_bytes:
            if (is_first) copy_bytes(at.data + 8, &map, 8, *at.full);
            break;
        case Wrong::deadlock:
            wait_phase(*at.full, 0);
            break;
        case Wrong::not_begun:
            multiply_add_async(sums, operand(at.data, 0), operand(at.data, 0));
            break;
        case Wrong::not_committed:
        case Wrong::not_waited:
            begin_products(sums);
            multiply_add_async(sums, operand(at.data, 0), operand(at.data, 0));
            if (wrong == Wrong::not_waited)
                commit_products();
            else
                wait_products(sums);
            break;
        default:
            misuse_registers(at.data, wrong);
    }
}

std::vector<float> multiply_by(const Matrix& a, const Matrix& b, bool fences = true) {
    std::vector<float> c(64 * 256, kNaN);
    run_block(multiply, kWarpgroup, kSwizzleBytes + (64 + 256) * 128 * sizeof(Bf16) + sizeof(PhaseBarrier),
              a.map(64), b.values.data(), fences, c.data());
    return c;
}

// Whether body() is an error, or gives something else than `right`.
template <typename Body>
bool is_noticed(const Body& body, const std::vector<float>& right) {
    try {
        return body() != right;
    } catch (const Failure&) {
        return true;
    }
}

}  // namespace

TEST_CASE("hopper: a tile comes swizzled, with zeroes around the matrix, and a missing wait is noticed") {
    const Fault restored;
    const Matrix matrix(70, 100, 104, 1);
    struct Place {
        int row, column;
    };
    for (const Place& place : {Place{0, 0}, Place{48, 64}, Place{5, 128}}) {
        CAPTURE(place.row);
        std::vector<float> right;
        for (int i = 0; i < kTileValues; ++i)
            right.push_back(
                static_cast<float>(matrix.at(place.row + i / kTileColumns, place.column + i % kTileColumns)));
        const auto copied = [&] {
            std::vector<float> to(kTileValues, kNaN);
            run_block(copy_one, kWarp, Places::bytes(1), matrix.map(32), place.row, place.column, to.data());
            return to;
        };
        for (const Order order : kOrders)
            for (const CopyTime time : kCopyTimes) {
                emulator::set_order(order);
                emulator::set_copy_time(time);
                CHECK(copied() == right);
            }
        emulator::set_copy_time(CopyTime::at_wait);
        emulator::leave_out_wait(0);
        CHECK(is_noticed(copied, right));
        emulator::leave_out_wait(-1);
    }
}

TEST_CASE("hopper: tiles pass through a ring, and one that is copied over too early is noticed") {
    const Fault restored;
    constexpr int kTiles = 7;
    const Matrix matrix(kTiles * 32, kTileColumns, kTileColumns, 2);
    std::vector<float> right;
    for (int i = 0; i < kTiles * kTileColumns; ++i) {
        float sum = 0;
        for (int r = 0; r < 32; ++r)
            sum += static_cast<float>(matrix.at(i / kTileColumns * 32 + r, i % kTileColumns));
        right.push_back(sum);
    }
    bool waits_for_empty = true;
    const auto summed = [&] {
        std::vector<float> to(right.size(), kNaN);
        run_block(sum_tiles, 2 * kWarp, Places::bytes(2), matrix.map(32), kTiles, waits_for_empty, to.data());
        return to;
    };
    for (const Order order : kOrders)
        for (const CopyTime time : kCopyTimes) {
            emulator::set_order(order);
            emulator::set_copy_time(time);
            CHECK(summed() == right);
        }
    waits_for_empty = false;
    for (const Order order : kOrders) {
        emulator::set_order(order);
        emulator::set_copy_time(CopyTime::at_once);
        CHECK(is_noticed(summed, right));
    }
}

TEST_CASE("hopper: a warpgroup's products, against plain loops; a missing wait or fence is noticed") {
    const Fault restored;
    const Matrix a(64, 128, 128, 3), b(256, 128, 128, 4);
    const std::vector<float> right = multiply_by(a, b);
    double worst = 0;
    for (int i = 0; i < 64 * 256; ++i) {
        double expected = 1;
        for (int k = 0; k < 128; ++k) expected += a.at(i / 256, k) * b.at(i % 256, k);
        worst = std::max(worst, std::fabs(right[static_cast<std::size_t>(i)] - expected));
        if (!(std::fabs(right[static_cast<std::size_t>(i)] - expected) <= 1e-4)) worst = 1;
    }
    CHECK(worst <= 1e-4);
    for (const Order order : kOrders)
        for (const CopyTime time : kCopyTimes) {
            emulator::set_order(order);
            emulator::set_copy_time(time);
            CHECK(multiply_by(a, b) == right);
            CHECK(is_noticed([&] { return multiply_by(a, b, false); }, right));
            for (const int n : {0, 1}) {  // for the copy, for the products
                if (n == 0 && time != CopyTime::at_wait) continue;
                emulator::leave_out_wait(n);
                CHECK(is_noticed([&] { return multiply_by(a, b); }, right));
                emulator::leave_out_wait(-1);
            }
        }
}

TEST_CASE("hopper: barriers of a part of the block, and one that is missing is noticed") {
    const Fault restored;
    const auto reversed = [] {
        std::vector<float> values(128);
        for (std::size_t i = 0; i < 128; ++i) values[i] = static_cast<float>(i);
        run_block(reverse_halves, 128, 128 * sizeof(float), values.data());
        return values;
    };
    std::vector<float> right(128);
    for (std::size_t i = 0; i < 128; ++i) right[i] = static_cast<float>(i < 64 ? 63 - i : 191 - i);
    for (const Order order : kOrders) {
        emulator::set_order(order);
        CHECK(reversed() == right);
        emulator::leave_out_barrier(0);
        CHECK(is_noticed(reversed, right));
        emulator::leave_out_barrier(-1);
    }
}

TEST_CASE("hopper: wrong uses of barriers, copies and products are errors") {
    const Fault restored;
    emulator::set_copy_time(CopyTime::at_wait);
    const Matrix matrix(32, 64, 64, 5);
    const CUtensorMap map = matrix.map(32);
    CHECK(fails_with("was not set", misuse, map, Wrong::unset));
    CHECK(fails_with("more threads arrive", misuse, map, Wrong::crowded));
    CHECK(fails_with("was not published", misuse, map, Wrong::unpublished));
    CHECK(fails_with("multiple of 128", misuse, map, Wrong::odd));
    CHECK(fails_with("did not wait", misuse, map, Wrong::forgotten));
    CHECK(fails_with("deadlock", misuse, map, Wrong::deadlock));
    CHECK(fails_with("another rank", misuse, map, Wrong::rank));
    CHECK(fails_with("multiple of 16", misuse, map, Wrong::odd_bytes));
    CHECK(fails_with("nothing began", misuse, map, Wrong::not_begun));
    CHECK(fails_with("not committed", misuse, map, Wrong::not_committed));
    CHECK(fails_with("did not wait", misuse, map, Wrong::not_waited));
    CHECK(fails_with("does not name", misuse, map, Wrong::not_named));
    CHECK(fails_with("in use", misuse, map, Wrong::begun_twice));
    CHECK(fails_with("behind the beginning", misuse, map, Wrong::sums_written_before));
    CHECK(fails_with("behind the beginning", misuse, map, Wrong::left_written_before));
    CHECK(fails_with("while products used", misuse, map, Wrong::sums_written));
    CHECK(fails_with("while products used", misuse, map, Wrong::left_written));
    CHECK_THROWS_AS(matrix.map(257), Failure);
    CHECK_THROWS_AS(tiled(matrix.values.data() + 1, 1, 8, 8, 1), Failure);
    CHECK_THROWS_AS(tiled(matrix.values.data(), 2, 8, 12, 1), Failure);
}
