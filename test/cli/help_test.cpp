#include "cli/help.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <sstream>
#include <stdexcept>

#include "cli/common.hpp"
#include "cli/completion.hpp"
#include "kernels/cpu/cpu_backend.hpp"

using namespace regkit::cli;

namespace {

Tool sample() {
    Tool tool{.name = "regfoo", .title = "count foos", .usage = {"[options] [in.bed]", "--list"}};
    tool.options = {common::output("foos go here"),
                    common::format({"bed", "tsv"}, "format"),
                    {.name = "cutoff", .letter = 'c', .value = "P", .fallback = "0.5", .help = "the least"},
                    {.name = "secret", .help = "not shown", .hidden = true}};
    tool.examples = {{"regfoo -o out.bed in.bed", "all foos"}};
    return with_common(tool);
}

bool contains(const std::string& text, const std::string& part) {
    return text.find(part) != std::string::npos;
}

}  // namespace

TEST_CASE("help shows every visible option with its live default, in 80 columns") {
    const std::string text = help_text(sample());
    for (const Option& option : sample().options) CHECK(contains(text, "--" + option.name) == !option.hidden);
    CHECK(contains(text, "Usage: regfoo [options] [in.bed]\n       regfoo --list\n"));
    CHECK(contains(text, "[0.5]"));
    CHECK(contains(text, "bed|tsv"));
    CHECK(contains(text, "  # all foos\n  regfoo -o out.bed in.bed\n"));
    CHECK(text.find("Output:") < text.find("Common:"));
    std::istringstream lines(text);
    for (std::string line; std::getline(lines, line);) CHECK_MESSAGE(line.size() <= 80, line);
}

TEST_CASE("the man page's options") {
    const std::string text = man_options(sample());
    CHECK(contains(text, ".It Fl o , Fl -output Ar FILE\nfoos go here\n"));
    CHECK(contains(text, ".It Fl -version\n"));
    CHECK(!contains(text, "secret"));
}

TEST_CASE("completions name every option and its choices") {
    for (const std::string& shell : completion_shells()) {
        const std::string text = completion_script(shell, {sample()});
        for (const Option& option : sample().options)
            CHECK(contains(text, (shell == "fish" ? "-l " : "--") + option.name) == !option.hidden);
        CHECK(contains(text, "bed tsv"));
    }
    CHECK_THROWS_AS(completion_script("csh", {sample()}), std::logic_error);
}

TEST_CASE("completions offer every instruction set there is here") {
    const std::vector<std::string> offered = common::isa().suggestions;
    for (const std::string& isa : regkit::cpu_isas())
        CHECK(std::find(offered.begin(), offered.end(), isa) != offered.end());
}
