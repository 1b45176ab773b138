// Reading believes nothing: a title, owner or line that is not as written here, or a last line that was torn,
// discards the whole file, and its plans are timed anew. Writing takes in what other processes added
// meanwhile, then renames a temporary file over the old one. A file that cannot be written is told of and
// stops nothing: the plans will be timed again.
#include "kernels/cuda/cudnn/plan_file.hpp"

#include <unistd.h>

#include <cctype>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <limits>
#include <sstream>
#include <system_error>
#include <utility>

#include "kernels/base/number.hpp"
#include "kernels/cuda/choice.hpp"

namespace regkit::cuda::cudnn {

namespace {

constexpr const char* kTitle = "regkit: cuDNN's plans, timed; safe to remove";
constexpr char kBetween = '\t';

std::optional<std::int64_t> number(const std::string& text) {
    return parse_int(text, 0, std::numeric_limits<std::int64_t>::max());
}

// The variable's value where it is a folder's absolute path, as the XDG specification has it.
std::string folder_of(const char* variable) {
    const char* const value = std::getenv(variable);
    return value && *value == '/' ? value : "";
}

}  // namespace

std::string text_of(const PlanName& name) {
    std::string text = std::to_string(name.engine);
    for (std::size_t i = 0; i < name.knobs.size(); ++i)
        text += (i == 0 ? " " : ",") + std::to_string(name.knobs[i].first) + "=" +
                std::to_string(name.knobs[i].second);
    return text;
}

std::optional<PlanName> parse_plan_name(const std::string& text) {
    const std::size_t blank = text.find(' ');
    const auto engine = number(text.substr(0, blank));
    if (!engine) return std::nullopt;
    PlanName name{*engine, {}};
    std::istringstream knobs(blank == std::string::npos ? "" : text.substr(blank + 1));
    for (std::string knob; std::getline(knobs, knob, ',');) {
        const std::size_t equals = knob.find('=');
        if (equals == std::string::npos) return std::nullopt;
        const auto kind = number(knob.substr(0, equals)), value = number(knob.substr(equals + 1));
        if (!kind || !value) return std::nullopt;
        name.knobs.emplace_back(*kind, *value);
    }
    if (text_of(name) != text) return std::nullopt;  // a comma too many, a number written otherwise
    return name;
}

PlanFile::PlanFile(const std::string& path, const std::string& owner) : path_(path), owner_(owner) {
    plans_ = read();
}

std::map<std::string, PlanName> PlanFile::read() {
    std::map<std::string, PlanName> plans;
    if (path_.empty()) return plans;
    std::ifstream file(path_);
    if (!file) return plans;  // none yet; where it cannot be written either, that will be said
    std::string line;
    const auto damaged = [&](int number) {
        problem_ =
            path_ + ":" + std::to_string(number) + ": not what regkit wrote; cuDNN's plans are timed anew";
        return std::map<std::string, PlanName>();
    };
    if (!std::getline(file, line) || line != kTitle) return damaged(1);
    if (!std::getline(file, line) || line != owner_) return damaged(2);
    for (int number = 3; std::getline(file, line); ++number) {
        const std::size_t tab = line.find(kBetween);
        if (tab == std::string::npos || file.eof()) return damaged(number);  // a line without its end is torn
        const auto name = parse_plan_name(line.substr(tab + 1));
        if (!name) return damaged(number);
        plans[line.substr(0, tab)] = *name;
    }
    return plans;
}

std::optional<PlanName> PlanFile::find(const std::string& product) const {
    const auto found = plans_.find(product);
    return found == plans_.end() ? std::nullopt : std::optional(found->second);
}

void PlanFile::keep(const std::string& product, const PlanName& name) {
    const std::string known = problem_;
    for (const auto& [other, theirs] : read()) plans_.try_emplace(other, theirs);
    problem_ = known;  // what is damaged there ends now
    plans_[product] = name;
    if (!path_.empty()) write();
}

void PlanFile::write() {
    const auto fail = [&](const std::string& why) {
        problem_ = path_ + ": cannot keep cuDNN's plans there (" + why + "); they will be timed anew";
    };
    std::error_code error;
    std::filesystem::create_directories(std::filesystem::path(path_).parent_path(), error);
    if (error) return fail(error.message());
    const std::string temporary = path_ + "." + std::to_string(getpid());
    std::ofstream file(temporary);
    file << kTitle << '\n' << owner_ << '\n';
    for (const auto& [product, name] : plans_) file << product << kBetween << text_of(name) << '\n';
    file.close();
    if (!file) {
        const std::string why = std::strerror(errno);
        std::filesystem::remove(temporary, error);
        return fail(why);
    }
    std::filesystem::rename(temporary, path_, error);
    if (!error) return;
    const std::string why = error.message();
    std::filesystem::remove(temporary, error);
    fail(why);
}

std::string PlanFile::take_problem() {
    return std::exchange(problem_, "");
}

std::string plan_path(const std::string& owner) {
    if (owner.empty() || !keeps_cudnn_plans()) return "";
    std::string folder = folder_of("XDG_CACHE_HOME");
    if (folder.empty()) {
        const std::string home = folder_of("HOME");
        if (home.empty()) return "";
        folder = home + "/.cache";
    }
    std::string name = owner;
    for (char& c : name)
        if (!std::isalnum(static_cast<unsigned char>(c)) && c != '.' && c != '-') c = '_';
    return folder + "/regkit/plans_" + name + ".txt";
}

}  // namespace regkit::cuda::cudnn
