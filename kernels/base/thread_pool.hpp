// A fixed team of workers for data-parallel loops.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>

namespace regkit {

// `workers` counts the caller too: ThreadPool(1) starts no thread. Results must not depend on which worker
// runs which task: tasks write disjoint outputs, and every sum is formed inside one task or in task order
// afterwards.
class ThreadPool {
  public:
    enum class Idle {
        sleep,
        spin  // for some 20 microseconds first: for rounds that follow each other closely
    };
    // Throws Error(resource) when the system does not give as many threads.
    explicit ThreadPool(int workers, Idle idle = Idle::sleep);
    ~ThreadPool();
    ThreadPool(const ThreadPool&) = delete;
    ThreadPool& operator=(const ThreadPool&) = delete;

    int workers() const;

    // Calls body(task, worker) once for every task in [0, tasks), worker in [0, workers()), and returns when
    // all are done. An exception thrown by a task is rethrown here once the others have stopped. Not
    // reentrant.
    void run(std::int64_t tasks, const std::function<void(std::int64_t task, int worker)>& body);

  private:
    struct State;
    std::unique_ptr<State> state_;
};

// What -@ N means: 0 is every processor this process may use, at least 1.
int resolve_workers(int requested);

}  // namespace regkit
