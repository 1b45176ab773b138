#include <doctest/doctest.h>

#include <cstdio>
#include <fstream>

#include "base/error.hpp"
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

TEST_CASE("make_backend: unknown devices are errors of usage") {
    for (const char* name :
         {"", "gpu", "CPU", "cudax", "cuda:", "cuda:x", "cuda:-1", "cuda:1x", "cuda:99999"}) {
        CAPTURE(name);
        CHECK(refusal([&] { make_backend(device(name)); }).kind == ErrorKind::usage);
    }
}

TEST_CASE("cuda: no plug-in") {
    const Refusal r = refusal([] { load_cuda_backend(0, {"/nonexistent/libregkit_cuda.so"}); });
    CHECK(r.kind == ErrorKind::resource);
    CHECK(r.text.find("has no CUDA plug-in (looked for /nonexistent/libregkit_cuda.so)") !=
          std::string::npos);
    CHECK(r.text.find("--device cpu") != std::string::npos);
}

TEST_CASE("cuda: a file that is no plug-in") {
    const std::string path = "not_a_plugin.so";
    std::ofstream(path) << "text";
    const Refusal r = refusal([&] { load_cuda_backend(0, {"./" + path}); });
    std::remove(path.c_str());
    CHECK(r.kind == ErrorKind::resource);
    CHECK(r.text.find("cannot load the plug-in") != std::string::npos);
}
