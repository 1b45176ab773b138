#include "cli/options.hpp"

#include <doctest/doctest.h>

#include "cli/common.hpp"
#include "kernels/base/error.hpp"

using namespace regkit;
using namespace regkit::cli;

namespace {

Tool sample() {
    Tool tool{.name = "regfoo", .title = "count foos", .usage = {"[options] [in.bed]"}};
    tool.max_arguments = 2;
    tool.options = {common::output("foos go here"),
                    common::threads(),
                    common::markers(),
                    common::regions(),
                    {.name = "cutoff", .letter = 'c', .value = "P", .fallback = "0.5", .help = "the least"},
                    common::precision(),
                    {.name = "window", .value = "BASES", .fallback = "25000", .help = "width"},
                    {.name = "max-time", .value = "TIME", .help = "stop after it"},
                    {.name = "shares", .value = "A,B,C", .help = "three"},
                    {.name = "sort", .help = "sort it"}};
    return tool;
}

Arguments parse(const std::vector<std::string>& words) {
    return Arguments(sample(), words);
}

std::string complaint(const std::vector<std::string>& words) {
    try {
        parse(words);
    } catch (const Error& error) {
        CHECK(error.kind() == ErrorKind::usage);
        return error.what();
    }
    return "";
}

template <class F>
std::string complaint_of(F&& get) {
    try {
        get();
    } catch (const Error& error) {
        CHECK(error.kind() == ErrorKind::usage);
        return error.what();
    }
    return "";
}

}  // namespace

TEST_CASE("values: every spelling that samtools users know") {
    CHECK(parse({"-@4"}).integer("threads", 0, 256) == 4);
    CHECK(parse({"-@", "4"}).integer("threads", 0, 256) == 4);
    CHECK(parse({"--threads=4"}).integer("threads", 0, 256) == 4);
    CHECK(parse({"--threads", "4"}).integer("threads", 0, 256) == 4);
    CHECK(parse({"-o", "-"}).text("output") == "-");
    CHECK(parse({"-"}).positional() == std::vector<std::string>{"-"});
    CHECK(parse({"a", "-o", "x", "b"}).positional() == std::vector<std::string>{"a", "b"});
    CHECK(parse({"--", "-o"}).positional() == std::vector<std::string>{"-o"});
    CHECK(parse({"--window", "-5"}).text("window") == "-5");
    CHECK(parse({"--sort"}).flag("sort"));
    CHECK(parse({"--precision", "BF16"}).text("precision") == "bf16");
    CHECK(!parse({}).flag("sort"));
}

TEST_CASE("defaults") {
    const Arguments args = parse({});
    CHECK(args.integer("window", 1, 1000000) == 25000);
    CHECK(!args.given("window"));
    CHECK(args.has("window"));
    CHECK(!args.has("output"));
    CHECK(args.text("output").empty());
    CHECK(args.all("region").empty());
    CHECK_THROWS_AS(args.text("windw"), std::logic_error);
}

TEST_CASE("what is refused, and how it is said") {
    CHECK(complaint({"--thr", "4"}) == "unknown option '--thr'; did you mean --threads? see regfoo --help");
    CHECK(complaint({"--widnow", "4"}) ==
          "unknown option '--widnow'; did you mean --window? see regfoo --help");
    CHECK(complaint({"-q"}) == "unknown option '-q'; see regfoo --help");
    CHECK(complaint({"--argument", "x", "y", "z"}).find("unknown option '--argument'") == 0);
    CHECK(complaint({"-o", "a", "-o", "b"}) == "--output is given more than once");
    CHECK(complaint({"-o"}).find("'--output' is missing") != std::string::npos);
    CHECK(complaint({"--sort=yes"}) != "");
    CHECK(complaint({"-o", ""}) == "--output '': its value is empty");
    CHECK(complaint({"a", ""}) == "an argument is empty; see regfoo --help");
    CHECK(complaint({"--precision", "f16"}) == "--precision 'f16': not one of f32, bf16");
    CHECK(complaint({"a", "b", "c"}) == "unexpected argument 'c'; see regfoo --help");
    Tool tool = sample();
    tool.options.push_back(common::model(kNeeded));
    CHECK(complaint_of([&] { Arguments(tool, {"a"}); }) == "-m/--model MODEL is needed; see regfoo --help");
    CHECK(complaint_of([&] { Arguments(tool, {"--help"}); }) == "");
}

