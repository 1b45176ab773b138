// The recurrence of the LSTM and its gradient.
#include <doctest/doctest.h>

#include <cmath>
#include <sstream>

#include "kernels/base/error.hpp"
#include "kernels/reference/reference_backend.hpp"
#include "test/kernels/harness.hpp"

using namespace regkit;
using namespace regkit::test;

namespace {

struct LstmCase {
    std::int64_t batch;
    int hidden, directions;
    std::int64_t length;

    Shape gates() const { return {batch, 4 * std::int64_t{hidden} * directions, length}; }
    Shape state() const { return {batch, std::int64_t{hidden} * directions, length}; }
    std::int64_t weights() const { return 4 * std::int64_t{hidden} * hidden * directions; }
    bool large() const { return weights() * batch * length > 500000; }
    std::string text() const {
        std::ostringstream text;
        text << "batch " << batch << ", hidden " << hidden << ", directions " << directions << ", length "
             << length;
        return text.str();
    }
};

const std::vector<LstmCase> kCases = {
    {1, 1, 1, 1},   {3, 1, 2, 1},   {1, 5, 1, 1},   {3, 5, 2, 7},  {1, 17, 1, 33}, {3, 17, 2, 12},
    {2, 1, 2, 9},   {17, 5, 1, 4},  {33, 17, 2, 3}, {1, 16, 2, 5}, {5, 33, 2, 21}, {2, 80, 2, 40},
    {40, 6, 2, 35}, {3, 9, 2, 250}, {2, 5, 1, 450},  // rows that are pieces of their own
};

// The tensors of one pass; gates are what lstm turned them into.
struct Forward1 {
    View gates, cell, y;
    Slice weight;
};

Forward1 forward(Run& run, const LstmCase& c, const Values& gates, const Values& weight, Halo halo = {3, 5}) {
    const Forward1 f{run.input(c.gates(), gates, {}), run.output(c.state(), {}), run.output(c.state(), halo),
                     run.flat(weight)};
    run.backend()(LstmRecurrence{.gates = f.gates,
                                 .weight_hh = f.weight,
                                 .hidden = c.hidden,
                                 .directions = c.directions,
                                 .cell = f.cell,
                                 .y = f.y});
    return f;
}

Forward1 forward(Run& run, const LstmCase& c) {
    const double scale = 2 / std::sqrt(c.hidden);
    return forward(run, c, random_values(c.gates().size(), 1, -3, 3),
                   random_values(c.weights(), 2, -scale, scale));
}

// Values of one sample.
Values sample_of(const Values& values, const Shape& shape, std::int64_t sample) {
    const std::int64_t size = shape.channels * shape.length;
    return {values.begin() + sample * size, values.begin() + (sample + 1) * size};
}

void for_all(const std::function<void(Backend&, double)>& body) {
    const auto reference = make_reference_backend();
    body(*reference, 1e-7);
    for_each_backend(body);
}

double sigmoid(double z) {
    return 1 / (1 + std::exp(-z));
}

}  // namespace

TEST_CASE("lstm") {
    for (const LstmCase& c : kCases)
        run_everywhere(
            "lstm: " + c.text(),
            [&](Run& run) {
                const Forward1 f = forward(run, c);
                run.keep("gates", f.gates);
                run.keep("cell", f.cell);
                run.keep("y", f.y);
            },
            false, c.large());
}

TEST_CASE("lstm_grad") {
    for (const LstmCase& c : kCases)
        run_everywhere(
            "lstm_grad: " + c.text(),
            [&](Run& run) {
                const Forward1 f = forward(run, c);
                const View dy = run.random(c.state(), 3, {2, 1});
                const Slice d_weight = run.random_flat(c.weights(), 4);  // gradients are added
                run.backend()(LstmRecurrenceGrad{.gates = f.gates,
                                                 .weight_hh = f.weight,
                                                 .hidden = c.hidden,
                                                 .directions = c.directions,
                                                 .cell = f.cell,
                                                 .y = f.y,
                                                 .dy = dy,
                                                 .d_weight_hh = d_weight});
                run.keep("gradient of the gates", f.gates);
                run.keep("d_weight", d_weight);
            },
            false, c.large());
}

