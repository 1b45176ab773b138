// Where a back end computes: its name and its memory, which are there before any operation.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "kernels/status.hpp"
#include "kernels/tensor.hpp"

namespace regkit {

class Device {
  public:
    Device() = default;
    virtual ~Device() = default;
    Device(const Device&) = delete;
    Device& operator=(const Device&) = delete;

    // "reference", "cpu", "cuda", "emulator".
    virtual const char* name() const noexcept = 0;
    // What determines its bytes, for headers: "cpu avx512 f32", "cuda NVIDIA H100 80GB HBM3 sm_90 f32".
    virtual const char* description() const noexcept = 0;
    // Whether its values are double, not float.
    virtual bool is_double() const noexcept { return false; }
    // What there is to say about how operations were done (sums between ranks, convolutions), a line each:
    // once, then none.
    virtual std::vector<std::string> take_notices() { return {}; }
    // Which of several implementations computed an operation, a line each ("conv: computed by sm90"): when it
    // did so first, then none.
    virtual std::vector<std::string> take_choices() { return {}; }

    // Throws Error(resource) when there is not enough.
    Buffer alloc(Shape shape, Halo halo = {});
    Buffer alloc_flat(std::int64_t count);
    // Values in canonical order; writing also zeroes halo and padding.
    void write(const View& to, std::span<const float> values);
    void write(const View& to, std::span<const double> values);
    void read(const View& from, std::span<float> values);
    void read(const View& from, std::span<double> values);
    void write(const Slice& to, std::span<const float> values);
    void write(const Slice& to, std::span<const double> values);
    void read(const Slice& from, std::span<float> values);
    void read(const Slice& from, std::span<double> values);
    void fill(const Slice& to, float value);

  protected:
    // Throws Error(resource) unless the back end did as asked.
    void done(const char* operation, const Status& status) const;

  private:
    friend class Buffer;
    virtual Status do_alloc(const Shape&, const Halo&, void** data) noexcept = 0;
    virtual Status do_alloc_flat(std::int64_t count, void** data) noexcept = 0;
    virtual void do_free(void* data) noexcept = 0;
    virtual Status do_write(const View&, const float*) noexcept = 0;
    virtual Status do_write(const View&, const double*) noexcept = 0;
    virtual Status do_read(const View&, float*) noexcept = 0;
    virtual Status do_read(const View&, double*) noexcept = 0;
    virtual Status do_write(const Slice&, const float*) noexcept = 0;
    virtual Status do_write(const Slice&, const double*) noexcept = 0;
    virtual Status do_read(const Slice&, float*) noexcept = 0;
    virtual Status do_read(const Slice&, double*) noexcept = 0;
    virtual Status do_fill(const Slice&, float) noexcept = 0;
};

}  // namespace regkit
