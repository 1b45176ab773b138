// The emulator itself: it must notice the faults that it exists for.
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <string>

#include "kernels/base/error.hpp"
#include "test/emulator/emulator_backend.hpp"
#include "test/kernels/harness.hpp"

using namespace regkit;
using namespace regkit::test;
using emulator::Order;

namespace {

constexpr Order kOrders[] = {Order::forward, Order::reverse, Order::shuffled};

template <typename... Params>
cudaError_t run_kernel(void (*kernel)(Params...), dim3 grid, dim3 block,
                       std::type_identity_t<Params>... params) {
    cudaStream_t stream = nullptr;
    void* arguments[] = {&params...};
    cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking);
    cudaError_t error = cudaLaunchKernel(kernel, grid, block, arguments, 0, stream);
    if (error == cudaSuccess) error = cudaStreamSynchronize(stream);
    emulator::revive_device();
    cudaStreamDestroy(stream);
    return error;
}

__global__ void reverse_block(const float* from, float* to) {
    __shared__ float values[96];
    values[threadIdx.x] = from[blockIdx.x * 96 + threadIdx.x];
    __syncthreads();
    to[blockIdx.x * 96 + threadIdx.x] = values[95 - threadIdx.x];
}

__global__ void read_unwritten(float* to) {
    __shared__ float values[32];
    to[threadIdx.x] = values[threadIdx.x];
}

__global__ void diverge() {
    if (threadIdx.x % 2 == 0)
        __syncthreads();
    else
        __syncthreads();
}

__global__ void half_at_the_barrier_half_at_the_warp() {
    if (threadIdx.x < 16)
        __syncthreads();
    else
        __syncwarp();
}

__global__ void neighbours(float* to) {
    const float own = static_cast<float>(threadIdx.x);
    to[threadIdx.x] = __shfl_down_sync(0xFFFFFFFFu, own, 1) + 1000 * __shfl_down_sync(0xFFFFFFFFu, own, 16);
}

__global__ void neighbours_by_number(float* to) {
    const float own = static_cast<float>(threadIdx.x);
    to[threadIdx.x] = __shfl_xor_sync(0xFFFFFFFFu, own, 5) + 1000 * __shfl_sync(0xFFFFFFFFu, own, 7);
}

__global__ void vote(unsigned* to) {
    to[threadIdx.x] = __ballot_sync(0xFFFFFFFFu, threadIdx.x % 3 == 0);
}

__global__ void early_exit(float* to) {
    if (threadIdx.x >= 40) return;
    __syncthreads();
    to[threadIdx.x] = 1;
}

struct LeftOut {
    explicit LeftOut(int n) { emulator::leave_out_barrier(n); }
    ~LeftOut() { emulator::leave_out_barrier(-1); }
};

}  // namespace

TEST_CASE("blocks, threads and barriers, in every order") {
    for (const Order order : kOrders) {
        emulator::set_order(order);
        std::vector<float> from(96 * 3), to(96 * 3);
        for (std::size_t i = 0; i < from.size(); ++i) from[i] = static_cast<float>(i);
        CHECK(run_kernel(reverse_block, dim3(3), dim3(96), from.data(), to.data()) == cudaSuccess);
        for (std::size_t block = 0; block < 3; ++block)
            std::reverse(from.begin() + static_cast<long>(block) * 96,
                         from.begin() + static_cast<long>(block + 1) * 96);
        CHECK(to == from);
    }
}

TEST_CASE("shared memory is NaN until it is written") {
    std::vector<float> to(32, 0);
    CHECK(run_kernel(read_unwritten, dim3(1), dim3(32), to.data()) == cudaSuccess);
    CHECK(std::all_of(to.begin(), to.end(), [](float value) { return std::isnan(value); }));
}

