#include "app/model/session.hpp"

#include "base/version.hpp"

namespace regkit {
namespace {

Model chosen(const std::string& path, const std::vector<std::string>& markers, Log& log) {
    Model model = load_model(path, log);
    if (markers.empty()) return model;
    const std::vector<int> kept = select_markers(model.markers, markers);
    return restrict_markers(std::move(model), kept);
}

}  // namespace

Session::Session(std::string path, const std::vector<std::string>& markers, const BackendOptions& options,
                 Log& log)
    : path_(std::move(path)), model_(chosen(path_, markers, log)), options_(options), log_(log) {}

Model Session::take_model() {
    std::vector<NamedTensor> tensors = std::move(model_.tensors);
    model_.tensors.clear();
    Model whole = model_;
    whole.tensors = std::move(tensors);
    return whole;
}

Backend& Session::backend() {
    if (!backend_) {
        BackendChoice choice = make_backend(options_);
        if (!choice.notice.empty()) log_.info(choice.notice);
        backend_ = std::move(choice.backend);
    }
    return *backend_;
}

void Session::tell_notices() {
    for (const std::string& notice : backend().take_notices()) log_.info(notice);
    for (const std::string& choice : backend().take_choices()) log_.debug(choice);
}

std::vector<std::string> tool_lines(const std::string& tool, const std::string& command) {
    return {tool + "Version=" + std::string(version()), tool + "Command=" + command};
}

std::vector<std::string> Session::provenance(const std::string& tool, const std::string& reference_digest) {
    std::vector<std::string> lines = {tool + "Model=sha256:" + model_.digest};
    if (!reference_digest.empty()) lines.push_back(tool + "Reference=sha256:" + reference_digest);
    lines.push_back(tool + "Device=" + std::string(backend().description()));
    return lines;
}

}  // namespace regkit
