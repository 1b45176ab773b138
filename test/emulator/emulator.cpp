#undef _FORTIFY_SOURCE  // its longjmp takes a change of stack for a fault
#include <setjmp.h>
#include <ucontext.h>

#include <algorithm>
#include <cstdlib>
#include <memory>
#include <random>
#include <stdexcept>
#include <string>
#include <vector>

#include "test/emulator/cuda_runtime.h"

#if defined(__SANITIZE_ADDRESS__)
#define REGKIT_EMULATOR_ASAN
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define REGKIT_EMULATOR_ASAN
#endif
#endif
#ifdef REGKIT_EMULATOR_ASAN
#include <sanitizer/common_interface_defs.h>
#endif

dim3 threadIdx, blockIdx, blockDim, gridDim;

// The linker's names for the ends of the section that holds every __shared__ variable.
extern "C" unsigned char __start_emulated_shared[], __stop_emulated_shared[];

namespace regkit::emulator {

namespace {

constexpr std::size_t kStackBytes = 256 << 10;
constexpr unsigned kWarpSize = 32;
constexpr std::size_t kSlotBytes = 16;
constexpr int kPoison = 0xFF;  // as float or double: NaN

Order thread_order = Order::forward;
int left_out_barrier = -1;
std::string failure;

// The stacks of a block's threads, kept from launch to launch.
std::vector<std::unique_ptr<unsigned char[]>> stacks;

// A stack and what is suspended on it. It is entered once through `context`; later changes of stack are
// jumps, which, unlike swapcontext, ask nothing of the operating system. AddressSanitizer must be told of
// every change.
struct Stack {
    ucontext_t context{};
    jmp_buf place{};
    bool entered = false;
    void* bottom = nullptr;
    std::size_t size = 0;
};

void jump(Stack& from, Stack& to) {
    if (_setjmp(from.place) != 0) return;  // back again
    if (to.entered) _longjmp(to.place, 1);
    to.entered = true;
    setcontext(&to.context);
}

void switch_stack(Stack& from, Stack& to) {
#ifdef REGKIT_EMULATOR_ASAN
    void* fake_stack = nullptr;
    __sanitizer_start_switch_fiber(&fake_stack, to.bottom, to.size);
    jump(from, to);
    __sanitizer_finish_switch_fiber(fake_stack, nullptr, nullptr);
#else
    jump(from, to);
#endif
}

enum class State { ready, at_barrier, at_warp, done };

struct Thread {
    Stack stack;
    State state = State::ready;
    dim3 index;
    unsigned number = 0;
    int barriers = 0;      // met so far
    int barrier_line = 0;  // of the source, where it waits
};

struct Warp {
    unsigned alive = 0, arrived = 0, phase = 0;
    unsigned char slot[2][kWarpSize][kSlotBytes] = {};
    bool left[2][kWarpSize] = {};  // whether the lane left something in this phase
};

class Block {
  public:
    Block(dim3 size, const std::function<void()>& body) : body_(body) {
        main_.entered = true;
        const unsigned count = size.x * size.y * size.z;
        threads_.resize(count);
        for (unsigned i = 0; i < count; ++i) {
            if (i == stacks.size())
                stacks.push_back(std::make_unique_for_overwrite<unsigned char[]>(kStackBytes));
            threads_[i].number = i;
            threads_[i].index = dim3(i % size.x, i / size.x % size.y, i / (size.x * size.y));
            order_.push_back(thread_order == Order::reverse ? count - 1 - i : i);
        }
    }

    void run() {
        std::memset(__start_emulated_shared, kPoison,
                    static_cast<std::size_t>(__stop_emulated_shared - __start_emulated_shared));
        start();
        while (alive_ > 0) {
            if (thread_order == Order::shuffled) std::shuffle(order_.begin(), order_.end(), random_);
            bool progress = false;
            for (const unsigned i : order_)
                if (threads_[i].state == State::ready) {
                    resume(threads_[i]);
                    progress = true;
                }
            if (at_barrier_ == alive_ && alive_ > 0) {
                open_barrier();
                progress = true;
            }
            if (!progress) throw std::runtime_error("deadlock: threads wait for one that never comes");
        }
    }

    Thread& current() { return *current_; }
    Warp& warp() { return warps_[current_->number / kWarpSize]; }

    void wait_at_barrier(int line) {
        current_->barrier_line = line;
        ++at_barrier_;
        suspend(State::at_barrier);
    }
    // Every live lane of the warp meets here; the last one frees the others.
    void meet_warp() {
        Warp& w = warp();
        if (++w.arrived < w.alive)
            suspend(State::at_warp);
        else
            free_warp(current_->number / kWarpSize);
    }
    // Where a thread's stack begins: the thread of this number of one block after the other.
    [[noreturn]] void enter() {
#ifdef REGKIT_EMULATOR_ASAN
        const void* bottom = nullptr;
        __sanitizer_finish_switch_fiber(nullptr, &bottom, &main_.size);
        main_.bottom = const_cast<void*>(bottom);
#endif
        while (true) run_thread();
    }

  private:
    static void entry();

