"""What the scripts of `make truth` share: the sequence, peaks, the tools, and intervals of figures."""
import gzip
import os
import subprocess

import numpy as np

ARM = {"left": (4_000_000, 26_300_000), "right": (29_400_000, 63_025_520)}
# Who has not seen an arm: the model that was trained on the other.
JUDGE = {"left": "right", "right": "left"}


def sequence(work):
    """chr20 as bytes, upper case."""
    with open(os.path.join(work, "chr20.fa"), "rb") as file:
        file.readline()
        return np.frombuffer(file.read().replace(b"\n", b"").upper(), np.uint8)


def peaks(data, marker, sheet="markers.tsv"):
    """[n][begin, end, summit, signal] of a marker of the sheet, by begin; the middle where no summit is told."""
    with open(os.path.join(data, sheet)) as file:
        name = next(row[4] for row in (line.rstrip("\n").split("\t") for line in file) if row[0] == marker)
    found = []
    with gzip.open(os.path.join(data, name), "rt") as file:
        for line in file:
            row = line.rstrip("\n").split("\t")
            begin, end = int(row[1]), int(row[2])
            summit = int(row[9]) if len(row) > 9 and int(row[9]) >= 0 else (end - begin) // 2
            found.append((begin, end, begin + summit, float(row[6]) if len(row) > 6 else 0.0))
    return np.array(sorted(found))


def distance(intervals, positions):
    """Bases from each position to the nearest of intervals [n][begin, end] that do not overlap; 0 inside."""
    begin, end = intervals[:, 0], intervals[:, 1]
    after = np.searchsorted(begin, positions, side="right")
    behind = np.where(after > 0, positions - end[np.maximum(after - 1, 0)] + 1, np.inf)
    ahead = np.where(after < len(begin), begin[np.minimum(after, len(begin) - 1)] - positions, np.inf)
    return np.maximum(0, np.minimum(behind, ahead))


def merged(intervals):
    kept = []
    for begin, end in intervals[np.argsort(intervals[:, 0])][:, :2]:
        if kept and begin <= kept[-1][1]:
            kept[-1][1] = max(kept[-1][1], end)
        else:
            kept.append([begin, end])
    return np.array(kept)


def tool(*args, quiet=True, text_in=None):
    """Standard output of a tool of the build."""
    words = [os.path.join(os.environ["REGKIT_BIN"], args[0]), *map(str, args[1:])]
    done = subprocess.run(words, capture_output=True, text=True, input=text_in)
    assert done.returncode == 0, f"{' '.join(words)}\n{done.stderr}"
    return done.stdout if quiet else (done.stdout, done.stderr)


def bootstrap(groups, figure, seed=1, rounds=1000):
    """The 95 % interval of figure(list of groups), over groups drawn with replacement."""
    rng = np.random.default_rng(seed)
    drawn = [figure([groups[i] for i in rng.integers(0, len(groups), len(groups))]) for _ in range(rounds)]
    return tuple(np.nanpercentile(drawn, (2.5, 97.5)))


def wilson(hits, n):
    """Wilson's 95 % interval of a share."""
    if n == 0:
        return float("nan"), float("nan")
    z, p = 1.96, hits / n
    middle, half = p + z * z / (2 * n), z * np.sqrt(p * (1 - p) / n + z * z / (4 * n * n))
    return (middle - half) / (1 + z * z / n), (middle + half) / (1 + z * z / n)
