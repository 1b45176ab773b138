#include "io/files/parents.hpp"

#include <doctest/doctest.h>

#include <filesystem>
#include <fstream>

#include "kernels/base/error.hpp"
#include "test/support/scratch.hpp"

using namespace regkit;
namespace fs = std::filesystem;

TEST_CASE("folders that a name leads through are made, and no others") {
    test::Scratch scratch;
    make_parents(scratch.path("a/b//c/file.bed"));
    CHECK(fs::is_directory(scratch.path("a/b/c")));
    CHECK(fs::is_empty(scratch.path("a/b/c")));
    make_parents(scratch.path("a/b/other.bed"));
    CHECK(scratch.names() == std::vector<std::string>{"a"});
    for (const char* name : {"-", "", "file.bed", "/dev/stdout", "./file.bed"})
        CHECK_NOTHROW(make_parents(name));

    std::ofstream(scratch.path("file")) << "x";
    CHECK_NOTHROW(make_parents(scratch.path("file/x.bed")));  // for who opens it to say
    CHECK_THROWS_WITH_AS(make_parents(scratch.path("file/sub/x.bed")), doctest::Contains("Not a directory"),
                         Error);
    fs::create_symlink("nowhere", scratch.path("link"));
    CHECK_THROWS_AS(make_parents(scratch.path("link/sub/x.bed")), Error);
}
