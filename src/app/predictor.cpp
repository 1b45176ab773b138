#include "app/predictor.hpp"

#include <algorithm>
#include <vector>

#include "base/error.hpp"
#include "io/fasta.hpp"
#include "nn/network.hpp"

namespace regkit {
namespace {

std::int64_t round_up(std::int64_t value, std::int64_t unit) {
    return (value + unit - 1) / unit * unit;
}

std::int64_t round_down(std::int64_t value, std::int64_t unit) {
    return value / unit * unit;
}

// Row r of `from` ([rows][from_length]) is cut to positions [begin, begin + to_length).
void copy_rows(std::span<const float> from, std::int64_t from_length, std::int64_t begin, std::int64_t to_length,
               std::span<float> to) {
    const std::int64_t rows = static_cast<std::int64_t>(from.size()) / from_length;
    for (std::int64_t r = 0; r < rows; ++r)
        std::copy_n(from.data() + r * from_length + begin, to_length, to.data() + r * to_length);
}

}  // namespace

struct Predictor::Impl {
    Impl(const Model& model, Backend& backend, const PredictorOptions& how)
        : options(how), network(model.spec, static_cast<int>(model.markers.size()), backend) {
        network.load(model.tensors);
        stride = network.summary().stride;
        left = round_up(network.summary().context_left, stride);
        right = round_up(network.summary().context_right, stride);
        // The reverse strand sees the same stretch from its other end.
        if (options.rc_average) left = right = std::max(left, right);
        require(options.tile > 0, ErrorKind::usage, "the tile must have at least one base");
        options.tile = round_up(options.tile, stride);
    }

    PredictorOptions options;
    Network network;
    std::int64_t stride = 1, left = 0, right = 0;
    // Reused from tile to tile: pages of a fresh array cost more than filling it.
    std::vector<std::uint8_t> codes, reversed;
    std::vector<float> values, other, trimmed;

    // Predicts positions [begin, end) (multiples of the stride) of `batch` rows of `length` codes (likewise) into
    // `values`, both strands where asked for.
    void infer(std::int64_t batch, std::int64_t length, std::int64_t begin, std::int64_t end);
    void add_reverse(std::int64_t batch, std::int64_t length, std::int64_t begin, std::int64_t end);
    void predict_tile(std::int64_t length, std::int64_t begin, std::int64_t end, const FetchCodes& fetch,
                      const TileSink& sink);
};

void Predictor::Impl::infer(std::int64_t batch, std::int64_t length, std::int64_t begin, std::int64_t end) {
    values.resize(static_cast<std::size_t>(batch * network.markers() * (end - begin)));
    network.infer({codes.data(), batch, length}, begin, end, options.output, values);
    if (options.rc_average) add_reverse(batch, length, begin, end);
}

// The reverse strand is cut into the same stride cells as the forward one: the stretch begins and ends on multiples of
// the stride (of the contig), so its reverse complement does too, wherever a tile begins.
void Predictor::Impl::add_reverse(std::int64_t batch, std::int64_t length, std::int64_t begin, std::int64_t end) {
    reversed = codes;
    for (std::int64_t b = 0; b < batch; ++b)
        reverse_complement({reversed.data() + b * length, static_cast<std::size_t>(length)});
    other.resize(values.size());
    network.infer({reversed.data(), batch, length}, length - end, length - begin, options.output, other);
    const auto row = static_cast<std::size_t>(end - begin);
    for (std::size_t first = 0; first < values.size(); first += row)
        for (std::size_t i = 0; i < row; ++i)
            values[first + i] = 0.5f * (values[first + i] + other[first + row - 1 - i]);
}

// [begin, end) lies inside one tile. The trunk runs over the halo too, or up to the contig's end, where the model saw
// zeros in training as well.
void Predictor::Impl::predict_tile(std::int64_t length, std::int64_t begin, std::int64_t end, const FetchCodes& fetch,
                                   const TileSink& sink) {
    const std::int64_t cell_begin = round_down(begin, stride);
    const std::int64_t cell_end = round_up(end, stride);
    const std::int64_t from = std::max<std::int64_t>(0, cell_begin - left);
    const std::int64_t to = std::min(cell_end + right, round_up(length, stride));
    const std::int64_t known = std::min(to, length);
    codes.assign(static_cast<std::size_t>(to - from), kCodeN);
    fetch(from, known, {codes.data(), static_cast<std::size_t>(known - from)});
    infer(1, to - from, cell_begin - from, cell_end - from);

    const std::span<const std::uint8_t> bases(codes.data() + (begin - from), static_cast<std::size_t>(end - begin));
    if (begin == cell_begin && end == cell_end) {
        sink(begin, end, bases, values);
        return;
    }
    trimmed.resize(static_cast<std::size_t>((end - begin) * network.markers()));
    copy_rows(values, cell_end - cell_begin, begin - cell_begin, end - begin, trimmed);
    sink(begin, end, bases, trimmed);
}

Predictor::Predictor(const Model& model, Backend& backend, const PredictorOptions& options)
    : impl_(std::make_unique<Impl>(model, backend, options)) {}
Predictor::~Predictor() = default;
Predictor::Predictor(Predictor&&) noexcept = default;

int Predictor::markers() const {
    return impl_->network.markers();
}

int Predictor::stride() const {
    return static_cast<int>(impl_->stride);
}

std::int64_t Predictor::halo_left() const {
    return impl_->left;
}

std::int64_t Predictor::halo_right() const {
    return impl_->right;
}

void Predictor::predict(std::int64_t length, std::int64_t begin, std::int64_t end, const FetchCodes& fetch,
                        const TileSink& sink) {
    require(begin >= 0 && begin <= end && end <= length, ErrorKind::usage,
            "positions to predict lie outside the contig");
    const std::int64_t tile = impl_->options.tile;
    while (begin < end) {
        const std::int64_t stop = std::min(end, round_down(begin, tile) + tile);
        impl_->predict_tile(length, begin, stop, fetch, sink);
        begin = stop;
    }
}

void Predictor::predict_windows(const Codes& windows, std::span<float> values) {
    Impl& p = *impl_;
    require(windows.batch > 0 && windows.length > 0, ErrorKind::usage, "there is no window to predict");
    require(static_cast<std::int64_t>(values.size()) == windows.batch * markers() * windows.length, ErrorKind::usage,
            "the room for the windows' values has another size");
    const std::int64_t padded = round_up(windows.length, p.stride);
    p.codes.assign(static_cast<std::size_t>(windows.batch * padded), kCodeN);
    for (std::int64_t b = 0; b < windows.batch; ++b)
        std::copy_n(windows.data + b * windows.length, windows.length, p.codes.data() + b * padded);
    p.infer(windows.batch, padded, 0, padded);
    copy_rows(p.values, padded, 0, windows.length, values);
}

}  // namespace regkit
