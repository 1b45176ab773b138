// The dilated convolutions of the `dilated` preset in oneDNN, in the layouts that it prefers, at the shapes
// of kernels_bench.cpp. Prints "name GFLOP/s" a line, by processor time of all threads (OMP_NUM_THREADS).
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <dnnl.hpp>
#include <string>
#include <unordered_map>

namespace {

using dnnl::algorithm;
using dnnl::memory;
using dnnl::prop_kind;

constexpr memory::dim kBatch = 8, kLength = 2500, kWidth = 10;

struct Shape {
    memory::dim in, out, dilation;
};
constexpr Shape kShapes[] = {{128, 240, 3}, {240, 50, 9}, {50, 50, 27}, {50, 50, 81}};

struct Layer {
    dnnl::engine engine{dnnl::engine::kind::cpu, 0};
    dnnl::stream stream{engine};
    memory::desc x, w, b, y;
    memory::dims strides{1}, dilates, left, right;
    double flop;

    explicit Layer(const Shape& s)
        : x({kBatch, s.in, kLength}, memory::data_type::f32, memory::format_tag::any),
          w({s.out, s.in, kWidth}, memory::data_type::f32, memory::format_tag::any),
          b({s.out}, memory::data_type::f32, memory::format_tag::a),
          y({kBatch, s.out, kLength}, memory::data_type::f32, memory::format_tag::any),
          dilates{s.dilation - 1},
          left{(kWidth - 1) * s.dilation / 2},
          right{(kWidth - 1) * s.dilation - left[0]},
          flop(2.0 * static_cast<double>(kBatch * kLength * kWidth * s.in * s.out)) {}

    memory zeros(const memory::desc& desc) const {
        memory made(desc, engine);
        std::fill_n(static_cast<char*>(made.get_data_handle()), desc.get_size(), char{0});
        return made;
    }

    // GFLOP/s; the first run is not counted.
    double time(const dnnl::primitive& primitive, const std::unordered_map<int, memory>& arguments,
                double seconds) {
        const auto run = [&] {
            primitive.execute(stream, arguments);
            stream.wait();
        };
        run();
        const std::clock_t begin = std::clock();
        double took = 0;
        int count = 0;
        while (took < seconds) {
            run();
            ++count;
            took = static_cast<double>(std::clock() - begin) / CLOCKS_PER_SEC;
        }
        return flop * count / took / 1e9;
    }
};

void bench(const Shape& shape, double seconds) {
    Layer l(shape);
    const auto direct = algorithm::convolution_direct;
    const dnnl::convolution_forward::primitive_desc forward(
        {prop_kind::forward_training, direct, l.x, l.w, l.b, l.y, l.strides, l.dilates, l.left, l.right},
        l.engine);
    const dnnl::convolution_backward_data::primitive_desc input(
        {direct, l.x, l.w, l.y, l.strides, l.dilates, l.left, l.right}, l.engine, forward);
    const dnnl::convolution_backward_weights::primitive_desc weight(
        {direct, l.x, l.w, l.b, l.y, l.strides, l.dilates, l.left, l.right}, l.engine, forward);
    const std::string of = "/" + std::to_string(shape.in) + "x" + std::to_string(shape.out) + "/d" +
                           std::to_string(shape.dilation);
    std::printf("conv%s %.2f\n", of.c_str(),
                l.time(dnnl::convolution_forward(forward),
                       {{DNNL_ARG_SRC, l.zeros(forward.src_desc())},
                        {DNNL_ARG_WEIGHTS, l.zeros(forward.weights_desc())},
                        {DNNL_ARG_BIAS, l.zeros(forward.bias_desc())},
                        {DNNL_ARG_DST, l.zeros(forward.dst_desc())}},
                       seconds));
    std::printf("conv_grad_input%s %.2f\n", of.c_str(),
                l.time(dnnl::convolution_backward_data(input),
                       {{DNNL_ARG_DIFF_SRC, l.zeros(input.diff_src_desc())},
                        {DNNL_ARG_WEIGHTS, l.zeros(input.weights_desc())},
                        {DNNL_ARG_DIFF_DST, l.zeros(input.diff_dst_desc())}},
                       seconds));
    std::printf("conv_grad_weight%s %.2f\n", of.c_str(),
                l.time(dnnl::convolution_backward_weights(weight),
                       {{DNNL_ARG_SRC, l.zeros(weight.src_desc())},
                        {DNNL_ARG_DIFF_WEIGHTS, l.zeros(weight.diff_weights_desc())},
                        {DNNL_ARG_DIFF_BIAS, l.zeros(weight.diff_bias_desc())},
                        {DNNL_ARG_DIFF_DST, l.zeros(weight.diff_dst_desc())}},
                       seconds));
}

}  // namespace

int main(int argc, char** argv) {
    const double seconds = argc > 1 ? std::atof(argv[1]) : 0.3;
    try {
        for (const Shape& shape : kShapes) bench(shape, seconds);
    } catch (const dnnl::error& e) {
        std::fprintf(stderr, "onednn_conv: %s\n", e.what());
        return 1;
    }
}
