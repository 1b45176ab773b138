// A model at work, or several whose mean is taken (ensemble.hpp): their files, the markers that were chosen
// of them, and the back end that they run on. What every tool that predicts begins with.
#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "app/model/model.hpp"
#include "base/log.hpp"
#include "kernels/backend.hpp"

namespace regkit {

class Session {
  public:
    // Loads the models and keeps the markers that `markers` names (select_markers; none: all) of the first,
    // which the others must have too, and without `markers` no more; theirs take its order. Errors are those
    // of load_model and select_markers; Error(mismatch) names the first difference. `log` must outlive the
    // session.
    Session(std::vector<std::string> paths, const std::vector<std::string>& markers,
            const BackendOptions& options, Log& log);
    Session(std::string path, const std::vector<std::string>& markers, const BackendOptions& options,
            Log& log)
        : Session(std::vector{std::move(path)}, markers, options, log) {}
    // Back ends and predictors point into it.
    Session(const Session&) = delete;
    Session& operator=(const Session&) = delete;

    // The first model, whose markers are those of all. With the digest of the whole file, also where markers
    // were left out.
    const Model& model() const { return models_.front(); }
    const std::vector<Model>& models() const { return models_; }
    const std::vector<std::string>& paths() const { return paths_; }
    std::vector<std::string> digests() const;
    bool is_ensemble() const { return models_.size() > 1; }
    // The first with its weights, which the session's own lacks from then on: large ones have no room twice.
    Model take_model();
    std::vector<Model> take_models();  // the same of all
    // Made when it is first asked for, since that takes a while where there is a GPU; throws as make_backend
    // does.
    Backend& backend();
    // Tells what the back end has to say by now. Call at the end, or now and then.
    void tell_notices();

    // Where results come from, for the headers of `tool`: the digests of the models and, unless it is empty,
    // of the reference, and the device. They go behind tool_lines().
    std::vector<std::string> provenance(const std::string& tool, const std::string& reference_digest);

  private:
    std::vector<std::string> paths_;
    std::vector<Model> models_;
    BackendOptions options_;
    Log& log_;
    std::unique_ptr<Backend> backend_;
};

// What wrote a file, for its header: "regcallVersion=0.1.0" and the command.
std::vector<std::string> tool_lines(const std::string& tool, const std::string& command);

}  // namespace regkit
