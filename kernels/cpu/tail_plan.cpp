// Sizes, memory and packed weights of one tail_train call.
#include <algorithm>

#include "kernels/cpu/tail_train.hpp"

namespace regkit::cpu {

namespace {

constexpr std::int64_t kColumns = 160;            // nucleotides of a block, about
constexpr int kPhases = 5;                        // at most, in a block
constexpr std::int64_t kMarkerGroup = 96;         // at most
constexpr std::int64_t kChunkNucleotides = 6400;  // of partial sums, about

LayerPlan plan_layer(const TailLayer& layer, int copies, bool hidden, std::int64_t& chunk_size) {
    LayerPlan plan;
    plan.in = layer.in;
    plan.out = layer.out;
    plan.padded_in = round_up(layer.in, kAlign);
    plan.d_weight = chunk_size;
    chunk_size += std::int64_t{copies} * layer.out * plan.padded_in;
    plan.d_bias = chunk_size;
    chunk_size += round_up(layer.out, kAlign);
    plan.drop = hidden && layer.dropout.rate > 0;
    plan.key = dropout_key(layer.dropout);
    plan.sample = layer.dropout.sample;
    plan.first_position = layer.dropout.first;
    return plan;
}

}  // namespace

TrainPlan::TrainPlan(const Tail& tail, const Rows& h, const Kernels& kernels, Scratch& scratch, int workers)
    : stride(tail.stride),
      depth(tail.depth),
      markers(tail.markers()),
      tile(kernels.product_tile),
      in_words(kernels.bf16 != nullptr) {
    phases = static_cast<int>(ceil_div(stride, ceil_div(stride, kPhases)));
    lanes = 32;
    while (lanes < kDrawn && 2 * lanes * phases <= kColumns) lanes *= 2;
    strip = static_cast<int>(std::max<std::int64_t>(tile->strip, kAlign));
    marker_group = static_cast<int>(ceil_div(markers, ceil_div(markers, kMarkerGroup)));
    if (tail.has_up()) up = plan_layer(tail.up, stride, true, chunk_size);
    for (int i = 0; i < depth; ++i) dense[i] = plan_layer(tail.dense[i], 1, i + 1 < depth, chunk_size);
    chunk_positions = std::max<std::int64_t>(1, kChunkNucleotides / (kDrawn * stride)) * kDrawn;
    chunks_a_sample = ceil_div(h.length, chunk_positions);
    chunks = h.batch * chunks_a_sample;
    plan_memory(scratch, workers);
    plan_packing(tail, scratch);
}

void TrainPlan::plan_memory(Scratch& scratch, int workers) {
    Carve measure(nullptr);
    BlockMemory(*this, measure);
    // The sums over chunks of one row of a gradient, or of a bias, pass through the same memory.
    std::int64_t longest = std::max(up.in, up.out);
    for (int i = 0; i < depth; ++i)
        longest = std::max<std::int64_t>(longest, std::max(dense[i].in, dense[i].out));
    worker_size = std::max(measure.used(), round_up(longest, kAlign));
    worker_memory = scratch.get<float>(Slot::worker, worker_size * workers);
    // The losses (double) lie before the sums.
    const std::int64_t losses = round_up(2 * chunks, kAlign);
    float* const memory = scratch.get<float>(Slot::chunks, losses + chunks * chunk_size);
    loss = reinterpret_cast<double*>(memory);
    chunk_memory = memory + losses;
}

BlockMemory::BlockMemory(const TrainPlan& plan, Carve& carve) {
    const auto rows = [](std::int64_t n) { return round_up(n, 4); };
    const bool has_up = plan.up.out > 0;
    const int inputs = has_up ? plan.up.in : plan.dense[0].in;
    const auto strips = [&](std::int64_t n) { return round_up(n, plan.strip); };
    int widest = plan.up.in;
    input = carve.take(rows(inputs) * plan.lanes);
    input_transposed = carve.take(has_up ? plan.lanes * strips(inputs) : 0);
    d_input = carve.take(rows(inputs) * plan.lanes);
    for (int i = 0; i < plan.depth; ++i) {
        widest = std::max(widest, plan.dense[i].in);
        layer[i] = i == 0 && !has_up ? input : carve.take(rows(plan.dense[i].in) * plan.columns());
        d_layer[i] = i == 0 && !has_up ? d_input : carve.take(rows(plan.dense[i].in) * plan.columns());
    }
    transposed = carve.take(plan.columns() * strips(widest));
    logits = carve.take(rows(plan.marker_group) * plan.columns());
    target = carve.take(plan.columns());
    valid = carve.take(plan.columns());
    const auto words_of = [&](std::int64_t count) { return carve.take(plan.in_words ? count : 0); };
    int tallest = std::max(plan.up.out, plan.marker_group);
    for (int i = 0; i < plan.depth; ++i) tallest = std::max(tallest, plan.dense[i].in);
    input_words = words_of(plan.tile->rows(inputs) * plan.lanes);
    words = words_of(plan.tile->rows(tallest) * plan.columns());
    d_words = words_of(plan.tile->rows(tallest) * plan.columns());
    adjoined = words_of(rows(std::max(tallest, inputs)) * plan.columns() / 2);
    const auto bits_of = [&](const LayerPlan& p) {
        return reinterpret_cast<std::uint8_t*>(carve.take(p.drop ? plan.bits_size(p) / 4 : 0));
    };
    up_bits = bits_of(plan.up);
    for (int i = 0; i < plan.depth; ++i) bits[i] = bits_of(plan.dense[i]);
}

void TrainPlan::plan_packing(const Tail& tail, Scratch& scratch) {
    const int up_count = tail.has_up() ? stride + phase_groups() : 0;
    const int most = up_count + 2 * (depth - 1 + marker_groups());
    packing = scratch.get<Packing>(Slot::packed, most);
    const auto put = [&](Packing p) { packing[packing_count++] = p; };
    const auto weight = [](const Slice& slice) { return floats(slice); };
    if (tail.has_up()) {
        const std::int64_t row = std::int64_t{up.out} * stride;  // of one input
        first_up = packing_count;
        for (int j = 0; j < stride; ++j) put({weight(tail.up.weight) + j, stride, 0, row, up.out, 1, up.in});
        first_up_back = packing_count;
        for (int j = 0; j < stride; j += phases)
            put({weight(tail.up.weight) + j, row, 1, stride, up.in, std::min(phases, stride - j), up.out});
    }
    for (int i = 0; i < depth; ++i) {
        const int in = dense[i].in, group = i + 1 == depth ? marker_group : dense[i].out;
        const auto each_group = [&](bool back) {
            for (int o = 0; o < dense[i].out; o += group) {
                const int count = std::min(group, dense[i].out - o);
                const float* const w = weight(tail.dense[i].weight) + std::int64_t{o} * in;
                if (back)
                    put({w, 1, 0, in, in, 1, count});
                else
                    put({w, in, 0, 1, count, 1, in});
            }
        };
        first_dense[i] = packing_count;
        each_group(false);
        first_back[i] = packing_count;
        each_group(true);
    }
    const auto size_of = [&](const Packing& p) { return tile->packed_size(p.out, p.taps, p.in); };
    Carve measure(nullptr);
    for (int i = 0; i < packing_count; ++i) measure.take(size_of(packing[i]));
    Carve carve(scratch.get<float>(Slot::tail_plan, measure.used()));
    for (int i = 0; i < packing_count; ++i) packing[i].packed = carve.take(size_of(packing[i]));
}

void TrainPlan::pack(int index) const {
    const Packing& p = packing[index];
    tile->pack(p.w, p.w_out, p.w_tap, p.w_in, p.out, p.taps, p.in, 0, Blocks(p.out, tile->block).count,
               p.packed);
}

}  // namespace regkit::cpu
