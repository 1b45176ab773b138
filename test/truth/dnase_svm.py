#!/usr/bin/env python3
"""A gapped k-mer SVM of DNase.GM12878 for dsqtl.py, from the same arm as the model beside it: needs gkmsvm-lite (PyPI).

  dnase_svm.py DATA WORK

Positives: 300 bases around the middle of each peak of the training arm; as many negatives of the arm, away from peaks, whose GC lies
within .02 of a positive's. l = 10, k = 6, d = 3, as of LS-GKM's estimated l-mers. A variant's score is that of 301 bases with ALT less
that with REF. Reads WORK/dsqtl.groups.tsv and writes WORK/gkmsvm.tsv: position, ALT, score."""
import os
import sys

import numpy as np
from gkmsvm import train_gkmsvm
from gkmsvm.codec import one_hot_encode

import common

HALF = 150


def encode(words):
    return np.stack([one_hot_encode(word) for word in words])


def main():
    data, work = sys.argv[1:]
    dna = common.sequence(work)
    sites = common.merged(common.peaks(data, "DNase.GM12878"))
    rng = np.random.default_rng(1)

    def word(p, length=2 * HALF):
        return dna[p - HALF:p - HALF + length].tobytes().decode()

    def gc(p):
        near = dna[p - HALF:p + HALF]
        return np.mean((near == ord("G")) | (near == ord("C")))

    with open(os.path.join(work, "dsqtl.groups.tsv")) as file:
        variants = [line.split() for line in file]
    with open(os.path.join(work, "gkmsvm.tsv.new"), "w") as out:
        for arm, judge in common.JUDGE.items():
            begin, end = common.ARM[judge]
            here = sites[(sites[:, 0] > begin + 1000) & (sites[:, 1] < end - 1000)].astype(int)
            middles = (here[:, 0] + here[:, 1]) // 2
            positives, negatives = [], []
            for middle in middles:
                wanted = gc(middle)
                while True:
                    p = int(rng.integers(begin + 1000, end - 1000))
                    near = dna[p - HALF:p + HALF]
                    if (near != ord("N")).all() and abs(gc(p) - wanted) <= .02 and common.distance(sites, np.array([p]))[0] > 1000:
                        break
                positives.append(word(middle))
                negatives.append(word(p))
            print(f"{judge} arm: {len(positives)} sequences of each kind", file=sys.stderr)
            model = train_gkmsvm(positives, negatives, l=10, k=6, d=3, device="cpu")
            mine = [v for v in variants if v[0] == arm]
            scores = {}
            for which in (2, 3):
                words = []
                for v in mine:
                    text = word(int(v[1]), 2 * HALF + 1)
                    words.append(text[:HALF] + v[which] + text[HALF + 1:])
                scores[which] = np.concatenate([np.asarray(model(encode(words[i:i + 200]))).reshape(-1)
                                                for i in range(0, len(words), 200)])
            for v, delta in zip(mine, scores[3] - scores[2]):
                print(v[1], v[3], delta, file=out)
    os.replace(os.path.join(work, "gkmsvm.tsv.new"), os.path.join(work, "gkmsvm.tsv"))


main()
