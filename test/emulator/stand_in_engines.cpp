#include "test/emulator/stand_in_engines.hpp"

#include <cstring>

#include "kernels/base/error.hpp"
#include "kernels/cuda/cudnn/engines.hpp"
#include "kernels/cuda/tensor_core.hpp"
#include "test/emulator/pictures.hpp"
#include "test/emulator/stand_in_lstm.hpp"

namespace regkit::emulator {

using cuda::Bf16;
using cuda::cudnn::Direction;
using cuda::cudnn::Picture;
using cuda::cudnn::Product;

StandIn& stand_in() {
    static StandIn only;
    return only;
}

namespace {

std::vector<double> values_of(const void* data, const Picture& picture) {
    std::vector<double> values;
    for (std::size_t i = 0; i < size_of(picture); ++i)
        values.push_back(cuda::to_float(static_cast<const Bf16*>(data)[i]));
    return values;
}

void compute(const Product& product, const cuda::cudnn::Operands& operands) {
    const Picture x_picture = input_picture(product.view), y_picture = output_picture(product.view),
                  filter_picture = cuda::cudnn::filter_picture(product.view);
    const Direction direction = product.direction;
    const auto x = values_of(operands.x, x_picture), y = values_of(operands.y, y_picture),
               filter = values_of(operands.filter, filter_picture);
    const Picture& picture = direction == Direction::forward      ? y_picture
                             : direction == Direction::grad_input ? x_picture
                                                                  : filter_picture;
    void* const to = direction == Direction::forward      ? operands.y
                     : direction == Direction::grad_input ? operands.x
                                                          : operands.filter;
    std::vector<double> sums(size_of(picture));
    for_each_product(product.view, [&](std::size_t in_x, std::size_t in_filter, std::size_t in_y) {
        if (direction == Direction::forward)
            sums[in_y] += x[in_x] * filter[in_filter];
        else if (direction == Direction::grad_input)
            sums[in_x] += y[in_y] * filter[in_filter];
        else
            sums[in_filter] += x[in_x] * y[in_y];
    });
    for (std::size_t i = 0; i < sums.size(); ++i)
        static_cast<Bf16*>(to)[i] = cuda::to_bf16(static_cast<float>(sums[i]));
}

// Spoils one value that means something: of the first sample, the first channel, the first place of y or
// weight; of the last place of x, which is the last position's where there is no padding.
void spoil(const Product& product, const cuda::cudnn::Operands& operands) {
    const cuda::cudnn::ConvView& view = product.view;
    Bf16* const value = product.direction == Direction::forward ? static_cast<Bf16*>(operands.y)
                        : product.direction == Direction::grad_input
                            ? static_cast<Bf16*>(operands.x) + view.taps / 2 * view.columns * view.in
                            : static_cast<Bf16*>(operands.filter);
    *value = cuda::to_bf16(cuda::to_float(*value) + 1000);
}

class StandInEngines final : public cuda::cudnn::Engines {
  public:
    struct BuiltPlan final : cuda::cudnn::Plan {
        BuiltPlan(const Product& its_product, std::size_t its_index, std::int64_t bytes)
            : LibraryPlan(bytes), product(its_product), index(its_index) {}
        Product product;
        std::size_t index;
    };

    std::string version_name() const override { return "stand-in 1.0"; }
    std::string device() const override { return stand_in().device; }

    std::vector<cuda::cudnn::PlanName> candidates(const Product&) override {
        std::vector<cuda::cudnn::PlanName> names;
        for (std::int64_t i = 0; i < std::ssize(stand_in().plans); ++i) names.push_back({i, {{7, i}}});
        return names;
    }

    std::unique_ptr<cuda::cudnn::Plan> build(const Product& product,
                                             const cuda::cudnn::PlanName& name) override {
        if (name.engine >= std::ssize(stand_in().plans)) return nullptr;
        const auto index = static_cast<std::size_t>(name.engine);
        const StandInPlan& plan = stand_in().plans[index];
        if (plan.way == StandInPlan::Way::unsupported || name.knobs != decltype(name.knobs){{7, name.engine}})
            return nullptr;
        return std::make_unique<BuiltPlan>(product, index, plan.workspace);
    }

    bool run(const cuda::cudnn::Plan& plan, const cuda::cudnn::Operands& operands) override {
        const auto& built = static_cast<const BuiltPlan&>(plan);
        StandInPlan& scripted = stand_in().plans[built.index];
        ++scripted.runs;
        if (scripted.way == StandInPlan::Way::fails) return false;
        const auto way = scripted.way;
        const auto bytes = static_cast<std::size_t>(scripted.workspace);
        static_cast<cudaStream_t>(operands.stream)->queue([=, product = built.product] {
            if (bytes > 0) std::memset(operands.workspace, 1, bytes);
            if (way == StandInPlan::Way::silent) return cudaSuccess;
            compute(product, operands);
            if (way == StandInPlan::Way::wrong) spoil(product, operands);
            return cudaSuccess;
        });
        return true;
    }

    std::optional<float> milliseconds(const cuda::cudnn::Plan& plan,
                                      const cuda::cudnn::Operands& operands) override {
        if (!run(plan, operands)) return std::nullopt;
        return stand_in().plans[static_cast<const BuiltPlan&>(plan).index].milliseconds;
    }

    std::unique_ptr<cuda::cudnn::LstmPlan> lstm(const cuda::cudnn::LstmProblem& problem,
                                                const std::function<void*(std::int64_t bytes)>&,
                                                std::string& why) override {
        if (stand_in().lstm.forward != StandInPlan::Way::unsupported) return make_stand_in_lstm(problem);
        why = "not supported";
        return nullptr;
    }
};

}  // namespace

}  // namespace regkit::emulator

std::unique_ptr<regkit::cuda::cudnn::Engines> regkit::cuda::cudnn::open_engines(int) {
    require(emulator::stand_in().installed, ErrorKind::resource,
            "REGKIT_CUDA_KERNELS=cudnn needs cuDNN 9: libcudnn.so.9 is not here");
    return std::make_unique<emulator::StandInEngines>();
}
