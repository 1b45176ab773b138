// How the ranks of a launch find one another.
#pragma once

#include <chrono>
#include <vector>

#include "ranks/launch.hpp"
#include "ranks/rank_monitor.hpp"
#include "ranks/socket.hpp"

namespace regkit {

struct RankLinks {
    std::vector<Socket> data;  // to each rank; none to this one
    std::vector<RankMonitor::Line> lines;
};

// Rank 0 listens where the launch says, collects the others, and tells each where the others listen; then
// every rank connects to those below it. Who comes to a port without knowing the job is sent away.
// Error(resource) when a rank does not come before the timeout; Error(usage) when two processes say they are
// the same rank, or the numbers of ranks differ.
RankLinks connect_ranks(const Launch& launch, std::chrono::milliseconds timeout);

}  // namespace regkit
