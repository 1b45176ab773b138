#undef _FORTIFY_SOURCE  // its longjmp takes a change of stack for a fault
#include <setjmp.h>
#include <ucontext.h>

#include <algorithm>
#include <cstdlib>
#include <deque>
#include <map>
#include <memory>
#include <new>
#include <random>
#include <stdexcept>
#include <string>
#include <vector>

#include "kernels/cuda/hopper.hpp"
#include "test/emulator/block.hpp"

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
constexpr std::size_t kFreeShared = 48 << 10;         // bytes a block may have without asking
constexpr std::size_t kMostShared = 163 << 10;        // on sm_80 ...
constexpr std::size_t kMostSharedHopper = 227 << 10;  // ... and on sm_90

struct Settings {
    Order thread_order = Order::forward;
    CopyTime copy_time = CopyTime::at_wait;
    int left_out_barrier = -1;
    int left_out_wait = -1;
};
Settings settings;
std::map<const void*, std::size_t> allowed_shared;
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

enum class State { ready, at_barrier, at_warp, waiting, done, failed };

struct Copy {
    cuda::Bf16* to;
    const cuda::Bf16* from;  // null: zeroes
    bool done = false;

    void run() {
        for (int i = 0; !done && i < cuda::kCopied; ++i) to[i] = from ? from[i] : cuda::Bf16{0};
        done = true;
    }
};
using CopyGroup = std::vector<Copy>;

struct Thread {
    Stack stack;
    State state = State::ready;
    dim3 index;
    unsigned number = 0;
    int barriers = 0;      // met so far
    int barrier_line = 0;  // of the source, where it waits
    int waits = 0;         // for copies, met so far
    CopyGroup copies;      // not committed yet
    std::deque<CopyGroup> groups;
    std::function<bool()> until;  // what a waiting thread waits for
};

constexpr const char* kTooFewLanes = "a collective of 32 lanes in a warp of which some have ended";
using Combine = void (*)(WarpSlots& slots);

struct Warp {
    unsigned alive = 0, arrived = 0, phase = 0;
    Combine combine = nullptr;  // of the collective where lanes wait
    WarpSlots slots[2] = {};
    bool left[2][kWarpSize] = {};  // whether the lane left something in this phase
};

class Block {
  public:
    Block(dim3 size, std::size_t shared, const std::function<void()>& body) : body_(body), shared_(shared) {
        main_.entered = true;
        const unsigned count = size.x * size.y * size.z;
        threads_.resize(count);
        for (unsigned i = 0; i < count; ++i) {
            if (i == stacks.size())
                stacks.push_back(std::make_unique_for_overwrite<unsigned char[]>(kStackBytes));
            threads_[i].number = i;
            threads_[i].index = dim3(i % size.x, i / size.x % size.y, i / (size.x * size.y));
            order_.push_back(settings.thread_order == Order::reverse ? count - 1 - i : i);
        }
    }

    void run() {
        std::memset(__start_emulated_shared, kPoison,
                    static_cast<std::size_t>(__stop_emulated_shared - __start_emulated_shared));
        if (shared_.size > 0) std::memset(shared_.data, kPoison, shared_.size);
        start();
        while (alive_ > 0) {
            if (settings.thread_order == Order::shuffled) std::shuffle(order_.begin(), order_.end(), random_);
            bool progress = false;
            for (std::size_t i = 0; i < order_.size(); i += kWarpSize)
                while (resume_some(i)) {
                    progress = true;
                    if (settings.thread_order == Order::shuffled) break;
                }
            if (at_barrier_ == alive_ && alive_ > 0) {
                open_barrier();
                progress = true;
            }
            if (!progress && !advance_hopper())
                throw std::runtime_error("deadlock: threads wait for one that never comes");
        }
        if (const char* const undone = undone_by_hopper_block()) throw std::runtime_error(undone);
    }

    Thread& current() { return *current_; }
    Warp& warp() { return warps_[current_->number / kWarpSize]; }
    SharedMemory shared() { return {shared_.data, shared_.size}; }
    bool toss() { return random_() % 2 == 0; }

    [[noreturn]] void fail(const char* what) {
        failure_ = what;
        suspend(State::failed);
        std::abort();  // a failed block is not resumed
    }

