#include "cli/progress.hpp"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <unistd.h>

#include <cstdio>
#include <nlohmann/json.hpp>
#include <sstream>

#include "cli/stderr_log.hpp"
#include "test/support/scratch.hpp"

using namespace regkit;
using namespace regkit::cli;

namespace {

// What `body` writes to standard error.
template <class Body>
std::string written(const Body& body) {
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

// A clock that stands still until it is moved.
struct Watch {
    std::chrono::steady_clock::time_point now{std::chrono::hours(5)};
    void pass(double seconds) {
        now += std::chrono::duration_cast<std::chrono::steady_clock::duration>(
            std::chrono::duration<double>(seconds));
    }
    Progress::Clock clock() {
        return [this] { return now; };
    }
};

constexpr std::int64_t kChr20 = 63'025'520;

// `begin` seconds pass, then a chromosome is done in steps of `seconds`, a tenth each.
void chromosome(Watch& watch, Progress& line, double begin, double seconds) {
    watch.pass(begin);
    line.update({.total = kChr20});
    for (int tenth = 1; tenth <= 10; ++tenth) {
        watch.pass(seconds);
        line.update({.done = kChr20 * tenth / 10, .total = kChr20});
    }
    line.update({.done = kChr20, .total = kChr20, .complete = true});
    line.finish();
}

std::string in(Progress::Mode mode, double begin, double seconds) {
    return written([&] {
        Watch watch;
        Progress line("regcall", mode, watch.clock());
        chromosome(watch, line, begin, seconds);
    });
}

}  // namespace

TEST_CASE("progress in a log file: a line a minute, none of what takes less") {
    CHECK(in(Progress::Mode::lines, 1, 5.8).empty());  // 59 s
    // The minutes count from the tool's start, speed and time left from that of the work.
    CHECK(in(Progress::Mode::lines, 10, 10) == "regcall:  31.5 of 63.0 Mb (50 %)  630,255 nt/s  ETA 50s\n");
    CHECK(in(Progress::Mode::lines, 0, 25) ==
          "regcall:  18.9 of 63.0 Mb (30 %)  252,102 nt/s  ETA 2m55s\n"
          "regcall:  37.8 of 63.0 Mb (60 %)  252,102 nt/s  ETA 1m40s\n"
          "regcall:  56.7 of 63.0 Mb (90 %)  252,102 nt/s  ETA 25s\n");
    CHECK(in(Progress::Mode::none, 0, 100).empty());
}

TEST_CASE("progress as JSON: an object a second, the first one and the last one always") {
    using nlohmann::json;
    std::istringstream lines(in(Progress::Mode::json, 3, 0.4));
    std::vector<json> objects;
    for (std::string text; std::getline(lines, text);) objects.push_back(json::parse(text));
    REQUIRE(objects.size() == 5);  // at 0, 1.2, 2.4 and 3.6 s, and the end
    CHECK(objects[0] == json{{"tool", "regcall"},
                             {"unit", "bases"},
                             {"done", 0},
                             {"total", kChr20},
                             {"share", 0},
                             {"per_s", nullptr},
                             {"seconds", 0},
                             {"seconds_left", nullptr}});
    CHECK(objects[1]["done"] == kChr20 * 3 / 10);
    CHECK(objects[1]["share"].get<double>() == doctest::Approx(0.3));
    CHECK(objects[1]["seconds"].get<double>() == doctest::Approx(1.2));
    CHECK(objects[1]["per_s"].get<double>() == doctest::Approx(kChr20 / 4.0));
    CHECK(objects[1]["seconds_left"].get<double>() == doctest::Approx(2.8));
    CHECK(objects[4]["done"] == kChr20);
    CHECK(objects[4]["share"] == 1);
    CHECK(objects[4]["seconds_left"] == 0);
}

TEST_CASE("progress of what has no total, of files beside bases, and a tool's own fields") {
    const auto json = [](const std::vector<WorkDone>& works, const std::vector<ProgressField>& more) {
        return written([&] {
            Watch watch;
            Progress line("regsnp", Progress::Mode::json, watch.clock());
            for (const WorkDone& work : works) line.update(work, more), watch.pass(2);
            line.finish();
        });
    };
    CHECK(
        json({{.unit = "records"}, {.unit = "records", .done = 50}}, {}) ==
        R"({"tool":"regsnp","unit":"records","done":0,"total":null,"share":null,"per_s":null,"seconds":0,"seconds_left":null}
{"tool":"regsnp","unit":"records","done":50,"total":null,"share":null,"per_s":25,"seconds":2,"seconds_left":null}
{"tool":"regsnp","unit":"records","done":50,"total":50,"share":1,"per_s":12.5,"seconds":4,"seconds_left":0}
)");
    const auto text = [](const WorkDone& first, const WorkDone& then, std::vector<ProgressField> more = {}) {
        return written([&] {
            Watch watch;
            Progress line("tool", Progress::Mode::lines, watch.clock());
            line.update(first, more);
            watch.pass(60);
            line.update(then, more);
        });
    };
    CHECK(text({.unit = "records"}, {.unit = "records", .done = 1200}) ==
          "tool:  1,200 records  20 records/s\n");
    // Of a file its bytes tell the share, from where the header ends on.
    CHECK(text({.unit = "records", .share = 0.2}, {.unit = "records", .done = 90'000, .share = 0.6}) ==
          "tool:  90,000 records (60 %)  1,500 records/s  ETA 1m00s\n");
    CHECK(text({.total = 2'000'000, .all_files = 21, .share = 0},
               {.done = 1'500'000, .total = 2'000'000, .files = 3, .all_files = 21, .share = 0.25}) ==
          "tool:  1.5 of 2.0 Mb, 3 of 21 files (25 %)  25,000 nt/s  ETA 3m00s\n");
    CHECK(text({.total = 9000}, {.done = 600, .total = 9000}, {{"loss", 0.5, "loss 0.5"}, {"odd", 1, ""}}) ==
          "tool:  0.6 of 9.0 kb (6 %)  10 nt/s  ETA 14m00s  loss 0.5\n");
    // What the library knows better.
    CHECK(text({.total = 9000}, {.done = 600, .total = 9000, .per_second = 7, .seconds_left = 8}) ==
          "tool:  0.6 of 9.0 kb (6 %)  7 nt/s  ETA 8s\n");
}

TEST_CASE("progress on a terminal: one line, cut to its width, that gives way to messages and results") {
    CHECK(written([] {
              Watch watch;
              StderrLog log("regcall", 4);
              Progress line("regcall", Progress::Mode::line, watch.clock(), 40);
              line.update({.total = kChr20});
              watch.pass(0.05);
              line.update({.done = kChr20 / 20, .total = kChr20});  // too soon
              watch.pass(0.05);
              line.update({.done = kChr20 / 10, .total = kChr20});
              log.info("a message");
              watch.pass(0.1);
              line.update({.done = kChr20 / 5, .total = kChr20});
              line.update({.done = kChr20, .total = kChr20, .complete = true});
              line.finish();
              log.info("another");
          }) ==
          "\r\033[Kregcall:  0.0 of 63.0 Mb (0 %)"
          "\r\033[Kregcall:  6.3 of 63.0 Mb (10 %)  63,025"
          "\r\033[Kregcall: a message\n"
          "\r\033[Kregcall:  12.6 of 63.0 Mb (20 %)  63,02"
          "\r\033[Kregcall: another\n");
}