TEST_CASE("barriers that threads do not share are errors") {
    for (const Order order : kOrders) {
        emulator::set_order(order);
        CHECK(run_kernel(diverge, dim3(1), dim3(32)) == cudaErrorLaunchFailure);
        CHECK(std::string(emulator::last_failure()).find("different barriers") != std::string::npos);
        CHECK(run_kernel(half_at_the_barrier_half_at_the_warp, dim3(1), dim3(32)) == cudaErrorLaunchFailure);
        CHECK(std::string(emulator::last_failure()).find("deadlock") != std::string::npos);
    }
}

TEST_CASE("a warp's lanes exchange values, in every order") {
    for (const Order order : kOrders) {
        emulator::set_order(order);
        std::vector<float> to(64, -1);
        CHECK(run_kernel(neighbours, dim3(1), dim3(64), to.data()) == cudaSuccess);
        for (int i = 0; i < 64; ++i) {
            const int next = i % 32 < 31 ? i + 1 : i, far = i % 32 < 16 ? i + 16 : i;
            CHECK(to[static_cast<std::size_t>(i)] == static_cast<float>(next + 1000 * far));
        }
    }
}

TEST_CASE("a warp's lanes ask one another, and vote") {
    for (const Order order : kOrders) {
        emulator::set_order(order);
        std::vector<float> to(64, -1);
        CHECK(run_kernel(neighbours_by_number, dim3(1), dim3(64), to.data()) == cudaSuccess);
        for (int i = 0; i < 64; ++i)
            CHECK(to[static_cast<std::size_t>(i)] == static_cast<float>((i ^ 5) + 1000 * (i / 32 * 32 + 7)));
        std::vector<unsigned> votes(64, 0);
        CHECK(run_kernel(vote, dim3(1), dim3(64), votes.data()) == cudaSuccess);
        for (unsigned i = 0; i < 64; ++i)
            for (unsigned l = 0; l < 32; ++l) CHECK((votes[i] >> l & 1) == ((i / 32 * 32 + l) % 3 == 0));
    }
}

TEST_CASE("threads that have ended are not waited for") {
    for (const Order order : kOrders) {
        emulator::set_order(order);
        std::vector<float> to(64, 0);
        CHECK(run_kernel(early_exit, dim3(1), dim3(64), to.data()) == cudaSuccess);
        CHECK(std::count(to.begin(), to.end(), 1.0f) == 40);
    }
}

TEST_CASE("a grid that CUDA would refuse is refused") {
    std::vector<float> to(1);
    CHECK(run_kernel(read_unwritten, dim3(1), dim3(1025), to.data()) == cudaErrorInvalidValue);
    CHECK(run_kernel(read_unwritten, dim3(0), dim3(32), to.data()) == cudaErrorInvalidValue);
    CHECK(run_kernel(read_unwritten, dim3(1, 65536), dim3(32), to.data()) == cudaErrorInvalidValue);
}

namespace {

// A convolution and its gradients, with every barrier in place or one left out.
struct ConvResults {
    Values y, dx, d_weight, d_bias;
    bool operator==(const ConvResults&) const = default;
};

ConvResults convolve(Order order) {
    const auto backend = make_emulator_backend(order);
    Run run(*backend);
    const ConvGeometry geometry{5, 1, 3, 6, 6};
    const View x = run.random({2, 9, 100}, 1, {6, 6}), dy = run.random({2, 10, 100}, 2, {6, 6});
    const View y = run.output({2, 10, 100}), dx = run.output({2, 9, 100});
    const Slice weight = run.random_flat(450, 3), d_weight = run.zeros(450), d_bias = run.zeros(10);
    (*backend)(Conv{.x = x, .weight = weight, .geometry = geometry, .y = y});
    (*backend)(ConvGradInput{.dy = dy, .weight = weight, .geometry = geometry, .dx = dx});
    (*backend)(
        ConvGradWeight{.x = x, .dy = dy, .geometry = geometry, .d_weight = d_weight, .d_bias = d_bias});
    return {run.read(y), run.read(dx), run.read(d_weight), run.read(d_bias)};
}

// Whether every kernel's result differs from the right one; NaN differs from everything.
void check_all_differ(const ConvResults& got, const ConvResults& right) {
    CHECK(got.y != right.y);
    CHECK(got.dx != right.dx);
    CHECK(got.d_weight != right.d_weight);
}

}  // namespace