    void wait_at_barrier(int line) {
        current_->barrier_line = line;
        ++at_barrier_;
        suspend(State::at_barrier);
    }
    void wait_until(std::function<bool()> condition) {
        if (condition()) return;
        current_->until = std::move(condition);
        suspend(State::waiting);
    }
    // Frees the others when as many as `threads` are here.
    void wait_at_part_barrier(int id, unsigned threads) {
        PartBarrier& barrier = part_barriers_[id];
        if (barrier.arrived > 0 && barrier.threads != threads)
            fail("threads meet at one barrier that they think of different sizes");
        barrier.threads = threads;
        if (++barrier.arrived == threads) {
            barrier.arrived = 0;
            ++barrier.opened;
            return;
        }
        wait_until([&barrier, opened = barrier.opened] { return barrier.opened != opened; });
    }
    // Every live lane of the warp meets here; the last one frees the others.
    void meet_warp(Combine combine = nullptr) {
        Warp& w = warp();
        if (w.arrived > 0 && w.combine != combine) fail("lanes of one warp meet in different collectives");
        w.combine = combine;
        if (++w.arrived < w.alive) return suspend(State::at_warp);
        if (combine && w.alive < kWarpSize) fail(kTooFewLanes);
        if (combine) combine(w.slots[w.phase % 2]);
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
        wait_for_empty_groups();
        if (const char* const undone = undone_by_hopper_thread()) fail(undone);
        const unsigned warp_number = current_->number / kWarpSize;
        if (warps_[warp_number].arrived > 0 && warps_[warp_number].combine) fail(kTooFewLanes);
        --alive_;
        --warps_[warp_number].alive;
        if (warps_[warp_number].arrived > 0 && warps_[warp_number].arrived == warps_[warp_number].alive)
            free_warp(warp_number);
        suspend(State::done);
    }
    void wait_for_empty_groups() {
        const auto is_empty = [](const CopyGroup& group) { return group.empty(); };
        if (!current_->copies.empty() ||
            !std::all_of(current_->groups.begin(), current_->groups.end(), is_empty))
            fail("a thread ends with copies that it did not wait for");
        current_->groups.clear();
    }
    void start() {
        alive_ = static_cast<unsigned>(threads_.size());
        at_barrier_ = 0;
        part_barriers_.clear();
        begin_hopper_block();
        warps_.assign((threads_.size() + kWarpSize - 1) / kWarpSize, Warp());
        for (Thread& thread : threads_) {
            ++warps_[thread.number / kWarpSize].alive;
            thread.state = State::ready;
            thread.barriers = 0;
            thread.waits = 0;
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
    // Resumes those of a warp's number of threads, from the i-th in order, that are ready. Repeated, it takes
    // a warp as far as it goes before another begins: what lacks a barrier reads what was not yet written.
    bool resume_some(std::size_t i) {
        bool progress = false;
        for (const std::size_t end = std::min(i + kWarpSize, order_.size()); i < end; ++i) {
            Thread& thread = threads_[order_[i]];
            if (thread.state == State::waiting && thread.until()) thread.state = State::ready;
            if (thread.state != State::ready) continue;
            resume(thread);
            if (!failure_.empty()) throw std::runtime_error(failure_);
            progress = true;
        }
        return progress;
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

    // Of its exact size, so that AddressSanitizer sees every access outside it.
    struct Shared {
        explicit Shared(std::size_t bytes) : size(bytes) {
            void* memory = nullptr;
            if (bytes > 0 && posix_memalign(&memory, kAlignment, bytes) != 0) throw std::bad_alloc();
            data = static_cast<unsigned char*>(memory);
        }
        Shared(const Shared&) = delete;
        Shared& operator=(const Shared&) = delete;
        ~Shared() { std::free(data); }
        static constexpr std::size_t kAlignment = 128;
        unsigned char* data;
        std::size_t size;
    };

    struct PartBarrier {
        unsigned arrived = 0, threads = 0, opened = 0;
    };

    const std::function<void()>& body_;
    Shared shared_;
    std::map<int, PartBarrier> part_barriers_;
    std::string failure_;  // of the thread that ran last
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
    settings.thread_order = order;
}

void leave_out_barrier(int n) {
    settings.left_out_barrier = n;
}

void set_copy_time(CopyTime time) {
    settings.copy_time = time;
}

CopyTime copy_time() {
    return settings.copy_time;
}

void leave_out_wait(int n) {
    settings.left_out_wait = n;
}

cudaError_t allow_shared(const void* kernel, int bytes) {
    const std::size_t most = machine().capability >= 90 ? kMostSharedHopper : kMostShared;
    if (bytes < 0 || static_cast<std::size_t>(bytes) > most) return cudaErrorInvalidValue;
    allowed_shared[kernel] = static_cast<std::size_t>(bytes);
    return cudaSuccess;
}

bool is_shared_allowed(const void* kernel, std::size_t bytes) {
    const auto asked = allowed_shared.find(kernel);
    return bytes <= kFreeShared || (asked != allowed_shared.end() && bytes <= asked->second);
}

const char* last_failure() {
    return failure.c_str();
}

namespace {

cudaError_t run_grid(dim3 grid, dim3 block_size, std::size_t shared, const std::function<void()>& thread) {
    Block block(block_size, shared, thread);
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

}  // namespace

cudaError_t queue_grid(cudaStream_t stream, dim3 grid, dim3 block, std::size_t shared,
                       std::function<void()> thread) {
    if (!stream) return cudaErrorInvalidResourceHandle;
    if (block.x * block.y * block.z > 1024 || grid.x == 0 || grid.y == 0 || grid.z == 0 || grid.y > 65535 ||
        grid.z > 65535)
        return cudaErrorInvalidValue;
    return stream->queue([=, then = settings] {
        cudaError_t error = injected("kernel");
        if (error != cudaSuccess) return error;
        const Settings now = std::exchange(settings, then);
        error = run_grid(grid, block, shared, thread);
        settings = now;
        return error;
    });
}

unsigned lane() {
    return running->current().number % kWarpSize;
}

void exchange(const void* own, void* result, std::size_t bytes, unsigned from) {
    Warp& warp = running->warp();
    const unsigned phase = warp.phase % 2, mine = lane();
    std::memcpy(warp.slots[phase].lane[mine], own, bytes);
    warp.left[phase][mine] = true;
    running->meet_warp();
    const bool exists = from < kWarpSize && warp.left[phase][from];
    std::memcpy(result, exists ? warp.slots[phase].lane[from] : own, bytes);
}

namespace {

void vote_all(WarpSlots& slots) {
    unsigned votes = 0;
    for (unsigned l = 0; l < kWarpSize; ++l) votes |= unsigned{slots.lane[l][0]} << l;
    for (auto& slot : slots.lane) std::memcpy(slot, &votes, sizeof votes);
}

}  // namespace

void meet(const void* own, std::size_t bytes, Combine combine, void* result, std::size_t result_bytes) {
    Warp& warp = running->warp();
    unsigned char* const slot = warp.slots[warp.phase % 2].lane[lane()];
    std::memcpy(slot, own, bytes);
    running->meet_warp(combine);
    std::memcpy(result, slot, result_bytes);
}

void fail(const char* what) {
    running->fail(what);
}

unsigned thread_number() {
    return running->current().number;
}

SharedMemory shared_memory() {
    return running->shared();
}

bool is_due_at_once() {
    return settings.copy_time == CopyTime::at_once ||
           (settings.copy_time == CopyTime::by_chance && running->toss());
}

bool is_wait_left_out() {
    return running->current().waits++ == settings.left_out_wait;
}

void wait_until(std::function<bool()> condition) {
    running->wait_until(std::move(condition));
}

}  // namespace regkit::emulator

// ---- copies and shared memory of kernels/cuda/tensor_core.hpp
// ---------------------------------------------------
namespace regkit::cuda {

void copy_async(Bf16* shared, const Bf16* global, bool inside) {
    if (reinterpret_cast<std::uintptr_t>(shared) % 16 != 0 ||
        reinterpret_cast<std::uintptr_t>(global) % 16 != 0)
        emulator::fail("an asynchronous copy at an address that is no multiple of 16");
    emulator::Copy copy{shared, inside ? global : nullptr};
    if (emulator::is_due_at_once()) copy.run();
    // Kept even so: what nobody waits for is an error at any time.
    emulator::running->current().copies.push_back(copy);
}

void commit_copies() {
    emulator::Thread& thread = emulator::running->current();
    thread.groups.push_back(std::move(thread.copies));
    thread.copies.clear();
}

void wait_copies_of_emulator(int pending) {
    if (emulator::is_wait_left_out()) return;
    emulator::Thread& thread = emulator::running->current();
    while (thread.groups.size() > static_cast<std::size_t>(pending)) {
        for (emulator::Copy& copy : thread.groups.front()) copy.run();
        thread.groups.pop_front();
    }
}

unsigned char* dynamic_shared() {
    return emulator::running->shared().data;
}

void meet_of_emulator(int id, int threads) {
    if (emulator::running->current().barriers++ == emulator::settings.left_out_barrier) return;
    emulator::running->wait_at_part_barrier(id, static_cast<unsigned>(threads));
}

}  // namespace regkit::cuda

// ---- what kernels call
namespace emulator = regkit::emulator;

void __syncthreads(int line) {
    if (emulator::running->current().barriers++ == emulator::settings.left_out_barrier) return;
    emulator::running->wait_at_barrier(line);
}

void __syncwarp(unsigned) {
    emulator::running->meet_warp();
}

unsigned __ballot_sync(unsigned, int predicate) {
    const unsigned own = predicate != 0;
    unsigned votes = 0;
    emulator::meet(&own, sizeof own, emulator::vote_all, &votes, sizeof votes);
    return votes;
}
