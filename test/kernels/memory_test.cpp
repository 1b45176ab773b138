// Buffers, transfers, and what the public functions refuse.
#include <doctest/doctest.h>

#include <cmath>

#include "kernels/base/error.hpp"
#include "kernels/reference/reference_backend.hpp"
#include "test/kernels/harness.hpp"
#include "test/kernels/tail_case.hpp"

using namespace regkit;
using namespace regkit::test;

TEST_CASE("tensors and flat arrays hold what was written, in canonical order") {
    for (const Shape& shape : {Shape{1, 1, 1}, Shape{3, 5, 17}, Shape{2, 33, 130}})
        run_everywhere(
            "write and read",
            [&](Run& run) {
                const View view = run.random(shape, 1, {7, 9});
                run.keep("tensor", view);
                std::vector<float> floats(static_cast<std::size_t>(shape.size()));
                run.backend().read(view, std::span<float>(floats));
                run.keep("as float", Values(floats.begin(), floats.end()));
                run.backend().write(view, std::span<const float>(floats));
                run.keep("written as float", view);
                const Slice slice = run.random_flat(shape.size(), 2);
                run.keep("slice", slice);
                if (shape.size() > 3) run.backend().fill(slice.at(1, shape.size() - 3), 0.5f);
                run.keep("partly filled", slice);
            },
            true);
}

TEST_CASE("new memory is zero") {
    run_everywhere(
        "alloc",
        [](Run& run) {
            const Buffer tensor = run.backend().alloc({2, 3, 50}, {1, 4});
            const Buffer flat = run.backend().alloc_flat(99);
            run.keep("tensor", tensor.view());
            run.keep("flat", flat.slice());
        },
        true);
    const auto reference = make_reference_backend();
    const Buffer flat = reference->alloc_flat(99);
    Run run(*reference);
    CHECK(run.read(flat.slice()) == Values(99, 0.0));
}

// A back end may keep constant weights in another order; never longer than they are what it read.
TEST_CASE("what reads constant weights sees what was last written to them") {
    struct Reader {
        std::string name;
        std::int64_t weights;
        std::function<View(Run&, const Slice&)> apply;
    };
    const auto conv = [](std::int64_t length, const ConvGeometry& geometry) {
        return [=](Run& run, const Slice& w) {
            const View x = run.random({2, 5, length}, 1, {16, 16});
            const View y = run.output({2, 7, geometry.output_length(length)});
            run.backend()(Conv{.x = x, .weight = w, .bias = {}, .geometry = geometry, .relu = false, .y = y});
            return y;
        };
    };
    const std::vector<Reader> readers = {
        {"conv", 7 * 5 * 3, conv(50, {3, 1, 2, 2, 2})},
        {"strided conv", 7 * 5 * 4, conv(52, {4, 2, 1, 1, 1})},
        {"dense", 7 * 5, conv(50, {1, 1, 1, 0, 0})},
        {"conv_grad_input", 7 * 5 * 3,
         [](Run& run, const Slice& w) {
             const View dx = run.output({2, 5, 50});
             run.backend()(ConvGradInput{.dy = run.random({2, 7, 50}, 1, {16, 16}),
                                         .weight = w,
                                         .geometry = {3, 1, 2, 2, 2},
                                         .accumulate = false,
                                         .dx = dx});
             return dx;
         }},
        {"up_conv", 5 * 7 * 4,
         [](Run& run, const Slice& w) {
             const View y = run.output({2, 7, 40});
             run.backend()(UpConv{.x = run.random({2, 5, 10}, 1, {2, 2}),
                                  .weight = w,
                                  .bias = {},
                                  .stride = 4,
                                  .relu = false,
                                  .y = y});
             return y;
         }},
    };
    for (const Reader& reader : readers)
        run_everywhere("constant weights: " + reader.name, [&](Run& run) {
            Backend& backend = run.backend();
            for (int round = 0; round < 2; ++round) {  // the second's may lie where the first's did
                Buffer buffer = backend.alloc_flat(reader.weights + 3);
                buffer.set_constant();
                const Slice weight = buffer.slice(3, reader.weights);
                const auto keep = [&](const std::string& what) { run.keep(what, reader.apply(run, weight)); };
                const auto write = [&](const Slice& to, std::uint32_t seed) {
                    const Values values = random_values(to.count, seed);
                    backend.write(to, std::span<const double>(values));
                };
                write(weight, 10 + static_cast<std::uint32_t>(round));
                keep("written");
                keep("again");
                write(weight.at(2, 4), 20);
                keep("a part written");
                backend.fill(weight.at(1, 2), 3);
                keep("filled");
            }
        });
}

