// One backend for all models; large weights lie in memory once.
#include "app/model/session.hpp"

#include <algorithm>
#include <map>

#include "base/version.hpp"
#include "kernels/base/error.hpp"

namespace regkit {
namespace {

Model chosen(const std::string& path, const std::vector<std::string>& markers, Log& log) {
    Model model = load_model(path, log);
    if (markers.empty()) return model;
    const std::vector<int> kept = select_markers(model.markers, markers);
    return restrict_markers(std::move(model), kept);
}

// A further model with the markers of the first, in their order; `all`: it must have no others.
Model like_first(Model model, const std::string& path, const Model& first, const std::string& first_path,
                 bool all) {
    require(model.spec.task == first.spec.task, ErrorKind::mismatch,
            path + ": its task is '" + to_string(model.spec.task) + "', that of " + first_path + " '" +
                to_string(first.spec.task) + "'; models of one task have a mean");
    std::map<std::string, int> place;
    for (const Marker& marker : model.markers) place.emplace(marker.name, static_cast<int>(place.size()));
    std::vector<int> order;
    for (const Marker& marker : first.markers) {
        const auto found = place.find(marker.name);
        require(found != place.end(), ErrorKind::mismatch,
                path + ": has no marker '" + marker.name + "', which " + first_path +
                    " has; choose those that all models have with -k");
        order.push_back(found->second);
        place.erase(found);
    }
    if (all && !place.empty())
        throw Error(ErrorKind::mismatch, path + ": has a marker '" + place.begin()->first + "', which " +
                                             first_path +
                                             " has not; choose those that all models have with -k");
    if (std::ranges::is_sorted(order) && place.empty()) return model;
    return restrict_markers(std::move(model), order);
}

std::vector<Model> load_models(const std::vector<std::string>& paths, const std::vector<std::string>& markers,
                               Log& log) {
    require(!paths.empty(), ErrorKind::usage, "a model is needed (-m)");
    std::vector<Model> models;
    models.push_back(chosen(paths.front(), markers, log));
    for (std::size_t i = 1; i < paths.size(); ++i)
        models.push_back(
            like_first(load_model(paths[i], log), paths[i], models.front(), paths.front(), markers.empty()));
    return models;
}

Model with_weights(Model& model) {
    std::vector<NamedTensor> tensors = std::move(model.tensors);
    model.tensors.clear();
    Model whole = model;
    whole.tensors = std::move(tensors);
    return whole;
}

}  // namespace

Session::Session(std::vector<std::string> paths, const std::vector<std::string>& markers,
                 const BackendOptions& options, Log& log)
    : paths_(std::move(paths)), models_(load_models(paths_, markers, log)), options_(options), log_(log) {}

Model Session::take_model() {
    return with_weights(models_.front());
}

std::vector<Model> Session::take_models() {
    std::vector<Model> whole;
    for (Model& model : models_) whole.push_back(with_weights(model));
    return whole;
}

std::vector<std::string> Session::digests() const {
    std::vector<std::string> digests;
    for (const Model& model : models_) digests.push_back(model.digest);
    return digests;
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
    std::vector<std::string> lines;
    for (const std::string& digest : digests()) lines.push_back(tool + "Model=sha256:" + digest);
    if (!reference_digest.empty()) lines.push_back(tool + "Reference=sha256:" + reference_digest);
    lines.push_back(tool + "Device=" + std::string(backend().description()));
    return lines;
}

}  // namespace regkit
