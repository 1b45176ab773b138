// The log of a training run: TSV with a header line, a row every so many steps and a row for each validation. Fields that
// a row does not have are NA. It lies with the checkpoints while training goes on, and beside the model afterwards.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "app/validation.hpp"

namespace regkit {

class OutputSet;

struct TrainLogRow {
    std::int64_t step = 0;
    double epoch = 0;
    double loss = 0;  // mean since the row before
    double grad_norm = 0;
    double learning_rate = 0;
    double nt_per_second = 0;
};

// "model.safetensors" -> "model.log.tsv"; a name without that ending gets ".log.tsv" behind it.
std::string train_log_path(const std::string& model_path);

class TrainLog {
  public:
    // Rows up to `resume_step` of an earlier run stay, later ones go; negative starts a new log. Where there is no earlier
    // log at `path` they come from `earlier`: up to 0.1.0 it lay beside the model from the start. `classes` are the names
    // of the classes of markers, which become columns, two each, named after `names`. Rows of another version that
    // had other columns are fitted to these. Error(resource).
    TrainLog(const std::string& path, const std::vector<std::string>& classes, const MetricNames& names,
             std::int64_t resume_step, const std::string& earlier = {});
    ~TrainLog();
    TrainLog(const TrainLog&) = delete;
    TrainLog& operator=(const TrainLog&) = delete;

    void step(const TrainLogRow& row);
    void validation(const TrainLogRow& row, const Validation& validation);
    // A copy of all rows so far, to appear at `path` together with the model.
    void add_to(OutputSet& outputs, const std::string& path) const;

  private:
    void write(const std::string& line);
    std::string path_;
    std::vector<std::string> classes_;
    bool has_chance_;
    int descriptor_ = -1;
};

}  // namespace regkit