TEST_CASE("of constant weights the tail gives the same bits as of others") {
    for (const TailCase& c : tail_cases()) {
        if (c.is_long()) continue;
        for_each_backend([&](Backend& backend, double) {
            CAPTURE(c.text());
            Run run(backend);
            const Weights weights(c);
            std::int64_t total = 0;
            for (const std::int64_t count : weights.counts) total += count;
            const View h = run.random(c.h(), 1);
            Buffer constant = backend.alloc_flat(total), other = backend.alloc_flat(total);
            constant.set_constant();
            const auto logits = [&](Buffer& buffer, std::uint32_t seed) {
                const Values values = random_values(total, seed);
                backend.write(buffer.slice(), std::span<const double>(values));
                std::vector<Slice> slices;
                std::int64_t at = 0;
                for (const std::int64_t count : weights.counts) {
                    slices.push_back(buffer.slice(at, count));
                    at += count;
                }
                std::vector<float> out(static_cast<std::size_t>(c.batch * c.markers() * c.nucleotides()));
                for (int twice = 0; twice < 2; ++twice)
                    backend(TailInfer{.h = h,
                                      .tail = make_tail(c, slices),
                                      .begin = 0,
                                      .end = c.length,
                                      .kind = TailOutput::logits,
                                      .out = out});
                return out;
            };
            for (const std::uint32_t seed : {1U, 1U, 2U})
                CHECK(logits(constant, seed) == logits(other, seed));
        });
    }
}

TEST_CASE("a buffer can be moved and emptied") {
    for_each_backend([](Backend& backend, double) {
        Buffer a = backend.alloc_flat(4);
        Buffer b = std::move(a);
        CHECK(!a);
        CHECK(b);
        a = std::move(b);
        CHECK(a.shape().length == 4);
        a = Buffer();
        CHECK(!a);
    });
}

namespace {

// A back end without a single operation, and without memory.
class EmptyBackend final : public Backend {
  public:
    const char* name() const noexcept override { return "empty"; }
    const char* description() const noexcept override { return "empty"; }

  private:
    Status do_alloc(const Shape&, const Halo&, void**) noexcept override { return {}; }
    Status do_alloc_flat(std::int64_t, void**) noexcept override { return {}; }
    void do_free(void*) noexcept override {}
    Status do_write(const View&, const float*) noexcept override { return {}; }
    Status do_write(const View&, const double*) noexcept override { return {}; }
    Status do_read(const View&, float*) noexcept override { return {}; }
    Status do_read(const View&, double*) noexcept override { return {}; }
    Status do_write(const Slice&, const float*) noexcept override { return {}; }
    Status do_write(const Slice&, const double*) noexcept override { return {}; }
    Status do_read(const Slice&, float*) noexcept override { return {}; }
    Status do_read(const Slice&, double*) noexcept override { return {}; }
    Status do_fill(const Slice&, float) noexcept override { return {}; }
};

}  // namespace

TEST_CASE("what a back end lacks it says") {
    EmptyBackend backend;
    float values[6] = {};
    const View x{values, {1, 2, 3}, {}};
    try {
        backend(Add{.x = x, .y = x});
        FAIL("add was done");
    } catch (const Error& error) {
        CHECK(error.kind() == ErrorKind::resource);
        CHECK(error.what() ==
              std::string("empty: add: this back end does not have the operation; use --device cpu"));
    }
}

namespace {

// The message of the Error that `body` throws on the reference; its kind must be `usage`.
template <typename Body>
std::string refusal(Body body) {
    const auto backend = make_reference_backend();
    Run run(*backend);
    try {
        body(run, *backend);
    } catch (const Error& error) {
        CHECK(error.kind() == ErrorKind::usage);
        return error.what();
    }
    return "nothing was refused";
}

}  // namespace

