#include <doctest/doctest.h>
#include <unistd.h>

#include <cstdio>
#include <fstream>

#include "kernels/base/error.hpp"
#include "kernels/cpu/cpu_backend.hpp"
#include "kernels/cuda/plugin.hpp"

using namespace regkit;

namespace {

struct Refusal {
    ErrorKind kind;
    std::string text;
};

template <typename Body>
Refusal refusal(Body body) {
    try {
        body();
    } catch (const Error& error) {
        return {error.kind(), error.what()};
    }
    FAIL("nothing was refused");
    return {};
}

BackendOptions device(const std::string& name) {
    BackendOptions options;
    options.device = name;
    options.workers = 1;
    return options;
}

}  // namespace

TEST_CASE("make_backend: reference") {
    CHECK(make_backend(device("reference")).backend->name() == std::string("reference"));
}

TEST_CASE("make_backend: cpu, with an instruction set or the best one") {
    for (const std::string& isa : cpu_isas()) {
        BackendOptions options = device("cpu");
        options.isa = isa;
        CHECK(make_backend(options).backend->description() == "cpu " + isa + " f32");
    }
    CHECK(make_backend(device("cpu")).backend->description() == "cpu " + cpu_isas().front() + " f32");
    BackendOptions unknown = device("cpu");
    unknown.isa = "avx3000";
    const Refusal r = refusal([&] { make_backend(unknown); });
    CHECK(r.kind == ErrorKind::usage);
    CHECK(r.text.find("it has " + cpu_isas().front()) != std::string::npos);
}

TEST_CASE("make_backend: bf16") {
    BackendOptions options = device("cpu");
    options.precision = Precision::bf16;
    for (const std::string& isa : cpu_isas(Precision::bf16)) {
        options.isa = isa;
        CHECK(make_backend(options).backend->description() == "cpu " + isa + " bf16");
    }
    options.isa.clear();
    options.device = "auto";
    CHECK(make_backend(options).backend->description() ==
          "cpu " + cpu_isas(Precision::bf16).front() + " bf16");
    options.device = "reference";
    const Refusal r = refusal([&] { make_backend(options); });
    CHECK(r.kind == ErrorKind::usage);
    CHECK(r.text.find("--device reference has f32 only") != std::string::npos);
    BackendOptions f32 = device("cpu");
    f32.isa = "avx512bf16";
    CHECK(refusal([&] { make_backend(f32); }).kind == ErrorKind::usage);
}

TEST_CASE("make_backend: unknown devices are errors of usage") {
    for (const char* name :
         {"", "gpu", "CPU", "cudax", "cuda:", "cuda:x", "cuda:-1", "cuda:1x", "cuda:99999"}) {
        CAPTURE(name);
        CHECK(refusal([&] { make_backend(device(name)); }).kind == ErrorKind::usage);
    }
}

TEST_CASE("make_backend: auto gives a back end on any machine") {
    const BackendChoice choice = make_backend(device("auto"));
    REQUIRE(choice.backend);
    CHECK(choice.backend->name() == std::string("cpu"));
    // Silent where there is no driver; where there is one, a line that says why it was not used.
    const bool fell_back = choice.backend->name() == std::string("cpu");
    CHECK(choice.notice.empty() == (!fell_back || !has_cuda_driver()));
}

namespace {

// Of the environment, while it lives.
struct Variable {
    explicit Variable(const char* value, const char* its_name = "REGKIT_CUDA_KERNELS") : name(its_name) {
        setenv(name, value, 1);
    }
    ~Variable() { unsetenv(name); }
    Variable(const Variable&) = delete;
    const char* name;
};

}  // namespace

TEST_CASE("cuda: words of REGKIT_CUDA_KERNELS are kernels, for all operations or for one") {
    using enum Kernels;
    unsetenv("REGKIT_CUDA_KERNELS");
    CHECK(!kernels_of_environment());
    const auto choice = [](const char* words) {
        const Variable variable(words);
        return choose_kernels(Precision::bf16, kernels_of_environment());
    };
    CHECK(choice("sm80,sm90") == kTensorCoreKernels);
    CHECK(choice("cublaslt,plain,sm90,cudnn,sm80,sm80") == kAllKernels);
    CHECK(choice("sm80") == KernelSet{sm80});
    // What a family has not got is plain there.
    CHECK(text_of(choice("cudnn")) == "conv=cudnn,lstm=cudnn,tail=plain");
    // One that is named has its own words alone; the others have those for all, or else what is usual.
    CHECK(text_of(choice("sm80,conv=plain")) == "conv=plain,lstm=plain,tail=sm80");
    CHECK(text_of(choice("conv=plain")) == "conv=plain,lstm=plain,tail=sm80,tail=sm90");
    CHECK(text_of(choice("conv=sm80,lstm=cudnn,conv=cudnn")) ==
          "conv=sm80,conv=cudnn,lstm=cudnn,tail=sm80,tail=sm90");
    for (const KernelChoice& each : {kTensorCoreKernels, kAllKernels, choice("conv=sm80,lstm=cudnn")})
        CHECK(choice(text_of(each).c_str()) == each);
}

