// Checkpoints of a training run: OUT.part/step-<n>.safetensors, a model file (regkit-model(5)) with Adam's
// moments and the state below beside the weights, and OUT.part/best-<n>.safetensors, the best model so far.
// The last two checkpoints are kept, and whatever best models those two name. The log lies there too, until
// the model has its name.
#pragma once

#include <cstdint>
#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "app/model/model.hpp"
#include "base/log.hpp"

namespace regkit {

// Where training stands. Everything that the tensors of later steps, the choice of the best and the end of
// training depend on, besides the weights and moments.
struct TrainState {
    std::int64_t step = 0;     // optimiser steps done; the position in the order of windows is step * batch
    std::int64_t horizon = 0;  // steps that the learning rate's schedule was laid out for
    double elapsed = 0;        // seconds of training so far, over all runs
    std::int64_t validated = -1;  // step of the last validation; -1: none yet
    std::int64_t best_step = -1;  // -1: none yet
    // Of the best: mean average precision, or Pearson correlation of coverage; NaN: none yet, or none could
    // be scored.
    double best_metric = std::numeric_limits<double>::quiet_NaN();
    double best_chance = std::numeric_limits<double>::quiet_NaN();  // Validation::chance of the best
    int best_constant = 0;           // markers that the best predicts a constant for
    int validations_since_best = 0;  // early stopping counts these
    double loss_sum = 0;             // of the steps since the last line of the log
    std::int64_t loss_steps = 0;
    // Of the last step: the log has it beside a validation that comes after a resume. NaN: none, or not told
    // by an older file.
    double grad_norm = std::numeric_limits<double>::quiet_NaN();
    std::string settings;  // JSON object: what must agree for a resumed run to be the same run
    std::string backend;   // Device::description(); bits are promised for equal ones only
};

struct Checkpoint {
    Model model;
    std::vector<NamedTensor> optimiser;  // Network::optimiser_state()
    TrainState state;
};

// The directory OUT.part of an output OUT. Holds a lock while it lives, so that two runs cannot share it.
class CheckpointStore {
  public:
    // Creates the directory. Error(resource) when that fails, another process holds the lock, or the
    // directory or the lock is a symbolic link.
    explicit CheckpointStore(const std::string& output);
    ~CheckpointStore();
    CheckpointStore(const CheckpointStore&) = delete;
    CheckpointStore& operator=(const CheckpointStore&) = delete;

    const std::string& directory() const { return directory_; }
    std::string log_path() const;
    bool empty() const;  // holds no checkpoint
    std::optional<std::int64_t> newest_step()
        const;  // of the checkpoints; whether it can be read shows later

    // Writes a checkpoint and drops what is no longer needed. Values that are not finite: Error(diverged).
    void save(const Checkpoint& checkpoint);
    // The newest checkpoint that can be read, with the best model that it names: without that the run would
    // fail at its end. A damaged one is warned of and the one before it is taken. Error(input) when none is
    // left.
    Checkpoint load_newest(Log& log);

    void save_best(std::int64_t step, const Model& model);
    Model load_best(std::int64_t step) const;

    // Removes every checkpoint, and with `directory_too` the log, what killed runs left, and the directory
    // itself.
    void clear(bool directory_too);

  private:
    std::vector<std::string> names() const;
    std::vector<std::int64_t> steps(const std::string& prefix) const;  // ascending
    std::string new_file(const std::string& prefix, std::int64_t step) const;
    std::string file(const std::string& prefix, std::int64_t step) const;
    void prune(std::int64_t newest_best);

    std::string directory_;
    int lock_ = -1;
    std::int64_t previous_best_ = -1;  // named by the checkpoint before the newest
};

}  // namespace regkit
