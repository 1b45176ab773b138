// The fused tail.
#include <doctest/doctest.h>

#include <bit>
#include <cmath>
#include <cstdint>

#include "kernels/reference/reference_backend.hpp"
#include "test/kernels/tail_case.hpp"

using namespace regkit;
using namespace regkit::test;

TEST_CASE("tail_infer") {
    for (const TailCase& c : tail_cases()) {
        for (const TailOutput kind : {TailOutput::logits, TailOutput::probabilities}) {
            const auto body = [&](Run& run) {
                const View h = run.random(c.h(), 1, {2, 3});
                const Tail tail = make_tail(c, run, Weights(c).random());
                // All, the middle, one, none.
                const std::int64_t n = c.length;
                for (const auto& [begin, end] :
                     {std::pair{std::int64_t{0}, n}, {n / 3, n - n / 4}, {n - 1, n}, {n, n}}) {
                    std::vector<float> out(
                        static_cast<std::size_t>(c.batch * c.markers() * (end - begin) * c.stride), NAN);
                    run.backend()(TailInfer{
                        .h = h, .tail = tail, .begin = begin, .end = end, .kind = kind, .out = out});
                    run.keep("output", Values(out.begin(), out.end()));
                }
            };
            run_everywhere(c.text(), body, false, c.is_long());
        }
    }
}

// What is larger than the caches goes past them to memory, whatever the alignment of the caller's.
TEST_CASE("tail_infer: a long row is its two halves, bit by bit") {
    const TailCase c{1, 4, 1602, 3, 5, {6, 900}, 0, 1};
    const auto backend = make_backend({"cpu", 2, ""}).backend;
    Run run(*backend);
    const View h = run.random(c.h(), 1);
    const Tail tail = make_tail(c, run, Weights(c).random());
    const auto values = [&](std::int64_t begin, std::int64_t end, std::size_t shift) {
        std::vector<float> memory(static_cast<std::size_t>(900 * (end - begin) * c.stride) + shift, NAN);
        (*backend)(TailInfer{.h = h,
                             .tail = tail,
                             .begin = begin,
                             .end = end,
                             .kind = TailOutput::probabilities,
                             .out = std::span(memory).subspan(shift)});
        return std::vector<float>(memory.begin() + static_cast<std::ptrdiff_t>(shift), memory.end());
    };
    const std::vector<float> whole = values(0, 1602, 1), first = values(0, 801, 0),
                             second = values(801, 1602, 0);
    std::int64_t different = 0;
    for (std::size_t i = 0; i < whole.size(); ++i) {
        const std::size_t row = i / 4806, at = i % 4806;
        const float half = at < 2403 ? first[row * 2403 + at] : second[row * 2403 + at - 2403];
        if (!(whole[i] == half)) ++different;
    }
    CHECK(different == 0);
}

TEST_CASE("tail_infer: probabilities of extreme logits") {
    TailCase c{1, 1, 6, 1, 0, {1}, 0, 1};
    run_everywhere("extreme logits", [&](Run& run) {
        const View h = run.input(c.h(), {-1000, -80, -20, 20, 80, 1000});
        std::vector<float> out(6, NAN);
        run.backend()(TailInfer{.h = h,
                                .tail = make_tail(c, run, {{1}, {0}}),
                                .begin = 0,
                                .end = 6,
                                .kind = TailOutput::probabilities,
                                .out = out});
        for (const float p : out) CHECK((p >= 0 && p <= 1));
        run.keep("output", Values(out.begin(), out.end()));
    });
}

// Its bits must not be taken for those of an exponent.
TEST_CASE("tail_infer: a NaN of any payload stays one") {
    const TailCase c{1, 1, 6, 1, 0, {1}, 0, 1};
    for (const std::uint32_t bits : {0x7fc00000u, 0x7fffffffu, 0xffffffffu, 0x7fc00001u}) {
        CAPTURE(bits);
        for_each_backend([&](Backend& backend, double) {
            Run run(backend);
            const Tail tail = make_tail(c, run, {{1}, {std::bit_cast<float>(bits)}});
            std::vector<float> out(6, 0);
            backend(TailInfer{.h = run.random(c.h(), 1),
                              .tail = tail,
                              .begin = 0,
                              .end = 6,
                              .kind = TailOutput::probabilities,
                              .out = out});
            for (const float p : out) CHECK(std::isnan(p));
        });
    }
}

