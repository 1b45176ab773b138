// What a training run does together with the other ranks. Of one rank alone everything is itself, at no cost.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <type_traits>
#include <vector>

#include "app/train/checkpoint.hpp"
#include "kernels/base/error.hpp"
#include "kernels/communicator.hpp"
#include "nn/network.hpp"
#include "ranks/launch.hpp"

namespace regkit {

class RankTeam {
  public:
    // Meets the others; a rank that keeps them waiting for longer than `timeout` seconds ends all.
    RankTeam(const Launch& launch, double timeout);

    bool alone() const { return !ranks_; }
    bool first() const { return launch_.rank == 0; }
    int size() const { return launch_.size; }

    // Calls body(); what it throws names this rank, unless it is the first.
    template <typename Body>
    auto run(const Body& body) const -> std::invoke_result_t<Body> {
        try {
            return body();
        } catch (const Error& error) {
            throw of_this_rank(error);
        }
    }

    // This rank's samples of a batch of `batch`: parts differ by one sample at most.
    int first_sample(int batch) const { return part(batch, launch_.rank); }
    int end_sample(int batch) const { return part(batch, launch_.rank + 1); }
    BatchShare share(int batch) const { return {ranks_.get(), first_sample(batch), alone() ? 0 : batch}; }

    // What is asked before each step: the clock and the checkpoints are the first rank's, any rank may want
    // to stop.
    struct Turn {
        double elapsed = 0;
        bool save = false;
        bool stop = false;
    };
    Turn agree(const Turn& mine);

    // Error(mismatch) "rank 2 has another WHAT rank 0" unless all ranks have equal texts.
    struct Text {
        std::string what, text;
    };
    void require_same(const std::vector<Text>& texts);
    // Parameters, statistics and moments, which all ranks compute for themselves. A difference is a fault of
    // a machine, or of ours, and ends training: Error(resource).
    void require_same_tensors(const Network& network, std::int64_t step);
    // The first rank's weights, moments and position to all.
    void share_start(Network& network, TrainState& state);

    void broadcast(std::span<double> values);  // the first rank's
    // To be called by the first rank, often, while it alone works on what it will broadcast: the others wait.
    void still_working();
    void meet();  // waits for all

  private:
    Error of_this_rank(const Error& error) const;
    int part(int batch, int rank) const {
        return static_cast<int>(std::int64_t{batch} * rank / launch_.size);
    }
    std::vector<std::string> gather_texts(const std::string& mine);  // of equal lengths

    Launch launch_;
    std::unique_ptr<Communicator> ranks_;
    std::chrono::steady_clock::time_point told_;  // the others, of being at work
};

}  // namespace regkit
