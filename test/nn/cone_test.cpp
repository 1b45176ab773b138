// Windows that differ from kept ones in a few bases, computed by what the change reaches alone, are held
// against whole windows.
#include "nn/cone.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>

#include "kernels/base/error.hpp"
#include "support.hpp"

using namespace regkit;
using namespace regkit::test;

namespace {

constexpr int kMarkers = 3;

using Codes8 = std::vector<std::uint8_t>;

Codes8 random_codes(std::int64_t length, std::uint64_t seed) {
    Codes8 codes(static_cast<std::size_t>(length));
    for (std::uint8_t& code : codes) code = static_cast<std::uint8_t>(1 + next_random(seed) % 4);
    return codes;
}

// Bases [begin, begin + removed) of a contig become others.
struct Change {
    std::int64_t begin, removed;
    Codes8 inserted;
};

Codes8 changed_codes(const Codes8& contig, const Change& change) {
    Codes8 all(contig.begin(), contig.begin() + change.begin);
    all.insert(all.end(), change.inserted.begin(), change.inserted.end());
    all.insert(all.end(), contig.begin() + change.begin + change.removed, contig.end());
    return all;
}

// Logits of bases [begin, end) of a window that begins at base `at` of `codes`.
struct Case {
    Network& network;
    std::int64_t length;  // of windows
    std::int64_t out_begin, out_end;

    std::int64_t outputs() const { return (out_end - out_begin) / network.summary().scale; }
    std::vector<float> whole(const Codes8& codes, std::int64_t at) const {
        std::vector<float> out(static_cast<std::size_t>(kMarkers * outputs()));
        network.infer({codes.data() + at, 1, length}, out_begin, out_end, TailOutput::logits, out);
        return out;
    }
};

// The outputs of the changed window by cones: kept values, and changed ones over them. `calls` counts outputs
// computed.
std::vector<float> by_cone(const Case& c, const Codes8& contig, const Change& change, std::int64_t at,
                           std::int64_t& computed) {
    Network& network = c.network;
    const SpecSummary& s = network.summary();
    const auto inserted = static_cast<std::int64_t>(change.inserted.size());
    const std::int64_t moved_by = inserted - change.removed;
    // The right window has what follows the change in the phase that it has in the changed one.
    const std::int64_t lead = ((moved_by % s.stride) + s.stride) % s.stride;
    const std::int64_t shift = moved_by - lead;
    const std::int64_t right_at = at - lead;
    KeptWindows left, right;
    std::vector<float> before(static_cast<std::size_t>(kMarkers * c.outputs())),
        after(static_cast<std::size_t>(kMarkers * (c.length / s.scale)));
    network.keep({contig.data() + at, 1, c.length}, left);
    network.infer_kept(left, c.out_begin, c.out_end, TailOutput::logits, before);
    network.keep({contig.data() + right_at, 1, c.length}, right);
    network.infer_kept(right, 0, c.length, TailOutput::logits, after);
    const std::int64_t begin = change.begin - at, end = begin + inserted;
    const ChangedWindow window{.left = &left,
                               .right = moved_by != 0 ? &right : &left,
                               .begin = begin,
                               .end = end,
                               .shift = moved_by != 0 ? shift : 0,
                               .moved = moved_by != 0,
                               .out_begin = c.out_begin,
                               .out_end = c.out_end};
    const Codes8 codes = changed_codes(contig, change);
    const std::int64_t scale = s.scale;
    std::vector<float> out = before;
    std::vector<bool> known(static_cast<std::size_t>(c.outputs()), moved_by == 0);
    network.infer_changed(
        {&window, 1},
        [&](std::size_t, std::int64_t from, std::span<std::uint8_t> to) {
            std::copy_n(codes.begin() + at + from, to.size(), to.begin());
        },
        TailOutput::logits,
        [&](const ChangedOutputs& changed) {
            REQUIRE(changed.windows.size() == 1);
            for (std::int64_t j = 0; j < changed.cells; ++j)
                for (std::int64_t k = 0; k < changed.outputs; ++k) {
                    const std::int64_t base = changed.first[0] + j * changed.step + k * scale;
                    if (base < c.out_begin || base >= c.out_end) continue;
                    ++computed;
                    const auto to = static_cast<std::size_t>((base - c.out_begin) / scale);
                    known[to] = true;
                    for (int m = 0; m < kMarkers; ++m)
                        out[static_cast<std::size_t>(m) * known.size() + to] =
                            changed.row(0, kMarkers, m)[static_cast<std::size_t>(j * changed.outputs + k)];
                }
        });
    if (moved_by == 0) return out;
    // What was not computed is the right window's behind the change.
    for (std::size_t i = 0; i < known.size(); ++i) {
        const std::int64_t base = c.out_begin + static_cast<std::int64_t>(i) * scale;
        if (known[i] || base < end) continue;
        const std::int64_t from = (base - shift) / scale;
        for (int m = 0; m < kMarkers; ++m)
            out[static_cast<std::size_t>(m) * known.size() + i] =
                after[static_cast<std::size_t>(m * (c.length / scale) + from)];
    }
    return out;
}

std::vector<Change> changes(std::int64_t middle) {
    return {
        {middle, 1, {2}},
        {middle + 7, 1, {3}},
        {middle, 5, {1, 4, 2, 2, 3}},
        {middle - 3, 0, {1, 2, 3}},
        {middle, 0, {4}},
        {middle + 1, 1, {}},
        {middle + 4, 13, {}},
        {middle + 2, 2, {3, 1, 1, 4, 2, 1, 3, 3, 4, 1, 2, 2, 2, 2, 4, 4, 1, 1, 3, 1, 2, 4}},
    };
}

}  // namespace

