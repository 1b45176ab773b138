// One function a format: usage, --help, and the man page's list. All walk the same table, group by group, and
// differ in quoting and in how lines are broken.
#include "cli/help.hpp"

#include <algorithm>
#include <sstream>

namespace regkit::cli {
namespace {

constexpr std::size_t kColumns = 80;
constexpr std::size_t kIndent = 28;  // where an option's help begins

std::string wrapped(const std::string& text, std::size_t indent, std::size_t columns) {
    std::istringstream words(text);
    std::string out, word;
    std::size_t column = indent;
    while (words >> word) {
        if (column > indent && column + 1 + word.size() > columns) {
            out += "\n" + std::string(indent, ' ');
            column = indent;
        }
        if (column > indent) {
            out += ' ';
            ++column;
        }
        out += word;
        column += word.size();
    }
    return out;
}

// Help with what the table knows besides: choices, default, repetition.
std::string full_help(const Option& option) {
    std::string text = option.help;
    if (!option.choices.empty()) {
        text += ": ";
        for (const std::string& choice : option.choices)
            text += (&choice == &option.choices.front() ? "" : "|") + choice;
    }
    if (option.repeatable) text += "; repeatable";
    if (option.needed) text += " (needed)";
    if (!option.fallback.empty()) text += " [" + option.fallback + "]";
    return text;
}

// The groups in the order of their first option, the common one last.
std::vector<std::string> groups(const Tool& tool) {
    std::vector<std::string> names;
    for (const Option& option : tool.options)
        if (!option.hidden && option.group != group::common &&
            std::find(names.begin(), names.end(), option.group) == names.end())
            names.push_back(option.group);
    names.push_back(group::common);
    return names;
}

std::string usage_lines(const Tool& tool) {
    std::string text;
    for (const std::string& line : tool.usage)
        text += (text.empty() ? "Usage: " : "       ") + tool.full_name() + " " + line + "\n";
    return text;
}

std::string option_lines(const Option& option) {
    std::string left = option.letter != 0 ? std::string("  -") + option.letter + ", " : "      ";
    left += "--" + option.name + (option.value.empty() ? "" : " " + option.value);
    if (left.size() + 2 > kIndent)
        left += "\n" + std::string(kIndent, ' ');
    else
        left.resize(kIndent, ' ');
    return left + wrapped(full_help(option), kIndent, kColumns) + "\n";
}

// mdoc text: a sentence or clause a line, none over 78 bytes, nothing that roff would read as a request.
std::string roff_text(const std::string& text) {
    std::string escaped;
    for (const char c : text) escaped += c == '\\' ? std::string("\\e") : std::string(1, c);
    std::istringstream lines(wrapped(escaped, 0, 76));
    std::string out, line;
    while (std::getline(lines, line)) {
        if (line.front() == '.' || line.front() == '\'') line.insert(0, "\\&");
        out += line + "\n";
    }
    return out;
}

}  // namespace

std::string usage_text(const Tool& tool) {
    return usage_lines(tool) + "See " + tool.full_name() + " --help or man " + tool.name + ".\n";
}

std::string help_text(const Tool& tool) {
    std::string text = tool.full_name() + " - " + tool.title + "\n\n" + usage_lines(tool);
    for (const std::string& name : groups(tool)) {
        text += "\n" + name + ":\n";
        for (const Option& option : tool.options)
            if (!option.hidden && option.group == name) text += option_lines(option);
    }
    if (!tool.examples.empty()) text += "\nExamples:\n";
    for (const Example& example : tool.examples)
        text += "  # " + example.meaning + "\n  " + example.command + "\n";
    if (!tool.notes.empty()) text += "\n" + wrapped(tool.notes, 0, kColumns) + "\n";
    return text;
}

std::string man_options(const Tool& tool) {
    std::string text = ".Sh OPTIONS\n";
    for (const std::string& name : groups(tool)) {
        text += ".Ss " + name + "\n.Bl -tag -width Ds\n";
        for (const Option& option : tool.options) {
            if (option.hidden || option.group != name) continue;
            const std::string value = option.value.empty() ? "" : " Ar " + option.value;
            text += ".It ";
            if (option.letter != 0) text += std::string("Fl ") + option.letter + " , ";
            text += "Fl -" + option.name + value + "\n" + roff_text(full_help(option));
        }
        text += ".El\n";
    }
    return text;
}

}  // namespace regkit::cli