// Barrier 0 stands between staging weights and using them, barrier 1 between using them and staging the next.
TEST_CASE("a barrier missing from the convolution kernels is noticed") {
    const ConvResults right = convolve(Order::forward);
    CHECK(right == convolve(Order::reverse));
    CHECK(right == convolve(Order::shuffled));
    for (const int n : {0, 1})
        for (const Order order : kOrders) {
            CAPTURE(n);
            const LeftOut left_out(n);
            check_all_differ(convolve(order), right);
        }
    {
        const LeftOut left_out(0);  // the warps' sums of d_bias, read before the second warp has left its own
        CHECK(convolve(Order::forward).d_bias != right.d_bias);
    }
    CHECK(right == convolve(Order::forward));
}

namespace {

// Sums by blocks, and the LSTM's recurrence: what else has barriers.
enum class Op { none, moments, lstm, lstm_grad };

struct SumResults {
    Values mean, y, gates;
    bool operator==(const SumResults&) const = default;
};

// Leaves out barrier `n` of the operation `faulty`.
SumResults sum_and_recur(Order order, Op faulty = Op::none, int n = 0) {
    const auto backend = make_emulator_backend(order);
    Run run(*backend);
    const auto attempt = [&](Op op, const auto& body) {
        const LeftOut left_out(op == faulty ? n : -1);
        body();
    };
    const int hidden = 37, directions = 2;
    const std::int64_t channels = 3000, units = hidden * directions;  // more channels than blocks
    const Slice mean = run.output_flat(channels), var = run.output_flat(channels);
    const View x = run.random({2, channels, 20}, 1);
    attempt(Op::moments, [&] { (*backend)(Moments{.x = x, .mean = mean, .var = var}); });
    const View gates = run.random({2, 4 * units, 5}, 2), cell = run.output({2, units, 5});
    const View y = run.output({2, units, 5}), dy = run.random({2, units, 5}, 4);
    const Slice weight = run.random_flat(4 * units * hidden, 3), d_weight = run.zeros(4 * units * hidden);
    attempt(Op::lstm, [&] {
        (*backend)(LstmRecurrence{.gates = gates,
                                  .weight_hh = weight,
                                  .hidden = hidden,
                                  .directions = directions,
                                  .cell = cell,
                                  .y = y});
    });
    attempt(Op::lstm_grad, [&] {
        (*backend)(LstmRecurrenceGrad{.gates = gates,
                                      .weight_hh = weight,
                                      .hidden = hidden,
                                      .directions = directions,
                                      .cell = cell,
                                      .y = y,
                                      .dy = dy,
                                      .d_weight_hh = d_weight});
    });
    return {run.read(mean), run.read(y), run.read(gates)};
}

}  // namespace

TEST_CASE("a barrier missing from the sums or the LSTM is noticed") {
    const SumResults right = sum_and_recur(Order::forward);
    CHECK(right == sum_and_recur(Order::reverse));
    CHECK(right == sum_and_recur(Order::shuffled));
    for (const Order order : kOrders) {
        CHECK(sum_and_recur(order, Op::lstm).y != right.y);
        CHECK(sum_and_recur(order, Op::lstm_grad).gates != right.gates);
    }
    // The first thread adds up before the others have left their parts; the others leave the next ones too
    // early.
    CHECK(sum_and_recur(Order::forward, Op::moments, 0).mean != right.mean);
    CHECK(sum_and_recur(Order::reverse, Op::moments, 1).mean != right.mean);
    CHECK(right == sum_and_recur(Order::forward));
}
