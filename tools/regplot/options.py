"""A table of options a command, as data. Parsing, --help, the man page and completions all follow from it."""
import re
from dataclasses import dataclass, field

from .errors import UsageError


@dataclass
class Option:
    name: str                # long name without dashes
    letter: str = ""         # short name
    value: str = ""          # placeholder of the value; empty: a flag
    fallback: str = ""       # text of the default
    help: str = ""           # starts in lower case, no full stop
    group: str = "Picture"
    choices: tuple = ()      # the only values, where there are any
    repeatable: bool = False
    needed: bool = False

    def help_text(self):
        text = self.help
        if self.choices:
            text += ": " + "|".join(self.choices)
        if self.fallback:
            text += f" [{self.fallback}]"
        if self.needed:
            text += " (needed)"
        return text + ("; repeatable" if self.repeatable else "")


@dataclass
class Command:
    name: str                # "ism"
    title: str
    usage: tuple
    options: list
    examples: tuple          # (command, meaning)
    least: int = 0           # positional arguments
    most: int = 1_000_000


@dataclass
class Arguments:
    """What a command line says. Numbers are checked where they are asked for."""
    command: Command
    words: list = field(default_factory=list)
    values: dict = field(default_factory=dict)

    def given(self, name):
        return name in self.values

    def all(self, name):
        return self.values.get(name, [])

    def text(self, name):
        if name in self.values:
            return self.values[name][-1]
        return next(option.fallback for option in self.command.options if option.name == name)

    def number(self, name, least, most):
        text = self.text(name)
        try:
            number = float(text)
        except ValueError:
            number = float("nan")
        if not least <= number <= most:
            raise UsageError(f"--{name} {text}: a number from {least:g} to {most:g} is wanted")
        return number

    def integer(self, name, least, most):
        text = self.text(name)
        if not re.fullmatch(r"[0-9]{1,12}", text) or not least <= int(text) <= most:
            raise UsageError(f"--{name} {text}: a whole number from {least} to {most} is wanted")
        return int(text)


def parse(command, words):
    """Arguments of a command line. Names are not guessed, values may not be empty, and what is not repeatable stands once."""
    arguments = Arguments(command)
    by_word = {f"--{option.name}": option for option in command.options}
    by_word.update({f"-{option.letter}": option for option in command.options if option.letter})
    rest = list(words)
    while rest:
        word = rest.pop(0)
        if word == "--":
            arguments.words += rest
            break
        if not word.startswith("-") or word == "-":
            arguments.words.append(word)
            continue
        name, equals, value = word.partition("=") if word.startswith("--") else (word[:2], word[2:], word[2:])
        option = by_word.get(name)
        if option is None:
            raise UsageError(f"unknown option '{name}'; see regplot {command.name} --help".replace("  ", " "))
        if not option.value:
            if equals:
                raise UsageError(f"option '{name}' takes no value")
            value = "yes"
        elif not equals:
            if not rest:
                raise UsageError(f"option '{name}' needs a value: {option.value}")
            value = rest.pop(0)
        if not value:
            raise UsageError(f"option '{name}' has an empty value")
        if option.choices:
            value = value.lower()
        if option.choices and value not in option.choices:
            raise UsageError(f"{name} {value}: one of {', '.join(option.choices)} is wanted")
        if arguments.given(option.name) and not option.repeatable:
            raise UsageError(f"option '{name}' is given twice")
        arguments.values.setdefault(option.name, []).append(value)
    return arguments


def verify(arguments):
    """That what a command needs is there, once --help and --version are out of the way."""
    command = arguments.command
    for option in command.options:
        if option.needed and not arguments.given(option.name):
            raise UsageError(f"option '--{option.name}' is needed; see regplot {command.name} --help")
    if len(arguments.words) < command.least:
        raise UsageError(f"no input file; see regplot {command.name} --help")
    if len(arguments.words) > command.most:
        raise UsageError(f"'{arguments.words[command.most]}': at most {command.most} arguments are taken")
