#!/usr/bin/env python3
"""Reads what bigwig_probe wrote with pyBigWig (libBigWig): contigs, every value, summary, zoom levels."""
import os
import struct
import subprocess
import sys
import tempfile

python = os.environ.get("REGKIT_PYTHON", "/usr/bin/python3")
if os.path.realpath(python) != os.path.realpath(sys.executable):
    os.execv(python, [python] + sys.argv)
try:
    import numpy as np
    import pyBigWig
except ImportError as missing:
    print(f"SKIPPED: {missing}; install python3-pybigwig and python3-numpy")
    sys.exit(77)

PROBE = os.path.join(os.environ["REGKIT_BIN"], "bigwig_probe")


def expected(path):
    contigs, values = {}, {}
    for line in open(path):
        fields = line.rstrip("\n").split("\t")
        if fields[0] == "#contig":
            contigs[fields[1]] = int(fields[2])
            values[fields[1]] = np.full(int(fields[2]), np.nan, np.float32)
        else:
            values[fields[0]][int(fields[1]):int(fields[2])] = np.float32(fields[3])
    return contigs, values


def zoom_reductions(path):
    data = open(path, "rb").read()
    levels = struct.unpack_from("<H", data, 6)[0]
    assert data[:4] == data[-4:], "the magic is not repeated at the end"
    return [struct.unpack_from("<I", data, 64 + 24 * i)[0] for i in range(levels)]


def check_zooms(bw, name, have, reductions):
    """libBigWig takes the coarsest level of at most half a query bin: with query bins of 4 zoom bins that level's records
    do not cross them, so the approximate statistics must be the exact ones."""
    checked = 0
    for reduction in reductions:
        width = reduction * 4
        bins = len(have) // width
        if bins == 0:
            continue
        parts = have[:bins * width].reshape(bins, width)
        mean = lambda part: np.nanmean(part.astype(float))
        for kind, function, tolerance in (("min", np.nanmin, 0), ("max", np.nanmax, 0), ("mean", mean, 1e-6)):
            got = bw.stats(name, 0, bins * width, type=kind, nBins=bins)
            for i, part in enumerate(parts):
                if np.isnan(part).all():
                    assert got[i] is None, (name, kind, reduction, i, got[i])
                else:
                    assert abs(got[i] - function(part)) <= tolerance, (name, kind, reduction, i, got[i], function(part))
                    checked += 1
    return checked


def check(directory, case):
    path = f"{directory}/{case}.bw"
    contigs, values = expected(f"{directory}/{case}.tsv")
    bw = pyBigWig.open(path)
    assert bw.isBigWig() and bw.chroms() == contigs, bw.chroms()
    assert len(bw.chroms()) == len(contigs)
    header = bw.header()
    every = np.concatenate([v[~np.isnan(v)] for v in values.values()]).astype(float)
    assert header["version"] == 4 and header["nBasesCovered"] == len(every), header
    if len(every):
        # pyBigWig truncates these three to integers in header(); read the file's own bytes.
        data = open(path, "rb").read()
        at = struct.unpack_from("<Q", data, 44)[0]
        covered, low, high, total, squares = struct.unpack_from("<Qdddd", data, at)
        assert (covered, low, high) == (len(every), every.min(), every.max())
        assert abs(total - every.sum()) <= 1e-9 * every.sum()
        assert abs(squares - (every ** 2).sum()) <= 1e-9 * (every ** 2).sum()
    checked = 0
    for name, have in values.items():
        got = np.array(bw.values(name, 0, contigs[name]), np.float32)
        assert np.array_equal(got, have, equal_nan=True), (case, name)
        if np.isnan(have).all():
            continue
        for kind, function in (("mean", np.mean), ("min", np.min), ("max", np.max), ("std", lambda v: np.std(v, ddof=1))):
            exact = bw.stats(name, 0, contigs[name], type=kind, exact=True)[0]
            clean = have[~np.isnan(have)].astype(float)
            if kind != "std" or len(clean) > 1:
                assert abs(exact - function(clean)) <= 1e-6 * max(1.0, abs(function(clean))), (case, name, kind, exact)
        if contigs[name] > 10000:
            part = check_zooms(bw, name, have, zoom_reductions(path))
            assert part > 0, (case, name)
            checked += part
    bw.close()
    print(f"{case}: {len(every)} bases, {len(contigs)} contigs, zooms {zoom_reductions(path)}, {checked} zoom statistics, "
          f"{os.path.getsize(path)} bytes")
    for other in ("threads", "stream"):
        same = open(path, "rb").read() == open(f"{directory}/{case}.{other}.bw", "rb").read()
        assert same, f"{case}.{other}.bw differs"


def main():
    with tempfile.TemporaryDirectory() as directory:
        subprocess.run([PROBE, directory], check=True)
        cases = sorted(name[:-4] for name in os.listdir(directory) if name.endswith(".tsv"))
        assert len(cases) == 6, cases
        for case in cases:
            check(directory, case)


if __name__ == "__main__":
    main()