TEST_CASE("lstm: gradients by finite differences") {
    for (const LstmCase& c : kCases) {
        if (c.gates().size() + c.weights() > 1500) continue;
        check_gradient(
            "lstm: " + c.text(), {random_values(c.gates().size(), 1, -2, 2), random_values(c.weights(), 2)},
            [&](Run& run, const std::vector<Values>& in) {
                return run.read(forward(run, c, in[0], in[1]).y);
            },
            [&](Run& run, const std::vector<Values>& in, const Values& d_outputs) {
                const Forward1 f = forward(run, c, in[0], in[1]);
                const Slice d_weight = run.zeros(c.weights());
                run.backend()(LstmRecurrenceGrad{.gates = f.gates,
                                                 .weight_hh = f.weight,
                                                 .hidden = c.hidden,
                                                 .directions = c.directions,
                                                 .cell = f.cell,
                                                 .y = f.y,
                                                 .dy = run.input(c.state(), d_outputs),
                                                 .d_weight_hh = d_weight});
                return std::vector{run.read(f.gates), run.read(d_weight)};
            });
    }
}

TEST_CASE("lstm: two steps of one unit by hand") {
    const LstmCase c{1, 1, 2, 2};
    // Steps of direction 0 are positions 0, 1; of direction 1 positions 1, 0. Gates i, f, g, o of each.
    const Values gates = {0.5,  -1, 0.25, 2,   1.5,  -0.5, -0.75, 1,  // direction 0
                          -0.2, 1,  0.6,  0.1, 0.75, -1.5, 2,     0.3};
    const Values weight = {0.5, -0.25, 1, -1, 2, 0.75, -0.5, 0.125};
    Values cells(4), outputs(4);
    for (std::size_t d = 0; d < 2; ++d) {
        double h = 0, cell = 0;
        for (std::size_t step = 0; step < 2; ++step) {
            const std::size_t p = d == 0 ? step : 1 - step;
            const auto a = [&](std::size_t gate) {
                return gates[(d * 4 + gate) * 2 + p] + weight[d * 4 + gate] * h;
            };
            cell = sigmoid(a(1)) * cell + sigmoid(a(0)) * std::tanh(a(2));
            h = sigmoid(a(3)) * std::tanh(cell);
            cells[d * 2 + p] = cell;
            outputs[d * 2 + p] = h;
        }
    }
    for_all([&](Backend& backend, double tolerance) {
        Run run(backend);
        const Forward1 f = forward(run, c, gates, weight);
        check_close("cell", run.read(f.cell), cells, tolerance);
        check_close("y", run.read(f.y), outputs, tolerance);
    });
}

