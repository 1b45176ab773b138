"""Regions, values along a contig (bigWig, bedGraph) and intervals (BED, narrowPeak), 0-based and half-open inside."""
import re
from dataclasses import dataclass

import numpy as np

from . import tables
from .errors import InputError, IoError, MismatchError, UsageError


@dataclass(frozen=True)
class Region:
    contig: str
    begin: int
    end: int

    def __str__(self):
        return f"{self.contig}:{self.begin + 1:,}-{self.end:,}"


def region(text, option="-r"):
    """chr20:1,000-2,000, 1-based and inclusive."""
    match = re.fullmatch(r"\{?(.+?)\}?:([0-9,]+)-([0-9,]+)", text)
    if not match:
        raise UsageError(f"{option} {text}: a region such as chr20:1,000-2,000 is wanted")
    begin, end = (int(number.replace(",", "") or 0) for number in match.groups()[1:])
    if begin < 1 or end < begin:
        raise UsageError(f"{option} {text}: positions count from 1, and the end is not before the start")
    return Region(match.group(1), begin - 1, end)


@dataclass
class Interval:
    begin: int
    end: int
    name: str
    score: float = float("nan")


def is_bigwig(path):
    try:
        with open(path, "rb") as file:
            return file.read(4) in (b"\x26\xfc\x8f\x88", b"\x88\x8f\xfc\x26")
    except OSError as error:
        raise IoError(f"{path}: {error.strerror}") from None


def bigwig_values(path, where):
    try:
        import pyBigWig
    except ImportError:
        raise IoError(f"{path}: to read a bigWig, pyBigWig is needed; on Debian: apt-get install python3-pybigwig") from None
    try:
        with pyBigWig.open(path) as file:
            length = file.chroms(where.contig)
            if length is None:
                raise MismatchError(f"{path}: there is no contig {where.contig}")
            end = min(where.end, length)
            values = np.full(where.end - where.begin, np.nan)
            if where.begin < end:
                values[:end - where.begin] = file.values(where.contig, where.begin, end, numpy=True)
            return values
    except RuntimeError as error:
        raise InputError(f"{path}: this bigWig cannot be read: {error}") from None


def interval_rows(path, where, least, what):
    """(line number, fields, begin, end) of the lines that overlap the region."""
    for number, line in tables.lines(path):
        if not line or line.startswith(("#", "track", "browser")):
            continue
        fields = line.split("\t") if "\t" in line else line.split()
        try:
            if len(fields) < least:
                raise ValueError
            begin, end = int(fields[1]), int(fields[2])
        except ValueError:
            raise InputError(f"{path}:{number}: this is no line of {what}") from None
        if fields[0] == where.contig and begin < where.end and end > where.begin:
            yield number, fields, begin, end


def values(path, where):
    """A value a base; NaN where the file has none."""
    if path != "-" and is_bigwig(path):
        return bigwig_values(path, where)
    found = np.full(where.end - where.begin, np.nan)
    for number, fields, begin, end in interval_rows(path, where, 4, "bedGraph"):
        try:
            value = float(fields[3])
        except ValueError:
            raise InputError(f"{path}:{number}: '{fields[3]}' is no number") from None
        found[max(0, begin - where.begin):end - where.begin] = value
    return found


def intervals(path, where):
    found = []
    for _, fields, begin, end in interval_rows(path, where, 3, "BED"):
        found.append(Interval(begin, end, fields[3] if len(fields) > 3 else "."))
    return found


def covered(found, where):
    """Which bases of the region intervals cover."""
    mask = np.zeros(where.end - where.begin, dtype=bool)
    for each in found:
        mask[max(0, each.begin - where.begin):each.end - where.begin] = True
    return mask


def binned(found, count):
    """Means and largest values of `count` stretches of equal length, for pictures that have fewer points than bases."""
    edges = np.linspace(0, len(found), min(count, len(found)) + 1).astype(int)
    largest = np.array([np.nan if np.isnan(part).all() else np.nanmax(part) for part in np.split(found, edges[1:-1])])
    return edges, largest
