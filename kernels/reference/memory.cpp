// Making the reference back end, and its memory: plain arrays of doubles in canonical order, so that reading
// and writing are a conversion, element by element. A halo that is asked for is left out: the loops test
// every position.
#include "kernels/reference/access.hpp"
#include "kernels/reference/reference_backend.hpp"

namespace regkit {

std::unique_ptr<Backend> make_reference_backend() {
    return std::make_unique<ReferenceBackend>();
}

Status ReferenceBackend::do_alloc(const Shape& shape, const Halo&, void** data) noexcept {
    return do_alloc_flat(shape.size(), data);
}

Status ReferenceBackend::do_alloc_flat(std::int64_t count, void** data) noexcept {
    *data = new (std::nothrow) double[static_cast<std::size_t>(count)]();
    return *data ? Status{} : Status::error(Status::Code::out_of_memory, "out of memory");
}

void ReferenceBackend::do_free(void* data) noexcept {
    delete[] static_cast<double*>(data);
}

namespace {

template <typename From, typename To>
Status copy(const From* from, To* to, std::int64_t count) {
    for (std::int64_t i = 0; i < count; ++i) to[i] = static_cast<To>(from[i]);
    return {};
}

double* values_of(const View& view) {
    return static_cast<double*>(view.data);
}

double* values_of(const Slice& slice) {
    return static_cast<double*>(slice.data) + slice.offset;
}

}  // namespace

Status ReferenceBackend::do_write(const View& to, const float* values) noexcept {
    return copy(values, values_of(to), to.shape.size());
}

Status ReferenceBackend::do_write(const View& to, const double* values) noexcept {
    return copy(values, values_of(to), to.shape.size());
}

Status ReferenceBackend::do_read(const View& from, float* values) noexcept {
    return copy(values_of(from), values, from.shape.size());
}

Status ReferenceBackend::do_read(const View& from, double* values) noexcept {
    return copy(values_of(from), values, from.shape.size());
}

Status ReferenceBackend::do_write(const Slice& to, const float* values) noexcept {
    return copy(values, values_of(to), to.count);
}

Status ReferenceBackend::do_write(const Slice& to, const double* values) noexcept {
    return copy(values, values_of(to), to.count);
}

Status ReferenceBackend::do_read(const Slice& from, float* values) noexcept {
    return copy(values_of(from), values, from.count);
}

Status ReferenceBackend::do_read(const Slice& from, double* values) noexcept {
    return copy(values_of(from), values, from.count);
}

Status ReferenceBackend::do_fill(const Slice& to, float value) noexcept {
    for (std::int64_t i = 0; i < to.count; ++i) values_of(to)[i] = value;
    return {};
}

}  // namespace regkit
