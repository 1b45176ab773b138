#include "kernels/base/thread_pool.hpp"

#include <doctest/doctest.h>
#include <pthread.h>

#include <atomic>
#include <cstdlib>
#include <stdexcept>
#include <vector>

#include "kernels/base/error.hpp"

using regkit::ThreadPool;

TEST_CASE("every task runs once, for any number of workers and tasks") {
    for (const int workers : {1, 2, 3, 8}) {
        ThreadPool pool(workers, workers % 2 == 0 ? ThreadPool::Idle::spin : ThreadPool::Idle::sleep);
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
    CHECK_THROWS_AS(pool.run(100,
                             [](std::int64_t task, int) {
                                 if (task == 50) throw std::runtime_error("x");
                             }),
                    std::runtime_error);
    std::atomic<int> sum{0};
    pool.run(10, [&](std::int64_t, int) { ++sum; });
    CHECK(sum == 10);
}

TEST_CASE("threads that cannot be started are an error, and those that were are ended") {
    pthread_attr_t before, huge;
    REQUIRE(pthread_getattr_default_np(&before) == 0);
    REQUIRE(pthread_attr_init(&huge) == 0);
    // No address space holds such a stack, so that pthread_create fails as it does at a limit on threads.
    REQUIRE(pthread_attr_setstacksize(&huge, std::size_t{1} << 50) == 0);
    REQUIRE(pthread_setattr_default_np(&huge) == 0);
    try {
        ThreadPool pool(3);
        FAIL("started threads with stacks of 2^50 bytes");
    } catch (const regkit::Error& error) {
        CHECK(error.kind() == regkit::ErrorKind::resource);
    }
    CHECK(pthread_setattr_default_np(&before) == 0);
    pthread_attr_destroy(&huge);
    pthread_attr_destroy(&before);
    std::atomic<int> sum{0};
    ThreadPool(3).run(10, [&](std::int64_t, int) { ++sum; });
    CHECK(sum == 10);
}

TEST_CASE("many short rounds, by more workers than processors too, come one after the other") {
    for (const int workers : {2, 3, 40, -2, -3}) {  // negative: without spinning
        ThreadPool pool(std::abs(workers), workers > 0 ? ThreadPool::Idle::spin : ThreadPool::Idle::sleep);
        std::vector<std::int64_t> sums(8);
        for (int round = 0; round < 2000; ++round)
            pool.run(static_cast<std::int64_t>(sums.size()), [&](std::int64_t task, int) {
                // Not atomic: two rounds at once, or a task taken twice, would lose additions.
                sums[static_cast<std::size_t>(task)] += round;
            });
        for (const std::int64_t sum : sums) CHECK(sum == 1999 * 1000);
    }
}
