#!/usr/bin/env python3
"""What regsnp motifs finds of the targets of a model that have a matrix in a collection, as a table; by hand.

  motifs.py MODEL REF REGIONS COLLECTION.meme [--bin build/bin] [--markers PATTERN] [-n 500] [--seed 1] [-o TABLE.tsv]

Needs python3-numpy. A row a marker of the class TFBS whose target has a matrix, and of it the motif that is most like one of the
target's matrices:

  sites, motifs     how many were called, how many motifs were made of them
  motif, nsites     the one that is told of; '.' where there is none
  matrix            the target's matrix that it is most like
  r                 the correlation of columns where the two overlap best, over the columns of the shorter one (regplot motifs)
  rank              of that matrix in the whole collection, by the p-value and then r; 1 is the best
  p                 the share of the null that correlates as well: all matrices of the collection with their columns in another order,
                    as often as gives 200,000 of them
  q                 p over the collection by Benjamini and Hochberg, times the motifs of the marker (Bonferroni)
  found             q < 0.05

At the end the families that were found are counted: a target is one family, however many markers it has. The shares of bases in
matrices remain in the null, so that what is only rich in G and C is no hit. Exit 1 with --want-none TARGET where that is found, or with
--want TARGET where it is not."""
import argparse
import os
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
PYTHON = os.environ.get("REGKIT_PYTHON", "/usr/bin/python3")
if os.path.realpath(PYTHON) != os.path.realpath(sys.executable):
    os.execv(PYTHON, [PYTHON] + sys.argv)
import numpy as np

sys.path.insert(0, os.path.join(HERE, "..", "..", "tools"))
from regplot import motifs as motif

NULL = 200_000
COLUMNS = ["marker", "target", "sites", "motifs", "motif", "nsites", "matrix", "r", "rank", "p", "q", "found"]


def is_of(each, target):
    """As of Motif::is_of: the factor alone or in a pair, without what stands in brackets."""
    name = (each.alternative or each.name).split("(")[0]
    return target.upper() in (part.upper() for part in name.split("::"))


class Collection:
    """Matrices of one length side by side, so that a motif is held against all of them at once."""

    def __init__(self, matrices):
        self.count = len(matrices)
        self.groups = []
        for length in sorted({len(matrix) for matrix in matrices}):
            where = [i for i, matrix in enumerate(matrices) if len(matrix) == length]
            self.groups.append((np.array(where), np.array([motif.standard(matrices[i]) for i in where])))

    def scores(self, matrix, least=4):
        """The score of motif.correlation, of both strands the better, with each."""
        found = np.full(self.count, -2.0)
        for turned in (False, True):
            query = motif.standard(motif.turned(matrix) if turned else matrix)
            for where, targets in self.groups:
                columns = np.einsum("qb,ntb->nqt", query, targets)
                shorter = min(columns.shape[1:])
                for offset in range(1 - columns.shape[1], columns.shape[2]):
                    diagonal = np.diagonal(columns, offset, 1, 2)
                    if diagonal.shape[1] >= min(least, shorter):
                        found[where] = np.maximum(found[where], diagonal.sum(1) / max(shorter, diagonal.shape[1]))
        return found