TEST_CASE("lstm: values of PyTorch") {
    // torch.nn.LSTM (PyTorch 1.13.0a0, double precision) with weight_ih that hands each direction its gates.
    const LstmCase c{2, 2, 2, 3};
    const auto numbers = [](std::int64_t count, std::int64_t seed) {
        Values values;
        for (std::int64_t i = 1; i <= count; ++i)
            values.push_back(static_cast<double>(i * 7919 * seed % 101) / 50 - 1);
        return values;
    };
    const Values y = {0.069338781,    -0.084681514,  -0.200649313,
                      -0.00879668941, 0.0286469198,  0.126178942,
                      -0.198943087,   -0.140051197,  0,
                      0.0386889343,   0.031147315,   -0.146072984,
                      -0.126263193,   -0.0393497324, 0.0353319859,
                      0.109236798,    -0.0523367126, -0.0994498119,
                      0.119705289,    0.0990752033,  0.113229516,
                      -0.141498724,   0.00153337203, 0.109644053};
    const Values d_weight = {
        -0.0054587615,  -0.000664544709, 0.00324393027,  -0.004840333,   0.00169914138,  -0.000563878885,
        -0.0033875969,  0.00242594945,   -0.00620608757, 0.00423461211,  -0.0150654602,  0.0187781592,
        -0.00534313251, -0.000413442495, -0.00224520982, -0.00142243873, -0.0016872059,  0.00475150702,
        0.00194599519,  0.00447622331,   0.00284358096,  0.00124082916,  0.000601561475, -0.00140398304,
        0.0387528191,   -0.00764183064,  0.00386890399,  0.0230484069,   -0.0067591743,  0.00524394993,
        0.00231230715,  0.00248378478};
    const Values d_gates = {0.021259067,
                            -0.0497849,
                            0.00923287164,
                            -0.00214100368,
                            0.000811117366,
                            0.0337134199,
                            0,
                            0.0140386767,
                            0.00374097407,
                            0,
                            -3.45557052e-05,
                            0.005094331,
                            0.0367106913,
                            0.0585748137,
                            -0.0463840979,
                            0.335863476,
                            0.0026004615,
                            0.0409898713,
                            -0.00194882331,
                            -0.040594433,
                            0.018323211,
                            -0.00235923024,
                            -0.00785746063,
                            0.0477037733,
                            0.0281186644,
                            -0.0172738484,
                            0,
                            0.00616702617,
                            -0.0318584183,
                            0.0073456108,
                            0.0101010333,
                            0,
                            0,
                            0.00182708259,
                            0.0157666017,
                            0,
                            -0.0339907587,
                            0.0663558363,
                            -0.218528435,
                            0.0216936342,
                            -0.0469297081,
                            -0.0160720516,
                            0.055756226,
                            -0.034609772,
                            0,
                            0.00917538338,
                            -0.014422612,
                            -0.0108977799,
                            0.0429803475,
                            0.00094585268,
                            0.0280931337,
                            0.0320550944,
                            -0.0499180207,
                            0.00661292501,
                            0,
                            -0.00697808739,
                            -0.00410250319,
                            0,
                            0.0223990518,
                            0.00319263671,
                            -0.221972219,
                            0.0900494614,
                            0.0718057465,
                            0.0372995981,
                            0.120097344,
                            -0.0861298226,
                            0.0538933066,
                            1.31429335e-05,
                            0.0247795151,
                            -0.00944211226,
                            -0.0215368646,
                            0.00965873449,
                            0.00876153647,
                            0.0122123254,
                            0.0492962945,
                            0.0327340252,
                            -0.00382793836,
                            -0.0130409358,
                            0.033866946,
                            0.00797378837,
                            0,
                            -0.000125922524,
                            0.00768282344,
                            0,
                            0.315729456,
                            0.0239461646,
                            0.0554556022,
                            -0.0935244936,
                            0.142834503,
                            -0.213454091,
                            0.0271658122,
                            -0.0145006933,
                            0.0458004001,
                            0.0359323412,
                            0.000329654019,
                            -0.0183364512};
    for_all([&](Backend& backend, double tolerance) {
        CAPTURE(backend.name());
        Run run(backend);
        const Forward1 f = forward(run, c, numbers(c.gates().size(), 3), numbers(c.weights(), 5));
        check_close("y", run.read(f.y), y, tolerance);
        const Slice got = run.zeros(c.weights());
        run.backend()(LstmRecurrenceGrad{.gates = f.gates,
                                         .weight_hh = f.weight,
                                         .hidden = c.hidden,
                                         .directions = c.directions,
                                         .cell = f.cell,
                                         .y = f.y,
                                         .dy = run.input(c.state(), numbers(c.state().size(), 11)),
                                         .d_weight_hh = got});
        check_close("d_weight", run.read(got), d_weight, tolerance);
        check_close("gradient of the gates", run.read(f.gates), d_gates, tolerance);
    });
}

