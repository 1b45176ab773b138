// Speed of the CPU back end's operations at the shapes of the `dilated` preset (25,000 nt, batch 8, 172 and
// 919 markers), beside two ceilings: what the multiply-add units reach in registers, and what the register
// tiles reach on operands that stay in the first cache, without packing, threads or memory.
//
//   bench_kernels [--isa=NAME] [--workers=N] [--precision=f32|bf16] [libbenchmark's options]
//
// FLOP counts are 2 a multiply-add of the layer's definition. Rates are per second of processor time, all
// workers together: they stay meaningful on a busy machine.
#include <benchmark/benchmark.h>

#include <cstdint>
#include <cstdio>
#include <string>
#include <vector>

#include "bench/fma_ceiling.hpp"
#include "kernels/backend.hpp"
#include "kernels/compose.hpp"
#include "kernels/cpu/kernels.hpp"
#include "kernels/dropout.hpp"

namespace {

using namespace regkit;

constexpr std::int64_t kBatch = 8, kLength = 2500, kStride = 10, kWindow = kLength * kStride;

BackendOptions options;  // set once in main

struct Bench {
    std::unique_ptr<Backend> backend = make_backend(options).backend;
    std::vector<Buffer> buffers;

    View tensor(std::int64_t channels, std::int64_t halo = 0, double low = -1) {
        return tensor({kBatch, channels, kLength}, halo, low);
    }
    View tensor(const Shape& shape, std::int64_t halo = 0, double low = -1) {
        buffers.push_back(backend->alloc(shape, {halo, halo}));
        const View view = buffers.back().view();
        backend->write(view, numbers(view.shape.size(), low));
        return view;
    }
    Slice flat(std::int64_t count, double scale = 0.1) {
        buffers.push_back(backend->alloc_flat(count));
        std::vector<float> values = numbers(count, -1);
        for (float& value : values) value *= static_cast<float>(scale);
        backend->write(buffers.back().slice(), values);
        return buffers.back().slice();
    }
    static std::vector<float> numbers(std::int64_t count, double low) {
        std::vector<float> values(static_cast<std::size_t>(count));
        for (std::size_t i = 0; i < values.size(); ++i) {
            const std::uint32_t word = philox4x32(static_cast<std::uint32_t>(i), 1, 2, 3, 4, 5).word[0];
            values[i] = static_cast<float>(low + (1 - low) * (word >> 8) / 16777216.0);
        }
        return values;
    }
};

// `flop` of one iteration that covers `nucleotides`.
void report(benchmark::State& state, double flop, double nucleotides) {
    using benchmark::Counter;
    const double n = static_cast<double>(state.iterations());
    state.counters["GFLOP/s"] = Counter(flop * n / 1e9, Counter::kIsRate);
    state.counters["nt/s"] = Counter(nucleotides * n, Counter::kIsRate);
    state.counters["GFLOP"] = flop / 1e9;
}

struct ConvShape {
    int in, out, dilation;
};
constexpr ConvShape kConvs[] = {{128, 240, 3}, {240, 50, 9}, {50, 50, 27}, {50, 50, 81}};

ConvGeometry geometry_of(const ConvShape& shape) {
    const int total = 9 * shape.dilation;
    return {10, 1, shape.dilation, total / 2, total - total / 2};
}

void conv(benchmark::State& state, const ConvShape& shape, int part) {
    Bench bench;
    const ConvGeometry geometry = geometry_of(shape);
    const View x = bench.tensor(shape.in, 9 * shape.dilation),
               y = bench.tensor(shape.out, 9 * shape.dilation);
    const Slice w = bench.flat(std::int64_t{10} * shape.in * shape.out), b = bench.flat(shape.out);
    for (auto _ : state) {
        if (part == 0)
            (*bench.backend)(
                Conv{.x = x, .weight = w, .bias = b, .geometry = geometry, .relu = true, .y = y});
        if (part == 1) (*bench.backend)(ConvGradInput{.dy = y, .weight = w, .geometry = geometry, .dx = x});
        if (part == 2)
            (*bench.backend)(
                ConvGradWeight{.x = x, .dy = y, .geometry = geometry, .d_weight = w, .d_bias = b});
    }
    report(state, 2.0 * 10 * shape.in * shape.out * kLength * kBatch, kWindow * kBatch);
}

struct TailSetup {
    Tail tail;
    TailGradient gradient;
    double flop = 0;  // of a forward pass a nucleotide

