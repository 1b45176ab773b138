// The paper's windows through several models: what count_windows takes of an ensemble.
#pragma once

#include <string>
#include <vector>

#include "app/evaluate/scoring.hpp"
#include "app/model/calibrated.hpp"
#include "app/model/model.hpp"
#include "kernels/backend.hpp"
#include "kernels/base/thread_pool.hpp"

namespace regkit {

class EnsembleWindows {
  public:
    // Models of one task that fit the data set, of which calibrated ones give calibrated probabilities. Back
    // end and pool must outlive it.
    EnsembleWindows(std::vector<Model> models, const Dataset& dataset, bool rc_average, Backend& backend,
                    ThreadPool& pool);

    // The logit of the mean of every model's probability in each position with a label, and behind all
    // markers' rows those of their spread. This must outlive it.
    WindowLogits logits();

  private:
    struct Member {
        Network network;
        KnotMaps knots;
        WindowLogits window = {};
        std::vector<std::uint8_t> codes = {};  // [batch][window.length]
        std::vector<float> logits = {};        // [batch][markers][window.positions]
    };
    void infer(std::span<const std::uint8_t> codes, std::int64_t batch, std::span<float> logits);
    void infer(Member& member, std::span<const std::uint8_t> codes, std::int64_t batch);

    std::int64_t length_, positions_, markers_;
    Task task_;
    ThreadPool& pool_;
    std::vector<Member> members_;
};

}  // namespace regkit