TEST_CASE("numbers are whole texts in range") {
    for (const char* bad : {"abc", "2.7", "1e3", "-1", "257", "4 ", "0x4", "99999999999999999999"})
        CHECK(complaint_of([&] {
                  parse({"--threads", bad}).integer("threads", 0, 256);
              }) == "--threads '" + std::string(bad) + "': not a whole number in [0, 256]");
    for (const char* bad : {"abc", "1.5", "nan", "inf", "-0.1", "0.5x"})
        CHECK(complaint_of([&] {
                  parse({"-c", bad}).real("cutoff", 0, 1);
              }) == "--cutoff '" + std::string(bad) + "': not a number in [0, 1]");
    CHECK(parse({"-c", "1e-3"}).real("cutoff", 0, 1) == 1e-3);
}

TEST_CASE("durations") {
    const auto seconds = [](const char* text) {
        return parse({"--max-time", text}).duration("max-time").count();
    };
    CHECK(seconds("90") == 90);
    CHECK(seconds("90s") == 90);
    CHECK(seconds("10m") == 600);
    CHECK(seconds("1h30m") == 5400);
    CHECK(seconds("2d") == 172800);
    CHECK(seconds("1.5h") == 5400);
    for (const char* bad : {"m", "10x", "30m1h", "10mm", "-5m", "0", "1..2s", "10m ", "nan"})
        CHECK(complaint_of([&] { seconds(bad); }) ==
              "--max-time '" + std::string(bad) + "': not a time such as 90s, 10m, 1h30m or 2d");
}

TEST_CASE("lists") {
    CHECK(parse({"-k", "a,b", "-k", "class:DNase"}).list("markers") ==
          std::vector<std::string>{"a", "b", "class:DNase"});
    CHECK(complaint_of([] {
              parse({"-k", "a,,b"}).list("markers");
          }) == "--markers 'a,,b': an empty entry between commas");
    CHECK(complaint_of([] { parse({"-k", "a,"}).list("markers"); }) != "");
    CHECK(parse({"--shares", "0.8,0.1,0.1"}).reals("shares", 3, 0, 1) == std::vector<double>{0.8, 0.1, 0.1});
    CHECK(complaint_of([] {
              parse({"--shares", "0.8,x,0.1"}).reals("shares", 3, 0, 1);
          }) == "--shares '0.8,x,0.1': not 3 numbers in [0, 1] with commas between");
}

TEST_CASE("the command line can be pasted into a shell") {
    CHECK(parse({"-o", "my file", "it's", "-k", "CTCF*"}).command_line() ==
          "regfoo -o 'my file' 'it'\\''s' -k 'CTCF*'");
    // It stands in headers, a line each.
    CHECK(parse({"-o", "a\nb'\\\x1b"}).command_line() == R"(regfoo -o $'a\x0ab\'\\\x1b')");
}

TEST_CASE("a table that contradicts itself is noticed") {
    CHECK_NOTHROW(check_table(with_common(sample())));
    const auto broken = [](const Option& extra) {
        Tool tool = sample();
        tool.options.push_back(extra);
        CHECK_THROWS_AS(check_table(tool), std::logic_error);
    };
    broken({.name = "output", .value = "X", .help = "twice"});
    broken({.name = "other", .letter = 'o', .value = "X", .help = "letter taken"});
    broken({.name = "silent", .value = "X"});
    broken({.name = "stop", .help = "ends in a full stop."});
    broken({.name = "mode", .value = "X", .fallback = "c", .help = "default", .choices = {"a", "b"}});
    broken({.name = "mode", .value = "X", .help = "choices", .choices = {"a", "A"}});
}
