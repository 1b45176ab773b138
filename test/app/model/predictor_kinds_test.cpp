// Models of bins, of a fixed window and without finite context: the values are those of the network on the
// windows that should be run, and tiles, regions, batches and an end not known yet do not show.
#include <doctest/doctest.h>

#include <algorithm>

#include "app/model/predictor.hpp"
#include "io/fasta/fasta.hpp"
#include "kernels/base/error.hpp"
#include "test/app/model/called.hpp"
#include "test/app/model/kinds.hpp"

using namespace regkit;
using namespace regkit::test;

namespace {

using Values = std::vector<std::vector<float>>;  // [marker][cell]

struct World {
    std::unique_ptr<Backend> backend;
    Model model;
    std::vector<std::uint8_t> contig;
    SpecSummary summary;
    std::int64_t bin;
    TailOutput output;

    World(const Kind& kind, const char* device, int workers, std::int64_t length)
        : backend(make_backend({.device = device, .workers = workers, .isa = ""}).backend),
          model(model_of_kind(kind, *backend)),
          contig(random_contig(length, 7)),
          summary(summarise(model.spec, kKindMarkers)),
          bin(kind.layout.bin),
          output(model.spec.task == Task::coverage ? TailOutput::rates : TailOutput::probabilities) {}

    std::int64_t length() const { return static_cast<std::int64_t>(contig.size()); }

    Values predict(Predictor& predictor, std::int64_t known, std::int64_t begin, std::int64_t end) const {
        REQUIRE(predictor.resolution() == bin);
        Values all(kKindMarkers);
        std::int64_t next = begin;
        predictor.predict(
            known, begin, end,
            [&](std::int64_t from, std::int64_t to, std::span<std::uint8_t> codes) {
                REQUIRE((from >= 0 && to <= known && static_cast<std::int64_t>(codes.size()) == to - from));
                std::copy(contig.begin() + from, contig.begin() + to, codes.begin());
            },
            [&](std::int64_t from, std::int64_t to, std::span<const std::uint8_t> codes,
                std::span<const float> values) {
                REQUIRE(from == next);
                const std::int64_t cells = (to - from + bin - 1) / bin;
                REQUIRE(static_cast<std::int64_t>(values.size()) == kKindMarkers * cells);
                REQUIRE(std::equal(codes.begin(), codes.end(), contig.begin() + from, contig.begin() + to));
                for (std::int64_t m = 0; m < kKindMarkers; ++m)
                    all[static_cast<std::size_t>(m)].insert(all[static_cast<std::size_t>(m)].end(),
                                                            values.begin() + m * cells,
                                                            values.begin() + (m + 1) * cells);
                next = to;
            });
        REQUIRE(next == end);
        return all;
    }
    Values predict(const PredictorOptions& options, std::int64_t begin, std::int64_t end) const {
        Predictor predictor(model, *backend, options);
        return predict(predictor, length(), begin, end);
    }

    // The network on contig bases [begin, end), N outside; of the other strand with `reverse`, its outputs
    // turned back.
    Values window(std::int64_t begin, std::int64_t end, bool reverse) const {
        std::vector<std::uint8_t> codes;
        for (std::int64_t x = begin; x < end; ++x)
            codes.push_back(x < 0 || x >= length() ? kCodeN : contig[static_cast<std::size_t>(x)]);
        if (reverse) reverse_complement(codes);
        Network network(model.spec, kKindMarkers, *backend);
        network.load(model.tensors);
        const std::int64_t n = summary.fixed_window ? summary.outputs : (end - begin) / summary.scale;
        std::vector<float> values(static_cast<std::size_t>(kKindMarkers * n));
        network.infer({codes.data(), 1, end - begin}, 0, end - begin, output, values);
        Values rows;
        for (std::int64_t m = 0; m < kKindMarkers; ++m) {
            rows.emplace_back(values.begin() + m * n, values.begin() + (m + 1) * n);
            if (reverse) std::reverse(rows.back().begin(), rows.back().end());
        }
        return rows;
    }