    void run_thread() {
        body_();
        const unsigned warp_number = current_->number / kWarpSize;
        --alive_;
        --warps_[warp_number].alive;
        if (warps_[warp_number].arrived > 0 && warps_[warp_number].arrived == warps_[warp_number].alive)
            free_warp(warp_number);
        suspend(State::done);
    }
    void start() {
        alive_ = static_cast<unsigned>(threads_.size());
        at_barrier_ = 0;
        warps_.assign((threads_.size() + kWarpSize - 1) / kWarpSize, Warp());
        for (Thread& thread : threads_) {
            ++warps_[thread.number / kWarpSize].alive;
            thread.state = State::ready;
            thread.barriers = 0;
            if (thread.stack.entered) continue;
            thread.stack.bottom = stacks[thread.number].get();
            thread.stack.size = kStackBytes;
            getcontext(&thread.stack.context);
            thread.stack.context.uc_stack.ss_sp = thread.stack.bottom;
            thread.stack.context.uc_stack.ss_size = kStackBytes;
            thread.stack.context.uc_link = nullptr;
            makecontext(&thread.stack.context, &Block::entry, 0);
        }
    }
    void resume(Thread& thread) {
        current_ = &thread;
        threadIdx = thread.index;
        switch_stack(main_, thread.stack);
    }
    void suspend(State state) {
        Thread& thread = *current_;
        thread.state = state;
        switch_stack(thread.stack, main_);
    }
    void open_barrier() {
        const Thread* first = nullptr;
        for (Thread& thread : threads_) {
            if (thread.state != State::at_barrier) continue;
            if (first && first->barrier_line != thread.barrier_line)
                throw std::runtime_error("threads of one block wait at different barriers: lines " +
                                         std::to_string(first->barrier_line) + " and " +
                                         std::to_string(thread.barrier_line));
            first = &thread;
        }
        at_barrier_ = 0;
        for (Thread& thread : threads_)
            if (thread.state == State::at_barrier) thread.state = State::ready;
    }
    void free_warp(unsigned number) {
        Warp& w = warps_[number];
        w.arrived = 0;
        ++w.phase;
        std::memset(w.left[w.phase % 2], 0, sizeof w.left[0]);
        const std::size_t end = std::min<std::size_t>((number + 1) * kWarpSize, threads_.size());
        for (std::size_t i = number * kWarpSize; i < end; ++i)
            if (threads_[i].state == State::at_warp) threads_[i].state = State::ready;
    }

    const std::function<void()>& body_;
    std::vector<Thread> threads_;
    std::vector<Warp> warps_;
    std::vector<unsigned> order_;
    std::mt19937 random_{1};
    Stack main_;
    Thread* current_ = nullptr;
    unsigned alive_ = 0, at_barrier_ = 0;
};

Block* running = nullptr;

void Block::entry() {
    running->enter();
}

}  // namespace

void set_order(Order order) {
    thread_order = order;
}

void leave_out_barrier(int n) {
    left_out_barrier = n;
}

const char* last_failure() {
    return failure.c_str();
}

cudaError_t run_grid(dim3 grid, dim3 block_size, const std::function<void()>& thread) {
    if (block_size.x * block_size.y * block_size.z > 1024 || grid.x == 0 || grid.y == 0 || grid.z == 0 ||
        grid.y > 65535 || grid.z > 65535)
        return cudaErrorInvalidValue;
    Block block(block_size, thread);
    running = &block;
    gridDim = grid;
    blockDim = block_size;
    try {
        for (unsigned z = 0; z < grid.z; ++z)
            for (unsigned y = 0; y < grid.y; ++y)
                for (unsigned x = 0; x < grid.x; ++x) {
                    blockIdx = dim3(x, y, z);
                    block.run();
                }
    } catch (const std::runtime_error& error) {
        failure = error.what();
        stacks.clear();  // some still hold a suspended thread
        return cudaErrorLaunchFailure;
    }
    return cudaSuccess;
}

unsigned lane() {
    return running->current().number % kWarpSize;
}

void exchange(const void* own, void* result, std::size_t bytes, unsigned from) {
    if (bytes > kSlotBytes) std::abort();
    Warp& warp = running->warp();
    const unsigned phase = warp.phase % 2, mine = lane();
    std::memcpy(warp.slot[phase][mine], own, bytes);
    warp.left[phase][mine] = true;
    running->meet_warp();
    const bool exists = from < kWarpSize && warp.left[phase][from];
    std::memcpy(result, exists ? warp.slot[phase][from] : own, bytes);
}

}  // namespace regkit::emulator

// ---- what the kernels and the back end call
// ---------------------------------------------------------------------
namespace emulator = regkit::emulator;

void __syncthreads(int line) {
    if (emulator::running->current().barriers++ == emulator::left_out_barrier) return;
    emulator::running->wait_at_barrier(line);
}

void __syncwarp(unsigned) {
    emulator::running->meet_warp();
}

cudaError_t cudaMalloc(void** memory, std::size_t bytes) {
    *memory = std::malloc(bytes);
    if (!*memory) return cudaErrorMemoryAllocation;
    std::memset(*memory, emulator::kPoison, bytes);
    return cudaSuccess;
}

cudaError_t cudaFree(void* memory) {
    std::free(memory);
    return cudaSuccess;
}

cudaError_t cudaMemcpy(void* to, const void* from, std::size_t bytes, cudaMemcpyKind) {
    if (bytes > 0) std::memcpy(to, from, bytes);
    return cudaSuccess;
}

cudaError_t cudaMemset(void* memory, int value, std::size_t bytes) {
    std::memset(memory, value, bytes);
    return cudaSuccess;
}

cudaError_t cudaSetDevice(int device) {
    return device == 0 ? cudaSuccess : cudaErrorInvalidValue;
}

const char* cudaGetErrorString(cudaError_t error) {
    switch (error) {
        case cudaSuccess:
            return "no error";
        case cudaErrorMemoryAllocation:
            return "out of memory";
        case cudaErrorLaunchFailure:
            return emulator::last_failure();
        default:
            return "invalid value";
    }
}
