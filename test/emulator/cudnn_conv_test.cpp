// All of the convolutions through cuDNN but cuDNN itself, for which the tests' own engines stand in: the way
// into its layout and back, and which plan is taken of those it offers.
#include <doctest/doctest.h>
#include <stdlib.h>

#include <filesystem>
#include <limits>

#include "kernels/base/error.hpp"
#include "kernels/cuda/cudnn/plan_file.hpp"
#include "kernels/reference/reference_backend.hpp"
#include "test/emulator/conv_case.hpp"
#include "test/emulator/emulator_backend.hpp"
#include "test/emulator/stand_in_engines.hpp"
#include "test/support/scratch.hpp"

using namespace regkit;
using namespace regkit::test;
using cuda::cudnn::PlanName;
using emulator::Order;
using emulator::StandInPlan;
using Way = StandInPlan::Way;

namespace {

constexpr double kTolerance = 1.0 / 256;  // of products rounded to bf16

const std::vector<ConvCase> kCases = {
    {2, 50, 50, 70, {10, 1, 1, 4, 5}},     {1, 50, 100, 50, {10, 1, 9, 40, 41}},
    {1, 3, 5, 100, {10, 1, 81, 364, 365}}, {1, 70, 17, 40, {1, 1, 1, 0, 0}},
    {2, 4, 3, 12, {3, 1, 2, 6, 7}},        {1, 5, 18, 41, {2, 4, 1, 0, 0}},  // positions that nothing reads
    {1, 5, 7, 40, {10, 10, 1, 0, 0}},
};
const ConvCase kSmall{2, 5, 7, 30, {4, 1, 3, 4, 5}};

// What the stand-in offers while it lives.
struct Offered {
    explicit Offered(std::vector<StandInPlan> plans, const std::string& device = "") {
        emulator::stand_in() = {std::move(plans), device};
    }
    ~Offered() { emulator::stand_in() = {}; }
    Offered(const Offered&) = delete;
};

struct Variable {
    Variable(const char* its_name, const std::string& value) : name(its_name) {
        setenv(name, value.c_str(), 1);
    }
    ~Variable() { unsetenv(name); }
    Variable(const Variable&) = delete;
    const char* name;
};

std::unique_ptr<Backend> make(const KernelChoice& kernels = kAllKernels) {
    return make_emulator_backend(Order::forward, kernels);
}

ConvResults of_reference(const ConvCase& c) {
    return convolve(*make_reference_backend(), c, rounded);
}

void check_results(const ConvResults& got, const ConvResults& expected) {
    check_close("y", got.y, expected.y, kTolerance);
    check_close("dx", got.dx, expected.dx, kTolerance);
    check_close("d_weight", got.d_weight, expected.d_weight, kTolerance);
    check_close("d_bias", got.d_bias, expected.d_bias, 1e-5);
}

Values forward(Backend& backend, const ConvCase& c, const Values& x_values) {
    Run run(backend);
    const ConvGeometry& g = c.geometry;
    const View x = run.input({c.batch, c.in, c.length}, x_values, {g.pad_left, g.pad_right});
    const View y = run.output({c.batch, c.out, g.output_length(c.length)});
    backend(Conv{.x = x, .weight = run.random_flat(c.in * c.out * g.width, 2), .geometry = g, .y = y});
    return run.read(y);
}

Values forward(Backend& backend) {
    return forward(backend, kSmall, random_values(kSmall.batch * kSmall.in * kSmall.length, 1));
}

std::vector<std::string> names_in(const std::string& folder) {
    std::vector<std::string> names;
    for (const auto& entry : std::filesystem::directory_iterator(folder))
        names.push_back(entry.path().filename().string());
    return names;
}

std::vector<int> runs() {
    std::vector<int> runs;
    for (const StandInPlan& plan : emulator::stand_in().plans) runs.push_back(plan.runs);
    return runs;
}

}  // namespace

TEST_CASE("cudnn: convolutions are those of rounded operands, in every order") {
    for (const ConvCase& c : kCases) {
        CAPTURE(c.text());
        const Offered offered({StandInPlan{}});
        const ConvResults got = convolve(*make(), c, rounded);
        check_results(got, of_reference(c));
        CHECK(runs()[0] == 9);  // of each product: timed, tried, used
        for (const Order order : {Order::reverse, Order::shuffled})
            CHECK(got == convolve(*make_emulator_backend(order, kAllKernels), c, rounded));
    }
}

TEST_CASE("cudnn: a barrier missing from the way into or out of its layout is noticed") {
    const auto backend = make();
    const Values right = forward(*backend);  // the plan is chosen now
    emulator::leave_out_barrier(0);
    const Values wrong = forward(*backend);
    emulator::leave_out_barrier(-1);
    CHECK(wrong != right);
    CHECK(forward(*backend) == right);
}

TEST_CASE("cudnn: what has no view is left to the other kernels") {
    const Offered offered({StandInPlan{}});
    const ConvCase c{1, 3, 4, 40, {3, 2, 2, 1, 1}};
    CHECK(convolve(*make(), c, rounded) == convolve(*make(kTensorCoreKernels), c, rounded));
    CHECK(runs() == std::vector<int>{0});
}

