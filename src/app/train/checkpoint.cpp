// The folder is locked for as long as a run lives, so that no two runs write there. A checkpoint is written
// beside the old ones, and only then are older ones removed; loading tries the newest first and falls back to
// the one before where it is damaged. Everything that the next step depends on is in its metadata and
// tensors, with a checksum over both.
#include "app/train/checkpoint.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "base/descriptor.hpp"
#include "base/paths.hpp"
#include "io/files/bounded_json.hpp"
#include "kernels/base/error.hpp"
#include "kernels/base/number.hpp"

namespace regkit {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

constexpr const char* kStateKey = "regkit.checkpoint";
constexpr const char* kStepPrefix = "step-";
constexpr const char* kBestPrefix = "best-";
constexpr const char* kLogName = "log.tsv";
constexpr const char* kSuffix = ".safetensors";

// Doubles survive: the JSON library writes the shortest text that reads back as the same number.
std::string state_text(const TrainState& s) {
    const json text = {{"step", s.step},
                       {"horizon", s.horizon},
                       {"elapsed", s.elapsed},
                       {"validated", s.validated},
                       {"best_step", s.best_step},
                       {"best_metric", s.best_metric},
                       {"best_chance", s.best_chance},
                       {"best_constant", s.best_constant},
                       {"validations_since_best", s.validations_since_best},
                       {"loss_sum", s.loss_sum},
                       {"loss_steps", s.loss_steps},
                       {"grad_norm", s.grad_norm},
                       {"settings", json::parse(s.settings)},
                       {"backend", s.backend}};
    return text.dump(-1, ' ', false, json::error_handler_t::replace);
}

TrainState state_of(const TensorFile& file, const std::string& path) {
    const auto found = file.metadata.find(kStateKey);
    require(found != file.metadata.end(), ErrorKind::input, path + ": a model, not a checkpoint");
    TrainState s;
    try {
        const json text = parse_bounded_json(found->second, path + ": metadata '" + kStateKey + "'");
        s.step = text.at("step").get<std::int64_t>();
        s.horizon = text.at("horizon").get<std::int64_t>();
        s.elapsed = text.at("elapsed").get<double>();
        s.validated = text.at("validated").get<std::int64_t>();
        s.best_step = text.at("best_step").get<std::int64_t>();
        if (!text.at("best_metric").is_null())
            s.best_metric = text.at("best_metric").get<double>();  // JSON has no NaN
        if (text.contains("best_chance") && !text["best_chance"].is_null())
            s.best_chance = text["best_chance"].get<double>();
        s.best_constant = text.value("best_constant", 0);  // these two: since 0.2
        s.validations_since_best = text.at("validations_since_best").get<int>();
        s.loss_sum = text.at("loss_sum").get<double>();
        s.loss_steps = text.at("loss_steps").get<std::int64_t>();
        if (text.contains("grad_norm") && !text.at("grad_norm").is_null())
            s.grad_norm = text.at("grad_norm").get<double>();
        s.settings = text.at("settings").dump();
        s.backend = text.at("backend").get<std::string>();
    } catch (const json::exception&) {
        throw Error(ErrorKind::input, path + ": the state of training in its metadata is incomplete");
    }
    require(s.step >= 0 && s.horizon > 0 && s.loss_steps >= 0, ErrorKind::input,
            path + ": the state of training in its metadata makes no sense");
    return s;
}

Checkpoint load_checkpoint(const std::string& path) {
    TensorFile file = read_safetensors(path);
    require(file.metadata.count(kChecksumKey) > 0, ErrorKind::input,
            path + ": a checkpoint without its checksum");
    Checkpoint checkpoint;
    checkpoint.state = state_of(file, path);
    for (const NamedTensor& tensor : file.tensors)
        if (is_optimiser_tensor(tensor.name)) checkpoint.optimiser.push_back(tensor);
    checkpoint.model = model_of(std::move(file), path);
    return checkpoint;
}

}  // namespace

