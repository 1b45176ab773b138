#include "io/files/output_check.hpp"

#include <doctest/doctest.h>
#include <unistd.h>

#include <filesystem>

#include "kernels/base/error.hpp"
#include "test/support/scratch.hpp"

namespace fs = std::filesystem;
using regkit::Error;
using regkit::is_special_output;
using regkit::refuse_equal_outputs;
using regkit::refuse_inputs_as_outputs;
using regkit::test::Scratch;

TEST_CASE("an output that is an input, or its index, is refused whether it exists or not") {
    const Scratch dir;
    const std::string input = dir.write("ref.fa", "x");
    fs::create_hard_link(input, dir.path("same"));
    fs::create_symlink("ref.fa", dir.path("link"));
    for (const char* name : {"ref.fa", "same", "link", "ref.fa.fai", "ref.fa.gzi", "ref.fa.tbi", "ref.fa.csi",
                             "x/../ref.fa.fai"})
        CHECK_THROWS_AS(refuse_inputs_as_outputs({dir.path("other"), dir.path(name)}, {"", input}), Error);
    dir.write("ref.fa.fai", "x");
    fs::create_symlink("ref.fa.fai", dir.path("index"));
    CHECK_THROWS_WITH_AS(refuse_inputs_as_outputs({dir.path("index")}, {input}),
                         doctest::Contains("is the index of the input"), Error);
    CHECK_NOTHROW(
        refuse_inputs_as_outputs({dir.path("other"), "-", "", "/dev/null"}, {input, "-", "/dev/null"}));
    CHECK_THROWS_AS(refuse_inputs_as_outputs({dir.path("later")}, {dir.path("later")}), Error);
}

TEST_CASE("an output within an input data set is refused, and a folder of outputs that holds an input") {
    const Scratch dir;
    const std::string set = dir.path("d.regds");
    fs::create_directory(set);
    const std::string part = dir.write("d.regds/peaks.bed.gz", "x");
    fs::create_symlink("d.regds", dir.path("link"));
    for (const char* name :
         {"d.regds/new.tsv", "d.regds/peaks.bed.gz", "link/new.tsv", "d.regds/deep/new.tsv", "d.regds"}) {
        CAPTURE(name);
        if (std::string(name) != "d.regds")
            CHECK_THROWS_AS(refuse_inputs_as_outputs({dir.path(name)}, {set + "/"}), Error);
        CHECK_THROWS_AS(refuse_inputs_as_outputs({set}, {part, dir.path(name)}), Error);
    }
    CHECK_NOTHROW(
        refuse_inputs_as_outputs({dir.path("d.regds.tsv"), dir.path("new.tsv"), dir.path("d.reg")}, {set}));
}

TEST_CASE("standard output that is an input is refused") {
    const Scratch dir;
    const std::string input = dir.write("in", "x");
    const int saved = dup(STDOUT_FILENO);
    REQUIRE(freopen(input.c_str(), "r+", stdout) != nullptr);
    bool refused = false;
    try {
        refuse_inputs_as_outputs({"-"}, {input});
    } catch (const Error&) {
        refused = true;
    }
    fflush(stdout);
    dup2(saved, STDOUT_FILENO);
    close(saved);
    CHECK(refused);
}

TEST_CASE("two outputs in one file are refused") {
    const Scratch dir;
    fs::create_symlink("a", dir.path("link"));
    CHECK_THROWS_AS(refuse_equal_outputs({dir.path("a"), dir.path("b"), dir.path("./a")}), Error);
    CHECK_THROWS_AS(refuse_equal_outputs({dir.path("a"), dir.path("link")}), Error);
    CHECK_THROWS_AS(refuse_equal_outputs({"-", "/dev/stdout"}), Error);
    CHECK_NOTHROW(refuse_equal_outputs({"/dev/null", "/dev/null", dir.path("a"), "-"}));
}

TEST_CASE("devices and pipes are no files") {
    const Scratch dir;
    CHECK(is_special_output("/dev/null"));
    CHECK(is_special_output("-"));
    CHECK_FALSE(is_special_output(dir.path("new")));
    CHECK_FALSE(is_special_output(dir.write("old", "x")));
}