TEST_CASE("tail: a NaN of the input reaches all markers at its positions, and the loss") {
    for_each_backend([&](Backend& backend, double) { check_nan_passes(backend); });
}

TEST_CASE("tail_train") {
    for (const TailCase& c : tail_cases()) {
        const OwnedLabels labels(c);
        for (const bool accumulate : {false, true}) {
            if (accumulate && c.is_long()) continue;
            run_everywhere(
                c.text(),
                [&](Run& run) {
                    const View h = run.random(c.h(), 1, {1, 0});
                    const View dh = accumulate ? run.random(c.h(), 2, {2, 2}) : run.output(c.h());
                    const Slice loss = run.flat({accumulate ? 0.25 : 0.0});
                    run.through_relu = true;
                    const std::vector<Slice> gradient = Weights(c).zeros(run);
                    const Tail tail = make_tail(c, run, Weights(c).random());
                    run.backend()(TailTrain{.h = h,
                                            .tail = tail,
                                            .labels = labels.labels(),
                                            .how = loss_of(c),
                                            .loss = loss,
                                            .gradient = make_gradient(c, gradient),
                                            .accumulate = accumulate,
                                            .dh = dh});
                    run.keep("loss", loss);
                    run.keep("dh", dh);
                    for (const Slice& slice : gradient) run.keep("gradient", slice);
                },
                false, c.is_long());
        }
    }
}

TEST_CASE("tail_train adds to the gradients it is given") {
    const TailCase& c = tail_cases()[3];
    const OwnedLabels labels(c);
    run_everywhere(c.text(), [&](Run& run) {
        const View h = run.random(c.h(), 1), dh = run.output(c.h());
        const Slice loss = run.zeros(1);
        run.through_relu = true;
        const std::vector<Slice> gradient = Weights(c).zeros(run);
        const Tail tail = make_tail(c, run, Weights(c).random());
        for (int i = 0; i < 2; ++i)
            run.backend()(TailTrain{.h = h,
                                    .tail = tail,
                                    .labels = labels.labels(),
                                    .how = loss_of(c),
                                    .loss = loss,
                                    .gradient = make_gradient(c, gradient),
                                    .accumulate = i > 0,
                                    .dh = dh});
        run.keep("loss", loss);
        run.keep("dh", dh);
        for (const Slice& slice : gradient) run.keep("gradient", slice);
    });
}

TEST_CASE("tail_train: extreme logits keep loss and gradient finite") {
    TailCase c{1, 1, 6, 1, 0, {1}, 0, 1};
    const LabelRun run_of_label{0, 0, 3};
    const std::int64_t offsets[] = {0, 1};
    run_everywhere("extreme logits", [&](Run& run) {
        const View h = run.input(c.h(), {-1000, -80, 20, 20, 80, 1000}), dh = run.output(c.h());
        const Slice loss = run.zeros(1);
        const std::vector<Slice> gradient = Weights(c).zeros(run);
        run.backend()(TailTrain{.h = h,
                                .tail = make_tail(c, run, {{1}, {0}}),
                                .labels = {&run_of_label, offsets},
                                .how = {1, 1},
                                .loss = loss,
                                .gradient = make_gradient(c, gradient),
                                .dh = dh});
        run.keep("loss", loss);
        run.keep("dh", dh);
    });
}

// More than the blocks' own matrices: the sums over chunks have memory of their own size.
TEST_CASE("tail_train: many markers") {
    const TailCase c{2, 1, 2, 1, 0, {16000}, 0, 1};
    const OwnedLabels labels(c);
    const auto train = [&](Run&& run) {
        const View h = run.random(c.h(), 1), dh = run.output(c.h());
        const Slice loss = run.zeros(1);
        const std::vector<Slice> gradient = Weights(c).zeros(run);
        run.backend()(TailTrain{.h = h,
                                .tail = make_tail(c, run, Weights(c).random()),
                                .labels = labels.labels(),
                                .how = loss_of(c),
                                .loss = loss,
                                .gradient = make_gradient(c, gradient),
                                .dh = dh});
        return run.read(gradient.back());
    };
    const auto reference = make_reference_backend();
    const Values expected = train(Run(*reference));
    for (const int workers : {1, 3}) {
        const auto cpu = make_backend({"cpu", workers, ""}).backend;  // whose memory nothing grew before
        check_close("gradient of the bias", train(Run(*cpu)), expected, 1e-5);
    }
}

