// Ranks over real connections, as threads of this process. (Killed and stopped processes:
// test/tools/ranks.py.)
#include "ranks/tcp_communicator.hpp"

#include <doctest/doctest.h>

#include <cmath>
#include <thread>
#include <vector>

#include "ranks/socket.hpp"

using namespace regkit;
using std::chrono::milliseconds;

namespace {

Launch launch_of_rank(int rank, int size, std::uint16_t port) {
    Launch launch;
    launch.rank = rank;
    launch.size = size;
    launch.host = "127.0.0.1";
    launch.ports = {port};
    launch.job = "test";
    return launch;
}

std::uint16_t free_port() {
    return port_of(*listen_on(0, true));
}

// "kind: message" of what each rank's body threw; empty where nothing was.
template <typename Body>
std::vector<std::string> on_ranks(int size, milliseconds timeout, const Body& body) {
    const std::uint16_t port = free_port();
    std::vector<std::string> failures(static_cast<std::size_t>(size));
    std::vector<std::thread> threads;
    for (int rank = 0; rank < size; ++rank)
        threads.emplace_back([&, rank] {
            try {
                TcpCommunicator me(launch_of_rank(rank, size, port), timeout);
                try {
                    body(me);
                } catch (const Error& error) {
                    me.give_up(error.kind(), error.what());
                    throw;
                }
            } catch (const Error& error) {
                failures[static_cast<std::size_t>(rank)] =
                    std::to_string(static_cast<int>(error.kind())) + ": " + error.what();
            }
        });
    for (std::thread& thread : threads) thread.join();
    return failures;
}

template <typename T>
T value_of(int rank, std::size_t i) {
    return static_cast<T>(std::sin(static_cast<double>(i) * (rank + 1)) *
                          std::pow(10, (rank * 7 + static_cast<int>(i % 5)) % 9));
}

template <typename T>
void check_sum(Communicator& me, std::size_t count) {
    std::vector<T> values(count);
    for (std::size_t i = 0; i < count; ++i) values[i] = value_of<T>(me.rank(), i);
    me.sum_in_order(std::span(values));
    std::size_t wrong = 0;
    for (std::size_t i = 0; i < count; ++i) {
        double sum = 0;
        for (int rank = 0; rank < me.size(); ++rank) sum += static_cast<double>(value_of<T>(rank, i));
        wrong += values[i] != static_cast<T>(sum);
    }
    if (wrong > 0) throw Error(ErrorKind::input, std::to_string(wrong) + " sums differ");
}

}  // namespace

