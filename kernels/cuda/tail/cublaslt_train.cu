// For each chunk, in order:
//   forward       products with bias and ReLU in their epilogue; dropout in place
//   loss          a block a marker: its row of logits becomes loss, the gradient of the logits in bf16 in the
//                 row's own first half, and the gradient of the bias
//   last to first gradient of a layer's weights, by a product that adds to those of the chunks before (of a
//                 hidden layer's bias, by the same product's epilogue), then of its inputs, back through
//                 dropout and ReLU in place
// Gradients of the logits are not scaled, so that in bf16 they are near 1; the loss's scale is in the sums.
//
// cuBLASLt's ReLU with a bit mask and its gradient are of no use here: a bit says nothing of dropout, and the
// mask of an up-convolution, which has a row of all phases, is not that of its output positions. A positive
// output passed the ReLU and survived dropout; that is asked instead.
#include <algorithm>

#include "kernels/base/arithmetic.hpp"
#include "kernels/cuda/dropout_factor.hpp"
#include "kernels/cuda/sums.hpp"
#include "kernels/cuda/tail/cublaslt.hpp"
#include "kernels/cuda/tail/quick_loss.hpp"
#include "kernels/cuda/words.hpp"

namespace regkit::cuda::cublaslt {

namespace {

// Of two neighbouring channels of a position.
struct Drop {
    Bf16* values;
    int channels;
    ChunkPositions positions;
    DropoutFactor dropout;
    __device__ void operator()(std::int64_t index) const {
        const auto pairs = static_cast<std::uint32_t>(channels / 2), i = static_cast<std::uint32_t>(index);
        Place at = positions.place(i / pairs, i % pairs * 2);
        Bf16* const value = values + 2 * index;
        const float low = to_float(value[0]) * dropout(at);
        ++at.channel;
        const float high = to_float(value[1]) * dropout(at);
        *reinterpret_cast<std::uint32_t*>(value) = bf16_pair(low, high);
    }
};

// Of two neighbouring outputs.
struct ActivationGradient {
    const Bf16* outputs;
    float survivors;
    Bf16* gradients;
    __device__ void operator()(std::int64_t index) const {
        const Bf16* const output = outputs + 2 * index;
        Bf16* const gradient = gradients + 2 * index;
        const float low = to_float(output[0]) > 0 ? to_float(gradient[0]) * survivors : 0.0f;
        const float high = to_float(output[1]) > 0 ? to_float(gradient[1]) * survivors : 0.0f;
        *reinterpret_cast<std::uint32_t*>(gradient) = bf16_pair(low, high);
    }
};

// From columns of the input's gradient to dh.
struct ReturnGradient {
    const float* gradients;
    int channels;  // of a column
    std::int64_t first;
    Columns columns;
    Tensor dh;
    float scale;
    bool accumulate;
    __device__ void operator()(std::int64_t index) const {
        const std::int64_t column = index / dh.channels, channel = index % dh.channels;
        const std::int64_t sample = (first + column) / columns.row(),
                           position = (first + column) % columns.row();
        if (position >= columns.length) return;
        const float value = scale * gradients[column * channels + channel];
        float& to = dh.at(sample, channel, position);
        to = accumulate ? to + value : value;
    }
};

// ---- the loss
constexpr int kMostWords = static_cast<int>(kMostPositions / 32);
constexpr int kTogether = 4;  // positions of a thread

struct LossRows {
    float* logits;
    std::int64_t pitch, count;
    const float* bias;
    int markers;
    ChunkPositions positions;
    Runs labels;
    TailLoss how;
    double* losses;  // one a row
    double* slopes;  // added to
};

// Which of 32 positions from `position` of a sample have the marker.
__device__ std::uint32_t present_word(const Runs& labels, std::int64_t sample, std::int64_t marker,
                                      std::int64_t position) {
    std::uint32_t word = 0;
    for (std::int64_t r = labels.first_ending_after(sample, marker, position); r < labels.offsets[sample + 1];
         ++r) {
        const LabelRun& run = labels.runs[r];
        if (run.marker != marker || run.begin >= position + 32) break;
        word |= bits_between(run.begin - position, run.end - position);
    }
    return word;
}

__device__ LossAndGradient loss_at(const LossRows& rows, float z, bool is_present, const Place& at) {
    if (rows.how.kind == LossKind::sigmoid_cross_entropy)
        return quick_cross_entropy(z, is_present, rows.how.pos_weight);
    const LabelRun* const run = is_present ? rows.labels.find(at.sample, at.channel, at.position) : nullptr;
    return quick_poisson(z, run ? run->value : 0.0f);
}

// A block a marker, those that pad them too. The gradients of kThreads * kTogether logits lie over half of
// these or of others before them: they are written when all threads have read theirs.
__global__ void loss_kernel(LossRows rows) {
    __shared__ std::uint32_t present[kMostWords];
    const std::int64_t marker = blockIdx.x;
    const bool is_marker = marker < rows.markers;
    const int thread = static_cast<int>(threadIdx.x);
    const float* const logits = rows.logits + marker * rows.pitch;
    auto* const gradients = reinterpret_cast<std::uint32_t*>(rows.logits + marker * rows.pitch);
    for (int w = thread; is_marker && w < rows.count / 32; w += kThreads) {
        const Place at = rows.positions.place(32 * static_cast<std::uint32_t>(w), marker);
        present[w] = at.position < rows.positions.length
                         ? present_word(rows.labels, at.sample, marker, at.position)
                         : 0u;
    }
    __syncthreads();
    const float bias = is_marker ? rows.bias[marker] : 0.0f;
    double loss = 0, slope = 0;
    for (std::int64_t begin = 0; begin < rows.count; begin += kThreads * kTogether) {
        const std::int64_t first = begin + thread * kTogether;
        const bool is_inside = first < rows.count;  // of all or none
        float z[kTogether] = {}, gradient[kTogether] = {};
        for (int i = 0; is_inside && i < kTogether; ++i) z[i] = logits[first + i] + bias;
        __syncthreads();
        if (!is_inside) continue;
        Place at = rows.positions.place(static_cast<std::uint32_t>(first), marker);
        const std::uint32_t word = is_marker ? present[first / 32] >> first % 32 : 0u;
        float sum = 0;
        for (int i = 0; i < kTogether; ++i, ++at.position) {
            if (!is_marker || at.position >= rows.positions.length) continue;
            const LossAndGradient result = loss_at(rows, z[i], (word >> i & 1u) != 0, at);
            sum += result.loss;
            slope += result.d_logit;
            gradient[i] = result.d_logit;
        }
        loss += sum;
        for (int i = 0; i < kTogether; i += 2)
            gradients[(first + i) / 2] = bf16_pair(gradient[i], gradient[i + 1]);
    }
    loss = block_reduce(loss, Sum{});
    slope = block_reduce(slope, Sum{});
    if (thread != 0) return;
    rows.losses[marker] = loss;
    rows.slopes[marker] += slope;
}

// ---- sums over chunks, to the parameters' gradients
struct AddWeights {
    const float* sums;  // [phases * out][in]
    Layer layer;
    int own_in, own_out;
    float scale;
    float* to;
    __device__ void operator()(std::int64_t index) const {
        // In the order of the sums, but without their padding.
        const std::int64_t i = index % own_in, o = index / own_in % own_out, phase = index / own_in / own_out;
        const float value = scale * sums[(phase * layer.out + o) * layer.in + i];
        to[layer.is_up ? (i * own_out + o) * layer.phases + phase : o * own_in + i] += value;
    }
};

// Of chunks, and of phases.
struct AddBias {
    const float* sums;  // [chunk][pitch]
    std::int64_t chunks, pitch;
    int out, phases;
    float scale;
    float* to;
    __device__ void operator()(std::int64_t o) const {
        double total = 0;
        for (std::int64_t chunk = 0; chunk < chunks; ++chunk)
            for (int phase = 0; phase < phases; ++phase) total += sums[chunk * pitch + phase * out + o];
        to[o] += static_cast<float>(scale * total);
    }
};

struct AddSlopes {
    const double* sums;
    float scale;
    float* to;
    __device__ void operator()(std::int64_t marker) const {
        to[marker] += static_cast<float>(scale * sums[marker]);
    }
};

// One call of train_in_chunks.
class Trainer {
  public:
    Trainer(const TailTraining& training, const Layers& layers, Multiplier& multiplier, Scratch& scratch)
        : training_(training),
          layers_(layers),
          multiplier_(multiplier),
          scratch_(scratch),
          columns_{training.h.batch, training.h.length},
          chunk_(layers, true, multiplier, scratch) {
        const Labels& labels = training.labels;
        const std::int64_t batch = training.h.batch;
        runs_ = {scratch.upload(Scratch::kRuns, labels.runs, labels.offsets[batch]),
                 scratch.upload(Scratch::kOffsets, labels.offsets, batch + 1)};
        chunks_ = (columns_.count() + layers.columns() - 1) / layers.columns();
        std::int64_t sums = 0;
        for (int k = 0; k < layers.depth(); ++k) sums += weight_count(k) + bias_pitch(k) * chunks_;
        float* next = scratch.get<float>(Scratch::kTailPartials, sums);
        for (int k = 0; k < layers.depth(); ++k) {
            weight_sums_[k] = next;
            bias_sums_[k] = next + weight_count(k);
            next = bias_sums_[k] + bias_pitch(k) * chunks_;
        }
        const std::int64_t markers = layers.padded_markers();
        total_ = scratch.get<double>(Scratch::kSums, 1 + 2 * markers);
        slopes_ = total_ + 1;
        losses_ = slopes_ + markers;
        scratch.stream().zero(total_, static_cast<std::size_t>(1 + markers) * sizeof *total_);
    }

