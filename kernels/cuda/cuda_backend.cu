// Making the back end, and its memory: floats without halo or padding.
#include <algorithm>
#include <utility>
#include <vector>

#include "kernels/base/error.hpp"
#include "kernels/cuda/backend_impl.hpp"
#include "kernels/cuda/conv/cudnn.hpp"
#include "kernels/cuda/cuda_backend.hpp"
#include "kernels/cuda/elements.hpp"
#include "kernels/cuda/hopper_trial.hpp"
#include "kernels/cuda/lstm/cudnn.hpp"
#include "kernels/cuda/tail/cublaslt.hpp"

namespace regkit {

CudaBackend::CudaBackend(const char* name, const std::string& description, int device,
                         const KernelChoice& choice, std::unique_ptr<cuda::cudnn::Engines> cudnn)
    : name_(name),
      description_(description),
      device_(device),
      choice_(choice),
      stream_(device),
      engines_(std::move(cudnn)) {
    if (!engines_) return;
    convolutions_ = std::make_unique<cuda::cudnn::Convolutions>(*engines_, stream_, scratch_);
    lstms_ = std::make_unique<cuda::cudnn::Lstms>(*engines_, stream_, scratch_);
}

CudaBackend::~CudaBackend() = default;

std::vector<std::string> CudaBackend::take_notices() {
    std::vector<std::string> notices;
    if (!notice_.empty()) notices.push_back(std::exchange(notice_, {}));
    const auto add = [&](std::vector<std::string> more) {
        for (std::string& notice : more) notices.push_back(std::move(notice));
    };
    add(std::exchange(scratch_.notices, {}));
    if (convolutions_) add(convolutions_->take_notices());
    if (lstms_) add(lstms_->take_notices());
    if (tails_) add(tails_->take_notices());
    return notices;
}

void CudaBackend::use(std::unique_ptr<cuda::cublaslt::Tails> tails) {
    tails_ = std::move(tails);
}

bool CudaBackend::has(Kernels kernels) {
    return kernels != Kernels::sm90 || cuda::uses_hopper(scratch_);
}

void CudaBackend::remember(const char* operation, Kernels kernels) {
    const std::pair<const char*, Kernels> chosen{operation, kernels};
    if (std::ranges::find(chosen_, chosen) != chosen_.end()) return;
    chosen_.push_back(chosen);
    choices_.push_back(std::string(operation) + ": computed by " + name_of(kernels));
}

std::vector<cuda::ImplementationName> cuda::implementations() {
    std::vector<ImplementationName> names;
    add_conv_names(names);
    add_lstm_names(names);
    add_tail_names(names);
    return names;
}

std::unique_ptr<Backend> make_cuda_backend(const char* name, const std::string& hardware, int device,
                                           const KernelChoice& choice) {
    std::string description = hardware + " ";
    std::unique_ptr<cuda::cudnn::Engines> cudnn;
    std::unique_ptr<cuda::cublaslt::Engine> cublaslt;
    std::string without_cublaslt;
    if (choice.allows(Kernels::cudnn)) {
        cudnn = cuda::cudnn::open_engines(device);
        description += cudnn->version_name() + " ";
    }
    if (choice.allows(Kernels::cublaslt)) {
        cublaslt = cuda::cublaslt::open_engine(without_cublaslt);
        if (cublaslt) description += cublaslt->version_name() + " ";
    }
    description += precision_name(choice == kPlainKernels ? Precision::f32 : Precision::bf16);
    // Other kernels may add up in another order.
    if (choice != kPlainKernels && choice != kTensorCoreKernels && choice != kAllKernels)
        description += " by " + text_of(choice);
    try {
        auto backend = std::make_unique<CudaBackend>(name, description, device, choice, std::move(cudnn));
        if (choice.allows(Kernels::cublaslt))
            backend->use(std::make_unique<cuda::cublaslt::Tails>(std::move(cublaslt), without_cublaslt,
                                                                 backend->scratch()));
        return backend;
    } catch (const cuda::Failure& failure) {
        throw Error(ErrorKind::resource, failure.status.message);
    }
}

namespace {

struct Fill {
    float* to;
    float value;
    __device__ void operator()(std::int64_t i) const { to[i] = value; }
};

float* begin_of(const View& view) {
    return static_cast<float*>(view.data);
}

float* begin_of(const Slice& slice) {
    return cuda::pointer_to(slice);
}

std::size_t size_of(const View& view) {
    return static_cast<std::size_t>(view.shape.size());
}

std::size_t size_of(const Slice& slice) {
    return static_cast<std::size_t>(slice.count);
}

template <typename Place>
void upload(cuda::Stream& stream, const Place& to, const float* values) {
    stream.upload(begin_of(to), values, size_of(to) * sizeof(float));
}

template <typename Place>
void upload(cuda::Stream& stream, const Place& to, const double* values) {
    std::vector<float> floats(size_of(to));
    for (std::size_t i = 0; i < floats.size(); ++i) floats[i] = static_cast<float>(values[i]);
    upload(stream, to, floats.data());
}

template <typename Place>
void download(cuda::Stream& stream, const Place& from, float* values) {
    stream.download(values, begin_of(from), size_of(from) * sizeof(float));
}

template <typename Place>
void download(cuda::Stream& stream, const Place& from, double* values) {
    std::vector<float> floats(size_of(from));
    download(stream, from, floats.data());
    for (std::size_t i = 0; i < floats.size(); ++i) values[i] = floats[i];
}

}  // namespace

Status CudaBackend::do_alloc(const Shape& shape, const Halo&, void** data) noexcept {
    return do_alloc_flat(shape.size(), data);
}

Status CudaBackend::do_alloc_flat(std::int64_t count, void** data) noexcept {
    const std::size_t bytes = static_cast<std::size_t>(count) * sizeof(float);
    void* memory = nullptr;
    const Status status = guarded([&] {
        memory = stream_.allocate(bytes);
        stream_.zero(memory, bytes);
    });
    if (status.code == Status::Code::ok)
        *data = memory;
    else
        stream_.free(memory);
    return status;
}

void CudaBackend::do_free(void* data) noexcept {
    stream_.free(data);
}

Status CudaBackend::do_write(const View& to, const float* values) noexcept {
    return guarded([&] { upload(stream_, to, values); });
}

Status CudaBackend::do_write(const View& to, const double* values) noexcept {
    return guarded([&] { upload(stream_, to, values); });
}

Status CudaBackend::do_write(const Slice& to, const float* values) noexcept {
    return guarded([&] { upload(stream_, to, values); });
}

Status CudaBackend::do_write(const Slice& to, const double* values) noexcept {
    return guarded([&] { upload(stream_, to, values); });
}

Status CudaBackend::do_read(const View& from, float* values) noexcept {
    return guarded([&] { download(stream_, from, values); });
}

Status CudaBackend::do_read(const View& from, double* values) noexcept {
    return guarded([&] { download(stream_, from, values); });
}

Status CudaBackend::do_read(const Slice& from, float* values) noexcept {
    return guarded([&] { download(stream_, from, values); });
}

Status CudaBackend::do_read(const Slice& from, double* values) noexcept {
    return guarded([&] { download(stream_, from, values); });
}

Status CudaBackend::run(const AllReduce& op) noexcept {
    Status said;
    const Status status = guarded([&] {
        said = rank_sum_.sum(cuda::pointer_to(op.from), cuda::pointer_to(op.to), op.from.count, *op.ranks);
        const bool is_well = said.code == Status::Code::ok || said.code == Status::Code::unsupported;
        if (is_well && *said.message) notice_ = said.message;
    });
    return status.code == Status::Code::ok ? said : status;
}

Status CudaBackend::do_fill(const Slice& to, float value) noexcept {
    return guarded([&] { cuda::for_each(to.count, Fill{cuda::pointer_to(to), value}); });
}

}  // namespace regkit
