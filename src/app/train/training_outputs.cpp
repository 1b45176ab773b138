// What a training tells and writes on its way: validations, checkpoints, rows of its log, the model.
#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "app/evaluate/calibrate.hpp"
#include "app/evaluate/scoring.hpp"
#include "app/train/finished_run.hpp"
#include "app/train/trainer_setup.hpp"
#include "app/train/training.hpp"
#include "base/version.hpp"
#include "io/files/output_check.hpp"
#include "io/files/output_set.hpp"
#include "kernels/base/error.hpp"

namespace regkit {

using nlohmann::json;

// The first rank alone; the others wait for what came of it.
bool Training::validate() {
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

ReadCodes Training::read_codes() const {
    return [this](std::int32_t contig, std::int64_t begin, std::int64_t end, std::span<std::uint8_t> codes) {
        genome_->read(static_cast<std::size_t>(contig), begin, end, codes);
    };
}

bool Training::measure(Validation& result) {
    const ReadCodes read = read_codes();
    const KeepGoing keep_going = [&](std::int64_t) {
        team_.still_working();
        host_.progress(progress(true));
        return !host_.stop();
    };
    validator_->clear();
    const CountPositions count = [&](std::span<const float> logits, std::int64_t length,
                                     std::span<const KeptRun> kept, std::span<const LabelRun> runs,
                                     std::span<const RowPlace>) {
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

void Training::conclude(const Validation& result) {
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

void Training::checkpoint() {
    team_.require_same_tensors(network_, state_.step);
    state_.elapsed = clock();
    if (store_) store_->save({model(network_.state()), network_.optimiser_state(), state_});
    saved_ = Clock::now();
    saved_steps_ = steps_here_;
}

void Training::interrupt() {
    checkpoint();
    stop();
}

// With a checkpoint written.
void Training::stop() {
    team_.meet();  // a launcher may kill the rest when the first ends
    require(!is_special_output(p_.output), ErrorKind::resource,
            "stopped at step " + std::to_string(state_.step) + " of training; " + p_.output +
                " is no regular file, so that there is no checkpoint");
    throw Error(ErrorKind::interrupted, "stopped at step " + std::to_string(state_.step) +
                                            " of training; the checkpoint is in " + p_.output + ".part" +
                                            "; go on with --resume");
}

void Training::finish() {
    state_.elapsed = clock();
    team_.require_same_tensors(network_, state_.step);
    double done = team_.first() && !write_model() ? 0 : 1;
    team_.broadcast({&done, 1});
    if (done == 0) stop();
    team_.meet();
}

// False when stopped on the way.
bool Training::write_model() {
    const bool take_best = state_.best_step >= 0 && state_.best_step != state_.step;
    const auto best = [&] { return store_ ? store_->load_best(state_.best_step).tensors : std::move(best_); };
    Model result = model(take_best ? best() : network_.state());
    if (!calibrate(result)) return false;
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
    return true;
}

// Of all validation windows, however few of them the validations took.
bool Training::calibrate(Model& result) {
    const std::vector<std::int64_t> windows = dataset_.select(Split::valid);
    if (const std::string why = why_not_calibrated(result, windows); !why.empty()) return true;
    const ReadCodes read = read_codes();
    const KeepGoing keep_going = [&](std::int64_t) {
        team_.still_working();
        host_.progress(progress(true));
        return !host_.stop();
    };
    const LabelMap labels = LabelMap::identity(dataset_.markers().size());
    const ContigIntervals nothing(dataset_.reference().size());
    const std::optional<CallFit> fit = fit_model_calls(
        result, *choice_.backend, {dataset_, windows, read, labels, nothing, keep_going}, pool_);
    if (!fit) return false;
    result.calls = fit->calls;
    for (const std::string& sentence : fit_sentences(*fit)) log_.info("calls: " + sentence);
    return true;
}

void Training::diverged(const std::string& what) const {
    char place[64];
    std::snprintf(place, sizeof place, "%lld (epoch %.3f)", static_cast<long long>(state_.step + 1), epoch());
    throw Error(ErrorKind::diverged, "training diverged at step " + std::string(place) + ": " + what +
                                         "; nothing under " + p_.output +
                                         " was touched; try a lower --lr, or --clip");
}

double Training::epoch() const {
    return static_cast<double>(state_.step) * p_.batch / static_cast<double>(windows_.size());
}

double Training::speed() const {
    if (step_seconds_ <= 0) return std::nan("");
    return static_cast<double>(steps_here_) * p_.batch * static_cast<double>(dataset_.window()) /
           step_seconds_;
}

TrainProgress Training::progress(bool validating) const {
    TrainProgress now;
    now.step = state_.step;
    now.epoch = epoch();
    now.steps_here = steps_here_;
    now.loss = running_loss_;
    now.validating = validating;
    WorkDone& work = now.work;
    const std::int64_t bases = p_.batch * dataset_.window();  // of a step
    work.done = state_.step * bases;
    work.total = steps_ < kUnbounded ? steps_ * bases : 0;
    work.share = static_cast<double>(state_.step) / static_cast<double>(steps_);
    work.per_second = speed();
    const auto left = static_cast<double>(std::max<std::int64_t>(0, steps_ - state_.step));
    const double each = steps_here_ > 0 ? step_seconds_ / static_cast<double>(steps_here_) : HUGE_VAL;
    work.seconds_left = left > 0 ? each * left : 0;
    if (p_.max_seconds > 0) {
        work.share = std::clamp(elapsed() / p_.max_seconds, work.share, 1.0);
        work.seconds_left = std::clamp(p_.max_seconds - elapsed(), 0.0, work.seconds_left);
    }
    return now;
}

TrainLogRow Training::row(double loss, double norm) const {
    return {state_.step, epoch(), loss, norm, static_cast<double>(learning_rate()), speed()};
}

Model Training::model(std::vector<NamedTensor> tensors) const {
    Model made;
    made.spec = spec_;
    made.markers = dataset_.markers();
    made.tensors = std::move(tensors);
    made.reference = dataset_.reference();
    made.layout = dataset_.layout();
    made.summary = summary();
    return made;
}

std::string Training::summary() const {
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

}  // namespace regkit
