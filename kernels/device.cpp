#include "kernels/device.hpp"

#include <algorithm>
#include <string>

#include "kernels/base/error.hpp"
#include "kernels/ops/checks.hpp"

namespace regkit {

Buffer::~Buffer() {
    if (owner_) owner_->do_free(data_);
}

namespace {

// Far above any real tensor, far below what overflows when dimensions are multiplied or rounded up.
constexpr std::int64_t kMostValues = std::int64_t{1} << 46;

}  // namespace

void Device::done(const char* operation, const Status& status) const {
    if (status.code == Status::Code::ok) return;
    const char* const advice = status.code == Status::Code::out_of_memory ? "; use smaller batches or tiles"
                               : status.code == Status::Code::device_error
                                   ? "; the device is lost to this run: start it again, or use --device cpu"
                                   : "";
    throw Error(ErrorKind::resource, std::string(name()) + ": " + operation + ": " + status.message + advice);
}

Buffer Device::alloc(Shape shape, Halo halo) {
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
    done("alloc", do_alloc(shape, halo, &data));
    return Buffer(this, data, shape, halo);
}

Buffer Device::alloc_flat(std::int64_t count) {
    const Checks check("alloc_flat");
    check.that(count >= 1, "no values");
    check.that(count < kMostValues, "too many values");
    void* data = nullptr;
    done("alloc_flat", do_alloc_flat(count, &data));
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

void Device::write(const View& to, std::span<const float> values) {
    const Checks check("write");
    check_transfer(check, to, values);
    done("write", do_write(to, values.data()));
}

void Device::write(const View& to, std::span<const double> values) {
    const Checks check("write");
    check_transfer(check, to, values);
    done("write", do_write(to, values.data()));
}

void Device::read(const View& from, std::span<float> values) {
    const Checks check("read");
    check_transfer(check, from, values);
    done("read", do_read(from, values.data()));
}

void Device::read(const View& from, std::span<double> values) {
    const Checks check("read");
    check_transfer(check, from, values);
    done("read", do_read(from, values.data()));
}

void Device::write(const Slice& to, std::span<const float> values) {
    const Checks check("write");
    check_transfer(check, to, values);
    done("write", do_write(to, values.data()));
}

void Device::write(const Slice& to, std::span<const double> values) {
    const Checks check("write");
    check_transfer(check, to, values);
    done("write", do_write(to, values.data()));
}

void Device::read(const Slice& from, std::span<float> values) {
    const Checks check("read");
    check_transfer(check, from, values);
    done("read", do_read(from, values.data()));
}

void Device::read(const Slice& from, std::span<double> values) {
    const Checks check("read");
    check_transfer(check, from, values);
    done("read", do_read(from, values.data()));
}

void Device::fill(const Slice& to, float value) {
    done("fill", do_fill(to, value));
}

}  // namespace regkit
