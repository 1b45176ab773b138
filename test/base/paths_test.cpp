#include "base/paths.hpp"

#include <doctest/doctest.h>
#include <unistd.h>

#include <filesystem>

#include "kernels/base/error.hpp"
#include "test/support/scratch.hpp"

using namespace regkit;

TEST_CASE("what lies under a path, and where") {
    const test::Scratch scratch;
    const std::string file = scratch.write("file", "x"), link = scratch.path("link"),
                      lost = scratch.path("lost"), loop = scratch.path("loop");
    REQUIRE(symlink("file", link.c_str()) == 0);
    REQUIRE(symlink("nowhere", lost.c_str()) == 0);
    REQUIRE(symlink("loop", loop.c_str()) == 0);
    for (const std::string& there : {file, link, scratch.path("")}) CHECK(path_exists(there));
    for (const std::string& none : {lost, scratch.path("none"), file + "/below"})
        CHECK_FALSE(path_exists(none));
    for (const std::string& taken : {file, link, lost, loop}) CHECK(path_is_taken(taken));
    CHECK_FALSE(path_is_taken(scratch.path("none")));
    CHECK(path_is_directory(scratch.path("")));
    for (const std::string& other : {file, link, lost, scratch.path("none")})
        CHECK_FALSE(path_is_directory(other));
    const std::string real = std::filesystem::canonical(file).string();
    CHECK(canonical_path(link) == real);
    CHECK(absolute_path(scratch.path("x/.././link")) == link);
    CHECK(absolute_path("none") == std::filesystem::current_path().string() + "/none");
}

TEST_CASE("a path that cannot be looked at is an Error that names it") {
    const test::Scratch scratch;
    const std::string loop = scratch.path("loop"), lengthy = scratch.path(std::string(300, 'x'));
    REQUIRE(symlink("loop", loop.c_str()) == 0);
    CHECK_THROWS_WITH_AS(path_exists(loop), doctest::Contains(loop.c_str()), Error);
    CHECK_THROWS_WITH_AS(path_is_directory(loop), doctest::Contains(loop.c_str()), Error);
    CHECK_THROWS_WITH_AS(path_is_taken(lengthy), doctest::Contains("too long"), Error);
    CHECK_THROWS_WITH_AS(canonical_path(scratch.path("none")),
                         doctest::Contains("/none: cannot tell where it lies: No such"), Error);
}

TEST_CASE("endings of names") {
    for (const auto& [path, without] :
         {std::pair{"a/x.regds//", "a/x.regds"}, {"x", "x"}, {"/", "/"}, {"//", "/"}, {"", ""}})
        CHECK(without_slashes(path) == without);
    for (const auto& [path, without] : {std::pair{"x.bed.gz", "x.bed"},
                                        {"x.bed.bgz", "x.bed"},
                                        {"X.BED.GZ", "X.BED"},
                                        {"gz", "gz"},
                                        {"x.gz.gz", "x.gz"},
                                        {"x.bed", "x.bed"},
                                        {"", ""}}) {
        CHECK(without_gz_ending(path) == without);
        CHECK(has_gz_ending(path) == (std::string(path) != without));
    }
}
