// A function a shell over the same table. What a value may be is the same everywhere; the shells differ in
// how it is said, and in quoting. Names of markers come from the model or the data set that stands on the
// command line, after the last comma of what is typed.
#include "cli/completion.hpp"

#include <algorithm>
#include <set>
#include <stdexcept>

namespace regkit::cli {
namespace {

constexpr std::string_view kAnyFile = "*", kFolders = "*/";

// What completion offers for an option's value.
struct Offer {
    std::vector<std::string> words;
    std::string files;  // a glob, kAnyFile or kFolders; empty: none
    bool markers = false;

    bool nothing() const { return words.empty() && files.empty() && !markers; }
};

bool takes_path(const Option& option) {
    for (const char* path : {"FILE", "REF", "BED", "MODEL", "DIR", "TSV", "VCF", "JSON"})
        if (option.value.find(path) != std::string::npos) return true;
    return false;
}

Offer offer_of(const Option& option) {
    Offer offer{option.choices.empty() ? option.suggestions : option.choices, option.files,
                option.names_markers};
    if (offer.nothing() && takes_path(option)) offer.files = kAnyFile;
    return offer;
}

std::string joined(const std::vector<std::string>& words) {
    std::string text;
    for (const std::string& word : words) text += (text.empty() ? "" : " ") + word;
    return text;
}

bool names_markers(const std::vector<Tool>& commands) {
    return std::any_of(commands.begin(), commands.end(), [](const Tool& tool) {
        return std::any_of(tool.options.begin(), tool.options.end(),
                           [](const Option& option) { return option.names_markers; });
    });
}

// Those that are typed.
std::vector<std::string> command_names(const std::vector<Tool>& commands) {
    std::vector<std::string> names;
    for (const Tool& tool : commands)
        if (!tool.command.empty()) names.push_back(tool.command);
    return names;
}

// A function's name: "_regds_build".
std::string function_of(const std::vector<Tool>& commands) {
    std::string function = "_" + commands.front().name;
    std::replace(function.begin(), function.end(), '-', '_');
    return function;
}

std::string with_escapes(const std::string& text, std::string_view special) {
    std::string out;
    for (const char c : text) {
        if (special.find(c) != std::string_view::npos) out += '\\';
        out += c;
    }
    return out;
}

// ---- bash

constexpr const char* kBashMarkers = R"sh(() {
    local typed=$1 file i listed=
    [[ $typed == *,* ]] && listed=${typed%,*},
    for ((i = 1; i + 1 < ${#COMP_WORDS[@]}; ++i)); do
        file=${COMP_WORDS[i + 1]}
        [[ $file == = ]] && file=${COMP_WORDS[i + 2]}
        file=${file/#\~\//$HOME/}
        case ${COMP_WORDS[i]} in
            -m|--model) compgen -P "$listed" -W "$(regmodel info --markers "$file" 2> /dev/null | tail -n +2 | cut -f 1)" -- "${typed##*,}" ;;
            -d|--dataset) compgen -P "$listed" -W "$(tail -n +2 "$file/markers.tsv" 2> /dev/null | cut -f 1)" -- "${typed##*,}" ;;
        esac
    done | sort -u
}
)sh";

std::string bash_commands(const Offer& offer, const std::string& function) {
    std::string text;
    const auto add = [&](const std::string& command) { text += (text.empty() ? "" : "; ") + command; };
    if (!offer.words.empty()) add("compgen -W '" + joined(offer.words) + "' -- \"$word\"");
    if (offer.files == kAnyFile) {
        add("compgen -f -- \"$word\"");
    } else if (!offer.files.empty()) {
        add("compgen -d -- \"$word\"");
        if (offer.files != kFolders) add("compgen -f -X '!" + offer.files + "' -- \"$word\"");
    }
    if (offer.markers) add(function + "_markers \"$word\"");
    return text;
}

std::string bash_reply(const Offer& offer, const std::string& function) {
    if (offer.nothing()) return "COMPREPLY=()";
    return "mapfile -t COMPREPLY < <(" + bash_commands(offer, function) + ")";
}

std::string bash_script(const std::vector<Tool>& commands) {
    const std::string& name = commands.front().name;
    const std::string function = function_of(commands);
    Offer all, rest{command_names(commands), std::string(kAnyFile)};  // options, and what is none
    std::set<std::string> seen;
    std::string cases;
    for (const Tool& tool : commands) {
        for (const Option& option : tool.options) {
            const std::string word = "--" + option.name;
            if (option.hidden || !seen.insert(word).second) continue;
            all.words.push_back(word);
            if (option.value.empty()) continue;
            cases += "        " + (option.letter != 0 ? std::string("-") + option.letter + "|" : "") + word +
                     ")\n            " + bash_reply(offer_of(option), function) + " ;;\n";
        }
    }
    std::string text = "# bash completion of " + name + "\n";
    if (names_markers(commands)) text += function + "_markers" + kBashMarkers;
    text +=
        function + "() {\n    local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD - 1]}\n";
    text += "    # --name=value comes as three words.\n";
    text += "    if [[ $word == = ]]; then\n        word=\n";
    text += "    elif [[ $before == = ]]; then\n        before=${COMP_WORDS[COMP_CWORD - 2]}\n    fi\n";
    text += "    case $before in\n" + cases + "        *)\n            if [[ $word == -* ]]; then\n";
    text += "                " + bash_reply(all, function) + "\n            else\n";
    text += "                " + bash_reply(rest, function) + "\n            fi ;;\n    esac\n}\n";
    return text + "complete -o filenames -F " + function + " " + name + "\n";
}

// ---- zsh

// A value in opt_args is as it was typed, with backslashes of its own before those.
constexpr const char* kZshMarkers = R"sh(() {
    local model=${opt_args[-m]:-${opt_args[--model]}} dataset=${opt_args[-d]:-${opt_args[--dataset]}}
    local -a names
    [[ -n $model ]] && names+=(${(f)"$(regmodel info --markers ${(Q)${(Q)~model}} 2> /dev/null | tail -n +2 | cut -f 1)"})
    [[ -n $dataset ]] && names+=(${(f)"$(tail -n +2 ${(Q)${(Q)~dataset}}/markers.tsv 2> /dev/null | cut -f 1)"})
    compadd "$@" -a names
}
)sh";

