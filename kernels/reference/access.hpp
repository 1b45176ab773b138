// How the reference back end sees its memory: elements by index, nothing else.
#pragma once

#include <cmath>
#include <cstddef>
#include <new>

#include "kernels/backend.hpp"

namespace regkit::reference {

// A flat array; false where there is none.
struct Flat {
    double* data;
    std::int64_t count;

    explicit Flat(const Slice& slice)
        : data(slice ? static_cast<double*>(slice.data) + slice.offset : nullptr), count(slice.count) {}
    explicit operator bool() const { return data != nullptr; }
    double& operator[](std::int64_t i) const { return data[i]; }
};

struct Tensor {
    double* data;
    std::int64_t batch, channels, length;

    explicit Tensor(const View& view)
        : data(static_cast<double*>(view.data)),
          batch(view.shape.batch),
          channels(view.shape.channels),
          length(view.shape.length) {}
    double& operator()(std::int64_t sample, std::int64_t channel, std::int64_t position) const {
        return data[(sample * channels + channel) * length + position];
    }
    bool holds(std::int64_t position) const { return position >= 0 && position < length; }
    // The value, or 0 outside the row.
    double padded(std::int64_t sample, std::int64_t channel, std::int64_t position) const {
        return holds(position) ? (*this)(sample, channel, position) : 0.0;
    }
    void clear() const {
        for (std::int64_t i = 0; i < batch * channels * length; ++i) data[i] = 0.0;
    }
    // body(sample, channel, position) for every element.
    template <typename Body>
    void each(Body body) const {
        for (std::int64_t s = 0; s < batch; ++s)
            for (std::int64_t c = 0; c < channels; ++c)
                for (std::int64_t p = 0; p < length; ++p) body(s, c, p);
    }
};

// NaN stays NaN: training must see it.
inline double relu(double value) {
    return value <= 0 ? 0.0 : value;
}

// Both without overflow at either end.
inline double sigmoid(double z) {
    return z > 0 ? 1 / (1 + std::exp(-z)) : std::exp(z) / (1 + std::exp(z));
}
inline double softplus(double z) {
    return z > 0 ? z + std::log1p(std::exp(-z)) : std::log1p(std::exp(z));
}

// The factor of one element under a layer's dropout: 0 or 1 / P(survive); 1 when it is off.
inline double dropout_at(const Dropout& dropout, std::int64_t sample, std::int64_t channel,
                         std::int64_t position) {
    if (dropout.rate == 0) return 1.0;
    const std::int64_t r = dropout.interleave;
    position += dropout.first;
    return dropout_factor(dropout_key(dropout), dropout.sample + static_cast<std::uint32_t>(sample),
                          channel * r + position % r, position / r);
}

// Runs a body that may need memory of its own inside a noexcept operation.
template <typename Body>
Status guarded(Body body) noexcept {
    try {
        body();
        return {};
    } catch (const std::bad_alloc&) {
        return Status::error(Status::Code::out_of_memory, "out of memory");
    }
}

}  // namespace regkit::reference
