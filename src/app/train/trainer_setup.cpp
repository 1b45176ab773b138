// Options are checked against each other, then the spec gets the data set's window and is held against its
// labels, so that what cannot work fails before hours of training. Settings that a run's tensors depend on
// become one JSON object, the data set as a digest in it: a checkpoint carries it, and resuming compares it
// piece by piece to name what differs.
#include "app/train/trainer_setup.hpp"

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "app/model/architecture.hpp"
#include "app/model/label_fit.hpp"
#include "app/train/window_order.hpp"
#include "io/safetensors/safetensors.hpp"
#include "kernels/base/error.hpp"
#include "nn/cost.hpp"

namespace regkit {
namespace {

using nlohmann::json;

void require_option(bool ok, const char* what) {
    require(ok, ErrorKind::usage, what);
}

}  // namespace

void TrainParameters::verify() const {
    require_option(!dataset.empty(), "-d: a data set is needed; regds-build makes one");
    require_option(!architecture.empty(), "-a: an architecture is needed; --presets lists those built in");
    require_option(!output.empty(), "-o/--output FILE is needed: the model");
    require_option(output != "-", "-o: the model needs a file, not standard output");
    require_option(epochs > 0 || steps > 0 || max_seconds > 0,
                   "--epochs, --steps or --max-time must be above 0");
    require_option(batch >= 1, "--batch must be at least 1");
    require_option(learning_rate > 0, "--lr must be above 0");
    require_option(pos_weight > 0, "--pos-weight must be above 0");
    require_option(clip >= 0, "--clip must not be negative");
    require_option(dropout < 1, "--dropout must be below 1");
    require_option(warmup >= 0 && warmup <= 1, "--warmup must lie in 0..1");
    require_option(valid_fraction > 0 && valid_fraction <= 1, "--valid-fraction must lie above 0, up to 1");
    require_option(valid_every >= 0 && patience >= 0, "--valid-every and --patience must not be negative");
    require_option(log_every >= 1, "--log-every must be at least 1");
    require_option(dist_seconds >= 0.1, "--dist-timeout must be at least 0.1 s");
    if (batch < launch.size)
        throw Error(ErrorKind::usage,
                    "--batch " + std::to_string(batch) + ": " + std::to_string(launch.size) +
                        " ranks need a window each; give a larger batch, or start fewer ranks");
    require_option(!(resume && force), "--resume and --force contradict each other");
}

Spec training_spec(const TrainParameters& parameters, const Dataset& dataset) {
    const std::string& name = parameters.architecture;
    Spec spec = load_architecture(name);
    if (!parameters.norm) spec = without_norm(std::move(spec));
    if (parameters.dropout >= 0) spec.dropout = parameters.dropout;
    for (const LayerSpec& layer : spec.layers)  // one value a channel has no variance; PyTorch refuses it too
        require(parameters.batch > 1 || !layer.norm || !layer.flatten, ErrorKind::usage,
                "--batch 1: layer '" + layer.name + "' of " + name +
                    " is normalised over the windows of a batch; give two or more, or --no-norm");
    if (spec.task == Task::coverage && parameters.pos_weight != 1)
        throw Error(ErrorKind::usage, "--pos-weight weights positives; coverage has none");
    const LabelLayout& layout = dataset.layout();
    const auto markers = static_cast<int>(dataset.markers().size());
    // The task first: of another one, the window is beside the point.
    if (layout.task == to_string(spec.task)) {
        // Of a fixed window the stride is the window, which the data set's replaces; what does not fit then
        // says with_window.
        const SpecSummary own = summarise(spec, markers);
        require(own.fixed_window || dataset.window() % own.stride == 0, ErrorKind::mismatch,
                dataset.path() + ": windows of " + std::to_string(dataset.window()) +
                    " bases are not a multiple of the stride " + std::to_string(own.stride) + " of " + name +
                    "; build the data set with another --window");
        try {
            spec = with_window(std::move(spec), dataset.window(), name);
        } catch (const Error& error) {
            throw Error(ErrorKind::mismatch, dataset.path() + ": its windows of " +
                                                 std::to_string(dataset.window()) +
                                                 " bases do not fit: " + error.what());
        }
    }
    require_affordable(spec, markers, name);  // or no tool would load the model that hours of training gave
    require_fit(spec, summarise(spec, markers), layout, dataset.window(), dataset.path(), name);
    return spec;
}

std::string dataset_digest(const Dataset& dataset) {
    std::string windows, markers;
    for (const DatasetWindow& window : dataset.windows())
        windows += std::to_string(window.contig) + ":" + std::to_string(window.begin) +
                   to_string(window.split) + " ";
    for (const Marker& marker : dataset.markers())
        markers += json({marker.name, marker.class_name, marker.prevalence})
                       .dump(-1, ' ', false, json::error_handler_t::replace);
    TensorFile content;
    content.metadata = {{"task", dataset.layout().task},
                        {"window", std::to_string(dataset.window())},
                        {"reference", dataset.reference_digest()},
                        {"windows", windows},
                        {"markers", markers}};
    const LabelLayout& layout = dataset.layout();
    if (layout.task != to_string(Task::nucleotide))
        content.metadata["labels"] =
            json({layout.bin, layout.offset, layout.count, layout.min_overlap}).dump();
    return content_sha256(content, "");
}

std::string training_settings(const TrainParameters& p, const Spec& spec, const Dataset& dataset) {
    const json settings = {{"architecture", json::parse(to_json(spec))},
                           {"dataset", dataset_digest(dataset)},
                           {"batch", p.batch},
                           {"precision", precision_name(p.backend.precision)},
                           {"pos_weight", p.pos_weight},
                           {"clip", p.clip},
                           {"rc_augment", p.rc_augment},
                           {"seed", p.seed},
                           {"schedule", to_string(p.schedule)},
                           {"lr", p.learning_rate},
                           {"warmup", p.warmup},
                           {"valid_every", p.valid_every},
                           {"valid_fraction", p.valid_fraction}};
    return settings.dump();
}

void require_same_settings(const std::string& saved, const std::string& now, const std::string& where) {
    const json before = json::parse(saved), after = json::parse(now);
    const auto compare = [&](const std::string& key) {
        const json old = before.value(key, json()), &value = after.at(key);
        if (old == value) return;
        const bool brief = value.is_primitive() && key != "dataset";
        throw Error(ErrorKind::mismatch, where + ": its run had " +
                                             (brief ? key + " " + old.dump() : "another " + key) +
                                             (brief ? ", not " + value.dump() : "") +
                                             "; resume with the same settings, or start over with --force");
    };
    compare("dataset");  // first: the architecture has the data set's window
    for (const auto& [key, value] : after.items()) compare(key);
}

std::int64_t planned_steps(const TrainParameters& p, std::int64_t windows) {
    if (p.steps > 0) return p.steps;
    if (p.epochs <= 0) return kUnbounded;
    const double steps = std::round(p.epochs * static_cast<double>(windows) / p.batch);
    return std::clamp<std::int64_t>(static_cast<std::int64_t>(std::min(steps, 1e12)), 1, kUnbounded);
}

std::vector<std::int64_t> validation_windows(const Dataset& dataset, double fraction, std::uint64_t seed) {
    const std::vector<std::int64_t> all = dataset.select(Split::valid);
    if (all.empty() || fraction >= 1) return all;
    const auto count = static_cast<std::int64_t>(all.size());
    const auto wanted = std::max<std::int64_t>(1, std::llround(fraction * static_cast<double>(count)));
    constexpr std::uint64_t kNoEpoch = ~std::uint64_t{0};  // an order that training never uses
    std::vector<std::int64_t> chosen;
    for (std::int64_t i = 0; i < wanted; ++i)
        chosen.push_back(all[static_cast<std::size_t>(permuted(seed, kNoEpoch, count, i))]);
    std::sort(chosen.begin(), chosen.end());
    return chosen;
}

std::vector<std::string> class_names(const std::vector<Marker>& markers) {
    std::vector<std::string> names;
    for (const Marker& marker : markers)
        if (std::find(names.begin(), names.end(), marker.class_name) == names.end())
            names.push_back(marker.class_name);
    return names;
}

}  // namespace regkit
