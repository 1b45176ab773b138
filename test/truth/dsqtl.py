#!/usr/bin/env python3
"""DNase QTLs against matched variants: does a model see which variants matter, and in which direction?

  dsqtl.py DATA WORK [draw]

The 186 QTLs of chromosome 20 (Degner et al. 2012) are lead SNPs: they may only tag the variant that acts. Each is scored by the model
that has not seen its arm (train.sh), as the difference of logits of DNase.GM12878 of largest magnitude within 500 bases. Beside each,
20 variants of the same arm that are no QTLs: the same substitution (or its complement), GC of 1,001 bases within .03, the same class
of distance to the nearest DNase site. Allele frequency is not matched: there is no data. A gapped k-mer SVM (gkmsvm-lite) of the same arm
scores the same variants where WORK/gkmsvm.tsv (dnase_svm.py) is. draw: only
choose the variants, which that needs."""
import csv
import gzip
import os
import sys

import numpy as np
from sklearn.metrics import average_precision_score

import common

MARKER = "DNase.GM12878"
NEGATIVES = 20
CLASSES = (0, 500, 2_000, 10_000)  # bases to the nearest site: inside, up to each of these, beyond
COMPLEMENT = bytes.maketrans(b"ACGT", b"TGCA")


def class_of(distances):
    return np.searchsorted(CLASSES, distances, side="left")


def read_qtls(data, dna):
    """(position, ref, alt, +1 where ALT opens the site or -1), those whose REF is the reference's."""
    found, skipped = [], 0
    with open(os.path.join(data, "variants", "dsQTL_Degner2012.chr20.hg19.tsv")) as file:
        for row in csv.DictReader(file, delimiter="\t"):
            position = int(row["pos1_hg19"]) - 1
            if chr(dna[position]) != row["ref"] or len(row["alt"]) != 1:
                skipped += 1
                continue
            found.append((position, row["ref"], row["alt"], 1 if row["ref_allele_is"] == "ref_is_low" else -1))
    return sorted(found), skipped


def draw_negatives(qtl, arm, dna, gc, sites, taken, rng):
    """Positions and alleles like this QTL's, on its arm."""
    position, ref, alt, _ = qtl
    begin, end = common.ARM[arm]
    wanted_gc, wanted_class = gc(position), class_of(common.distance(sites, np.array([position])))[0]
    near = sites[(sites[:, 0] > begin) & (sites[:, 1] < end)]
    other = ref.encode().translate(COMPLEMENT).decode()
    chosen = []
    for _ in range(400):
        drawn = rng.integers(begin + 1_000, end - 1_000, 20_000)
        if wanted_class == 0:
            lengths = (near[:, 1] - near[:, 0]).astype(int)
            i = rng.choice(len(near), 20_000, p=lengths / lengths.sum())
            drawn = near[i, 0].astype(int) + rng.integers(0, 1 << 30, 20_000) % lengths[i]
        fits = np.isin(dna[drawn], [ord(ref), ord(other)])
        drawn = drawn[fits]
        drawn = drawn[np.abs(gc(drawn) - wanted_gc) <= .03]
        drawn = drawn[class_of(common.distance(sites, drawn)) == wanted_class]
        for p in drawn:
            if p in taken or any(abs(p - q) < 1_000 for q in taken["qtls"]):
                continue
            base = chr(dna[p])
            allele = alt if base == ref else alt.encode().translate(COMPLEMENT).decode()
            chosen.append((int(p), base, allele))
            taken[int(p)] = True
            if len(chosen) == NEGATIVES:
                return chosen
    return chosen


def scores(work, model, variants):
    """{(position, alt): difference of logits} by regsnp."""
    path = os.path.join(work, f"dsqtl.{model}.vcf")
    with open(path, "w") as file:
        file.write("##fileformat=VCFv4.2\n##contig=<ID=chr20,length=63025520>\n#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\n")
        for position, ref, alt in sorted(set(variants)):
            file.write(f"chr20\t{position + 1}\t.\t{ref}\t{alt}\t.\t.\t.\n")
    matrix = os.path.join(work, f"dsqtl.{model}.tsv.gz")
    common.tool("regsnp", "annotate", "-m", os.path.join(work, f"{model}.safetensors"), "-f", os.path.join(work, "chr20.fa"), "-k", MARKER,
                "--span", 500, "--matrix", matrix, "-o", os.path.join(work, f"dsqtl.{model}.out.vcf"), path)
    with gzip.open(matrix, "rt") as file:
        rows = [line.rstrip("\n").split("\t") for line in file if not line.startswith("##")]
    column = rows[0].index(MARKER)
    return {(int(row[1]) - 1, row[4]): float(row[column]) for row in rows[1:]}


