// Buffers, transfers, and what the public functions refuse.
#include <doctest/doctest.h>

#include <cmath>

#include "kernels/base/error.hpp"
#include "kernels/reference/reference_backend.hpp"
#include "test/kernels/harness.hpp"

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
