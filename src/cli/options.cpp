// Boost.ProgramOptions splits the words; meaning is added here: which option was probably meant, what is
// given twice, missing or none of the choices, and numbers, lists and times in their ranges, each with a
// message that names the option. A table's own faults are errors of the program, found by check_table().
#include "cli/options.hpp"

#include <algorithm>
#include <array>
#include <boost/program_options.hpp>
#include <set>
#include <sstream>
#include <stdexcept>

#include "base/printable.hpp"
#include "base/text.hpp"
#include "cli/common.hpp"
#include "cli/completion.hpp"
#include "kernels/base/error.hpp"
#include "kernels/base/nth.hpp"
#include "kernels/base/number.hpp"

namespace regkit::cli {
namespace po = boost::program_options;
namespace {

[[noreturn]] void usage_error(const std::string& what) {
    throw Error(ErrorKind::usage, what);
}

std::string join(const std::vector<std::string>& words, const std::string& between) {
    std::string text;
    for (const std::string& word : words) text += (text.empty() ? "" : between) + word;
    return text;
}

// A number as a person would write it: "1", "0.05".
std::string plain(double value) {
    std::ostringstream text;
    text << value;
    return text.str();
}

// The command stands in headers, one line each: control characters are written as the shell's $'\x1b'.
std::string ansi_quoted(const std::string& word) {
    std::string doubled;
    for (const char c : word) doubled += c == '\'' || c == '\\' ? std::string{'\\', c} : std::string(1, c);
    return "$'" + printable(doubled) + "'";
}

std::string quoted(const std::string& word) {
    const auto safe = [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
               std::string_view("-_=+.,:/@%^{}").find(c) != std::string_view::npos;
    };
    const bool braces = word.find('{') != std::string::npos;
    if (!word.empty() && !braces && std::all_of(word.begin(), word.end(), safe)) return word;
    if (!is_printable(word)) return ansi_quoted(word);
    std::string text = "'";
    for (const char c : word) text += c == '\'' ? std::string("'\\''") : std::string(1, c);
    return text + "'";
}

std::string unknown_option(const Tool& tool, const std::string& typed) {
    const std::string word = typed.substr(std::min(typed.find_first_not_of('-'), typed.size()));
    std::string best;
    std::size_t distance = 3;
    for (const Option& option : tool.options) {
        if (option.hidden) continue;
        const bool prefix = word.size() > 1 && option.name.starts_with(word);
        const std::size_t d = prefix ? 0 : edit_distance(word, option.name);
        if (d < distance && (prefix || d * 2 < option.name.size())) {
            distance = d;
            best = option.name;
        }
    }
    return "unknown option '" + typed + "'; " + (best.empty() ? "" : "did you mean --" + best + "? ") +
           "see " + tool.name + " --help";
}

po::options_description descriptions(const Tool& tool) {
    po::options_description all;
    for (const Option& option : tool.options) {
        const std::string names = option.name + (option.letter != 0 ? std::string(",") + option.letter : "");
        if (option.value.empty())
            all.add_options()(names.c_str(), "");
        else
            all.add_options()(names.c_str(), po::value<std::string>(), "");
    }
    all.add_options()("argument", po::value<std::string>(), "");
    return all;
}

po::parsed_options parse(const Tool& tool, const std::vector<std::string>& words) {
    namespace style = po::command_line_style;
    constexpr int kStyle = style::allow_long | style::long_allow_adjacent | style::long_allow_next |
                           style::allow_short | style::allow_dash_for_short | style::short_allow_adjacent |
                           style::short_allow_next;
    const po::options_description all = descriptions(tool);
    po::positional_options_description positional;
    positional.add("argument", -1);
    try {
        return po::command_line_parser(words).options(all).positional(positional).style(kStyle).run();
    } catch (const po::unknown_option& error) {
        usage_error(unknown_option(tool, error.get_option_name()));
    } catch (const po::error& error) {
        usage_error(std::string(error.what()) + "; see " + tool.name + " --help");
    }
}

}  // namespace

const Option* find_option(const Tool& tool, std::string_view name) {
    const auto found = std::find_if(tool.options.begin(), tool.options.end(),
                                    [&](const Option& option) { return option.name == name; });
    return found == tool.options.end() ? nullptr : &*found;
}

Tool with_common(Tool tool) {
    if (find_option(tool, "verbosity") == nullptr) tool.options.push_back(common::verbosity());
    if (find_option(tool, "help") != nullptr) return tool;
    tool.options.push_back({.name = "help", .letter = 'h', .help = "print this text"});
    tool.options.push_back(
        {.name = "version", .help = "print the versions of the tool and of the libraries in use"});
    tool.options.push_back(
        {.name = "help-man", .help = "print the man page's list of options", .hidden = true});
    tool.options.push_back(
        {.name = "completion",
         .value = "SHELL",
         .help = "print a script that completes this tool's command line (regkit(1), Completion)",
         .choices = completion_shells()});
    return tool;
}

void check_table(const Tool& tool) {
    std::set<std::string> names;
    std::set<char> letters;
    for (const Option& option : tool.options) {
        const std::string where = tool.full_name() + " --" + option.name + ": ";
        if (!names.insert(option.name).second) throw std::logic_error(where + "twice in the table");
        if (option.letter != 0 && !letters.insert(option.letter).second)
            throw std::logic_error(where + "its letter is taken");
        if (option.help.empty() || option.help.back() == '.')
            throw std::logic_error(where + "help is missing or ends in a full stop");
        if (option.value.empty() && (!option.fallback.empty() || !option.choices.empty() || option.needed))
            throw std::logic_error(where + "a flag has no default, choices or need");
        std::set<std::string> choices;
        for (const std::string& choice : option.choices)
            if (!choices.insert(lower_case(choice)).second)
                throw std::logic_error(where + "a choice twice, or told apart by case alone");
        if (!option.choices.empty() && !option.fallback.empty() &&
            std::find(option.choices.begin(), option.choices.end(), option.fallback) == option.choices.end())
            throw std::logic_error(where + "the default is none of the choices");
    }
}

Arguments::Arguments(const Tool& tool, const std::vector<std::string>& words) : tool_(with_common(tool)) {
    command_line_ = tool_.full_name();
    for (const std::string& word : words) command_line_ += " " + quoted(word);
    for (const po::option& parsed : parse(tool_, words).options) {
        if (parsed.position_key >= 0)
            positional_.insert(positional_.end(), parsed.value.begin(), parsed.value.end());
        else if (const Option* known = find_option(tool_, parsed.string_key))
            add(*known, parsed.value.empty() ? "" : parsed.value.front());
        else
            usage_error(unknown_option(tool_, "--" + parsed.string_key));
    }
    check_complete();
}

void Arguments::add(const Option& option, const std::string& value) {
    std::vector<std::string>& values = values_[option.name];
    if (!values.empty() && !option.repeatable) usage_error("--" + option.name + " is given more than once");
    // What a shell makes of a variable that is not set. As the name of an output it would be standard output.
    if (value.empty() && !option.value.empty()) usage_error("--" + option.name + " '': its value is empty");
    if (option.choices.empty()) return values.push_back(value);
    const auto chosen =
        std::find_if(option.choices.begin(), option.choices.end(),
                     [&](const std::string& choice) { return lower_case(choice) == lower_case(value); });
    if (chosen == option.choices.end())
        usage_error("--" + option.name + " '" + value + "': not one of " + join(option.choices, ", "));
    values.push_back(*chosen);
}

void Arguments::check_complete() const {
    for (const char* instead : {"help", "version", "help-man", "completion"})
        if (given(instead)) return;
    for (const Option& option : tool_.options)
        if (option.needed && !given(option.name))
            usage_error((option.letter != 0 ? std::string("-") + option.letter + "/--" : "--") + option.name +
                        " " + option.value + " is needed; see " + tool_.name + " --help");
    const int count = static_cast<int>(positional_.size());
    if (count > tool_.max_arguments)
        usage_error("unexpected argument '" + nth(positional_, tool_.max_arguments) + "'; see " + tool_.name +
                    " --help");
    for (const std::string& word : positional_)
        if (word.empty()) usage_error("an argument is empty; see " + tool_.name + " --help");
    if (count < tool_.min_arguments) usage_error("an argument is missing; see " + tool_.name + " --help");
}

const Option& Arguments::option(const std::string& name) const {
    const Option* found = find_option(tool_, name);
    if (found == nullptr)
        throw std::logic_error("no option --" + name + " in the table of " + tool_.full_name());
    return *found;
}

bool Arguments::given(const std::string& name) const {
    option(name);
    return values_.contains(name);
}

bool Arguments::has(const std::string& name) const {
    return given(name) || !option(name).fallback.empty();
}

std::string Arguments::text(const std::string& name) const {
    const auto found = values_.find(name);
    return found == values_.end() ? option(name).fallback : found->second.back();
}

std::int64_t Arguments::integer(const std::string& name, std::int64_t low, std::int64_t high) const {
    const std::string value = text(name);
    const auto number = parse_int(value, low, high);
    if (!number)
        usage_error("--" + name + " '" + value + "': not a whole number in [" + std::to_string(low) + ", " +
                    std::to_string(high) + "]");
    return *number;
}

double Arguments::real(const std::string& name, double low, double high) const {
    const std::string value = text(name);
    const auto number = parse_real(value);
    if (!number || *number < low || *number > high)
        usage_error("--" + name + " '" + value + "': not a number in [" + plain(low) + ", " + plain(high) +
                    "]");
    return *number;
}

std::vector<double> Arguments::reals(const std::string& name, std::size_t count, double low,
                                     double high) const {
    const std::vector<std::string> parts = list(name);
    std::vector<double> numbers;
    for (const std::string& part : parts)
        if (const auto number = parse_real(part); number && *number >= low && *number <= high)
            numbers.push_back(*number);
    if (numbers.size() != count || parts.size() != count)
        usage_error("--" + name + " '" + join(parts, ",") + "': not " + std::to_string(count) +
                    " numbers in [" + plain(low) + ", " + plain(high) + "] with commas between");
    return numbers;
}

std::chrono::duration<double> Arguments::duration(const std::string& name) const {
    constexpr std::array<std::pair<char, double>, 4> kUnits = {
        {{'d', 86400}, {'h', 3600}, {'m', 60}, {'s', 1}}};
    const std::string value = text(name);
    double seconds = 0;
    std::size_t unit = 0;
    std::string_view rest = value;
    bool good = !rest.empty();
    while (good && !rest.empty()) {
        const std::size_t length = std::min(rest.find_first_not_of("0123456789."), rest.size());
        const auto number = parse_real(rest.substr(0, length));
        const char letter = length < rest.size() ? rest[length] : 's';
        while (unit < kUnits.size() && kUnits[unit].first != letter)
            ++unit;  // units only descend: 1h30m, not 30m1h
        good = number.has_value() && unit < kUnits.size();
        if (!good) break;
        seconds += *number * kUnits[unit++].second;
        rest.remove_prefix(std::min(length + 1, rest.size()));
    }
    if (!good || !(seconds > 0))
        usage_error("--" + name + " '" + value + "': not a time such as 90s, 10m, 1h30m or 2d");
    return std::chrono::duration<double>(seconds);
}

std::vector<std::string> Arguments::all(const std::string& name) const {
    const auto found = values_.find(name);
    if (found != values_.end()) return found->second;
    const std::string& fallback = option(name).fallback;
    return fallback.empty() ? std::vector<std::string>{} : std::vector<std::string>{fallback};
}

std::vector<std::string> Arguments::list(const std::string& name) const {
    std::vector<std::string> parts;
    for (const std::string& value : all(name)) {
        std::size_t begin = 0;
        while (begin <= value.size()) {
            const std::size_t end = std::min(value.find(',', begin), value.size());
            if (end == begin) usage_error("--" + name + " '" + value + "': an empty entry between commas");
            parts.push_back(value.substr(begin, end - begin));
            begin = end + 1;
        }
    }
    return parts;
}

}  // namespace regkit::cli
