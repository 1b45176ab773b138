// Which positions a change of bases reaches: against networks that are run twice.
#include "nn/cells.hpp"

#include <doctest/doctest.h>

#include <algorithm>

#include "kernels/base/error.hpp"
#include "support.hpp"

using namespace regkit;
using namespace regkit::test;

namespace {

constexpr int kMarkers = 2;
using Cells = std::vector<std::int64_t>;

// Positions of the output, of any marker, at which two windows' logits differ.
Cells changed(Network& network, const Windows& a, const Windows& b) {
    const std::vector<float> x = infer_all(network, a), y = infer_all(network, b);
    Cells cells;
    for (std::int64_t p = 0; p < a.positions; ++p)
        for (int m = 0; m < kMarkers; ++m) {
            const auto at = static_cast<std::size_t>(m * a.positions + p);
            if (x[at] == y[at]) continue;
            cells.push_back(p);
            break;
        }
    return cells;
}

// Without ReLU every path from a base to an output counts; a pool still hides most of what it reads.
Spec linear(Spec spec) {
    for (LayerSpec& layer : spec.layers) layer.relu = false;
    return spec;
}
// What a far base adds through gates or three stacks is less than an output's rounding.
bool hides(const Spec& spec) {
    if (spec.name == "bi-lstm" || spec.name == "id-cnn") return true;
    return std::any_of(spec.layers.begin(), spec.layers.end(),
                       [](const LayerSpec& layer) { return layer.type == LayerType::pool; });
}

}  // namespace

TEST_CASE(
    "a change of bases changes the positions that are said to be reached, and without pools all of them") {
    const auto reference = backend("reference");
    int exact = 0;
    for (const Spec& original : all_specs()) {
        const Spec spec = linear(original);
        CAPTURE(spec.name);
        Network network(spec, kMarkers, *reference);
        randomise(network, 5);
        const Windows w = windows_of(spec, 1, kMarkers, 31);
        const auto head = static_cast<std::size_t>(
            std::find_if(spec.layers.begin(), spec.layers.end(),
                         [&](const LayerSpec& layer) { return layer.name == spec.heads.back().from; }) -
            spec.layers.begin());
        for (const Cells& bases : {Cells{0}, Cells{spec.window / 2},
                                   Cells{spec.window / 3, spec.window / 3 + 1, spec.window - 1}}) {
            Windows other = w;
            for (const std::int64_t base : bases) {
                std::uint8_t& code = other.codes[static_cast<std::size_t>(base)];
                code = static_cast<std::uint8_t>(code % 4 + 1);
            }
            const Cells said = cells_reached(spec, kMarkers, bases, spec.window)[head];
            const Cells seen = changed(network, w, other);
            CHECK(std::is_sorted(said.begin(), said.end()));
            CHECK(std::includes(said.begin(), said.end(), seen.begin(), seen.end()));
            if (hides(spec)) continue;
            CHECK(seen == said);
            ++exact;
        }
    }
    CHECK(exact > 30);
}

// Dilations that are multiples of 3 leave two cells of three alone.
TEST_CASE("a base of `dilated` reaches 1, 10, 37, 118 and 361 cells, and 3,610 bases") {
    const std::vector<Cells> reached = cells_reached(preset("dilated"), kMarkers, {12345}, 25000);
    std::vector<std::size_t> counts;
    for (const Cells& cells : reached) counts.push_back(cells.size());
    CHECK(counts == std::vector<std::size_t>{1, 1, 10, 37, 118, 361, 3610, 3610, 3610});
    for (std::size_t i = 1; i < reached[5].size(); ++i) CHECK(reached[5][i] == reached[5][i - 1] + 3);
}

TEST_CASE("cells: no base, an LSTM, bases outside") {
    for (const Cells& cells : cells_reached(small_spec(), kMarkers, {}, 48)) CHECK(cells.empty());
    // The second LSTM of lstm_spec reads on from the first, which reads both ways.
    CHECK(cells_reached(lstm_spec(), kMarkers, {20}, 36).back().size() == 36);
    Spec one_way = lstm_spec();
    for (LayerSpec& layer : one_way.layers) layer.bidirectional = false;
    const Cells late = cells_reached(one_way, kMarkers, {20}, 36).back();
    CHECK(late.back() == 35);
    CHECK(late.front() ==
          16);  // position 5 of 4 bases each, and the convolution behind it sees one to its right
    CHECK_THROWS_AS(cells_reached(small_spec(), kMarkers, {48}, 48), Error);
    CHECK_THROWS_AS(cells_reached(small_spec(), kMarkers, {3, 2}, 48), Error);
    CHECK_THROWS_AS(cells_reached(small_spec(), kMarkers, {3}, 47), Error);
    CHECK_THROWS_AS(cells_reached(flat_spec(), kMarkers, {3}, 42), Error);
}