// A link is not followed: another folder than the user sees beside the model would be written to, and
// cleared.
CheckpointStore::CheckpointStore(const std::string& output) : directory_(output + ".part") {
    const std::string path = directory_ + "/lock";
    constexpr int kTries = 100;  // another run may be leaving
    for (int i = 0; i < kTries; ++i) {
        if (mkdir(directory_.c_str(), 0777) != 0 && errno != EEXIST)
            throw_errno("cannot create " + directory_);
        struct stat place {
        }, opened{};
        if (lstat(directory_.c_str(), &place) == 0)
            require(
                S_ISDIR(place.st_mode), ErrorKind::resource,
                directory_ +
                    ": is in the way, and no directory; checkpoints go there, so move it or choose another -o");
        lock_ = open_file(path.c_str(), O_RDWR | O_CREAT | O_NOFOLLOW | O_NONBLOCK, 0666);
        if (lock_ < 0 && errno == ENOENT) continue;
        require(lock_ >= 0 || errno != ELOOP, ErrorKind::resource, path + ": is a symbolic link; remove it");
        if (lock_ < 0) throw_errno("cannot open " + path);
        const bool held = flock(lock_, LOCK_EX | LOCK_NB) == 0;
        // The run before may have removed it between opening and locking: then it is not the lock any more.
        if (held && lstat(path.c_str(), &place) == 0 && fstat(lock_, &opened) == 0 &&
            place.st_ino == opened.st_ino)
            return;
        close_file(lock_);
        require(held, ErrorKind::resource,
                path + ": another regtrain is writing " + output + "; wait for it or stop it");
    }
    throw Error(ErrorKind::resource, path + ": cannot be locked");
}

CheckpointStore::~CheckpointStore() {
    try {  // a run that failed before its first checkpoint leaves nothing behind
        if (empty() && steps(kBestPrefix).empty()) clear(true);
    } catch (const std::exception&) {  // gone already, or not ours to remove
    }
    if (lock_ >= 0) close_file(lock_);
}

std::string CheckpointStore::log_path() const {
    return directory_ + "/" + kLogName;
}

std::string CheckpointStore::file(const std::string& prefix, std::int64_t step) const {
    return directory_ + "/" + prefix + std::to_string(step) + kSuffix;
}

std::string CheckpointStore::new_file(const std::string& prefix, std::int64_t step) const {
    const std::string path = file(prefix, step);
    std::error_code ignored;
    if (fs::is_symlink(path, ignored)) fs::remove(path, ignored);  // else what it leads to would be written
    return path;
}

std::vector<std::string> CheckpointStore::names() const {
    std::vector<std::string> found;
    std::error_code error;
    for (fs::directory_iterator item = open_directory(directory_, error), end; !error && item != end;
         item.increment(error))
        found.push_back(item->path().filename().string());
    require(!error, ErrorKind::resource, "cannot read " + directory_ + ": " + error.message());
    return found;
}

std::vector<std::int64_t> CheckpointStore::steps(const std::string& prefix) const {
    std::vector<std::int64_t> found;
    for (std::string name : names()) {
        if (!name.starts_with(prefix) || !name.ends_with(kSuffix)) continue;
        name = name.substr(prefix.size(), name.size() - prefix.size() - std::string_view(kSuffix).size());
        if (const auto step = parse_int(name, 0, INT64_MAX)) found.push_back(*step);
    }
    std::sort(found.begin(), found.end());
    return found;
}

bool CheckpointStore::empty() const {
    return steps(kStepPrefix).empty();
}

std::optional<std::int64_t> CheckpointStore::newest_step() const {
    const auto found = steps(kStepPrefix);
    return found.empty() ? std::nullopt : std::optional(found.back());
}

