"""argv in, exit code out: everything that knows of terminals and exit codes is here."""
import importlib
import os
import sys

from . import VERSION, files, help
from .commands import COMMANDS, COMMON
from .errors import Error, IoError, UsageError
from .options import parse, verify


def say(text):
    sys.stdout.flush()
    sys.stderr.write(f"regplot: {text}\n")


def versions():
    lines = [f"regplot {VERSION}", f"Using Python {sys.version.split()[0]}"]
    for module, name in (("matplotlib", "matplotlib"), ("numpy", "NumPy"), ("pyBigWig", "pyBigWig"), ("memelite", "memelite")):
        try:
            found = importlib.import_module(module)
            lines.append(f"Using {name} {getattr(found, '__version__', '(version unknown)')}")
        except ImportError:
            lines.append(f"Using no {name}")
    return "\n".join(lines) + "\n"


def command_of(words):
    """The command that a line begins with, and the rest of the line."""
    named = {command.name: command for command in COMMANDS if command.name}
    if words and words[0] in named:
        return named[words[0]], words[1:]
    return COMMANDS[0], words


def informed(arguments, man):
    """What is printed instead of a picture, if anything is asked for."""
    command = arguments.command
    if man:
        own = [option for option in command.options if command is COMMANDS[0] or option not in COMMON]
        return help.man_text(own)
    if arguments.given("help"):
        return help.help_text(command, COMMANDS)
    if arguments.given("version"):
        return versions()
    if arguments.given("completion"):
        return help.SHELLS[arguments.text("completion")](COMMANDS)
    return ""


def module_of(command):
    """The picture's module. It is looked for late: help and completions need no matplotlib."""
    try:
        return importlib.import_module(f".pictures.{command.name}", __package__)
    except ImportError as missing:
        if (missing.name or "").split(".")[0] not in ("matplotlib", "numpy"):
            raise
        raise IoError(f"{missing.name} is not installed; on Debian: apt-get install python3-matplotlib") from None


def draw(arguments):
    """Makes the picture and its files; gives what there is to say of it, and warnings."""
    if arguments.command.name == "report":
        return module_of(arguments.command).write(arguments)
    wanted = files.outputs(arguments)
    dpi = arguments.number("dpi", 30, 1200)
    arguments.number("width", 60, 1000)
    for name in ("title", "genome"):
        if arguments.given(name) and not arguments.text(name).isprintable():
            raise UsageError(f"--{name}: one line of text is wanted")
    module = module_of(arguments.command)
    from . import output, style
    with style.applied():
        picture = module.draw(arguments)
    picture.name = arguments.command.name
    output.save(picture, wanted, dpi)
    return picture.caption, []


def run(words):
    man = "--help-man" in words
    command, rest = command_of([word for word in words if word != "--help-man"])
    if not words:
        sys.stderr.write("Usage: regplot PICTURE [options] [FILE ...]\nSee regplot --help or man regplot.\n")
        return 2
    arguments = parse(command, rest)
    text = informed(arguments, man)
    if text:
        sys.stdout.write(text)
        sys.stdout.flush()
        return 0
    verbosity = arguments.integer("verbosity", 1, 5)
    if not command.name:
        word = arguments.words[0] if arguments.words else ""
        raise UsageError(f"'{word}' is no picture; see regplot --help" if word else "which picture? See regplot --help")
    verify(arguments)
    caption, warnings = draw(arguments)
    for warning in warnings if verbosity >= 3 else []:
        say(f"warning: {warning}")
    if verbosity >= 4:
        say(caption)
    return 0


def main(words):
    try:
        return run(words)
    except Error as error:
        say(" ".join(str(error).split("\n")))
        return error.code
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 141
    except KeyboardInterrupt:
        return 130
    except MemoryError:
        say("not enough memory")
        return 1
    except OSError as error:
        say(f"{error.filename}: {error.strerror}" if error.filename else str(error))
        return 1
