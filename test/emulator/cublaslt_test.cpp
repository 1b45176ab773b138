// The tail through cuBLASLt, all of it but cuBLASLt itself, for which the tests' own engine stands in.
#include "kernels/cuda/tail/cublaslt.hpp"

#include <doctest/doctest.h>

#include <cmath>

#include "kernels/base/error.hpp"
#include "kernels/compose.hpp"
#include "kernels/reference/reference_backend.hpp"
#include "test/emulator/emulator_backend.hpp"
#include "test/emulator/stand_in_matmul.hpp"
#include "test/emulator/tail_problem.hpp"

using namespace regkit;
using namespace regkit::test;
using cuda::cublaslt::Epilogue;
using cuda::cublaslt::Product;
using cuda::cublaslt::Tails;
using emulator::Order;
using emulator::stand_in_matmul;

namespace {

constexpr double kTolerance = 2e-2;
constexpr LossKind kLosses[] = {LossKind::sigmoid_cross_entropy, LossKind::poisson};

// What the stand-in does is forgotten before and after.
struct Script {
    Script() { stand_in_matmul() = {}; }
    ~Script() {
        stand_in_matmul() = {};
        emulator::leave_out_barrier(-1);
    }
    Script(const Script&) = delete;
};

std::unique_ptr<Backend> make(Order order = Order::forward, const KernelChoice& kernels = kAllKernels) {
    return make_emulator_backend(order, kernels);
}

// A tail's every output at coarse positions [begin, end).
struct Outputs {
    std::vector<float> logits, values;
    std::vector<std::uint8_t> codes;
    CalledRuns runs;
    std::vector<float> cutoffs;

    bool operator==(const Outputs& other) const {
        return logits == other.logits && values == other.values && codes == other.codes &&
               runs.runs == other.runs.runs && runs.values == other.runs.values;
    }
};

// By `of`, a Backend or what has its operations of the tail.
template <typename Of>
Outputs outputs_of(Of&& of, const TailCase& c, std::int64_t begin, std::int64_t end) {
    const auto positions = static_cast<std::size_t>((end - begin) * c.stride),
               rows = static_cast<std::size_t>(c.batch * c.markers());
    constexpr auto kKind = TailOutput::probabilities;
    Outputs out;
    out.logits.assign(rows * positions, NAN);
    out.values.assign(rows * positions, NAN);
    out.codes.assign(rows * positions, 7);
    of.values(TailOutput::logits, out.logits);
    of.values(kKind, out.values);
    of.codes(out.codes);
    for (std::size_t m = 0; m < static_cast<std::size_t>(c.markers()); ++m)
        out.cutoffs.push_back(out.values[m * positions + positions / 2]);
    of.runs(kKind, out.cutoffs, out.runs);
    return out;
}

struct OfBackend {
    Backend& backend;
    View h;
    Tail tail;
    std::int64_t begin, end;
    compose::Staging staging = {};

    void values(TailOutput kind, std::span<float> out) {
        backend(TailInfer{.h = h, .tail = tail, .begin = begin, .end = end, .kind = kind, .out = out});
    }
    void codes(std::span<std::uint8_t> out) {
        compose::tail_codes(backend, TailCodes{.h = h, .tail = tail, .begin = begin, .end = end, .out = out},
                            staging);
    }
    void runs(TailOutput kind, std::span<const float> cutoffs, CalledRuns& out) {
        compose::tail_runs(backend,
                           TailRuns{.h = h,
                                    .tail = tail,
                                    .begin = begin,
                                    .end = end,
                                    .kind = kind,
                                    .cutoffs = cutoffs,
                                    .out = &out},
                           staging);
    }
};

struct OfTails {
    Tails& tails;
    cuda::TailRange range;
    Tail tail;
    cuda::Scratch& scratch;

