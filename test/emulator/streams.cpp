// Streams, events, and what is queued on them. Nothing runs by itself: each call that waits runs what it
// waits for, and, where that is asked for, each call that queues something runs all of it, or some by chance.
#include "test/emulator/streams.hpp"

#include <cstdlib>
#include <deque>
#include <map>
#include <memory>
#include <random>
#include <set>
#include <thread>

namespace regkit::emulator {

namespace {

class Stream;

struct Registry {
    std::set<const Stream*> streams;
    std::map<std::uintptr_t, std::size_t> pinned;  // page-locked memory: where it begins, its size
    std::mt19937 random{1};
    Waits waits;
};

Registry& registry() {
    static Registry only;
    return only;
}

class Stream final : public CUstream_st {
  public:
    Stream() { registry().streams.insert(this); }
    ~Stream() { registry().streams.erase(this); }

    cudaError_t queue(Work work) override {
        work_.push_back(std::move(work));
        const CopyTime time = copy_time();
        while (time == CopyTime::at_once || (time == CopyTime::by_chance && registry().random() % 2 == 0))
            if (!advance()) break;
        return cudaSuccess;
    }
    bool is_idle() const { return work_.empty(); }
    // Runs what comes next; false when there is nothing, or it cannot go on.
    bool advance() {
        if (work_.empty()) return false;
        const cudaError_t error = work_.front()();
        if (error == cudaErrorNotReady) return false;
        if (error != cudaSuccess) {
            lose_device(error);
            work_.clear();
            return true;
        }
        work_.pop_front();
        return true;
    }
    // Until `done` or idle.
    template <typename Done>
    void run_until(const Done& done) {
        while (!is_idle() && !done())
            if (!advance()) std::this_thread::yield();
    }

  private:
    std::deque<Work> work_;
};

Stream& own(cudaStream_t stream) {
    return *static_cast<Stream*>(stream);
}

bool is_pinned(const void* memory, std::size_t bytes) {
    const auto begin = reinterpret_cast<std::uintptr_t>(memory);
    auto after = registry().pinned.upper_bound(begin);
    if (after == registry().pinned.begin()) return false;
    const auto& [place, size] = *--after;
    return begin + bytes <= place + size;
}

}  // namespace

bool is_all_idle() {
    for (const Stream* stream : registry().streams)
        if (!stream->is_idle()) return false;
    return true;
}

Waits waits() {
    return registry().waits;
}

}  // namespace regkit::emulator

namespace emulator = regkit::emulator;

struct CUevent_st {
    // Outlives the event where its mark is still queued.
    struct Times {
        int asked = 0, reached = 0;
    };
    std::shared_ptr<Times> times = std::make_shared<Times>();
    cudaStream_t stream = nullptr;
};

cudaError_t cudaMallocHost(void** memory, std::size_t bytes) {
    *memory = nullptr;
    const cudaError_t error = emulator::injected("cudaMallocHost");
    if (error != cudaSuccess) return error;
    *memory = std::malloc(bytes);
    if (!*memory) return cudaErrorMemoryAllocation;
    std::memset(*memory, emulator::kPoison, bytes);
    emulator::registry().pinned[reinterpret_cast<std::uintptr_t>(*memory)] = bytes;
    return cudaSuccess;
}

cudaError_t cudaFreeHost(void* memory) {
    emulator::registry().pinned.erase(reinterpret_cast<std::uintptr_t>(memory));
    std::free(memory);
    return emulator::injected("cudaFreeHost");
}

cudaError_t cudaStreamCreateWithFlags(cudaStream_t* stream, unsigned flags) {
    *stream = nullptr;
    const cudaError_t error = emulator::injected("cudaStreamCreateWithFlags");
    if (error != cudaSuccess) return error;
    if (flags != cudaStreamNonBlocking) return cudaErrorInvalidValue;
    *stream = new emulator::Stream;
    return cudaSuccess;
}

// What is still queued will never run.
cudaError_t cudaStreamDestroy(cudaStream_t stream) {
    delete &emulator::own(stream);
    return emulator::injected("cudaStreamDestroy");
}

cudaError_t cudaStreamSynchronize(cudaStream_t stream) {
    const cudaError_t error = emulator::injected("cudaStreamSynchronize");
    if (error != cudaSuccess || emulator::is_left_out("cudaStreamSynchronize")) return error;
    if (!emulator::own(stream).is_idle()) ++emulator::registry().waits.stream;
    emulator::own(stream).run_until([] { return false; });
    return emulator::injected("");
}

// Each call comes a step further.
cudaError_t cudaStreamQuery(cudaStream_t stream) {
    cudaError_t error = emulator::injected("cudaStreamQuery");
    if (error != cudaSuccess) return error;
    emulator::own(stream).advance();
    error = emulator::injected("");
    if (error != cudaSuccess) return error;
    return emulator::own(stream).is_idle() ? cudaSuccess : cudaErrorNotReady;
}

cudaError_t cudaEventCreateWithFlags(cudaEvent_t* event, unsigned flags) {
    *event = nullptr;
    const cudaError_t error = emulator::injected("cudaEventCreateWithFlags");
    if (error != cudaSuccess) return error;
    if (flags != cudaEventDisableTiming) return cudaErrorInvalidValue;
    *event = new CUevent_st;
    return cudaSuccess;
}

cudaError_t cudaEventDestroy(cudaEvent_t event) {
    delete event;
    return emulator::injected("cudaEventDestroy");
}

cudaError_t cudaEventRecord(cudaEvent_t event, cudaStream_t stream) {
    const cudaError_t error = emulator::injected("cudaEventRecord");
    if (error != cudaSuccess) return error;
    if (!stream) return cudaErrorInvalidResourceHandle;
    event->stream = stream;
    return stream->queue([times = event->times, number = ++event->times->asked] {
        times->reached = number;
        return cudaSuccess;
    });
}

cudaError_t cudaEventSynchronize(cudaEvent_t event) {
    const cudaError_t error = emulator::injected("cudaEventSynchronize");
    if (error != cudaSuccess || emulator::is_left_out("cudaEventSynchronize")) return error;
    const auto is_reached = [&] { return event->times->reached == event->times->asked; };
    if (is_reached()) return cudaSuccess;
    ++emulator::registry().waits.event;
    emulator::own(event->stream).run_until(is_reached);
    return emulator::injected("");
}

cudaError_t cudaMemcpyAsync(void* to, const void* from, std::size_t bytes, cudaMemcpyKind kind,
                            cudaStream_t stream) {
    const cudaError_t error = emulator::injected("cudaMemcpyAsync");
    if (error != cudaSuccess) return error;
    if (!stream) return cudaErrorInvalidResourceHandle;
    if (!emulator::is_pinned(kind == cudaMemcpyHostToDevice ? from : to, bytes)) return cudaErrorInvalidValue;
    return stream->queue([=] {
        if (bytes > 0) std::memcpy(to, from, bytes);
        return cudaSuccess;
    });
}

cudaError_t cudaMemsetAsync(void* memory, int value, std::size_t bytes, cudaStream_t stream) {
    const cudaError_t error = emulator::injected("cudaMemsetAsync");
    if (error != cudaSuccess) return error;
    if (!stream) return cudaErrorInvalidResourceHandle;
    return stream->queue([=] {
        if (bytes > 0) std::memset(memory, value, bytes);
        return cudaSuccess;
    });
}
