// The LSTM layer as a whole, and its gradient. By cuDNN: test/emulator/cudnn_lstm_test.cpp.
#include <doctest/doctest.h>

#include "kernels/base/error.hpp"
#include "kernels/compose.hpp"
#include "kernels/reference/reference_backend.hpp"
#include "test/kernels/lstm_layer_case.hpp"

using namespace regkit;
using namespace regkit::test;

namespace {

const std::vector<LstmLayerCase> kCases = {{1, 1, 1, 1, 1}, {3, 4, 1, 2, 1},  {2, 7, 5, 2, 9},
                                           {1, 3, 6, 1, 4}, {5, 17, 3, 2, 3}, {2, 16, 16, 2, 35}};

}  // namespace

TEST_CASE("lstm_layer") {
    for (const LstmLayerCase& c : kCases)
        run_everywhere("lstm_layer: " + c.text(), [&](Run& run) { keep_lstm_layer(run, c); });
}

TEST_CASE("lstm_layer: gradients by finite differences") {
    for (const LstmLayerCase& c : kCases) {
        const LstmLayerValues values(c);
        if (c.gates() * (c.in + c.hidden) > 700) continue;
        const auto put = [&](const std::vector<Values>& in) {
            LstmLayerValues moved = values;
            moved.x = in[0];
            moved.weight_ih = in[1];
            moved.weight_hh = in[2];
            moved.bias = in[3];
            return moved;
        };
        struct Pass {
            View x, y;
            LstmLayer layer;
            LstmMemory memory;
        };
        const auto forward = [&](Run& run, const std::vector<Values>& in) {
            const LstmLayerValues moved = put(in);
            Pass pass{run.input(c.x(), moved.x), run.output(c.y()), layer_of(run, c, moved),
                      compose::alloc_lstm(run.backend(), c.x(), c.hidden, c.directions, true)};
            compose::lstm(run.backend(),
                          Lstm{.x = pass.x, .layer = pass.layer, .memory = &pass.memory, .y = pass.y});
            return pass;
        };
        check_gradient(
            c.text(), {values.x, values.weight_ih, values.weight_hh, values.bias},
            [&](Run& run, const std::vector<Values>& in) { return run.read(forward(run, in).y); },
            [&](Run& run, const std::vector<Values>& in, const Values& d_outputs) {
                Pass pass = forward(run, in);
                const LstmGradient to{run.zeros(pass.layer.weight_ih.count),
                                      run.zeros(pass.layer.weight_hh.count),
                                      run.zeros(pass.layer.bias.count)};
                const View dx = run.output(c.x());
                compose::lstm_grad(run.backend(), LstmGrad{.x = pass.x,
                                                           .layer = pass.layer,
                                                           .memory = &pass.memory,
                                                           .y = pass.y,
                                                           .dy = run.input(c.y(), d_outputs),
                                                           .gradient = to,
                                                           .dx = dx});
                return std::vector<Values>{run.read(dx), run.read(to.weight_ih), run.read(to.weight_hh),
                                           run.read(to.bias)};
            });
    }
}

TEST_CASE("lstm_layer: to the bit what its parts are, where the back end has no way of its own") {
    const LstmLayerCase c{3, 9, 6, 2, 13};
    const LstmLayerValues values(c);
    for_each_backend([&](Backend& backend, double) {
        CAPTURE(backend.description());
        Run run(backend);
        const View x = run.input(c.x(), values.x), dy = run.input(c.y(), values.dy);
        const LstmLayer layer = layer_of(run, c, values);
        LstmMemory memory = compose::alloc_lstm(backend, c.x(), c.hidden, c.directions, true);
        if (memory.own) return;
        const View y = run.output(c.y()), dx = run.output(c.x());
        const LstmGradient to{run.zeros(layer.weight_ih.count), run.zeros(layer.weight_hh.count),
                              run.zeros(layer.bias.count)};
        compose::lstm(backend, Lstm{.x = x, .layer = layer, .memory = &memory, .y = y});
        compose::lstm_grad(
            backend,
            LstmGrad{.x = x, .layer = layer, .memory = &memory, .y = y, .dy = dy, .gradient = to, .dx = dx});

        const View gates = run.output({c.batch, c.gates(), c.length}, {}), cell = run.output(c.y(), {});
        const View y_parts = run.output(c.y()), dx_parts = run.output(c.x());
        const Slice d_ih = run.zeros(layer.weight_ih.count), d_hh = run.zeros(layer.weight_hh.count),
                    d_bias = run.zeros(layer.bias.count);
        backend(Conv{.x = x, .weight = layer.weight_ih, .bias = layer.bias, .y = gates});
        backend(LstmRecurrence{.gates = gates,
                               .weight_hh = layer.weight_hh,
                               .hidden = c.hidden,
                               .directions = c.directions,
                               .cell = cell,
                               .y = y_parts});
        CHECK(run.read(y) == run.read(y_parts));
        backend(LstmRecurrenceGrad{.gates = gates,
                                   .weight_hh = layer.weight_hh,
                                   .hidden = c.hidden,
                                   .directions = c.directions,
                                   .cell = cell,
                                   .y = y_parts,
                                   .dy = dy,
                                   .d_weight_hh = d_hh});
        backend(ConvGradWeight{.x = x, .dy = gates, .d_weight = d_ih, .d_bias = d_bias});
        backend(ConvGradInput{.dy = gates, .weight = layer.weight_ih, .dx = dx_parts});
        CHECK(run.read(dx) == run.read(dx_parts));
        CHECK(run.read(to.weight_ih) == run.read(d_ih));
        CHECK(run.read(to.weight_hh) == run.read(d_hh));
        CHECK(run.read(to.bias) == run.read(d_bias));
    });
}