def other_orders(collection, seed):
    rng = np.random.default_rng(seed)
    return Collection([each.matrix[rng.permutation(len(each.matrix))] for _ in range(-(-NULL // len(collection))) for each in collection])


def adjusted(p):
    """Benjamini and Hochberg's."""
    order = np.argsort(p, kind="stable")
    q = np.minimum.accumulate((p[order] * len(p) / np.arange(1, len(p) + 1))[::-1])[::-1]
    back = np.empty(len(p))
    back[order] = np.minimum(q, 1)
    return back


def best_of(found, own, whole, null):
    """Of a marker's motifs the one with the smallest q of the target's own matrices (places `own`)."""
    best = None
    for each in found:
        scores = whole.scores(each.matrix)
        shuffled = np.sort(null.scores(each.matrix))
        p = (1 + len(shuffled) - np.searchsorted(shuffled, scores - 1e-12)) / (1 + len(shuffled))
        q = np.minimum(1, adjusted(p) * len(found))
        order = sorted(range(len(p)), key=lambda i: (p[i], -scores[i]))
        place = min(own, key=lambda i: (p[i], -scores[i]))
        row = (q[place], -scores[place], each, place, order.index(place) + 1, p[place])
        if best is None or row[:2] < best[:2]:
            best = row
    return best


def targets_of(a):
    """marker -> target, of the class TFBS."""
    done = subprocess.run([os.path.join(a.bin, "regmodel"), "info", "--markers", a.model], capture_output=True, text=True, check=True)
    rows = [line.split("\t") for line in done.stdout.splitlines() if not line.startswith("#")]
    head = rows[0]
    found = {row[head.index("marker")]: row[head.index("target")] for row in rows[1:] if row[head.index("class")] == "TFBS"}
    return {marker: target if target not in ("", ".") else marker.split(".")[0] for marker, target in found.items()}


def made_motifs(a, scratch):
    """The motifs, and how many sites each marker had, as the tool says."""
    path = os.path.join(scratch, "found.meme")
    command = [os.path.join(a.bin, "regsnp"), "motifs", "-m", a.model, "-f", a.reference, "-r", a.regions, "-k", a.markers,
               "-n", str(a.count), "--seed", str(a.seed), "-o", path, "--progress", "none"]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode == 3 and "calls no site" in done.stderr:
        return [], {}
    if done.returncode:
        sys.exit(done.stderr)
    sites = {line.split(": ")[1]: line.split(": ")[2].split(" ")[0] for line in done.stderr.splitlines() if " seqlet" in line and " site" in line}
    text = open(path).read()
    return (motif.read(path)[0] if "MOTIF" in text else []), sites


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("model")
    p.add_argument("reference")
    p.add_argument("regions")
    p.add_argument("collection")
    p.add_argument("--bin", default=os.environ.get("REGKIT_BIN", "build/bin"))
    p.add_argument("--markers", default="class:TFBS")
    p.add_argument("-n", "--count", type=int, default=500)
    p.add_argument("--seed", type=int, default=1)
    p.add_argument("--want")
    p.add_argument("--want-none")
    p.add_argument("-o", "--output", default="-")
    a = p.parse_args()
    collection = motif.read(a.collection)[0]
    whole, null = Collection([each.matrix for each in collection]), other_orders(collection, a.seed)
    with tempfile.TemporaryDirectory() as scratch:
        made, sites = made_motifs(a, scratch)
    rows, families, asked = [], {}, set()
    for marker, target in targets_of(a).items():
        own = [i for i, each in enumerate(collection) if is_of(each, target)]
        if not own or (sites and marker not in sites):
            continue
        asked.add(target)
        found = [each for each in made if each.name.rpartition(".")[0] == marker]
        best = best_of(found, own, whole, null) if found else None
        row = [marker, target, sites.get(marker, "0"), str(len(found))]
        if best:
            q, score, each, place, rank, chance = best
            row += [each.name, each.sites, collection[place].label(), f"{-score:.3f}", str(rank), f"{chance:.2g}", f"{q:.2g}", "yes" if q < 0.05 else "no"]
            if q < 0.05:
                families.setdefault(target, []).append((q, marker))
        else:
            row += ["."] * 7 + ["no"]
        rows.append(row)
    out = sys.stdout if a.output == "-" else open(a.output, "w")
    print(*COLUMNS, sep="\t", file=out)
    for row in sorted(rows, key=lambda row: (float(row[10]) if row[10] != "." else 2, row[0])):
        print(*row, sep="\t", file=out)
    names = ", ".join(f"{target} (q {min(hits)[0]:.2g})" for target, hits in sorted(families.items(), key=lambda item: min(item[1])))
    print(f"# {len(made)} motifs; targets with a matrix: {len(asked)}; found at q < 0.05: {len(families)}{': ' + names if names else ''}", file=sys.stderr)
    if a.want and a.want not in families:
        sys.exit(f"{a.want} was not found")
    if a.want_none and a.want_none in families:
        sys.exit(f"{a.want_none} was found, and should not be")


if __name__ == "__main__":
    main()