TEST_CASE("sums in the order of ranks, few values and many, any number of ranks") {
    for (const int size : {2, 3, 5})
        for (const auto& failure : on_ranks(size, milliseconds(20000), [](Communicator& me) {
                 for (const std::size_t count : {0u, 1u, 1000u, 4096u, 4097u, 300'001u})
                     check_sum<float>(me, count);
                 for (const std::size_t count : {1u, 2049u, 100'003u}) check_sum<double>(me, count);
             }))
            CHECK(failure == "");
}

TEST_CASE("all_gather and broadcast") {
    for (const auto& failure : on_ranks(3, milliseconds(20000), [](Communicator& me) {
             for (int turn = 0; turn < 50; ++turn) {
                 const double mine[] = {me.rank() + 0.5, turn * 1.0};
                 const std::vector<double> all = me.gather(mine);
                 require(all == std::vector<double>{0.5, turn * 1.0, 1.5, turn * 1.0, 2.5, turn * 1.0},
                         ErrorKind::input, "gather");
                 std::vector<int> values(100'000, me.rank() == 0 ? turn : -1);
                 me.broadcast(std::as_writable_bytes(std::span(values)));
                 require(values == std::vector<int>(100'000, turn), ErrorKind::input, "broadcast");
             }
         }))
        CHECK(failure == "");
}

TEST_CASE("a rank that gives up ends all, with its reason and kind") {
    const auto failures = on_ranks(3, milliseconds(20000), [](Communicator& me) {
        if (me.rank() == 2) throw Error(ErrorKind::input, "a bad file");
        std::vector<float> values(100'000);
        me.sum_in_order(std::span(values));
    });
    CHECK(failures[0] == "3: rank 2 ended: a bad file");
    CHECK(failures[1] == "3: rank 2 ended: a bad file");
    CHECK(failures[2] == "3: a bad file");
}

TEST_CASE("a rank that leaves early ends those that wait for it") {
    const auto failures = on_ranks(3, milliseconds(1000), [](Communicator& me) {
        std::vector<float> values(10);
        if (me.rank() != 1) me.sum_in_order(std::span(values));
    });
    CHECK(failures[0].starts_with("1: "));
    CHECK(failures[1] == "");
    CHECK(failures[2].starts_with("1: "));
}

TEST_CASE("ranks that lost step do not add one thing to another") {
    const auto failures = on_ranks(2, milliseconds(20000), [](Communicator& me) {
        std::vector<float> values(me.rank() == 0 ? 10 : 11);
        me.sum_in_order(std::span(values));
    });
    CHECK((failures[0].find("lost step") != std::string::npos ||
           failures[1].find("lost step") != std::string::npos));
    for (const std::string& failure : failures) CHECK(failure.starts_with("1: "));
}

TEST_CASE("a rank may be silent in its calls for longer than the timeout") {
    for (const auto& failure : on_ranks(2, milliseconds(400), [](Communicator& me) {
             if (me.rank() == 0) std::this_thread::sleep_for(milliseconds(1500));
             check_sum<float>(me, 10);
         }))
        CHECK(failure == "");
}

TEST_CASE("a rank that does not come is told of") {
    const std::uint16_t port = free_port();
    for (const int rank : {0, 1}) {
        std::string what;
        try {
            TcpCommunicator me(launch_of_rank(rank, 2, port), milliseconds(300));
        } catch (const Error& error) {
            what = error.what();
            CHECK(error.kind() == ErrorKind::resource);
        }
        CHECK(what.find(rank == 0 ? "rank 1 did not come within 0.3 s" : "rank 0 was not found") !=
              std::string::npos);
    }
}

TEST_CASE("strangers at the port are sent away, and so are two of the same rank") {
    const std::uint16_t port = free_port();
    std::string failure;
    std::thread first([&] {
        try {
            TcpCommunicator me(launch_of_rank(0, 2, port), milliseconds(20000));
            check_sum<float>(me, 10);
        } catch (const Error& error) {
            failure = error.what();
        }
    });
    const auto soon = std::chrono::steady_clock::now() + milliseconds(10000);
    std::optional<Socket> stranger;
    while (!stranger && std::chrono::steady_clock::now() < soon)
        stranger = connect_to("127.0.0.1", port, soon);
    REQUIRE(stranger);
    const std::string words = "GET / HTTP/1.1\r\nHost: somebody who means another server\r\n\r\n";
    CHECK(send_all(*stranger, std::as_bytes(std::span(words)), soon));
    {
        TcpCommunicator me(launch_of_rank(1, 2, port), milliseconds(20000));
        check_sum<float>(me, 10);
    }
    first.join();
    CHECK(failure == "");

    // Of three ranks, two say 1.
    const std::uint16_t next = free_port();
    std::vector<std::string> failures(3);
    std::vector<std::thread> threads;
    for (std::size_t i = 0; i < 3; ++i)
        threads.emplace_back([&, i] {
            try {
                TcpCommunicator me(launch_of_rank(i == 0 ? 0 : 1, 3, next), milliseconds(20000));
            } catch (const Error& error) {
                failures[i] = error.what();
            }
        });
    for (std::thread& thread : threads) thread.join();
    CHECK(failures[0] == "two processes say they are rank 1");
    for (const std::string& text : failures) CHECK(text != "");
}
