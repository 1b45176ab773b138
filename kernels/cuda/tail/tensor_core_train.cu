// Logits exist in registers alone, so the last layer, with up to a thousand outputs by far the largest, is
// computed twice: once for the loss and the gradient of its input, once for that of its weights. Of the
// hidden layers, values and gradients stay in device memory as bf16, a piece of the batch at a time. In
// order, for each piece:
//   targets       runs become bits, a word for a marker and 32 positions (FillSlots)
//   hidden layers forward
//   loss          logits, loss, gradient of the last layer's input
//   last_weights  logits again, gradient of the last layer's weights
//   hidden layers from the last to the first: gradients of their weights, then of their inputs
//
// FLOP a nucleotide of the tail 50 -> 10 x 50 -> 125 -> 919, as padded (64, 128, 960): forward 8.2 k + 16.4 k
// + 245.8 k = 0.27 M; training needs three times that, 0.81 M, and this takes 1.06 M: the last layer four
// times, of which one is the second look at the logits. It moves about 2.5 KB a nucleotide: inputs and
// gradients of the hidden layers (768 bytes) written once and read twice, and bits. Writing the gradients of
// the logits in bf16 and reading them back would be 3.8 KB more.
//
// The gradients in bf16 are not scaled, so that they are near 1; the loss's scale is in the sums.
#include <algorithm>

#include "kernels/base/arithmetic.hpp"
#include "kernels/cuda/rows.hpp"
#include "kernels/cuda/sums.hpp"
#include "kernels/cuda/tail/last_layer.hpp"
#include "kernels/cuda/tail/train.hpp"

namespace regkit::cuda {

namespace {

struct FillSlots {
    Runs labels;
    TrainPiece piece;
    int stride, markers, pitch;
    bool is_poisson;
    LabelSlot* slots;
    __device__ void operator()(std::int64_t index) const {
        const std::int64_t marker = index % pitch, tile = index / pitch % piece.tiles(),
                           sample = piece.first_sample + index / pitch / piece.tiles();
        LabelSlot slot{};
        if (marker < markers) {
            const std::int64_t begin = piece.begin * stride + tile * kPositions, end = begin + kPositions;
            const std::int64_t first = labels.first_ending_after(sample, marker, begin);
            std::int64_t r = first;
            for (; r < labels.offsets[sample + 1]; ++r) {
                const LabelRun& run = labels.runs[r];
                if (run.marker != marker || run.begin >= end) break;
                for (int word = 0; word < kPositions / 32; ++word)
                    slot.word[word] |=
                        bits_between(run.begin - begin - 32 * word, run.end - begin - 32 * word);
            }
            if (is_poisson)
                slot = {{static_cast<std::uint32_t>(first), static_cast<std::uint32_t>(first >> 32),
                         static_cast<std::uint32_t>(r - first), 0}};
        }
        slots[index] = slot;
    }
};

// One call of sm80_tail_train or sm90_tail_train, whose last layer's kernels are `loss` and `weights`.
class Trainer {
  public:
    Trainer(const TailTraining& training, Scratch& scratch, LossStart* loss, WeightsStart* weights)
        : start_loss_(loss),
          start_weights_(weights),
          training_(training),
          tail_(training.tail),
          packed_(pack_tail(training.tail, scratch)),
          slot_pitch_(static_cast<int>(round_up(packed_.markers, kSlotGroup))),
          input_(rows_of(training.h, Scratch::kTailInput, scratch)),
          scratch_(scratch) {
        const Labels& labels = training.labels;
        const std::int64_t batch = training.h.batch;
        runs_ = {scratch.upload(Scratch::kRuns, labels.runs, labels.offsets[batch]),
                 scratch.upload(Scratch::kOffsets, labels.offsets, batch + 1)};
    }

    void run(std::int64_t most_bytes) {
        const Tensor& h = training_.h;
        const std::int64_t most_tiles = std::max<std::int64_t>(1, most_bytes / tile_bytes());
        const std::int64_t row_tiles = blocks_for(h.length * tail_.stride, kPositions);
        const std::int64_t together = std::min(most_tiles / row_tiles, h.batch);
        // Of a part of a row as many coarse positions as the tiles hold; a stride is at most a tile.
        const std::int64_t part =
            together > 0 ? h.length : std::max<std::int64_t>(1, most_tiles * kPositions / tail_.stride);
        const std::int64_t samples = std::max<std::int64_t>(1, together);
        reserve(samples, blocks_for(part * tail_.stride, kPositions));
        scratch_.stream().zero(total_, sizeof *total_);
        for (std::int64_t s = 0; s < h.batch; s += samples)
            for (std::int64_t p = 0; p < h.length; p += part) {
                const std::int64_t coarse = std::min(part, h.length - p);
                run_piece({s, std::min(samples, h.batch - s), p, coarse, coarse * tail_.stride});
            }
        for_each(1, AddLoss{total_, training_.how.scale, training_.loss});
    }

  private:
    int last() const { return packed_.depth - 1; }
    bool is_up(int number) const { return packed_.has_up && number == 0; }
    const TailLayer& layer(int number) const {
        return is_up(number) ? tail_.up : tail_.dense[number - (packed_.has_up ? 1 : 0)];
    }
    // Device memory that grows with the piece.
    std::int64_t tile_bytes() const {
        std::int64_t values = 0;
        for (int k = 1; k < packed_.depth; ++k) values += 2 * packed_.layer[k].width;
        return values * kPositions * std::int64_t{sizeof(Bf16)} +
               slot_pitch_ * std::int64_t{sizeof(LabelSlot)};
    }
    void reserve(std::int64_t samples, std::int64_t tiles) {
        const std::int64_t positions = samples * tiles * kPositions;
        std::int64_t values = 0;
        for (int k = 1; k < packed_.depth; ++k) values += 2 * packed_.layer[k].width;
        Bf16* next = scratch_.get<Bf16>(Scratch::kTailRows, std::max<std::int64_t>(1, values * positions));
        for (int k = 1; k < packed_.depth; ++k) {
            const std::int64_t count = positions * packed_.layer[k].width;
            rows_.inputs[k] = next;
            rows_.gradients[k - 1] = next + count;
            next += 2 * count;
        }
        slots_ = scratch_.get<LabelSlot>(Scratch::kTailLabels, samples * tiles * slot_pitch_);
        total_ = scratch_.get<double>(Scratch::kSums, 1 + samples * tiles);
    }

