// cli::run in a child process each: exit codes, what is printed where, signals.
#include "cli/run.hpp"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <new>
#include <stdexcept>
#include <system_error>
#include <thread>

#include "base/temporaries.hpp"
#include "cli/common.hpp"
#include "cli/signals.hpp"
#include "kernels/base/error.hpp"
#include "test/support/scratch.hpp"

using namespace regkit;
using namespace regkit::cli;

namespace {

struct Outcome {
    int code = -1;  // exit code, or 128 + signal
    std::string out;
    std::string err;
};

std::string drain(int fd) {
    std::string text;
    char buffer[4096];
    for (ssize_t n; (n = read(fd, buffer, sizeof buffer)) > 0;)
        text.append(buffer, static_cast<std::size_t>(n));
    close(fd);
    return text;
}

// Runs in a child with pipes (or `out_path`) as its standard streams.
Outcome run_child(std::vector<const char*> words, const Body& body, const char* out_path = nullptr) {
    int out[2], err[2];
    REQUIRE(pipe(out) == 0);
    REQUIRE(pipe(err) == 0);
    std::fflush(nullptr);
    const pid_t child = fork();
    REQUIRE(child >= 0);
    if (child == 0) {
        for (const int number : {SIGINT, SIGTERM, SIGABRT})
            signal(number, SIG_DFL);  // doctest has handlers of its own
        dup2(out_path != nullptr ? open(out_path, O_WRONLY) : out[1], 1);
        dup2(err[1], 2);
        for (const int fd : {out[0], out[1], err[0], err[1]}) close(fd);
        words.insert(words.begin(), "regfoo");
        Tool tool{.name = "regfoo", .title = "count foos", .usage = {"[options]"}};
        tool.max_arguments = 1;
        tool.options = {common::output("foos go here")};
        const int code = run(static_cast<int>(words.size()), words.data(), tool, body);
        std::fflush(stderr);
        _exit(code);
    }
    close(out[1]);
    close(err[1]);
    Outcome outcome;
    outcome.out = drain(out[0]);
    outcome.err = drain(err[0]);
    int status = 0;
    waitpid(child, &status, 0);
    outcome.code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    return outcome;
}

void nothing(const Arguments&, Log&) {}

}  // namespace

TEST_CASE("no arguments: usage on standard error, 2") {
    const Outcome outcome = run_child({}, nothing);
    CHECK(outcome.code == 2);
    CHECK(outcome.out.empty());
    CHECK(outcome.err.find("Usage: regfoo [options]") == 0);
}

TEST_CASE("--help and --version: standard output, 0") {
    const Outcome help = run_child({"--help"}, nothing);
    CHECK(help.code == 0);
    CHECK(help.out.find("regfoo - count foos") == 0);
    CHECK(help.err.empty());
    const Outcome versions = run_child({"--version"}, nothing);
    CHECK(versions.code == 0);
    CHECK(versions.out.find("regfoo 0.") == 0);
    CHECK(versions.out.find("\nUsing ") != std::string::npos);
}

TEST_CASE("what is thrown becomes one line and an exit code") {
    for (const ErrorKind kind : {ErrorKind::resource, ErrorKind::usage, ErrorKind::input, ErrorKind::mismatch,
                                 ErrorKind::diverged, ErrorKind::interrupted}) {
        const Outcome outcome =
            run_child({"x"}, [&](const Arguments&, Log&) { throw Error(kind, "a.bed:3: bad"); });
        CHECK(outcome.code == static_cast<int>(kind));
        CHECK(outcome.err == "regfoo: a.bed:3: bad\n");
    }
    CHECK(run_child({"x"}, [](const Arguments&, Log&) { throw std::bad_alloc(); }).err ==
          "regfoo: out of memory\n");
    const Outcome odd = run_child({"x"}, [](const Arguments&, Log&) { throw std::runtime_error("odd"); });
    CHECK(odd.code == 1);
    CHECK(odd.err == "regfoo: internal error: odd\n");
    const Outcome refused = run_child({"x"}, [](const Arguments&, Log&) {
        throw std::system_error(std::make_error_code(std::errc::resource_unavailable_try_again));
    });
    CHECK(refused.code == 1);
    CHECK(refused.err == "regfoo: the system refuses: Resource temporarily unavailable\n");
    // Text of an input cannot steer the terminal or forge a line.
    CHECK(run_child({"x"}, [](const Arguments&, Log& log) {
              log.info("contig \x1b[2J\xc2\xb5");
              throw Error(ErrorKind::input, "x\nregfoo: wrote all");
          }).err == "regfoo: contig \\x1b[2J\xc2\xb5\nregfoo: x\\x0aregfoo: wrote all\n");
    CHECK(run_child({"--\x1b[2J"}, [](const Arguments&, Log&) {}).err.find('\x1b') == std::string::npos);
    const Outcome closed = run_child({"x"}, [](const Arguments&, Log&) { throw BrokenPipe(); });
    CHECK(closed.code == 141);
    CHECK(closed.err.empty());
}