TEST_CASE("wrong sizes are refused, naming the operation and what is wrong") {
    CHECK(refusal([](Run& run, Backend& backend) {
              backend(Conv{.x = run.random({1, 2, 10}, 1),
                           .weight = run.random_flat(6, 1),
                           .geometry = {3, 1, 1, 0, 0},
                           .y = run.output({1, 1, 9})});
          }) == "conv: y has length 9, expected 8");
    CHECK(refusal([](Run& run, Backend& backend) {
              backend(Conv{.x = run.random({1, 2, 10}, 1),
                           .weight = run.random_flat(6, 1),
                           .geometry = {3, 1, 1, 1, 1},
                           .y = run.output({1, 1, 10})});
          }) == "conv: x has halo 0 and 0, needs 1 and 1");
    CHECK(refusal([](Run& run, Backend& backend) {
              backend(Conv{.x = run.random({1, 2, 10}, 1),
                           .weight = run.random_flat(7, 1),
                           .geometry = {3, 1, 1, 0, 0},
                           .y = run.output({1, 1, 8})});
          }) == "conv: weight has 7 values, expected 6");
    CHECK(refusal([](Run& run, Backend& backend) {
              backend(ConvGradInput{.dy = run.random({1, 1, 8}, 1, {2, 1}),
                                    .weight = run.random_flat(6, 1),
                                    .geometry = {3, 1, 1, 0, 0},
                                    .dx = run.output({1, 2, 10})});
          }) == "conv_grad_input: dy has halo 2 and 1, needs 2 and 2");
    CHECK(refusal([](Run& run, Backend& backend) {
              backend(UpConv{.x = run.random({2, 2, 10}, 1),
                             .weight = run.random_flat(6, 1),
                             .stride = 3,
                             .y = run.output({1, 1, 30})});
          }) == "up_conv: y has batch 1, expected 2");
    CHECK(refusal([](Run& run, Backend& backend) {
              backend(Add{.x = run.random({1, 2, 10}, 1), .y = run.output({1, 3, 10})});
          }) == "add: y has channels 3, expected 2");
    CHECK(
        refusal([](Run& run, Backend& backend) {
            Dropout dropout;
            dropout.rate = 1;
            backend(NormAct{
                .x = run.random({1, 2, 3}, 1), .relu = true, .dropout = dropout, .y = run.output({1, 2, 3})});
        }) == "norm_act: dropout rate is outside [0, 1)");
    CHECK(refusal([](Run& run, Backend& backend) {
              const std::uint8_t window[] = {0, 5};
              backend(SequenceConv{.codes = {window, 1, 2},
                                   .embedding = run.random_flat(10, 1),
                                   .weight = run.random_flat(2, 1),
                                   .y = run.output({1, 1, 2})});
          }) == "sequence_conv: a code outside 0..4");
    CHECK(refusal([](Run&, Backend& backend) { backend.alloc({1, 0, 3}); }) == "alloc: an empty shape");
    CHECK(refusal([](Run&, Backend& backend) {
              backend.alloc({std::int64_t{1} << 40, std::int64_t{1} << 40, 4});
          }) == "alloc: a shape too large");
    CHECK(refusal([](Run& run, Backend& backend) {
              backend.write(run.output({1, 2, 3}), Values(5));
          }) == "write: number of host values is 5, expected 6");
}

TEST_CASE("labels that are not sorted, disjoint and inside their window are refused") {
    const auto train = [](std::vector<LabelRun> runs) {
        return refusal([&](Run& run, Backend& backend) {
            const std::int64_t offsets[] = {0, static_cast<std::int64_t>(runs.size())};
            Tail tail;
            tail.depth = 1;
            tail.dense[0] = {run.random_flat(6, 1), {}, 2, 3, {}};
            TailGradient gradient;
            gradient.dense_weight[0] = run.zeros(6);
            backend(TailTrain{.h = run.random({1, 2, 10}, 1),
                              .tail = tail,
                              .labels = {runs.data(), offsets},
                              .loss = run.zeros(1),
                              .gradient = gradient,
                              .dh = run.output({1, 2, 10})});
        });
    };
    CHECK(train({{0, 0, 10}, {2, 0, 1}}) == "nothing was refused");
    CHECK(train({{3, 0, 1}}) == "tail_train: a label's marker is unknown");
    CHECK(train({{0, 0, 11}}) == "tail_train: a label is outside its window");
    CHECK(train({{0, -1, 3}}) == "tail_train: a label is outside its window");
    CHECK(train({{0, 4, 4}}) == "tail_train: a label is outside its window");
    CHECK(train({{1, 0, 1}, {0, 0, 1}}) == "tail_train: labels are not sorted and disjoint");
    CHECK(train({{1, 0, 5}, {1, 4, 6}}) == "tail_train: labels are not sorted and disjoint");
}

TEST_CASE("memory that cannot be had is an error of its own, not a crash") {
    for_each_backend([](Backend& backend, double) {
        try {
            backend.alloc_flat((std::int64_t{1} << 45));
            FAIL("got 2^45 values");
        } catch (const Error& error) {
            CHECK(error.kind() == ErrorKind::resource);
        }
    });
}
