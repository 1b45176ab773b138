#include <new>
#include <vector>

#include "kernels/cuda/conv.hpp"
#include "kernels/cuda/cuda_backend.hpp"
#include "kernels/cuda/runtime.hpp"

namespace regkit {

namespace {

float* device_pointer(const View& view) {
    return static_cast<float*>(view.data);
}

// Null where there is none.
float* device_pointer(const Slice& slice) {
    return slice ? static_cast<float*>(slice.data) + slice.offset : nullptr;
}

std::int64_t size_of(const View& view) {
    return view.shape.size();
}

std::int64_t size_of(const Slice& slice) {
    return slice.count;
}

cuda::ConvProblem problem_of(const Shape& x, const Shape& y, const ConvGeometry& geometry) {
    return {x.batch,        x.channels,      y.channels,        x.length,         y.length,
            geometry.width, geometry.stride, geometry.dilation, geometry.pad_left};
}

class CudaBackend final : public Backend {
  public:
    CudaBackend(const char* name, const std::string& description, int device)
        : name_(name), description_(description), device_(device) {}

    const char* name() const noexcept override { return name_; }
    const char* description() const noexcept override { return description_.c_str(); }
    bool is_complete() const noexcept override { return false; }

  private:
    Status do_alloc(const Shape& shape, const Halo&, void** data) noexcept override {
        return do_alloc_flat(shape.size(), data);
    }
    Status do_alloc_flat(std::int64_t count, void** data) noexcept override {
        const std::size_t bytes = static_cast<std::size_t>(count) * sizeof(float);
        Status status = on_device([&] { return cudaMalloc(data, bytes); });
        if (status.code != Status::Code::ok) return status;
        status = cuda::status_of(cudaMemset(*data, 0, bytes));
        if (status.code != Status::Code::ok) cudaFree(*data);
        return status;
    }
    void do_free(void* data) noexcept override { cudaFree(data); }

    Status do_write(const View& to, const float* values) noexcept override { return upload(to, values); }
    Status do_write(const View& to, const double* values) noexcept override {
        return upload_doubles(to, values);
    }
    Status do_read(const View& from, float* values) noexcept override { return download(from, values); }
    Status do_read(const View& from, double* values) noexcept override {
        return download_doubles(from, values);
    }
    Status do_write(const Slice& to, const float* values) noexcept override { return upload(to, values); }
    Status do_write(const Slice& to, const double* values) noexcept override {
        return upload_doubles(to, values);
    }
    Status do_read(const Slice& from, float* values) noexcept override { return download(from, values); }
    Status do_read(const Slice& from, double* values) noexcept override {
        return download_doubles(from, values);
    }
    Status do_fill(const Slice& to, float value) noexcept override {
        if (!to) return {};
        return started([&] { return cuda::fill(device_pointer(to), to.count, value); });
    }

    Status do_conv(const View& x, const Slice& weight, const Slice& bias, const ConvGeometry& geometry,
                   bool relu, const View& y) noexcept override {
        return started([&] {
            return cuda::conv_forward(problem_of(x.shape, y.shape, geometry), device_pointer(x),
                                      device_pointer(weight), device_pointer(bias), relu, device_pointer(y));
        });
    }
    Status do_conv_grad_input(const View& dy, const Slice& weight, const ConvGeometry& geometry,
                              bool accumulate, const View& dx) noexcept override {
        return started([&] {
            return cuda::conv_grad_input(problem_of(dx.shape, dy.shape, geometry), device_pointer(dy),
                                         device_pointer(weight), accumulate, device_pointer(dx));
        });
    }
    Status do_conv_grad_weight(const View& x, const View& dy, const ConvGeometry& geometry,
                               const Slice& d_weight, const Slice& d_bias) noexcept override {
        return started([&] {
            return cuda::conv_grad_weight(problem_of(x.shape, dy.shape, geometry), device_pointer(x),
                                          device_pointer(dy), device_pointer(d_weight),
                                          device_pointer(d_bias));
        });
    }

    // The current device belongs to the calling thread, so every call chooses it.
    template <typename Body>
    Status on_device(Body body) noexcept {
        const cudaError_t error = cudaSetDevice(device_);
        return cuda::status_of(error == cudaSuccess ? body() : error);
    }
    template <typename Body>
    Status started(Body body) noexcept {
        const Status status = on_device([] { return cudaSuccess; });
        return status.code == Status::Code::ok ? body() : status;
    }

    template <typename Place>
    Status upload(const Place& to, const float* values) noexcept {
        const std::size_t bytes = static_cast<std::size_t>(size_of(to)) * sizeof(float);
        return on_device(
            [&] { return cudaMemcpy(device_pointer(to), values, bytes, cudaMemcpyHostToDevice); });
    }
    template <typename Place>
    Status download(const Place& from, float* values) noexcept {
        const std::size_t bytes = static_cast<std::size_t>(size_of(from)) * sizeof(float);
        return on_device(
            [&] { return cudaMemcpy(values, device_pointer(from), bytes, cudaMemcpyDeviceToHost); });
    }
    template <typename Place>
    Status upload_doubles(const Place& to, const double* values) noexcept {
        return with_floats(size_of(to), [&](std::vector<float>& floats) {
            for (std::size_t i = 0; i < floats.size(); ++i) floats[i] = static_cast<float>(values[i]);
            return upload(to, floats.data());
        });
    }
    template <typename Place>
    Status download_doubles(const Place& from, double* values) noexcept {
        return with_floats(size_of(from), [&](std::vector<float>& floats) {
            const Status status = download(from, floats.data());
            for (std::size_t i = 0; i < floats.size(); ++i) values[i] = floats[i];
            return status;
        });
    }
    template <typename Body>
    Status with_floats(std::int64_t count, Body body) noexcept {
        try {
            std::vector<float> floats(static_cast<std::size_t>(count));
            return body(floats);
        } catch (const std::bad_alloc&) {
            return Status::error(Status::Code::out_of_memory, "out of host memory");
        }
    }

    const char* name_;
    std::string description_;
    int device_;
};

}  // namespace

std::unique_ptr<Backend> make_cuda_backend(const char* name, const std::string& description, int device) {
    return std::make_unique<CudaBackend>(name, description, device);
}

}  // namespace regkit