void CheckpointStore::save(const Checkpoint& checkpoint) {
    const TrainState& state = checkpoint.state;
    TensorFile content = tensor_file_of(checkpoint.model);
    content.metadata[kStateKey] = state_text(state);
    content.tensors.insert(content.tensors.end(), checkpoint.optimiser.begin(), checkpoint.optimiser.end());
    content.metadata[kChecksumKey] = content_sha256(content, kChecksumKey);
    try {
        write_safetensors(new_file(kStepPrefix, state.step), content);
    } catch (const Error& error) {
        if (error.kind() != ErrorKind::input) throw;
        throw Error(ErrorKind::diverged,
                    "training diverged at step " + std::to_string(state.step) + ": " + error.what());
    }
    prune(state.best_step);
}

// A checkpoint must stay usable until its successor is safely on disk, and so must the best model that it
// names.
void CheckpointStore::prune(std::int64_t newest_best) {
    std::error_code ignored;  // what cannot be removed now is tried again at the next checkpoint
    const auto checkpoints = steps(kStepPrefix);
    for (std::size_t i = 0; i + 2 < checkpoints.size(); ++i)
        fs::remove(file(kStepPrefix, checkpoints[i]), ignored);
    for (const std::int64_t step : steps(kBestPrefix))
        if (step != newest_best && step != previous_best_) fs::remove(file(kBestPrefix, step), ignored);
    previous_best_ = newest_best;
}

Checkpoint CheckpointStore::load_newest(Log& log) {
    const auto checkpoints = steps(kStepPrefix);
    require(!checkpoints.empty(), ErrorKind::input, directory_ + ": no checkpoint to resume from");
    for (std::size_t i = checkpoints.size(); i-- > 0;) {
        try {
            Checkpoint checkpoint = load_checkpoint(file(kStepPrefix, checkpoints[i]));
            const std::int64_t best = checkpoint.state.best_step;
            if (best >= 0) {
                require(path_exists(file(kBestPrefix, best)), ErrorKind::input,
                        file(kStepPrefix, checkpoints[i]) + ": the best model so far, " +
                            file(kBestPrefix, best) + ", is missing");
                load_best(best);
            }
            previous_best_ = best;
            return checkpoint;
        } catch (const Error& error) {
            if (error.kind() != ErrorKind::input) throw;
            log.warn("damaged-checkpoint",
                     std::string(error.what()) + (i > 0 ? "; falling back to the checkpoint before it" : ""));
        }
    }
    throw Error(ErrorKind::input,
                directory_ + ": none of its checkpoints can be used; start over with --force");
}

void CheckpointStore::save_best(std::int64_t step, const Model& model) {
    try {
        save_model(new_file(kBestPrefix, step), model);
    } catch (const Error& error) {
        if (error.kind() != ErrorKind::input) throw;
        throw Error(ErrorKind::diverged,
                    "training diverged at step " + std::to_string(step) + ": " + error.what());
    }
}

Model CheckpointStore::load_best(std::int64_t step) const {
    const std::string path = file(kBestPrefix, step);
    return model_of(read_safetensors(path), path);
}

void CheckpointStore::clear(bool directory_too) {
    for (const char* prefix : {kStepPrefix, kBestPrefix})
        for (const std::int64_t step : steps(prefix)) {
            std::error_code failure;
            fs::remove(file(prefix, step), failure);
            require(!failure, ErrorKind::resource,
                    "cannot remove " + file(prefix, step) + ": " + failure.message());
        }
    if (!directory_too) return;
    std::error_code ignored;  // a file of the user's in there keeps the directory
    fs::remove(log_path(), ignored);
    // What killed runs were writing here: whoever has the lock is the only one.
    for (const std::string& name : names())
        for (const char* prefix : {kStepPrefix, kBestPrefix, kLogName})
            if (name.starts_with("." + std::string(prefix)) && name.ends_with(".tmp"))
                fs::remove(directory_ + "/" + name, ignored);
    fs::remove(directory_ + "/lock", ignored);
    fs::remove(directory_, ignored);
}

}  // namespace regkit
