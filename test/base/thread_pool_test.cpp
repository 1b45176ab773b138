#include "base/thread_pool.hpp"

#include <doctest/doctest.h>

#include <atomic>
#include <stdexcept>
#include <vector>

using regkit::ThreadPool;

TEST_CASE("every task runs once, for any number of workers and tasks") {
    for (const int workers : {1, 2, 3, 8}) {
        ThreadPool pool(workers);
        for (const int tasks : {0, 1, 2, 7, 1000}) {
            std::vector<std::atomic<int>> runs(static_cast<std::size_t>(tasks));
            pool.run(tasks, [&](std::int64_t task, int worker) {
                CHECK(worker < workers);
                ++runs[static_cast<std::size_t>(task)];
            });
            for (const auto& count : runs) CHECK(count == 1);
        }
    }
}

TEST_CASE("an exception reaches the caller and the pool stays usable") {
    ThreadPool pool(2);
    CHECK_THROWS_AS(pool.run(100, [](std::int64_t task, int) { if (task == 50) throw std::runtime_error("x"); }),
                    std::runtime_error);
    std::atomic<int> sum{0};
    pool.run(10, [&](std::int64_t, int) { ++sum; });
    CHECK(sum == 10);
}