    void values(TailOutput kind, std::span<float> out) {
        hand_out_values(tail, range, kind, out.data(), scratch, tails.runner(tail, range));
    }
    void codes(std::span<std::uint8_t> out) {
        hand_out_codes(tail, range, out.data(), scratch, tails.runner(tail, range));
    }
    void runs(TailOutput kind, std::span<const float> cutoffs, CalledRuns& out) {
        hand_out_runs(tail, range, kind, cutoffs, out, scratch, tails.runner(tail, range));
    }
};

Outputs infer(Backend& backend, const TailCase& c, std::int64_t begin, std::int64_t end) {
    Run run(backend);
    const View h = run.random(c.h(), 1);
    return outputs_of(OfBackend{backend, h, make_tail(c, run, Weights(c).random()), begin, end}, c, begin,
                      end);
}

Outputs infer_in_chunks(const TailCase& c, std::int64_t begin, std::int64_t end, std::int64_t chunk_bytes,
                        std::int64_t piece_bytes) {
    const auto backend = make();
    Run run(*backend);
    const View h = run.random(c.h(), 1);
    const Tail tail = make_tail(c, run, Weights(c).random());
    run.read(h);  // all that was queued before has run
    cuda::Stream stream(0);
    cuda::Scratch scratch(stream);
    const cuda::Stream::Operation operation(stream);
    std::string why;
    Tails tails(cuda::cublaslt::open_engine(why), why, scratch);
    tails.set_bytes(chunk_bytes, piece_bytes);
    CHECK(tails.fits(tail));
    return outputs_of(OfTails{tails, {cuda::tensor_of(h), begin, end}, tail, scratch}, c, begin, end);
}

Outcome train_in_chunks(const TailProblem& problem, std::int64_t chunk_bytes) {
    return problem.train_by(*make(), [&](const cuda::TailTraining& training, cuda::Scratch& scratch) {
        std::string why;
        Tails tails(cuda::cublaslt::open_engine(why), why, scratch);
        tails.set_bytes(chunk_bytes, cuda::kPieceBytes);
        emulator::forget_most_memory();
        CHECK(tails.fits(training));
        tails.train(training);
    });
}

Values values_of(const std::vector<float>& floats) {
    return Values(floats.begin(), floats.end());
}

// Codes and runs are those of the values, one by one.
void check_sinks(const Outputs& got, const TailCase& c, std::int64_t positions) {
    CalledRuns runs;
    bool same_codes = true;
    for (std::int64_t row = 0; row < c.batch * c.markers(); ++row) {
        const auto values =
            std::span(got.values)
                .subspan(static_cast<std::size_t>(row * positions), static_cast<std::size_t>(positions));
        runs.append_row(static_cast<std::int32_t>(row / c.markers()),
                        static_cast<std::int32_t>(row % c.markers()), values,
                        got.cutoffs[static_cast<std::size_t>(row % c.markers())]);
        for (std::int64_t p = 0; p < positions; ++p) {
            const auto at = static_cast<std::size_t>(row * positions + p);
            same_codes = same_codes && got.codes[at] == logit_code(got.logits[at]);
        }
    }
    CHECK(same_codes);
    CHECK(got.runs.runs == runs.runs);
    CHECK(got.runs.values == runs.values);
}

}  // namespace

TEST_CASE("cublaslt: values, codes and runs of every shape, in every order") {
    // Deep ones and wide ones, which other kernels on tensor cores do not take; 919 markers are padded.
    const TailCase cases[] = {{1, 3, 5, 1, 0, {919}, 0, 1},
                              {3, 4, 33, 10, 5, {6, 7}, 0, 1},
                              {1, 150, 9, 1, 0, {140, 5}, 0, 1},
                              {2, 2, 3, 129, 2, {3}, 0, 1},
                              {2, 2, 40, 2, 20, {70, 3, 4, 2}, 0, 1}};
    const auto reference = make_reference_backend();
    for (const TailCase& c : cases) {
        CAPTURE(c.text());
        const Script script;
        for (const auto& [begin, end] :
             {std::pair{std::int64_t{0}, c.length}, {c.length / 3, c.length - 1}}) {
            const Outputs got = infer(*make(), c, begin, end);
            CHECK(!stand_in_matmul().runs.empty());
            check_close("logits", values_of(got.logits), values_of(infer(*reference, c, begin, end).logits),
                        kTolerance);
            check_sinks(got, c, (end - begin) * c.stride);
            for (const Order order : {Order::reverse, Order::shuffled})
                CHECK(infer(*make(order), c, begin, end) == got);
        }
    }
}