def average_precision(groups):
    """Of groups (QTL's score first, then its negatives')."""
    labels = np.concatenate([np.r_[1, np.zeros(len(g) - 1)] for g in groups])
    return average_precision_score(labels, np.concatenate(groups))


def main():
    data, work = sys.argv[1:3]
    dna = common.sequence(work)
    is_gc = np.concatenate([[0], np.cumsum((dna == ord("G")) | (dna == ord("C")), dtype=np.int64)])

    def gc(p):
        return (is_gc[p + 501] - is_gc[p - 500]) / 1001

    sites = common.merged(common.peaks(data, MARKER))
    qtls, skipped = read_qtls(data, dna)
    rng = np.random.default_rng(1)
    taken = {"qtls": [q[0] for q in qtls]}
    groups = []  # (arm, qtl, negatives)
    for qtl in qtls:
        arm = next((arm for arm, (begin, end) in common.ARM.items() if begin <= qtl[0] < end), "left")
        groups.append((arm, qtl, draw_negatives(qtl, arm, dna, gc, sites, taken, rng)))
    with open(os.path.join(work, "dsqtl.groups.tsv"), "w") as file:
        for arm, qtl, negatives in groups:
            for position, ref, alt, *_ in [qtl, *negatives]:
                print(arm, position, ref, alt, sep="\t", file=file)
    if "draw" in sys.argv[3:]:
        return
    found = {}
    for arm in common.ARM:
        here = [v[:3] for a, q, n in groups if a == arm for v in [q, *n]]
        found.update(scores(work, common.JUDGE[arm], here))
    svm = {}
    path = os.path.join(work, "gkmsvm.tsv")
    if os.path.exists(path):
        with open(path) as file:
            svm = {(int(p), alt): float(score) for p, alt, score in (line.split() for line in file)}

    print(f"## DNase QTLs\n\n{len(qtls)} of {len(qtls) + skipped} QTLs have the reference's base as REF; "
          f"{sum(len(n) for _, _, n in groups)} matched variants ({min(len(n) for _, _, n in groups)} at least for each).\n")
    print("| QTLs | n | sign agrees | 95 % | SVM's sign |\n|---|---|---|---|---|")
    away = common.distance(sites, np.array([q[0] for _, q, _ in groups]))
    for name, chosen in (("all", away >= 0), ("up to 500 bases from a peak", away <= 500), ("in a peak", away == 0)):
        picked = [g for g, take in zip(groups, chosen) if take]
        agree = sum(found[q[0], q[2]] * q[3] > 0 for _, q, _ in picked)
        low, high = common.wilson(agree, len(picked))
        other = f"{sum(svm[q[0], q[2]] * q[3] > 0 for _, q, _ in picked) / len(picked):.2f}" if svm else "not run"
        print(f"| {name} | {len(picked)} | {agree / len(picked):.2f} | {low:.2f}-{high:.2f} | {other} |")
    print("\n| score | AUPRC | 95 % |\n|---|---|---|")
    prevalence = len(groups) / sum(1 + len(n) for _, _, n in groups)
    print(f"| prevalence | {prevalence:.3f} | |")

    def row(name, score):
        values = [np.array([score(v) for v in [q, *n]]) for _, q, n in groups]
        low, high = common.bootstrap(values, average_precision)
        print(f"| {name} | {average_precision(values):.3f} | {low:.3f}-{high:.3f} |")

    row("closeness to a DNase site", lambda v: -float(common.distance(sites, np.array([v[0]]))[0]))
    row("regkit, magnitude of the difference of logits", lambda v: abs(found[v[0], v[2]]))
    if svm:
        row("gapped k-mer SVM, magnitude of deltaSVM", lambda v: abs(svm[v[0], v[2]]))
    else:
        print("| gapped k-mer SVM | not run | |")


main()
