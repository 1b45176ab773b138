// Rows are appended to a file with one write each, so that the log can be followed and a kill tears at most
// the last. When a run resumes, rows behind the checkpoint go, and what remains is put into the columns of
// this version. At the end the log gets its name together with the model.
#include "app/train/train_log.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cmath>
#include <cstdio>
#include <sstream>

#include "base/descriptor.hpp"
#include "base/text.hpp"
#include "io/files/byte_source.hpp"
#include "io/files/output_set.hpp"
#include "kernels/base/error.hpp"
#include "kernels/base/number.hpp"

namespace regkit {
namespace {

std::string header(const std::vector<std::string>& classes, const MetricNames& names) {
    std::string line = "step\tepoch\tloss\tgrad_norm\tlr\tnt_per_s\tvalid_loss\tvalid_" + names.metric;
    if (names.has_chance) line += "\tvalid_prevalence\tvalid_ap_over_prevalence";
    line += "\tvalid_constant_markers";
    for (const std::string& name : classes) {
        const std::string shown = name.empty() ? "none" : name;
        line += "\tvalid_" + names.metric + "_" + shown + "\tvalid_" + names.second + "_" + shown;
    }
    return line + "\n";
}

std::vector<std::string> fields_of(const std::string& line) {
    std::vector<std::string> fields;
    for (std::size_t begin = 0; begin <= line.size();) {
        const std::size_t end = std::min(line.find('\t', begin), line.size());
        fields.push_back(line.substr(begin, end - begin));
        begin = end + 1;
    }
    return fields;
}

// Rows of the log at `path`, in the columns of `header`. A last row cut short by a kill goes too.
std::string kept_rows(const std::string& path, const KeptLog& keep, const std::string& header) {
    std::istringstream in(read_whole_file(path));
    std::string kept, line;
    std::getline(in, line);
    const std::vector<std::string> before = fields_of(line),
                                   now = fields_of(header.substr(0, header.size() - 1));
    while (std::getline(in, line) && !in.eof()) {
        const std::vector<std::string> fields = fields_of(line);
        const auto field = [&](const std::string& name) {
            const auto column =
                static_cast<std::size_t>(std::find(before.begin(), before.end(), name) - before.begin());
            return column < fields.size() ? fields[column] : "NA";
        };
        const auto step = parse_int(fields.front(), 0, INT64_MAX);
        const bool validation = field("loss") == "NA";  // the rows of steps have one
        if (!step || *step > (validation ? std::min(keep.step, keep.validated) : keep.step)) continue;
        std::string row;
        for (const std::string& name : now) row += (row.empty() ? "" : "\t") + field(name);
        kept += row + "\n";
    }
    return kept;
}

}  // namespace

std::string train_log_path(const std::string& model_path) {
    constexpr std::string_view kEnding = ".safetensors";
    const std::string stem =
        model_path.ends_with(kEnding) ? model_path.substr(0, model_path.size() - kEnding.size()) : model_path;
    return stem + ".log.tsv";
}

std::string train_log_text(const std::string& path, const std::vector<std::string>& classes,
                           const MetricNames& names, const KeptLog& kept) {
    const std::string columns = header(classes, names);
    return columns + kept_rows(path, kept, columns);
}

bool publish_log(const std::string& from, const std::string& to, const std::vector<std::string>& classes,
                 const MetricNames& names, const KeptLog& kept) {
    if (access(from.c_str(), F_OK) != 0) return false;
    const std::string text = train_log_text(from, classes, names, kept);
    if (access(to.c_str(), F_OK) == 0 && read_whole_file(to) == text) return false;
    AtomicFile file(to);
    file.write(text);
    file.commit();
    return true;
}

TrainLog::TrainLog(const std::string& path, const std::vector<std::string>& classes, const MetricNames& names,
                   const KeptLog& kept, const std::string& earlier)
    : path_(path), classes_(classes), has_chance_(names.has_chance) {
    std::string text = header(classes, names);
    if (kept.step >= 0)
        for (const std::string& from : {path, earlier})
            if (!from.empty() && access(from.c_str(), F_OK) == 0) {
                text = train_log_text(from, classes, names, kept);
                break;
            }
    AtomicFile file(path);
    file.write(text);
    file.commit();
    descriptor_ = open_file(path.c_str(), O_WRONLY | O_APPEND | O_NOFOLLOW);
    if (descriptor_ < 0) throw_errno("cannot open " + path);
}

TrainLog::~TrainLog() {
    if (descriptor_ >= 0) close_file(descriptor_);
}

void TrainLog::add_to(OutputSet& outputs, const std::string& path) const {
    AtomicFile file(path);
    file.write(read_whole_file(path_));
    outputs.add(std::move(file));
}

void TrainLog::write(const std::string& line) {
    const char* at = line.data();
    for (std::size_t left = line.size(); left > 0;) {
        const ssize_t done = ::write(descriptor_, at, left);
        if (done < 0 && errno == EINTR) continue;
        if (done < 0) throw_errno("cannot write " + path_);
        at += done;
        left -= static_cast<std::size_t>(done);
    }
}

namespace {

std::string leading(const TrainLogRow& row) {
    return std::to_string(row.step) + "\t" + number_text(row.epoch, "%.4f") + "\t" + number_text(row.loss) +
           "\t" + number_text(row.grad_norm) + "\t" + number_text(row.learning_rate) + "\t" +
           number_text(row.nt_per_second, "%.0f");
}

}  // namespace

void TrainLog::step(const TrainLogRow& row) {
    std::string line = leading(row) + "\tNA\tNA" + (has_chance_ ? "\tNA\tNA" : "") + "\tNA";
    for (std::size_t i = 0; i < classes_.size(); ++i) line += "\tNA\tNA";
    write(line + "\n");
}

void TrainLog::validation(const TrainLogRow& row, const Validation& validation) {
    std::string line =
        leading(row) + "\t" + number_text(validation.loss) + "\t" + number_text(validation.metric);
    if (has_chance_)
        line +=
            "\t" + number_text(validation.chance) + "\t" + number_text(validation.metric / validation.chance);
    line += "\t" + std::to_string(validation.constant);
    for (const std::string& name : classes_) {
        const auto found =
            std::find_if(validation.classes.begin(), validation.classes.end(),
                         [&](const ClassScore& c) { return c.class_name == name && c.scored; });
        const bool there = found != validation.classes.end();
        line += "\t" + (there ? number_text(found->metric) : "NA") + "\t" +
                (there ? number_text(found->second) : "NA");
    }
    write(line + "\n");
}

}  // namespace regkit