std::string zsh_quoted(const std::string& text) {
    std::string out;
    for (const char c : with_escapes(text, "[]:\\"))
        out += c == '\'' ? std::string("'\\''") : std::string(1, c);
    return out;
}

std::string zsh_action(const Offer& offer, const std::string& function) {
    if (offer.markers) return "_sequence " + function + "_markers";
    std::string files;
    if (offer.files == kAnyFile)
        files = "_files";
    else if (offer.files == kFolders)
        files = "_files -/";
    else if (!offer.files.empty())
        files = "_files -g \"" + offer.files + "\"";
    if (offer.words.empty()) return files.empty() ? " " : files;
    if (files.empty()) return "(" + joined(offer.words) + ")";
    return "{compadd -- " + joined(offer.words) + "; " + files + "}";
}

// `first`: what the first word may be besides a file.
std::string zsh_arguments(const Tool& tool, const std::vector<std::string>& first,
                          const std::string& function) {
    std::string text = "_arguments -s";
    const auto add = [&](const std::string& spec) { text += " \\\n    '" + spec + "'"; };
    for (const Option& option : tool.options) {
        if (option.hidden) continue;
        const bool flag = option.value.empty();
        const std::string star = option.repeatable ? "*" : "";
        const std::string rest =
            "[" + zsh_quoted(option.help) + "]" +
            (flag ? "" : ":" + zsh_quoted(option.value) + ":" + zsh_action(offer_of(option), function));
        add(star + "--" + option.name + (flag ? "" : "=") + rest);
        if (option.letter != 0) add(star + "-" + option.letter + (flag ? "" : "+") + rest);
    }
    if (!first.empty()) add("1:file:" + zsh_action({first, std::string(kAnyFile)}, function));
    add("*:file:_files");
    return text + "\n";
}

