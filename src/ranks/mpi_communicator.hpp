// Ranks over MPI, which mpirun or srun started.
//
// A sum: each rank sends rank r the r-th part of its values, rank r adds the parts it got in the order of
// ranks, and sends the result to all; so each rank sends and receives its values twice, whatever the number
// of ranks. Few values go to everybody at once and every rank adds them all. (Not MPI_Allreduce, which
// promises no order.)
//
// Before each call all ranks tell its kind and size, so that ranks which have lost step say so and MPI never
// sees sizes that differ. (That one left out a call of the same kind and size as the next is not seen.)
//
// A rank that is killed is the launcher's business, which ends the others. One that hangs is noticed because
// nobody waits for it longer than the timeout: every collective is begun and then asked after.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "kernels/communicator.hpp"
#include "ranks/launch.hpp"

namespace regkit {

struct MpiFunctions;

// Where the plug-in is looked for: ../lib/regkit relative to the running program, as installed, then, as in
// the build tree, beside the program.
std::vector<std::string> mpi_plugin_paths();
// Loads the first plug-in found, never to be unloaded. Error(resource) naming the cause and what to install.
const MpiFunctions& load_mpi(const Launch& launch, const std::vector<std::string>& paths);

// One a process, on the one thread that calls MPI: that which makes it.
class MpiCommunicator final : public Communicator {
  public:
    // Starts MPI, for which all ranks of the launch meet. One that does not come before the timeout ends this
    // process: an Error on a thread of its own. Error(usage) where MPI knows other ranks than the launcher.
    MpiCommunicator(const Launch& launch, std::chrono::milliseconds timeout,
                    const std::vector<std::string>& plugins = mpi_plugin_paths());

    int rank() const override { return rank_; }
    int size() const override { return size_; }
    std::chrono::milliseconds patience() const override { return timeout_; }
    void sum_in_order(std::span<float> values) override { sum(values); }
    void sum_in_order(std::span<double> values) override { sum(values); }
    void all_gather(std::span<const std::byte> mine, std::span<std::byte> all) override;
    void broadcast(std::span<std::byte> values) override;

  private:
    enum class Kind : std::uint64_t { sum, gather, broadcast };
    struct Call {
        Kind kind;
        std::uint64_t bytes;
        bool operator==(const Call&) const = default;
    };
    static std::string text_of(const Call& call);

    // All ranks begin the same call, or an Error(resource) says what the other one began.
    void agree(Kind kind, std::size_t bytes);
    template <typename T>
    void sum(std::span<T> values);
    // What all ranks have, into buffers_->received, of which got() is one rank's.
    void gather(std::span<const std::byte> mine);
    std::span<const std::byte> got(std::size_t rank, std::size_t bytes) const;
    // Until what was begun is done. `wrong`: what went wrong in beginning it, or null.
    void wait(const char* wrong);

    const MpiFunctions& mpi_;
    const std::chrono::milliseconds timeout_;
    int rank_ = 0, size_ = 1;
    // What MPI reads and writes: never a caller's memory, since a transfer that failed may go on for a while.
    struct Buffers {
        std::vector<std::byte> sent, received;
    };
    std::unique_ptr<Buffers> buffers_ = std::make_unique<Buffers>();
};

// For the end of main(), once what went wrong is printed: with 0, or 75 (all ranks stopped together), leaves
// MPI and returns the code; with another one ends all ranks with it. Where MPI was not started it only
// returns. Where MPI cannot be left: Error(resource), or Error(interrupted) with 75; nobody catches it, so
// that src/cli prints it.
int end_ranks(int code);

}  // namespace regkit
