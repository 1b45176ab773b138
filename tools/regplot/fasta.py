"""Bases of a region of an indexed FASTA file, plain or bgzip."""
import bisect
import os
import struct
import zlib

from . import tables
from .errors import InputError, IoError, MismatchError


def index_of(path):
    """{contig: (length, offset of its first base, bases a line, bytes a line)}."""
    if not os.path.exists(path):
        raise IoError(f"{path}: there is no such file")
    if not os.path.exists(path + ".fai"):
        raise IoError(f"{path}.fai: the index is missing; make it with: samtools faidx {path}")
    index = {}
    for number, line in tables.lines(path + ".fai"):
        fields = line.split("\t")
        try:
            index[fields[0]] = tuple(int(field) for field in fields[1:5])
        except ValueError:
            raise InputError(f"{path}.fai:{number}: this is no line of an index") from None
    return index


def bgzip_bytes(path, begin, end):
    """Bytes of the text of a bgzip file, by its .gzi."""
    try:
        with open(path + ".gzi", "rb") as file:
            numbers = file.read()
    except OSError:
        raise IoError(f"{path}.gzi: the index is missing; make it with: samtools faidx {path}") from None
    blocks = [(0, 0)] + [struct.unpack_from("<QQ", numbers, 8 + 16 * i) for i in range(len(numbers[8:]) // 16)]
    starts = [text for _, text in blocks]
    first = bisect.bisect_right(starts, begin) - 1
    parts, at = [], starts[first]
    with open(path, "rb") as file:
        file.seek(blocks[first][0])
        while at < end:
            head = file.read(18)
            if len(head) < 18:
                break
            size = struct.unpack_from("<H", head, 16)[0] + 1
            part = zlib.decompress((head + file.read(size - 18)), wbits=31)
            if not part:
                break
            parts.append(part)
            at += len(part)
    text = b"".join(parts)
    return text[begin - starts[first]:end - starts[first]]


def bases(path, contig, begin, end):
    """Of a region, cut at the contig's ends; and the length of the contig."""
    index = index_of(path)
    if contig not in index:
        raise MismatchError(f"{path}: there is no contig {contig}")
    length, offset, per_line, bytes_per_line = index[contig]
    begin, end = max(0, begin), min(end, length)
    place = [offset + at // per_line * bytes_per_line + at % per_line for at in (begin, end)]
    with open(path, "rb") as file:
        if file.read(2) == b"\x1f\x8b":
            raw = bgzip_bytes(path, *place)
        else:
            file.seek(place[0])
            raw = file.read(place[1] - place[0])
    text = "".join(raw.decode("latin-1").split()).upper()
    if len(text) != end - begin:
        raise InputError(f"{path}: the index does not fit: {contig} ends too early")
    return text, length
