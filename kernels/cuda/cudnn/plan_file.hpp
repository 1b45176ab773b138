// The plans that were timed on one device with one version of cuDNN, in a text file: lines of a product and
// the name of its plan. The file's name and its second line say whose plans they are; others are never read.
#pragma once

#include <map>
#include <optional>
#include <string>

#include "kernels/cuda/cudnn/engines.hpp"

namespace regkit::cuda::cudnn {

// "47 2=5,3=1", and back: none where it is not such a text.
std::string text_of(const PlanName& name);
std::optional<PlanName> parse_plan_name(const std::string& text);

class PlanFile {
  public:
    // An empty path: plans are kept in memory alone. What is at `path` and is not such a file of this owner
    // is left out, and told by `problem`.
    PlanFile(const std::string& path, const std::string& owner);

    std::optional<PlanName> find(const std::string& product) const;
    // The file is written anew under another name and renamed, with what other processes have added
    // meanwhile.
    void keep(const std::string& product, const PlanName& name);
    // What is wrong with the file, once; empty where nothing is.
    std::string take_problem();

  private:
    std::map<std::string, PlanName> read();
    void write();

    std::string path_, owner_;
    std::map<std::string, PlanName> plans_;
    std::string problem_;
};

// Where the plans of `owner` (library and device) are kept: under $XDG_CACHE_HOME/regkit, or ~/.cache/regkit.
// Empty with REGKIT_CUDNN_PLANS=off, where there is no owner, and where there is no such folder.
std::string plan_path(const std::string& owner);

}  // namespace regkit::cuda::cudnn
