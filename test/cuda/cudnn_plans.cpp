// Without a GPU: what cuDNN would offer for the convolutions of every preset on devices that are described by
// JSON.
//   test_cudnn_plans DEVICE.json...
// The graphs are those that the back end builds, by the same code. Fails where one has no plan that the back
// end would take: on tensor cores, deterministic, sums in fp32, with a workspace within its bounds. Prints a
// table: how many of the plans that it would try can be built, and of which of cuDNN's engines. Of LSTMs
// cuDNN says less without a device: that it takes the descriptors of every preset's. Exits 77 where cuDNN is
// not installed.
#include <dlfcn.h>

#include <algorithm>
#include <cstdio>
#include <fstream>
#include <map>
#include <nlohmann/json.hpp>
#include <set>
#include <string>
#include <vector>

#include "kernels/base/error.hpp"
#include "kernels/cuda/cudnn/cudnn_lstm.hpp"
#include "kernels/cuda/cudnn/graph.hpp"
#include "kernels/cuda/cudnn/library.hpp"
#include "kernels/cuda/cudnn/plans.hpp"
#include "nn/graph.hpp"
#include "nn/layers/kinds.hpp"
#include "nn/plan.hpp"
#include "nn/spec.hpp"

using namespace regkit;
using namespace regkit::cuda;
using namespace regkit::cuda::cudnn;

namespace {

constexpr int kMarkers = 919;
constexpr std::int64_t kBatch = 32;

[[noreturn]] void fail(const std::string& what) {
    std::printf("FAILED: %s\n", what.c_str());
    std::exit(1);
}

struct PresetLayer {
    std::string name;  // of the first preset that has it
    ConvProblem problem;
};

// The Conv that Network asks for for this layer, if it does (Network::Impl::run_layer).
std::vector<ConvProblem> problems_of(const Spec& spec, const regkit::Graph& graph, int index) {
    const LayerSpec& layer = spec.layers[static_cast<std::size_t>(index)];
    const Node& node = graph.nodes[static_cast<std::size_t>(index)];
    const int from = node.inputs[0];
    if (from == kSequence || kind_of(spec.layers[static_cast<std::size_t>(from)]).reads_sequence()) return {};
    ConvGeometry geometry;
    std::int64_t out = node.channels;
    if (layer.type == LayerType::conv)
        geometry = node.geometry;
    else if (layer.type == LayerType::lstm)
        out = std::int64_t{4} * layer.filters * node.directions;
    else if (layer.type != LayerType::dense || layer.flatten)
        return {};
    const Shape x = graph.shape(from, kBatch, spec.window);
    return {{x.batch, x.channels, out, x.length, geometry.output_length(x.length), geometry.width,
             geometry.stride, geometry.dilation, geometry.pad_left}};
}

// ---- LSTMs
std::vector<LstmProblem> lstms_of_presets() {
    std::vector<LstmProblem> problems;
    for (const std::string& name : preset_names()) {
        const Spec spec = preset(name);
        const regkit::Graph graph = resolve(spec, kMarkers, name);
        for (int i = 0; i < static_cast<int>(spec.layers.size()); ++i) {
            const LayerSpec& layer = spec.layers[static_cast<std::size_t>(i)];
            if (layer.type != LayerType::lstm) continue;
            const Node& node = graph.nodes[static_cast<std::size_t>(i)];
            const Shape x = graph.shape(node.inputs[0], kBatch, spec.window);
            problems.push_back({x.batch, x.length, x.channels, layer.filters, node.directions});
        }
    }
    return problems;
}

bool has_descriptors(const LstmProblem& problem) {
    try {
        const LstmDescriptors made(problem);
        return made.rnn() && made.x() && made.y() && made.state();
    } catch (const CallFailed&) {
        return false;
    }
}

// With questions to which the answer is no.
void check_lstms() {
    const std::vector<LstmProblem> problems = lstms_of_presets();
    if (problems.size() < 3) fail("too few LSTMs");
    for (const LstmProblem& problem : problems)
        if (!has_descriptors(problem)) fail("no descriptors of " + text_of(problem));
    for (std::int64_t LstmProblem::*size :
         {&LstmProblem::batch, &LstmProblem::length, &LstmProblem::in, &LstmProblem::hidden})
        for (const std::int64_t wrong : {std::int64_t{0}, std::int64_t{1} << 31}) {
            LstmProblem other = problems[0];
            other.*size = wrong;
            if (has_descriptors(other)) fail("descriptors of " + text_of(other));
        }
    try {
        lstm_plan(problems[0], nullptr, [](std::int64_t) { return nullptr; });
        fail("an LSTM without a device");
    } catch (const CallFailed&) {
    }
    std::printf("%zu LSTMs: all have descriptors\n", problems.size());
}

// ---- convolutions
// Each shape once, in the order of the presets.
std::vector<PresetLayer> layers_of_presets() {
    std::vector<PresetLayer> layers;
    std::set<std::string> seen;
    for (const std::string& name : preset_names()) {
        const Spec spec = preset(name);
        const regkit::Graph graph = resolve(spec, kMarkers, name);
        for (const int index : make_plan(spec, graph, true).trunk)
            for (const ConvProblem& problem : problems_of(spec, graph, index)) {
                if (!has_view(problem)) fail(name + ": a convolution without a view");
                if (seen.insert(text_of(Product{Direction::forward, view_of(problem)})).second)
                    layers.push_back(
                        {name + " " + spec.layers[static_cast<std::size_t>(index)].name, problem});
            }
    }
    return layers;
}

struct CheckedDevice {
    std::string name;
    Descriptor properties;

