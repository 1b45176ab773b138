// The output's model carries the settings, length and end of its training in its summary; these are compared
// with what was asked for. Anything that cannot be read as such a model counts as not there, and is trained
// anew.
#include "app/train/finished_run.hpp"

#include <filesystem>
#include <nlohmann/json.hpp>

#include "app/model/model.hpp"
#include "kernels/base/error.hpp"

namespace regkit {

using nlohmann::json;

bool FinishedRun::covers(const TrainParameters& parameters, std::int64_t planned) const {
    if (steps >= planned) return true;
    if (ended == kEndedByTime) return parameters.max_seconds > 0 && seconds >= parameters.max_seconds;
    return ended == kEndedByPatience && parameters.patience > 0;
}

std::optional<FinishedRun> finished_run(const std::string& output, const std::string& settings) {
    std::error_code ignored;
    if (!std::filesystem::is_regular_file(output, ignored)) return std::nullopt;
    try {
        const json summary = json::parse(model_of(read_safetensors(output), output).summary);
        if (summary.value("settings", json()) != json::parse(settings)) return std::nullopt;
        FinishedRun run;
        run.steps = summary.at("steps").get<std::int64_t>();
        run.epochs = summary.at("epochs").get<double>();
        run.seconds = summary.value("seconds", 0.0);
        run.ended = summary.value("ended", "");
        return run;
    } catch (const Error& error) {
        if (error.kind() != ErrorKind::input) throw;
    } catch (const json::exception&) {
    }
    return std::nullopt;  // it is no model of ours, or a damaged one: training replaces it
}

}  // namespace regkit