void run_out_of_memory() {
    throw std::bad_alloc();
}

struct Terminator {
    ~Terminator() { std::terminate(); }
};

TEST_CASE(
    "an allocation that fails where nothing may be thrown ends with the same line, and takes temporaries along") {
    const test::Scratch scratch;
    const std::string path = scratch.write("temporary", "x");
    const auto nothing_may_be_thrown = [&]() noexcept {
        const Temporary remembered(path);
        run_out_of_memory();
    };
    const Outcome died = run_child({"x"}, [&](const Arguments&, Log&) { nothing_may_be_thrown(); });
    CHECK(died.code == 1);
    CHECK(died.err == "regfoo: out of memory\n");
    CHECK(scratch.names().empty());
    const Outcome alone =
        run_child({"x"}, [&](const Arguments&, Log&) { std::thread(run_out_of_memory).join(); });
    CHECK(alone.code == 1);
    CHECK(alone.err == "regfoo: out of memory\n");
    // As some of libstdc++'s own functions end: what was thrown is not to be seen at that point.
    const Outcome unseen = run_child({"x"}, [&](const Arguments&, Log&) {
        const Terminator terminator;
        std::get_new_handler()();  // what operator new calls
    });
    CHECK(unseen.code == 1);
    CHECK(unseen.err == "regfoo: out of memory\n");
    const Outcome bug = run_child(
        {"x"}, [&](const Arguments&, Log&) { std::thread([] { throw std::logic_error("x"); }).join(); });
    CHECK(bug.code == 128 + SIGABRT);
    CHECK(bug.err.starts_with("regfoo: internal error"));
}

TEST_CASE("a library that ends the process amid the work leaves no temporaries, and it is told who ended") {
    const test::Scratch scratch;
    const std::string path = scratch.write("temporary", "x");
    const Outcome ended = run_child({"x"}, [&](const Arguments&, Log&) {
        const Temporary remembered(path);
        std::exit(3);
    });
    CHECK(ended.code == 1);
    CHECK(ended.err == "regfoo: a library ended the run, for want of memory most likely\n");
    CHECK(scratch.names().empty());
}

TEST_CASE("a standard output that takes nothing is an error") {
    const auto speak = [](const Arguments&, Log&) { std::puts("data"); };
    CHECK(run_child({"x"}, speak).out == "data\n");
    for (const Outcome& outcome :
         {run_child({"x"}, speak, "/dev/full"), run_child({"--help"}, speak, "/dev/full")}) {
        CHECK(outcome.code == 1);
        CHECK(outcome.err == "regfoo: cannot write to standard output: No space left on device\n");
    }
}

TEST_CASE("the log: verbosity, and the count of what was held back") {
    const auto speak = [](const Arguments&, Log& log) {
        log.info("done");
        for (int i = 0; i < 12; ++i) log.warn("odd", "line " + std::to_string(i));
    };
    const std::string all = run_child({"x"}, speak).err;
    CHECK(all.find("regfoo: done\nregfoo: warning: line 0\n") == 0);
    CHECK(all.find("line 10") == std::string::npos);
    CHECK(all.find("regfoo: warning: 2 more warnings of the kind odd\n") != std::string::npos);
    CHECK(run_child({"x", "--verbosity", "3"}, speak).err.find("done") == std::string::npos);
    CHECK(run_child({"x", "--verbosity", "1"}, speak).err.empty());
    CHECK(run_child({"x", "--verbosity", "loud"}, speak).code == 2);
}

TEST_CASE("signals kill, unless the tool asked to stop by itself") {
    for (const int number : {SIGINT, SIGTERM, SIGHUP})
        CHECK(run_child({"x"}, [&](const Arguments&, Log&) { raise(number); }).code == 128 + number);
    CHECK(run_child({"x"}, [](const Arguments&, Log&) { raise(SIGPIPE); }).code == 0);
    const Outcome stopped = run_child({"x"}, [](const Arguments&, Log&) {
        const StopRequest request;
        raise(SIGTERM);
        if (StopRequest::raised() && StopRequest::signal() == SIGTERM)
            throw Error(ErrorKind::interrupted, "stopped at step 7; resume with --resume");
    });
    CHECK(stopped.code == 75);
    CHECK(run_child({"x"}, [](const Arguments&, Log&) {
              const StopRequest request;
              raise(SIGTERM);
              raise(SIGTERM);
          }).code == 128 + SIGTERM);
}