std::string zsh_script(const std::vector<Tool>& commands) {
    const std::string function = function_of(commands);
    std::string text = "#compdef " + commands.front().name + "\n";
    if (names_markers(commands)) text += function + "_markers" + kZshMarkers;
    const std::vector<std::string> names = command_names(commands);
    if (commands.size() == 1) return text + zsh_arguments(commands.front(), names, function);
    text += "case ${words[2]} in\n";
    for (std::size_t i = 1; i < commands.size(); ++i)
        text += commands[i].command + ") " + zsh_arguments(commands[i], names, function) + ";;\n";
    return text + "*) " + zsh_arguments(commands.front(), names, function) + ";;\nesac\n";
}

// ---- fish

constexpr const char* kFishMarkers = R"sh(
    set -l words (commandline -opc)
    for i in (seq (count $words))
        set -l file $words[(math $i + 1)]
        switch $words[$i]
            case -m --model
                regmodel info --markers $file 2>/dev/null | tail -n +2 | cut -f 1
            case -d --dataset
                test -f $file/markers.tsv; and tail -n +2 $file/markers.tsv | cut -f 1
        end
    end
end
)sh";

std::string fish_quoted(const std::string& text) {
    return "'" + with_escapes(text, "\\'") + "'";
}

// What stands behind "complete -c NAME" for an option's value.
std::string fish_value(const Offer& offer, const std::string& function) {
    if (offer.words.empty() && offer.files == kAnyFile) return " -r -F";
    std::vector<std::string> words = offer.words;
    if (offer.files == kFolders)
        words.emplace_back("(__fish_complete_directories)");
    else if (!offer.files.empty())
        words.push_back("(__fish_complete_suffix " + offer.files.substr(offer.files.find('.')) + ")");
    if (offer.markers) words.push_back("(__fish_complete_list , _" + function + "_markers)");
    return words.empty() ? " -x" : " -x -a " + fish_quoted(joined(words));
}

std::string fish_script(const std::vector<Tool>& commands) {
    const std::string& name = commands.front().name;
    const std::string function = function_of(commands);
    std::string text = "# fish completion of " + name + "\n";
    if (names_markers(commands)) text += "function _" + function + "_markers" + kFishMarkers;
    std::set<std::string> seen;
    for (std::size_t i = 0; i < commands.size(); ++i) {
        const Tool& tool = commands[i];
        if (!tool.command.empty())
            text += "complete -c " + name + " -n __fish_use_subcommand -a " + tool.command + " -d " +
                    fish_quoted(tool.title) + "\n";
        const std::string only = i == 0 ? "" : " -n '__fish_seen_subcommand_from " + tool.command + "'";
        for (const Option& option : tool.options) {
            if (option.hidden || !seen.insert(option.name).second) continue;
            text += "complete -c " + name + only +
                    (option.letter != 0 ? std::string(" -s ") + option.letter : "") + " -l " + option.name +
                    (option.value.empty() ? "" : fish_value(offer_of(option), function)) + " -d " +
                    fish_quoted(option.help) + "\n";
        }
    }
    return text;
}

struct Shell {
    const char* name;
    std::string (*script)(const std::vector<Tool>&);
};
constexpr Shell kShells[] = {{"bash", bash_script}, {"zsh", zsh_script}, {"fish", fish_script}};

}  // namespace

std::vector<std::string> completion_shells() {
    std::vector<std::string> names;
    for (const Shell& shell : kShells) names.emplace_back(shell.name);
    return names;
}

std::string completion_script(const std::string& shell, const std::vector<Tool>& commands) {
    for (const Shell& known : kShells)
        if (known.name == shell) return known.script(commands);
    throw std::logic_error("no completion for the shell " + shell);
}

}  // namespace regkit::cli
