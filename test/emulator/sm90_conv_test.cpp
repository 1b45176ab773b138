// The convolutions of compute capability 9.0: bit for bit those of other devices, whatever the order of
// threads and the time of copies and products; and a barrier or a wait that is missing shows.
#include <doctest/doctest.h>

#include <limits>

#include "kernels/cuda/conv/sm80.hpp"
#include "kernels/cuda/conv/sm90.hpp"
#include "kernels/cuda/conv/weight_sums.hpp"
#include "kernels/cuda/hopper.hpp"
#include "kernels/cuda/rows.hpp"
#include "test/emulator/conv_case.hpp"
#include "test/emulator/emulator_backend.hpp"
#include "test/emulator/fault.hpp"

using namespace regkit;
using namespace regkit::test;
using emulator::CopyTime;
using emulator::Order;

namespace {

constexpr float kNaN = std::numeric_limits<float>::quiet_NaN();
using Floats = std::vector<float>;

// batch, in, out, length, {width, stride, dilation, pad_left, pad_right}
const std::vector<ConvCase> kCases = {
    {1, 50, 50, 300, {10, 1, 1, 4, 5}},     // two tiles
    {1, 128, 65, 100, {10, 1, 3, 13, 14}},  // two windows of x, two tiles of channels
    {1, 240, 50, 150, {3, 1, 9, 4, 14}},    // windows that come round; the last has 48 channels
    {1, 50, 64, 260, {5, 1, 27, 54, 54}},   {1, 16, 50, 270, {10, 1, 27, 121, 122}},
    {1, 16, 3, 100, {10, 1, 40, 180, 180}},  // in steps
    {1, 6, 5, 60, {5, 1, 81, 162, 162}},     // a row shorter than the dilation
    {2, 5, 4, 330, {4, 1, 100, 0, 0}},       // and a shorter output
    {1, 3, 5, 40, {11, 1, 30, 100, 200}},    // of a dilation that is no multiple of eight
    {11, 1, 1, 33, {2, 1, 1, 0, 1}},        {3, 65, 17, 40, {1, 1, 1, 0, 0}},
    {1, 200, 20, 40, {2, 1, 5, 0, 5}},  // fewer taps than places in the ring
    {1, 3, 2, 70, {17, 1, 2, 16, 16}},  // taps of two blocks
    {5, 4, 3, 12, {3, 1, 2, 6, 7}},     // more padding than the width needs
};

cuda::ConvProblem problem_of(const ConvCase& c) {
    const ConvGeometry& g = c.geometry;
    return {c.batch, c.in, c.out, c.length, g.output_length(c.length), g.width, 1, g.dilation, g.pad_left};
}

Floats random_floats(std::int64_t count, std::uint32_t seed) {
    const Values values = random_values(count, seed);
    return Floats(values.begin(), values.end());
}

struct Results {
    Floats y, dx;
    bool operator==(const Results&) const = default;
};

// With bias and ReLU; dx is added to ones.
Results convolve(const ConvCase& c, bool on_hopper) {
    const cuda::ConvProblem g = problem_of(c);
    const std::int64_t weights = g.in * g.out * g.width, xs = g.batch * g.in * g.in_length,
                       ys = g.batch * g.out * g.out_length;
    Floats x = random_floats(xs, 1), weight = random_floats(weights, 2), bias = random_floats(g.out, 3),
           dy = random_floats(ys, 4);
    Results results{Floats(static_cast<std::size_t>(ys), kNaN), Floats(static_cast<std::size_t>(xs), 1.0f)};
    const OnDevice device(on_hopper ? cuda::kHopper : 80);
    cuda::Stream stream(0);
    cuda::Scratch scratch(stream);
    const cuda::Stream::Operation operation(stream);
    const auto row_shift = on_hopper ? cuda::sm90_row_shift : cuda::sm80_row_shift;
    row_shift(cuda::shift_of_forward(g, true), {x.data(), g.batch, g.in, g.in_length},
              cuda::weights_of_forward(g, weight.data()), bias.data(), results.y.data(), scratch);
    row_shift(cuda::shift_of_gradient(g, true), {dy.data(), g.batch, g.out, g.out_length},
              cuda::weights_of_gradient(g, weight.data()), nullptr, results.dx.data(), scratch);
    stream.wait();
    return results;
}

// The gradient of the weights, added to ones.
Floats weight_gradient(const ConvCase& c, bool on_hopper, std::int64_t wanted_blocks = 132) {
    const cuda::ConvProblem g = problem_of(c);
    Floats x = random_floats(g.batch * g.in * g.in_length, 1),
           dy = random_floats(g.batch * g.out * g.out_length, 2);
    Floats d_weight(static_cast<std::size_t>(g.in * g.out * g.width), 1.0f);
    const OnDevice device(on_hopper ? cuda::kHopper : 80);
    cuda::Stream stream(0);
    cuda::Scratch scratch(stream);
    const cuda::Stream::Operation operation(stream);
    const cuda::Tensor input{x.data(), g.batch, g.in, g.in_length},
        gradient{dy.data(), g.batch, g.out, g.out_length};
    if (on_hopper)
        cuda::sm90_weight_gradient(g, input, gradient, d_weight.data(), scratch, wanted_blocks);
    else
        cuda::sm80_weight_gradient(g, input, gradient, d_weight.data(), scratch);
    stream.wait();
    return d_weight;
}

Values values_of(const Floats& floats) {
    return Values(floats.begin(), floats.end());
}

// Whether what is left out is an error, or changes the results, in one order and time at least.
template <typename Compute, typename Right>
bool is_noticed(const Compute& compute, const Right& right, int barrier, int wait) {
    for (const Order order : kOrders)
        for (const CopyTime time : kCopyTimes) {
            const Fault fault;
            emulator::set_order(order);
            emulator::set_copy_time(time);
            emulator::leave_out_barrier(barrier);
            emulator::leave_out_wait(wait);
            try {
                if (compute() != right) return true;
            } catch (const cuda::Failure&) {
                emulator::revive_device();
                return true;
            }
        }
    return false;
}

template <typename Body>
void for_all_times(const Body& body) {
    for (const Order order : kOrders)
        for (const CopyTime time : kCopyTimes) {
            const Fault fault;
            emulator::set_order(order);
            emulator::set_copy_time(time);
            body();
        }
}

}  // namespace

