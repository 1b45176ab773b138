// Convolutions on (emulated) tensor cores: they are those of operands rounded to bf16, whatever the order of
// threads and the time of copies; and a barrier or a wait that is missing shows.
#include <doctest/doctest.h>

#include "kernels/cuda/conv/plain.hpp"
#include "kernels/cuda/conv/sm80.hpp"
#include "kernels/cuda/rows.hpp"
#include "kernels/reference/reference_backend.hpp"
#include "test/emulator/conv_case.hpp"
#include "test/emulator/emulator_backend.hpp"
#include "test/emulator/fault.hpp"

using namespace regkit;
using namespace regkit::test;
using emulator::Order;

namespace {

constexpr double kTolerance = 1e-5;  // of fp32 sums

// Of 50 channels at every dilation of the deep models; then what the tiles have edges at.
const std::vector<ConvCase> kCases = {
    {1, 50, 50, 70, {10, 1, 1, 4, 5}},   {2, 50, 50, 35, {10, 1, 3, 13, 14}},
    {1, 50, 50, 31, {10, 1, 9, 40, 41}}, {1, 50, 50, 33, {5, 1, 27, 54, 54}},
    {1, 50, 50, 21, {3, 1, 81, 81, 81}}, {1, 100, 17, 40, {2, 1, 5, 0, 5}},  // two windows of channels
    {1, 200, 65, 7, {1, 1, 1, 0, 0}},   // three and more, one tap; two tiles of channels
    {1, 16, 64, 128, {3, 1, 1, 0, 0}},  // whole tiles
    {1, 3, 5, 20, {30, 1, 2, 50, 40}},  // more taps than positions
    {2, 4, 3, 12, {3, 1, 2, 6, 7}},     // more padding than the width needs
};

constexpr int kDevice = 80;  // 9.0 has kernels of its own: sm90_conv_test.cpp

ConvResults convolve_on_8_0(Order order, const ConvCase& c) {
    const OnDevice device(kDevice);
    const auto backend = make_emulator_backend(order, kTensorCoreKernels);
    return convolve(*backend, c, rounded);
}

// Leaves out the n-th barrier, or the n-th wait, of each thread of each kernel; -1 = none.
struct LeftOut {
    LeftOut(int barrier, int wait) {
        emulator::leave_out_barrier(barrier);
        emulator::leave_out_wait(wait);
    }
    LeftOut(const LeftOut&) = delete;
    ~LeftOut() {
        emulator::leave_out_barrier(-1);
        emulator::leave_out_wait(-1);
    }
};

Values grad_weight_on_8_0(const ConvCase& c) {
    const OnDevice device(kDevice);
    const auto backend = make_emulator_backend(Order::forward, kTensorCoreKernels);
    Run run(*backend);
    const Slice d_weight = run.zeros(c.in * c.out * c.geometry.width);
    const View x = run.random({c.batch, c.in, c.length}, 1, {c.geometry.pad_left, c.geometry.pad_right});
    const View dy = run.random({c.batch, c.out, c.geometry.output_length(c.length)}, 2);
    (*backend)(ConvGradWeight{.x = x, .dy = dy, .geometry = c.geometry, .d_weight = d_weight});
    return run.read(d_weight);
}

// Whether each kernel's result is another than `right`.
void check_all_differ(const ConvCase& c, const ConvResults& right, const ConvCase& long_row,
                      const Values& right_weight) {
    const ConvResults wrong = convolve_on_8_0(Order::forward, c);
    CHECK(wrong.y != right.y);
    CHECK(wrong.dx != right.dx);
    CHECK(grad_weight_on_8_0(long_row) != right_weight);
}

}  // namespace

TEST_CASE("sm80 convolutions are those of rounded operands, in every order") {
    const auto reference = make_reference_backend();
    for (const ConvCase& c : kCases) {
        CAPTURE(c.text());
        const ConvResults expected = convolve(*reference, c, rounded);
        const ConvResults got = convolve_on_8_0(Order::forward, c);
        check_close("y", got.y, expected.y, kTolerance);
        check_close("dx", got.dx, expected.dx, kTolerance);
        check_close("d_weight", got.d_weight, expected.d_weight, kTolerance);
        check_close("d_bias", got.d_bias, expected.d_bias, kTolerance);
        CHECK(got == convolve_on_8_0(Order::reverse, c));
        CHECK(got == convolve_on_8_0(Order::shuffled, c));
    }
}

// Two barriers are in the conversion of the operands; the next parts the copies of the products' third step
// from their use.
TEST_CASE("a barrier or a wait missing from the sm80 convolutions is noticed") {
    const ConvCase c{1, 16, 16, 40, {10, 1, 1, 4, 5}};
    // Positions enough that a block sums up three segments, and two taps, so that a block has two warps.
    const ConvCase long_row{1, 1, 1, 3 * 264 * cuda::kSegment, {2, 1, 1, 0, 1}};
    const ConvResults right = convolve_on_8_0(Order::forward, c);
    const Values right_weight = grad_weight_on_8_0(long_row);
    {
        const LeftOut barrier(2, -1);
        check_all_differ(c, right, long_row, right_weight);
    }
    {
        const LeftOut wait(-1, 1);
        check_all_differ(c, right, long_row, right_weight);
    }
    CHECK(right == convolve_on_8_0(Order::forward, c));
}

TEST_CASE("rows of a tile meet no bank of shared memory twice") {
    for (int first = 0; first < 16; ++first)
        for (int chunk = 0; chunk < cuda::kChunks; ++chunk) {
            int seen = 0;
            for (int row = first; row < first + 8; ++row)
                seen |= 1 << (cuda::swizzled(row, chunk) / cuda::kCopied % cuda::kChunks);
            CHECK(seen == 0xFF);
        }
}

TEST_CASE("segments hold each position once") {
    for (const std::int64_t length : {1, 31, 32, 33, 100, 131})
        for (const std::int64_t dilation : {1, 3, 27, 81}) {
            std::vector<int> times(static_cast<std::size_t>(length));
            const std::int64_t segments = cuda::segments_of(length, dilation);
            for (std::int64_t number = 0; number < segments; ++number) {
                const std::int64_t first = cuda::first_of_segment(number, dilation);
                CHECK(first < length);  // none is empty
                for (std::int64_t i = 0; i < cuda::kSegment; ++i)
                    if (first + i * dilation < length)
                        ++times[static_cast<std::size_t>(first + i * dilation)];
            }
            CHECK(times == std::vector<int>(static_cast<std::size_t>(length), 1));
        }
}

TEST_CASE("what the sm80 convolutions leave to the plain ones") {
    const auto fits = [](std::int64_t channels, std::int64_t width, std::int64_t stride) {
        return cuda::fits_sm80_conv({1, channels, channels, 1000, 1000, width, stride, 1, 0});
    };
    CHECK(fits(50, 10, 1));
    CHECK(fits(1000, 50, 1));
    CHECK_FALSE(fits(50, 10, 10));
    CHECK(fits(50, 200, 1));
    CHECK_FALSE(fits(50, 300, 1));
    CHECK_FALSE(fits(240, 200, 1));
}
