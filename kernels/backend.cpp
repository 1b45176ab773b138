// Memory, the layers, and what a back end reports for an operation it does not have. LSTMs are in
// backend_lstm.cpp, the tail and the optimiser in backend_tail.cpp. All are also compiled into the CUDA
// plug-in.
#include "kernels/backend.hpp"

#include <algorithm>
#include <cstring>

#include "kernels/checks.hpp"

namespace regkit {

Status Status::error(Code code, const char* text) {
    Status status;
    status.code = code;
    std::strncpy(status.message, text, sizeof status.message - 1);
    return status;
}

std::vector<std::string> Backend::take_notices() {
    std::vector<std::string> notices;
    if (!notice_.empty()) notices.push_back(std::exchange(notice_, {}));
    return notices;
}

Buffer::~Buffer() {
    if (owner_) owner_->do_free(data_);
}

// ---- memory
// -----------------------------------------------------------------------------------------------------
namespace {

// Far above any real tensor, far below what overflows when dimensions are multiplied or rounded up.
constexpr std::int64_t kMostValues = std::int64_t{1} << 46;

}  // namespace

Buffer Backend::alloc(Shape shape, Halo halo) {
    const Checks check("alloc");
    check.that(shape.batch >= 1 && shape.channels >= 1 && shape.length >= 1, "an empty shape");
    check.that(halo.left >= 0 && halo.right >= 0, "a negative halo");
    check.that(std::max({shape.batch, shape.channels, shape.length, halo.left, halo.right}) < kMostValues / 4,
               "a shape too large");
    check.that(static_cast<double>(shape.batch) * static_cast<double>(shape.channels) *
                       static_cast<double>(halo.left + shape.length + halo.right) <
                   static_cast<double>(kMostValues),
               "a shape too large");
    void* data = nullptr;
    check.done(*this, do_alloc(shape, halo, &data));
    return Buffer(this, data, shape, halo);
}

Buffer Backend::alloc_flat(std::int64_t count) {
    const Checks check("alloc_flat");
    check.that(count >= 1, "no values");
    check.that(count < kMostValues, "too many values");
    void* data = nullptr;
    check.done(*this, do_alloc_flat(count, &data));
    return Buffer(this, data, Shape{1, 1, count}, Halo{});
}

namespace {

template <typename T>
void check_transfer(const Checks& check, const View& view, std::span<T> values) {
    check.tensor("tensor", view);
    check.equal("number of host values", static_cast<std::int64_t>(values.size()), view.shape.size());
}

template <typename T>
void check_transfer(const Checks& check, const Slice& slice, std::span<T> values) {
    check.values("slice", slice, static_cast<std::int64_t>(values.size()));
}

}  // namespace

void Backend::write(const View& to, std::span<const float> values) {
    const Checks check("write");
    check_transfer(check, to, values);
    check.done(*this, do_write(to, values.data()));
}

void Backend::write(const View& to, std::span<const double> values) {
    const Checks check("write");
    check_transfer(check, to, values);
    check.done(*this, do_write(to, values.data()));
}

void Backend::read(const View& from, std::span<float> values) {
    const Checks check("read");
    check_transfer(check, from, values);
    check.done(*this, do_read(from, values.data()));
}

void Backend::read(const View& from, std::span<double> values) {
    const Checks check("read");
    check_transfer(check, from, values);
    check.done(*this, do_read(from, values.data()));
}

void Backend::write(const Slice& to, std::span<const float> values) {
    const Checks check("write");
    check_transfer(check, to, values);
    check.done(*this, do_write(to, values.data()));
}

void Backend::write(const Slice& to, std::span<const double> values) {
    const Checks check("write");
    check_transfer(check, to, values);
    check.done(*this, do_write(to, values.data()));
}

void Backend::read(const Slice& from, std::span<float> values) {
    const Checks check("read");
    check_transfer(check, from, values);
    check.done(*this, do_read(from, values.data()));
}

void Backend::read(const Slice& from, std::span<double> values) {
    const Checks check("read");
    check_transfer(check, from, values);
    check.done(*this, do_read(from, values.data()));
}

void Backend::fill(const Slice& to, float value) {
    Checks("fill").done(*this, do_fill(to, value));
}

// ---- the first layer
// --------------------------------------------------------------------------------------------
namespace {

void check_codes(const Checks& check, const Codes& codes, const View& y, const ConvGeometry& geometry) {
    check.geometry(geometry);
    check.that(codes.data && codes.batch >= 1 && codes.length >= 1, "no codes");
    check.shape("y", y, codes.batch, y.shape.channels, geometry.output_length(codes.length));
    const std::uint8_t* end = codes.data + codes.batch * codes.length;
    const std::uint8_t largest = *std::max_element(codes.data, end);
    check.that(largest < kSymbols, "a code outside 0..4");
}

// Width of the embedding.
std::int64_t check_embedding(const Checks& check, const Slice& embedding) {
    check.that(embedding.count >= kSymbols && embedding.count % kSymbols == 0,
               "the embedding's size is not a multiple of 5");
    check.values("embedding", embedding, embedding.count);
    return embedding.count / kSymbols;
}

}  // namespace

void Backend::sequence_conv(const Codes& codes, const Slice& embedding, const Slice& weight,
                            const Slice& bias, const ConvGeometry& geometry, bool relu, const View& y) {
    const Checks check("sequence_conv");
    check_codes(check, codes, y, geometry);
    const std::int64_t dim = check_embedding(check, embedding);
    check.values("weight", weight, y.shape.channels * dim * geometry.width);
    check.optional("bias", bias, y.shape.channels);
    check.done(*this, do_sequence_conv(codes, embedding, weight, bias, geometry, relu, y));
}

void Backend::sequence_conv_grad(const Codes& codes, const View& dy, const Slice& embedding,
                                 const Slice& weight, const ConvGeometry& geometry, const Slice& d_embedding,
                                 const Slice& d_weight, const Slice& d_bias) {
    const Checks check("sequence_conv_grad");
    check_codes(check, codes, dy, geometry);
    const std::int64_t dim = check_embedding(check, embedding);
    check.values("weight", weight, dy.shape.channels * dim * geometry.width);
    check.optional("d_embedding", d_embedding, embedding.count);
    check.values("d_weight", d_weight, weight.count);
    check.optional("d_bias", d_bias, dy.shape.channels);
    check.done(*this,
               do_sequence_conv_grad(codes, dy, embedding, weight, geometry, d_embedding, d_weight, d_bias));
}

void Backend::embed(const Codes& codes, const Slice& embedding, const View& y) {
    const Checks check("embed");
    const std::int64_t dim = check_embedding(check, embedding);
    check_codes(check, codes, y, ConvGeometry{});
    check.equal("channels of y", y.shape.channels, dim);
    check.done(*this, do_embed(codes, embedding, y));
}

// ---- convolution
// ------------------------------------------------------------------------------------------------
namespace {

void check_conv(const Checks& check, const View& x, const char* y_name, const View& y,
                const ConvGeometry& geometry) {
    check.geometry(geometry);
    check.tensor("x", x);
    check.shape(y_name, y, x.shape.batch, y.shape.channels, geometry.output_length(x.shape.length));
}

}  // namespace

void Backend::conv(const View& x, const Slice& weight, const Slice& bias, const ConvGeometry& geometry,
                   bool relu, const View& y) {
    const Checks check("conv");
    check_conv(check, x, "y", y, geometry);
    check.halo("x", x, geometry.pad_left, geometry.pad_right);
    check.values("weight", weight, y.shape.channels * x.shape.channels * geometry.width);
    check.optional("bias", bias, y.shape.channels);
    check.done(*this, do_conv(x, weight, bias, geometry, relu, y));
}

void Backend::conv_grad_input(const View& dy, const Slice& weight, const ConvGeometry& geometry,
                              bool accumulate, const View& dx) {
    const Checks check("conv_grad_input");
    check_conv(check, dx, "dy", dy, geometry);
    if (geometry.stride == 1) {
        const Halo needed = geometry.gradient_halo();
        check.halo("dy", dy, needed.left, needed.right);
    }
    check.values("weight", weight, dy.shape.channels * dx.shape.channels * geometry.width);
    check.done(*this, do_conv_grad_input(dy, weight, geometry, accumulate, dx));
}

void Backend::conv_grad_weight(const View& x, const View& dy, const ConvGeometry& geometry,
                               const Slice& d_weight, const Slice& d_bias) {
    const Checks check("conv_grad_weight");
    check_conv(check, x, "dy", dy, geometry);
    check.halo("x", x, geometry.pad_left, geometry.pad_right);
    check.values("d_weight", d_weight, dy.shape.channels * x.shape.channels * geometry.width);
    check.optional("d_bias", d_bias, dy.shape.channels);
    check.done(*this, do_conv_grad_weight(x, dy, geometry, d_weight, d_bias));
}

// ---- flatten and dense
// ----------------------------------------------------------------------------------------------
namespace {

void check_flat(const Checks& check, const View& x, const char* y_name, const View& y) {
    check.tensor("x", x);
    check.shape(y_name, y, 1, y.shape.channels, x.shape.batch);
}

}  // namespace

void Backend::flat_dense(const View& x, const Slice& weight, const Slice& bias, bool relu, const View& y) {
    const Checks check("flat_dense");
    check_flat(check, x, "y", y);
    check.values("weight", weight, y.shape.channels * x.shape.channels * x.shape.length);
    check.optional("bias", bias, y.shape.channels);
    check.done(*this, do_flat_dense(x, weight, bias, relu, y));
}

void Backend::flat_dense_grad_input(const View& dy, const Slice& weight, bool accumulate, const View& dx) {
    const Checks check("flat_dense_grad_input");
    check_flat(check, dx, "dy", dy);
    check.values("weight", weight, dy.shape.channels * dx.shape.channels * dx.shape.length);
    check.done(*this, do_flat_dense_grad_input(dy, weight, accumulate, dx));
}

void Backend::flat_dense_grad_weight(const View& x, const View& dy, const Slice& d_weight,
                                     const Slice& d_bias) {
    const Checks check("flat_dense_grad_weight");
    check_flat(check, x, "dy", dy);
    check.values("d_weight", d_weight, dy.shape.channels * x.shape.channels * x.shape.length);
    check.optional("d_bias", d_bias, dy.shape.channels);
    check.done(*this, do_flat_dense_grad_weight(x, dy, d_weight, d_bias));
}

void Backend::flatten(const View& x, const View& y) {
    const Checks check("flatten");
    check.tensor("x", x);
    check.shape("y", y, 1, x.shape.channels * x.shape.length, x.shape.batch);
    check.done(*this, do_flatten(x, y));
}

void Backend::flatten_grad(const View& dy, bool accumulate, const View& dx) {
    const Checks check("flatten_grad");
    check.tensor("dx", dx);
    check.shape("dy", dy, 1, dx.shape.channels * dx.shape.length, dx.shape.batch);
    check.done(*this, do_flatten_grad(dy, accumulate, dx));
}

// ---- up-convolution
// ---------------------------------------------------------------------------------------------
namespace {

void check_up_conv(const Checks& check, const View& x, const char* y_name, const View& y, int stride) {
    check.that(stride >= 1, "stride below 1");
    check.tensor("x", x);
    check.shape(y_name, y, x.shape.batch, y.shape.channels, x.shape.length * stride);
}

}  // namespace

void Backend::up_conv(const View& x, const Slice& weight, const Slice& bias, int stride, bool relu,
                      const View& y) {
    const Checks check("up_conv");
    check_up_conv(check, x, "y", y, stride);
    check.values("weight", weight, x.shape.channels * y.shape.channels * stride);
    check.optional("bias", bias, y.shape.channels);
    check.done(*this, do_up_conv(x, weight, bias, stride, relu, y));
}

void Backend::up_conv_grad_input(const View& dy, const Slice& weight, int stride, bool accumulate,
                                 const View& dx) {
    const Checks check("up_conv_grad_input");
    check_up_conv(check, dx, "dy", dy, stride);
    check.values("weight", weight, dx.shape.channels * dy.shape.channels * stride);
    check.done(*this, do_up_conv_grad_input(dy, weight, stride, accumulate, dx));
}

void Backend::up_conv_grad_weight(const View& x, const View& dy, int stride, const Slice& d_weight,
                                  const Slice& d_bias) {
    const Checks check("up_conv_grad_weight");
    check_up_conv(check, x, "dy", dy, stride);
    check.values("d_weight", d_weight, x.shape.channels * dy.shape.channels * stride);
    check.optional("d_bias", d_bias, dy.shape.channels);
    check.done(*this, do_up_conv_grad_weight(x, dy, stride, d_weight, d_bias));
}

// ---- normalisation, activation, dropout
// -------------------------------------------------------------------------
namespace {

void check_norm(const Checks& check, const Norm* norm, std::int64_t channels) {
    if (!norm) return;
    check.values("mean", norm->mean, channels);
    check.values("var", norm->var, channels);
    check.values("gamma", norm->gamma, channels);
    check.values("beta", norm->beta, channels);
    check.that(norm->eps > 0, "eps is not positive");
}

}  // namespace

void Backend::moments(const View& x, const Slice& mean, const Slice& var) {
    const Checks check("moments");
    check.tensor("x", x);
    check.values("mean", mean, x.shape.channels);
    check.values("var", var, x.shape.channels);
    check.done(*this, do_moments(x, mean, var));
}

void Backend::update_running(const Slice& mean, const Slice& var, std::int64_t count, float momentum,
                             const Slice& running_mean, const Slice& running_var) {
    const Checks check("update_running");
    check.that(count >= 2, "batch statistics need more than one value per channel");
    check.that(momentum >= 0 && momentum <= 1, "momentum is outside [0, 1]");
    check.values("var", var, mean.count);
    check.values("running_mean", running_mean, mean.count);
    check.values("running_var", running_var, mean.count);
    check.done(*this, do_update_running(mean, var, count, momentum, running_mean, running_var));
}

void Backend::norm_act(const View& x, const Norm* norm, bool relu, const Dropout& dropout, const View& y) {
    const Checks check("norm_act");
    check.tensor("x", x);
    check.shape("y", y, x.shape);
    check_norm(check, norm, x.shape.channels);
    check.dropout(dropout);
    check.done(*this, do_norm_act(x, norm, relu, dropout, y));
}

void Backend::norm_act_grad(const View& x, const View& dy, const Norm* norm, bool relu,
                            const Dropout& dropout, const View& dx, const Slice& d_gamma,
                            const Slice& d_beta) {
    const Checks check("norm_act_grad");
    check.tensor("x", x);
    check.shape("dy", dy, x.shape);
    check.shape("dx", dx, x.shape);
    check_norm(check, norm, x.shape.channels);
    check.dropout(dropout);
    check.values("d_gamma", d_gamma, norm ? x.shape.channels : 0);
    check.values("d_beta", d_beta, norm ? x.shape.channels : 0);
    check.done(*this, do_norm_act_grad(x, dy, norm, relu, dropout, dx, d_gamma, d_beta, true));
}

void Backend::act_grad(const View& x, const View& dy, const Norm& norm, bool relu, const Dropout& dropout,
                       const View& dx, const Slice& d_gamma, const Slice& d_beta) {
    const Checks check("act_grad");
    check.tensor("x", x);
    check.shape("dy", dy, x.shape);
    check.shape("dx", dx, x.shape);
    check_norm(check, &norm, x.shape.channels);
    check.dropout(dropout);
    check.values("d_gamma", d_gamma, x.shape.channels);
    check.values("d_beta", d_beta, x.shape.channels);
    check.done(*this, do_norm_act_grad(x, dy, &norm, relu, dropout, dx, d_gamma, d_beta, false));
}

void Backend::norm_grad(const View& x, const Norm& norm, const Slice& sum_gamma, const Slice& sum_beta,
                        std::int64_t count, const View& dx) {
    const Checks check("norm_grad");
    check.tensor("x", x);
    check.shape("dx", dx, x.shape);
    check_norm(check, &norm, x.shape.channels);
    check.values("sum_gamma", sum_gamma, x.shape.channels);
    check.values("sum_beta", sum_beta, x.shape.channels);
    check.that(count >= x.shape.batch * x.shape.length, "the whole batch is smaller than its part");
    check.done(*this, do_norm_grad(x, norm, sum_gamma, sum_beta, count, dx));
}

// ---- pool, add
// --------------------------------------------------------------------------------------------------
void Backend::pool(const View& x, const PoolGeometry& geometry, const View& y) {
    const Checks check("pool");
    check.geometry(geometry);
    check.tensor("x", x);
    check.shape("y", y, x.shape.batch, x.shape.channels, geometry.output_length(x.shape.length));
    check.done(*this, do_pool(x, geometry, y));
}

void Backend::pool_grad(const View& x, const View& dy, const PoolGeometry& geometry, bool accumulate,
                        const View& dx) {
    const Checks check("pool_grad");
    check.geometry(geometry);
    check.tensor("x", x);
    check.shape("dy", dy, x.shape.batch, x.shape.channels, geometry.output_length(x.shape.length));
    check.shape("dx", dx, x.shape);
    check.done(*this, do_pool_grad(x, dy, geometry, accumulate, dx));
}

void Backend::add(const View& x, const View& y) {
    const Checks check("add");
    check.tensor("x", x);
    check.shape("y", y, x.shape);
    check.done(*this, do_add(x, y));
}

void Backend::copy_channels(const View& x, int x_begin, const View& y, int y_begin, int count,
                            bool accumulate) {
    const Checks check("copy_channels");
    check.tensor("x", x);
    check.shape("y", y, x.shape.batch, y.shape.channels, x.shape.length);
    check.that(count >= 1 && x_begin >= 0 && y_begin >= 0, "channels below 0, or none");
    check.that(x_begin <= x.shape.channels - count && y_begin <= y.shape.channels - count,
               "channels outside the tensor");
    check.done(*this, do_copy_channels(x, x_begin, y, y_begin, count, accumulate));
}

}  // namespace regkit
