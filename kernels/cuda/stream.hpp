// The queue of a back end's work on its device. Every copy, fill and launch goes to one stream and runs there
// in the order in which it was asked for, while the host goes on with what comes next; the host waits only
// for what it reads, and for memory that it gives back.
//
// The stream is a non-blocking one: beside it, work on CUDA's default stream would run in no order at all. So
// there is no other way to the device than this class and launch() (runtime.hpp), which finds the stream of
// the operation that the calling thread is in; test/layers.sh refuses CUDA's own calls anywhere else, and the
// emulator has none that would block or use the default stream.
#pragma once

#include <cstddef>
#include <memory>

#include "kernels/cuda/runtime.hpp"

namespace regkit::cuda {

class Stream {
  public:
    // Copies between host and device pass through page-locked memory, a piece of at most so many bytes at a
    // time.
    static constexpr std::size_t kPieceBytes = std::size_t{512} << 10;
    // Pieces on their way up at once: a step of training uploads four times (codes, runs and offsets of
    // labels, codes again for the gradient), and so is queued without a wait.
    static constexpr int kUploads = 4;

    // On this device, which becomes the calling thread's current one. Throws Failure, as do all functions but
    // free().
    explicit Stream(int device);
    Stream(const Stream&) = delete;
    Stream& operator=(const Stream&) = delete;
    ~Stream();

    // What the calling thread launches goes to `stream` until this object ends. Throws what free() met.
    class Operation {
      public:
        explicit Operation(Stream& stream);
        Operation(const Operation&) = delete;
        Operation& operator=(const Operation&) = delete;
        ~Operation();

      private:
        Stream* outer_;
    };

    // For libraries that queue work of their own.
    cudaStream_t handle() const { return handle_.get(); }
    // Compute capability of its device: 90 is 9.0.
    int capability() const { return capability_; }

    // Device memory, undefined; free() takes it back once nothing that was queued can use it. What goes wrong
    // before that is kept, and thrown by the next Operation.
    void* allocate(std::size_t bytes);
    void free(void* memory) noexcept;

    // Host memory to the device. Returns when `from` may change, which is before the copy has come so far.
    void upload(void* to, const void* from, std::size_t bytes);
    // Waits for what was queued before.
    void download(void* to, const void* from, std::size_t bytes);
    void zero(void* memory, std::size_t bytes);
    // For all that was queued; throws what any of it did wrong.
    void wait();
    // Whether all that was queued has run; throws as wait().
    bool is_idle();

  private:
    struct Delete {
        void operator()(cudaStream_t stream) const { cudaStreamDestroy(stream); }
        void operator()(cudaEvent_t event) const { cudaEventDestroy(event); }
        void operator()(std::byte* pinned) const { cudaFreeHost(pinned); }
    };
    using Pinned = std::unique_ptr<std::byte, Delete>;

    struct Slot {
        Pinned memory;
        std::unique_ptr<CUevent_st, Delete> copied;  // the last copy from `memory` has run
    };

    void fetch(int half, const std::byte* from, std::size_t bytes);

    int capability_;
    cudaError_t lost_ = cudaSuccess;
    std::unique_ptr<CUstream_st, Delete> handle_;
    Slot uploads_[kUploads];
    int next_ = 0;         // upload's slot
    Pinned downloads_[2];  // one is filled while the other is emptied
};

}  // namespace regkit::cuda
