// A product is looked up in memory, then in the file, and else all candidates are run and timed, and the
// fastest whose result agrees with the plain kernel's is kept. A plan out of the file is checked in the same
// way before it is used, because a damaged file may still read well. Where no plan is right regkit's own
// kernel computes the product, and a notice says so.
#include "kernels/cuda/cudnn/plans.hpp"

#include <algorithm>
#include <utility>

namespace regkit::cuda::cudnn {

namespace {

struct Timed {
    float milliseconds;
    PlanName name;
    std::unique_ptr<Plan> plan;
};

Operands with_workspace(const Plan& plan, const Trial& trial) {
    Operands operands = trial.operands;
    operands.workspace = trial.workspace(plan.workspace());
    return operands;
}

PlanFile file_of(const Engines& engines) {
    const std::string device = engines.device();
    const std::string owner = device.empty() ? "" : engines.version_name() + " " + device;
    return PlanFile(plan_path(owner), owner);
}

}  // namespace

Plans::Plans(Engines& engines) : engines_(engines), file_(file_of(engines)) {}

bool Plans::knows(const Product& product) const {
    return chosen_.contains(text_of(product));
}

const Plan* Plans::chosen(const Product& product) const {
    const auto found = chosen_.find(text_of(product));
    return found == chosen_.end() ? nullptr : found->second.get();
}

const Plan* Plans::choose(const Product& product, const Trial& trial) {
    const std::string text = text_of(product);
    std::unique_ptr<Plan> plan = from_file(text, product, trial);
    if (!plan) plan = fastest(text, product, trial);
    return (chosen_[text] = std::move(plan)).get();
}

// Tried again before it is used: the file may be damaged in a way that still reads well.
std::unique_ptr<Plan> Plans::from_file(const std::string& text, const Product& product, const Trial& trial) {
    const auto name = file_.find(text);
    if (!name) return nullptr;
    std::unique_ptr<Plan> plan = build(product, *name);
    return plan && is_right(*plan, trial) ? std::move(plan) : nullptr;
}

std::unique_ptr<Plan> Plans::fastest(const std::string& text, const Product& product, const Trial& trial) {
    std::vector<PlanName> names = tried(engines_.candidates(product));
    std::vector<Timed> timed;
    for (PlanName& name : names) {
        std::unique_ptr<Plan> plan = build(product, name);
        if (!plan) continue;
        if (const auto time = engines_.milliseconds(*plan, with_workspace(*plan, trial)))
            timed.push_back({*time, std::move(name), std::move(plan)});
    }
    std::ranges::stable_sort(timed, {}, &Timed::milliseconds);
    std::size_t wrong = 0;
    for (Timed& candidate : timed) {
        if (is_right(*candidate.plan, trial)) {
            file_.keep(text, candidate.name);
            return std::move(candidate.plan);
        }
        ++wrong;
    }
    notices_.push_back(engines_.version_name() + " is not used for '" + text + "': of its " +
                       std::to_string(names.size()) + " plans " +
                       std::to_string(names.size() - timed.size()) + " did not run and " +
                       std::to_string(wrong) + " gave wrong results; regkit's own kernel computes it");
    return nullptr;
}

std::vector<PlanName> Plans::tried(const std::vector<PlanName>& candidates) {
    std::vector<PlanName> names;
    std::map<std::int64_t, std::size_t> of_engine;
    for (const PlanName& name : candidates)
        if (names.size() < kMostCandidates && of_engine[name.engine]++ < kMostOfEngine) names.push_back(name);
    return names;
}

std::unique_ptr<Plan> Plans::build(const Product& product, const PlanName& name) {
    std::unique_ptr<Plan> plan = engines_.build(product, name);
    return plan && plan->workspace() <= kMostWorkspace ? std::move(plan) : nullptr;
}

bool Plans::is_right(const Plan& plan, const Trial& trial) {
    const Operands operands = with_workspace(plan, trial);
    trial.spoil();
    return engines_.run(plan, operands) && trial.agrees();
}

std::vector<std::string> Plans::take_notices() {
    if (std::string problem = file_.take_problem(); !problem.empty()) notices_.push_back(std::move(problem));
    return std::exchange(notices_, {});
}

}  // namespace regkit::cuda::cudnn
