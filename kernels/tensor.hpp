// Shapes, borrowed views and owned buffers. Plain data: these cross the boundary to the CUDA plug-in.
//
// A tensor is (batch, channels, length). Where its elements lie in memory is the back end's own business: the
// host reads and writes in canonical order ([batch][channel][position], position fastest) through Device
// only.
#pragma once

#include <cstdint>
#include <utility>

namespace regkit {

class Device;

struct Shape {
    std::int64_t batch = 1;
    std::int64_t channels = 1;
    std::int64_t length = 1;

    std::int64_t size() const { return batch * channels * length; }
    bool operator==(const Shape&) const = default;
};

// Positions beyond either end of a row that a consumer may read as zero. Known when a buffer is allocated;
// the operation that writes a tensor also writes its halo (and whatever padding the back end's layout adds).
struct Halo {
    std::int64_t left = 0;
    std::int64_t right = 0;
    bool operator==(const Halo&) const = default;
};

// A borrowed tensor. `data` belongs to a Buffer that must outlive it.
struct View {
    void* data = nullptr;
    Shape shape;
    Halo halo;
};

// A borrowed range of a flat array: parameters, gradients, moments, statistics, scalars. count = 0 stands for
// "none".
struct Slice {
    void* data = nullptr;
    std::int64_t offset = 0;
    std::int64_t count = 0;
    bool constant = false;  // Buffer::set_constant

    explicit operator bool() const { return count > 0; }
    Slice at(std::int64_t begin, std::int64_t n) const { return {data, offset + begin, n, constant}; }
};

// Owned memory on a back end; move-only; must not outlive its Device. Made by Device::alloc and alloc_flat,
// zeroed.
class Buffer {
  public:
    Buffer() = default;
    Buffer(Device* owner, void* data, Shape shape, Halo halo)
        : owner_(owner), data_(data), shape_(shape), halo_(halo) {}
    Buffer(Buffer&& other) noexcept { swap(other); }
    Buffer& operator=(Buffer&& other) noexcept {
        Buffer(std::move(other)).swap(*this);
        return *this;
    }
    Buffer(const Buffer&) = delete;
    Buffer& operator=(const Buffer&) = delete;
    ~Buffer();

    const Shape& shape() const { return shape_; }
    explicit operator bool() const { return data_ != nullptr; }

    // The whole tensor.
    View view() const { return {data_, shape_, halo_}; }
    // The same memory seen as a smaller tensor (fewer samples, shorter rows); every dimension at most the
    // allocated one. Its contents are undefined until an operation writes them.
    View view(std::int64_t batch, std::int64_t length) const {
        return {data_, {batch, shape_.channels, length}, halo_};
    }
    // A flat array (alloc_flat): the whole, or a range of it.
    Slice slice() const { return {data_, 0, shape_.length, constant_}; }
    Slice slice(std::int64_t offset, std::int64_t count) const { return {data_, offset, count, constant_}; }

    // From now on no operation writes to this flat array, only Device::write and fill do: a back end may keep
    // what it makes of the values, such as weights in the order in which it reads them.
    void set_constant() { constant_ = true; }

  private:
    void swap(Buffer& other) noexcept {
        std::swap(owner_, other.owner_);
        std::swap(data_, other.data_);
        std::swap(shape_, other.shape_);
        std::swap(halo_, other.halo_);
        std::swap(constant_, other.constant_);
    }
    Device* owner_ = nullptr;
    void* data_ = nullptr;
    Shape shape_{0, 0, 0};
    Halo halo_;
    bool constant_ = false;
};

}  // namespace regkit
