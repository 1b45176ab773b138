// The primitives of tensor cores against plain loops, and the faults in their use that the emulator must
// notice.
#include "kernels/cuda/tensor_core.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <string>
#include <vector>

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
using regkit::test::OnDevice;
using regkit::test::random_values;
using regkit::test::run_block;

namespace {

std::vector<Bf16> random_bf16(std::int64_t count, std::uint32_t seed) {
    std::vector<Bf16> values;
    for (const double value : random_values(count, seed))
        values.push_back(to_bf16(static_cast<float>(value)));
    return values;
}

// Whether a launch ends as an error that speaks of `what`.
template <typename... Params>
bool fails_with(const char* what, void (*kernel)(Params...), dim3 block,
                std::type_identity_t<Params>... params) {
    return block_fails(what, kernel, block, 1024, params...);
}

// c[16][8] = a[16][16] b[16][8], by one warp.
__global__ void multiply(const Bf16* a, const Bf16* b, float* c) {
    Bf16* const shared_a = reinterpret_cast<Bf16*>(dynamic_shared());
    Bf16* const shared_b = shared_a + 16 * 16;
    const int l = static_cast<int>(threadIdx.x);
    for (int i = l; i < 16 * 16; i += kWarp) shared_a[i] = a[i];
    for (int i = l; i < 16 * 8; i += kWarp) shared_b[i] = b[i];
    __syncthreads();
    std::uint32_t part_a[4], part_b[4];
    load_matrices(part_a, shared_a + l % 16 * 16 + l / 16 * 8);
    load_matrices_transposed(part_b, shared_b + l % 16 * 8);  // and once more in part_b[2], part_b[3]
    float sum[4] = {};
    multiply_add(sum, part_a, part_b[0], part_b[1]);
    for (int i = 0; i < 4; ++i) c[(l / 4 + i / 2 * 8) * 8 + l % 4 * 2 + i % 2] = sum[i];
}

// Each thread copies 8 values twice over: `first` to its place, then `second` over it, a group each. Its
// neighbour's are read, one group done.
__global__ void copy_and_turn(const Bf16* first, const Bf16* second, int count, float* to) {
    Bf16* const shared = reinterpret_cast<Bf16*>(dynamic_shared());
    const int i = static_cast<int>(threadIdx.x), n = static_cast<int>(blockDim.x);
    const bool inside = i < count;
    copy_async(shared + 8 * i, first + (inside ? 8 * i : 0), inside);
    commit_copies();
    copy_async(shared + 8 * (n + i), second + 8 * i, true);
    commit_copies();
    wait_copies<1>();
    __syncthreads();
    const int other = n - 1 - i;
    to[i] = to_float(shared[8 * other + i % 8]);
    wait_copies<0>();
    __syncthreads();
    to[n + i] = to_float(shared[8 * (n + other) + i % 8]);
}

__global__ void never_wait(const Bf16* from) {
    copy_async(reinterpret_cast<Bf16*>(dynamic_shared()) + 8 * threadIdx.x, from + 8 * threadIdx.x, true);
    commit_copies();
}

__global__ void copy_oddly(const Bf16* from) {
    copy_async(reinterpret_cast<Bf16*>(dynamic_shared()) + 4, from, true);
}

__global__ void load_oddly(std::uint32_t* to) {
    std::uint32_t part[4];
    load_matrices(part, reinterpret_cast<const Bf16*>(dynamic_shared()) + 3);
    to[threadIdx.x] = part[0];
}

__global__ void load_in_two_ways(std::uint32_t* to) {
    const Bf16* const shared = reinterpret_cast<const Bf16*>(dynamic_shared());
    std::uint32_t part[4];
    if (threadIdx.x < 16)
        load_matrices(part, shared);
    else
        load_matrices_transposed(part, shared);
    to[threadIdx.x] = part[0];
}

__global__ void load_by_half_a_warp(std::uint32_t* to) {
    if (threadIdx.x >= 16) return;
    std::uint32_t part[4];
    load_matrices(part, reinterpret_cast<const Bf16*>(dynamic_shared()));
    to[threadIdx.x] = part[0];
}

__global__ void read_dynamic(float* to) {
    to[threadIdx.x] = reinterpret_cast<const float*>(dynamic_shared())[threadIdx.x];
}

}  // namespace

