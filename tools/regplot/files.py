"""Where pictures go: names that are checked before any work is done, and files that appear whole or not at all."""
import os
import re
import sys
import tempfile

from .errors import IoError, UsageError

FORMATS = ("svg", "png", "pdf", "html")


def kind_of(name, asked):
    """What an output is written as: what --output-format says, else how the name ends; SVG on standard output."""
    if asked:
        return asked
    if name == "-":
        return "svg"
    ending = re.sub(r".*\.", "", os.path.basename(name)).lower()
    if ending not in FORMATS:
        raise UsageError(f"-o {name}: the name ends in none of .{', .'.join(FORMATS)}; say what is wanted with -O")
    return ending


def outputs(arguments, formats=FORMATS):
    """[(name, kind)]: checked before any work is done."""
    asked = arguments.text("output-format") if arguments.given("output-format") else ""
    asked = formats[0] if len(formats) == 1 else asked
    names = arguments.all("output") or ["-"]
    if len(set(names)) < len(names):
        raise UsageError("-o: two outputs have the same name")
    wanted = []
    for name in names:
        kind = kind_of(name, asked)
        if kind not in formats:
            raise UsageError(f"-o {name}: the formats here are {', '.join(formats)}")
        if name == "-" and sys.stdout.isatty():
            raise UsageError("no output for the picture: -o FILE.svg, .png, .pdf or .html, or a pipe on standard output")
        if os.path.isdir(name) or name.endswith("/"):
            raise UsageError(f"-o {name} is a folder")
        folder = os.path.dirname(name) or "."
        if name != "-" and not os.path.isdir(folder):
            raise IoError(f"-o {name}: there is no folder {folder}")
        wanted.append((name, kind))
    return wanted


def write(contents):
    """[(name, bytes)]. Files appear under their names when all of them are written."""
    waiting = []
    try:
        for name, data in contents:
            if name == "-":
                sys.stdout.buffer.write(data)
                sys.stdout.buffer.flush()
            elif os.path.exists(name) and not os.path.isfile(name):  # a device or a pipe
                with open(name, "wb") as file:
                    file.write(data)
            else:
                target = os.path.realpath(name)
                handle, new = tempfile.mkstemp(prefix="." + os.path.basename(target) + ".", dir=os.path.dirname(target))
                waiting.append((new, target))
                with os.fdopen(handle, "wb") as file:
                    file.write(data)
                    file.flush()
                    os.fsync(file.fileno())
                mask = os.umask(0)
                os.umask(mask)
                os.chmod(new, 0o666 & ~mask)
        for new, target in waiting:
            os.replace(new, target)
        waiting = []
    except BrokenPipeError:
        raise
    except OSError as error:
        raise IoError(f"{name}: {error.strerror}") from None
    finally:
        for new, _ in waiting:
            if os.path.exists(new):
                os.unlink(new)
