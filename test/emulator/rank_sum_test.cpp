// Sums over ranks on the device: their order, and when the ranks agree to use NCCL. (With processes, the
// emulated plug-in and a stand-in for NCCL: test/tools/ranks_emulated.py.)
#include "kernels/cuda/all_reduce/rank_sum.hpp"

#include <doctest/doctest.h>

#include <vector>

#include "kernels/compose.hpp"
#include "test/emulator/emulator_backend.hpp"
#include "test/emulator/on_stream.hpp"
#include "test/support/thread_ranks.hpp"

using namespace regkit;
using namespace regkit::test;
using cuda::RankAbility;

namespace {

std::vector<float> sum_of(const std::vector<std::vector<float>>& parts) {
    std::vector<float> all, to(parts[0].size());
    for (const auto& part : parts) all.insert(all.end(), part.begin(), part.end());
    on_stream([&] {
        cuda::add_parts(all.data(), static_cast<int>(parts.size()), static_cast<std::int64_t>(to.size()),
                        to.data());
    });
    return to;
}

RankAbility able(char device, int version = 22809) {
    RankAbility rank;
    rank.version = version;
    rank.device[15] = device;
    return rank;
}

}  // namespace

TEST_CASE("the ranks' parts are added in their order, in double, and rounded once") {
    // In another order the large ones would swallow the 1, or leave it.
    CHECK(sum_of({{1e30f, 1, 1e30f}, {1, 1e30f, -1e30f}, {-1e30f, -1e30f, 1}}) ==
          std::vector<float>{0, 0, 1});
    // In fp32 each of these two sums would stay where it begins.
    CHECK(sum_of({{16777216.0f}, {1}, {1}}) == std::vector<float>{16777218.0f});
    CHECK(sum_of({{1}, {0x1p-24f}, {0x1p-24f}}) == std::vector<float>{1.0f + 0x1p-23f});
    CHECK(sum_of({{3, -4}}) == std::vector<float>{3, -4});
}

TEST_CASE("ranks use NCCL together or not at all") {
    CHECK(cuda::reason_against_nccl({able(1), able(2), able(3)}) == "");
    CHECK(cuda::reason_against_nccl({able(1), able(2), able(1)}) == "ranks 0 and 2 share a GPU");
    CHECK(cuda::reason_against_nccl({able(1), able(2), able(3, 22005)}) ==
          "rank 0 has NCCL 2.28.9, rank 2 2.20.5");
    RankAbility unable;
    std::strcpy(unable.why, "there is none");
    CHECK(cuda::reason_against_nccl({able(1), unable, able(1)}) == "rank 1: there is none");
}

// Threads of one process, which has one GPU.
TEST_CASE("ranks that share a GPU sum over MPI, and say so once") {
    ThreadRanks(3).run([](Communicator& me) {
        const auto backend = make_emulator_backend(emulator::Order::forward);
        const Buffer buffer = backend->alloc_flat(2);
        compose::Staging staging;
        CHECK(backend->take_notices().empty());
        for (const bool first : {true, false}) {
            const std::vector<float> mine = {static_cast<float>(me.rank() + 1), 0.5f};
            std::vector<float> sum(2);
            backend->write(buffer.slice(), std::span<const float>(mine));
            compose::all_reduce(*backend, buffer.slice(), buffer.slice(), me, staging);
            backend->read(buffer.slice(), std::span(sum));
            CHECK(sum == std::vector<float>{6, 1.5f});
            const std::vector<std::string> notices = backend->take_notices();
            CHECK(notices.size() == (first ? 1 : 0));
            for (const std::string& notice : notices)
                CHECK(notice.find("summed over MPI, not by NCCL (") != std::string::npos);
            CHECK(backend->take_notices().empty());
        }
    });
}

// Not when a rank lacks NCCL: what failed is a rank.
TEST_CASE("what a rank's connection throws comes through the back end") {
    struct Gone final : Communicator {
        int rank() const override { return 0; }
        int size() const override { return 2; }
        void sum_in_order(std::span<float>) override {}
        void sum_in_order(std::span<double>) override {}
        void all_gather(std::span<const std::byte>, std::span<std::byte>) override {
            throw std::runtime_error("rank 1 is gone");
        }
        void broadcast(std::span<std::byte>) override {}
        std::chrono::milliseconds patience() const override { return std::chrono::seconds(60); }
    } gone;
    const auto backend = make_emulator_backend(emulator::Order::forward);
    const Buffer buffer = backend->alloc_flat(1);
    compose::Staging staging;
    CHECK_THROWS_WITH(compose::all_reduce(*backend, buffer.slice(), buffer.slice(), gone, staging),
                      "rank 1 is gone");
}