TEST_CASE("tail_train: gradients by finite differences") {
    for (const TailCase& c : tail_cases()) {
        if (c.large()) continue;
        const OwnedLabels labels(c);
        const auto train = [&](Run& run, const std::vector<Values>& in, const std::vector<Slice>& gradient,
                               float scale, const View& dh) {
            const Slice loss = run.zeros(1);
            const Tail tail = make_tail(c, run, {in.begin() + 1, in.end()});
            run.backend()(TailTrain{.h = run.input(c.h(), in[0]),
                                    .tail = tail,
                                    .labels = labels.labels(),
                                    .how = {scale, c.pos_weight},
                                    .loss = loss,
                                    .gradient = make_gradient(c, gradient),
                                    .dh = dh});
            return run.read(loss);
        };
        std::vector<Values> inputs = {random_values(c.h().size(), 1)};
        for (const Values& values : Weights(c).random()) inputs.push_back(values);
        check_gradient(
            c.text(), inputs,
            [&](Run& run, const std::vector<Values>& in) {
                return train(run, in, Weights(c).zeros(run), 0.01f, run.output(c.h()));
            },
            [&](Run& run, const std::vector<Values>& in, const Values& d_outputs) {
                const std::vector<Slice> gradient = Weights(c).zeros(run);
                const View dh = run.output(c.h());
                train(run, in, gradient, 0.01f, dh);
                std::vector<Values> gradients = {run.read(dh)};
                for (const Slice& slice : gradient) gradients.push_back(run.read(slice));
                for (Values& values : gradients)
                    for (double& value : values) value *= d_outputs[0];
                return gradients;
            });
    }
}

// ---- the plain composition
// --------------------------------------------------------------------------------------
namespace {

constexpr ConvGeometry kPointwise{1, 1, 1, 0, 0};
// Both sides in fp32 (on the reference, what is left of the host's float outputs).
constexpr double kFusedTolerance = 4e-5;

// Activations of the tail by the layers' own operations: [0] = h, then per layer its raw output and its
// activation, the logits last. Buffers belong to the Run.
struct Composition {
    Run& run;
    const TailCase& c;
    const Tail& tail;
    bool training;
    std::vector<View> raw, active;

    Composition(Run& r, const TailCase& tail_case, const Tail& t, const View& h, bool train)
        : run(r), c(tail_case), tail(t), training(train), active{h} {
        if (tail.has_up()) {
            raw.push_back(run.output({c.batch, tail.up.out, c.nucleotides()}));
            run.backend()(UpConv{.x = h,
                                 .weight = tail.up.weight,
                                 .bias = tail.up.bias,
                                 .stride = tail.stride,
                                 .y = raw.back()});
            activate(tail.up);
        }
        for (int i = 0; i < tail.depth; ++i) {
            raw.push_back(run.output({c.batch, tail.dense[i].out, c.nucleotides()}));
            run.backend()(Conv{.x = active.back(),
                               .weight = tail.dense[i].weight,
                               .bias = tail.dense[i].bias,
                               .geometry = kPointwise,
                               .y = raw.back()});
            if (i + 1 < tail.depth) activate(tail.dense[i]);
        }
    }
    const View& logits() const { return raw.back(); }

    // From the gradient of the logits to the parameters' gradients and that of h.
    void backward(View d_raw, const TailGradient& gradient, const View& dh) {
        for (int i = tail.depth; i-- > 0;) {
            const std::size_t k =
                static_cast<std::size_t>(i) + (tail.has_up() ? 1 : 0);  // this layer's raw output
            const bool is_first = k == 0;
            const View d_active = is_first ? dh : run.output(active[k].shape);
            run.backend()(ConvGradWeight{.x = active[k],
                                         .dy = d_raw,
                                         .geometry = kPointwise,
                                         .d_weight = gradient.dense_weight[i],
                                         .d_bias = gradient.dense_bias[i]});
            run.backend()(ConvGradInput{
                .dy = d_raw, .weight = tail.dense[i].weight, .geometry = kPointwise, .dx = d_active});
            if (is_first) return;
            const TailLayer& before = i > 0 ? tail.dense[i - 1] : tail.up;
            run.backend()(NormActGrad{
                .x = raw[k - 1], .dy = d_active, .relu = true, .dropout = before.dropout, .dx = d_active});
            d_raw = d_active;
        }
        run.backend()(UpConvGradWeight{.x = active[0],
                                       .dy = d_raw,
                                       .stride = tail.stride,
                                       .d_weight = gradient.up_weight,
                                       .d_bias = gradient.up_bias});
        run.backend()(
            UpConvGradInput{.dy = d_raw, .weight = tail.up.weight, .stride = tail.stride, .dx = dh});
    }