    TailSetup(Bench& bench, int markers, float rate) {
        const auto layer = [&](int in, int out, int copies, std::uint32_t id) {
            TailLayer l;
            l.weight = bench.flat(std::int64_t{in} * out * copies);
            l.bias = bench.flat(out);
            l.in = in;
            l.out = out;
            l.dropout.rate = rate;
            l.dropout.layer = id;
            l.dropout.interleave = kStride;
            flop += 2.0 * in * out;
            return l;
        };
        tail.stride = kStride;
        tail.up = layer(50, 50, kStride, 1);
        tail.depth = 2;
        tail.dense[0] = layer(50, 125, 1, 2);
        tail.dense[1] = layer(125, markers, 1, 3);
        gradient.up_weight = bench.flat(tail.up.weight.count);
        gradient.up_bias = bench.flat(tail.up.out);
        for (int i = 0; i < 2; ++i) {
            gradient.dense_weight[i] = bench.flat(tail.dense[i].weight.count);
            gradient.dense_bias[i] = bench.flat(tail.dense[i].out);
        }
    }
};

// What the tail hands out: f32 probabilities, 8-bit codes, or runs over a cutoff that few positions reach.
enum class Sink { values, codes, runs };

void tail_infer(benchmark::State& state, int markers, Sink sink) {
    Bench bench;
    const TailSetup setup(bench, markers, 0);
    const View h = bench.tensor(50, 0, 0);
    constexpr TailOutput kKind = TailOutput::probabilities;
    const std::int64_t rows = kBatch * markers;
    std::vector<float> values(sink == Sink::values ? static_cast<std::size_t>(rows * kWindow) : 0);
    std::vector<std::uint8_t> bytes(sink == Sink::codes ? static_cast<std::size_t>(rows * kWindow) : 0);
    compose::Staging staging;
    CalledRuns runs;
    const std::vector<float> cutoffs(static_cast<std::size_t>(markers), 0.9f);
    for (auto _ : state) {
        if (sink == Sink::values)
            (*bench.backend)(TailInfer{
                .h = h, .tail = setup.tail, .begin = 0, .end = kLength, .kind = kKind, .out = values});
        if (sink == Sink::codes)
            compose::tail_codes(
                *bench.backend,
                TailCodes{.h = h, .tail = setup.tail, .begin = 0, .end = kLength, .out = bytes}, staging);
        if (sink == Sink::runs)
            compose::tail_runs(*bench.backend,
                               TailRuns{.h = h,
                                        .tail = setup.tail,
                                        .begin = 0,
                                        .end = kLength,
                                        .kind = kKind,
                                        .cutoffs = cutoffs,
                                        .out = &runs},
                               staging);
    }
    report(state, setup.flop * kWindow * kBatch, kWindow * kBatch);
}

void tail_train(benchmark::State& state, int markers) {
    Bench bench;
    const TailSetup setup(bench, markers, 0.1f);
    const View h = bench.tensor(50, 0, 0), dh = bench.tensor(50);
    const Slice loss = bench.flat(1);
    std::vector<LabelRun> runs;
    std::vector<std::int64_t> offsets{0};
    for (int s = 0; s < kBatch; ++s) {  // one run of 200 nt in ten markers: prevalence .0008
        for (int m = 0; m < markers; m += 10) runs.push_back({m, 100 * (m % 200), 100 * (m % 200) + 200});
        offsets.push_back(static_cast<std::int64_t>(runs.size()));
    }
    const Labels labels{runs.data(), offsets.data()};
    for (auto _ : state)
        (*bench.backend)(TailTrain{.h = h,
                                   .tail = setup.tail,
                                   .labels = labels,
                                   .how = {1.0f / static_cast<float>(markers * kWindow * kBatch), 1.0f},
                                   .loss = loss,
                                   .gradient = setup.gradient,
                                   .dh = dh});
    report(state, 3 * setup.flop * kWindow * kBatch, kWindow * kBatch);
}

void fold_up_norm(benchmark::State& state, bool gradient) {
    Bench bench;
    const View h = bench.tensor(50, 0, 0), dh = bench.tensor(50);
    UpNorm norm;
    norm.weight = bench.flat(25000);
    norm.gamma = bench.flat(50);
    norm.beta = bench.flat(50);
    norm.in = norm.out = 50;
    norm.stride = kStride;
    const UpNormState s{bench.flat(50), bench.flat(2500), bench.flat(50), bench.flat(50)};
    const Slice w = bench.flat(25000), b = bench.flat(50), dw = bench.flat(25000), dg = bench.flat(50),
                db = bench.flat(50);
    (*bench.backend)(FoldUpNorm{.h = h, .norm = norm, .state = s, .folded_weight = w, .folded_bias = b});
    for (auto _ : state) {
        if (gradient)
            (*bench.backend)(FoldUpNormGrad{.h = h,
                                            .norm = norm,
                                            .state = s,
                                            .d_folded_weight = w,
                                            .d_folded_bias = b,
                                            .d_weight = dw,
                                            .d_gamma = dg,
                                            .d_beta = db,
                                            .dh = dh});
        else
            (*bench.backend)(
                FoldUpNorm{.h = h, .norm = norm, .state = s, .folded_weight = w, .folded_bias = b});
    }
    report(state, 2.0 * 50 * 50 * kLength * kBatch, kWindow * kBatch);
}

void sequence(benchmark::State& state, bool gradient) {
    Bench bench;
    const View y = bench.tensor(128);
    const Slice e = bench.flat(20), w = bench.flat(5120), b = bench.flat(128), de = bench.flat(20),
                dw = bench.flat(5120);
    std::vector<std::uint8_t> codes(static_cast<std::size_t>(kBatch * kWindow));
    for (std::size_t i = 0; i < codes.size(); ++i) codes[i] = static_cast<std::uint8_t>(1 + i * 7919 % 4);
    const ConvGeometry geometry{10, 10, 1, 0, 0};
    for (auto _ : state) {
        if (gradient)
            (*bench.backend)(SequenceConvGrad{.codes = {codes.data(), kBatch, kWindow},
                                              .dy = y,
                                              .embedding = e,
                                              .weight = w,
                                              .geometry = geometry,
                                              .d_embedding = de,
                                              .d_weight = dw,
                                              .d_bias = b});
        else
            (*bench.backend)(SequenceConv{.codes = {codes.data(), kBatch, kWindow},
                                          .embedding = e,
                                          .weight = w,
                                          .bias = b,
                                          .geometry = geometry,
                                          .y = y});
    }
    report(state, 2.0 * 40 * 128 * kLength * kBatch, kWindow * kBatch);
}

enum class Elementwise { moments, forward, backward, pool, pool_grad };

void elementwise(benchmark::State& state, std::int64_t channels, Elementwise what) {
    Bench bench;
    const View x = bench.tensor(channels), y = bench.tensor(channels), z = bench.tensor(channels);
    Norm norm{bench.flat(channels), bench.flat(channels), bench.flat(channels), bench.flat(channels), 1e-5f};
    (*bench.backend)(Moments{.x = x, .mean = norm.mean, .var = norm.var});
    const Slice dg = bench.flat(channels), db = bench.flat(channels);
    Dropout dropout;
    dropout.rate = 0.1f;
    const PoolGeometry pool{5, 1, 1, 2, 2};
    for (auto _ : state) {
        if (what == Elementwise::moments)
            (*bench.backend)(Moments{.x = x, .mean = norm.mean, .var = norm.var});
        if (what == Elementwise::forward)
            (*bench.backend)(NormAct{.x = x, .norm = &norm, .relu = true, .dropout = dropout, .y = y});
        if (what == Elementwise::backward)
            (*bench.backend)(NormActGrad{.x = x,
                                         .dy = y,
                                         .norm = &norm,
                                         .relu = true,
                                         .dropout = dropout,
                                         .dx = z,
                                         .d_gamma = dg,
                                         .d_beta = db});
        if (what == Elementwise::pool) (*bench.backend)(Pool{.x = x, .geometry = pool, .y = y});
        if (what == Elementwise::pool_grad)
            (*bench.backend)(PoolGrad{.x = x, .dy = y, .geometry = pool, .dx = z});
    }
    const double values = static_cast<double>(channels * kLength * kBatch);
    state.counters["Gvalue/s"] = benchmark::Counter(values * static_cast<double>(state.iterations()) / 1e9,
                                                    benchmark::Counter::kIsRate);
}

void optimiser(benchmark::State& state) {
    Bench bench;
    const std::int64_t n = 631213;
    const Slice p = bench.flat(n), g = bench.flat(n), m = bench.flat(n), v = bench.flat(n),
                norm = bench.flat(1);
    bench.backend->write(v, std::vector<float>(static_cast<std::size_t>(n), 0.1f));
    AdamStep step;
    step.clip_norm = 1;
    for (auto _ : state) {
        (*bench.backend)(GradNorm{.gradient = g, .norm = norm});
        (*bench.backend)(Adam{.parameters = p, .gradient = g, .m = m, .v = v, .step = step, .norm = norm});
    }
}

// Flatten and dense; part 0 forward, 1 and 2 the gradients of input and weight.
struct FlatShape {
    const char* name;
    std::int64_t batch, channels, length, out;
};
constexpr FlatShape kFlats[] = {{"danq", 100, 640, 75, 925}, {"deepsea", 100, 960, 62, 919}};
const char* const kFlatParts[] = {"flat_dense", "flat_dense_grad_input", "flat_dense_grad_weight"};

void flat_dense(benchmark::State& state, const FlatShape& shape, int part) {
    Bench bench;
    const std::int64_t inputs = shape.channels * shape.length;
    const View x = bench.tensor({shape.batch, shape.channels, shape.length}),
               y = bench.tensor({1, shape.out, shape.batch});
    const Slice w = bench.flat(shape.out * inputs), b = bench.flat(shape.out);
    for (auto _ : state) {
        if (part == 0) (*bench.backend)(FlatDense{.x = x, .weight = w, .bias = b, .relu = true, .y = y});
        if (part == 1) (*bench.backend)(FlatDenseGradInput{.dy = y, .weight = w, .dx = x});
        if (part == 2) (*bench.backend)(FlatDenseGradWeight{.x = x, .dy = y, .d_weight = w, .d_bias = b});
    }
    report(state, 2.0 * static_cast<double>(inputs * shape.out * shape.batch), 0);
}

// The recurrence in both directions; its gradient counts that of the recurrent weights too. Each pass goes on
// from what the last left in gates.
struct LstmShape {
    const char* name;
    std::int64_t batch;
    int hidden;
    std::int64_t length, inputs;
};
constexpr LstmShape kLstms[] = {{"danq", 100, 320, 75, 320}, {"bi-lstm", 8, 80, 1250, 128}};

void lstm(benchmark::State& state, const LstmShape& shape, bool gradient) {
    Bench bench;
    const View gates = bench.tensor({shape.batch, 8 * shape.hidden, shape.length});
    const View cell = bench.tensor({shape.batch, 2 * shape.hidden, shape.length});
    const View y = bench.tensor(cell.shape), dy = bench.tensor(cell.shape);
    const Slice w = bench.flat(std::int64_t{8} * shape.hidden * shape.hidden), dw = bench.flat(w.count);
    for (auto _ : state) {
        if (gradient) state.PauseTiming();
        (*bench.backend)(LstmRecurrence{
            .gates = gates, .weight_hh = w, .hidden = shape.hidden, .directions = 2, .cell = cell, .y = y});
        if (!gradient) continue;
        state.ResumeTiming();
        (*bench.backend)(LstmRecurrenceGrad{.gates = gates,
                                            .weight_hh = w,
                                            .hidden = shape.hidden,
                                            .directions = 2,
                                            .cell = cell,
                                            .y = y,
                                            .dy = dy,
                                            .d_weight_hh = dw});
    }
    report(state,
           (gradient ? 4.0 : 2.0) * 8 * shape.hidden * shape.hidden *
               static_cast<double>(shape.batch * shape.length),
           0);
}

// The layer as PyTorch's nn.LSTM has it: with the input's projections, and in training with all gradients.
void lstm_layer(benchmark::State& state, const LstmShape& shape, bool train) {
    Bench bench;
    const View x = bench.tensor({shape.batch, shape.inputs, shape.length}), dx = bench.tensor(x.shape);
    const View gates = bench.tensor({shape.batch, 8 * shape.hidden, shape.length});
    const View cell = bench.tensor({shape.batch, 2 * shape.hidden, shape.length});
    const View y = bench.tensor(cell.shape), dy = bench.tensor(cell.shape);
    const Slice w = bench.flat(std::int64_t{8} * shape.hidden * shape.hidden), dw = bench.flat(w.count);
    const Slice in = bench.flat(gates.shape.channels * shape.inputs), d_in = bench.flat(in.count);
    const Slice bias = bench.flat(gates.shape.channels), d_bias = bench.flat(bias.count);
    for (auto _ : state) {
        (*bench.backend)(Conv{.x = x, .weight = in, .bias = bias, .y = gates});
        (*bench.backend)(LstmRecurrence{
            .gates = gates, .weight_hh = w, .hidden = shape.hidden, .directions = 2, .cell = cell, .y = y});
        if (!train) continue;
        (*bench.backend)(LstmRecurrenceGrad{.gates = gates,
                                            .weight_hh = w,
                                            .hidden = shape.hidden,
                                            .directions = 2,
                                            .cell = cell,
                                            .y = y,
                                            .dy = dy,
                                            .d_weight_hh = dw});
        (*bench.backend)(ConvGradWeight{.x = x, .dy = gates, .d_weight = d_in, .d_bias = d_bias});
        (*bench.backend)(ConvGradInput{.dy = gates, .weight = in, .dx = dx});
    }
    const std::int64_t weights = 8 * shape.hidden * (shape.hidden + shape.inputs);
    report(state, (train ? 6.0 : 2.0) * static_cast<double>(weights * shape.batch * shape.length), 0);
}

void fma_ceiling(benchmark::State& state) {
    // Elsewhere products in bf16 are those in f32.
    const bool pairs = cpu::select_kernels(options.isa, options.precision).isa == "avx512bf16";
    const float factors[2] = {0.5f, 1};
    double done = 0;
    for (auto _ : state) {
        float chain[kCeilingChains];
        for (int i = 0; i < kCeilingChains; ++i) chain[i] = static_cast<float>(i);
        benchmark::DoNotOptimize(chain);
        done = pairs ? bf16_multiply_adds(100000, factors, chain) : multiply_adds(100000, factors, chain);
        benchmark::DoNotOptimize(chain);
    }
    report(state, 2 * done, 0);
}

// The register tile alone, on one thread: a block of outputs at 10 taps of 32 inputs over 64 positions. All
// its operands are 28 KB at most, in the first cache; taps start anywhere in a line, as a convolution's do.
void tile_in_cache(benchmark::State& state) {
    const cpu::Kernels kernels = cpu::select_kernels(options.isa, options.precision);
    const cpu::TileKernels& tile = *kernels.product_tile;
    constexpr int kTaps = 10, kInputs = 32, kPositions = 64, kRow = kPositions + 16;
    const std::vector<float> x(kInputs * kRow, 0.0f),
        w(static_cast<std::size_t>(tile.packed_size(tile.block, kTaps, kInputs)), 0.0f);
    std::vector<float> y(static_cast<std::size_t>(tile.block * kRow));
    std::int64_t offset[kTaps];
    for (int t = 0; t < kTaps; ++t) offset[t] = t;
    cpu::TileArgs args;
    args.x = x.data();
    args.x_stride = args.y_stride = kRow;
    args.offset = offset;
    args.taps = kTaps;
    args.in = tile.rows(kInputs);
    args.w = w.data();
    args.y = y.data();
    args.out = tile.block;
    args.end = args.valid = kPositions;
    for (auto _ : state) {
        tile.run(args, 0, 1);
        benchmark::ClobberMemory();
    }
    report(state, 2.0 * tile.block * kTaps * kInputs * kPositions, 0);
}

// And that of weight gradients: one tile at 10 taps over 512 positions, 21 KB at most.
void outer_in_cache(benchmark::State& state) {
    const cpu::Kernels kernels = cpu::select_kernels(options.isa, options.precision);
    const cpu::OuterKernels& outer = *kernels.product_outer;
    constexpr int kTaps = 10, kPositions = 512, kRow = kPositions + 16;
    const auto rows = [](int count) {
        return std::vector<float>(static_cast<std::size_t>(count * kRow), 0.0f);
    };
    const std::vector<float> dy = rows(outer.out_block), x = rows(outer.in_block);
    std::vector<float> dw(static_cast<std::size_t>(outer.out_block * outer.in_block * kTaps));
    std::int64_t offset[kTaps];
    for (int t = 0; t < kTaps; ++t) offset[t] = t;
    cpu::OuterArgs args;
    args.dy = dy.data();
    args.x = x.data();
    args.dy_stride = args.x_stride = kRow;
    args.offset = offset;
    args.taps = kTaps;
    args.out = outer.out_block;
    args.in = outer.in_block;
    args.end = kPositions;
    args.dw = dw.data();
    args.dw_out = std::int64_t{outer.in_block} * kTaps;
    args.dw_in = kTaps;
    args.dw_tap = 1;
    for (auto _ : state) {
        outer.run(args);
        benchmark::ClobberMemory();
    }
    report(state, 2.0 * outer.out_block * outer.in_block * kTaps * kPositions, 0);
}

template <typename Body, typename... Args>
void add(const std::string& name, Body body, Args... args) {
    benchmark::RegisterBenchmark(name.c_str(), body, args...)
        ->Unit(benchmark::kMillisecond)
        ->MeasureProcessCPUTime();
}

}  // namespace