    Target target() const { return {nullptr, &properties}; }
};

nlohmann::json read_json(const char* path) {
    std::ifstream file(path);
    if (!file) fail(std::string("cannot open ") + path);
    return nlohmann::json::parse(file).at("properties");
}

// Which of the plans that the back end would try can be built, and would be taken.
struct Supported {
    int plans = 0;
    std::set<std::int64_t> engines;
    std::int64_t least_workspace = Plans::kMostWorkspace;
    std::string why;  // a plan cannot be built
};

Supported supported(const Product& product, const Target& target) {
    Supported result;
    try {
        const cudnn::Graph graph = graph_of(product, target);
        const Offer offer = offer_of(graph, target);
        result.why = "of " + std::to_string(offer.all) + " offers " + std::to_string(offer.nondeterministic) +
                     " are not deterministic, " + std::to_string(offer.without_tensor_cores) +
                     " use no tensor cores, " + std::to_string(offer.reduced_sums) + " sum in less than fp32";
        for (const PlanName& name : Plans::tried(offer.names)) try {
                const BuiltPlan plan = build_plan(graph, name, target);
                if (plan.workspace() > Plans::kMostWorkspace) continue;
                ++result.plans;
                result.engines.insert(name.engine);
                result.least_workspace = std::min(result.least_workspace, plan.workspace());
            } catch (const CallFailed& failed) {
                result.why = failed.what;
            }
    } catch (const CallFailed& failed) {
        result.why = failed.what;
    }
    return result;
}

// That the answers are cuDNN's: by the library's file, and by questions to which the answer is no.
void check_library(const nlohmann::json& properties, const Product& good) {
    Dl_info where{};
    if (!dladdr(reinterpret_cast<const void*>(library().set_attribute), &where))
        fail("the library has no file");
    const std::string path = where.dli_fname;
    std::printf("cuDNN %s, %s\n", library().version().c_str(), path.c_str());
    if (path.substr(path.rfind('/') + 1).find("libcudnn") != 0) fail("that is not cuDNN");
    const Descriptor device = device_properties(properties.dump());
    Product other_size = good;
    ++other_size.view.out_rows;
    if (supported(other_size, {nullptr, &device}).plans != 0)
        fail("a picture of the wrong size is supported");
    nlohmann::json old = properties;
    old["deviceVer"] = 520;  // Maxwell, without tensor cores
    try {
        const Descriptor old_device = device_properties(old.dump());
        if (supported(good, {nullptr, &old_device}).plans != 0)
            fail("a GPU without tensor cores is supported");
    } catch (const CallFailed&) {
    }
}

std::string joined(const std::set<std::int64_t>& numbers) {
    std::string text;
    for (const std::int64_t number : numbers) text += (text.empty() ? "" : ",") + std::to_string(number);
    return text;
}

constexpr std::pair<Direction, const char*> kDirections[] = {{Direction::forward, "forward"},
                                                             {Direction::grad_input, "to input"},
                                                             {Direction::grad_weight, "to weights"}};

// A convolution of 48 channels with stride 10 has no plan on tensor cores of an H100: there the next of our
// own kernels does it (kernels/cuda/conv). Any other layer without a plan is a failure.
const std::set<std::string> kWithoutPlan = {"strided-residual down forward"};

int check_all(const std::vector<PresetLayer>& layers, const std::vector<CheckedDevice>& devices) {
    int missing = 0;
    std::printf("%-28s %-10s %9s %11s %5s", "layer", "gradient", "channels", "picture", "taps");
    for (const CheckedDevice& device : devices)
        std::printf("   %s: plans, engines, least MB", device.name.c_str());
    std::printf("\n");
    for (const PresetLayer& layer : layers)
        for (const auto& [direction, word] : kDirections) {
            const Product product{direction, view_of(layer.problem)};
            const ConvView& v = product.view;
            std::printf("%-28s %-10s %4lld>%-4lld %6lldx%-4lld %5lld", layer.name.c_str(), word,
                        static_cast<long long>(v.in), static_cast<long long>(v.out),
                        static_cast<long long>(v.out_rows), static_cast<long long>(v.columns),
                        static_cast<long long>(v.taps));
            for (const CheckedDevice& device : devices) {
                const Supported s = supported(product, device.target());
                if (s.plans > 0)
                    std::printf("   %2d %-28s %5.1f", s.plans, joined(s.engines).c_str(),
                                static_cast<double>(s.least_workspace) / 1e6);
                else
                    std::printf("   NONE: %s", s.why.c_str());
                missing += s.plans == 0 && !kWithoutPlan.contains(layer.name + " " + word);
            }
            std::printf("\n");
            std::fflush(stdout);
        }
    return missing;
}

}  // namespace

int main(int argc, char** argv) {
    try {
        library();
    } catch (const Error& error) {
        std::printf("SKIPPED: %s\n", error.what());
        return 77;
    }
    try {
        const std::vector<PresetLayer> layers = layers_of_presets();
        if (layers.size() < 20 || argc < 2) fail("too few layers, or no device");
        check_library(read_json(argv[1]), {Direction::forward, view_of(layers[0].problem)});
        check_lstms();
        std::vector<CheckedDevice> devices;
        for (int i = 1; i < argc; ++i) {
            const nlohmann::json properties = read_json(argv[i]);
            devices.push_back(
                {properties.at("deviceName").get<std::string>(), device_properties(properties.dump())});
        }
        const int missing = check_all(layers, devices);
        if (missing > 0) fail(std::to_string(missing) + " products have no plan");
        std::printf("%zu shapes, three products each: all have plans\n", layers.size());
        return 0;
    } catch (const CallFailed& failed) {
        fail(failed.what);
    } catch (const std::exception& error) {
        fail(error.what());
    }
}
