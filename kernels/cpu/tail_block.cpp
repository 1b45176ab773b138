// One block of the tail in training.
#include <algorithm>

#include "kernels/cpu/tail_train.hpp"

namespace regkit::cpu {

TrainBlock::TrainBlock(const TrainPlan& plan, const Tail& tail, const Kernels& kernels, const Labels& labels,
                       const TailLoss& how, float* sums, const BlockMemory& memory)
    : plan_(plan),
      tail_(tail),
      kernels_(kernels),
      labels_(labels),
      how_(how),
      sums_(sums),
      at_(memory),
      columns_(plan.columns()) {}

double TrainBlock::run(const Rows& h, std::int64_t sample, std::int64_t begin, std::int64_t end,
                       bool accumulate, const Rows& dh) {
    double loss = 0;
    for (first_ = begin; first_ < end; first_ += plan_.lanes) {
        if (first_ % kDrawn == 0) draw(sample, first_ / kDrawn);
        const std::int64_t present = std::min(plan_.lanes, end - first_);
        for (std::int64_t c = 0; c < h.channels; ++c)
            std::fill_n(std::copy_n(h.row(sample, c) + first_, present, at_.input + c * plan_.lanes),
                        plan_.lanes - present, 0.0f);
        if (plan_.up.out > 0) {
            transpose(at_.input, plan_.lanes, plan_.up.in, plan_.lanes, at_.input_transposed);
            input_ = paired(at_.input, plan_.lanes, plan_.up.in, plan_.lanes, at_.input_words);
        }
        for (std::int64_t c = 0; c < columns_; ++c) at_.valid[c] = c % plan_.lanes < present ? 1.0f : 0.0f;
        for (int j = 0; j < plan_.stride; j += plan_.phases) {
            const int phases = std::min(plan_.phases, plan_.stride - j);
            forward(j, phases);
            loss += output_layer(sample, j, phases);
            backward(j, phases, j == 0);
        }
        for (std::int64_t c = 0; c < dh.channels; ++c) {
            float* const to = dh.row(sample, c) + first_;
            const float* const from = at_.d_input + c * plan_.lanes;
            for (std::int64_t i = 0; i < present; ++i) to[i] = accumulate ? to[i] + from[i] : from[i];
        }
    }
    return loss;
}

// Bits of positions [group, group + 1) * kDrawn of the row; drawn positions begin layer.first_position
// further along.
void TrainBlock::draw_bits(const LayerPlan& layer, std::int64_t sample, std::int64_t channel,
                           std::int64_t group, std::uint8_t* bits) const {
    const auto drawn = [&](std::int64_t which, std::uint8_t* to) {
        kernels_.norm->dropout_bits(layer.key, layer.sample + static_cast<std::uint32_t>(sample), channel,
                                    which, to);
    };
    group += layer.first_position / kDrawn;
    const int ahead = static_cast<int>(layer.first_position % kDrawn);
    if (ahead == 0) return drawn(group, bits);
    std::uint8_t both[kDrawn / 4];
    drawn(group, both);
    drawn(group + 1, both + kDrawn / 8);
    std::fill_n(bits, kDrawn / 8, std::uint8_t{0});
    for (int i = 0; i < kDrawn; ++i) {
        const int from = i + ahead;
        bits[i / 8] = static_cast<std::uint8_t>(bits[i / 8] | (both[from / 8] >> from % 8 & 1) << i % 8);
    }
}

void TrainBlock::draw(std::int64_t sample, std::int64_t group) {
    const auto fill = [&](const LayerPlan& layer, std::uint8_t* bits) {
        if (!layer.drop) return;
        for (std::int64_t channel = 0; channel < std::int64_t{layer.out} * plan_.stride; ++channel)
            draw_bits(layer, sample, channel, group, bits + channel * kDrawn / 8);
    };
    if (plan_.up.out > 0) fill(plan_.up, at_.up_bits);
    for (int i = 0; i + 1 < plan_.depth; ++i) fill(plan_.dense[i], at_.bits[i]);
}

void TrainBlock::hidden(float* z, const LayerPlan& layer, const std::uint8_t* bits, int first_phase,
                        int phases) {
    HiddenArgs args;
    args.z = z;
    args.stride = columns_;
    args.rows = layer.out;
    args.phases = phases;
    args.lanes = static_cast<int>(plan_.lanes);
    args.bits = layer.drop ? bits : nullptr;
    args.phase_count = plan_.stride;
    args.first_phase = first_phase;
    args.first_lane = static_cast<int>(first_ % kDrawn);
    args.scale = layer.scale();
    kernels_.tail->hidden(args);
}

// Rows of z as a product reads them: z itself, or in bf16 pairs of rows, in `words` with the same stride.
const float* TrainBlock::paired(const float* z, std::int64_t stride, int rows, std::int64_t columns,
                                float* words) const {
    if (!kernels_.bf16) return z;
    pair_rows(kernels_, z, stride, rows, columns, words, stride);
    return words;
}

// Rows of z as a product over columns reads them: z itself, or in bf16 pairs of columns, in at_.adjoined with
// half the stride.
const float* TrainBlock::adjoined(const float* z, std::int64_t stride, int rows, std::int64_t columns) const {
    if (!kernels_.bf16) return z;
    for (int r = 0; r < rows; ++r)
        kernels_.bf16->adjoin(z + r * stride, columns, at_.adjoined + r * (stride / 2));
    return at_.adjoined;
}

// Rows of z become strips of plan_.strip of them, [strip][column][row], as the tile reads them: in bf16 a
// column is a pair of them. (One matrix of all rows would have its columns a power of two apart, and they
// would push each other out of the first cache.)
void TrainBlock::transpose(const float* z, std::int64_t stride, int rows, std::int64_t columns,
                           float* to) const {
    const int depth = plan_.tile->depth;
    const float* const from = adjoined(z, stride, rows, columns);
    for (int r = 0; r < rows; r += plan_.strip)
        kernels_.tail->transpose(from + r * (stride / depth), stride / depth, std::min(plan_.strip, rows - r),
                                 columns / depth, to + r * (columns / depth), plan_.strip);
}

void TrainBlock::forward(int first_phase, int phases) {
    const std::int64_t columns = phases * plan_.lanes;
    const TileKernels& tile = *plan_.tile;
    if (plan_.up.out > 0) {
        for (int j = 0; j < phases; ++j) {
            TileArgs args = product(plan_.packing[plan_.first_up + first_phase + j].packed,
                                    tile.rows(plan_.up.in), plan_.up.out, input_, plan_.lanes,
                                    at_.layer[0] + j * plan_.lanes, columns_, plan_.lanes);
            args.bias = floats(tail_.up.bias);
            run_all(tile, args);
        }
        hidden(at_.layer[0], plan_.up, at_.up_bits, first_phase, phases);
    }
    for (int i = 0; i + 1 < plan_.depth; ++i) {
        const LayerPlan& layer = plan_.dense[i];
        const float* const x = paired(at_.layer[i], columns_, layer.in, columns, at_.words);
        TileArgs args = product(plan_.packing[plan_.first_dense[i]].packed, tile.rows(layer.in), layer.out, x,
                                columns_, at_.layer[i + 1], columns_, columns);
        args.bias = floats(tail_.dense[i].bias);
        run_all(tile, args);
        hidden(at_.layer[i + 1], plan_.dense[i], at_.bits[i], first_phase, phases);
    }
}

// sums[d_weight + o*padded_in + k] += sum over columns of dz[o][c] * z[k][c], whose strips are `transposed`.
void TrainBlock::add_outer(const LayerPlan& layer, std::int64_t d_weight, const float* dz, int rows,
                           const float* transposed, std::int64_t columns) {
    const int depth = plan_.tile->depth;
    const float* const weights = adjoined(dz, columns_, rows, columns);
    for (int k = 0; k < layer.in; k += plan_.strip) {
        TileArgs args =
            product(weights, static_cast<int>(columns) / depth, rows, transposed + k * (columns / depth),
                    plan_.strip, sums_ + d_weight + k, layer.padded_in, std::min(plan_.strip, layer.in - k));
        args.w_stride = columns_ / depth;
        args.accumulate = true;
        run_all(*plan_.tile, args);
    }
}

// Logits, loss and their gradients, group by group of markers.
double TrainBlock::output_layer(std::int64_t sample, int first_phase, int phases) {
    const int last = plan_.depth - 1;
    const LayerPlan& layer = plan_.dense[last];
    const std::int64_t columns = phases * plan_.lanes;
    const TileKernels& tile = *plan_.tile;
    transpose(at_.layer[last], columns_, layer.in, columns, at_.transposed);
    const float* const x = paired(at_.layer[last], columns_, layer.in, columns, at_.words);
    const auto loss_of =
        how_.kind == LossKind::poisson ? kernels_.tail->poisson : kernels_.tail->cross_entropy;
    double loss = 0;
    next_run_ = labels_.offsets[sample];
    for (int g = 0; g < plan_.marker_groups(); ++g) {
        const int m = g * plan_.marker_group, count = std::min(plan_.marker_group, plan_.markers - m);
        TileArgs args = product(plan_.packing[plan_.first_dense[last] + g].packed, tile.rows(layer.in), count,
                                x, columns_, at_.logits, columns_, columns);
        if (tail_.dense[last].bias) args.bias = floats(tail_.dense[last].bias) + m;
        run_all(tile, args);
        for (int q = 0; q < count; ++q) {
            LossArgs row;
            row.z = at_.logits + q * columns_;
            row.target = mark_targets(sample, m + q, first_phase, phases) ? at_.target : nullptr;
            row.valid = at_.valid;
            row.columns = columns;
            row.scale = how_.scale;
            row.pos_weight = how_.pos_weight;
            const LossSums result = loss_of(row);
            loss += result.loss;
            sums_[layer.d_bias + m + q] += result.gradient;
        }
        add_outer(layer, layer.d_weight + m * layer.padded_in, at_.logits, count, at_.transposed, columns);
        TileArgs back = product(plan_.packing[plan_.first_back[last] + g].packed, tile.rows(count), layer.in,
                                paired(at_.logits, columns_, count, columns, at_.d_words), columns_,
                                at_.d_layer[last], columns_, columns);
        back.accumulate = g > 0;
        run_all(tile, back);
    }
    return loss;
}

// Sets at_.target for one marker; false when it is absent from the whole block. Markers come in order within
// a call of output_layer, so the sample's runs are walked once.
bool TrainBlock::mark_targets(std::int64_t sample, int marker, int first_phase, int phases) {
    const std::int64_t end_run = labels_.offsets[sample + 1];
    const std::int64_t begin = first_ * plan_.stride, end = begin + plan_.lanes * plan_.stride;
    while (next_run_ < end_run && labels_.runs[next_run_].marker < marker) ++next_run_;
    bool any = false;
    for (; next_run_ < end_run && labels_.runs[next_run_].marker == marker; ++next_run_) {
        const LabelRun& run = labels_.runs[next_run_];
        if (run.end <= begin || run.begin >= end) continue;
        if (!any) std::fill_n(at_.target, columns_, 0.0f);
        any = true;
        const float value = how_.kind == LossKind::poisson ? run.value : 1.0f;
        const std::int64_t first = std::max<std::int64_t>(run.begin, begin) - begin;
        const std::int64_t last = std::min<std::int64_t>(run.end, end) - begin;
        std::int64_t phase = first % plan_.stride - first_phase, lane = first / plan_.stride;
        for (std::int64_t n = first; n < last; ++n) {
            if (phase >= 0 && phase < phases) at_.target[phase * plan_.lanes + lane] = value;
            if (++phase + first_phase < plan_.stride) continue;
            phase = -first_phase;
            ++lane;
        }
    }
    return any;
}

void TrainBlock::backward(int first_phase, int phases, bool first_group) {
    const std::int64_t columns = phases * plan_.lanes;
    const TileKernels& tile = *plan_.tile;
    for (int i = plan_.depth - 2; i >= 0; --i) {
        const LayerPlan& layer = plan_.dense[i];
        kernels_.tail->hidden_grad(at_.layer[i + 1], at_.d_layer[i + 1], columns_, layer.out, columns,
                                   layer.scale(), sums_ + layer.d_bias);
        transpose(at_.layer[i], columns_, layer.in, columns, at_.transposed);
        add_outer(layer, layer.d_weight, at_.d_layer[i + 1], layer.out, at_.transposed, columns);
        const float* const dz = paired(at_.d_layer[i + 1], columns_, layer.out, columns, at_.d_words);
        run_all(tile, product(plan_.packing[plan_.first_back[i]].packed, tile.rows(layer.out), layer.in, dz,
                              columns_, at_.d_layer[i], columns_, columns));
    }
    if (plan_.up.out == 0) return;  // the gradient of the first dense layer's input is the block's
    kernels_.tail->hidden_grad(at_.layer[0], at_.d_layer[0], columns_, plan_.up.out, columns,
                               plan_.up.scale(), sums_ + plan_.up.d_bias);
    std::int64_t offset[16];
    for (int j = 0; j < phases; ++j) {
        offset[j] = j * plan_.lanes;
        add_outer(plan_.up, plan_.up.d_weight + (first_phase + j) * plan_.up.out * plan_.up.padded_in,
                  at_.d_layer[0] + j * plan_.lanes, plan_.up.out, at_.input_transposed, plan_.lanes);
    }
    const Packing& packing = plan_.packing[plan_.first_up_back + first_phase / plan_.phases];
    TileArgs args = product(packing.packed, tile.rows(plan_.up.out), plan_.up.in,
                            paired(at_.d_layer[0], columns_, plan_.up.out, columns, at_.d_words), columns_,
                            at_.d_input, plan_.lanes, plan_.lanes);
    args.offset = offset;
    args.taps = phases;
    args.accumulate = !first_group;
    run_all(tile, args);
}

}  // namespace regkit::cpu