    // What predict should give, window by window.
    Values expected(bool rc_average) const {
        const std::int64_t up = (length() + summary.stride - 1) / summary.stride * summary.stride;
        const std::int64_t cells = (length() + bin - 1) / bin;
        Values all(kKindMarkers);
        const LabelLayout& layout = model.layout;
        for (std::int64_t done = 0; done < cells;) {
            std::int64_t begin = 0, end = up, other = 0;  // a position-wise network: the contig in one pass
            if (summary.fixed_window) {
                begin = done * bin - layout.offset;
                end = begin + model.spec.window;
                other = 2 * layout.offset + layout.span() - model.spec.window;
            } else if (!summary.finite_context) {
                begin = done * bin;
                end = std::min(begin + model.spec.window, up);
            }
            Values there = window(begin, end, false);
            const Values back = rc_average ? window(begin + other, end + other, true) : there;
            const auto take =
                std::min<std::int64_t>(static_cast<std::int64_t>(there[0].size()), cells - done);
            for (std::size_t m = 0; m < kKindMarkers; ++m)
                for (std::size_t i = 0; i < static_cast<std::size_t>(take); ++i)
                    all[m].push_back(rc_average ? 0.5f * (there[m][i] + back[m][i]) : there[m][i]);
            done += take;
        }
        return all;
    }
};

Values part(const Values& all, std::int64_t first, std::int64_t last) {
    Values out;
    for (const auto& row : all) out.emplace_back(row.begin() + first, row.begin() + last);
    return out;
}

}  // namespace

TEST_CASE("every kind of model predicts what its network gives for the windows it should run") {
    for (const Kind& kind : kinds())
        for (const char* device : {"reference", "cpu"})
            for (const std::int64_t length : {1LL, 19LL, 96LL, 1003LL, 2400LL}) {
                CAPTURE(kind.name);
                CAPTURE(device);
                CAPTURE(length);
                const World world(kind, device, 2, length);
                for (const bool rc_average : {false, true}) {
                    const Values whole = world.expected(rc_average);
                    CHECK(world.predict({.tile = 100000, .rc_average = rc_average}, 0, length) == whole);
                    for (const std::int64_t tile : {1LL, 70LL, 500LL})
                        CHECK(world.predict({.tile = tile, .rc_average = rc_average}, 0, length) == whole);
                    for (const auto& [begin, end] : {std::pair{1LL, 2LL}, {3LL, 11LL}, {7LL, 60LL}}) {
                        if (end * world.bin > length) continue;
                        CHECK(world.predict({.tile = 130, .rc_average = rc_average}, begin * world.bin,
                                            end * world.bin) == part(whole, begin, end));
                    }
                }
                if (length < 1000) continue;
                const Values whole = world.expected(false);
                CHECK(std::any_of(whole[0].begin(), whole[0].end(),
                                  [](float v) { return v > 0.01f && v < 0.99f; }));
                CHECK(*std::max_element(whole[0].begin(), whole[0].end()) >
                      *std::min_element(whole[0].begin(), whole[0].end()));
            }
}

TEST_CASE("every kind: called cells are those of the values") {
    for (const Kind& kind : kinds())
        for (const bool rc_average : {false, true}) {
            CAPTURE(kind.name);
            const World world(kind, "cpu", 2, 1003);
            Predictor predictor(world.model, *world.backend, {.tile = 130, .rc_average = rc_average});
            for (const auto& [begin, end] :
                 {std::pair{std::int64_t{0}, std::int64_t{1003}}, {2 * world.bin, 5 * world.bin}}) {
                const Values values = world.predict(predictor, 1003, begin, end);
                std::vector<float> middles;
                for (const std::vector<float>& row : values) middles.push_back(middle_of(row));
                for (const std::vector<float>& cutoffs : {std::vector<float>(kKindMarkers, 0.0f), middles,
                                                          std::vector<float>(kKindMarkers, 2.0f)}) {
                    const Values called = called_values(predictor, 1003, begin, end, cutoffs, world.contig);
                    for (std::size_t m = 0; m < kKindMarkers; ++m)
                        CHECK(calls_agree(called[m], values[m], cutoffs[m]));
                }
            }
        }
}

