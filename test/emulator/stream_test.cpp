// The back end's stream: what is copied through it arrives, whatever the device is still busy with; what a
// queued kernel did wrong is told; and a wait that is missing shows.
#include "kernels/cuda/stream.hpp"

#include <doctest/doctest.h>

#include <cstring>
#include <numeric>
#include <string>
#include <vector>

#include "kernels/cuda/elements.hpp"
#include "test/emulator/emulator_backend.hpp"
#include "test/kernels/harness.hpp"

using namespace regkit;
using cuda::Failure;
using cuda::Stream;
using emulator::Order;

namespace {

constexpr Order kOrders[] = {Order::forward, Order::reverse, Order::shuffled};
constexpr std::size_t kPieceFloats = Stream::kPieceBytes / sizeof(float);

// Back to what the other tests begin with.
struct Restored {
    ~Restored() {
        emulator::leave_out_calls("");
        emulator::use_order(Order::forward);
        emulator::inject("", 0, cudaSuccess);
    }
};

struct Negate {
    const float* from;
    float* to;
    __device__ void operator()(std::int64_t i) const { to[i] = -from[i]; }
};

struct DeviceFloats {
    DeviceFloats(Stream& on, std::size_t count)
        : stream(on), data(static_cast<float*>(on.allocate(count * sizeof(float)))) {}
    DeviceFloats(const DeviceFloats&) = delete;
    ~DeviceFloats() { stream.free(data); }
    Stream& stream;
    float* data;
};

std::vector<float> downloaded(Stream& stream, const DeviceFloats& from, std::size_t count) {
    std::vector<float> values(count);
    stream.download(values.data(), from.data, count * sizeof(float));
    return values;
}

// 3 kUploads uploads, each from the same host array, and between them kernels that make the device late.
std::vector<float> upload_many() {
    constexpr std::size_t kTimes = 3 * Stream::kUploads, kCount = 50;
    Stream stream(0);
    const Stream::Operation operation(stream);
    const DeviceFloats uploaded(stream, kTimes * kCount), negated(stream, kTimes * kCount);
    std::vector<float> host(kCount);
    for (std::size_t time = 0; time < kTimes; ++time) {
        std::iota(host.begin(), host.end(), static_cast<float>(time * kCount));
        stream.upload(uploaded.data + time * kCount, host.data(), kCount * sizeof(float));
        cuda::for_each(kCount, Negate{uploaded.data + time * kCount, negated.data + time * kCount});
    }
    return downloaded(stream, negated, kTimes * kCount);
}

// An array of several pieces and a rest, up and down.
std::vector<float> there_and_back(std::size_t count) {
    Stream stream(0);
    const Stream::Operation operation(stream);
    const DeviceFloats uploaded(stream, count), negated(stream, count);
    std::vector<float> host(count);
    std::iota(host.begin(), host.end(), 0.0f);
    stream.upload(uploaded.data, host.data(), count * sizeof(float));
    cuda::for_each(static_cast<std::int64_t>(count), Negate{uploaded.data, negated.data});
    return downloaded(stream, negated, count);
}

std::vector<float> negatives(std::size_t count) {
    std::vector<float> values(count);
    for (std::size_t i = 0; i < count; ++i) values[i] = -static_cast<float>(i);
    return values;
}

__global__ void never_meet() {
    if (threadIdx.x % 2 == 0)
        __syncthreads();
    else
        __syncthreads();
}

// Of what `body` throws; empty where it throws nothing.
template <typename Body>
std::string failure_of(const Body& body) {
    try {
        body();
    } catch (const Failure& failure) {
        CHECK(failure.status.code == Status::Code::device_error);
        return failure.status.message;
    }
    return "";
}

}  // namespace

TEST_CASE("stream: uploads and downloads arrive, however late the device is") {
    const Restored restored;
    for (const Order order : kOrders) {
        emulator::use_order(order);
        CHECK(upload_many() == negatives(3 * Stream::kUploads * 50));
        for (const std::size_t count : {std::size_t{1}, kPieceFloats, 5 * kPieceFloats + 77})
            CHECK(there_and_back(count) == negatives(count));
    }
}

TEST_CASE("stream: a slot filled before the copy from it has run shows") {
    const Restored restored;
    emulator::leave_out_calls("cudaEventSynchronize");
    CHECK(upload_many() != negatives(3 * Stream::kUploads * 50));
    CHECK(there_and_back(5 * kPieceFloats) != negatives(5 * kPieceFloats));
}

