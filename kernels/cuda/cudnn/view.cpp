// Works out the sizes of that view for a convolution, and the sizes and strides of its three tensors as cuDNN
// counts them. Channels are rounded up to the unit that its kernels take. A view's text is the key under
// which its plan is kept.
#include "kernels/cuda/cudnn/view.hpp"

#include "kernels/base/arithmetic.hpp"

namespace regkit::cuda::cudnn {

namespace {

// Channels of one place side by side.
Picture channels_last(std::int64_t samples, std::int64_t channels, std::int64_t rows, std::int64_t columns) {
    return {{samples, channels, rows, columns}, {rows * columns * channels, 1, columns * channels, channels}};
}

const char* name_of(Direction direction) {
    switch (direction) {
        case Direction::forward:
            return "forward";
        case Direction::grad_input:
            return "grad_input";
        case Direction::grad_weight:
            return "grad_weight";
    }
    return "";
}

}  // namespace

bool has_view(const ConvProblem& problem) {
    return problem.stride == 1 || problem.dilation == 1 || problem.width == 1;
}

ConvView view_of(const ConvProblem& problem) {
    ConvView view{};
    view.batch = problem.batch;
    view.in = round_up(problem.in, kChannelUnit);
    view.out = round_up(problem.out, kChannelUnit);
    view.taps = problem.width;
    view.stride = problem.stride;
    view.columns = problem.width == 1 ? 1 : problem.dilation;  // which means nothing to a single tap
    view.out_rows = round_up(problem.out_length, view.columns) / view.columns;
    view.in_rows = (view.out_rows - 1) * view.stride + view.taps;
    return view;
}

Picture input_picture(const ConvView& view) {
    return channels_last(view.batch, view.in, view.in_rows, view.columns);
}

Picture output_picture(const ConvView& view) {
    return channels_last(view.batch, view.out, view.out_rows, view.columns);
}

Picture filter_picture(const ConvView& view) {
    return channels_last(view.out, view.in, view.taps, 1);
}

std::string text_of(const Product& product) {
    const ConvView& v = product.view;
    const auto number = [](std::int64_t value) { return std::to_string(value); };
    return name_of(product.direction) + (" batch " + number(v.batch)) + " channels " + number(v.in) + " to " +
           number(v.out) + " rows " + number(v.in_rows) + " to " + number(v.out_rows) + " of " +
           number(v.columns) + " taps " + number(v.taps) + " stride " + number(v.stride);
}

}  // namespace regkit::cuda::cudnn