// Chunks of 32 coarse positions, which end inside samples and rows of output, and of more; pieces of one and
// of some tiles.
TEST_CASE("cublaslt: chunks and pieces do not change a bit of inference") {
    const TailCase c{3, 4, 150, 10, 5, {6, 7}, 0, 1};
    const Script script;
    const Outputs whole = infer(*make(), c, 1, 149);
    const struct {
        std::int64_t chunk, piece;
    } all_bytes[] = {{1, cuda::kPieceBytes}, {100 << 10, 1}, {1, 7 * 128 * 20}};
    for (const auto& bytes : all_bytes) {
        CAPTURE(bytes.chunk);
        CAPTURE(bytes.piece);
        CHECK(infer_in_chunks(c, 1, 149, bytes.chunk, bytes.piece) == whole);
    }
}

TEST_CASE("cublaslt: training of every shape, with dropout and both losses") {
    const TailCase cases[] = {{1, 3, 5, 1, 0, {919}, 0, 2},
                              {1, 150, 9, 1, 0, {140, 5}, 0.25f, 1},
                              {2, 2, 3, 129, 2, {7, 3}, 0.5f, 1},
                              {3, 6, 15, 10, 5, {9, 70}, 0.25f, 1},
                              {2, 3, 41, 16, 17, {33}, 0, 3}};
    const auto reference = make_reference_backend();
    for (const TailCase& c : cases)
        for (const LossKind kind : kLosses) {
            CAPTURE(c.text());
            CAPTURE(kind == LossKind::poisson);
            const Script script;
            const TailProblem problem(c, kind);
            const Outcome got = problem.train(*make());
            CHECK(!stand_in_matmul().runs.empty());
            check_outcome(got, problem.train(*reference), kTolerance);
            for (const Order order : {Order::reverse, Order::shuffled})
                CHECK(problem.train(*make(order)) == got);
        }
}

// Though the library's ReLU may make 0 of it.
TEST_CASE("cublaslt: a NaN of the input passes the hidden layers") {
    const Script script;
    const auto backend = make();
    check_nan_passes(*backend);
    CHECK(!stand_in_matmul().runs.empty());
}

TEST_CASE("cublaslt: chunks change the order of sums over positions alone") {
    const Script script;
    const TailProblem problem({3, 4, 70, 10, 5, {6, 7}, 0.25f, 2}, LossKind::sigmoid_cross_entropy);
    const Outcome whole = train_in_chunks(problem, cuda::cublaslt::kChunkBytes);
    CHECK(train_in_chunks(problem, cuda::cublaslt::kChunkBytes) == whole);
    for (const std::int64_t bytes : {std::int64_t{1}, std::int64_t{100} << 10}) {
        CAPTURE(bytes);
        const Outcome got = train_in_chunks(problem, bytes);
        CHECK(got[1] == whole[1]);
        check_outcome(got, whole, 1e-5);
    }
}

// 4,800 positions of 96 markers: in bf16 their logits alone would be 0.9 MB.
TEST_CASE("cublaslt: the logits of a window are never in memory") {
    const Script script;
    const TailCase c{2, 3, 240, 10, 5, {6, 96}, 0.25f, 1};
    const std::size_t logits = 2 * 2400 * 96 * 2;
    const TailProblem problem(c, LossKind::sigmoid_cross_entropy);
    train_in_chunks(problem, 1);
    CHECK(emulator::memory().most < logits / 2);
    train_in_chunks(problem, cuda::cublaslt::kChunkBytes);
    CHECK(emulator::memory().most > logits);  // where a chunk is a window: they are counted
}

TEST_CASE("cublaslt: a second call neither asks for plans nor for memory") {
    const Script script;
    const TailProblem problem({2, 4, 20, 10, 5, {6, 7}, 0.25f, 1}, LossKind::sigmoid_cross_entropy);
    const auto backend = make();
    problem.train(*backend);
    const int plans = stand_in_matmul().plans;
    CHECK(plans == 9);  // three layers; forward, to the input, to the weights
    problem.train(*backend);
    CHECK(stand_in_matmul().plans == plans);
}

