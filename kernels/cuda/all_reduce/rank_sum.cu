// The ranks first tell each other whether they can use NCCL, and with which GPU and version; all decide by
// the same list, and so alike. Then a sum goes in parts of bounded size: gather, add, and wait by turns for
// the stream and for NCCL, for no longer than for a rank.
#include <algorithm>
#include <chrono>
#include <cstring>
#include <thread>

#include "kernels/cuda/all_reduce/rank_sum.hpp"
#include "kernels/cuda/choice.hpp"
#include "kernels/cuda/elements.hpp"

namespace regkit::cuda {

namespace {

using Clock = std::chrono::steady_clock;

constexpr std::int64_t kMostGathered =
    1 << 24;  // values, 64 MB, that all ranks' parts together take on the device

struct AddParts {
    const float* parts;
    std::int64_t ranks, count;
    float* to;
    __device__ void operator()(std::int64_t i) const {
        double sum = 0;
        for (std::int64_t r = 0; r < ranks; ++r) sum += parts[r * count + i];
        to[i] = static_cast<float>(sum);
    }
};

[[noreturn]] void fail(const std::string& what) {
    throw Failure{Status::error(Status::Code::device_error, what.c_str())};
}

// Rethrown by the caller, who knows more.
[[noreturn]] void fail_with_ranks() {
    fail("another rank ended");
}

template <std::size_t kSize>
void copy_text(char (&to)[kSize], const std::string& text) {
    text.copy(to, kSize - 1);
}

std::string named(std::size_t rank) {
    return "rank " + std::to_string(rank);
}

}  // namespace

std::string reason_against_nccl(const std::vector<RankAbility>& ranks) {
    for (std::size_t r = 0; r < ranks.size(); ++r)
        if (ranks[r].version == 0) return named(r) + ": " + ranks[r].why;
    for (std::size_t r = 0; r < ranks.size(); ++r)
        for (std::size_t other = 0; other < r; ++other) {
            if (std::memcmp(ranks[r].device, ranks[other].device, sizeof ranks[r].device) == 0)
                return "ranks " + std::to_string(other) + " and " + std::to_string(r) + " share a GPU";
            if (ranks[r].version != ranks[other].version)
                return named(other) + " has NCCL " + nccl_version_text(ranks[other].version) + ", " +
                       named(r) + " " + nccl_version_text(ranks[r].version);
        }
    return "";
}

void add_parts(const float* parts, int ranks, std::int64_t count, float* to) {
    for_each(count, AddParts{parts, ranks, count, to});
}

RankSum::RankSum(int device, Stream& stream, Scratch& scratch)
    : device_(device), wanted_(nccl_of_environment()), stream_(stream), scratch_(scratch) {}

Status RankSum::sum(const float* from, float* to, std::int64_t count, QuietRanks& ranks) {
    Status status;
    if (state_ == State::unknown) join(ranks, status);
    if (state_ == State::refused) {
        status.code = Status::Code::unsupported;
        return status;
    }
    if (!comm_) fail("NCCL has failed before");
    const std::int64_t most = std::max<std::int64_t>(1, kMostGathered / ranks.size());
    for (std::int64_t done = 0; done < count; done += most) {
        const std::int64_t part = std::min(most, count - done);
        float* const parts = scratch_.get<float>(Scratch::kRankParts, part * ranks.size());
        require(gather(from + done, parts, part, ranks));
        add_parts(parts, ranks.size(), part, to + done);
    }
    require(wait([&] { return stream_.is_idle(); }, ranks));
    return status;
}

// Queues it; what went wrong, or empty.
std::string RankSum::gather(const float* from, float* parts, std::int64_t count, QuietRanks& ranks) {
    NcclResult state =
        nccl_->all_gather(from, parts, static_cast<std::size_t>(count), kNcclFloat, comm_, stream_.handle());
    if (state == NcclResult::in_progress) return wait_until_ready(ranks);
    return state == NcclResult::success ? "" : nccl_->get_error_string(state);
}

void RankSum::require(const std::string& wrong) {
    if (wrong.empty()) return;
    leave();
    fail("NCCL: " + wrong);
}

void RankSum::join(QuietRanks& ranks, Status& status) {
    const std::string why = meet(ranks);
    state_ = why.empty() ? State::joined : State::refused;
    const std::string words =
        why.empty() ? "gradients are summed on the GPUs, by NCCL " + nccl_version_text(nccl_->version)
                    : "gradients are summed over MPI, not by NCCL (" + why + ")";
    copy_text(status.message, words);
}

RankAbility RankSum::ability() {
    RankAbility mine;
    std::string why = "REGKIT_NCCL=off";
    if (wanted_) nccl_ = load_nccl(why);
    cudaDeviceProp properties;
    check(cudaGetDeviceProperties(&properties, device_));
    static_assert(sizeof properties.uuid.bytes == sizeof mine.device);
    std::memcpy(mine.device, properties.uuid.bytes, sizeof mine.device);
    if (nccl_)
        mine.version = nccl_->version;
    else
        copy_text(mine.why, why);
    return mine;
}

std::vector<RankAbility> RankSum::tell_all(const RankAbility& mine, QuietRanks& ranks) {
    std::vector<RankAbility> all(static_cast<std::size_t>(ranks.size()));
    if (!ranks.all_gather(std::as_bytes(std::span(&mine, 1)), std::as_writable_bytes(std::span(all))))
        fail_with_ranks();
    return all;
}

// Why the ranks cannot use NCCL together: the same words on all of them. Empty when they can.
std::string RankSum::meet(QuietRanks& ranks) {
    RankAbility mine = ability();
    std::string why = reason_against_nccl(tell_all(mine, ranks));
    if (!why.empty()) return why;
    struct {
        NcclId id;
        NcclResult result = NcclResult::success;
    } first;
    if (ranks.rank() == 0) first.result = nccl_->get_unique_id(&first.id);
    if (!ranks.broadcast(std::as_writable_bytes(std::span(&first, 1)))) fail_with_ranks();
    if (first.result != NcclResult::success) return named(0) + ": " + nccl_->get_error_string(first.result);
    why = connect(first.id, ranks);
    if (!why.empty()) {
        mine.version = 0;
        copy_text(mine.why, why);
    }
    why = reason_against_nccl(tell_all(mine, ranks));
    if (!why.empty()) leave();
    return why;
}

std::string RankSum::connect(const NcclId& id, QuietRanks& ranks) {
    NcclConfig config;
    const NcclResult result = nccl_->init_rank(&comm_, ranks.size(), id, ranks.rank(), &config);
    if (result != NcclResult::success && result != NcclResult::in_progress)
        return nccl_->get_error_string(result);
    return wait_until_ready(ranks);
}

// For the end of a call of NCCL that goes on behind its return.
std::string RankSum::wait_until_ready(const QuietRanks& ranks) {
    const auto is_ready = [&] {
        NcclResult state = NcclResult::success;
        nccl_->get_async_error(comm_, &state);
        return state != NcclResult::in_progress;
    };
    return wait(is_ready, ranks);
}

std::string RankSum::wait(const std::function<bool()>& is_done, const QuietRanks& ranks) {
    constexpr std::chrono::milliseconds kBriefly{1};
    constexpr std::chrono::microseconds kPause{50};
    const auto begin = Clock::now();
    for (;;) {
        const bool done = is_done();
        NcclResult state = NcclResult::success;
        const NcclResult asked = nccl_->get_async_error(comm_, &state);
        if (asked != NcclResult::success) state = asked;
        if (state != NcclResult::success && state != NcclResult::in_progress)
            return nccl_->get_error_string(state);
        if (done) return "";
        const auto waited = Clock::now() - begin;
        if (waited > ranks.patience())
            return "no answer for " + std::to_string(ranks.patience().count() / 1000) + " s (--dist-timeout)";
        if (waited > kBriefly) std::this_thread::sleep_for(kPause);
    }
}

void RankSum::leave() {
    if (comm_) nccl_->abort(comm_);
    comm_ = nullptr;
}

}  // namespace regkit::cuda
