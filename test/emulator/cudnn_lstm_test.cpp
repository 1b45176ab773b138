// All of the LSTMs through cuDNN but cuDNN itself, for which the tests' own stands in: the way into its
// layouts and back, and what becomes of results that are wrong.
#include <doctest/doctest.h>

#include "kernels/compose.hpp"
#include "kernels/reference/reference_backend.hpp"
#include "test/emulator/emulator_backend.hpp"
#include "test/emulator/stand_in_engines.hpp"
#include "test/kernels/lstm_layer_case.hpp"

using namespace regkit;
using namespace regkit::test;
using emulator::Order;
using emulator::StandInLstm;
using Way = StandInLstm::Way;

namespace {

constexpr double kTolerance = 1e-5;  // fp32 both

// More channels and positions than the way into cuDNN's layout takes at a time, and none but one.
const std::vector<LstmLayerCase> kCases = {
    {2, 7, 5, 2, 9}, {3, 33, 4, 1, 70}, {2, 4, 18, 2, 33}, {1, 1, 1, 1, 1}, {4, 5, 3, 2, 1},
};
const LstmLayerCase kSmall{2, 5, 3, 2, 7};

// What the stand-in does while it lives.
struct Doing {
    explicit Doing(const StandInLstm& lstm = {}) { emulator::stand_in().lstm = lstm; }
    ~Doing() { emulator::stand_in() = {}; }
    Doing(const Doing&) = delete;
    int forwards() const { return emulator::stand_in().lstm.forwards; }
    int gradients() const { return emulator::stand_in().lstm.gradients; }
};

std::unique_ptr<Backend> make(const KernelChoice& kernels = kAllKernels) {
    return make_emulator_backend(Order::forward, kernels);
}

std::vector<Values> layer(Backend& backend, const LstmLayerCase& c, const LstmLayerValues& values) {
    Run run(backend);
    keep_lstm_layer(run, c, values);
    std::vector<Values> results;
    for (const Result& result : run.results()) results.push_back(result.values);
    return results;
}

std::vector<Values> layer(Backend& backend, const LstmLayerCase& c) {
    return layer(backend, c, LstmLayerValues(c));
}

Values inferred(Backend& backend, const LstmLayerCase& c) {
    Run run(backend);
    const LstmLayerValues values(c);
    LstmMemory memory = compose::alloc_lstm(backend, c.x(), c.hidden, c.directions, false);
    const View y = run.output(c.y());
    compose::lstm(
        backend,
        Lstm{.x = run.input(c.x(), values.x), .layer = layer_of(run, c, values), .memory = &memory, .y = y});
    return run.read(y);
}

void check_results(const std::vector<Values>& got, const std::vector<Values>& expected) {
    REQUIRE(got.size() == expected.size());
    for (std::size_t i = 0; i < got.size(); ++i)
        check_close("result " + std::to_string(i), got[i], expected[i], kTolerance);
}

// Of the one notice, in which `use` stands behind the shape.
void check_notice(Backend& backend, const std::string& use, const std::string& why) {
    const auto notices = backend.take_notices();
    REQUIRE(notices.size() == 1);
    CHECK(notices[0] == "stand-in 1.0 is not used for 'lstm batch 2 length 7 channels 5 to 2 times 3" + use +
                            "': " + why + "; regkit's own kernels compute it");
}

}  // namespace

TEST_CASE("cudnn: LSTM layers and their gradients, in every order") {
    for (const LstmLayerCase& c : kCases) {
        CAPTURE(c.text());
        const Doing doing;
        const auto backend = make();
        const auto got = layer(*backend, c);
        check_results(got, layer(*make_reference_backend(), c));
        CHECK(doing.forwards() == 2);
        CHECK(doing.gradients() == 1);
        CHECK(layer(*backend, c) == got);  // no trials now
        CHECK(doing.forwards() == 4);
        CHECK(doing.gradients() == 2);
        CHECK(backend->take_notices().empty());
#ifndef __SANITIZE_ADDRESS__  // minutes; what is read and written does not depend on the order
        for (const Order order : {Order::reverse, Order::shuffled})
            CHECK(got == layer(*make_emulator_backend(order, kAllKernels), c));
#endif
    }
}

