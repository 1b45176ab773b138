// Ranks over TCP: the same under mpirun, srun, torchrun or by hand, without a library of any of them. (Not
// MPI: its reductions promise no order, and what it does when a peer dies is the implementation's business.)
//
// Every rank is connected with every other. A sum: each rank sends rank r the r-th part of its values, rank r
// adds the parts it got in the order of ranks, and sends the result to all; so each rank sends and receives
// its values twice, whatever the number of ranks. Few values go to everybody at once and every rank adds them
// all.
//
// Besides, rank 0 and each other rank keep a line on which a thread of each says now and then that its
// process is alive, so that a rank may work by itself (validate, write a file) for as long as it likes. A
// rank that ends or is silent for the timeout ends all.
#pragma once

#include <chrono>
#include <memory>
#include <string>

#include "kernels/base/error.hpp"
#include "kernels/communicator.hpp"
#include "ranks/launch.hpp"

namespace regkit {

class TcpCommunicator final : public Communicator {
  public:
    // Returns when all ranks of the launch are connected. Error(resource) when one does not come before the
    // timeout; Error(usage) when two say they are the same rank.
    TcpCommunicator(const Launch& launch, std::chrono::milliseconds timeout);
    ~TcpCommunicator() override;

    int rank() const override;
    int size() const override;
    void sum_in_order(std::span<float> values) override;
    void sum_in_order(std::span<double> values) override;
    void all_gather(std::span<const std::byte> mine, std::span<std::byte> all) override;
    void broadcast(std::span<std::byte> values) override;
    void check() override;

    // Tells the others why this rank ends; they end with an Error of the same kind. Called with what was
    // thrown here, also when that came from a peer (then it does nothing).
    void give_up(ErrorKind kind, const std::string& why) noexcept;

  private:
    struct Impl;
    std::unique_ptr<Impl> impl_;
};

}  // namespace regkit
