// The log of a training run: TSV with a header line, a row every so many steps and a row for each validation.
// Fields that a row does not have are NA. It lies with the checkpoints while training goes on, and beside the
// model afterwards.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "app/train/validation.hpp"

namespace regkit {

class OutputSet;

struct TrainLogRow {
    std::int64_t step = 0;
    double epoch = 0;
    double loss = 0;  // mean since the row before
    double grad_norm = 0;
    double learning_rate = 0;
    double nt_per_second = 0;  // NaN: this process took no step yet
};

// "model.safetensors" -> "model.log.tsv"; a name without that ending gets ".log.tsv" behind it.
std::string train_log_path(const std::string& model_path);

// How far an earlier log still holds: to the last step, and to the last validation, that a checkpoint knows
// of. What came after them comes again.
struct KeptLog {
    std::int64_t step = -1;  // negative: nothing, a new log
    std::int64_t validated = -1;
};

// A log's header and those rows of the log at `path` that `kept` keeps. `classes` are the names of the
// classes of markers, which become columns, two each, named after `names`. Rows of another version that had
// other columns are fitted to these.
std::string train_log_text(const std::string& path, const std::vector<std::string>& classes,
                           const MetricNames& names, const KeptLog& kept);

// Where a kill came between the names of a model and of its log: train_log_text() of the log at `from`
// appears at `to`. False: there is nothing to do. Error(resource).
bool publish_log(const std::string& from, const std::string& to, const std::vector<std::string>& classes,
                 const MetricNames& names, const KeptLog& kept);

class TrainLog {
  public:
    // Goes on with the log at `path`, as train_log_text() has it. Where there is none it is that at
    // `earlier`: up to 0.1.0 it lay beside the model from the start. Error(resource).
    TrainLog(const std::string& path, const std::vector<std::string>& classes, const MetricNames& names,
             const KeptLog& kept, const std::string& earlier = {});
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
