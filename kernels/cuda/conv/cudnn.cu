// The kernels are those around cuDNN's: into its layout and out of it.
#include "kernels/cuda/conv/cudnn.hpp"
#include "kernels/cuda/cudnn/compare.hpp"
#include "kernels/cuda/rows.hpp"

namespace regkit::cuda::cudnn {

namespace {

static_assert(kChannelUnit == kRowUnit);  // rows are the view's places

constexpr int kPositions = 32;
constexpr int kTurners = 256;  // threads

// ---- layouts
// The weights [out][in][taps] as the view has them, [out][taps][in], zero beyond the layer's channels.
struct PackFilter {
    const float* weight;
    std::int64_t out, in, taps, channels;  // channels: of the view's input
    Bf16* to;
    __device__ void operator()(std::int64_t index) const {
        const std::int64_t i = index % channels, tap = index / channels % taps, o = index / channels / taps;
        to[index] = to_bf16(o < out && i < in ? weight[(o * in + i) * taps + tap] : 0.0f);
    }
};

// A filter of the view, by the index of a weight in [out][in][taps].
struct FilterValue {
    const Bf16* filter;
    std::int64_t in, taps, channels;
    __device__ float operator()(std::int64_t index) const {
        const std::int64_t tap = index % taps, i = index / taps % in, o = index / taps / in;
        return to_float(filter[(o * taps + tap) * channels + i]);
    }
};

struct AddFilter {
    FilterValue value;
    float* d_weight;
    __device__ void operator()(std::int64_t index) const { d_weight[index] += value(index); }
};

// Positions of a tensor in the places of a buffer: position p in place `first` + p, where there is one, else
// zero.
struct Places {
    const Bf16* data;
    std::int64_t count, channels, first;
    __device__ bool holds(std::int64_t position) const {
        return first + position >= 0 && first + position < count;
    }
    __device__ const Bf16* at(std::int64_t sample, std::int64_t position) const {
        return data + (sample * count + first + position) * channels;
    }
};

// By the index of an element in [batch][channels][length].
struct PlaceValue {
    Places places;
    std::int64_t channels, length;
    __device__ float operator()(std::int64_t index) const {
        const std::int64_t position = index % length, row = index / length;
        return places.holds(position) ? to_float(places.at(row / channels, position)[row % channels]) : 0.0f;
    }
};

struct Finish {
    const float* bias;  // or null
    bool relu, accumulate;
};

// A block turns kRowTile channels of kPositions positions: it reads along the channels and writes along the
// positions.
__global__ void from_places_kernel(Places places, Tensor y, Finish finish) {
    __shared__ float tile[kRowTile][kPositions + 1];
    const int thread = static_cast<int>(threadIdx.x);
    const std::int64_t begin = std::int64_t{blockIdx.x} * kPositions,
                       first = std::int64_t{blockIdx.y} * kRowTile;
    for (std::int64_t n = blockIdx.z; n < y.batch; n += gridDim.z) {
        const int channel = thread % kRowTile;
        for (int p = thread / kRowTile; p < kPositions; p += kTurners / kRowTile) {
            const bool inside =
                first + channel < y.channels && begin + p < y.length && places.holds(begin + p);
            tile[channel][p] = inside ? to_float(places.at(n, begin + p)[first + channel]) : 0.0f;
        }
        __syncthreads();
        const int p = thread % kPositions;
        for (int c = thread / kPositions; c < kRowTile; c += kTurners / kPositions) {
            if (first + c >= y.channels || begin + p >= y.length) continue;
            float value = tile[c][p];
            if (finish.bias) value += finish.bias[first + c];
            if (finish.relu) value = relu_of(value);
            float& to = y.at(n, first + c, begin + p);
            to = finish.accumulate ? to + value : value;
        }
        __syncthreads();  // nobody reads the next sample's values while another still writes these
    }
}

void from_places(const Places& places, const Tensor& y, const Finish& finish) {
    const dim3 grid(blocks_for(y.length, kPositions), blocks_for(y.channels, kRowTile),
                    at_most_rounds(y.batch));
    launch(from_places_kernel, grid, dim3(kTurners), places, y, finish);
}

void* packed(const ConvView& view, const ConvProblem& g, const float* weight, Scratch& scratch) {
    Bf16* const to = scratch.get<Bf16>(Scratch::kConvWeights, view.weights());
    for_each(view.weights(), PackFilter{weight, g.out, g.in, g.width, view.in, to});
    return to;
}

// Kernels only read what is const here.
Tensor input_tensor(const ConvProblem& g, const float* x) {
    return {const_cast<float*>(x), g.batch, g.in, g.in_length};
}

Tensor output_tensor(const ConvProblem& g, const float* y) {
    return {const_cast<float*>(y), g.batch, g.out, g.out_length};
}

void* in_places(const ConvView& view, const ConvProblem& g, const float* x, Scratch& scratch) {
    return const_cast<Bf16*>(
        padded_rows_of(input_tensor(g, x), g.pad_left, view.in_places(), Scratch::kConvInput, scratch).data);
}

void* in_places_of_output(const ConvView& view, const ConvProblem& g, const float* dy, Scratch& scratch) {
    return const_cast<Bf16*>(
        padded_rows_of(output_tensor(g, dy), 0, view.out_places(), Scratch::kConvGradient, scratch).data);
}

// ---- trials
// So that a value which no plan writes is no number.
struct Spoil {
    Bf16* to;
    __device__ void operator()(std::int64_t index) const { to[index] = {0xFFFF}; }
};

struct Clear {
    float* to;
    __device__ void operator()(std::int64_t index) const { to[index] = 0; }
};

}  // namespace

Convolutions::Convolutions(Engines& engines, Stream& stream, Scratch& scratch)
    : stream_(stream), scratch_(scratch), engines_(engines), plans_(engines) {}

// The product's plan, tried on these operands where that has not been done; null where none is right. `plain`
// writes what it should give. Operands whose product is zero, or no number, prove nothing of a plan: they get
// none.
template <typename Value, typename Plain>
const Plan* Convolutions::plan_for(const Product& product, const Operands& operands,
                                   const Result<Value>& result, const Plain& plain) {
    if (plans_.knows(product)) return plans_.chosen(product);
    const Floats expected(stream_, result.count);
    plain(expected.data());
    const At right{expected.data()};
    const float largest = largest_difference(stream_, result.count, Zero{}, right);
    if (!is_telling(largest)) return nullptr;
    Trial trial;
    trial.operands = operands;
    trial.workspace = [&](std::int64_t bytes) { return workspace(bytes); };
    trial.spoil = [&] { for_each(result.values, Spoil{static_cast<Bf16*>(result.data)}); };
    trial.agrees = [&] {
        return largest_difference(stream_, result.count, result.value, right) <= kTolerance * largest;
    };
    return plans_.choose(product, trial);
}

bool Convolutions::may_do(Direction direction, const ConvProblem& g) const {
    if (!has_view(g)) return false;
    const Product product{direction, view_of(g)};
    return !plans_.knows(product) || plans_.chosen(product);
}

void* Convolutions::workspace(std::int64_t bytes) {
    return bytes > 0 ? scratch_.get<unsigned char>(Scratch::kCudnnWorkspace, bytes) : nullptr;
}

void Convolutions::run(const Plan& plan, Operands operands) {
    operands.workspace = workspace(plan.workspace());
    if (!engines_.run(plan, operands))
        throw Failure{Status::error(Status::Code::device_error, "cuDNN could not start a convolution")};
}

bool Convolutions::forward(const ConvProblem& g, const float* x, const float* weight, const float* bias,
                           bool relu, float* y) {
    const ConvView view = view_of(g);
    const Product product{Direction::forward, view};
    const std::int64_t values = view.batch * view.out_places() * view.out;
    Bf16* const result = scratch_.get<Bf16>(Scratch::kConvGradient, values);
    const Operands operands{in_places(view, g, x, scratch_), packed(view, g, weight, scratch_), result,
                            nullptr, stream_.handle()};
    const Places places{result, view.out_places(), view.out, 0};
    const Plan* const plan = plan_for(
        product, operands,
        Result<PlaceValue>{result, values, {places, g.out, g.out_length}, g.batch * g.out * g.out_length},
        [&](float* expected) { conv_forward(g, x, weight, nullptr, false, expected); });
    if (!plan) return false;
    run(*plan, operands);
    from_places(places, output_tensor(g, y), {bias, relu, false});
    return true;
}

bool Convolutions::grad_input(const ConvProblem& g, const float* dy, const float* weight, bool accumulate,
                              float* dx) {
    const ConvView view = view_of(g);
    const Product product{Direction::grad_input, view};
    const std::int64_t values = view.batch * view.in_places() * view.in;
    Bf16* const result = scratch_.get<Bf16>(Scratch::kConvInput, values);
    const Operands operands{result, packed(view, g, weight, scratch_),
                            in_places_of_output(view, g, dy, scratch_), nullptr, stream_.handle()};
    const Places places{result, view.in_places(), view.in, g.pad_left};
    const Plan* const plan = plan_for(
        product, operands,
        Result<PlaceValue>{result, values, {places, g.in, g.in_length}, g.batch * g.in * g.in_length},
        [&](float* expected) { cuda::conv_grad_input(g, dy, weight, false, expected); });
    if (!plan) return false;
    run(*plan, operands);
    from_places(places, input_tensor(g, dx), {nullptr, false, accumulate});
    return true;
}

bool Convolutions::grad_weight(const ConvProblem& g, const float* x, const float* dy, float* d_weight,
                               float* d_bias) {
    const ConvView view = view_of(g);
    const Product product{Direction::grad_weight, view};
    Bf16* const result = scratch_.get<Bf16>(Scratch::kConvWeights, view.weights());
    const Operands operands{in_places(view, g, x, scratch_), result,
                            in_places_of_output(view, g, dy, scratch_), nullptr, stream_.handle()};
    const FilterValue value{result, g.in, g.width, view.in};
    const std::int64_t count = g.out * g.in * g.width;
    const Plan* const plan = plan_for(
        product, operands, Result<FilterValue>{result, view.weights(), value, count}, [&](float* expected) {
            for_each(count, Clear{expected});
            conv_grad_weight(g, x, dy, expected, nullptr);
        });
    if (!plan) return false;
    run(*plan, operands);
    for_each(count, AddFilter{value, d_weight});
    channel_sums(output_tensor(g, dy), d_bias);
    return true;
}

}  // namespace regkit::cuda::cudnn
