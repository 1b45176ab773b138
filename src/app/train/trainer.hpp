// Training a network on a data set: what regtrain does.
//
// Adam on the mean loss over output positions and markers: sigmoid cross-entropy, or Poisson for coverage.
// Step k takes samples k*batch .. k*batch + batch - 1 of the endless order of windows (app/window_order.hpp),
// dropout's counter is k, so the position in training is one number and an interrupted run continues bit by
// bit from a checkpoint (app/checkpoint.hpp). Tensors do not depend on the number of workers. With
// max_seconds only the length of training depends on the clock.
//
// N ranks (ranks/launch.hpp) train what one trains: the same windows in the same order, dropout keyed by a
// window's number in the batch, statistics of batch norm and gradients of the whole batch, each summed in the
// order of ranks. The tensors of a run are the same for a given N, on all ranks, which checkpoints verify;
// another N rounds sums otherwise.
#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "app/evaluate/metrics.hpp"
#include "app/train/schedule.hpp"
#include "base/log.hpp"
#include "base/work_done.hpp"
#include "kernels/backend.hpp"
#include "ranks/launch.hpp"

namespace regkit {

struct TrainParameters {
    std::string dataset;
    std::string fasta;         // empty: the path that the data set remembers
    std::string architecture;  // a preset's name, or a file that ends in .json
    std::string output;
    bool norm = true;     // false: the architecture without batch norm
    double dropout = -1;  // rate; negative: the architecture's own

    double epochs = 4;       // passes over the training windows; steps = round(epochs * windows / batch)
    std::int64_t steps = 0;  // > 0: instead of epochs
    double max_seconds = 0;  // > 0: training ends, complete, when it has lasted this long
    int batch = 8;
    double pos_weight = 1;
    double clip = 0;  // largest gradient norm; 0: any
    bool rc_augment = false;
    std::uint64_t seed = 1;
    ScheduleKind schedule = ScheduleKind::constant;
    double learning_rate = 1e-3;
    double warmup = 0.05;

    std::int64_t valid_every = 0;  // steps; 0: after each epoch
    double valid_fraction = 1;     // of the validation windows, the same ones every time
    int patience = 0;              // validations without a better one before training stops; 0: never

    double checkpoint_seconds = 300;
    std::int64_t log_every = 10;  // steps
    bool resume = false;
    bool force = false;  // start over where checkpoints of an unfinished run lie
    bool keep_checkpoints = false;
    bool check_reference = false;  // bases of every contig, not only of those that hold windows
    bool provenance = true;        // version and command in the model
    std::string command_line;
    BackendOptions backend;

    // Several processes train one model: what each of them calls train() with, apart from its launch and
    // device, is the same. Each takes its part of every batch; the first one validates and writes all files.
    Launch launch;
    double dist_seconds = 600;  // a rank that keeps the others waiting for longer ends all

    void verify() const;  // Error(usage) naming the option
};

struct TrainProgress {
    WorkDone work;  // bases of training windows; the speed is of the steps of this process
    std::int64_t step = 0;
    double epoch = 0;
    // Of the steps of this process; NaN before its first, as after a resume.
    std::int64_t steps_here = 0;  // of this process
    double loss = 0;  // running mean of the batches' losses, in which the last 50 steps count most
    bool validating = false;
};

// What the caller provides. All are called on the thread of train().
struct TrainHost {
    std::function<bool()> stop = [] { return false; };  // asked between steps: true ends with a checkpoint
    std::function<void(const TrainProgress&)> progress = [](const TrainProgress&) {};
};

struct TrainReport {
    std::int64_t steps = 0;
    std::int64_t steps_here =
        0;  // of them, those of this process; 0: a resumed run had nothing to do but validate or write
    double epochs = 0;
    double seconds = 0;           // of training, over all runs
    double nt_per_second = 0;     // of steps_here, as the loss; NaN where there are none
    double loss = 0;              // running mean, as TrainProgress has it
    std::int64_t best_step = -1;  // -1: no validation windows, the last weights were taken
    double best_metric = 0;       // NaN: no marker could be scored
    std::string metric;           // what best_metric is, in words
    double best_chance = 0;       // what a random ranking has instead; NaN where there is no such value
    int best_constant = 0;        // markers, of how many, that the best model predicts a constant for
    int markers = 0;
    bool complete = false;  // a run of these settings had ended before: nothing was done, the rest is empty
};

// Writes the model with its log beside it, and while it runs OUT.part/ (neither beside a device). Errors:
// usage, input, resource; mismatch when the FASTA is not the data set's or a resumed run's settings differ;
// diverged (the model under `output`, if any, and the last checkpoint stay as they were); interrupted once
// host.stop() said so (to any rank) and a checkpoint is on disk. Of several ranks, all end when one does:
// with its kind of error where it could tell, else resource.
TrainReport train(const TrainParameters& parameters, const TrainHost& host, Log& log);

}  // namespace regkit