int main(int argc, char** argv) {
    options.device = "cpu";
    options.workers = 1;
    int kept = 1;
    for (int i = 1; i < argc; ++i) {
        const std::string arg = argv[i];
        if (arg.starts_with("--isa="))
            options.isa = arg.substr(6);
        else if (arg.starts_with("--workers="))
            options.workers = std::stoi(arg.substr(10));
        else if (arg == "--precision=bf16")
            options.precision = Precision::bf16;
        else
            argv[kept++] = argv[i];
    }
    argc = kept;
    benchmark::Initialize(&argc, argv);
    benchmark::AddCustomContext("backend", make_backend(options).backend->description());
    add("fma_ceiling", fma_ceiling);
    add("tile_in_cache", tile_in_cache);
    add("outer_in_cache", outer_in_cache);
    const char* const parts[] = {"conv", "conv_grad_input", "conv_grad_weight"};
    for (const ConvShape& shape : kConvs)
        for (int part = 0; part < 3; ++part)
            add(std::string(parts[part]) + "/" + std::to_string(shape.in) + "x" + std::to_string(shape.out) +
                    "/d" + std::to_string(shape.dilation),
                conv, shape, part);
    for (const int markers : {172, 919}) {
        add("tail_infer/" + std::to_string(markers), tail_infer, markers, Sink::values);
        add("tail_codes/" + std::to_string(markers), tail_infer, markers, Sink::codes);
        add("tail_runs/" + std::to_string(markers), tail_infer, markers, Sink::runs);
        add("tail_train/" + std::to_string(markers), tail_train, markers);
    }
    add("fold_up_norm", fold_up_norm, false);
    add("fold_up_norm_grad", fold_up_norm, true);
    add("sequence_conv", sequence, false);
    add("sequence_conv_grad", sequence, true);
    add("moments/240", elementwise, 240, Elementwise::moments);
    add("norm_act/240", elementwise, 240, Elementwise::forward);
    add("norm_act_grad/240", elementwise, 240, Elementwise::backward);
    add("pool/240", elementwise, 240, Elementwise::pool);
    add("pool_grad/240", elementwise, 240, Elementwise::pool_grad);
    add("grad_norm+adam", optimiser);
    for (const FlatShape& shape : kFlats)
        for (int part = 0; part < 3; ++part)
            add(std::string(kFlatParts[part]) + "/" + shape.name, flat_dense, shape, part);
    for (const LstmShape& shape : kLstms) {
        add(std::string("lstm/") + shape.name, lstm, shape, false);
        add(std::string("lstm_grad/") + shape.name, lstm, shape, true);
        add(std::string("lstm_layer/") + shape.name, lstm_layer, shape, false);
        add(std::string("lstm_layer_train/") + shape.name, lstm_layer, shape, true);
    }
    benchmark::RunSpecifiedBenchmarks();
}
