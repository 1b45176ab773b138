// Coverage: the Poisson loss of the fused tail, and rates at inference.
#include <doctest/doctest.h>

#include <cmath>
#include <limits>

#include "kernels/base/error.hpp"
#include "kernels/reference/reference_backend.hpp"
#include "test/kernels/tail_case.hpp"

using namespace regkit;
using namespace regkit::test;

namespace {

// The cases of the tail with coverage of 0 up to some hundreds.
struct Coverage {
    OwnedLabels owned;

    explicit Coverage(const TailCase& c) : owned(c) {
        const Values values = random_values(static_cast<std::int64_t>(owned.runs.size()), 31, 0, 6);
        for (std::size_t i = 0; i < values.size(); ++i)
            owned.runs[i].value = i % 7 == 3 ? 0.0f : static_cast<float>(std::exp(values[i]));
    }
    Labels labels() const { return owned.labels(); }
};

TailLoss poisson_of(const TailCase& c) {
    TailLoss how = loss_of(c);
    how.kind = LossKind::poisson;
    return how;
}

// The back ends of the table and the reference itself.
void for_all(const std::function<void(Backend&, double)>& body) {
    const auto reference = make_reference_backend();
    body(*reference, 1e-6);
    for_each_backend(body);
}

// A tail that passes its input on: logits are h.
struct Identity {
    TailCase c;
    Tail tail;
    std::vector<Slice> gradient;

    Identity(Run& run, std::int64_t length)
        : c{1, 1, length, 1, 0, {1}, 0, 1},
          tail(make_tail(c, run, {{1}, {0}})),
          gradient(Weights(c).zeros(run)) {}
};

struct Outcome {
    double loss;
    Values d_logits;
};

// Loss and its gradient of logits with one target for all.
Outcome train(Run& run, const Values& logits, float target) {
    const auto length = static_cast<std::int64_t>(logits.size());
    Identity identity(run, length);
    const LabelRun label{0, 0, static_cast<std::int32_t>(length), target};
    const std::int64_t offsets[] = {0, 1};
    const View h = run.input(identity.c.h(), logits), dh = run.output(identity.c.h());
    const Slice loss = run.zeros(1);
    run.backend()(TailTrain{.h = h,
                            .tail = identity.tail,
                            .labels = {&label, offsets},
                            .how = {1, 1, LossKind::poisson},
                            .loss = loss,
                            .gradient = make_gradient(identity.c, identity.gradient),
                            .dh = dh});
    return {run.read(loss)[0], run.read(dh)};
}

// In the x87's long double e^z neither underflows nor is lost for any logit here.
long double rate_of(double z) {
    return z > 50 ? static_cast<long double>(z) : log1pl(expl(static_cast<long double>(z)));
}

const Values kLogits = {-1000, -90,  -88, -87.5, -86, -60, -40, -30.5, -29.5, -17, -10, -3,
                        -1,    -0.1, 0,   0.1,   1,   3,   10,  17,    30,    60,  90,  1000};

}  // namespace

TEST_CASE("Poisson: loss and gradient of every logit against the closed form") {
    for_all([](Backend& backend, double) {
        if (in_bf16(backend)) return;  // a logit here is a product
        CAPTURE(backend.name());
        Run run(backend);
        for (const float target : {0.0f, 0.25f, 1.0f, 7.5f, 1000.0f}) {
            CAPTURE(target);
            const Outcome together = train(run, kLogits, target);
            for (std::size_t i = 0; i < kLogits.size(); ++i) {
                const double z = kLogits[i];
                CAPTURE(z);
                const long double rate = rate_of(z), y = target;
                const double loss = static_cast<double>(rate - y * logl(rate));
                const double slope =
                    static_cast<double>((1 - y / rate) / (1 + expl(-static_cast<long double>(z))));
                const Outcome alone = train(run, {z}, target);
                CHECK(std::fabs(alone.loss - loss) <= 1e-6 * std::fmax(std::fabs(loss), 1 + target));
                CHECK(std::fabs(alone.d_logits[0] - slope) <= 1e-6 * std::fmax(1, target));
                CHECK(alone.d_logits[0] == together.d_logits[i]);
            }
        }
    });
}

TEST_CASE("Poisson: rates keep their relative precision") {
    for_all([](Backend& backend, double) {
        if (in_bf16(backend)) return;  // a logit here is a product
        CAPTURE(backend.name());
        Run run(backend);
        const auto length = static_cast<std::int64_t>(kLogits.size());
        Identity identity(run, length);
        std::vector<float> rates(kLogits.size(), NAN);
        run.backend()(TailInfer{.h = run.input(identity.c.h(), kLogits),
                                .tail = identity.tail,
                                .begin = 0,
                                .end = length,
                                .kind = TailOutput::rates,
                                .out = rates});
        for (std::size_t i = 0; i < kLogits.size(); ++i) {
            CAPTURE(kLogits[i]);
            const double expected = static_cast<double>(rate_of(kLogits[i])), rate = rates[i];
            CHECK(rate >= 0);
            // Below that they may become zero.
            CHECK(std::fabs(rate - expected) <= (kLogits[i] > -87 ? 1e-6 * expected : 1e-37));
        }
    });
}

