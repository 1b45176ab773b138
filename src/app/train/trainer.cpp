// One object holds the training; its loop asks at the top of each step what is due: validation, a checkpoint,
// the end, or a stop, and then takes a batch. All ranks answer those questions by the same words (RankTeam),
// because clocks and signals differ between them. Whatever touches files is the first rank's. A loss or
// gradient that is not finite ends it before the step is taken, and leaves the last checkpoint as it is.
#include "app/train/trainer.hpp"

#include <algorithm>
#include <cmath>
#include <filesystem>

#include "app/model/genome_of.hpp"
#include "app/train/finished_run.hpp"
#include "app/train/trainer_setup.hpp"
#include "app/train/training.hpp"
#include "base/text.hpp"
#include "base/version.hpp"
#include "io/files/output_check.hpp"
#include "kernels/base/error.hpp"

namespace regkit {
namespace {

// A device has no name beside which a log or checkpoints could lie.
std::vector<std::string> outputs_of(const TrainParameters& p) {
    if (is_special_output(p.output)) return {p.output};
    return {p.output, train_log_path(p.output), p.output + ".part"};
}

}  // namespace

Training::Training(const TrainParameters& parameters, const TrainHost& host, Log& log, RankTeam& team)
    : p_(parameters),
      host_(host),
      log_(log),
      team_(team),
      dataset_(Dataset::load(parameters.dataset, log)),
      spec_(training_spec(parameters, dataset_)),
      choice_(make_backend(parameters.backend)),
      network_(spec_, static_cast<int>(dataset_.markers().size()), *choice_.backend),
      pool_(resolve_workers(parameters.backend.workers)),
      schedule_{parameters.schedule, parameters.learning_rate, parameters.warmup} {
    refuse_inputs_as_outputs(outputs_of(p_),
                             {p_.dataset, p_.fasta.empty() ? dataset_.fasta_path() : p_.fasta});
    if (team_.first() && !is_special_output(p_.output)) store_.emplace(p_.output);
    if (!choice_.notice.empty()) log_.info(choice_.notice);
    windows_ = dataset_.select(Split::train);
    require(!windows_.empty(), ErrorKind::input, dataset_.path() + ": no training windows");
    valid_windows_ = validation_windows(dataset_, p_.valid_fraction, p_.seed);
    if (valid_windows_.empty())
        log_.info(dataset_.path() + ": no validation windows; the model will be that of the last step");
    else
        validator_ = make_validator(spec_.task, network_.markers(), pool_);
    steps_ = planned_steps(p_, static_cast<std::int64_t>(windows_.size()));
}

bool Training::start() {
    const std::string settings = training_settings(p_, spec_, dataset_);
    team_.require_same(
        {{"settings (data set, architecture, options) than", settings},
         {"length of training than",
          std::to_string(steps_) + " " + std::to_string(p_.max_seconds) + " " + std::to_string(p_.patience)},
         {"back end ('" + std::string(choice_.backend->description()) + "') than",
          choice_.backend->description()},
         {"version of regkit than", std::string(version())}});
    double complete = team_.first() && p_.resume && complete_already(settings) ? 1 : 0;
    team_.broadcast({&complete, 1});
    if (complete > 0) return false;
    bool resumed = false;
    if (store_) {
        const bool fresh = store_->empty();
        require(
            fresh || p_.resume || p_.force, ErrorKind::usage,
            store_->directory() +
                ": holds checkpoints of an unfinished run; go on with --resume or start over with --force");
        resumed = !fresh && p_.resume;
        if (!resumed && p_.resume)
            log_.info(store_->directory() + ": no checkpoint yet; training starts from the beginning");
    }
    FastaFile fasta = open_reference(dataset_, p_.fasta, p_.check_reference);
    genome_.emplace(load_genome(dataset_, fasta));
    if (team_.first()) tell_placeholders(fasta.path(), fasta.placeholders(), log_);
    if (team_.first()) tell_empty_records(fasta, log_);
    // Only now: a reference that cannot be read must not cost the checkpoints of an earlier run.
    if (store_ && !resumed) store_->clear(false);
    std::vector<double> prevalence;
    for (const Marker& marker : dataset_.markers()) prevalence.push_back(marker.prevalence);
    network_.initialise(p_.seed, prevalence);
    network_.load_optimiser({});
    state_.horizon = steps_;
    state_.settings = settings;
    if (resumed) resume();
    team_.share_start(network_, state_);
    state_.backend = backend_name();
    elapsed_before_ = state_.elapsed;
    if (!team_.first()) return true;
    if (store_)
        table_.emplace(store_->log_path(), class_names(dataset_.markers()), metric_names(spec_.task),
                       state_.step > 0 ? KeptLog{state_.step, state_.validated} : KeptLog{},
                       train_log_path(p_.output));
    log_.info("training " + spec_.name + " (" + std::to_string(network_.summary().parameters) +
              " parameters, " + counted(network_.markers(), "marker") + ") on " +
              counted(static_cast<std::int64_t>(windows_.size()), "window") + ", " + state_.backend);
    return true;
}

// A queue that starts every job again until it is done must not train a finished one anew.
bool Training::complete_already(const std::string& settings) {
    const std::optional<FinishedRun> done = store_ ? finished_run(p_.output, settings) : std::nullopt;
    if (!done || !done->covers(p_, steps_) || store_->newest_step().value_or(done->steps) < done->steps)
        return false;
    char epochs[32];
    std::snprintf(epochs, sizeof epochs, "%.2f", done->epochs);
    log_.info(p_.output + ": its training is complete (" + std::to_string(done->steps) + " steps, " + epochs +
              " epochs): nothing to do; without --resume it is trained anew");
    // Without a checkpoint the log that lies there is the beginning of another run.
    const std::string log = train_log_path(p_.output);
    if (store_->newest_step() && publish_log(store_->log_path(), log, class_names(dataset_.markers()),
                                             metric_names(spec_.task), {done->steps, done->steps}))
        log_.info(log + ": the log of that training had not got its name yet, and has it now");
    if (!p_.keep_checkpoints) store_->clear(true);
    return true;
}

void Training::resume() {
    Checkpoint saved = store_->load_newest(log_);
    require_same_settings(saved.state.settings, state_.settings, store_->directory());
    if (saved.state.backend != backend_name())
        log_.warn("other-backend", "the run so far was computed by '" + saved.state.backend + "', now by '" +
                                       backend_name() + "': bits may differ from an uninterrupted run's");
    network_.load(std::move(saved.model.tensors));
    network_.load_optimiser(std::move(saved.optimiser));
    state_ = std::move(saved.state);
    log_.info("resuming at step " + std::to_string(state_.step));
}

// What the bits of a run depend on.
std::string Training::backend_name() const {
    const std::string name = choice_.backend->description();
    return team_.alone() ? name : name + " x " + std::to_string(team_.size()) + " ranks";
}

TrainReport Training::execute() {
    if (!start()) {
        TrainReport report;
        report.complete = true;
        return report;
    }
    begin_ = Clock::now();
    train_steps();
    finish();
    return {state_.step,
            steps_here_,
            epoch(),
            state_.elapsed,
            speed(),
            running_loss_,
            state_.best_step,
            state_.best_metric,
            metric_names(spec_.task).words,
            state_.best_chance,
            state_.best_constant,
            network_.markers()};
}

void Training::train_steps() {
    BatchPlan plan{windows_, p_.batch, p_.seed, p_.rc_augment};
    plan.first = team_.first_sample(p_.batch);
    plan.end = team_.end_sample(p_.batch);
    Batcher batcher(dataset_, *genome_, plan, state_.step);
    saved_ = Clock::now();
    host_.progress(progress(false));
    for (;;) {
        agree();
        // Validation comes first: a run stopped between a step and its validation makes up for it when
        // resumed.
        if (validation_due()) {
            if (!validate()) interrupt();
            checkpoint();
        } else if (agreed_.save) {
            checkpoint();
        }
        if (finished()) {
            // Without validation too: by its last checkpoint complete_already() knows the log of such a run.
            if (steps_here_ > saved_steps_) checkpoint();
            return;
        }
        if (agreed_.stop) interrupt();
        take_step(batcher.next());
    }
}

// Clocks and signals differ between ranks: all act on the same word.
void Training::agree() {
    RankTeam::Turn turn;
    turn.stop = host_.stop();
    turn.elapsed = clock();
    turn.save = steps_here_ > saved_steps_ && seconds_since(saved_) >= p_.checkpoint_seconds;
    agreed_ = team_.agree(turn);
}

void Training::take_step(const Batch& batch) {
    const auto begin = Clock::now();
    TrainStep how;
    how.seed = p_.seed;
    how.step = static_cast<std::uint64_t>(state_.step);
    how.pos_weight = static_cast<float>(p_.pos_weight);
    how.share = team_.share(p_.batch);
    AdamStep adam;
    adam.learning_rate = learning_rate();
    adam.step = state_.step + 1;
    adam.clip_norm = static_cast<float>(p_.clip);
    const StepResult result = network_.train(batch.codes(), batch.labels(), how, adam);
    if (!result.finite())
        diverged("loss " + std::to_string(result.loss) + ", gradient norm " +
                 std::to_string(result.grad_norm));
    for (const std::string& notice : choice_.backend->take_notices()) log_.info(notice);
    for (const std::string& choice : choice_.backend->take_choices()) log_.debug(choice);
    ++state_.step;
    state_.loss_sum += result.loss;
    ++state_.loss_steps;
    state_.grad_norm = result.grad_norm;
    running_loss_ = steps_here_ == 0 ? result.loss : 0.98 * running_loss_ + 0.02 * result.loss;
    ++steps_here_;
    step_seconds_ += seconds_since(begin);
    if (state_.step % p_.log_every == 0) {
        if (table_)
            table_->step(row(state_.loss_sum / static_cast<double>(state_.loss_steps), state_.grad_norm));
        state_.loss_sum = 0;
        state_.loss_steps = 0;
    }
    host_.progress(progress(false));
}

bool Training::finished() const {
    const bool enough = state_.step >= steps_ || out_of_time();
    const bool patience_over = p_.patience > 0 && state_.validations_since_best >= p_.patience;
    return enough || patience_over;
}

bool Training::validation_due() const {
    if (!validator_ || state_.step == 0 || state_.validated == state_.step) return false;
    if (finished()) return true;
    if (p_.valid_every > 0) return state_.step % p_.valid_every == 0;
    const auto windows = static_cast<std::int64_t>(windows_.size());
    return state_.step * p_.batch / windows > (state_.step - 1) * p_.batch / windows;
}

float Training::learning_rate() const {
    const double by_steps = (static_cast<double>(state_.step) + 0.5) / static_cast<double>(state_.horizon);
    const double by_time = p_.max_seconds > 0 ? elapsed() / p_.max_seconds : 0;
    return static_cast<float>(schedule_.rate(std::max(by_steps, by_time)));
}

TrainReport train(const TrainParameters& parameters, const TrainHost& host, Log& log) {
    parameters.verify();
    std::error_code ignored;
    require(!std::filesystem::is_directory(parameters.output, ignored), ErrorKind::usage,
            "-o " + parameters.output + ": is a directory; name the model's file");
    refuse_inputs_as_outputs(outputs_of(parameters), {parameters.architecture});
    require(!parameters.resume || !is_special_output(parameters.output), ErrorKind::usage,
            "--resume needs a regular file as -o: checkpoints lie beside it");
    RankTeam team(parameters.launch, parameters.dist_seconds);
    NullLog nobody;  // what the other ranks would say, the first one says
    TrainHost quiet;
    quiet.stop = host.stop;
    return team.run([&] {
        Training training(parameters, team.first() ? host : quiet, team.first() ? log : nobody, team);
        return training.execute();
    });
}

}  // namespace regkit