TEST_CASE("a cone's outputs are those of the whole window, of every model that has one") {
    int tried = 0;
    for (const std::string& device : devices()) {
        const auto b = backend(device);
        for (const Spec& spec : all_specs()) {
            Network network(spec, kMarkers, *b);
            if (!network.has_cones()) continue;
            const SpecSummary& s = network.summary();
            const std::int64_t context =
                std::max(s.context_left, s.context_right) / s.stride * s.stride + 40 * s.stride;
            if (device == "reference" && context > 500) continue;
            CAPTURE(spec.name);
            CAPTURE(device);
            randomise(network, 5);
            const std::int64_t half = 20 * s.stride;
            const Case c{network, 2 * (context + half), context, context + 2 * half};
            const std::int64_t at = 4 * s.stride;
            const Codes8 contig = random_codes(c.length + 100 + 8 * s.stride, 9);
            for (const Change& change : changes(at + c.length / 2)) {
                CAPTURE(change.begin - at);
                CAPTURE(change.removed);
                CAPTURE(change.inserted.size());
                std::int64_t computed = 0;
                const std::vector<float> expected = c.whole(changed_codes(contig, change), at);
                const std::vector<float> got = by_cone(c, contig, change, at, computed);
                CHECK(got == expected);  // to the bit
                CHECK(computed > 0);
                ++tried;
            }
        }
    }
    CHECK(tried > 60);
}

// Dilations that are multiples of 3 leave two cells of three alone.
TEST_CASE("a base of `dilated` reaches 1, 10, 37, 118 and 361 cells, every third; an insertion all between") {
    const Spec spec = preset("dilated");
    const Graph graph = resolve(spec, kMarkers, "dilated");
    const Plan plan = make_plan(spec, graph, true);
    const Span all{-100'000, 100'000};
    const auto reached = [&](const BaseChange& change) {
        const std::vector<LayerCone> cones = cone_of(spec, graph, plan, change, all);
        return std::vector<LayerCone>(cones.begin() + 1, cones.begin() + 6);
    };
    const std::vector<LayerCone> snv = reached({12345, 12346, false}),
                                 insertion = reached({12345, 12348, true});
    const std::vector<std::int64_t> counts{1, 10, 37, 118, 361}, dense{1, 28, 109, 352, 1081};
    for (std::size_t i = 0; i < counts.size(); ++i) {
        CHECK(snv[i].reached.count == counts[i]);
        CHECK(snv[i].computed == snv[i].reached);
        CHECK((i == 0 || snv[i].reached.step == 3));
        CHECK(insertion[i].reached.count == dense[i]);
        CHECK(insertion[i].reached.step == 1);
    }
    // Of one output what leads there alone.
    const Span one{snv[4].reached.first + 3, snv[4].reached.first + 3};
    const std::vector<LayerCone> pruned = cone_of(spec, graph, plan, {12345, 12346, false}, one);
    CHECK(pruned[5].computed == Lattice{one.low, 3, 1});
    for (std::size_t i = 1; i < 5; ++i) CHECK(pruned[i].computed.count <= 2);
}

// Without ReLU every path from a base to an output counts; a pool still hides most of what it reads, and what
// a far base adds through three stacks is less than an output's rounding.
TEST_CASE("what is computed for a replaced base does change, but where pools hide it") {
    const auto b = backend("reference");
    int exact = 0;
    for (Spec spec : all_specs()) {
        for (LayerSpec& layer : spec.layers) layer.relu = false;
        Network network(spec, kMarkers, *b);
        const SpecSummary& s = network.summary();
        if (!network.has_cones() || s.context_left > 500 || spec.name == "id-cnn") continue;
        if (std::ranges::any_of(spec.layers, [](const LayerSpec& l) { return l.type == LayerType::pool; }))
            continue;
        CAPTURE(spec.name);
        randomise(network, 5);
        const std::int64_t context =
            std::max(s.context_left, s.context_right) / s.stride * s.stride + 40 * s.stride;
        const std::int64_t half = (context / s.stride + 1) * s.stride;
        const Case c{network, 2 * (context + half), context, context + 2 * half};
        const Codes8 contig = random_codes(c.length + 8 * s.stride, 9);
        Change change{c.length / 2 + s.stride, 1, {}};
        change.inserted = {static_cast<std::uint8_t>(contig[static_cast<std::size_t>(change.begin)] % 4 + 1)};
        std::int64_t computed = 0, changed = 0;
        by_cone(c, contig, change, s.stride, computed);
        const std::vector<float> before = c.whole(contig, s.stride),
                                 after = c.whole(changed_codes(contig, change), s.stride);
        for (std::int64_t i = 0; i < c.outputs(); ++i) {
            bool any = false;
            for (std::int64_t m = 0; m < kMarkers; ++m) {
                const auto at = static_cast<std::size_t>(m * c.outputs() + i);
                any = any || before[at] != after[at];
            }
            changed += any;
        }
        // Four cells side by side and taps that are five apart leave one cell alone between two taps, where a
        // row of equal steps goes on.
        CHECK(computed == changed + (spec.name == "unstrided" ? 2 : 0));
        ++exact;
    }
    CHECK(exact > 3);
}
