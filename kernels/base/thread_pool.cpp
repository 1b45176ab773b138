// How the threads share a loop: a call of run() is a round, in which each thread takes the next task from one
// counter until none is left; the caller works too. A thread that comes late takes no part, and after a task
// has thrown no further one is begun. Between rounds threads sleep on a condition variable; where that was
// asked for and there is a processor for each they spin for a moment first, because rounds follow each other
// within microseconds and waking takes longer than many a round.
#include "kernels/base/thread_pool.hpp"

#include <sched.h>

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <exception>
#include <mutex>
#include <new>
#include <string>
#include <system_error>
#include <thread>
#include <vector>

#include "kernels/base/error.hpp"

namespace regkit {

namespace {

// Rounds follow each other within microseconds, and a thread that sleeps takes longer than many a round to
// wake.
constexpr int kSpins = 1000;  // some 20 microseconds

void pause() {
#if defined(__x86_64__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    asm volatile("yield");
#endif
}

int processors() {
    cpu_set_t set;
    CPU_ZERO(&set);
    if (sched_getaffinity(0, sizeof set, &set) == 0) return std::max(1, CPU_COUNT(&set));
    return static_cast<int>(std::max(1u, std::thread::hardware_concurrency()));
}

}  // namespace

struct ThreadPool::State {
    std::mutex mutex;
    std::condition_variable wake, done;
    std::vector<std::thread> threads;
    int spins = 0;
    // The rest changes under the mutex; what is atomic is read without it too.
    const std::function<void(std::int64_t, int)>* body = nullptr;
    std::int64_t tasks = 0;
    std::atomic<std::int64_t> next{0};
    std::atomic<std::uint64_t> round{0};
    std::atomic<int> busy{0};  // threads at work in this round; who comes when nothing is left takes no part
    std::atomic<bool> stop{false};
    std::exception_ptr failure;

    template <typename Condition>
    void spin(const Condition& until) const {
        for (int i = 0; i < spins && !until(); ++i) pause();
    }

    void work(int worker) {
        try {
            for (std::int64_t task; (task = next.fetch_add(1)) < tasks;) (*body)(task, worker);
        } catch (...) {
            const std::lock_guard lock(mutex);
            if (!failure) failure = std::current_exception();
            next = tasks;  // the others finish what they hold and take nothing new
        }
    }

    void end() {
        {
            const std::lock_guard lock(mutex);
            stop = true;
        }
        wake.notify_all();
        for (auto& thread : threads) thread.join();
    }

    void loop(int worker) {
        for (std::uint64_t seen = 0;;) {
            const auto called = [&] { return stop || round != seen; };
            spin(called);
            {
                std::unique_lock lock(mutex);
                wake.wait(lock, called);
                if (stop) return;
                seen = round;
                if (next >= tasks) continue;
                ++busy;
            }
            work(worker);
            const std::lock_guard lock(mutex);
            if (--busy == 0) done.notify_one();
        }
    }
};

ThreadPool::ThreadPool(int workers, Idle idle) : state_(std::make_unique<State>()) {
    if (idle == Idle::spin && workers <= processors()) state_->spins = kSpins;
    try {
        for (int worker = 1; worker < workers; ++worker)
            state_->threads.emplace_back([state = state_.get(), worker] { state->loop(worker); });
    } catch (const std::system_error& error) {
        const std::string started = std::to_string(state_->threads.size() + 1);
        state_->end();
        throw Error(ErrorKind::resource, "cannot start " + std::to_string(workers) + " workers, only " +
                                             started + " (" + error.code().message() + "); use a smaller -@");
    } catch (const std::bad_alloc&) {
        state_->end();
        throw;
    }
}

ThreadPool::~ThreadPool() {
    state_->end();
}

int ThreadPool::workers() const {
    return static_cast<int>(state_->threads.size()) + 1;
}

void ThreadPool::run(std::int64_t tasks, const std::function<void(std::int64_t, int)>& body) {
    State& s = *state_;
    {
        const std::lock_guard lock(s.mutex);
        s.body = &body;
        s.tasks = tasks;
        s.next = 0;
        s.failure = nullptr;
        if (tasks > 1) ++s.round;
    }
    if (tasks > 1) s.wake.notify_all();
    s.work(0);
    const auto all_left = [&] { return s.busy == 0; };
    s.spin(all_left);
    std::unique_lock lock(s.mutex);
    s.done.wait(lock, all_left);
    if (s.failure) std::rethrow_exception(s.failure);
}

int resolve_workers(int requested) {
    return requested > 0 ? requested : processors();
}

}  // namespace regkit