TEST_CASE("sm90 convolutions: bit for bit as on other devices") {
    for (const ConvCase& c : kCases) {
        CAPTURE(c.text());
        const Fault restored;
        emulator::set_copy_time(CopyTime::by_chance);
        const Results expected = convolve(c, false);
        CHECK(convolve(c, true) == expected);
    }
}

// The window, the weights of the first tap, its products; then of the next, for which a place is filled the
// second time. The barrier is the one before anything is copied; another parts the products from the sums
// that are stored in their operands' place, which products do not see here (hopper.cpp).
TEST_CASE("sm90 convolutions: every order and time, and what is missing is noticed") {
    const ConvCase c{1, 70, 3, 40, {4, 1, 3, 4, 5}};
    const ConvCase few_taps{
        1, 200, 2, 30, {2, 1, 5, 0, 5}};  // a window is ready to come before there is room
    const Results right = convolve(c, false), right_few = convolve(few_taps, false);
    for_all_times([&] {
        CHECK(convolve(c, true) == right);
        CHECK(convolve(few_taps, true) == right_few);
    });
    const auto compute = [&] { return convolve(c, true); };
    CHECK(is_noticed(compute, right, 0, -1));
    for (int wait = 0; wait < 8; ++wait) {
        CAPTURE(wait);
        CHECK(is_noticed(compute, right, -1, wait));
    }
}

