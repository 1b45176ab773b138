// regtrain: a data set and an architecture into a model. Options to parameters; the work is in
// src/app/trainer.hpp.
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>

#include "app/evaluate/metrics.hpp"
#include "app/model/architecture.hpp"
#include "app/model/input_kind.hpp"
#include "app/train/trainer.hpp"
#include "base/text.hpp"
#include "cli/common.hpp"
#include "cli/progress.hpp"
#include "cli/run.hpp"
#include "cli/signals.hpp"
#include "ranks/mpi_communicator.hpp"

using namespace regkit;

namespace {

constexpr std::int64_t kMaxSteps = 1'000'000'000;
constexpr int kPaperMarkers = 919;

const char* const kTraining = "Training";
const char* const kValidation = "Validation";
const char* const kRanks = "Several processes";

std::vector<cli::Option> model_options() {
    const TrainParameters defaults;
    return {
        {.name = "architecture",
         .letter = 'a',
         .value = "NAME",
         .help = "a preset (see --presets) or a file spec.json, regkit-spec(5)",
         .group = cli::group::model,
         .suggestions = preset_names(),
         .files = "*.json"},
        {.name = "no-norm", .help = "the architecture without batch norm", .group = cli::group::model},
        {.name = "dropout",
         .value = "RATE",
         .help = "dropout rate, in place of the architecture's own",
         .group = cli::group::model},
        cli::common::seed(std::to_string(defaults.seed)),
        {.name = "presets", .help = "print a table of the presets and end", .group = cli::group::model},
        {.name = "describe",
         .value = "NAME",
         .help =
             "print the layers of a preset or spec.json with shapes, parameters, receptive field and arithmetic, and end",
         .group = cli::group::model,
         .suggestions = preset_names(),
         .files = "*.json"},
        {.name = "marker-count",
         .value = "N",
         .fallback = std::to_string(kPaperMarkers),
         .help = "markers for which --presets and --describe count",
         .group = cli::group::model},
    };
}

std::vector<cli::Option> training_options() {
    const TrainParameters defaults;
    return {
        {.name = "epochs",
         .value = "N",
         .fallback = number_text(defaults.epochs),
         .help = "passes over the training windows; may be a fraction",
         .group = kTraining},
        {.name = "steps", .value = "N", .help = "optimiser steps, in place of --epochs", .group = kTraining},
        {.name = "max-time",
         .value = "TIME",
         .help = "end, complete, after this long (90s, 10m, 2h); alone it replaces --epochs",
         .group = kTraining},
        {.name = "batch",
         .value = "N",
         .fallback = std::to_string(defaults.batch),
         .help = "windows a step",
         .group = kTraining},
        {.name = "lr",
         .value = "RATE",
         .fallback = number_text(defaults.learning_rate),
         .help = "Adam's learning rate, the highest of the schedule",
         .group = kTraining},
        {.name = "schedule",
         .value = "NAME",
         .fallback = to_string(defaults.schedule),
         .help = "of the learning rate",
         .group = kTraining,
         .choices = {"constant", "cosine", "one-cycle"}},
        {.name = "warmup",
         .value = "FRACTION",
         .fallback = number_text(defaults.warmup),
         .help = "of training in which a cosine's rate rises",
         .group = kTraining},
        {.name = "clip",
         .value = "NORM",
         .fallback = number_text(defaults.clip),
         .help = "scale gradients down to this norm; 0 is never",
         .group = kTraining},
        {.name = "pos-weight",
         .value = "W",
         .fallback = number_text(defaults.pos_weight),
         .help = "weight of positive positions in the loss",
         .group = kTraining},
        {.name = "rc-augment",
         .help = "show half of the windows as their reverse complement",
         .group = kTraining},
    };
}

std::vector<cli::Option> run_options() {
    const TrainParameters defaults;
    return {
        {.name = "valid-every",
         .value = "STEPS",
         .fallback = std::to_string(defaults.valid_every),
         .help = "validate this often; 0 is after each epoch",
         .group = kValidation},
        {.name = "valid-fraction",
         .value = "FRACTION",
         .fallback = number_text(defaults.valid_fraction),
         .help = "of the validation windows to use",
         .group = kValidation},
        {.name = "patience",
         .value = "N",
         .fallback = std::to_string(defaults.patience),
         .help = "stop after this many validations without a better one; 0 is never",
         .group = kValidation},
        cli::common::output("the model; its log goes beside it, checkpoints to FILE.part/"),
        {.name = "resume",
         .help = "go on from the newest checkpoint, if there is one",
         .group = cli::group::output},
        {.name = "force",
         .help = "start over where checkpoints of an unfinished run lie",
         .group = cli::group::output},
        {.name = "checkpoint-every",
         .value = "TIME",
         .fallback = "5m",
         .help = "write a checkpoint this often, besides those after validation; 0 is after each step",
         .group = cli::group::output},
        {.name = "keep-checkpoints",
         .help = "leave FILE.part/ when training is done",
         .group = cli::group::output},
        {.name = "log-every",
         .value = "STEPS",
         .fallback = std::to_string(defaults.log_every),
         .help = "steps a row of the log",
         .group = cli::group::output},
    };
}

std::vector<cli::Option> rank_options() {
    return {{.name = "dist-timeout",
             .value = "TIME",
             .fallback = "10m",
             .help = "several ranks: how long one may keep the others waiting before all end",
             .group = kRanks}};
}

cli::Tool make_tool() {
    cli::Tool tool{.name = "regtrain",
                   .title = "train a model of regulatory markers",
                   .usage = {"-d NAME.regds -a PRESET|spec.json -o model.safetensors [options]", "--presets",
                             "--describe PRESET|spec.json"}};
    tool.options = {
        cli::common::dataset(), cli::common::fasta(),
        cli::common::check_reference(
            "compare the bases of every contig with the data set's, not only of those with windows")};
    for (const auto& part : {model_options(), training_options(), run_options(), rank_options()})
        tool.options.insert(tool.options.end(), part.begin(), part.end());
    tool.options.insert(tool.options.end(),
                        {cli::common::no_version(), cli::common::threads(), cli::common::device(),
                         cli::common::precision(), cli::common::isa(), cli::common::progress()});
    tool.examples = {
        {"regtrain -d chr20.regds -a dilated -o model.safetensors",
         "four epochs, the best by validation is kept"},
        {"regtrain -d chr20.regds -a cnn7 -o m.safetensors --schedule one-cycle --rc-augment --max-time 2h",
         "as much as fits into two hours"},
        {"regtrain -d chr20.regds -a dilated -o model.safetensors --epochs 20 --patience 3 --resume",
         "for a queue that may kill and restart it"},
        {"mpirun -n 4 regtrain -d chr20.regds -a dilated -o model.safetensors --batch 32",
         "on four processes that share every batch; so does srun --mpi=pmix"},
        {"regtrain --presets", "what -a knows"},
        {"regtrain --describe spec.json | column -t", "what an architecture of one's own comes to"},
    };
    tool.notes =
        "SIGTERM and SIGINT write a checkpoint and end with 75; the same command with --resume goes on, to "
        "the same "
        "bits. A second signal ends at once.";
    return tool;
}

TrainParameters parameters_of(const cli::Arguments& args) {
    TrainParameters p;
    p.dataset = cli::dataset_folder(args);
    if (args.given("fasta")) p.fasta = args.text("fasta");  // opened later
    require_kind(p.fasta, {FileKind::fasta}, "-f takes the reference, a FASTA file");
    p.architecture = args.text("architecture");
    require_kind(p.architecture, {FileKind::json}, "-a takes a preset's name or a spec, a JSON file");
    p.output = cli::output_file(args, "output");
    p.check_reference = args.flag("check-reference");
    p.norm = !args.flag("no-norm");
    if (args.given("dropout")) p.dropout = args.real("dropout", 0, 0.99);
    p.seed = static_cast<std::uint64_t>(args.integer("seed", 0, INT64_MAX));
    p.epochs = args.real("epochs", 0, 1e9);
    if (args.given("steps")) p.steps = args.integer("steps", 1, kMaxSteps);
    if (args.given("max-time")) {
        p.max_seconds = args.duration("max-time").count();
        if (!args.given("epochs")) p.epochs = 0;
    }
    p.batch = static_cast<int>(args.integer("batch", 1, 65536));
    p.learning_rate = args.real("lr", 0, 1e30);
    p.schedule = parse_schedule(args.text("schedule"));
    p.warmup = args.real("warmup", 0, 1);
    p.clip = args.real("clip", 0, 1e30);
    p.pos_weight = args.real("pos-weight", 0, 1e6);
    p.rc_augment = args.flag("rc-augment");
    p.valid_every = args.integer("valid-every", 0, kMaxSteps);
    p.valid_fraction = args.real("valid-fraction", 0, 1);
    p.patience = static_cast<int>(args.integer("patience", 0, 1'000'000));
    p.resume = args.flag("resume");
    p.force = args.flag("force");
    const bool every_step = args.text("checkpoint-every") == "0";
    p.checkpoint_seconds = every_step ? 0 : args.duration("checkpoint-every").count();
    p.keep_checkpoints = args.flag("keep-checkpoints");
    p.log_every = args.integer("log-every", 1, kMaxSteps);
    p.provenance = !args.flag("no-version");
    p.command_line = args.command_line();
    const Environment environment = [](const char* name) -> const char* { return std::getenv(name); };
    p.launch = launch_of(environment);
    p.dist_seconds = args.duration("dist-timeout").count();
    p.backend = cli::backend_options(args);
    p.backend.device = rank_device(p.backend.device, p.launch, environment);
    if (args.integer("threads", 0, 256) == 0)
        p.backend.workers = rank_workers(p.launch, p.backend.workers, host_processors());
    return p;
}

std::string speed_text(double nt_per_second) {
    return std::isfinite(nt_per_second) ? cli::grouped(nt_per_second) + " nt/s" : "";
}

// The running mean of the loss; one step needs no words.
std::string averaged_over(std::int64_t steps) {
    constexpr std::int64_t kMost = 50;
    return steps > 1 ? " (last " + std::to_string(std::min(steps, kMost)) + " steps)" : "";
}

void show(cli::Progress& line, const TrainProgress& now) {
    char epoch[32], loss[48] = "";
    const std::string over = averaged_over(now.steps_here);
    std::snprintf(epoch, sizeof epoch, "epoch %.2f", now.epoch);
    if (std::isfinite(now.loss)) std::snprintf(loss, sizeof loss, "loss %.5f%s", now.loss, over.c_str());
    line.update(now.work, {{"validating", now.validating ? 1.0 : 0.0, now.validating ? "validating" : ""},
                           {"epoch", now.epoch, epoch},
                           {"loss", now.loss, loss},
                           {"step", static_cast<double>(now.step),
                            "step " + cli::grouped(static_cast<double>(now.step))}});
}

std::string best_text(const TrainReport& report) {
    if (report.best_step < 0) return "";
    if (!std::isfinite(report.best_metric))
        return "; no marker could be scored on the validation windows, the last weights were taken";
    return "; best at step " + std::to_string(report.best_step) + ": " + report.metric + " " +
           (std::isfinite(report.best_chance)
                ? precision_text(report.best_metric, "mean prevalence", report.best_chance)
                : number_text(report.best_metric));
}

void run(const cli::Arguments& args, Log& log) {
    const auto markers = static_cast<int>(args.integer("marker-count", 1, 1'000'000));
    if (args.flag("presets")) {
        std::fputs(presets_table(markers, !args.flag("no-norm")).c_str(), stdout);
        return;
    }
    if (args.given("describe")) {
        const Spec spec = load_architecture(args.text("describe"));
        std::fputs(describe_table(args.flag("no-norm") ? without_norm(spec) : spec, markers).c_str(), stdout);
        return;
    }
    const cli::StopRequest stop;
    cli::Progress line(args);
    TrainHost host;
    host.stop = [] { return cli::StopRequest::raised(); };
    host.progress = [&](const TrainProgress& now) { show(line, now); };
    const TrainParameters parameters = parameters_of(args);
    const TrainReport report = train(parameters, host, log);
    line.finish();
    if (parameters.launch.rank > 0 || report.complete) return;
    char epochs[32], loss[64];
    std::snprintf(epochs, sizeof epochs, "%.2f", report.epochs);
    std::snprintf(loss, sizeof loss, "%.5f", report.loss);
    std::string text =
        counted(report.steps, "step") + ", " + epochs + " epochs in " + cli::duration_text(report.seconds);
    if (report.steps_here > 0)
        text += ", " + speed_text(report.nt_per_second) + ", loss " + loss + averaged_over(report.steps_here);
    log.info(text + best_text(report));
    if (report.best_constant > 0)
        log.warn("constant-model",
                 "the model written predicts a constant for " + std::to_string(report.best_constant) +
                     " of " + std::to_string(report.markers) + " markers; see regtrain(1), Learning nothing");
}

}  // namespace

int main(int argc, char** argv) {
    return end_ranks(cli::run(argc, argv, make_tool(), run));
}