TEST_CASE("cuda: other words of REGKIT_CUDA_KERNELS are refused, with those that there are") {
    const std::string all = "use plain, sm80, sm90, cudnn or cublaslt";
    const std::pair<const char*, std::string> refused[] = {
        {"", "'' is unknown; " + all},
        {"fast", "'fast' is unknown; " + all},
        {"sm80,", "'' is unknown; " + all},
        {"SM80", "'SM80' is unknown; " + all},
        {"sm80 ,sm90", "'sm80 ' is unknown; " + all},
        {"conv=", "'' is unknown; use plain, sm80, sm90 or cudnn"},
        {"sm80,lstm=sm90", "'sm90' is unknown; use plain or cudnn"},
        {"tail=cudnn", "'cudnn' is unknown; use plain, sm80, sm90 or cublaslt"},
        {"pool=plain", "'pool=plain' names no operation that has a choice; these are conv, lstm and tail"},
    };
    for (const auto& [words, why] : refused) {
        CAPTURE(words);
        const Variable variable(words);
        for (const char* const name : {"cuda", "cuda:1", "auto"}) {
            const Refusal r = refusal([&] { make_backend(device(name)); });
            CHECK(r.kind == ErrorKind::usage);
            CHECK(r.text == std::string("REGKIT_CUDA_KERNELS=") + words + ": " + why);
        }
        CHECK(make_backend(device("cpu")).backend->name() == std::string("cpu"));
    }
}

TEST_CASE("cuda: kernels are those of the precision") {
    CHECK(choose_kernels(Precision::f32, {}) == kPlainKernels);
    CHECK(choose_kernels(Precision::bf16, {}) == kTensorCoreKernels);
    CHECK(choose_kernels(Precision::f32, "plain") == kPlainKernels);
    CHECK(choose_kernels(Precision::f32, "conv=plain") == kPlainKernels);
    for (const char* const words : {"sm80", "cudnn", "plain,sm90", "lstm=cudnn"}) {
        const Refusal r = refusal([&] { choose_kernels(Precision::f32, words); });
        CHECK(r.kind == ErrorKind::usage);
        CHECK(r.text == "REGKIT_CUDA_KERNELS=" + std::string(words) +
                            ": these kernels compute in bf16; add --precision bf16");
    }
    const Refusal plain = refusal([] { choose_kernels(Precision::bf16, "plain"); });
    CHECK(plain.kind == ErrorKind::usage);
    CHECK(plain.text == "REGKIT_CUDA_KERNELS=plain: these kernels compute in f32; use --precision f32");
}

TEST_CASE("cuda: REGKIT_CUDNN_PLANS is off or unset") {
    CHECK(keeps_cudnn_plans());
    {
        const Variable off("off", "REGKIT_CUDNN_PLANS");
        CHECK_FALSE(keeps_cudnn_plans());
    }
    const Variable on("on", "REGKIT_CUDNN_PLANS");
    const Refusal r = refusal([] { choose_kernels(Precision::bf16, "cudnn"); });
    CHECK(r.kind == ErrorKind::usage);
    CHECK(r.text == "REGKIT_CUDNN_PLANS=on: unknown; use off, or unset it");
    CHECK(choose_kernels(Precision::bf16, {}) == kTensorCoreKernels);
}

TEST_CASE("cuda: no plug-in") {
    const Refusal r =
        refusal([] { load_cuda_backend(0, kPlainKernels, {"/nonexistent/libregkit_cuda.so"}); });
    CHECK(r.kind == ErrorKind::resource);
    CHECK(r.text.find("has no CUDA plug-in (looked for /nonexistent/libregkit_cuda.so)") !=
          std::string::npos);
    CHECK(r.text.find("--device cpu") != std::string::npos);
}

TEST_CASE("cuda: a file that is no plug-in") {
    const std::string path = "not_a_plugin.so";
    std::ofstream(path) << "text";
    const Refusal r = refusal([&] { load_cuda_backend(0, kPlainKernels, {"./" + path}); });
    std::remove(path.c_str());
    CHECK(r.kind == ErrorKind::resource);
    CHECK(r.text.find("cannot load the plug-in") != std::string::npos);
}

namespace {

// Empty where no plug-in was built.
std::string built_plugin() {
    for (const std::string& path : cuda_plugin_paths())
        if (access(path.c_str(), F_OK) == 0) return path;
    return "";
}

}  // namespace

TEST_CASE("cuda: a usable GPU, or an error that names the cause") {
    try {
        const BackendChoice choice = make_backend(device("cuda"));
        CHECK(choice.backend->name() == std::string("cuda"));
        CHECK(choice.notice.empty());
    } catch (const Error& error) {
        const std::string text = error.what();
        CAPTURE(text);
        CHECK(error.kind() == ErrorKind::resource);
        CHECK(text.starts_with("--device cuda: "));
        CHECK(text.ends_with("; use --device cpu"));
        if (built_plugin().empty())
            CHECK(text.find("has no CUDA plug-in") != std::string::npos);
        else if (!has_cuda_driver())
            CHECK(text.find("no NVIDIA driver is installed") != std::string::npos);
        else
            CHECK(text.size() > std::string("--device cuda: ; use --device cpu").size());
    }
}

TEST_CASE("cuda: a device number beyond the machine's") {
    const Refusal r = refusal([] { make_backend(device("cuda:1023")); });
    CHECK(r.kind == ErrorKind::resource);
}