TEST_CASE("lstm: saturated gates stay finite and exact") {
    const LstmCase c{1, 1, 1, 6};
    // The last step is not saturated, so that gradients have a scale.
    const Values gates = {1000, 90, 1000, -1000, -90, 0.5,    // i
                          0,    90, 90,   1000,  90,  -1000,  // f
                          1000, 90, -90,  90,    90,  -1,     // g
                          1000, 90, 90,   1000,  90,  0.5};   // o
    run_everywhere("saturated", [&](Run& run) {
        const Forward1 f = forward(run, c, gates, {0, 0, 0, 0});
        const double last = sigmoid(0.5) * std::tanh(-1);
        check_close("cell", run.read(f.cell), {1, 2, 1, 1, 1, last}, 1e-6);
        run.keep("y", f.y);
        const Slice d_weight = run.zeros(4);
        run.backend()(LstmRecurrenceGrad{.gates = f.gates,
                                         .weight_hh = f.weight,
                                         .hidden = 1,
                                         .directions = 1,
                                         .cell = f.cell,
                                         .y = f.y,
                                         .dy = run.random(c.state(), 3),
                                         .d_weight_hh = d_weight});
        run.keep("gates", f.gates);
        run.keep("d_weight", d_weight);
    });
}

TEST_CASE("lstm: sigmoid and tanh are accurate over their whole range") {
    const LstmCase c{1, 1, 1, 8001};
    Values gates;
    for (std::int64_t i = 0; i < 4 * c.length; ++i) {
        const double t = static_cast<double>(i % c.length - 4000) / 4000;
        gates.push_back(static_cast<float>(30 * t * t * t));  // dense around zero
    }
    for_each_backend([&](Backend& backend, double) {
        CAPTURE(backend.name());
        Run run(backend);
        const Values got = run.read(forward(run, c, gates, {0, 0, 0, 0}).gates);
        double sigmoid_error = 0, tanh_error = 0, relative_error = 0;
        const auto keep_worst = [](double& worst, double error) {
            if (!(error <= worst)) worst = error;  // NaN too
        };
        for (std::size_t i = 0; i < got.size(); ++i) {
            const double z = gates[i];
            if (i / 8001 != 2) {
                keep_worst(sigmoid_error, std::fabs(got[i] - sigmoid(z)));
            } else {
                const double error = std::fabs(got[i] - std::tanh(z));
                keep_worst(tanh_error, error);
                if (z != 0) keep_worst(relative_error, error / std::fabs(std::tanh(z)));
            }
        }
        CHECK(sigmoid_error <= 2e-7);
        CHECK(tanh_error <= 2e-7);
        CHECK(relative_error <= 5e-7);
    });
}

TEST_CASE("lstm: not a number in one gate shows in everything after it, and nowhere before") {
    const LstmCase c{1, 3, 1, 8};
    for_all([&](Backend& backend, double) {
        CAPTURE(backend.name());
        Run run(backend);
        Values gates = random_values(c.gates().size(), 1);
        gates[5] = NAN;  // gate i of unit 0, position 5
        const Values y = run.read(forward(run, c, gates, random_values(c.weights(), 2)).y);
        for (std::size_t i = 0; i < y.size(); ++i) CHECK(std::isnan(y[i]) == (i == 5 || i % 8 > 5));
    });
}

TEST_CASE("lstm: the second direction is the first over the reversed row") {
    const LstmCase both{3, 5, 2, 11}, one{3, 5, 1, 11};
    for_all([&](Backend& backend, double) {
        CAPTURE(backend.name());
        Run run(backend);
        const Values part = random_values(one.gates().size(), 1), weight = random_values(one.weights(), 2);
        const std::int64_t half = one.gates().channels * one.length;
        Values gates, twice = weight;
        twice.insert(twice.end(), weight.begin(), weight.end());
        for (std::int64_t s = 0; s < one.batch; ++s) {
            const auto begin = part.begin() + s * half;
            gates.insert(gates.end(), begin, begin + half);
            for (std::int64_t row = 0; row < one.gates().channels; ++row)
                for (std::int64_t p = one.length; p-- > 0;) gates.push_back(begin[row * one.length + p]);
        }
        const Values y = run.read(forward(run, both, gates, twice).y);
        for (std::int64_t s = 0; s < both.batch; ++s)
            for (std::int64_t unit = 0; unit < both.hidden; ++unit)
                for (std::int64_t p = 0; p < both.length; ++p) {
                    const auto at = [&](std::int64_t channel, std::int64_t position) {
                        return y[static_cast<std::size_t>(
                            (s * both.state().channels + channel) * both.length + position)];
                    };
                    CHECK(at(unit, p) == at(both.hidden + unit, both.length - 1 - p));
                }
    });
}