TEST_CASE("lstm_layer: shapes that do not fit, and another layer's memory, are refused") {
    const LstmLayerCase c{2, 3, 4, 2, 5};
    for_each_backend([&](Backend& backend, double) {
        Run run(backend);
        const LstmLayerValues values(c);
        const LstmLayer good = layer_of(run, c, values);
        const View x = run.input(c.x(), values.x);
        LstmMemory memory = compose::alloc_lstm(backend, c.x(), 4, 2, true);
        const auto refused = [&](const auto& call) {
            try {
                call();
            } catch (const Error& error) {
                return error.kind() == ErrorKind::usage;
            }
            return false;
        };
        const auto layer_refused = [&](const LstmLayer& layer, LstmMemory& into, const Shape& y) {
            return refused([&] {
                compose::lstm(backend, Lstm{.x = x, .layer = layer, .memory = &into, .y = run.output(y)});
            });
        };
        CHECK_FALSE(layer_refused(good, memory, c.y()));
        CHECK(layer_refused(good, memory, {2, 8, 6}));
        CHECK(layer_refused(good, memory, {2, 4, 5}));
        for (Slice LstmLayer::*part : {&LstmLayer::weight_ih, &LstmLayer::weight_hh, &LstmLayer::bias}) {
            LstmLayer other = good;
            --(other.*part).count;
            CHECK(layer_refused(other, memory, c.y()));
        }
        LstmLayer other = good;
        other.directions = 3;
        CHECK(layer_refused(other, memory, c.y()));
        for (const Shape& shape : {Shape{1, 3, 5}, Shape{2, 3, 4}, Shape{2, 2, 5}}) {
            LstmMemory small = compose::alloc_lstm(backend, shape, 4, 2, true);
            CHECK(layer_refused(good, small, c.y()));
        }
        LstmMemory narrow = compose::alloc_lstm(backend, c.x(), 3, 2, true);
        CHECK(layer_refused(good, narrow, c.y()));
        CHECK(refused([&] { compose::alloc_lstm(backend, c.x(), 0, 1, true); }));
        CHECK(refused([&] { compose::alloc_lstm(backend, c.x(), 4, 3, true); }));
        CHECK(refused([&] { compose::alloc_lstm(backend, {2, 3, 0}, 4, 2, true); }));

        const View y = run.output(c.y());
        compose::lstm(backend, Lstm{.x = x, .layer = good, .memory = &memory, .y = y});
        const auto gradient_refused = [&](LstmMemory& from, const Shape& dy, const Shape& dx,
                                          std::int64_t bias) {
            const LstmGradient to{run.zeros(good.weight_ih.count), run.zeros(good.weight_hh.count),
                                  run.zeros(bias)};
            return refused([&] {
                compose::lstm_grad(backend, LstmGrad{.x = x,
                                                     .layer = good,
                                                     .memory = &from,
                                                     .y = y,
                                                     .dy = run.random(dy, 1),
                                                     .gradient = to,
                                                     .dx = run.output(dx)});
            });
        };
        CHECK(gradient_refused(memory, {2, 8, 4}, c.x(), 32));
        CHECK(gradient_refused(memory, c.y(), {2, 4, 5}, 32));
        CHECK(gradient_refused(memory, c.y(), c.x(), 31));
        LstmMemory inference = compose::alloc_lstm(backend, c.x(), 4, 2, false);
        compose::lstm(backend, Lstm{.x = x, .layer = good, .memory = &inference, .y = y});
        CHECK(gradient_refused(inference, c.y(), c.x(), 32));
        compose::lstm(backend, Lstm{.x = x, .layer = good, .memory = &memory, .y = y});
        CHECK_FALSE(gradient_refused(memory, c.y(), c.x(), 32));
    });
}
