"""--help, the OPTIONS sections of the man page, and completions, from the tables of options."""
import textwrap

WIDTH = 80


def grouped(options):
    groups = {}
    for option in options:
        groups.setdefault(option.group, []).append(option)
    return groups.items()


def help_text(command, commands):
    name = f"regplot {command.name}".rstrip()
    lines = [f"{name} - {command.title}", ""]
    lines += [("Usage: " if i == 0 else "       ") + f"{name} {usage}" for i, usage in enumerate(command.usage)]
    if not command.name:
        lines += ["", "Pictures:"] + [f"  {each.name:13}{each.title}" for each in commands if each.name]
    for group, options in grouped(command.options):
        lines += ["", f"{group}:"]
        for option in options:
            head = f"  -{option.letter}, " if option.letter else "      "
            head += f"--{option.name} {option.value}".rstrip()
            wrapped = textwrap.wrap(option.help_text(), WIDTH - 28)
            if len(head) > 26:
                lines.append(head)
            else:
                wrapped[0] = f"{head:28}{wrapped[0]}"
            lines += [text if text.startswith("  ") else " " * 28 + text for text in wrapped]
    lines += ["", "Examples:"]
    for example, meaning in command.examples:
        lines += [f"  # {meaning}", f"  {example}"]
    return "\n".join(lines) + "\n"


def escaped(text):
    text = text.replace("\\", "\\e")
    return "\\&" + text if text[:1] in (".", "'") else text


def man_text(options):
    """In mdoc, as man.sh writes it into the page."""
    lines = [".Sh OPTIONS"]
    for group, members in grouped(options):
        lines += [f".Ss {group}", ".Bl -tag -width Ds"]
        for option in members:
            item = ".It " + (f"Fl {option.letter} , " if option.letter else "") + f"Fl -{option.name}"
            lines.append(item + (f" Ar {option.value}" if option.value else ""))
            lines += [escaped(line) for line in textwrap.wrap(option.help_text(), WIDTH)]
        lines.append(".El")
    return "\n".join(lines) + "\n"


def every_option(commands):
    """Each name once, with the values that any of the pictures takes."""
    seen = {}
    for command in commands:
        for option in command.options:
            seen.setdefault(option.name, option)
    return seen.values()


def takes_file(option):
    return any(word in option.value for word in ("FILE", "TSV", "BED", "REF", "MODEL", "VCF", "MEME"))


def bash(commands):
    cases = []
    for option in every_option(commands):
        if not option.value:
            continue
        words = f"-{option.letter}|--{option.name}" if option.letter else f"--{option.name}"
        reply = "COMPREPLY=()"
        if option.choices:
            reply = f"mapfile -t COMPREPLY < <(compgen -W '{' '.join(option.choices)}' -- \"$word\")"
        elif takes_file(option):
            reply = "mapfile -t COMPREPLY < <(compgen -f -- \"$word\")"
        cases.append(f"        {words})\n            {reply} ;;\n")
    options = " ".join(f"--{option.name}" for option in every_option(commands))
    names = " ".join(command.name for command in commands if command.name)
    return f"""# bash completion of regplot
_regplot() {{
    local word=${{COMP_WORDS[COMP_CWORD]}} before=${{COMP_WORDS[COMP_CWORD - 1]}}
    # --name=value comes as three words.
    if [[ $word == = ]]; then
        word=
    elif [[ $before == = ]]; then
        before=${{COMP_WORDS[COMP_CWORD - 2]}}
    fi
    case $before in
{''.join(cases)}        *)
            if [[ $word == -* ]]; then
                mapfile -t COMPREPLY < <(compgen -W '{options}' -- "$word")
            elif ((COMP_CWORD == 1)); then
                mapfile -t COMPREPLY < <(compgen -W '{names}' -- "$word")
            else
                mapfile -t COMPREPLY < <(compgen -f -- "$word")
            fi ;;
    esac
}}
complete -o filenames -F _regplot regplot
"""


def zsh_quoted(text):
    for special in "\\[]:":
        text = text.replace(special, "\\" + special)
    return text.replace("'", "'\\''")


def zsh(commands):
    lines = []
    for option in every_option(commands):
        star = "*" if option.repeatable else ""
        action = f"({' '.join(option.choices)})" if option.choices else "_files" if takes_file(option) else " "
        value = f":{option.value}:{action}" if option.value else ""
        lines.append(f"'{star}--{option.name}{'=' if option.value else ''}[{zsh_quoted(option.help)}]{value}'")
        if option.letter:
            lines.append(f"'{star}-{option.letter}{'+' if option.value else ''}[{zsh_quoted(option.help)}]{value}'")
    names = " ".join(command.name for command in commands if command.name)
    lines += [f"'1:picture:({names})'", "'*:file:_files'"]
    return "#compdef regplot\n_arguments -s \\\n    " + " \\\n    ".join(lines) + "\n"


def fish(commands):
    def quoted(text):
        return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"

    lines = ["# fish completion of regplot"]
    for command in commands:
        if command.name:
            lines.append(f"complete -c regplot -n __fish_use_subcommand -a {command.name} -d {quoted(command.title)}")
    for option in every_option(commands):
        letter = f" -s {option.letter}" if option.letter else ""
        value = ""
        if option.value:
            value = f" -x -a {quoted(' '.join(option.choices))}" if option.choices else " -r -F" if takes_file(option) else " -x"
        lines.append(f"complete -c regplot{letter} -l {option.name}{value} -d {quoted(option.help)}")
    return "\n".join(lines) + "\n"


SHELLS = {"bash": bash, "zsh": zsh, "fish": fish}
