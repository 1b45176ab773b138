#include "test/kernels/tail_case.hpp"

#include <doctest/doctest.h>

#include <cmath>
#include <sstream>

namespace regkit::test {

std::string TailCase::text() const {
    std::ostringstream text;
    text << "tail: batch " << batch << ", " << inputs << " channels, length " << length << ", up " << up
         << " x " << stride << ", dense";
    for (const int out : dense) text << ' ' << out;
    text << ", dropout " << dropout << ", pos_weight " << pos_weight;
    return text.str();
}

const std::vector<TailCase>& tail_cases() {
    static const std::vector<TailCase> cases = {
        {1, 1, 1, 1, 0, {1}, 0, 1},
        {1, 1, 1, 4, 1, {1}, 0, 1},
        {1, 50, 33, 10, 50, {125, 37}, 0.1f, 1},  // the presets' shape
        {3, 7, 17, 10, 5, {9, 3}, 0.5f, 3},
        {2, 5, 64, 1, 0, {8, 6}, 0.25f, 1},
        {3, 13, 129, 1, 0, {11}, 0.5f, 2},
        {2, 6, 20, 3, 17, {4, 5, 33}, 0.1f, 1},
        {1, 3, 150, 20, 4, {6}, 0.1f, 0.5f},
        {1, 4, 31, 2, 3, {5, 4, 6, 2}, 0, 1},
        {1, 70, 37, 1, 0, {101}, 0, 2},      // one output a window, positions are windows
        {1, 5, 19, 1, 0, {7, 6}, 0.25f, 1},  // and hidden layers
        {1, 6, 261, 1, 0, {5, 9, 4, 3}, 0.5f, 2},
        {1, 141, 131, 1, 0, {67, 90}, 0.1f, 1},
        {1, 3, 1030, 1, 0, {4, 2}, 0.1f, 1},   // too many for the way of one output a window
        {2, 3, 700, 10, 4, {5, 3}, 0.1f, 1},   // rows that every back end takes in parts
        {2, 5, 40, 1, 0, {8, 230}, 0.25f, 2},  // markers in groups
        {60, 3, 8, 10, 2, {3}, 0, 1},          // and samples that the CUDA one takes together, in two groups
    };
    return cases;
}

Weights::Weights(const TailCase& c) {
    std::int64_t in = c.inputs;
    if (c.up) {
        counts.push_back(in * c.up * c.stride);
        counts.push_back(c.up);
        in = c.up;
    }
    for (const int out : c.dense) {
        counts.push_back(in * out);
        counts.push_back(out);
        in = out;
    }
}

std::vector<Values> Weights::random() const {
    std::vector<Values> values;
    for (std::size_t i = 0; i < counts.size(); ++i)
        values.push_back(random_values(counts[i], 10 + static_cast<std::uint32_t>(i), -0.5, 0.5));
    return values;
}

std::vector<Slice> Weights::zeros(Run& run) const {
    std::vector<Slice> slices;
    for (const std::int64_t count : counts) slices.push_back(run.zeros(count));
    return slices;
}

namespace {

Dropout tail_dropout(const TailCase& c, std::uint32_t layer) {
    Dropout d;
    d.rate = c.dropout;
    d.seed = 4711;
    d.step = 3;
    d.layer = layer;
    d.sample = 6;
    d.interleave = static_cast<std::uint32_t>(c.stride);
    return d;
}

}  // namespace

Tail make_tail(const TailCase& c, const std::vector<Slice>& weights) {
    Tail tail;
    tail.stride = c.stride;
    std::size_t next = 0;
    int in = static_cast<int>(c.inputs);
    const auto layer = [&](int out, std::uint32_t index) {
        const TailLayer layer{weights[next], weights[next + 1], in, out, tail_dropout(c, index)};
        next += 2;
        in = out;
        return layer;
    };
    if (c.up) tail.up = layer(c.up, 7);
    for (const int out : c.dense) {
        tail.dense[tail.depth] = layer(out, 8 + static_cast<std::uint32_t>(tail.depth));
        ++tail.depth;
    }
    return tail;
}

Tail make_tail(const TailCase& c, Run& run, const std::vector<Values>& values) {
    std::vector<Slice> slices;
    for (const Values& v : values) slices.push_back(run.flat(v));
    return make_tail(c, slices);
}

TailGradient make_gradient(const TailCase& c, const std::vector<Slice>& slices) {
    TailGradient gradient;
    std::size_t next = 0;
    if (c.up) {
        gradient.up_weight = slices[next++];
        gradient.up_bias = slices[next++];
    }
    for (std::size_t i = 0; i < c.dense.size(); ++i) {
        gradient.dense_weight[i] = slices[next++];
        gradient.dense_bias[i] = slices[next++];
    }
    return gradient;
}

OwnedLabels::OwnedLabels(const TailCase& c) {
    const auto length = static_cast<std::int32_t>(c.nucleotides());
    for (std::int64_t sample = 0; sample < c.batch; ++sample) {
        if (sample != 1)
            for (std::int32_t marker = 0; marker < c.markers(); ++marker) add(marker, length);
        offsets.push_back(static_cast<std::int64_t>(runs.size()));
    }
}

void OwnedLabels::add(std::int32_t marker, std::int32_t length) {
    switch (marker % 5) {
        case 0:
            runs.push_back({marker, 0, length});
            break;
        case 1:
            runs.push_back({marker, 0, 1});
            if (length > 2) runs.push_back({marker, length - 1, length});
            break;
        case 3:
            for (std::int32_t begin = 3; begin + 7 <= length; begin += 19) {
                runs.push_back({marker, begin, begin + 4});
                runs.push_back({marker, begin + 4, begin + 7});
            }
            break;
        default:
            if (marker % 2 == 0 && length > 40) runs.push_back({marker, length / 3, length / 2 + 1});
    }
}

TailLoss loss_of(const TailCase& c) {
    return {1.0f / static_cast<float>(c.batch * c.nucleotides() * c.markers()), c.pos_weight};
}

void check_nan_passes(Backend& backend) {
    for (const TailCase& c : {TailCase{2, 3, 9, 1, 0, {40, 5}, 0, 1}, {2, 4, 6, 2, 20, {70, 3}, 0, 1}}) {
        CAPTURE(c.text());
        Run run(backend);
        constexpr std::int64_t kSample = 1, kPosition = 4;
        Values values = run.read(run.random(c.h(), 1));
        values[static_cast<std::size_t>((kSample * c.inputs + 1) * c.length + kPosition)] = NAN;
        const View h = run.input(c.h(), values);
        const Tail tail = make_tail(c, run, Weights(c).random());
        std::vector<float> out(static_cast<std::size_t>(c.batch * c.markers() * c.nucleotides()), 0);
        backend(TailInfer{.h = h,
                          .tail = tail,
                          .begin = 0,
                          .end = c.length,
                          .kind = TailOutput::probabilities,
                          .out = out});
        bool as_expected = true;
        for (std::size_t i = 0; i < out.size(); ++i) {
            const auto row = static_cast<std::int64_t>(i) / c.nucleotides(),
                       nucleotide = static_cast<std::int64_t>(i) % c.nucleotides();
            const bool is_there = row / c.markers() == kSample && nucleotide / c.stride == kPosition;
            as_expected = as_expected && std::isnan(out[i]) == is_there;
        }
        CHECK(as_expected);
        const Slice loss = run.flat({0});
        const OwnedLabels labels(c);
        backend(TailTrain{.h = h,
                          .tail = tail,
                          .labels = labels.labels(),
                          .how = loss_of(c),
                          .loss = loss,
                          .gradient = make_gradient(c, Weights(c).zeros(run)),
                          .dh = run.output(c.h())});
        CHECK(std::isnan(run.read(loss)[0]));
    }
}

}  // namespace regkit::test
