// A batch that several ranks share: what one rank gets from the whole of it.
#include <doctest/doctest.h>

#include "kernels/base/error.hpp"
#include "support.hpp"
#ifdef REGKIT_EMULATED
#include "test/emulator/emulator_backend.hpp"
#endif
#include "test/support/thread_ranks.hpp"

using namespace regkit;
using namespace regkit::test;

namespace {

constexpr int kMarkers = 3;
constexpr std::int64_t kBatch = 5;  // of which 2 and 3 ranks have unequal parts

using MakeBackend = std::function<std::unique_ptr<Backend>()>;

struct Outcome {
    std::vector<NamedTensor> gradients, state;
    std::vector<double> losses;
};

Windows part_of(const Windows& w, std::int64_t begin, std::int64_t end) {
    Windows part{{w.codes.begin() + begin * w.length, w.codes.begin() + end * w.length},
                 {},
                 {0},
                 end - begin,
                 w.length};
    for (std::int64_t s = begin; s < end; ++s) {
        part.runs.insert(part.runs.end(), w.runs.begin() + w.offsets[static_cast<std::size_t>(s)],
                         w.runs.begin() + w.offsets[static_cast<std::size_t>(s) + 1]);
        part.offsets.push_back(static_cast<std::int64_t>(part.runs.size()));
    }
    return part;
}

Outcome train(const Spec& spec, bool fused, Backend& backend, const Windows& w, const BatchShare& share) {
    Network network(spec, kMarkers, backend);
    network.use_fused_tail(fused);
    randomise(network, 8);
    Outcome outcome;
    AdamStep adam;
    adam.clip_norm = 0.5f;
    for (std::uint64_t step = 0; step < 3; ++step) {
        adam.step = static_cast<std::int64_t>(step) + 1;
        outcome.losses.push_back(network.train(w.view(), w.labels(), {3, step, 2, 1, share}, adam).loss);
        if (step == 0) outcome.gradients = network.gradients();
    }
    outcome.state = network.state();
    return outcome;
}

std::vector<Outcome> train_on_ranks(int ranks, const Spec& spec, bool fused, const MakeBackend& make,
                                    const Windows& w) {
    std::vector<Outcome> outcomes(static_cast<std::size_t>(ranks));
    ThreadRanks(ranks).run([&](Communicator& me) {
        const std::int64_t begin = kBatch * me.rank() / ranks, end = kBatch * (me.rank() + 1) / ranks;
        const auto backend = make();
        outcomes[static_cast<std::size_t>(me.rank())] =
            train(spec, fused, *backend, part_of(w, begin, end), {&me, begin, kBatch});
    });
    return outcomes;
}

// Largest difference of a tensor's values, relative to the largest of all tensors' values.
double difference(const std::vector<NamedTensor>& a, const std::vector<NamedTensor>& b) {
    double largest = 0, scale = 0;
    for (std::size_t t = 0; t < b.size(); ++t) {
        const double d = largest_difference(a[t].values, b[t].values);
        if (!(d <= largest)) largest = d;
        for (const float v : b[t].values) scale = std::max(scale, std::fabs(static_cast<double>(v)));
    }
    return largest / scale;
}

bool same(const std::vector<NamedTensor>& a, const std::vector<NamedTensor>& b) {
    for (std::size_t t = 0; t < a.size(); ++t)
        if (a[t].values != b[t].values) return false;
    return a.size() == b.size();
}

// The reference: parameters too; in fp32, where Adam's first steps take a gradient of nothing but rounding
// for a sign, loss and gradients.
void check_ranks(const std::vector<Spec>& specs, const MakeBackend& make, double tolerance,
                 bool parameters_too) {
    double worst = 0;
    for (const Spec& spec : specs)
        for (const bool fused : {true, false}) {
            CAPTURE(spec.name);
            CAPTURE(fused);
            const Windows w = windows_of(spec, kBatch, kMarkers, 21);
            const auto backend = make();
            const Outcome whole = train(spec, fused, *backend, w, {});
            for (const int ranks : {2, 3}) {
                CAPTURE(ranks);
                const std::vector<Outcome> shared = train_on_ranks(ranks, spec, fused, make, w);
                for (const Outcome& other : shared) {
                    CHECK(same(other.gradients, shared[0].gradients));
                    CHECK(same(other.state, shared[0].state));
                    CHECK(other.losses == shared[0].losses);
                }
                CHECK(same(train_on_ranks(ranks, spec, fused, make, w)[0].state, shared[0].state));
                CHECK(std::fabs(shared[0].losses[0] - whole.losses[0]) <= tolerance * whole.losses[0]);
                const double by_gradient = difference(shared[0].gradients, whole.gradients);
                CHECK(by_gradient <= tolerance);
                if (parameters_too) CHECK(difference(shared[0].state, whole.state) <= tolerance);
                if (!(by_gradient <= worst)) worst = by_gradient;
            }
        }
    MESSAGE("gradients of 2 and 3 ranks differ from one rank's by ", worst, " of the largest");
}

}  // namespace

TEST_CASE("a batch that ranks share trains what one rank trains: reference") {
    check_ranks(
        specs_of_every_kind(),
        [] {
            return make_backend({"reference", 1, ""}).backend;
        },
        1e-6, true);
}

TEST_CASE("a batch that ranks share trains what one rank trains: cpu") {
    check_ranks(
        specs_of_every_kind(),
        [] {
            return make_backend({"cpu", 1, ""}).backend;
        },
        1e-5, false);
}

#ifdef REGKIT_EMULATED
TEST_CASE("a batch that ranks share trains what one rank trains: the emulated CUDA back end") {
    check_ranks(
        {small_spec(), flat_spec()}, [] { return make_emulator_backend(emulator::Order::forward); }, 1e-5,
        false);
}
#endif

TEST_CASE("a part of a batch must lie inside it") {
    const auto reference = backend("reference");
    const Spec spec = small_spec();
    Network network(spec, kMarkers, *reference);
    const Windows w = windows_of(spec, 2, kMarkers, 3);
    ThreadRanks(1).run([&](Communicator& me) {
        CHECK_THROWS_AS(network.forward_backward(w.view(), w.labels(), {1, 0, 1, 1, {&me, 1, 2}}), Error);
    });
}
