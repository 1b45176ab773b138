// The processes ("ranks") that train one model together, each on its part of every batch: what they must be
// able to do for one another. Implementations: src/ranks/mpi_communicator.hpp; tests have one over threads.
//
// All ranks call the same functions in the same order with equally many values. Everything is a function of
// the ranks' values alone, in an order that is fixed: the same bits on every rank, and in every run. Errors:
// Error(resource) when a peer was silent for longer than patience(); nothing can be called after that.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <span>
#include <vector>

namespace regkit {

class Communicator {
  public:
    virtual ~Communicator() = default;
    Communicator() = default;
    Communicator(const Communicator&) = delete;
    Communicator& operator=(const Communicator&) = delete;

    virtual int rank() const = 0;  // 0 .. size() - 1
    virtual int size() const = 0;

    // values[i] becomes the sum of all ranks' values[i], formed in double precision, rank 0 first, and
    // rounded once.
    virtual void sum_in_order(std::span<float> values) = 0;
    virtual void sum_in_order(std::span<double> values) = 0;
    // all [size()][mine.size()]: every rank's bytes, in the order of ranks.
    virtual void all_gather(std::span<const std::byte> mine, std::span<std::byte> all) = 0;
    // Rank 0's bytes to all others.
    virtual void broadcast(std::span<std::byte> values) = 0;
    // How long to wait for a peer.
    virtual std::chrono::milliseconds patience() const = 0;

    std::vector<double> gather(std::span<const double> mine) {
        std::vector<double> all(mine.size() * static_cast<std::size_t>(size()));
        all_gather(std::as_bytes(mine), std::as_writable_bytes(std::span(all)));
        return all;
    }
};

// The same for who must not throw, such as a plug-in, across whose boundary no exception goes: what was
// thrown is kept, and where a function returned false, none is to be called again.
class QuietRanks {
  public:
    explicit QuietRanks(Communicator& ranks) : ranks_(ranks) {}

    int rank() const noexcept { return ranks_.rank(); }
    int size() const noexcept { return ranks_.size(); }
    std::chrono::milliseconds patience() const noexcept { return ranks_.patience(); }
    bool all_gather(std::span<const std::byte> mine, std::span<std::byte> all) noexcept {
        return attempt([&] { ranks_.all_gather(mine, all); });
    }
    bool broadcast(std::span<std::byte> values) noexcept {
        return attempt([&] { ranks_.broadcast(values); });
    }
    void rethrow() const {
        if (thrown_) std::rethrow_exception(thrown_);
    }

  private:
    template <typename Body>
    bool attempt(const Body& body) noexcept {
        try {
            body();
            return true;
        } catch (...) {
            thrown_ = std::current_exception();
            return false;
        }
    }

    Communicator& ranks_;
    std::exception_ptr thrown_;
};

// A rank's part of a batch. Without peers, the whole.
struct BatchShare {
    Communicator* ranks = nullptr;
    std::int64_t first = 0;  // number of its first sample within the batch
    std::int64_t total = 0;  // samples of the batch
};

}  // namespace regkit
