// A model at work: its file, the markers that were chosen of it, and the back end that it runs on. What every
// tool that predicts begins with.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "app/model/model.hpp"
#include "base/log.hpp"
#include "kernels/backend.hpp"

namespace regkit {

class Session {
  public:
    // Loads the model and keeps the markers that `markers` names (select_markers; none: all). Errors are
    // those of load_model and select_markers. `log` must outlive the session.
    Session(std::string path, const std::vector<std::string>& markers, const BackendOptions& options,
            Log& log);
    // Back ends and predictors point into it.
    Session(const Session&) = delete;
    Session& operator=(const Session&) = delete;

    const std::string& path() const { return path_; }
    // With the digest of the whole file, also where markers were left out.
    const Model& model() const { return model_; }
    // The model with its weights, which the session's own lacks from then on: large ones have no room twice.
    Model take_model();
    // Made when it is first asked for, since that takes a while where there is a GPU; throws as make_backend
    // does.
    Backend& backend();
    // Tells what the back end has to say by now. Call at the end, or now and then.
    void tell_notices();

    // Where results come from, for the headers of `tool`: the digests of the model and, unless it is empty,
    // of the reference, and the device. They go behind tool_lines().
    std::vector<std::string> provenance(const std::string& tool, const std::string& reference_digest);

  private:
    std::string path_;
    Model model_;
    BackendOptions options_;
    Log& log_;
    std::unique_ptr<Backend> backend_;
};

// What wrote a file, for its header: "regcallVersion=0.1.0" and the command.
std::vector<std::string> tool_lines(const std::string& tool, const std::string& command);

}  // namespace regkit
