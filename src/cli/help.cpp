// One function a format: usage, --help, the man page's list, and the completions of bash and zsh. All walk
// the same table, group by group, and differ in quoting and in how lines are broken.
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

std::string shell_words(const std::vector<std::string>& words) {
    std::string text;
    for (const std::string& word : words) text += (text.empty() ? "" : " ") + word;
    return text;
}

bool takes_path(const Option& option) {
    for (const char* path : {"FILE", "REF", "BED", "MODEL", "DIR", "TSV", "VCF", "JSON"})
        if (option.value.find(path) != std::string::npos) return true;
    return false;
}

std::string zsh_quoted(const std::string& text) {
    std::string out;
    for (const char c : text) {
        if (c == '[' || c == ']' || c == ':' || c == '\\') out += '\\';
        out += c == '\'' ? std::string("'\\''") : std::string(1, c);
    }
    return out;
}

std::string zsh_arguments(const Tool& tool) {
    std::string text = "_arguments -s";
    for (const Option& option : tool.options) {
        if (option.hidden) continue;
        std::string action;
        if (!option.value.empty())
            action = ":" + zsh_quoted(option.value) + ":" +
                     (!option.choices.empty() ? "(" + shell_words(option.choices) + ")"
                      : takes_path(option)    ? "_files"
                                              : " ");
        const std::string star = option.repeatable ? "*" : "";
        const std::string help = "[" + zsh_quoted(option.help) + "]";
        text += " \\\n    '" + star + "--" + option.name + (option.value.empty() ? "" : "=") + help + action +
                "'";
        if (option.letter != 0)
            text += " \\\n    '" + star + "-" + option.letter + (option.value.empty() ? "" : "+") + help +
                    action + "'";
    }
    return text + " \\\n    '*:file:_files'\n";
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

std::string bash_completion(const std::vector<Tool>& commands) {
    const std::string& name = commands.front().name;
    std::string function = "_" + name;
    std::replace(function.begin(), function.end(), '-', '_');
    std::vector<std::string> words, subcommands;
    std::string cases;
    for (const Tool& tool : commands) {
        if (!tool.command.empty()) subcommands.push_back(tool.command);
        for (const Option& option : tool.options) {
            if (option.hidden) continue;
            const std::string word = "--" + option.name;
            if (std::find(words.begin(), words.end(), word) != words.end()) continue;
            words.push_back(word);
            if (option.value.empty()) continue;
            cases += "        " + (option.letter != 0 ? std::string("-") + option.letter + "|" : "") + word +
                     ")\n";
            if (!option.choices.empty())
                cases += "            COMPREPLY=($(compgen -W '" + shell_words(option.choices) +
                         "' -- \"$word\")) ;;\n";
            else if (takes_path(option))
                cases += "            COMPREPLY=($(compgen -f -- \"$word\")) ;;\n";
            else
                cases += "            COMPREPLY=() ;;\n";
        }
    }
    std::string text = "# bash completion of " + name + "\n";
    text += function + "() {\n    local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD-1]}\n";
    text += "    case $before in\n" + cases + "        *)\n            if [[ $word == -* ]]; then\n";
    text += "                COMPREPLY=($(compgen -W '" + shell_words(words) +
            "' -- \"$word\"))\n            else\n";
    text += "                COMPREPLY=($(compgen -f -- \"$word\")";
    if (!subcommands.empty()) text += " $(compgen -W '" + shell_words(subcommands) + "' -- \"$word\")";
    text += ")\n            fi ;;\n    esac\n}\ncomplete -o filenames -F " + function + " " + name + "\n";
    return text;
}

std::string zsh_completion(const std::vector<Tool>& commands) {
    const std::string& name = commands.front().name;
    std::string text = "#compdef " + name + "\n";
    if (commands.size() == 1) return text + zsh_arguments(commands.front());
    text += "case ${words[2]} in\n";
    for (std::size_t i = 1; i < commands.size(); ++i)
        text += commands[i].command + ") " + zsh_arguments(commands[i]) + ";;\n";
    return text + "*) " + zsh_arguments(commands.front()) + ";;\nesac\n";
}

}  // namespace regkit::cli
