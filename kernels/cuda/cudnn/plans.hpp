// Which plan computes a product: of those that cuDNN offers, the fastest that gives what the plain kernel
// gives. Each is run and timed once for a device, a version of cuDNN and a shape; then its name is in the
// file.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "kernels/cuda/cudnn/engines.hpp"
#include "kernels/cuda/cudnn/plan_file.hpp"

namespace regkit::cuda::cudnn {

// A product's first operands, on which its plans are tried.
struct Trial {
    Operands operands;                             // without workspace
    std::function<void*(std::int64_t)> workspace;  // so many bytes of it; null for none
    std::function<void()> spoil;  // what the result held goes, so that a plan which writes nothing is noticed
    std::function<bool()> agrees;  // whether the result is now the plain kernel's
};

class Plans {
  public:
    // Of a long list of candidates the first are tried, not all by the same of cuDNN's engines, which might
    // be wrong.
    static constexpr std::size_t kMostCandidates = 16, kMostOfEngine = 8;
    static constexpr std::int64_t kMostWorkspace = std::int64_t{256} << 20;

    explicit Plans(Engines& engines);

    // Whether `choose` has been asked for this product.
    bool knows(const Product& product) const;
    // The product's plan; null where no plan is right, and another kernel has to do it.
    const Plan* choose(const Product& product, const Trial& trial);
    const Plan* chosen(const Product& product) const;
    // Those that are tried.
    static std::vector<PlanName> tried(const std::vector<PlanName>& candidates);
    // What the user should know since it was last asked, a line each.
    std::vector<std::string> take_notices();

  private:
    std::unique_ptr<Plan> from_file(const std::string& product_text, const Product& product,
                                    const Trial& trial);
    std::unique_ptr<Plan> fastest(const std::string& product_text, const Product& product,
                                  const Trial& trial);
    std::unique_ptr<Plan> build(const Product& product, const PlanName& name);
    bool is_right(const Plan& plan, const Trial& trial);

    Engines& engines_;
    PlanFile file_;
    std::map<std::string, std::unique_ptr<Plan>> chosen_;
    std::vector<std::string> notices_;
};

}  // namespace regkit::cuda::cudnn