TEST_CASE("stream: a result read before the wait shows") {
    const Restored restored;
    emulator::leave_out_calls("cudaStreamSynchronize");
    CHECK(there_and_back(1) != negatives(1));
    CHECK(upload_many() != negatives(3 * Stream::kUploads * 50));
}

TEST_CASE("stream: uploads do not wait while there are slots, downloads always do") {
    const Restored restored;
    emulator::use_order(Order::forward);
    Stream stream(0);
    const Stream::Operation operation(stream);
    const float one = 1;
    float back = 0;
    const DeviceFloats memory(stream, 1);
    const emulator::Waits before = emulator::waits();
    for (int i = 0; i < Stream::kUploads; ++i) stream.upload(memory.data, &one, sizeof one);
    CHECK(emulator::waits().event == before.event);
    CHECK(emulator::waits().stream == before.stream);
    stream.upload(memory.data, &one, sizeof one);
    CHECK(emulator::waits().event == before.event + 1);
    stream.zero(memory.data, sizeof one);
    stream.download(&back, memory.data, sizeof back);
    CHECK(back == 0);
    CHECK(emulator::waits().stream == before.stream + 1);
}

TEST_CASE("stream: what a queued kernel did wrong is told at the next wait, and from then on") {
    const Restored restored;
    for (const Order order : kOrders) {
        emulator::use_order(order);
        emulator::revive_device();
        Stream stream(0);
        float value = 0;
        void* const memory = stream.allocate(sizeof value);
        {
            const Stream::Operation operation(stream);
            cuda::launch(never_meet, dim3(1), dim3(32));  // returns before it runs, or has run
        }
        const auto read = [&] { stream.download(&value, memory, sizeof value); };
        CHECK(failure_of(read).find("different barriers") != std::string::npos);
        CHECK(failure_of([&] { stream.wait(); }).find("different barriers") != std::string::npos);
        CHECK(
            failure_of([&] { const Stream::Operation operation(stream); }).empty());  // it waits for nothing
        stream.free(memory);
        CHECK(failure_of([&] { const Stream::Operation operation(stream); }) != "");
    }
}

// free() has nobody to tell.
TEST_CASE("stream: what free() meets is told to the next operation, even by a device that recovers") {
    const Restored restored;
    emulator::use_order(Order::forward);
    Stream stream(0);
    void* const memory = stream.allocate(4);
    {
        const Stream::Operation operation(stream);
        cuda::launch(never_meet, dim3(1), dim3(32));
    }
    stream.free(memory);
    emulator::revive_device();
    CHECK(failure_of([&] { const Stream::Operation operation(stream); }).find("different barriers") !=
          std::string::npos);
}

TEST_CASE("stream: memory that is given back is waited for") {
    const Restored restored;
    emulator::use_order(Order::forward);
    Stream stream(0);
    const Stream::Operation operation(stream);
    const DeviceFloats kept(stream, 1);
    void* const passing = stream.allocate(sizeof(float));
    const float seven = 7;
    stream.upload(passing, &seven, sizeof seven);
    stream.wait();
    cuda::for_each(1, Negate{static_cast<float*>(passing), kept.data});
    stream.free(passing);
    CHECK(downloaded(stream, kept, 1)[0] == -7);
}

TEST_CASE("stream: launches outside of an operation, and the default stream, are refused") {
    const Restored restored;
    CHECK(failure_of([] { cuda::launch(never_meet, dim3(1), dim3(1)); }).find("outside of an operation") !=
          std::string::npos);
    CHECK(cudaLaunchKernel(never_meet, dim3(1), dim3(1), nullptr, 0, nullptr) ==
          cudaErrorInvalidResourceHandle);
    CHECK(cudaMemsetAsync(nullptr, 0, 0, nullptr) == cudaErrorInvalidResourceHandle);
    Stream stream(0);
    float pageable = 0;
    void* const memory = stream.allocate(sizeof pageable);
    CHECK(cudaMemcpyAsync(memory, &pageable, sizeof pageable, cudaMemcpyHostToDevice, stream.handle()) ==
          cudaErrorInvalidValue);
    stream.free(memory);
}

TEST_CASE("stream: a back end that cannot have one says why") {
    const Restored restored;
    for (const char* const call :
         {"cudaMallocHost", "cudaStreamCreateWithFlags", "cudaEventCreateWithFlags"}) {
        emulator::inject(call, 1, cudaErrorMemoryAllocation);
        CHECK_THROWS_WITH(make_emulator_backend(Order::forward), "out of memory");
    }
}
