"""Text in: plain or gzip, tab-separated with a header, as the tools print it. Errors name file and line."""
import gzip
import math
import os
import sys
import zlib

from .errors import InputError, IoError, UsageError


def named(word):
    """NAME=FILE, or a file, which is then called by its name without folder and ending. A file that exists is never split."""
    if "=" in word and not os.path.exists(word):
        name, path = word.split("=", 1)
        if not name or not path:
            raise UsageError(f"'{word}': NAME=FILE or FILE is wanted")
        return name, path
    base = os.path.basename(word)
    for ending in (".gz", ".bgz", ".tsv", ".txt", ".log", ".narrowPeak", ".broadPeak", ".bed", ".bw", ".bigWig", ".bedgraph", ".bedGraph", ".bdg",
                   ".npz", ".matrix", ".meme", ".vcf"):
        if base.endswith(ending) and base != ending:
            base = base[:-len(ending)]
    return base, word


def data(path):
    try:
        if path == "-":
            raw = sys.stdin.buffer.read()
        else:
            with open(path, "rb") as file:
                raw = file.read()
        return gzip.decompress(raw) if raw[:2] == b"\x1f\x8b" else raw
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise InputError(f"{path}: the gzip file is damaged: {error}") from None
    except OSError as error:
        raise IoError(f"{path}: {error.strerror or error}") from None


def lines(path):
    """(number, line without its end) of a text file."""
    try:
        text = data(path).decode("utf-8")
    except UnicodeDecodeError:
        raise InputError(f"{path}: this is no text") from None
    for number, line in enumerate(text.splitlines(), 1):
        yield number, line


class Table:
    """Rows of a tab-separated table by the names of its header, which may begin with '#'; lines of '##' before it are skipped."""

    def __init__(self, path, needed, what):
        self.path, self.columns, self.rows, self.numbers = path, None, [], []
        for number, line in lines(path):
            if not line or line.startswith("##"):
                continue
            fields = line.split("\t")
            if self.columns is None:
                self.columns = [fields[0].lstrip("#")] + fields[1:]
                missing = [name for name in needed if name not in self.columns]
                if missing:
                    raise InputError(f"{path}:{number}: this is not {what}: there is no column {missing[0]}")
                continue
            if len(fields) != len(self.columns):
                raise InputError(f"{path}:{number}: {len(fields)} fields where the header has {len(self.columns)}")
            self.rows.append(dict(zip(self.columns, fields)))
            self.numbers.append(number)
        if self.columns is None:
            raise InputError(f"{path}: this is not {what}: it is empty")
        if not self.rows:
            raise InputError(f"{path}: there are no rows")

    def number(self, index, column):
        """Of a row; NaN where it says NA or '.'."""
        text = self.rows[index][column]
        if text in ("NA", "."):
            return math.nan
        try:
            return float(text)
        except ValueError:
            raise InputError(f"{self.path}:{self.numbers[index]}: column {column} has '{text}', which is no number") from None

    def column(self, name, indices=None):
        return [self.number(index, name) for index in (range(len(self.rows)) if indices is None else indices)]


def chosen(names, asked, path, option="-k"):
    """The names that were asked for, in that order; all of them where none was."""
    names = list(dict.fromkeys(names))
    wanted = [name for text in asked for name in text.split(",")]
    for name in wanted:
        if name not in names:
            raise UsageError(f"{option} {name}: {path} has {', '.join(names[:20])}{' and more' if len(names) > 20 else ''}")
    return wanted or names


def one(names, asked, path, option="-k"):
    """The one name that a picture is of."""
    wanted = chosen(names, asked, path, option)
    if len(wanted) != 1:
        raise UsageError(f"{path} has {len(wanted)} markers; name one with {option}: {', '.join(wanted[:20])}"
                         + (" and more" if len(wanted) > 20 else ""))
    return wanted[0]
