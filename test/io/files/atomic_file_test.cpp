#include "io/files/atomic_file.hpp"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <iterator>

#include "base/temporaries.hpp"
#include "kernels/base/error.hpp"
#include "test/support/scratch.hpp"

namespace fs = std::filesystem;
using regkit::AtomicDirectory;
using regkit::AtomicFile;
using regkit::Error;
using regkit::test::Scratch;

const std::vector<std::string> kFiles{"mark", "extra"};

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

TEST_CASE("a signal handler can remove every temporary") {
    const Scratch dir;
    AtomicFile file(dir.path("out"));
    AtomicDirectory directory(dir.path("set"), "mark", kFiles, false);
    std::ofstream(directory.file("part")) << "x";
    CHECK(dir.names().size() == 2);
    regkit::remove_temporaries();
    CHECK(dir.names().empty());
}

TEST_CASE("a directory is replaced whole, and only one that is ours") {
    const Scratch dir;
    const std::string path = dir.path("set");
    {
        AtomicDirectory directory(path + "/", "mark", kFiles, false);
        std::ofstream(directory.file("mark")) << "1";
        std::ofstream(directory.file("extra")) << "1";
        CHECK_FALSE(fs::exists(path));
        directory.commit();
    }
    CHECK(dir.read("set/mark") == "1");
    CHECK_THROWS_AS(AtomicDirectory(path, "mark", kFiles, false), Error);
    {
        AtomicDirectory abandoned(path, "mark", kFiles, true);
        std::ofstream(abandoned.file("mark")) << "2";
    }
    CHECK(dir.read("set/mark") == "1");
    AtomicDirectory directory(path, "mark", kFiles, true);
    std::ofstream(directory.file("mark")) << "3";
    directory.commit();
    CHECK(dir.read("set/mark") == "3");
    CHECK_FALSE(fs::exists(path + "/extra"));
    CHECK(dir.names() == std::vector<std::string>{"set"});
    CHECK_THROWS_AS(AtomicDirectory(path, "another mark", kFiles, true), Error);
}

TEST_CASE("a directory that holds what is not ours is not replaced") {
    const Scratch dir;
    const std::string path = dir.path("set");
    fs::create_directory(path);
    dir.write("set/mark", "1");
    {
        AtomicDirectory directory(path, "mark", kFiles, true);
        dir.write("set/notes", "in the meantime");
        CHECK_THROWS_WITH_AS(directory.commit(), doctest::Contains("holds 'notes'"), Error);
    }
    CHECK_THROWS_WITH_AS(AtomicDirectory(path, "mark", kFiles, true), doctest::Contains("set: holds 'notes'"),
                         Error);
    fs::remove(path + "/notes");
    fs::create_directory(path + "/extra");
    CHECK_THROWS_WITH_AS(AtomicDirectory(path, "mark", kFiles, true), doctest::Contains("holds 'extra'"),
                         Error);
    CHECK(dir.read("set/mark") == "1");
    CHECK(dir.names() == std::vector<std::string>{"set"});
}

// A temporary of `name` as a run leaves it that is killed, last changed `age` seconds ago.
std::string left_behind(const Scratch& dir, const std::string& name, int age, bool directory = false) {
    const std::string path = dir.path("." + name + ".0123456789abcdef.regkit.tmp");
    if (directory) {
        fs::create_directory(path);
        std::ofstream(path + "/part") << "x";
    } else {
        std::ofstream(path) << "x";
    }
    fs::last_write_time(path, fs::file_time_type::clock::now() - std::chrono::seconds(age));
    return path;
}

TEST_CASE("temporaries of dead runs go when the next one writes to their folder, all others stay") {
    const Scratch dir;
    const std::string dead = left_behind(dir, "dead", 90), folder = left_behind(dir, "folder", 90, true);
    const std::string young = left_behind(dir, "young", 20), owned = left_behind(dir, "owned", 90);
    const std::string locked_folder = left_behind(dir, "locked", 90, true);
    const int lock = open(owned.c_str(), O_RDWR),
              folder_lock = open(locked_folder.c_str(), O_RDONLY | O_DIRECTORY);
    REQUIRE(flock(lock, LOCK_EX | LOCK_NB) == 0);
    REQUIRE(flock(folder_lock, LOCK_EX | LOCK_NB) == 0);
    dir.write("precious", "x");
    fs::create_symlink("precious", dir.path(".link.0123456789abcdef.regkit.tmp"));
    const std::vector<std::string> others = {".x.0123456789abcdef.tmp", ".x.0123456789abcde.regkit.tmp",
                                             "x.0123456789abcdef.regkit.tmp",
                                             ".x.0123456789ABCDEF.regkit.tmp"};
    for (const std::string& other : others) {
        dir.write(other, "x");
        fs::last_write_time(dir.path(other), fs::file_time_type::clock::now() - std::chrono::hours(1));
    }
    {
        AtomicFile file(dir.path("out"));
        file.write("x");
        file.commit();
    }
    CHECK_FALSE(fs::exists(dead));
    CHECK_FALSE(fs::exists(folder));
    for (const std::string& kept : {young, owned, locked_folder + "/part"}) CHECK(fs::exists(kept));
    for (const std::string& other : others) CHECK(fs::exists(dir.path(other)));
    CHECK(fs::is_symlink(dir.path(".link.0123456789abcdef.regkit.tmp")));
    CHECK(dir.read("precious") == "x");
    close(lock);
    close(folder_lock);
}

TEST_CASE("a temporary has its owner's lock until it has its name") {
    const Scratch dir;
    const auto is_locked = [](const std::string& path) {
        const int fd = open(path.c_str(), O_RDONLY);
        const bool locked = flock(fd, LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK;
        close(fd);
        return locked;
    };
    AtomicFile file(dir.path("out"));
    CHECK(is_locked(file.temp_path()));
    file.write("x");
    file.finish();
    CHECK(is_locked(file.temp_path()));
    file.commit();
    AtomicDirectory directory(dir.path("set"), "mark", kFiles, false);
    const std::string inside = directory.file("mark");
    CHECK(is_locked(fs::path(inside).parent_path()));
    std::ofstream(inside) << "x";
    directory.commit();
    CHECK_FALSE(is_locked(dir.path("set")));
}

TEST_CASE("what a killed process of the same number left behind does not stand in the way") {
    const Scratch dir;
    fs::create_directory(dir.path(".set." + std::to_string(getpid()) + ".tmp"));
    AtomicDirectory directory(dir.path("set"), "mark", kFiles, false);
    AtomicFile file(directory.file("mark"));
    file.write("x");
    file.commit();
    directory.commit();
    CHECK(dir.read("set/mark") == "x");
}
