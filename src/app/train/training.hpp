// One training, from the data set to the model. Internal to this folder: trainer.cpp has its start and its
// steps, training_outputs.cpp what it tells and writes.
#pragma once

#include <chrono>
#include <cstdint>
#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "app/evaluate/scoring.hpp"
#include "app/model/model.hpp"
#include "app/train/batcher.hpp"
#include "app/train/checkpoint.hpp"
#include "app/train/rank_team.hpp"
#include "app/train/schedule.hpp"
#include "app/train/train_log.hpp"
#include "app/train/trainer.hpp"
#include "app/train/validation.hpp"
#include "base/log.hpp"
#include "io/dataset/dataset.hpp"
#include "io/fasta/packed_genome.hpp"
#include "kernels/backend.hpp"
#include "kernels/base/thread_pool.hpp"
#include "nn/network.hpp"

namespace regkit {

class Training {
  public:
    Training(const TrainParameters& parameters, const TrainHost& host, Log& log, RankTeam& team);
    TrainReport execute();

  private:
    bool start();  // false: there is nothing left to do
    bool complete_already(const std::string& settings);
    void resume();
    void train_steps();
    void take_step(const Batch& batch);
    std::string backend_name() const;
    bool finished() const;
    bool validation_due() const;
    void agree();
    bool validate();  // false: stopped on the way
    bool measure(Validation& result);
    void conclude(const Validation& result);
    void checkpoint();
    void interrupt();
    void stop();
    void finish();
    bool write_model();
    bool calibrate(Model& result);
    ReadCodes read_codes() const;
    [[noreturn]] void diverged(const std::string& what) const;

    double epoch() const;
    double elapsed() const { return team_.alone() ? clock() : agreed_.elapsed; }
    using Clock = std::chrono::steady_clock;
    static double seconds_since(Clock::time_point begin) {
        return std::chrono::duration<double>(Clock::now() - begin).count();
    }
    double clock() const { return elapsed_before_ + seconds_since(begin_); }
    double speed() const;
    bool out_of_time() const { return p_.max_seconds > 0 && elapsed() >= p_.max_seconds; }
    float learning_rate() const;
    TrainProgress progress(bool validating) const;
    TrainLogRow row(double loss, double norm) const;
    Model model(std::vector<NamedTensor> tensors) const;
    std::string summary() const;

    const TrainParameters& p_;
    const TrainHost& host_;
    Log& log_;
    RankTeam& team_;
    Dataset dataset_;
    Spec spec_;
    std::optional<CheckpointStore> store_;  // the first rank's; none where the output is no regular file
    BackendChoice choice_;
    Network network_;
    ThreadPool pool_;
    std::optional<PackedGenome> genome_;
    std::vector<std::int64_t> windows_;  // training
    std::vector<std::int64_t> valid_windows_;
    std::unique_ptr<Validator> validator_;  // none without validation windows
    std::vector<NamedTensor> best_;         // of the first rank, without a store
    std::optional<TrainLog> table_;         // beside the store
    Schedule schedule_;
    TrainState state_;
    std::int64_t steps_ = 0;  // planned
    double elapsed_before_ = 0;
    Clock::time_point begin_, saved_;
    RankTeam::Turn agreed_;         // what all ranks go by until the next step
    std::int64_t steps_here_ = 0;   // of this process
    std::int64_t saved_steps_ = 0;  // of them, when the last checkpoint was written
    double step_seconds_ = 0;       // spent in them
    double running_loss_ = std::numeric_limits<double>::quiet_NaN();  // for the progress line
};

}  // namespace regkit
