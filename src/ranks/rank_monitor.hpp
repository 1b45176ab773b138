// The lines between rank 0 and each other rank that tell who is alive, and why somebody ended. A thread of
// its own.
#pragma once

#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include "kernels/base/error.hpp"
#include "ranks/socket.hpp"

namespace regkit {

class RankMonitor {
  public:
    // A line and the rank at its other end. Rank 0 has one to every other, those have one to rank 0.
    struct Line {
        int rank;
        Socket socket;
    };
    RankMonitor(int rank, std::vector<Line> lines, std::chrono::milliseconds timeout);
    // Says goodbye: the end of this rank is no failure.
    ~RankMonitor();
    RankMonitor(const RankMonitor&) = delete;
    RankMonitor& operator=(const RankMonitor&) = delete;

    // Readable once a peer has failed; to be polled beside other descriptors.
    int failed_fd() const;
    // Throws what is known of a failed peer, if one has.
    void check() const;
    // After a connection of ours broke: throws why, for which it waits a moment (who broke it may have told
    // rank 0).
    [[noreturn]] void explain(int rank) const;

    void give_up(ErrorKind kind, const std::string& why) noexcept;

  private:
    struct State;
    std::unique_ptr<State> state_;
};

}  // namespace regkit