TEST_CASE("cudnn: the description names the library, which determines the bits") {
    CHECK(make()->description() == std::string("emulator stand-in 1.0 stand-in Lt 1.0 bf16"));
    CHECK(make(kTensorCoreKernels)->description() == std::string("emulator bf16"));
}

TEST_CASE("cudnn: of the right plans the fastest is taken") {
    const Offered offered({{Way::right, 3}, {Way::right, 1}, {Way::right, 2}});
    const auto backend = make();
    forward(*backend);
    CHECK(runs() == std::vector<int>{1, 3, 1});
    forward(*backend);
    CHECK(runs() == std::vector<int>{1, 4, 1});
    CHECK(backend->take_notices().empty());
}

TEST_CASE("cudnn: plans that are wrong, write nothing, fail or need too much memory are dropped") {
    const Offered offered({{Way::wrong, 1},
                           {Way::silent, 2},
                           {Way::fails, 3},
                           {Way::unsupported, 4},
                           {Way::right, 5, std::int64_t{300} << 20},
                           {Way::right, 9, 1000},
                           {Way::wrong, 10}});
    const auto backend = make();
    check_results(convolve(*backend, kSmall, rounded), of_reference(kSmall));
    CHECK(runs() == std::vector<int>{6, 6, 3, 0, 0, 9, 3});
    CHECK(backend->take_notices().empty());
}

TEST_CASE("cudnn: a plan that writes nothing does not pass with another's result") {
    const Offered offered({{Way::silent, 1}, {Way::right, 2}});
    forward(*make());
    CHECK(runs() == std::vector<int>{2, 3});
}

TEST_CASE("cudnn: where no plan is right, other kernels do it, and that is said once") {
    const Offered offered({{Way::wrong, 1}, {Way::fails, 1}, {Way::silent, 1}});
    const auto backend = make();
    const ConvResults got = convolve(*backend, kSmall, rounded);
    CHECK(got == convolve(*make(kTensorCoreKernels), kSmall, rounded));
    const auto notices = backend->take_notices();
    REQUIRE(notices.size() == 3);
    CHECK(notices[0] ==
          "stand-in 1.0 is not used for 'forward batch 2 channels 16 to 16 rows 13 to 10 of 3 taps 4 stride "
          "1': of its 3 "
          "plans 1 did not run and 2 gave wrong results; regkit's own kernel computes it");
    const auto before = runs();
    CHECK(convolve(*backend, kSmall, rounded) == got);
    CHECK(runs() == before);
    CHECK(backend->take_notices().empty());
}

TEST_CASE("cudnn: operands whose product is zero or no number prove nothing of a plan") {
    const Offered offered({StandInPlan{}});
    const auto backend = make();
    const auto size = static_cast<std::size_t>(kSmall.batch * kSmall.in * kSmall.length);
    const Values zeros(size, 0.0);
    CHECK(forward(*backend, kSmall, zeros) == forward(*make(kTensorCoreKernels), kSmall, zeros));
    CHECK(runs() == std::vector<int>{0});
    Values with_nan = random_values(static_cast<std::int64_t>(size), 1);
    with_nan[7] = std::numeric_limits<double>::quiet_NaN();
    forward(*backend, kSmall, with_nan);
    CHECK(runs() == std::vector<int>{0});
    forward(*backend);
    CHECK(runs() == std::vector<int>{3});
    CHECK(backend->take_notices().empty());
    // And then they are as any others.
    CHECK(forward(*backend, kSmall, zeros) == Values(forward(*backend).size(), 0.0));
}

// ---- the file
TEST_CASE("cudnn: names of plans as text") {
    for (const PlanName& name :
         {PlanName{0, {}}, PlanName{47, {{2, 5}}}, PlanName{3, {{0, 0}, {43, 123456789012}}}})
        CHECK(cuda::cudnn::parse_plan_name(text_of(name)) == name);
    CHECK(text_of(PlanName{47, {{2, 5}, {3, 1}}}) == "47 2=5,3=1");
    for (const char* const text : {"", " ", "x", "47 ", "47 2", "47 2=", "47 =5", "47 2=5,", "47 2=5,,3=1",
                                   "47 2=5 3=1", "047", "-1", "47 2=-5", "99999999999999999999", "47\t2=5"}) {
        CAPTURE(std::string(text));
        CHECK_FALSE(cuda::cudnn::parse_plan_name(text).has_value());
    }
}

