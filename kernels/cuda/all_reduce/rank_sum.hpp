// Sums over the ranks that train together (kernels/communicator.hpp), each with a GPU of its own: with NCCL
// the values never leave the devices.
//
// ncclAllGather brings every rank's values to all, and a kernel of ours adds them in double, in the order of
// ranks, and rounds once, which is what Communicator promises: the same bits as over MPI, in every run and on
// all ranks. (Not ncclAllReduce: it adds in fp32, in an order that follows from the ring or tree that it
// chooses, so from the machine and from NCCL's version.) For it a rank receives the values of all, a few MB a
// step.
//
// NCCL knows nothing of processes that hang, and who waits for it may wait for ever. So the host asks by
// turns the stream and NCCL, for no longer than it would wait for a rank.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "kernels/backend.hpp"
#include "kernels/cuda/all_reduce/nccl.hpp"
#include "kernels/cuda/scratch.hpp"

namespace regkit::cuda {

// What each rank tells the others before NCCL is used.
struct RankAbility {
    int version = 0;       // of NCCL; 0: it cannot be used
    char why[100] = {};    // because of this
    char device[16] = {};  // the GPU's UUID
};
// Empty where all ranks can use it together, else why they cannot.
std::string reason_against_nccl(const std::vector<RankAbility>& ranks);

// to[i] = the sum of parts[r][i] over r in [0, ranks); parts [ranks][count].
void add_parts(const float* parts, int ranks, std::int64_t count, float* to);

class RankSum {
  public:
    // Throws Error(usage) where REGKIT_NCCL makes no sense.
    RankSum(int device, Stream& stream, Scratch& scratch);
    RankSum(const RankSum&) = delete;
    RankSum& operator=(const RankSum&) = delete;
    ~RankSum() { leave(); }

    // to = the sum of `from` over the ranks, which are all in the same call; they may be the same values. At
    // first the ranks agree on whether they use NCCL, which the Status then says in words: `ok`, or
    // `unsupported` where they do not and the caller is to sum by other means. Throws Failure where NCCL
    // failed, or `ranks` did.
    Status sum(const float* from, float* to, std::int64_t count, QuietRanks& ranks);

  private:
    enum class State { unknown, joined, refused };

    void join(QuietRanks& ranks, Status& status);
    RankAbility ability();
    std::string meet(QuietRanks& ranks);
    std::string connect(const NcclId& id, QuietRanks& ranks);
    std::vector<RankAbility> tell_all(const RankAbility& mine, QuietRanks& ranks);
    std::string gather(const float* from, float* parts, std::int64_t count, QuietRanks& ranks);
    std::string wait_until_ready(const QuietRanks& ranks);
    // Until is_done(), a failure or the end of the ranks' patience: what went wrong, or empty.
    std::string wait(const std::function<bool()>& is_done, const QuietRanks& ranks);
    void require(const std::string& wrong);  // ends NCCL and throws, unless it is empty
    void leave();

    const int device_;
    const bool wanted_;
    Stream& stream_;
    Scratch& scratch_;
    State state_ = State::unknown;
    const Nccl* nccl_ = nullptr;
    NcclComm* comm_ = nullptr;
};

}  // namespace regkit::cuda
