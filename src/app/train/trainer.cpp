// One object holds the run; its loop asks at the top of each step what is due: validation, a checkpoint, the
// end, or a stop, and then takes a batch. All ranks answer those questions by the same words (RankTeam),
// because clocks and signals differ between them. Whatever touches files is the first rank's. A loss or
// gradient that is not finite ends the run before the step is taken, and leaves the last checkpoint as it is.
#include "app/train/trainer.hpp"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <filesystem>
#include <limits>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>

#include "app/evaluate/scoring.hpp"
#include "app/model/genome_of.hpp"
#include "app/model/model.hpp"
#include "app/train/batcher.hpp"
#include "app/train/checkpoint.hpp"
#include "app/train/finished_run.hpp"
#include "app/train/rank_team.hpp"
#include "app/train/train_log.hpp"
#include "app/train/trainer_setup.hpp"
#include "app/train/validation.hpp"
#include "base/text.hpp"
#include "base/version.hpp"
#include "io/files/output_check.hpp"
#include "io/files/output_set.hpp"
#include "kernels/base/error.hpp"
#include "kernels/base/thread_pool.hpp"
#include "nn/network.hpp"

namespace regkit {
namespace {

using Clock = std::chrono::steady_clock;
using nlohmann::json;

double seconds_since(Clock::time_point begin) {
    return std::chrono::duration<double>(Clock::now() - begin).count();
}

// A device has no name beside which a log or checkpoints could lie.
std::vector<std::string> outputs_of(const TrainParameters& p) {
    if (is_special_output(p.output)) return {p.output};
    return {p.output, train_log_path(p.output), p.output + ".part"};
}

class Run {
  public:
    Run(const TrainParameters& parameters, const TrainHost& host, Log& log, RankTeam& team);
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
    void finish();
    void write_model();
    [[noreturn]] void diverged(const std::string& what) const;

