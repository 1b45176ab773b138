#include "cli/progress.hpp"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <unistd.h>

#include <cstdio>
#include <fstream>
#include <iterator>
#include <thread>

#include "test/support/scratch.hpp"

using namespace regkit;
using namespace regkit::cli;

namespace {

// What `body` writes to standard error while that is a file, as the log of a batch job is.
template <class Body>
std::string in_log_file(const Body& body) {
    const test::Scratch dir;
    std::fflush(stderr);
    const int kept = dup(STDERR_FILENO), log = open(dir.path("log").c_str(), O_WRONLY | O_CREAT, 0600);
    dup2(log, STDERR_FILENO);
    close(log);
    body();
    std::fflush(stderr);
    dup2(kept, STDERR_FILENO);
    close(kept);
    return dir.read("log");
}

}  // namespace

TEST_CASE("progress in a log file: whole lines, none before the first pause is over") {
    using std::chrono::milliseconds;
    const auto two = [](Progress& line) {
        for (int step = 1; step <= 2; ++step) {
            line.update({{"step", 1.0 * step, "step " + std::to_string(step)}, {"hidden", 1, ""}});
            std::this_thread::sleep_for(milliseconds(350));
        }
    };
    CHECK(in_log_file([&] {
              Progress line("regtrain", "auto", milliseconds(0));
              two(line);
          }) == "regtrain:  step 1\nregtrain:  step 2\n");
    CHECK(in_log_file([&] {
              Progress line("regtrain", "auto", milliseconds(300));
              two(line);
          }) == "regtrain:  step 2\n");
    CHECK(in_log_file([&] {
              Progress line("regtrain", "auto");  // a minute
              CHECK_FALSE(line.due());
              two(line);
          }).empty());
    CHECK(in_log_file([&] {
              Progress line("regtrain", "none", milliseconds(0));
              two(line);
          }).empty());
}