TEST_CASE("every kind: the number of workers is invisible") {
    for (const Kind& kind : kinds()) {
        CAPTURE(kind.name);
        const World one(kind, "cpu", 1, 2003), three(kind, "cpu", 3, 2003);
        CHECK(one.predict({.tile = 700}, 0, 2003) == three.predict({.tile = 700}, 0, 2003));
    }
}

TEST_CASE("every kind: a contig whose end is not known yet gives the same bytes") {
    for (const Kind& kind : kinds())
        for (const bool rc_average : {false, true}) {
            CAPTURE(kind.name);
            const World world(kind, "reference", 1, 3000);
            Predictor predictor(world.model, *world.backend, {.tile = 100, .rc_average = rc_average});
            const Values whole = world.predict(predictor, 3000, 0, 3000);
            const std::int64_t unit = predictor.unit(), known = 2 * unit + predictor.ahead();
            REQUIRE(known <= 3000);
            CHECK(world.predict(predictor, known, unit, 2 * unit) ==
                  part(whole, unit / world.bin, 2 * unit / world.bin));
            CHECK(unit % world.bin == 0);
            CHECK(predictor.grid() % world.bin == 0);
        }
}

TEST_CASE("every kind: bases counted from a multiple of the grid give the same cells away from the ends") {
    for (const Kind& kind : kinds())
        for (const bool rc_average : {false, true}) {
            CAPTURE(kind.name);
            World world(kind, "reference", 1, 4000);
            const PredictorOptions options{.tile = 300, .rc_average = rc_average};
            const std::int64_t grid = Predictor(world.model, *world.backend, options).grid();
            const Values whole = world.predict(options, 0, world.length());
            const std::int64_t aside =
                3 * world.model.spec.window / world.bin;  // cells; more than any context
            world.contig.erase(world.contig.begin(), world.contig.begin() + grid);
            const Values rest = world.predict(options, 0, world.length());
            const std::int64_t first = aside, last = world.length() / world.bin - aside;
            REQUIRE(first < last);
            CHECK(part(rest, first, last) == part(whole, first + grid / world.bin, last + grid / world.bin));
        }
}

TEST_CASE("paper windows of a model of bins") {
    const Kind& kind = kinds()[0];
    const World world(kind, "reference", 1, 1100);
    const Values got = world.predict({.tile = 100, .paper_windows = true}, 0, 1100);
    Values wanted(kKindMarkers);
    for (const auto& [begin, end] : {std::pair{0LL, 480LL}, {480LL, 960LL}, {960LL, 1104LL}}) {
        const Values rows = world.window(begin, end, false);
        for (std::size_t m = 0; m < kKindMarkers; ++m)
            wanted[m].insert(wanted[m].end(), rows[m].begin(), rows[m].end());
    }
    CHECK(got == wanted);
}

TEST_CASE("what does not fit is refused") {
    const World world(kinds()[0], "reference", 1, 1000);
    Predictor predictor(world.model, *world.backend, {});
    const FetchCodes fetch = [](std::int64_t, std::int64_t, std::span<std::uint8_t>) {};
    const TileSink sink = [](std::int64_t, std::int64_t, std::span<const std::uint8_t>,
                             std::span<const float>) {};
    CHECK_THROWS_AS(predictor.predict(1000, 8, 160, fetch, sink), Error);
    CHECK_THROWS_AS(predictor.predict(1000, 0, 100, fetch, sink), Error);
    Model other = world.model;
    other.layout.bin = 8;
    other.layout.count = 60;
    CHECK_THROWS_AS(Predictor(other, *world.backend, {}), Error);
    other = model_of_kind(kinds()[4], *world.backend);
    other.layout.count = 2;
    CHECK_THROWS_AS(Predictor(other, *world.backend, {}), Error);
}