    void run() {
        const Rows input = padded_rows_of(training_.h, 0, columns_.row(), Scratch::kTailInput, scratch_);
        for (std::int64_t number = 0; number < chunks_; ++number) {
            const std::int64_t first = number * layers_.columns();
            chunk_.begin(input.data + first * input.channels,
                         std::min(layers_.columns(), columns_.count() - first));
            forward(first);
            loss(first);
            for (int k = layers_.depth(); k-- > 0;) {
                weight_gradient(k, number);
                input_gradient(k);
            }
            for_each(chunk_.count() * training_.dh.channels,
                     ReturnGradient{chunk_.input_gradients(), layers_[0].in, first, columns_, training_.dh,
                                    training_.how.scale, training_.accumulate});
        }
        for (int k = 0; k < layers_.depth(); ++k) add_gradients(k);
        for_each(1, AddLoss{total_, training_.how.scale, training_.loss});
    }

  private:
    std::int64_t weight_count(int k) const { return std::int64_t{layers_[k].outputs()} * layers_[k].in; }
    // Of a chunk's bias gradients, so that each begins at a multiple of kAlignment.
    std::int64_t bias_pitch(int k) const {
        return round_up(layers_[k].outputs(), kAlignment / static_cast<std::int64_t>(sizeof(float)));
    }
    ChunkPositions positions(std::int64_t first) const { return {columns_, first, training_.tail.stride}; }

