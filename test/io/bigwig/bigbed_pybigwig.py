#!/usr/bin/env python3
"""Reads what bigbed_probe wrote with pyBigWig (libBigWig) and, where it is installed, pybigtools: contigs, intervals of
whole contigs and of regions, columns, summary. No reader of Debian shows the zoom levels of a bigBed, so they are taken
apart here, and each record is held against the depth that numpy counts."""
import os
import random
import struct
import subprocess
import sys
import tempfile
import zlib

python = os.environ.get("REGKIT_PYTHON", "/usr/bin/python3")
if os.path.realpath(python) != os.path.realpath(sys.executable):
    os.execv(python, [python] + sys.argv)
try:
    import numpy as np
    import pyBigWig
except ImportError as missing:
    print(f"SKIPPED: {missing}; install python3-pybigwig and python3-numpy")
    sys.exit(77)
try:
    import pybigtools
except ImportError:
    pybigtools = None

PROBE = os.path.join(os.environ["REGKIT_BIN"], "bigbed_probe")


def cases():
    """Name, contigs in the order of the data, and sorted intervals of each."""
    rng = random.Random(5)

    def some(length, count, longest):
        rows = []
        for _ in range(count):
            begin = rng.randrange(length)
            rows.append((begin, min(length, begin + rng.randrange(1, longest + 1)), f"m{rng.randrange(9)}\t{rng.random():.4f}"))
        return sorted(rows, key=lambda row: row[:2])
    yield "dense", [("chr2", 300000), ("chr10", 90001), ("empty", 5)], {"chr2": some(300000, 20000, 400), "chr10": some(90001, 5000, 90000)}
    yield "sparse", [("a", 50_000_000)], {"a": some(50_000_000, 3000, 200)}
    # All at one place, nested, touching, and to the contig's end.
    same = [(700, 1400, f"x{i}\t1") for i in range(1500)]
    yield "nested", [("c", 5000)], {"c": [(0, 5000, "a\t1"), (10, 20, "b\t1"), (10, 4990, "c\t1"), (20, 30, "d\t1"), *same, (4999, 5000, "e\t1")]}
    yield "scaffolds", [(f"scaffold_{i * 37 % 701}", 200 + i) for i in range(700)], {
        f"scaffold_{i * 37 % 701}": some(200 + i, 3, 50) for i in range(700) if i % 5}
    yield "one", [("x", 1)], {"x": [(0, 1, "n" * 255 + "\t.")]}
    yield "none", [("x", 100)], {}


def zoom_levels(data):
    """Of each level its reduction and records (contig, begin, end, bases, min, max, sum, squares), by the tree over it."""
    magic, version, levels = struct.unpack_from("<IHH", data)
    assert magic == 0x8789F2EB and version == 4 and data[-4:] == data[:4]
    for level in range(levels):
        reduction, _, begin, index = struct.unpack_from("<IIQQ", data, 64 + 24 * level)
        count, = struct.unpack_from("<I", data, begin)
        tree_magic, fan_out, blocks = struct.unpack_from("<IIQ", data, index)
        assert tree_magic == 0x2468ACE0
        records = []

        def walk(at):
            leaf, _, items = struct.unpack_from("<BBH", data, at)
            assert items <= fan_out
            for i in range(items):
                if leaf:
                    first, low, last, high, offset, size = struct.unpack_from("<IIIIQQ", data, at + 4 + 32 * i)
                    block = list(struct.iter_unpack("<IIIIffff", zlib.decompress(data[offset:offset + size])))
                    assert len(block) <= 512 and block[0][:2] == (first, low) and (block[-1][0], block[-1][2]) == (last, high)
                    records.extend(block)
                else:
                    walk(struct.unpack_from("<IIIIQ", data, at + 4 + 24 * i)[4])
        if blocks:
            walk(index + 48)
        assert len(records) == count
        yield reduction, records


