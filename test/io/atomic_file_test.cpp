#include "io/atomic_file.hpp"

#include <doctest/doctest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>
#include <fstream>
#include <iterator>

#include "base/error.hpp"
#include "base/temporaries.hpp"
#include "test/support/scratch.hpp"

namespace fs = std::filesystem;
using regkit::AtomicDirectory;
using regkit::AtomicFile;
using regkit::Error;
using regkit::test::Scratch;

TEST_CASE("a file appears under its name only when committed") {
    const Scratch dir;
    const std::string path = dir.write("out", "old");
    {
        AtomicFile file(path);
        file.write("new");
        CHECK(dir.read("out") == "old");
    }
    CHECK(dir.names() == std::vector<std::string>{"out"});
    CHECK(dir.read("out") == "old");
    AtomicFile file(path);
    file.write("headXX");
    file.write(std::string(1 << 20, 'x'));
    file.write_at(4, "ER");
    CHECK(file.position() == 6 + (1 << 20));
    file.write("!");
    file.commit();
    CHECK(dir.read("out") == "headER" + std::string(1 << 20, 'x') + "!");
    CHECK(dir.names() == std::vector<std::string>{"out"});
}

TEST_CASE("links are followed, modes kept, and what cannot be written is named") {
    const Scratch dir;
    const std::string real = dir.write("real", "old");
    chmod(real.c_str(), 0640);
    fs::create_symlink("real", dir.path("link"));
    fs::create_symlink("nowhere", dir.path("dangling"));
    AtomicFile file(dir.path("link"));
    file.write("new");
    file.commit();
    CHECK(fs::is_symlink(dir.path("link")));
    CHECK(dir.read("real") == "new");
    CHECK((fs::status(real).permissions() & fs::perms::all) == fs::perms(0640));
    AtomicFile dangling(dir.path("dangling"));
    dangling.commit();
    CHECK(fs::exists(dir.path("nowhere")));
    CHECK_THROWS_AS(AtomicFile(dir.path("")), Error);
    CHECK_THROWS_AS(AtomicFile(dir.path("no/such/place")), Error);
}

TEST_CASE("a full device is an error, not a success") {
    AtomicFile file("/dev/full");
    CHECK(file.is_stdout());
    file.write("x");
    CHECK_THROWS_AS(file.commit(), Error);
    AtomicFile null("/dev/null");
    null.write("x");
    CHECK_NOTHROW(null.commit());
}

TEST_CASE("a closed pipe is told apart from other errors") {
    const Scratch dir;
    const auto old = std::signal(SIGPIPE, SIG_IGN);
    int ends[2];
    REQUIRE(pipe(ends) == 0);
    close(ends[0]);
    AtomicFile file("/dev/fd/" + std::to_string(ends[1]));
    file.write("x");
    CHECK_THROWS_AS(file.commit(), regkit::BrokenPipe);
    close(ends[1]);
    std::signal(SIGPIPE, old);
}

TEST_CASE("an output that is the input is refused") {
    const Scratch dir;
    const std::string input = dir.write("in", "x");
    fs::create_hard_link(input, dir.path("same"));
    CHECK_THROWS_AS(regkit::refuse_same_file(dir.path("same"), input), Error);
    CHECK_NOTHROW(regkit::refuse_same_file(dir.path("other"), input));
}

TEST_CASE("a signal handler can remove every temporary") {
    const Scratch dir;
    AtomicFile file(dir.path("out"));
    AtomicDirectory directory(dir.path("set"), "mark", false);
    std::ofstream(directory.file("part")) << "x";
    CHECK(dir.names().size() == 2);
    regkit::remove_temporaries();
    CHECK(dir.names().empty());
}

TEST_CASE("a directory is replaced whole, and only one that is ours") {
    const Scratch dir;
    const std::string path = dir.path("set");
    {
        AtomicDirectory directory(path + "/", "mark", false);
        std::ofstream(directory.file("mark")) << "1";
        std::ofstream(directory.file("extra")) << "1";
        CHECK_FALSE(fs::exists(path));
        directory.commit();
    }
    CHECK(dir.read("set/mark") == "1");
    CHECK_THROWS_AS(AtomicDirectory(path, "mark", false), Error);
    {
        AtomicDirectory abandoned(path, "mark", true);
        std::ofstream(abandoned.file("mark")) << "2";
    }
    CHECK(dir.read("set/mark") == "1");
    AtomicDirectory directory(path, "mark", true);
    std::ofstream(directory.file("mark")) << "3";
    directory.commit();
    CHECK(dir.read("set/mark") == "3");
    CHECK_FALSE(fs::exists(path + "/extra"));
    CHECK(dir.names() == std::vector<std::string>{"set"});
    CHECK_THROWS_AS(AtomicDirectory(path, "another mark", true), Error);
}

TEST_CASE("what a killed process of the same number left behind does not stand in the way") {
    const Scratch dir;
    fs::create_directory(dir.path(".set." + std::to_string(getpid()) + ".tmp"));
    AtomicDirectory directory(dir.path("set"), "mark", false);
    AtomicFile file(directory.file("mark"));
    file.write("x");
    file.commit();
    directory.commit();
    CHECK(dir.read("set/mark") == "x");
}
