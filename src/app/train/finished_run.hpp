// Whether the model of an output is what a run of training would end with, so that nothing is left to do.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "app/train/trainer.hpp"

namespace regkit {

// Why a run ended, as a model's summary says it (regkit-model(5)).
inline constexpr const char* kEndedBySteps = "steps";
inline constexpr const char* kEndedByTime = "time";
inline constexpr const char* kEndedByPatience = "patience";

struct FinishedRun {
    std::int64_t steps = 0;
    double epochs = 0;
    double seconds = 0;
    std::string ended;  // empty: by an older version, which does not say

    // Whether a run of these parameters, with `planned` steps, would have ended there too.
    bool covers(const TrainParameters& parameters, std::int64_t planned) const;
};

// The run that wrote `output`; none where there is no model, one that is damaged, or one of other settings
// (training_settings).
std::optional<FinishedRun> finished_run(const std::string& output, const std::string& settings);

}  // namespace regkit
