// What the ranks of mpirun must be able to do for one another, in words where one cannot: mpi_probe WHAT, of
//   sums    sums in order, gathers, broadcasts
//   lost    the second rank begins a call of another kind or size than the others (LOST tells which)
//   work    the first rank works alone for longer than the others wait for a sign of life
// (Killed and stopped processes: test/tools/ranks.py, which runs this.)
#include <chrono>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <thread>
#include <vector>

#include "app/train/rank_team.hpp"
#include "kernels/base/error.hpp"
#include "ranks/mpi_communicator.hpp"

using namespace regkit;

namespace {

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
    if (wrong > 0)
        throw Error(ErrorKind::input,
                    std::to_string(wrong) + " of " + std::to_string(count) + " sums differ");
}

void check_gather_and_broadcast(Communicator& me, int turn) {
    std::vector<double> expected;
    for (int rank = 0; rank < me.size(); ++rank) {
        expected.push_back(rank + 0.5);
        expected.push_back(turn);
    }
    const double mine[] = {me.rank() + 0.5, turn * 1.0};
    require(me.gather(mine) == expected, ErrorKind::input, "gather");
    std::vector<int> values(100'000, me.rank() == 0 ? turn : -1);
    me.broadcast(std::as_writable_bytes(std::span(values)));
    require(values == std::vector<int>(100'000, turn), ErrorKind::input, "broadcast");
}

void check_sums(const Launch& launch) {
    MpiCommunicator me(launch, std::chrono::seconds(60));
    // The last one is more than goes at a time.
    for (const std::size_t count : {0u, 1u, 1000u, 4096u, 4097u, 300'001u, 17'000'003u})
        check_sum<float>(me, count);
    for (const std::size_t count : {1u, 2049u, 100'003u}) check_sum<double>(me, count);
    for (int turn = 0; turn < 50; ++turn) check_gather_and_broadcast(me, turn);
}

// One rank asks for what the others do not.
void lose_step(const Launch& launch) {
    MpiCommunicator me(launch, std::chrono::seconds(20));
    const bool other = me.rank() == 1;
    std::vector<double> few(2), many(10'000), all(2 * static_cast<std::size_t>(me.size()));
    const auto sum = [&](std::size_t count) { me.sum_in_order(std::span(many).first(count)); };
    const auto gather = [&] {
        me.all_gather(std::as_bytes(std::span(few)), std::as_writable_bytes(std::span(all)));
    };
    const auto broadcast = [&](std::size_t count) {
        me.broadcast(std::as_writable_bytes(std::span(many).first(count)));
    };
    const std::string which = std::getenv("LOST");
    if (which == "kind") other ? sum(2) : gather();
    if (which == "few") sum(other ? 3 : 2);
    if (which == "many") sum(other ? 9'000 : 10'000);
    if (which == "broadcast") broadcast(other ? 3 : 2);
}

void check_work(const Launch& launch) {
    RankTeam team(launch, 2);
    for (int i = 0; i < 20 && team.first(); ++i) {
        std::this_thread::sleep_for(std::chrono::milliseconds(200));
        team.still_working();
    }
    double words[] = {team.first() ? 7.0 : 0.0, team.first() ? 8.0 : 0.0};
    team.broadcast(words);
    require(words[0] == 7 && words[1] == 8, ErrorKind::input, "broadcast behind work");
}

int probe(const std::string& what) {
    try {
        const Launch launch = launch_of([](const char* name) -> const char* { return std::getenv(name); });
        (what == "work" ? check_work : what == "lost" ? lose_step : check_sums)(launch);
        return 0;
    } catch (const Error& error) {
        std::fprintf(stderr, "mpi_probe: %s\n", error.what());
        return static_cast<int>(error.kind());
    }
}

}  // namespace

int main(int argc, char** argv) {
    return end_ranks(probe(argc > 1 ? argv[1] : "sums"));
}
