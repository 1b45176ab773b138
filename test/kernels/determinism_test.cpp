// One output is one sum in an order that the layer alone fixes: the same bits alone or in a batch, and
// wherever in a row a position lies. (Workers and thread orders: the rows of the table that name
// `same_bits`.)
#include <doctest/doctest.h>

#include "test/kernels/harness.hpp"

using namespace regkit;
using namespace regkit::test;

namespace {

constexpr std::int64_t kIn = 7, kOut = 19, kLength = 301;

// Elements of samples [first, first + count) at positions [begin, end).
Values part(const Values& values, const Shape& shape, std::int64_t first, std::int64_t count,
            std::int64_t begin, std::int64_t end) {
    Values result;
    for (std::int64_t row = first * shape.channels; row < (first + count) * shape.channels; ++row)
        result.insert(result.end(), values.begin() + row * shape.length + begin,
                      values.begin() + row * shape.length + end);
    return result;
}

// A forward operation: from x (kIn channels, any batch and length) to values of `out_channels` per position.
struct Forward1 {
    const char* name;
    std::int64_t out_channels;
    std::int64_t up;      // nucleotides of output per position of input
    std::int64_t margin;  // positions at either end that see the padding
    std::function<Values(Run&, const View& x)> apply;
};

std::vector<Forward1> forward_operations() {
    const ConvGeometry geometry{10, 1, 9, 40, 41};
    return {
        {"conv", kOut, 1, 41,
         [geometry](Run& run, const View& x) {
             const View y = run.output({x.shape.batch, kOut, x.shape.length});
             run.backend()(Conv{.x = x,
                                .weight = run.random_flat(kIn * kOut * 10, 1),
                                .bias = run.random_flat(kOut, 2),
                                .geometry = geometry,
                                .relu = true,
                                .y = y});
             return run.read(y);
         }},
        {"up_conv", kOut, 10, 0,
         [](Run& run, const View& x) {
             const View y = run.output({x.shape.batch, kOut, x.shape.length * 10});
             run.backend()(UpConv{.x = x,
                                  .weight = run.random_flat(kIn * kOut * 10, 1),
                                  .bias = run.random_flat(kOut, 2),
                                  .stride = 10,
                                  .relu = true,
                                  .y = y});
             return run.read(y);
         }},
        {"norm_act", kIn, 1, 0,
         [](Run& run, const View& x) {
             const View y = run.output(x.shape);
             const Norm norm{run.random_flat(kIn, 2), run.random_flat(kIn, 3, 0.1, 2),
                             run.random_flat(kIn, 4), run.random_flat(kIn, 5), 1e-5f};
             run.backend()(NormAct{.x = x, .norm = &norm, .relu = true, .y = y});
             return run.read(y);
         }},
        {"tail", kOut, 10, 0,
         [](Run& run, const View& x) {
             Tail tail;
             tail.stride = 10;
             tail.up = {run.random_flat(kIn * 5 * 10, 1), run.random_flat(5, 2), int{kIn}, 5, {}};
             tail.depth = 2;
             tail.dense[0] = {run.random_flat(5 * 12, 3), run.random_flat(12, 4), 5, 12, {}};
             tail.dense[1] = {run.random_flat(12 * kOut, 5), run.random_flat(kOut, 6), 12, int{kOut}, {}};
             std::vector<float> out(static_cast<std::size_t>(x.shape.batch * kOut * x.shape.length * 10));
             run.backend()(TailInfer{.h = x,
                                     .tail = tail,
                                     .begin = 0,
                                     .end = x.shape.length,
                                     .kind = TailOutput::probabilities,
                                     .out = out});
             return Values(out.begin(), out.end());
         }},
    };
}

// cuDNN computes each shape as was fastest there: another shape may give other bits.
bool depends_on_shape(const Backend& backend) {
    return std::string(backend.description()).find(" cuDNN ") != std::string::npos;
}

}  // namespace

TEST_CASE("a sample alone gives the same bits as in a batch") {
    for (const Forward1& op : forward_operations())
        for_each_backend([&](Backend& backend, double) {
            if (depends_on_shape(backend)) return;
            CAPTURE(op.name);
            Run run(backend);
            const Shape shape{3, kIn, kLength};
            const Values x = random_values(shape.size(), 9);
            const Values batch = op.apply(run, run.input(shape, x, {41, 41}));
            const Shape y{3, op.out_channels, kLength * op.up};
            for (std::int64_t s = 0; s < 3; ++s) {
                const View alone = run.input({1, kIn, kLength}, part(x, shape, s, 1, 0, kLength), {41, 41});
                CHECK(op.apply(run, alone) == part(batch, y, s, 1, 0, y.length));
            }
        });
}

TEST_CASE("a position gives the same bits wherever its tile begins and ends") {
    for (const Forward1& op : forward_operations())
        for_each_backend([&](Backend& backend, double) {
            if (depends_on_shape(backend)) return;
            CAPTURE(op.name);
            Run run(backend);
            const Shape shape{1, kIn, kLength};
            const Values x = random_values(shape.size(), 9);
            const Values whole = op.apply(run, run.input(shape, x, {41, 41}));
            for (const auto& [begin, end] :
                 {std::pair<std::int64_t, std::int64_t>{1, 300}, {13, 250}, {17, 117}}) {
                const View tile =
                    run.input({1, kIn, end - begin}, part(x, shape, 0, 1, begin, end), {41, 41});
                const Values got = op.apply(run, tile);
                CHECK(part(got, {1, op.out_channels, (end - begin) * op.up}, 0, 1, op.margin * op.up,
                           (end - begin - op.margin) * op.up) ==
                      part(whole, {1, op.out_channels, kLength * op.up}, 0, 1, (begin + op.margin) * op.up,
                           (end - op.margin) * op.up));
            }
        });
}
