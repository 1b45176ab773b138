// The register tiles of every instruction set, in every size that they have, called directly and held against
// plain sums: what a layer's size would leave out is here.
#include <doctest/doctest.h>

#include <cmath>

#include "kernels/cpu/bf16.hpp"
#include "kernels/cpu/cpu_backend.hpp"
#include "kernels/cpu/kernels.hpp"
#include "test/kernels/harness.hpp"

using namespace regkit;
using namespace regkit::test;

namespace {

constexpr double kTolerance = 1e-5;

// Rows of values that the kernels take: rounded in bf16. at(row, p) for any p of [-margin, length + margin).
struct Table {
    Table(std::int64_t rows, std::int64_t length, std::uint32_t seed, bool bf16)
        : length_(length), values_(random_values(rows * length, seed)) {
        if (!bf16) return;
        for (double& value : values_)
            value = static_cast<double>(cpu::bf16_rounded(static_cast<float>(value)));
    }
    double operator()(std::int64_t row, std::int64_t p) const {
        return values_[static_cast<std::size_t>(row * length_ + p)];
    }
    float single(std::int64_t row, std::int64_t p) const { return static_cast<float>((*this)(row, p)); }

  private:
    std::int64_t length_;
    Values values_;
};

void for_each_kernel(const std::function<void(const cpu::Kernels&, bool)>& body) {
    for (const Precision precision : {Precision::f32, Precision::bf16})
        for (const std::string& isa : cpu_isas(precision)) {
            CAPTURE(isa);
            CAPTURE(precision_name(precision));
            body(cpu::select_kernels(isa, precision), precision == Precision::bf16);
        }
}

struct TileCase {
    int out, inputs, taps;
    bool packed, relu, accumulate, resume;
};

void check_tile(const cpu::TileKernels& kernel, bool bf16, const TileCase& c) {
    const std::int64_t length = kernel.strip + 3, room = length + 2 * kernel.strip + 8, valid = length - 1;
    const Table x(c.inputs, room, 1, bf16), w(c.out, c.taps * c.inputs, 2, bf16);
    const Values before = random_values(c.out * room, 3), bias = random_values(c.out, 4);
    const int rows = kernel.rows(c.inputs);

    // x: in bf16 two neighbouring rows share one of words.
    std::vector<float> words(static_cast<std::size_t>(rows * room));
    for (int k = 0; k < rows; ++k)
        for (std::int64_t p = 0; p < room; ++p) {
            const bool alone = kernel.depth * k + 1 == c.inputs;
            words[static_cast<std::size_t>(k * room + p)] =
                bf16 ? cpu::bf16_word(x.single(2 * k, p), alone ? 0.0f : x.single(2 * k + 1, p))
                     : x.single(k, p);
        }
    // w[o][t][k], and the same as words for a tile that takes them as they lie.
    std::vector<float> plain, unpacked;
    for (int o = 0; o < c.out; ++o) {
        for (int i = 0; i < c.taps * c.inputs; ++i) plain.push_back(w.single(o, i));
        for (int k = 0; k < rows; ++k) {
            const bool alone = kernel.depth * k + 1 == c.inputs;
            unpacked.push_back(bf16
                                   ? cpu::bf16_word(w.single(o, 2 * k), alone ? 0.0f : w.single(o, 2 * k + 1))
                                   : w.single(o, k));
        }
    }
    const int blocks = cpu::Blocks(c.out, kernel.block).count;
    std::vector<float> packed(static_cast<std::size_t>(kernel.packed_size(c.out, c.taps, c.inputs)));
    kernel.pack(plain.data(), c.taps * c.inputs, c.inputs, 1, c.out, c.taps, c.inputs, 0, blocks,
                packed.data());
    std::vector<float> y(before.begin(), before.end());
    const std::vector<float> biases(bias.begin(), bias.end());
    std::vector<std::int64_t> offset;
    for (int t = 0; t < c.taps; ++t) offset.push_back(3 * t);

    cpu::TileArgs args;
    args.x = words.data();
    args.x_stride = room;
    args.offset = offset.data();
    args.taps = c.taps;
    args.in = rows;
    args.w = c.packed ? packed.data() : unpacked.data();
    args.w_stride = c.packed ? 0 : rows;
    args.bias = biases.data();
    args.y = y.data();
    args.y_stride = room;
    args.out = c.out;
    args.end = length;
    args.valid = valid;
    args.relu = c.relu;
    args.accumulate = c.accumulate;
    args.resume = c.resume;
    kernel.run(args, 0, blocks);

    Values got, expected;
    for (int o = 0; o < c.out; ++o)
        for (std::int64_t p = 0; p < length; ++p) {
            const auto at = static_cast<std::size_t>(o * room + p);
            double sum = c.resume ? before[at] : bias[static_cast<std::size_t>(o)];
            for (int t = 0; t < c.taps; ++t)
                for (int k = 0; k < c.inputs; ++k) sum += w(o, t * c.inputs + k) * x(k, 3 * t + p);
            if (p >= valid || (c.relu && sum < 0)) sum = 0;
            expected.push_back(c.accumulate ? before[at] + sum : sum);
            got.push_back(static_cast<double>(y[at]));
        }
    check_close("tile", got, expected, kTolerance);
}

void check_outer(const cpu::OuterKernels& kernel, bool bf16, int out, int in, int taps) {
    constexpr std::int64_t kLength = 150, kRoom = 256;  // dy is zero from kLength on
    const Table dy(out, kLength, 1, bf16), x(in, kRoom, 2, bf16);
    const std::int64_t row = bf16 ? kRoom / 2 : kRoom;
    const auto rows_of = [&](int rows, std::int64_t length, const Table& table) {
        std::vector<float> values(static_cast<std::size_t>(rows * row));
        const auto value = [&](int k, std::int64_t p) { return p < length ? table.single(k, p) : 0.0f; };
        for (int k = 0; k < rows; ++k)
            for (std::int64_t p = 0; p < row; ++p)
                values[static_cast<std::size_t>(k * row + p)] =
                    bf16 ? cpu::bf16_word(value(k, 2 * p), value(k, 2 * p + 1)) : value(k, p);
        return values;
    };
    const std::vector<float> dys = rows_of(out, kLength, dy), xs = rows_of(in, kRoom, x);
    std::vector<std::int64_t> offset;
    for (int t = 0; t < taps; ++t) offset.push_back(5 * t);  // odd ones too: half a word in bf16
    const Values before = random_values(out * in * taps, 3);
    std::vector<float> dw(before.begin(), before.end());

    cpu::OuterArgs args;
    args.dy = dys.data();
    args.x = xs.data();
    args.dy_stride = args.x_stride = row;
    args.offset = offset.data();
    args.taps = taps;
    args.out = out;
    args.in = in;
    args.end = kLength;
    args.dw = dw.data();
    args.dw_out = in * taps;
    args.dw_in = taps;
    args.dw_tap = 1;
    kernel.run(args);

    Values expected = before;
    for (int o = 0; o < out; ++o)
        for (int k = 0; k < in; ++k)
            for (int t = 0; t < taps; ++t)
                for (std::int64_t p = 0; p < kLength; ++p)
                    expected[static_cast<std::size_t>((o * in + k) * taps + t)] += dy(o, p) * x(k, 5 * t + p);
    check_close("outer", Values(dw.begin(), dw.end()), expected, kTolerance);
}

}  // namespace

TEST_CASE("tile: every number of outputs, packed and not") {
    for_each_kernel([](const cpu::Kernels& kernels, bool bf16) {
        const cpu::TileKernels& kernel = *kernels.product_tile;
        for (int out = 1; out <= kernel.block + 1; ++out)
            for (const bool packed : {true, false})
                for (const int inputs : {1, 11}) {
                    CAPTURE(out);
                    CAPTURE(packed);
                    CAPTURE(inputs);
                    const int turn = out % 4;  // none, relu, accumulate, resume
                    check_tile(
                        kernel, bf16,
                        {out, inputs, packed ? 1 + out % 2 : 1, packed, turn == 1, turn == 2, turn == 3});
                }
    });
}

TEST_CASE("outer tile: every number of outputs and inputs") {
    for_each_kernel([](const cpu::Kernels& kernels, bool bf16) {
        for (int out = 1; out <= 6; ++out)  // the largest is 5
            for (int in = 1; in <= 6; ++in) {
                CAPTURE(out);
                CAPTURE(in);
                check_outer(*kernels.product_outer, bf16, out, in, 2);
            }
    });
}