TEST_CASE("cudnn: a barrier missing from the way into or out of the LSTM's layouts is noticed") {
    const Doing doing;
    const auto backend = make();
    const Values right = inferred(*backend, kSmall);  // tried now
    emulator::leave_out_barrier(0);
    const Values wrong = inferred(*backend, kSmall);
    emulator::leave_out_barrier(-1);
    CHECK(wrong != right);
    CHECK(inferred(*backend, kSmall) == right);
}

TEST_CASE("cudnn: an LSTM that it does not do is left to the other kernels, and that is said once") {
    const Doing doing({.forward = Way::unsupported});
    const auto backend = make();
    const auto got = layer(*backend, {2, 5, 3, 2, 7});
    CHECK(doing.forwards() + doing.gradients() == 0);
    const auto notices = backend->take_notices();
    REQUIRE(notices.size() == 1);  // of the shape that memory was made for
    CHECK(notices[0] ==
          "stand-in 1.0 is not used for 'lstm batch 3 length 10 channels 5 to 2 times 3': not supported; "
          "regkit's own kernels compute it");
    // By its parts; their convolution may still be cuDNN's.
    const auto fast = layer(*make(kTensorCoreKernels), {2, 5, 3, 2, 7});
    for (std::size_t i = 0; i < got.size(); ++i) check_close("parts", got[i], fast[i], 2e-2);
    CHECK(layer(*backend, {2, 5, 3, 2, 7}) == got);
    CHECK(backend->take_notices().empty());
}

TEST_CASE("cudnn: a wrong LSTM is not used, and that is said once") {
    const auto expected = layer(*make_reference_backend(), kSmall);
    for (const Way way : {Way::wrong, Way::silent, Way::fails}) {
        CAPTURE(static_cast<int>(way));
        const Doing doing({.forward = way});
        const auto backend = make();
        const auto got = layer(*backend, kSmall);
        for (std::size_t i = 0; i < got.size(); ++i) check_close("own kernels", got[i], expected[i], 2e-2);
        CHECK(doing.forwards() == 2);  // inference, training
        CHECK(doing.gradients() == 0);
        const auto notices = backend->take_notices();
        REQUIRE(notices.size() == 2);
        CHECK(notices[0].find("times 3, inference': " +
                              std::string(way == Way::fails ? "it did not run;" : "its result is wrong;")) !=
              std::string::npos);
        CHECK(notices[1].find("times 3, training': ") != std::string::npos);
        CHECK(layer(*backend, kSmall) == got);
        CHECK(doing.forwards() == 2);
        CHECK(backend->take_notices().empty());
    }
}

TEST_CASE("cudnn: an LSTM that writes nothing does not pass with an earlier result") {
    const Doing doing;
    const auto backend = make();
    Run run(*backend);
    const LstmLayerValues values(kSmall);
    const View x = run.input(kSmall.x(), values.x), y = run.output(kSmall.y());
    const LstmLayer layer = layer_of(run, kSmall, values);
    LstmMemory inference = compose::alloc_lstm(*backend, kSmall.x(), 3, 2, false),
               training = compose::alloc_lstm(*backend, kSmall.x(), 3, 2, true);
    compose::lstm(*backend, Lstm{.x = x, .layer = layer, .memory = &inference, .y = y});
    CHECK(backend->take_notices().empty());
    emulator::stand_in().lstm.forward = Way::silent;
    compose::lstm(*backend,
                  Lstm{.x = x, .layer = layer, .memory = &training, .y = y});  // of the same operands
    check_notice(*backend, ", training", "its result is wrong");
}