  private:
    void activate(const TailLayer& layer) {
        active.push_back(run.output(raw.back().shape));
        run.backend()(NormAct{.x = raw.back(),
                              .relu = true,
                              .dropout = training ? layer.dropout : Dropout{},
                              .y = active.back()});
    }
};

// d(loss)/d(logits) and the loss itself, on the host in double.
struct HostLoss {
    double loss = 0;
    Values d_logits;

    HostLoss(const TailCase& c, const Values& logits, const OwnedLabels& labels) {
        const TailLoss how = loss_of(c);
        std::vector<char> present(logits.size(), 0);
        for (std::int64_t s = 0; s < c.batch; ++s)
            for (std::int64_t r = labels.offsets[static_cast<std::size_t>(s)];
                 r < labels.offsets[static_cast<std::size_t>(s) + 1]; ++r) {
                const LabelRun& run = labels.runs[static_cast<std::size_t>(r)];
                for (std::int64_t p = run.begin; p < run.end; ++p)
                    present[static_cast<std::size_t>((s * c.markers() + run.marker) * c.nucleotides() + p)] =
                        1;
            }
        for (std::size_t i = 0; i < logits.size(); ++i) {
            const double p = 1 / (1 + std::exp(-logits[i]));
            loss -= how.scale * (present[i] ? how.pos_weight * std::log(p) : std::log(1 - p));
            d_logits.push_back(how.scale * (present[i] ? how.pos_weight * (p - 1) : p));
        }
    }
};

}  // namespace

TEST_CASE("the fused tail equals the plain composition of its layers: inference") {
    for (const TailCase& c : tail_cases())
        run_everywhere(
            c.text(),
            [&](Run& run) {
                const View h = run.random(c.h(), 1);
                const Tail tail = make_tail(c, run, Weights(c).random());
                std::vector<float> out(static_cast<std::size_t>(c.batch * c.markers() * c.nucleotides()),
                                       NAN);
                run.backend()(TailInfer{.h = h,
                                        .tail = tail,
                                        .begin = 0,
                                        .end = c.length,
                                        .kind = TailOutput::logits,
                                        .out = out});
                const Composition plain(run, c, tail, h, false);
                const Values logits = run.read(plain.logits());
                check_same(run, "logits", Values(out.begin(), out.end()), logits, kFusedTolerance);
                run.keep("logits", logits);
            },
            false, c.is_long());
}

TEST_CASE("the fused tail equals the plain composition of its layers: training, with dropout") {
    for (const TailCase& c : tail_cases()) {
        const OwnedLabels labels(c);
        run_everywhere(
            c.text(),
            [&](Run& run) {
                const View h = run.random(c.h(), 1), dh = run.output(c.h()), plain_dh = run.output(c.h());
                const Tail tail = make_tail(c, run, Weights(c).random());
                const Slice loss = run.zeros(1);
                const std::vector<Slice> fused = Weights(c).zeros(run), plain = Weights(c).zeros(run);
                run.backend()(TailTrain{.h = h,
                                        .tail = tail,
                                        .labels = labels.labels(),
                                        .how = loss_of(c),
                                        .loss = loss,
                                        .gradient = make_gradient(c, fused),
                                        .dh = dh});

                Composition composition(run, c, tail, h, true);
                const HostLoss expected(c, run.read(composition.logits()), labels);
                const View d_logits = run.input(composition.logits().shape, expected.d_logits);
                composition.backward(d_logits, make_gradient(c, plain), plain_dh);

                run.through_relu = true;
                check_same(run, "loss", run.read(loss), {expected.loss}, kFusedTolerance);
                check_same(run, "dh", run.read(dh), run.read(plain_dh), kFusedTolerance);
                for (std::size_t i = 0; i < fused.size(); ++i)
                    check_same(run, "gradient", run.read(fused[i]), run.read(plain[i]), kFusedTolerance);
                run.keep("dh", dh);
            },
            false, c.is_long());
    }
}