TEST_CASE("lstm: a sample alone gives the same bits as in a batch") {
    for (const LstmCase& c : {LstmCase{3, 17, 2, 12}, LstmCase{19, 5, 2, 7}}) {
        const LstmCase one{1, c.hidden, c.directions, c.length};
        const Values gates = random_values(c.gates().size(), 1), weight = random_values(c.weights(), 2),
                     dy = random_values(c.state().size(), 3);
        const auto both_ways = [&](Run& run, const LstmCase& shape, const Values& g, const Values& d) {
            const Forward1 f = forward(run, shape, g, weight);
            const Values y = run.read(f.y);
            run.backend()(LstmRecurrenceGrad{.gates = f.gates,
                                             .weight_hh = f.weight,
                                             .hidden = c.hidden,
                                             .directions = c.directions,
                                             .cell = f.cell,
                                             .y = f.y,
                                             .dy = run.input(shape.state(), d),
                                             .d_weight_hh = run.zeros(c.weights())});
            return std::pair{y, run.read(f.gates)};
        };
        for_each_backend([&](Backend& backend, double) {
            CAPTURE(backend.name());
            Run run(backend);
            const auto batch = both_ways(run, c, gates, dy);
            for (std::int64_t s = 0; s < c.batch; ++s) {
                const auto alone =
                    both_ways(run, one, sample_of(gates, c.gates(), s), sample_of(dy, c.state(), s));
                const bool same_y = alone.first == sample_of(batch.first, c.state(), s);
                const bool same_gradient = alone.second == sample_of(batch.second, c.gates(), s);
                CHECK(same_y);
                CHECK(same_gradient);
            }
        });
    }
}

TEST_CASE("lstm: shapes that do not fit are refused") {
    const LstmCase c{2, 3, 2, 5};
    for_all([&](Backend& backend, double) {
        Run run(backend);
        const auto refused = [&](int hidden, int directions, const Shape& gates, const Shape& cell,
                                 const Shape& y, std::int64_t weights) {
            try {
                backend(LstmRecurrence{.gates = run.random(gates, 1),
                                       .weight_hh = run.random_flat(weights, 2),
                                       .hidden = hidden,
                                       .directions = directions,
                                       .cell = run.output(cell, {}),
                                       .y = run.output(y)});
            } catch (const Error& error) {
                return error.kind() == ErrorKind::usage;
            }
            return false;
        };
        const Shape g = c.gates(), s = c.state();
        CHECK_FALSE(refused(3, 2, g, s, s, 72));
        CHECK(refused(3, 2, g, s, s, 71));
        CHECK(refused(0, 2, g, s, s, 72));
        CHECK(refused(6, 1, g, s, s, 72));
        CHECK(refused(2, 3, g, s, s, 72));
        CHECK(refused(3, 0, g, s, s, 72));
        CHECK(refused(3, 2, {2, 23, 5}, s, s, 72));
        CHECK(refused(3, 2, g, {2, 6, 4}, s, 72));
        CHECK(refused(3, 2, g, s, {1, 6, 5}, 72));
        const Forward1 f = forward(run, c);
        const auto gradient_refused = [&](const Shape& dy, std::int64_t weights) {
            try {
                backend(LstmRecurrenceGrad{.gates = f.gates,
                                           .weight_hh = f.weight,
                                           .hidden = 3,
                                           .directions = 2,
                                           .cell = f.cell,
                                           .y = f.y,
                                           .dy = run.random(dy, 1),
                                           .d_weight_hh = run.zeros(weights)});
            } catch (const Error& error) {
                return error.kind() == ErrorKind::usage;
            }
            return false;
        };
        CHECK(gradient_refused({2, 6, 6}, 72));
        CHECK(gradient_refused(s, 73));
        CHECK_FALSE(gradient_refused(s, 72));
    });
}
