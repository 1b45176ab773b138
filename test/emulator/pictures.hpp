// What cuDNN computes of a view's pictures: all that they hold, by their own sizes and strides.
#pragma once

#include "kernels/cuda/cudnn/view.hpp"

namespace regkit::emulator {

inline std::size_t place(const cuda::cudnn::Picture& p, std::int64_t a, std::int64_t b, std::int64_t c,
                         std::int64_t d) {
    return static_cast<std::size_t>(a * p.strides[0] + b * p.strides[1] + c * p.strides[2] +
                                    d * p.strides[3]);
}

inline std::size_t size_of(const cuda::cudnn::Picture& p) {
    return static_cast<std::size_t>(p.sizes[0] * p.sizes[1] * p.sizes[2] * p.sizes[3]);
}

// body(place in x, place in the filter, place in y) for every product of the convolution.
template <typename Body>
void for_each_product(const cuda::cudnn::ConvView& view, const Body& body) {
    const cuda::cudnn::Picture x = input_picture(view), filter = filter_picture(view),
                               y = output_picture(view);
    for (std::int64_t n = 0; n < y.sizes[0]; ++n)
        for (std::int64_t o = 0; o < y.sizes[1]; ++o)
            for (std::int64_t row = 0; row < y.sizes[2]; ++row)
                for (std::int64_t column = 0; column < y.sizes[3]; ++column)
                    for (std::int64_t i = 0; i < filter.sizes[1]; ++i)
                        for (std::int64_t t = 0; t < filter.sizes[2]; ++t)
                            body(place(x, n, i, row * view.stride + t, column), place(filter, o, i, t, 0),
                                 place(y, n, o, row, column));
}

}  // namespace regkit::emulator