// Positions make no sum's order another: what they are many of is not summed in inference.
TEST_CASE("cublaslt: every number of positions has the plan of the largest") {
    const Script script;
    const TailCase c{1, 4, 150, 10, 5, {6, 7}, 0, 1};
    const auto backend = make();
    for (const auto& [begin, end] : {std::pair{std::int64_t{0}, std::int64_t{150}}, {3, 4}, {20, 90}})
        infer(*backend, c, begin, end);
    CHECK(stand_in_matmul().plans == 3);
    for (const Product& product : stand_in_matmul().runs)
        CHECK(product.positions != cuda::cublaslt::Positions::depth);
}

// Without the first a row's targets are read before they are there, without the second a gradient is written
// over logits that another thread has not read.
TEST_CASE("cublaslt: a missing barrier of the loss is noticed") {
    const Script script;
    const TailProblem problem({1, 4, 64, 1, 0, {3}, 0, 1}, LossKind::sigmoid_cross_entropy);
    const Outcome right = problem.train(*make());
    for (const int n : {0, 1}) {
        CAPTURE(n);
        emulator::leave_out_barrier(n);
        const bool differs =
            problem.train(*make(Order::forward)) != right || problem.train(*make(Order::reverse)) != right;
        emulator::leave_out_barrier(-1);
        CHECK(differs);
    }
}

TEST_CASE("cublaslt: where the library is not here, other kernels compute the tail, with one notice") {
    const Script script;
    stand_in_matmul().installed = false;
    const TailCase c{1, 4, 20, 10, 5, {6, 7}, 0.25f, 1};
    const TailProblem problem(c, LossKind::sigmoid_cross_entropy);
    const auto backend = make(), fast = make(Order::forward, kTensorCoreKernels);
    CHECK(problem.train(*backend) == problem.train(*fast));
    CHECK(infer(*backend, c, 0, 20) == infer(*fast, c, 0, 20));
    CHECK(backend->description() == std::string("emulator stand-in 1.0 bf16"));
    CHECK(
        backend->take_notices() ==
        std::vector<std::string>{"cuBLASLt is not used (libcublasLt.so.13: cannot open shared object file); "
                                 "regkit's own kernels compute the tail"});
    CHECK(backend->take_notices().empty());
}

TEST_CASE("cublaslt: what the library has no plan for is left to other kernels, with one notice") {
    const Script script;
    stand_in_matmul().refuses = [](const Product& p) { return p.epilogue == Epilogue::bias_gradient; };
    const TailCase c{1, 4, 20, 10, 5, {6, 7}, 0.25f, 1};
    const TailProblem problem(c, LossKind::sigmoid_cross_entropy);
    const auto backend = make(), fast = make(Order::forward, kTensorCoreKernels);
    CHECK(problem.train(*backend) == problem.train(*fast));
    CHECK(problem.train(*backend) == problem.train(*fast));
    CHECK(stand_in_matmul().runs.empty());
    infer(*backend, c, 0, 20);  // needs no such product
    CHECK(!stand_in_matmul().runs.empty());
    const auto notices = backend->take_notices();
    REQUIRE(notices.size() == 1);
    CHECK(notices[0] ==
          "stand-in Lt 1.0 is not used for a tail of 7 markers: it has no product of 16 x 32 x 160; "
          "regkit's own kernels compute it");
}

TEST_CASE("cublaslt: a product that does not start is an error") {
    const Script script;
    const auto backend = make();
    stand_in_matmul().fails = true;
    const TailCase c{1, 4, 20, 1, 0, {7}, 0, 1};
    CHECK_THROWS_WITH_AS(infer(*backend, c, 0, 20), doctest::Contains("cuBLASLt could not start a product"),
                         Error);
}

TEST_CASE("cublaslt: the description names the library, which determines the bits") {
    const Script script;
    CHECK(make()->description() == std::string("emulator stand-in 1.0 stand-in Lt 1.0 bf16"));
}