    void run_piece(const TrainPiece& piece) {
        const TailLoss& how = training_.how;
        const std::int64_t tiles = piece.samples * piece.tiles();
        for_each(tiles * slot_pitch_, FillSlots{runs_, piece, tail_.stride, packed_.markers, slot_pitch_,
                                                how.kind == LossKind::poisson, slots_});
        const Targets targets{slots_, slot_pitch_, runs_.runs, how.pos_weight};
        const LastLayer last_layer{packed_, piece, input_of(last(), piece), targets, how.kind};
        double* const losses = total_ + 1;
        if (last() > 0) tail_hidden_forward(packed_, training_.h, piece, rows_, dropout_of(piece));
        start_loss_(last_layer, sink_of(last(), piece), losses);
        sum_each(1, tiles, TotalLoss{losses, total_});
        last_weights(last_layer);
        for (int number = last(); number-- > 0;) {
            const PackedLayer& of = packed_.layer[number];
            const std::int64_t length = is_up(number) ? piece.coarse : piece.length;
            const int pitch = of.tiles * kTileRows;
            const RowMatrix gradient{rows_.gradients[number], piece.row() * of.out_width, pitch, pitch};
            tail_weight_gradient(of, piece, length, gradient, input_of(number, piece), sums_of(number),
                                 scratch_);
            tail_input_gradient(packed_, number, piece, length, gradient, sink_of(number, piece));
        }
    }

    void last_weights(const LastLayer& layer) {
        const PackedLayer& last_layer = packed_.last();
        const Ranges ranges = ranges_of(layer.position_tiles(), blocks_for(packed_.markers, kSlotGroup));
        const std::int64_t rows = layer.targets.pitch;
        float* const weights =
            scratch_.get<float>(Scratch::kTailPartials, ranges.count * rows * (last_layer.width + 1));
        float* const bias = weights + ranges.count * rows * last_layer.width;
        start_weights_(layer, ranges, weights, bias);
        add_ranges(last_layer, ranges.count, rows, weights, bias, sums_of(last()));
    }

    RowMatrix input_of(int number, const TrainPiece& piece) const {
        if (number > 0) {
            const int width = packed_.layer[number].width;
            return {rows_.inputs[number], piece.row() * width, width, width};
        }
        const std::int64_t first = (piece.first_sample * input_.length + piece.begin) * input_.channels;
        return {input_.data + first, input_.length * input_.channels, static_cast<int>(input_.channels),
                static_cast<int>(input_.channels)};
    }
    // Where the gradient of layer `number`'s input goes.
    GradientSink sink_of(int number, const TrainPiece& piece) const {
        GradientSink sink{};
        if (number > 0) {
            const int width = packed_.layer[number].width;
            sink.outputs = rows_.inputs[number];
            sink.gradients = rows_.gradients[number - 1];
            sink.sample = piece.row() * width;
            sink.pitch = width;
            sink.survivors = dropout_of(number - 1, piece).survivors();
        } else {
            sink.dh = training_.dh;
            sink.first_sample = piece.first_sample;
            sink.first = piece.begin;
            sink.accumulate = training_.accumulate;
            sink.scale = training_.how.scale;
        }
        return sink;
    }
    ParameterSums sums_of(int number) const {
        const TailGradient& gradient = training_.gradient;
        const int dense = number - (packed_.has_up ? 1 : 0);
        const bool up = is_up(number);
        return {pointer_to(up ? gradient.up_weight : gradient.dense_weight[dense]),
                pointer_to(up ? gradient.up_bias : gradient.dense_bias[dense]), up ? tail_.stride : 0,
                training_.how.scale};
    }
    LayerDropout dropout_of(int number, const TrainPiece& piece) const {
        const Dropout& dropout = layer(number).dropout;
        return {dropout_key(dropout), dropout.sample + static_cast<std::uint32_t>(piece.first_sample),
                std::int64_t{dropout.first}, dropout.rate > 0};
    }
    TailDropout dropout_of(const TrainPiece& piece) const {
        TailDropout all{};
        for (int k = 0; k < last(); ++k) all.layer[k] = dropout_of(k, piece);
        return all;
    }

    LossStart* start_loss_;
    WeightsStart* start_weights_;
    const TailTraining& training_;
    const Tail& tail_;
    PackedTail packed_;
    int slot_pitch_;  // of markers
    Rows input_;
    Scratch& scratch_;
    Runs runs_{};
    TailRows rows_{};
    LabelSlot* slots_ = nullptr;
    double* total_ = nullptr;
};

}  // namespace

void sm80_tail_train(const TailTraining& training, Scratch& scratch, std::int64_t most_bytes) {
    Trainer(training, scratch, sm80_loss, sm80_last_weights).run(most_bytes);
}

void sm90_tail_train(const TailTraining& training, Scratch& scratch, std::int64_t most_bytes) {
    Trainer(training, scratch, sm90_loss, sm90_last_weights).run(most_bytes);
}

}  // namespace regkit::cuda