TEST_CASE(
    "cudnn: plans are kept for the device and the library's version, and tried again before they are used") {
    const Scratch folder;
    const Variable cache("XDG_CACHE_HOME", folder.path(""));
    const std::vector<StandInPlan> plans = {{Way::right, 3}, {Way::right, 1}};
    std::vector<std::string> notices;
    const auto runs_of = [&](std::vector<StandInPlan> offer, const std::string& device) {
        const Offered offered(std::move(offer), device);
        const auto backend = make();
        forward(*backend);
        notices = backend->take_notices();
        return runs();
    };
    CHECK(runs_of(plans, "GPU A sm_90/7") == std::vector<int>{1, 3});
    CHECK(names_in(folder.path("regkit")) ==
          std::vector<std::string>{"plans_stand-in_1.0_GPU_A_sm_90_7.txt"});
    CHECK(runs_of(plans, "GPU A sm_90/7") == std::vector<int>{0, 2});  // tried, used
    CHECK(runs_of(plans, "GPU B") == std::vector<int>{1, 3});
    // Wrong by now, or gone: timed anew, and the file says so.
    CHECK(runs_of({{Way::right, 3}, {Way::wrong, 1}}, "GPU B") == std::vector<int>{3, 3});
    CHECK(runs_of({{Way::right, 3}, {Way::right, 1}}, "GPU B") == std::vector<int>{2, 0});
    CHECK(notices.empty());
    // Another's file of the same name is not read.
    CHECK(runs_of(plans, "GPU_B") == std::vector<int>{1, 3});
    REQUIRE(notices.size() == 1);
    CHECK(notices[0].find("plans_stand-in_1.0_GPU_B.txt:2: not what regkit wrote") != std::string::npos);
}

TEST_CASE("cudnn: REGKIT_CUDNN_PLANS=off leaves the file alone") {
    const Scratch folder;
    const Variable cache("XDG_CACHE_HOME", folder.path(""));
    const Offered offered({StandInPlan{}}, "GPU");
    {
        const Variable off("REGKIT_CUDNN_PLANS", "off");
        forward(*make());
        CHECK(folder.names().empty());
    }
    forward(*make());
    CHECK(folder.names() == std::vector<std::string>{"regkit"});
}

TEST_CASE("cudnn: without XDG_CACHE_HOME the file is in ~/.cache") {
    const Scratch folder;
    const std::string home = getenv("HOME") ? getenv("HOME") : "";
    unsetenv("XDG_CACHE_HOME");
    setenv("HOME", folder.path("").c_str(), 1);
    CHECK(cuda::cudnn::plan_path("x") == folder.path("") + "/.cache/regkit/plans_x.txt");
    setenv("XDG_CACHE_HOME", "relative", 1);  // which the specification tells to ignore
    CHECK(cuda::cudnn::plan_path("x") == folder.path("") + "/.cache/regkit/plans_x.txt");
    unsetenv("HOME");
    CHECK(cuda::cudnn::plan_path("x").empty());
    unsetenv("XDG_CACHE_HOME");
    if (!home.empty()) setenv("HOME", home.c_str(), 1);
}

TEST_CASE("cudnn: a damaged file of plans is told and written anew") {
    const Scratch folder;
    const std::string path = folder.path("plans.txt");
    const auto keep = [&] { cuda::cudnn::PlanFile(path, "owner").keep("product", {4, {{1, 2}}}); };
    keep();
    const std::string good = folder.read("plans.txt");
    CHECK(good.ends_with("\nowner\nproduct\t4 1=2\n"));
    CHECK(folder.names() == std::vector<std::string>{"plans.txt"});  // nothing else is left
    const auto check_damaged = [&](const std::string& text, int line) {
        CAPTURE(std::string(text));
        folder.write("plans.txt", text);
        cuda::cudnn::PlanFile file(path, "owner");
        CHECK(file.take_problem().starts_with(path + ":" + std::to_string(line) + ": "));
        CHECK(file.take_problem().empty());
        CHECK_FALSE(file.find("product").has_value());
        keep();
        CHECK(folder.read("plans.txt") == good);
    };
    check_damaged("", 1);
    check_damaged("\n", 1);
    check_damaged(good.substr(1), 1);
    check_damaged(good.substr(0, good.size() - 1), 3);  // torn
    check_damaged(good.substr(0, good.find("owner")) + "other\nproduct\t4 1=2\n", 2);
    check_damaged(good + "more\n", 4);
    check_damaged(good + "more\t4 1=\n", 4);
    check_damaged(std::string(100, '\0'), 1);
}

TEST_CASE("cudnn: plans of other processes stay in the file") {
    const Scratch folder;
    const std::string path = folder.path("plans.txt");
    cuda::cudnn::PlanFile one(path, "owner"), other(path, "owner");
    one.keep("a", {1, {}});
    other.keep("b", {2, {}});
    one.keep("c", {3, {}});
    const cuda::cudnn::PlanFile all(path, "owner");
    CHECK(all.find("a") == PlanName{1, {}});
    CHECK(all.find("b") == PlanName{2, {}});
    CHECK(all.find("c") == PlanName{3, {}});
}

TEST_CASE("cudnn: where the file cannot be written, that is said and the work goes on") {
    const Variable cache("XDG_CACHE_HOME", "/dev/null");
    const Offered offered({StandInPlan{}}, "GPU");
    const auto backend = make();
    forward(*backend);
    const auto notices = backend->take_notices();
    REQUIRE(notices.size() == 1);
    CHECK(notices[0].starts_with(
        "/dev/null/regkit/plans_stand-in_1.0_GPU.txt: cannot keep cuDNN's plans there ("));
}