TEST_CASE("bf16 of the emulated device") {
    CHECK(to_bf16(1.0f + 0x1p-8f).bits == 0x3F80);  // a tie: down to even
    CHECK(to_bf16(1.0f + 0x3p-8f).bits == 0x3F82);  // a tie: up to even
    CHECK(to_bf16(1.0f + 0x1.01p-8f).bits == 0x3F81);
    CHECK(std::isnan(to_float(to_bf16(std::numeric_limits<float>::quiet_NaN()))));
    CHECK(to_float(to_bf16(std::numeric_limits<float>::infinity())) ==
          std::numeric_limits<float>::infinity());
    CHECK(bf16_pair(1.0f, -2.0f) == 0xC0003F80u);
}

TEST_CASE("a warp's product of matrices, against plain loops") {
    const Fault restored;
    const std::vector<Bf16> a = random_bf16(16 * 16, 1), b = random_bf16(16 * 8, 2);
    for (const Order order : kOrders) {
        emulator::set_order(order);
        std::vector<float> c(16 * 8, std::numeric_limits<float>::quiet_NaN());
        run_block(multiply, dim3(32), 1024, a.data(), b.data(), c.data());
        for (std::size_t row = 0; row < 16; ++row)
            for (std::size_t column = 0; column < 8; ++column) {
                double expected = 0;
                for (std::size_t k = 0; k < 16; ++k)
                    expected += double{to_float(a[row * 16 + k])} * to_float(b[k * 8 + column]);
                CHECK(std::fabs(c[row * 8 + column] - expected) <= 1e-6);
            }
    }
}

TEST_CASE("asynchronous copies: late, at once or by chance, and a wait left out is noticed") {
    const Fault restored;
    constexpr int kCount = 48;
    const std::vector<Bf16> first = random_bf16(8 * kCount, 1), second = random_bf16(8 * kCount, 2);
    std::vector<float> right(2 * kCount);
    for (std::size_t i = 0; i < kCount; ++i) {
        const std::size_t from = 8 * (kCount - 1 - i) + i % 8;
        right[i] = kCount - 1 - i < 40 ? to_float(first[from]) : 0.0f;  // zeroes from there on
        right[kCount + i] = to_float(second[from]);
    }
    const auto copied = [&] {
        std::vector<float> to(2 * kCount, std::numeric_limits<float>::quiet_NaN());
        run_block(copy_and_turn, dim3(kCount), 2048, first.data(), second.data(), 40, to.data());
        return to;
    };
    for (const Order order : kOrders)
        for (const CopyTime time : kCopyTimes) {
            emulator::set_order(order);
            emulator::set_copy_time(time);
            CHECK(copied() == right);
        }
    emulator::set_order(Order::forward);  // thread 0 reads before the last one waits for both groups
    emulator::set_copy_time(CopyTime::at_wait);
    emulator::leave_out_wait(0);
    CHECK(std::isnan(copied()[0]));
}

TEST_CASE("wrong uses of copies and matrices are errors") {
    const std::vector<Bf16> from = random_bf16(8 * 32, 1);
    std::vector<std::uint32_t> to(32);
    CHECK(fails_with("did not wait", never_wait, dim3(32), from.data()));
    CHECK(fails_with("multiple of 16", copy_oddly, dim3(1), from.data()));
    CHECK(fails_with("multiple of 16", load_oddly, dim3(32), to.data()));
    CHECK(fails_with("different collectives", load_in_two_ways, dim3(32), to.data()));
    CHECK(fails_with("some have ended", load_by_half_a_warp, dim3(32), to.data()));
}

TEST_CASE("dynamic shared memory is NaN until it is written, and ends where the device's does") {
    std::vector<float> to(32, 0);
    {
        const OnDevice device(90);
        run_block(read_dynamic, dim3(32), 227 << 10, to.data());
        CHECK_THROWS_AS(run_block(read_dynamic, dim3(32), (227 << 10) + 1, to.data()), Failure);
    }
    const OnDevice device(80);
    run_block(read_dynamic, dim3(32), 128, to.data());
    CHECK(std::all_of(to.begin(), to.end(), [](float value) { return std::isnan(value); }));
    run_block(read_dynamic, dim3(32), 163 << 10, to.data());
    CHECK_THROWS_AS(run_block(read_dynamic, dim3(32), (163 << 10) + 1, to.data()), Failure);
}