def check_zooms(data, contigs, depths):
    numbers = []
    for reduction, records in zoom_levels(data):
        covered = [0] * len(contigs)
        for before, (contig, begin, end, bases, low, high, total, squares) in zip([None, *records], records):
            assert begin // reduction == (end - 1) // reduction and before is None or before[:1] < (contig,) or before[2] <= begin
            part = depths[contigs[contig][0]][begin:end].astype(float)
            there = part[part > 0]
            assert part[0] > 0 and part[-1] > 0 and bases == len(there), (reduction, contig, begin, end)
            assert (low, high) == (there.min(), there.max())
            assert abs(total - there.sum()) <= 1e-6 * there.sum() and abs(squares - (there ** 2).sum()) <= 1e-6 * (there ** 2).sum()
            covered[contig] += bases
        assert covered == [int((depths[name] > 0).sum()) for name, _ in contigs], reduction
        numbers.append((reduction, len(records)))
    assert all(a[0] * 4 == b[0] and a[1] > b[1] for a, b in zip(numbers, numbers[1:])), numbers
    assert numbers
    return numbers


def check(directory, name, contigs, rows):
    path = f"{directory}/{name}.bb"
    with open(f"{directory}/sizes", "w") as file:
        file.writelines(f"{contig}\t{length}\n" for contig, length in contigs)
    with open(f"{directory}/bed", "w") as file:
        file.writelines(f"{contig}\t{begin}\t{end}\t{columns}\n" for contig, _ in contigs for begin, end, columns in rows.get(contig, []))

    def write(to, workers, how):
        subprocess.run([PROBE, f"{directory}/sizes", f"{directory}/bed", to, workers, how], check=True)
        return open(to, "rb").read()
    data = write(path, "1", "first")
    assert write(f"{directory}/other.bb", "3", "first") == data, "workers show"
    assert write(f"{directory}/other.bb", "2", "stream") == data, "the way of a stream shows"

    depths = {}
    for contig, length in contigs:
        steps = np.zeros(length + 1, int)
        for begin, end, _ in rows.get(contig, []):
            steps[begin] += 1
            steps[end] -= 1
        depths[contig] = np.cumsum(steps)[:-1]
    every = np.concatenate([d[d > 0] for d in depths.values()]).astype(float)
    count = sum(map(len, rows.values()))
    fields, bed_fields, columns_at, summary_at = struct.unpack_from("<HHQQ", data, 32)
    assert (fields, bed_fields) == (5, 4) and data[columns_at:].startswith(b"table probe\n")
    assert struct.unpack_from("<Q", data, struct.unpack_from("<Q", data, 16)[0])[0] == count
    low_high = (every.min(), every.max()) if count else (0, 0)
    assert struct.unpack_from("<Qdddd", data, summary_at) == (len(every), *low_high, every.sum(), (every ** 2).sum())
    zooms = check_zooms(data, contigs, depths)
    assert zooms[0][1] <= max(count / 2, zooms[-1][1]), "a level that is as long as the data"

    bb = pyBigWig.open(path)
    assert bb.isBigBed() and bb.chroms() == dict(contigs) and bb.header()["nBasesCovered"] == len(every)
    assert bb.SQL() in (b"table probe\n\"of a test\"\n(\n)\n", "table probe\n\"of a test\"\n(\n)\n"), bb.SQL()
    rng = random.Random(1)
    for contig, length in contigs:
        mine = rows.get(contig, [])
        assert (bb.entries(contig, 0, length) or []) == mine, (name, contig)
        for _ in range(20 if len(contigs) < 10 else 2):
            begin = rng.randrange(length)
            end = min(length, begin + rng.randrange(1, 3000))
            assert (bb.entries(contig, begin, end) or []) == [r for r in mine if r[1] > begin and r[0] < end], (name, contig, begin, end)
    bb.close()
    if pybigtools:
        bb = pybigtools.open(path)
        assert bb.chroms() == dict(contigs) and bb.zooms() == [reduction for reduction, _ in zooms]
        for contig, _ in contigs[:20]:
            assert [(r[0], r[1], "\t".join(r[2:])) for r in bb.records(contig)] == rows.get(contig, []), (name, contig)
        for reduction, records in zooms:
            assert sum(len(list(bb.zoom_records(reduction, contig))) for contig, _ in contigs) == records
    print(f"{name}: {count} intervals, {len(contigs)} contigs, zooms {zooms}, {len(data)} bytes"
          + ("" if pybigtools else "; without pybigtools"))


def main():
    with tempfile.TemporaryDirectory() as directory:
        for case in cases():
            check(directory, *case)


if __name__ == "__main__":
    main()
