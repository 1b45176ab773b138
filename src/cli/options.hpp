// One table of options per tool, as data. It feeds the parser (Boost.ProgramOptions, no guessing of
// abbreviations), --help, the man page's OPTIONS section and the completions, so that they cannot drift
// apart.
//
// clang-format off
//     // tools/regfoo.cpp
//     #include "cli/common.hpp"
//     #include "cli/run.hpp"
//     using namespace regkit;
//     int main(int argc, char** argv) {
//         const FooParameters defaults;
//         cli::Tool tool{.name = "regfoo", .title = "count foos along DNA", .usage = {"-f REF [options] [in.bed]"}};
//         tool.max_arguments = 1;
//         tool.options = {cli::common::fasta(cli::common::Need::needed),
//                         cli::common::output("foos go here"),
//                         cli::common::threads(),
//                         {.name = "window",
//                          .value = "BASES",
//                          .fallback = std::to_string(defaults.window),
//                          .help = "width of a window",
//                          .group = cli::group::model}};
//         tool.examples = {{"regfoo -f hg19.fa -o foos.tsv", "all of the genome"}};
//         return cli::run(argc, argv, tool, [](const cli::Arguments& args, Log& log) {
//             count_foos({.fasta = args.text("fasta"), .window = args.integer("window", 1, 1'000'000)}, log);
//         });
//     }
// clang-format on
//
// Every tool gets --help, --version, --completion and --verbosity by itself, and the hidden --help-man.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace regkit::cli {

namespace group {
inline constexpr const char* input = "Input";
inline constexpr const char* output = "Output";
inline constexpr const char* model = "Model";
inline constexpr const char* device = "Device";
inline constexpr const char* common = "Common";
}  // namespace group

struct Option {
    std::string name = {};      // long name without dashes
    char letter = 0;            // short name; 0 = none
    std::string value = {};     // placeholder of the argument, e.g. "FILE"; empty = a flag
    std::string fallback = {};  // text of the default; empty = none
    std::string help = {};      // starts in lower case, no full stop
    std::string group = group::common;
    std::vector<std::string> choices = {};  // the only values accepted, in any case; empty = any
    bool repeatable = false;
    bool needed = false;  // an error when absent
    bool hidden = false;  // accepted, yet not in --help, man page or completions
    // What completions offer for the value, besides the choices: words that are worth it where others are
    // taken too; files that a glob fits ("*.json"), or folders ("*/"); the markers of the model or data set
    // that the command line names. Where none is given, files of any name if the placeholder stands for one.
    std::vector<std::string> suggestions = {};
    std::string files = {};
    bool names_markers = false;
};

struct Example {
    std::string command = {};
    std::string meaning = {};
};

struct Tool {
    std::string name = {};                // "regsnp"
    std::string command = {};             // subcommand ("annotate") or empty
    std::string title = {};               // one line: what it does
    std::vector<std::string> usage = {};  // what follows the name, one line a form
    std::vector<Option> options = {};
    std::vector<Example> examples = {};
    std::string notes = {};  // printed below the examples; may be empty
    int min_arguments = 0;   // positional ones
    int max_arguments = 0;
    // Without arguments it works on standard input, unless that is a terminal or an option is needed.
    bool reads_stdin = false;

    std::string full_name() const { return command.empty() ? name : name + " " + command; }
};

// What the user typed, checked against the table. Getters take long names; a name that is not in the table
// throws std::logic_error. Values that do not fit throw Error(usage): "--cutoff 'abc': not a number in [0,
// 1]".
class Arguments {
  public:
    // `words` excludes the program's name (and subcommand). Throws Error(usage).
    Arguments(const Tool& tool, const std::vector<std::string>& words);

    const Tool& tool() const { return tool_; }
    const std::vector<std::string>& positional() const { return positional_; }

    bool given(const std::string& name) const;  // on the command line
    bool has(const std::string& name) const;    // given, or with a default
    bool flag(const std::string& name) const { return given(name); }
    std::string text(const std::string& name) const;  // the default, or "", where not given
    std::int64_t integer(const std::string& name, std::int64_t low, std::int64_t high) const;
    double real(const std::string& name, double low, double high) const;
    // "90", "90s", "10m", "1h30m", "2d": seconds.
    std::chrono::duration<double> duration(const std::string& name) const;
    std::vector<std::string> all(const std::string& name) const;  // of a repeatable option, in order
    std::vector<std::string> list(
        const std::string& name) const;  // the same, each split at commas; empty parts refused
    std::vector<double> reals(const std::string& name, std::size_t count, double low, double high) const;

    // The command as a shell would take it, for provenance: "regcall -m 'my model' -".
    const std::string& command_line() const { return command_line_; }

  private:
    const Option& option(const std::string& name) const;
    void add(const Option& option, const std::string& value);
    void check_complete() const;
    Tool tool_;
    std::map<std::string, std::vector<std::string>> values_;
    std::vector<std::string> positional_;
    std::string command_line_;
};

// The option of this long name, null when there is none.
const Option* find_option(const Tool& tool, std::string_view name);
// `tool` with the options that every tool has.
Tool with_common(Tool tool);
// Throws std::logic_error when the table contradicts itself: a name or letter twice, a default that is no
// choice, help without words. Run by a test for every tool.
void check_table(const Tool& tool);

}  // namespace regkit::cli