    double epoch() const;
    double elapsed() const { return team_.alone() ? clock() : agreed_.elapsed; }
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

Run::Run(const TrainParameters& parameters, const TrainHost& host, Log& log, RankTeam& team)
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

bool Run::start() {
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
bool Run::complete_already(const std::string& settings) {
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

void Run::resume() {
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
std::string Run::backend_name() const {
    const std::string name = choice_.backend->description();
    return team_.alone() ? name : name + " x " + std::to_string(team_.size()) + " ranks";
}

TrainReport Run::execute() {
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

void Run::train_steps() {
    BatchPlan plan{windows_, p_.batch, p_.seed, p_.rc_augment};
    plan.first = team_.first_sample(p_.batch);
    plan.end = team_.end_sample(p_.batch);
    Batcher batcher(dataset_, *genome_, plan, state_.step);
    saved_ = Clock::now();
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
void Run::agree() {
    RankTeam::Turn turn;
    turn.stop = host_.stop();
    turn.elapsed = clock();
    turn.save = steps_here_ > saved_steps_ && seconds_since(saved_) >= p_.checkpoint_seconds;
    agreed_ = team_.agree(turn);
}

void Run::take_step(const Batch& batch) {
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

bool Run::finished() const {
    const bool enough = state_.step >= steps_ || out_of_time();
    const bool patience_over = p_.patience > 0 && state_.validations_since_best >= p_.patience;
    return enough || patience_over;
}

bool Run::validation_due() const {
    if (!validator_ || state_.step == 0 || state_.validated == state_.step) return false;
    if (finished()) return true;
    if (p_.valid_every > 0) return state_.step % p_.valid_every == 0;
    const auto windows = static_cast<std::int64_t>(windows_.size());
    return state_.step * p_.batch / windows > (state_.step - 1) * p_.batch / windows;
}

// The first rank alone; the others wait for what came of it.
bool Run::validate() {
    Validation result;
    const bool done = !team_.first() || measure(result);
    double words[4] = {done ? 1.0 : 0.0, result.metric, result.chance, static_cast<double>(result.constant)};
    team_.broadcast(words);
    if (words[0] == 0) return false;
    result.metric = words[1];
    result.chance = words[2];
    result.constant = static_cast<int>(words[3]);
    if (table_) table_->validation(row(std::nan(""), state_.grad_norm), result);
    conclude(result);
    return true;
}

bool Run::measure(Validation& result) {
    const ReadCodes read = [&](std::int32_t contig, std::int64_t begin, std::int64_t end,
                               std::span<std::uint8_t> codes) {
        genome_->read(static_cast<std::size_t>(contig), begin, end, codes);
    };
    const KeepGoing keep_going = [&](std::int64_t) {
        team_.still_working();
        host_.progress(progress(true));
        return !host_.stop();
    };
    validator_->clear();
    const CountPositions count = [&](std::span<const float> logits, std::int64_t length,
                                     std::span<const KeptRun> kept, std::span<const PeakRun> runs) {
        validator_->add(logits, length, kept, runs);
    };
    try {
        const LabelMap labels = LabelMap::identity(dataset_.markers().size());
        const ContigIntervals nothing(dataset_.reference().size());
        if (!count_windows(network_, dataset_, valid_windows_, read, labels, nothing, keep_going, count))
            return false;
    } catch (const Error& error) {
        if (error.kind() == ErrorKind::diverged) diverged(error.what());
        throw;
    }
    result = validator_->result(dataset_.markers());
    return true;
}

void Run::conclude(const Validation& result) {
    state_.validated = state_.step;
    const bool better = is_better(result.metric, state_.best_metric);
    if (team_.first()) tell_validation(result, spec_.task, network_.markers(), epoch(), better, log_);
    if (better) {
        state_.best_step = state_.step;
        state_.best_metric = std::isfinite(result.metric) ? result.metric : std::nan("");
        state_.best_chance = result.chance;
        state_.best_constant = result.constant;
        state_.validations_since_best = 0;
        if (store_)
            store_->save_best(state_.step, model(network_.state()));
        else if (team_.first())
            best_ = network_.state();
    } else {
        ++state_.validations_since_best;
    }
}

void Run::checkpoint() {
    team_.require_same_tensors(network_, state_.step);
    state_.elapsed = clock();
    if (store_) store_->save({model(network_.state()), network_.optimiser_state(), state_});
    saved_ = Clock::now();
    saved_steps_ = steps_here_;
}

void Run::interrupt() {
    checkpoint();
    team_.meet();  // a launcher may kill the rest when the first ends
    require(!is_special_output(p_.output), ErrorKind::resource,
            "stopped at step " + std::to_string(state_.step) + " of training; " + p_.output +
                " is no regular file, so that there is no checkpoint");
    throw Error(ErrorKind::interrupted, "stopped at step " + std::to_string(state_.step) +
                                            " of training; the checkpoint is in " + p_.output + ".part" +
                                            "; go on with --resume");
}

void Run::finish() {
    state_.elapsed = clock();
    team_.require_same_tensors(network_, state_.step);
    if (team_.first()) write_model();
    team_.meet();
}

void Run::write_model() {
    const bool take_best = state_.best_step >= 0 && state_.best_step != state_.step;
    const auto best = [&] { return store_ ? store_->load_best(state_.best_step).tensors : std::move(best_); };
    Model result = model(take_best ? best() : network_.state());
    OutputSet outputs;
    try {
        add_model(outputs, p_.output, result);
    } catch (const Error& error) {
        if (error.kind() == ErrorKind::input) diverged(error.what());
        throw;
    }
    if (table_) table_->add_to(outputs, train_log_path(p_.output));
    outputs.commit();
    if (store_ && !p_.keep_checkpoints) store_->clear(true);
}

void Run::diverged(const std::string& what) const {
    char place[64];
    std::snprintf(place, sizeof place, "%lld (epoch %.3f)", static_cast<long long>(state_.step + 1), epoch());
    throw Error(ErrorKind::diverged, "training diverged at step " + std::string(place) + ": " + what +
                                         "; nothing under " + p_.output +
                                         " was touched; try a lower --lr, or --clip");
}

double Run::epoch() const {
    return static_cast<double>(state_.step) * p_.batch / static_cast<double>(windows_.size());
}

double Run::speed() const {
    if (step_seconds_ <= 0) return std::nan("");
    return static_cast<double>(steps_here_) * p_.batch * static_cast<double>(dataset_.window()) /
           step_seconds_;
}

float Run::learning_rate() const {
    const double by_steps = (static_cast<double>(state_.step) + 0.5) / static_cast<double>(state_.horizon);
    const double by_time = p_.max_seconds > 0 ? elapsed() / p_.max_seconds : 0;
    return static_cast<float>(schedule_.rate(std::max(by_steps, by_time)));
}

TrainProgress Run::progress(bool validating) const {
    TrainProgress now;
    now.step = state_.step;
    now.steps = steps_;
    now.epoch = epoch();
    now.steps_here = steps_here_;
    now.loss = running_loss_;
    now.nt_per_second = speed();
    const auto left = static_cast<double>(std::max<std::int64_t>(0, steps_ - state_.step));
    const double each = steps_here_ > 0 ? step_seconds_ / static_cast<double>(steps_here_) : HUGE_VAL;
    now.seconds_left = left > 0 ? each * left : 0;
    if (p_.max_seconds > 0) now.seconds_left = std::clamp(p_.max_seconds - elapsed(), 0.0, now.seconds_left);
    now.validating = validating;
    return now;
}

TrainLogRow Run::row(double loss, double norm) const {
    return {state_.step, epoch(), loss, norm, static_cast<double>(learning_rate()), speed()};
}

Model Run::model(std::vector<NamedTensor> tensors) const {
    return {spec_, dataset_.markers(), std::move(tensors), dataset_.reference(), dataset_.layout(), summary(),
            ""};
}

std::string Run::summary() const {
    json text = {{"settings", json::parse(state_.settings)},
                 {"dataset", dataset_.path()},
                 {"reference", dataset_.reference_digest()},
                 {"steps", state_.step},
                 {"epochs", epoch()},
                 {"windows", windows_.size()},
                 {"backend", state_.backend}};
    if (state_.best_step >= 0) {
        const MetricNames names = metric_names(spec_.task);
        text["best"] = {{"step", state_.best_step}, {"valid_" + names.metric, state_.best_metric}};
        if (names.has_chance) text["best"]["valid_prevalence"] = state_.best_chance;
    }
    if (finished())
        text["ended"] = state_.step >= steps_ ? kEndedBySteps
                        : out_of_time()       ? kEndedByTime
                                              : kEndedByPatience;
    // Where the clock ended training the weights are its work too, and --resume asks how long it was.
    if (p_.provenance || text.value("ended", "") == kEndedByTime) text["seconds"] = elapsed();
    if (p_.provenance) {
        text["version"] = std::string(version());
        text["command"] = p_.command_line;
    }
    return text.dump(-1, ' ', false, json::error_handler_t::replace);
}

}  // namespace

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
        Run run(parameters, team.first() ? host : quiet, team.first() ? log : nobody, team);
        return run.execute();
    });
}

}  // namespace regkit
