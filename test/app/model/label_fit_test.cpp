#include "app/model/label_fit.hpp"

#include <doctest/doctest.h>

#include "kernels/base/error.hpp"
#include "test/app/model/kinds.hpp"
#include "test/app/scratch.hpp"

using namespace regkit;
using namespace regkit::test;

namespace {

std::string problem(const Spec& spec, const LabelLayout& layout, std::int64_t window) {
    try {
        require_fit(spec, summarise(spec, 3), layout, window, "x.regds", "net");
    } catch (const Error& error) {
        CHECK(error.kind() == ErrorKind::mismatch);
        CHECK(std::string(error.what()).find('\n') == std::string::npos);
        return error.what();
    }
    return "";
}

bool says(const std::string& text, const std::string& part) {
    return text.find(part) != std::string::npos;
}

}  // namespace

TEST_CASE("every kind fits its own labels, and no others") {
    for (const Kind& kind : kinds()) {
        CAPTURE(kind.name);
        const Spec spec = parse_spec(kind.spec, kind.name);
        CHECK(problem(spec, kind.layout, spec.window) == "");
        LabelLayout other = kind.layout;
        other.task = other.task == "coverage" ? "bin" : "coverage";
        CHECK(says(problem(spec, other, spec.window), "its task is '" + other.task + "'"));
        if (summarise(spec, 3).fixed_window) {
            CHECK(says(problem(spec, kind.layout, spec.window + 20),
                       "takes exactly " + std::to_string(spec.window)));
            other = kind.layout;
            ++other.count;
            CHECK(says(problem(spec, other, spec.window), "output"));
            other = kind.layout;  // where the labels lie is the data set's business
            other.offset += 1;
            CHECK(problem(spec, other, spec.window) == "");
        } else {
            other = kind.layout;
            other.bin *= 2;
            other.count /= 2;
            CHECK(says(problem(spec, other, spec.window), "a label stands for"));
            other = kind.layout;
            other.count -= 1;
            CHECK(says(problem(spec, other, spec.window), "the whole window"));
            other.offset = other.bin;
            CHECK(says(problem(spec, other, spec.window), "the whole window"));
        }
    }
}

TEST_CASE("models keep their layout, and one that does not fit is refused") {
    NullLog log;
    const Scratch scratch("label-fit");
    const auto backend = make_backend({.device = "reference", .workers = 1, .isa = ""}).backend;
    for (const Kind& kind : kinds()) {
        CAPTURE(kind.name);
        const Model model = model_of_kind(kind, *backend);
        save_model(scratch.file("m.safetensors"), model);
        const Model back = load_model(scratch.file("m.safetensors"), log);
        CHECK(back.layout == kind.layout);
        CHECK(output_layout(back, summarise(back.spec, 3)) == kind.layout);
        CHECK(tensor_file_of(model).metadata.count("regkit.layout") ==
              (kind.layout.task == "nucleotide" ? 0 : 1));
    }
    const Model model = model_of_kind(kinds()[2], *backend);
    for (const char* text :
         {R"({"task":"bin","bin":16,"offset":90,"count":1,"min_overlap":0.5})",
          R"({"task":"bin","bin":0,"offset":40,"count":1,"min_overlap":0.5})",
          R"({"task":"bin","bin":16,"offset":40,"count":9223372036854775807,"min_overlap":0.5})",
          R"({"task":"coverage","bin":16,"offset":40,"count":1,"min_overlap":0.5})",
          R"({"task":"bin","bin":"16","offset":40,"count":1,"min_overlap":0.5})",
          R"({"task":"bin","bin":16.5,"offset":40,"count":1,"min_overlap":0.5})",
          R"({"task":"bin","bin":16,"offset":40,"count":true,"min_overlap":0.5})",
          R"({"task":"bin","bin":1e300,"offset":40,"count":1,"min_overlap":0.5})", R"({"task":"bin"})", "[]",
          "x"}) {
        CAPTURE(text);
        TensorFile file = tensor_file_of(model);
        file.metadata["regkit.layout"] = text;
        CHECK_THROWS_AS(model_of(file, "m"), Error);
    }
    TensorFile file = tensor_file_of(model);
    file.metadata.erase("regkit.layout");
    CHECK_THROWS_AS(model_of(file, "m"), Error);
    file = tensor_file_of(model);
    file.metadata["regkit.layout"] = R"({"task":"bin","bin":16,"offset":40,"count":2,"min_overlap":0.5})";
    const Model two = model_of(file, "m");
    CHECK_THROWS_AS(output_layout(two, summarise(two.spec, 3)), Error);
}