// torch.nn.functional.poisson_nll_loss(softplus(z), y, log_input=False, eps=0), in double precision,
// PyTorch 1.13.0a0.
TEST_CASE("Poisson: values of PyTorch") {
    struct {
        double z;
        float y;
        double loss, slope;
    } const kTorch[] = {
        {-12.5, 0.0f, 3.72664622812399e-06, 3.72663928418656e-06},
        {-12.5, 2.5f, 31.2500083849555, -2.49999161505872},
        {-3, 1.0f, 3.07297938920614, -0.928669172990725},
        {-0.5, 0.0f, 0.474076984180107, 0.377540668798145},
        {0, 4.0f, 2.1591988628866, -2.38539008177793},
        {0.75, 0.125f, 1.12083603645914, 0.604502384149074},
        {2.5, 3.0f, -0.263187178008716, -0.150904322192503},
        {8, 0.0f, 8.0003354063729, 0.999664649869534},
        {20, 37.5f, -92.3399602600782, -0.874999998003258},
    };
    for_all([&](Backend& backend, double tolerance) {
        Run run(backend);
        for (const auto& row : kTorch) {
            const Outcome got = train(run, {row.z}, row.y);
            check_close("loss", {got.loss}, {row.loss}, tolerance);
            check_close("gradient", got.d_logits, {row.slope}, tolerance);
        }
    });
}

TEST_CASE("Poisson: tail_train") {
    for (const TailCase& c : tail_cases()) {
        const Coverage coverage(c);
        for (const bool accumulate : {false, true}) {
            if (accumulate && c.is_long()) continue;
            run_everywhere(
                c.text(),
                [&](Run& run) {
                    const View h = run.random(c.h(), 1, {1, 0});
                    const View dh = accumulate ? run.random(c.h(), 2, {2, 2}) : run.output(c.h());
                    const Slice loss = run.flat({accumulate ? 0.25 : 0.0});
                    const std::vector<Slice> gradient = Weights(c).zeros(run);
                    const Tail tail = make_tail(c, run, Weights(c).random());
                    run.through_relu = true;
                    run.backend()(TailTrain{.h = h,
                                            .tail = tail,
                                            .labels = coverage.labels(),
                                            .how = poisson_of(c),
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

TEST_CASE("Poisson: gradients by finite differences") {
    for (const TailCase& c : tail_cases()) {
        if (c.large()) continue;
        const Coverage coverage(c);
        const auto train = [&](Run& run, const std::vector<Values>& in, const std::vector<Slice>& gradient,
                               const View& dh) {
            const Slice loss = run.zeros(1);
            const Tail tail = make_tail(c, run, {in.begin() + 1, in.end()});
            run.backend()(TailTrain{.h = run.input(c.h(), in[0]),
                                    .tail = tail,
                                    .labels = coverage.labels(),
                                    .how = {0.01f, 1, LossKind::poisson},
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
                return train(run, in, Weights(c).zeros(run), run.output(c.h()));
            },
            [&](Run& run, const std::vector<Values>& in, const Values& d_outputs) {
                const std::vector<Slice> gradient = Weights(c).zeros(run);
                const View dh = run.output(c.h());
                train(run, in, gradient, dh);
                std::vector<Values> gradients = {run.read(dh)};
                for (const Slice& slice : gradient) gradients.push_back(run.read(slice));
                for (Values& values : gradients)
                    for (double& value : values) value *= d_outputs[0];
                return gradients;
            });
    }
}

TEST_CASE("Poisson: tail_infer gives rates") {
    for (const TailCase& c : tail_cases())
        run_everywhere(c.text(), [&](Run& run) {
            const View h = run.random(c.h(), 1, {2, 3});
            const Tail tail = make_tail(c, run, Weights(c).random());
            const std::int64_t n = c.length;
            for (const auto& [begin, end] : {std::pair{std::int64_t{0}, n}, {n / 3, n - n / 4}, {n - 1, n}}) {
                std::vector<float> out(
                    static_cast<std::size_t>(c.batch * c.markers() * (end - begin) * c.stride), NAN);
                run.backend()(TailInfer{
                    .h = h, .tail = tail, .begin = begin, .end = end, .kind = TailOutput::rates, .out = out});
                run.keep("rates", Values(out.begin(), out.end()));
            }
        });
}

TEST_CASE("Poisson: a logit that is not a number shows in loss and gradient") {
    for_all([](Backend& backend, double) {
        CAPTURE(backend.name());
        Run run(backend);
        for (const float target : {0.0f, 3.0f}) {
            const Outcome got = train(run, {1, NAN, 2}, target);
            CHECK(std::isnan(got.loss));
            CHECK(std::isnan(got.d_logits[1]));
            CHECK(std::isfinite(got.d_logits[0]));
        }
    });
}

TEST_CASE("Poisson: coverage below zero or not finite is refused; the cross-entropy does not read it") {
    const float kInfinity = std::numeric_limits<float>::infinity();
    for_all([&](Backend& backend, double) {
        Run run(backend);
        for (const float bad : {-1.0f, -1e-30f, kInfinity, -kInfinity, NAN}) {
            try {
                train(run, {1, 2}, bad);
                FAIL("accepted " << bad);
            } catch (const Error& error) {
                CHECK(error.kind() == ErrorKind::usage);
            }
        }
        Identity identity(run, 3);
        const auto loss_with = [&](float value) {
            const LabelRun label{0, 1, 2, value};
            const std::int64_t offsets[] = {0, 1};
            const Slice loss = run.zeros(1);
            run.backend()(TailTrain{.h = run.input(identity.c.h(), {1, -2, 3}),
                                    .tail = identity.tail,
                                    .labels = {&label, offsets},
                                    .how = {1, 2},
                                    .loss = loss,
                                    .gradient = make_gradient(identity.c, identity.gradient),
                                    .dh = run.output(identity.c.h())});
            return run.read(loss)[0];
        };
        const double present = loss_with(1), covered = loss_with(17), unknown = loss_with(NAN);
        CHECK(present == covered);
        CHECK(present == unknown);
    });
}