TEST_CASE("cudnn: a wrong gradient of an LSTM is not used, wherever it is wrong") {
    const auto expected = layer(*make_reference_backend(), kSmall);
    const auto check = [&](const StandInLstm& as, const std::string& why) {
        const Doing doing(as);
        const auto backend = make();
        const auto got = layer(*backend, kSmall);
        for (std::size_t i = 0; i < got.size(); ++i) check_close("own kernels", got[i], expected[i], 2e-2);
        CHECK(doing.gradients() == 1);
        check_notice(*backend, ", gradient", why);
        // From now on training is not cuDNN's at all; inference is.
        const int forwards = doing.forwards();
        const auto again = layer(*backend, kSmall);
        CHECK(doing.forwards() == forwards + 1);
        CHECK(doing.gradients() == 1);
        CHECK(again[0] == got[0]);
        for (std::size_t i = 2; i < got.size(); ++i) CHECK(again[i] == got[i]);
        CHECK(backend->take_notices().empty());
    };
    for (const int wrong : {0, 1, 2, 3}) {
        CAPTURE(wrong);
        check({.gradient = Way::wrong, .wrong = wrong}, "its result is wrong");
    }
    check({.gradient = Way::silent}, "its result is wrong");
    check({.gradient = Way::fails}, "it did not run");
}

TEST_CASE("cudnn: results that are zero prove nothing of an LSTM") {
    const Doing doing;
    const auto backend = make();
    const LstmLayerValues random(kSmall);
    LstmLayerValues still = random;
    for (Values* const values : {&still.weight_ih, &still.weight_hh, &still.bias})
        std::fill(values->begin(), values->end(), 0.0);
    const auto zero = layer(*backend, kSmall, still);  // y is zero
    CHECK(zero[0] == Values(zero[0].size(), 0.0));
    CHECK(doing.forwards() == 0);
    LstmLayerValues flat = random;
    std::fill(flat.dy.begin(), flat.dy.end(), 0.0);  // its gradients are zero
    check_results(layer(*backend, kSmall, flat), layer(*make_reference_backend(), kSmall, flat));
    CHECK(doing.gradients() == 1);
    check_results(layer(*backend, kSmall), layer(*make_reference_backend(), kSmall));
    CHECK(doing.gradients() == 2);
    CHECK(backend->take_notices().empty());
    // And then they are as any others.
    check_results(layer(*backend, kSmall, still), layer(*make_reference_backend(), kSmall, still));
    CHECK(doing.gradients() == 3);
}

TEST_CASE("cudnn: a wrong gradient of an LSTM is not right for having been tried on zeroes") {
    const Doing doing({.gradient = Way::wrong});
    const auto backend = make();
    LstmLayerValues flat(kSmall);
    std::fill(flat.dy.begin(), flat.dy.end(), 0.0);
    layer(*backend, kSmall, flat);
    CHECK(backend->take_notices().empty());
    const auto got = layer(*backend, kSmall), expected = layer(*make_reference_backend(), kSmall);
    for (std::size_t i = 0; i < got.size(); ++i) check_close("own kernels", got[i], expected[i], 2e-2);
    check_notice(*backend, ", gradient", "its result is wrong");
}

TEST_CASE("cudnn: an LSTM in memory that is made of parts is not cuDNN's") {
    const Doing doing;
    const auto backend = make();
    Run run(*backend);
    const LstmLayerValues values(kSmall);
    const View x = run.input(kSmall.x(), values.x), y = run.output(kSmall.y());
    const View dy = run.input(kSmall.y(), values.dy), dx = run.output(kSmall.x());
    const LstmLayer layer = layer_of(run, kSmall, values);
    const LstmGradient gradient{run.random_flat(layer.weight_ih.count, 7),
                                run.random_flat(layer.weight_hh.count, 8),
                                run.random_flat(layer.bias.count, 9)};
    const auto other = make(kPlainKernels);
    LstmMemory parts = compose::alloc_lstm(*other, kSmall.x(), 3, 2, true);
    REQUIRE(!parts.own);
    CHECK(!backend->try_run(Lstm{.x = x, .layer = layer, .memory = &parts, .y = y}));
    CHECK(!backend->try_run(LstmGrad{.x = x,
                                     .layer = layer,
                                     .memory = &parts,
                                     .y = y,
                                     .dy = dy,
                                     .gradient = gradient,
                                     .accumulate = false,
                                     .dx = dx}));
    CHECK(doing.forwards() == 0);
    CHECK(doing.gradients() == 0);
}