    void forward(std::int64_t first) {
        for (int k = 0; k < layers_.depth(); ++k) {
            chunk_.forward(k);
            const Dropout& dropout = layers_[k].spec->dropout;
            if (k == layers_.last() || dropout.rate == 0) continue;
            const std::int64_t values = chunk_.positions(k) * layers_[k].outputs();
            for_each(values / 2,
                     Drop{chunk_.outputs(k), layers_[k].out, positions(first), DropoutFactor(dropout)});
        }
    }

    void loss(std::int64_t first) {
        const std::int64_t count = chunk_.count() * training_.tail.stride;
        launch(loss_kernel, dim3(static_cast<unsigned>(layers_.padded_markers())), dim3(kThreads),
               LossRows{chunk_.logits(), layers_.pitch(), count, layers_.last_bias(),
                        training_.tail.markers(), positions(first), runs_, training_.how, losses_, slopes_});
        sum_each(1, layers_.padded_markers(), TotalLoss{losses_, total_});
    }

    void weight_gradient(int k, std::int64_t number) {
        const Product product = layers_.to_weights(k, chunk_.count());
        multiplier_.multiply(
            product, product.depth,
            {chunk_.inputs(k), chunk_.gradients(k), weight_sums_[k], bias_sums_[k] + number * bias_pitch(k),
             number > 0 ? 1.0f : 0.0f, nullptr, nullptr});
    }

    // Of layer k, and behind the activation of the one before.
    void input_gradient(int k) {
        const Product product = layers_.to_input(k, layers_.columns());
        void* const to = k > 0 ? static_cast<void*>(chunk_.gradients(k - 1)) : chunk_.input_gradients();
        multiplier_.multiply(product, chunk_.positions(k),
                             {layers_.weights(k), chunk_.gradients(k), to, nullptr, 0, nullptr, nullptr});
        if (k == 0) return;
        const Dropout& dropout = layers_[k - 1].spec->dropout;
        const float survivors = dropout.rate > 0 ? dropout_key(dropout).scale : 1.0f;
        const std::int64_t values = chunk_.positions(k) * layers_[k].in;
        for_each(values / 2, ActivationGradient{chunk_.outputs(k - 1), survivors, chunk_.gradients(k - 1)});
    }

    void add_gradients(int k) {
        const Layer& layer = layers_[k];
        const TailGradient& gradient = training_.gradient;
        const int dense = k - (training_.tail.has_up() ? 1 : 0);
        const int in = layer.spec->in, out = layer.spec->out;
        const float scale = training_.how.scale;
        for_each(std::int64_t{in} * out * layer.phases,
                 AddWeights{weight_sums_[k], layer, in, out, scale,
                            pointer_to(layer.is_up ? gradient.up_weight : gradient.dense_weight[dense])});
        float* const bias = pointer_to(layer.is_up ? gradient.up_bias : gradient.dense_bias[dense]);
        if (!bias) return;
        if (k == layers_.last())
            for_each(out, AddSlopes{slopes_, scale, bias});
        else
            for_each(out,
                     AddBias{bias_sums_[k], chunks_, bias_pitch(k), layer.out, layer.phases, scale, bias});
    }

    const TailTraining& training_;
    const Layers& layers_;
    Multiplier& multiplier_;
    Scratch& scratch_;
    Columns columns_;
    Chunk chunk_;
    Runs runs_{};
    std::int64_t chunks_ = 0;
    float* weight_sums_[Shapes::kMost] = {};
    float* bias_sums_[Shapes::kMost] = {};  // of each chunk
    double* total_ = nullptr;
    double* slopes_ = nullptr;
    double* losses_ = nullptr;
};

}  // namespace

void train_in_chunks(const TailTraining& training, const Layers& layers, Multiplier& multiplier,
                     Scratch& scratch) {
    Trainer(training, layers, multiplier, scratch).run();
}

}  // namespace regkit::cuda::cublaslt
