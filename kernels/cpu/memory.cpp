// Allocation, and copies between rows and the host's canonical order.
#include <sys/mman.h>

#include <cstdlib>
#include <cstring>

#include "kernels/cpu/backend_impl.hpp"

namespace regkit {

using cpu::floats;
using cpu::Rows;
using cpu::rows_of;

namespace {

// Large buffers ask for huge pages: a step walks tens of MB, and 4 KiB pages would spend it in page table
// look-ups.
Status allocate(std::int64_t count, void** data) {
    constexpr std::size_t kHuge = std::size_t{1} << 21;
    const std::size_t alignment = static_cast<std::size_t>(count) * sizeof(float) >= 2 * kHuge ? kHuge : 64;
    const std::size_t bytes =
        (static_cast<std::size_t>(count) * sizeof(float) + alignment - 1) / alignment * alignment;
    *data = std::aligned_alloc(alignment, bytes);
    if (!*data) return Status::error(Status::Code::out_of_memory, "out of memory");
    if (alignment == kHuge) madvise(*data, bytes, MADV_HUGEPAGE);
    std::memset(*data, 0, bytes);
    return {};
}

template <typename T>
void write_rows(const Rows& rows, const T* values) {
    for (std::int64_t s = 0; s < rows.batch; ++s)
        for (std::int64_t c = 0; c < rows.channels; ++c, values += rows.length) {
            float* const row = rows.row(s, c);
            for (std::int64_t p = 0; p < rows.length; ++p) row[p] = static_cast<float>(values[p]);
            rows.zero_edges(row);
        }
}

template <typename T>
void read_rows(const Rows& rows, T* values) {
    for (std::int64_t s = 0; s < rows.batch; ++s)
        for (std::int64_t c = 0; c < rows.channels; ++c, values += rows.length) {
            const float* const row = rows.row(s, c);
            for (std::int64_t p = 0; p < rows.length; ++p) values[p] = static_cast<T>(row[p]);
        }
}

template <typename From, typename To>
void copy(const From* from, std::int64_t count, To* to) {
    for (std::int64_t i = 0; i < count; ++i) to[i] = static_cast<To>(from[i]);
}

}  // namespace

Status CpuBackend::do_alloc(const Shape& shape, const Halo& halo, void** data) noexcept {
    return allocate(cpu::floats_of(shape, halo), data);
}

Status CpuBackend::do_alloc_flat(std::int64_t count, void** data) noexcept {
    return allocate(count, data);
}

void CpuBackend::do_free(void* data) noexcept {
    packed_weights_.forget(data);
    std::free(data);
}

Status CpuBackend::do_write(const View& to, const float* values) noexcept {
    write_rows(rows_of(to), values);
    return {};
}

Status CpuBackend::do_write(const View& to, const double* values) noexcept {
    write_rows(rows_of(to), values);
    return {};
}

Status CpuBackend::do_read(const View& from, float* values) noexcept {
    read_rows(rows_of(from), values);
    return {};
}

Status CpuBackend::do_read(const View& from, double* values) noexcept {
    read_rows(rows_of(from), values);
    return {};
}

Status CpuBackend::do_write(const Slice& to, const float* values) noexcept {
    packed_weights_.forget(to.data);
    copy(values, to.count, floats(to));
    return {};
}

Status CpuBackend::do_write(const Slice& to, const double* values) noexcept {
    packed_weights_.forget(to.data);
    copy(values, to.count, floats(to));
    return {};
}

Status CpuBackend::do_read(const Slice& from, float* values) noexcept {
    copy(floats(from), from.count, values);
    return {};
}

Status CpuBackend::do_read(const Slice& from, double* values) noexcept {
    copy(floats(from), from.count, values);
    return {};
}

Status CpuBackend::do_fill(const Slice& to, float value) noexcept {
    packed_weights_.forget(to.data);
    std::fill_n(floats(to), to.count, value);
    return {};
}

}  // namespace regkit
