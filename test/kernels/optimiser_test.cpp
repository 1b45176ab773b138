#include <doctest/doctest.h>

#include <cmath>

#include "test/kernels/harness.hpp"

using namespace regkit;
using namespace regkit::test;

TEST_CASE("grad_norm") {
    for (const std::int64_t count : {1, 7, 16, 1000, 70001})
        run_everywhere("grad_norm", [&](Run& run) {
            const Slice norm = run.output_flat(1);
            run.backend()(GradNorm{.gradient = run.random_flat(count, 1), .norm = norm});
            run.keep("norm", norm);
        });
}

TEST_CASE("grad_norm of a gradient that is not finite is not finite") {
    for_each_backend([&](Backend& backend, double) {
        for (const double bad : {static_cast<double>(NAN), static_cast<double>(INFINITY)}) {
            Run run(backend);
            Values values = random_values(100, 1);
            values[63] = bad;
            const Slice norm = run.output_flat(1);
            backend(GradNorm{.gradient = run.flat(values), .norm = norm});
            CHECK(!std::isfinite(run.read(norm)[0]));
        }
    });
}

TEST_CASE("adam: five steps, with and without clipping") {
    for (const std::int64_t count : {1, 33, 5000})
        for (const float clip : {0.0f, 0.5f, 1000.0f})
            run_everywhere("adam", [&](Run& run) {
                const Slice parameters = run.random_flat(count, 1), m = run.zeros(count),
                            v = run.zeros(count);
                AdamStep how;
                how.learning_rate = 0.01f;
                how.clip_norm = clip;
                for (how.step = 1; how.step <= 5; ++how.step) {
                    const Slice gradient = run.random_flat(count, 10 + static_cast<std::uint32_t>(how.step));
                    const Slice norm = run.output_flat(1);
                    run.backend()(GradNorm{.gradient = gradient, .norm = norm});
                    run.backend()(Adam{.parameters = parameters,
                                       .gradient = gradient,
                                       .m = m,
                                       .v = v,
                                       .step = how,
                                       .norm = norm});
                }
                run.keep("parameters", parameters);
                run.keep("m", m);
                run.keep("v", v);
            });
}

// torch.optim.Adam, lr 0.1, default betas and eps, from w = 1 with gradients 0.5, -2, 1e-3 (PyTorch 1.13.1,
// double).
TEST_CASE("adam agrees with PyTorch") {
    const double expected[] = {0.900000002, 0.955950351020056, 0.999169124389532};
    run_everywhere("adam", [&](Run& run) {
        const Slice w = run.flat({1.0}), m = run.zeros(1), v = run.zeros(1);
        AdamStep how;
        how.learning_rate = 0.1f;
        std::size_t i = 0;
        for (const double gradient : {0.5, -2.0, 1e-3}) {
            run.backend()(
                Adam{.parameters = w, .gradient = run.flat({gradient}), .m = m, .v = v, .step = how});
            CHECK(std::fabs(run.read(w)[0] - expected[i++]) <= 2e-6);
            ++how.step;
        }
        run.keep("w", w);
    });
}