// Their sums are not in the other devices' order.
TEST_CASE("sm90 convolutions: gradients of the weights are those of other devices") {
    for (const ConvCase& c : kCases) {
        CAPTURE(c.text());
        const Fault restored;
        emulator::set_copy_time(CopyTime::by_chance);
        check_close("d_weight", values_of(weight_gradient(c, true)), values_of(weight_gradient(c, false)),
                    1e-5);
    }
}

TEST_CASE("sm90 convolutions: gradients of the weights, every order and time, and what is missing") {
    // One block, whose third tile waits for a place; taps of all three warpgroups.
    const ConvCase c{1, 2, 3, 600, {9, 1, 2, 8, 8}};
    const auto compute = [&] { return weight_gradient(c, true, 1); };
    const Floats right = compute();
    for_all_times([&] { CHECK(compute() == right); });
    CHECK(is_noticed(compute, right, 0, -1));
    for (int wait = 0; wait < 6; ++wait) {
        CAPTURE(wait);
        CHECK(is_noticed(compute, right, -1, wait));
    }
}

TEST_CASE("sm90 convolutions: a device with a flaw has the other devices' kernels") {
    const ConvCase c{1, 5, 4, 200, {3, 1, 3, 3, 3}};
    const auto convolved = [&](int capability, emulator::HopperFlaw flaw) {
        const OnDevice device(capability, flaw);
        return convolve(*make_emulator_backend(Order::forward, kTensorCoreKernels), c, rounded);
    };
    const ConvResults on_other = convolved(80, emulator::HopperFlaw::none);
    for (const auto flaw : {emulator::HopperFlaw::column_products, emulator::HopperFlaw::row_products})
        CHECK(convolved(90, flaw) == on_other);
    CHECK(convolved(90, emulator::HopperFlaw::none).d_weight != on_other.d_weight);  // of another order
}

TEST_CASE("steps hold each position once, each tap kAbreast rows further on") {
    for (const std::int64_t length : {1, 31, 100, 300})
        for (const std::int64_t dilation : {1, 27, 81, 200}) {
            constexpr std::int64_t kTaps = 3;
            const cuda::Steps steps = cuda::steps_of(length, dilation, kTaps);
            std::vector<int> times(static_cast<std::size_t>(length));
            bool are_taps_right = true;
            for (std::int64_t line = 0; line < steps.lines; ++line)
                for (std::int64_t row = 0; row < steps.rows(); ++row) {
                    const std::int64_t p = steps.position(line, row);
                    if (p < 0 || p >= length) continue;
                    ++times[static_cast<std::size_t>(p)];
                    for (std::int64_t tap = 0; tap < kTaps; ++tap) {
                        const std::int64_t read = row + tap * cuda::Steps::kAbreast;
                        are_taps_right &=
                            read < steps.rows() && steps.position(line, read) == p + tap * dilation;
                    }
                }
            CHECK(times == std::vector<int>(static_cast<std::size_t>(length), 1));
            CHECK(are_taps_right);
        }
}

TEST_CASE("which convolutions compute capability 9.0 has kernels of its own for") {
    const auto fits = [](std::int64_t length, std::int64_t width, std::int64_t dilation) {
        const std::int64_t reach = (width - 1) * dilation;
        return cuda::fits_sm90_shift(
            cuda::shift_of_forward({32, 50, 50, length, length, width, 1, dilation, reach / 2}, true));
    };
    for (const std::int64_t dilation : {1, 3, 9, 27, 81}) CHECK(fits(2500, 10, dilation));
    CHECK(fits(128, 8, 1));
    CHECK_FALSE(fits(127, 8, 1));     // more rows without use than with
    CHECK_FALSE(fits(2500, 300, 1));  // in steps, of which each has one position
    CHECK_FALSE(fits(2500, 40, 81));  // more taps than a window has rows for
    CHECK_FALSE(fits(200, 10, 81));   // three steps of 32
}
