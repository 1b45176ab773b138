// Copies go through page-locked pieces of memory. Up, the values are copied to a free piece and the host goes
// on; down, one half of a pair is filled while the host empties the other. Each operation of the back end
// announces its stream for the calling thread, which is how a launch finds it. A failure that only shows when
// memory is freed is kept, and told at the next operation.
#include <algorithm>
#include <cstring>
#include <utility>

#include "kernels/cuda/stream.hpp"

namespace regkit::cuda {

namespace {

thread_local Stream* stream_in_use = nullptr;

std::byte* allocate_pinned() {
    void* memory = nullptr;
    check(cudaMallocHost(&memory, Stream::kPieceBytes));
    return static_cast<std::byte*>(memory);
}

cudaStream_t create_stream() {
    cudaStream_t stream = nullptr;
    check(cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking));
    return stream;
}

cudaEvent_t create_event() {
    cudaEvent_t event = nullptr;
    check(cudaEventCreateWithFlags(&event, cudaEventDisableTiming));
    return event;
}

}  // namespace

cudaStream_t stream_of_operation() {
    if (!stream_in_use)
        throw Failure{
            Status::error(Status::Code::device_error, "a kernel was launched outside of an operation")};
    return stream_in_use->handle();
}

Stream::Operation::Operation(Stream& stream) : outer_(stream_in_use) {
    check(stream.lost_);
    stream_in_use = &stream;
}

Stream::Operation::~Operation() {
    stream_in_use = outer_;
}

Stream::Stream(int device) {
    check(cudaSetDevice(device));
    int minor = 0;
    check(cudaDeviceGetAttribute(&capability_, cudaDevAttrComputeCapabilityMajor, device));
    check(cudaDeviceGetAttribute(&minor, cudaDevAttrComputeCapabilityMinor, device));
    capability_ = 10 * capability_ + minor;
    handle_.reset(create_stream());
    for (Slot& slot : uploads_) {
        slot.memory.reset(allocate_pinned());
        slot.copied.reset(create_event());
    }
    for (Pinned& half : downloads_) half.reset(allocate_pinned());
}

// Results that anybody wanted were waited for, so what still fails here is nobody's.
Stream::~Stream() {
    if (handle_) cudaStreamSynchronize(handle());
}

void* Stream::allocate(std::size_t bytes) {
    void* memory = nullptr;
    check(cudaMalloc(&memory, bytes));
    return memory;
}

void Stream::free(void* memory) noexcept {
    if (!memory) return;
    const cudaError_t error = cudaStreamSynchronize(handle());
    if (lost_ == cudaSuccess) lost_ = error;
    cudaFree(memory);
}

void Stream::upload(void* to, const void* from, std::size_t bytes) {
    auto* target = static_cast<std::byte*>(to);
    auto* source = static_cast<const std::byte*>(from);
    for (std::size_t done = 0; done < bytes; done += kPieceBytes) {
        const std::size_t piece = std::min(kPieceBytes, bytes - done);
        Slot& slot = uploads_[next_];
        next_ = (next_ + 1) % kUploads;
        check(cudaEventSynchronize(slot.copied.get()));
        std::memcpy(slot.memory.get(), source + done, piece);
        check(cudaMemcpyAsync(target + done, slot.memory.get(), piece, cudaMemcpyHostToDevice, handle()));
        check(cudaEventRecord(slot.copied.get(), handle()));
    }
}

void Stream::fetch(int half, const std::byte* from, std::size_t bytes) {
    check(cudaMemcpyAsync(downloads_[half].get(), from, bytes, cudaMemcpyDeviceToHost, handle()));
}

void Stream::download(void* to, const void* from, std::size_t bytes) {
    auto* target = static_cast<std::byte*>(to);
    auto* source = static_cast<const std::byte*>(from);
    int half = 0;
    if (bytes > 0) fetch(half, source, std::min(kPieceBytes, bytes));
    for (std::size_t done = 0; done < bytes; done += kPieceBytes, half = 1 - half) {
        const std::size_t piece = std::min(kPieceBytes, bytes - done), next = done + piece;
        wait();
        if (next < bytes) fetch(1 - half, source + next, std::min(kPieceBytes, bytes - next));
        std::memcpy(target + done, downloads_[half].get(), piece);
    }
}

void Stream::zero(void* memory, std::size_t bytes) {
    check(cudaMemsetAsync(memory, 0, bytes, handle()));
}

void Stream::wait() {
    check(cudaStreamSynchronize(handle()));
}

bool Stream::is_idle() {
    const cudaError_t error = cudaStreamQuery(handle());
    if (error != cudaErrorNotReady) check(error);
    return error == cudaSuccess;
}

}  // namespace regkit::cuda
