// The kernels are those around cuDNN's: x and y into its layout and out of it, parameters into its memory and
// their gradients out of it.
#include <algorithm>
#include <utility>

#include "kernels/base/arithmetic.hpp"
#include "kernels/cuda/conv/plain.hpp"
#include "kernels/cuda/cudnn/compare.hpp"
#include "kernels/cuda/lstm/cudnn.hpp"
#include "kernels/cuda/lstm/plain.hpp"

namespace regkit::cuda::cudnn {

namespace {

// ---- layouts
constexpr int kTile = 32, kTurners = 256;  // channels and positions that a block turns; its threads

// The element of cuDNN's layout, [length][batch][channels].
struct Steps {
    std::int64_t batch, channels;
    __device__ std::int64_t at(std::int64_t sample, std::int64_t channel, std::int64_t position) const {
        return (position * batch + sample) * channels + channel;
    }
};

// Calls body(sample, channel, position, value) for a tile of kTile channels of kTile positions, whose
// neighbouring threads have neighbouring positions, or channels.
template <bool kAlongPositions, typename Body>
__device__ void each_of_tile(const Tensor& x, std::int64_t sample, std::int64_t channel,
                             std::int64_t position, float (*tile)[kTile + 1], const Body& body) {
    const int lane = static_cast<int>(threadIdx.x) % kTile, row = static_cast<int>(threadIdx.x) / kTile;
    for (int other = row; other < kTile; other += kTurners / kTile) {
        const int c = kAlongPositions ? other : lane, p = kAlongPositions ? lane : other;
        if (channel + c < x.channels && position + p < x.length)
            body(sample, channel + c, position + p, tile[c][p]);
    }
}

// A block turns kTile channels of kTile positions at a time: `read` along one of the two, then `write` along
// the other.
template <bool kReadsPositions, typename Read, typename Write>
__device__ void turn(const Tensor& x, const Read& read, const Write& write) {
    __shared__ float tile[kTile][kTile + 1];
    const std::int64_t position = std::int64_t{blockIdx.x} * kTile;
    for (std::int64_t sample = blockIdx.z; sample < x.batch; sample += gridDim.z)
        for (std::int64_t channel = std::int64_t{blockIdx.y} * kTile; channel < x.channels;
             channel += std::int64_t{gridDim.y} * kTile) {
            each_of_tile<kReadsPositions>(x, sample, channel, position, tile, read);
            __syncthreads();
            each_of_tile<!kReadsPositions>(x, sample, channel, position, tile, write);
            __syncthreads();  // nobody reads the next tile's values while another still writes these
        }
}

__global__ void to_steps_kernel(Tensor x, float* to) {
    const Steps steps{x.batch, x.channels};
    turn<true>(
        x, [&](std::int64_t n, std::int64_t c, std::int64_t p, float& value) { value = x.at(n, c, p); },
        [&](std::int64_t n, std::int64_t c, std::int64_t p, float value) { to[steps.at(n, c, p)] = value; });
}

// The way back.
__global__ void from_steps_kernel(const float* from, Tensor y, bool accumulate) {
    const Steps steps{y.batch, y.channels};
    turn<false>(
        y,
        [&](std::int64_t n, std::int64_t c, std::int64_t p, float& value) {
            value = from[steps.at(n, c, p)];
        },
        [&](std::int64_t n, std::int64_t c, std::int64_t p, float value) {
            float& to = y.at(n, c, p);
            to = accumulate ? to + value : value;
        });
}

dim3 grid_of(const Tensor& tensor) {
    return dim3(blocks_for(tensor.length, kTile), at_most_rounds(blocks_for(tensor.channels, kTile)),
                at_most_rounds(tensor.batch));
}

void to_steps(const Tensor& x, float* to) {
    launch(to_steps_kernel, grid_of(x), dim3(kTurners), x, to);
}

void from_steps(const float* from, const Tensor& y, bool accumulate) {
    launch(from_steps_kernel, grid_of(y), dim3(kTurners), from, y, accumulate);
}

// By the index of an element in [batch][channels][length].
struct StepValue {
    const float* values;
    std::int64_t batch, channels, length;
    __device__ float operator()(std::int64_t index) const {
        const std::int64_t row = index / length;
        return values[Steps{batch, channels}.at(row / channels, row % channels, index % length)];
    }
};

// Where values of one of the parameters' arrays lie in cuDNN's memory.
struct Packing {
    std::int64_t begin[8];  // by direction and gate
    std::int64_t size;      // values of a gate
    __device__ std::int64_t at(std::int64_t index) const { return begin[index / size] + index % size; }
};

struct Packings {
    Packing weight_ih, weight_hh, bias;
};

Packings packings_of(const LstmPlan& plan, const LstmProblem& problem) {
    Packings all{
        {{}, problem.hidden * problem.in}, {{}, problem.hidden * problem.hidden}, {{}, problem.hidden}};
    for (std::size_t gate = 0; gate < plan.places().size(); ++gate) {
        all.weight_ih.begin[gate] = plan.places()[gate].weight_ih;
        all.weight_hh.begin[gate] = plan.places()[gate].weight_hh;
        all.bias.begin[gate] = plan.places()[gate].bias;
    }
    return all;
}

struct Pack {
    Packing packing;
    const float* from;
    float* to;
    __device__ void operator()(std::int64_t index) const { to[packing.at(index)] = from[index]; }
};

struct PackedValue {
    Packing packing;
    const float* values;
    __device__ float operator()(std::int64_t index) const { return values[packing.at(index)]; }
};

struct AddPacked {
    PackedValue value;
    float* to;
    __device__ void operator()(std::int64_t index) const { to[index] += value(index); }
};

// So that a value which cuDNN does not write is no number.
struct Spoil {
    float* to;
    __device__ void operator()(std::int64_t index) const { to[index] = NAN; }
};

// Arrays one behind the other, each where a copy of 16 bytes may begin.
struct Carve {
    float* next;
    float* take(std::int64_t count) { return std::exchange(next, next + room_for(count)); }
    static std::int64_t room_for(std::int64_t count) { return round_up(count, std::int64_t{64}); }
};

// ---- the same by the plain kernels
// The projections of x, a convolution of width 1.
ConvProblem projection(const LstmProblem& p) {
    return {p.batch, p.in, p.gates() * p.hidden, p.length, p.length, 1, 1, 1, 0};
}

Lstm plain_forward(const LstmProblem& p, const Tensor& x, const LstmParameters& parameters,
                   const LstmRoom& room, float* y) {
    const Lstm lstm{room.gates(p),        room.cell(p), {y, p.batch, p.out(), p.length},
                    parameters.weight_hh, p.hidden,     p.directions};
    conv_forward(projection(p), x.data, parameters.weight_ih, parameters.bias, false, lstm.gates.data);
    lstm_forward(lstm);
    return lstm;
}

}  // namespace

Lstms::Lstms(Engines& engines, Stream& stream, Scratch& scratch)
    : engines_(engines), stream_(stream), scratch_(scratch) {}

Lstms::Known& Lstms::known(const LstmProblem& problem) {
    const std::string text = text_of(problem);
    if (const auto found = known_.find(text); found != known_.end()) return found->second;
    std::string why;
    const auto memory = [&](std::int64_t bytes) {
        return scratch_.get<unsigned char>(Scratch::kLstmWeights, bytes);
    };
    std::unique_ptr<LstmPlan> plan = engines_.lstm(problem, memory, why);
    if (!plan) give_up(problem, "", why);
    return known_[text] = {std::move(plan)};
}

bool Lstms::settle(const LstmProblem& problem, const char* use, Verdict& verdict, bool ran, bool agrees) {
    verdict = ran && agrees ? Verdict::right : Verdict::wrong;
    if (verdict == Verdict::wrong) give_up(problem, use, ran ? "its result is wrong" : "it did not run");
    return verdict == Verdict::right;
}

void Lstms::give_up(const LstmProblem& problem, const char* use, const std::string& why) {
    notices_.push_back(engines_.version_name() + " is not used for '" + text_of(problem) + use + "': " + why +
                       "; regkit's own kernels compute it");
}

std::optional<std::int64_t> Lstms::room(const LstmProblem& problem, bool training) {
    const LstmPlan* const plan = known(problem).plan.get();
    if (!plan) return std::nullopt;
    constexpr std::int64_t kFloat = sizeof(float);
    const std::int64_t reserve = round_up(plan->sizes().reserve, kFloat) / kFloat;
    return std::max(LstmRoom::parts(problem), training ? reserve : 0);
}

// With x and the parameters in cuDNN's layouts.
LstmOperands Lstms::operands(const LstmProblem& p, const LstmPlan& plan, const LstmRoom& room,
                             const Tensor& x, const LstmParameters& parameters, bool gradient) {
    const std::int64_t in = p.batch * p.length * p.in, out = p.batch * p.length * p.out();
    const std::int64_t weights = plan.sizes().weights, passes = gradient ? 2 : 1;
    Carve steps{
        scratch_.get<float>(Scratch::kLstmSteps, passes * (Carve::room_for(in) + Carve::room_for(out)))};
    Carve packed{scratch_.get<float>(Scratch::kLstmWeights, passes * Carve::room_for(weights))};
    LstmOperands o{};
    o.x = steps.take(in);
    o.y = steps.take(out);
    o.weights = packed.take(weights);
    if (plan.sizes().workspace > 0)
        o.workspace = scratch_.get<unsigned char>(Scratch::kCudnnWorkspace, plan.sizes().workspace);
    o.reserve = room.data;
    o.stream = stream_.handle();
    if (gradient) {
        o.dx = steps.take(in);
        o.dy = steps.take(out);
        o.d_weights = packed.take(weights);
    }
    to_steps(x, o.x);
    stream_.zero(o.weights, static_cast<std::size_t>(weights) * sizeof(float));  // between the gates, too
    const Packings packings = packings_of(plan, p);
    const std::int64_t gates = p.gates();
    for_each(gates * packings.weight_ih.size, Pack{packings.weight_ih, parameters.weight_ih, o.weights});
    for_each(gates * packings.weight_hh.size, Pack{packings.weight_hh, parameters.weight_hh, o.weights});
    for_each(gates * packings.bias.size, Pack{packings.bias, parameters.bias, o.weights});
    return o;
}

bool Lstms::may_do(const LstmProblem& problem, const LstmRoom& room) {
    Known& k = known(problem);
    if (!k.plan || verdict_of(k, room) == Verdict::wrong) return false;
    if (room.training && k.gradient == Verdict::wrong) return false;
    return room.count >= *this->room(problem, room.training);
}

bool Lstms::may_do_gradient(const LstmProblem& problem) {
    const Known& k = known(problem);
    return k.plan && k.gradient != Verdict::wrong;
}

bool Lstms::forward(const LstmProblem& problem, const Tensor& x, const LstmParameters& parameters,
                    const LstmRoom& room, const Tensor& y) {
    Known& k = known(problem);
    Verdict& verdict = verdict_of(k, room);
    const LstmOperands o = operands(problem, *k.plan, room, x, parameters, false);
    if (verdict == Verdict::right) {
        if (!k.plan->forward(o, room.training))
            throw Failure{Status::error(Status::Code::device_error, "cuDNN could not start an LSTM")};
    } else {
        const Floats expected(stream_, y.size());
        plain_forward(problem, x, parameters, room, expected.data());
        const At right{expected.data()};
        const float largest = largest_difference(stream_, y.size(), Zero{}, right);
        if (!is_telling(largest)) return false;
        for_each(y.size(), Spoil{o.y});
        const bool ran = k.plan->forward(o, room.training);
        const StepValue got{o.y, y.batch, y.channels, y.length};
        const bool agrees = ran && largest_difference(stream_, y.size(), got, right) <= kTolerance * largest;
        if (!settle(problem, room.training ? ", training" : ", inference", verdict, ran, agrees))
            return false;
    }
    from_steps(o.y, y, false);
    return true;
}

// The plain kernels work in the room, which a gradient by cuDNN has left.
std::optional<bool> Lstms::agrees(const LstmProblem& p, const LstmPlan& plan, const LstmOperands& result,
                                  const LstmRoom& room, const Tensor& x, const LstmParameters& parameters,
                                  const Tensor& dy) {
    const Packings packings = packings_of(plan, p);
    const std::int64_t ih = p.gates() * packings.weight_ih.size, hh = p.gates() * packings.weight_hh.size,
                       biases = p.gates() * packings.bias.size;
    std::int64_t total = 0;
    for (const std::int64_t count : {dy.size(), x.size(), ih, hh, biases}) total += Carve::room_for(count);
    const Floats memory(stream_, total);
    stream_.zero(memory.data(), static_cast<std::size_t>(total) * sizeof(float));
    Carve carve{memory.data()};
    float* const y = carve.take(dy.size());
    float* const dx = carve.take(x.size());
    float* const d_ih = carve.take(ih);
    float* const d_hh = carve.take(hh);
    float* const d_bias = carve.take(biases);
    const Lstm lstm = plain_forward(p, x, parameters, room, y);
    lstm_gradient(lstm, dy, d_hh, scratch_);
    conv_grad_weight(projection(p), x.data, lstm.gates.data, d_ih, d_bias);
    conv_grad_input(projection(p), lstm.gates.data, parameters.weight_ih, false, dx);

    bool tells = true, same = true;
    const auto compare = [&](std::int64_t count, const float* expected, const auto& got) {
        const float largest = largest_difference(stream_, count, Zero{}, At{expected});
        tells &= is_telling(largest);
        same &= largest_difference(stream_, count, got, At{expected}) <= kTolerance * largest;
    };
    compare(x.size(), dx, StepValue{result.dx, p.batch, p.in, p.length});
    compare(ih, d_ih, PackedValue{packings.weight_ih, result.d_weights});
    compare(biases, d_bias, PackedValue{packings.bias, result.d_weights});
    if (p.length > 1)  // else there is no step that the recurrence's weights act in
        compare(hh, d_hh, PackedValue{packings.weight_hh, result.d_weights});
    return tells ? std::optional(same) : std::nullopt;
}

bool Lstms::gradient(const LstmProblem& problem, const Tensor& x, const LstmParameters& parameters,
                     const LstmRoom& room, const Tensor& y, const Tensor& dy,
                     const LstmParameterGradients& gradients, bool accumulate, const Tensor& dx) {
    Known& k = known(problem);
    const LstmPlan& plan = *k.plan;
    const LstmOperands o = operands(problem, plan, room, x, parameters, true);
    to_steps(y, o.y);
    to_steps(dy, o.dy);
    stream_.zero(o.d_weights, static_cast<std::size_t>(plan.sizes().weights) * sizeof(float));
    const bool ran = plan.gradient(o);
    if (k.gradient == Verdict::unknown) {
        const std::optional<bool> same =
            ran ? agrees(problem, plan, o, room, x, parameters, dy) : std::optional<bool>(false);
        if (!same || !settle(problem, ", gradient", k.gradient, ran, *same)) return false;
    } else if (!ran) {
        throw Failure{Status::error(Status::Code::device_error, "cuDNN could not start an LSTM's gradient")};
    }
    from_steps(o.dx, dx, accumulate);
    const Packings packings = packings_of(plan, problem);
    const std::int64_t gates = problem.gates();
    for_each(gates * packings.weight_ih.size,
             AddPacked{{packings.weight_ih, o.d_weights}, gradients.weight_ih});
    for_each(gates * packings.weight_hh.size,
             AddPacked{{packings.weight_hh, o.d_weights}, gradients.weight_hh});
    for_each(gates * packings.bias.size, AddPacked{{packings.bias, o.d_weights}, gradients.bias});
    return true;
}

std::vector<std::string> Lstms::take_notices() {
    return std::exchange(notices_, {});
}

}  // namespace regkit::cuda::cudnn
