#!/usr/bin/env python3
"""The intervals of regeval against a bootstrap of the same blocks by NumPy and scikit-learn, on what regcall writes and on labels
that are made from it here, so that they differ from block to block."""
import os
import random
import subprocess
import sys
import tempfile

python = os.environ.get("REGKIT_PYTHON", "/usr/bin/python3")
if os.path.realpath(python) != os.path.realpath(sys.executable):
    os.execv(python, [python] + sys.argv)
try:
    import numpy as np
    from sklearn.metrics import average_precision_score, roc_auc_score
except ImportError as missing:
    print(f"SKIPPED: {missing}; needs python3-numpy and python3-sklearn")
    sys.exit(77)

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
import tools
from tools import check, run

CONTIGS = {"A": 3_110_400, "B": 1_300_800}
MARKERS = {"a": "x", "b": "y", "c": "y", "d": "y"}
BIN, WINDOW, BLOCK, REPLICATES, SEED = 100, 2400, 250_000, 60, 11
SPEC = """{"name": "p", "task": "bin", "window": 2400, "layers": [{"name": "e", "type": "embedding", "filters": 4},
 {"name": "conv", "type": "conv", "filters": 8, "width": 20, "stride": 20, "relu": true},
 {"name": "conv2", "type": "conv", "filters": 8, "width": 5, "stride": 5, "relu": true}, {"name": "head", "type": "dense"}]}"""
# Two annotations, one of which has overlapping intervals; their ends cut bins, and some bases are in both.
BY = [("A", 100 + i * 9_730, 4_000 + i * 9_730, "often") for i in range(300)] + [
    ("B", 5_050, 700_051, "often"), ("B", 300_000, 1_100_000, "often"), ("A", 900_049, 3_000_000, "half", 0, "+")]
METRICS = ["roc_auc", "average_precision", "mcc"]


def make_world():
    rng = random.Random(4)
    with open("ref.fa", "w") as file:
        for name, length in CONTIGS.items():
            file.write(f">{name}\n" + "".join(rng.choices("ACGT", k=length)) + "\n")
    with open("p.json", "w") as file:
        file.write(SPEC)
    run("random_model", "p.safetensors", "p.json", 2, "A:3110400", *(f"{m}={c}" for m, c in MARKERS.items()))


def values():
    """[contig][marker][bin]"""
    run("regcall", "-m", "p.safetensors", "-f", "ref.fa", "-o", "{marker}.bedGraph", "--round", 7, "--window-mode", "paper")
    out = {name: np.full((len(MARKERS), length // BIN), np.nan) for name, length in CONTIGS.items()}
    for m, marker in enumerate(MARKERS):
        for line in open(f"{marker}.bedGraph"):
            if not line.startswith("#"):
                contig, begin, end, value = line.split("\t")
                out[contig][m, int(begin) // BIN:-(-int(end) // BIN)] = float(value)
    return out


def make_labels(seen):
    """Of each marker the bins that the model ranks high, with noise that has another size in each block; `d` only in one."""
    rng = np.random.default_rng(3)
    labels = {}
    for contig, rows in seen.items():
        blocks = np.arange(rows.shape[1]) * BIN // BLOCK
        noise = rng.uniform(0.3, 3, (len(rows), blocks[-1] + 1))[:, blocks] * rng.normal(size=rows.shape)
        logits = np.log(rows) - np.log1p(-rows)
        scores = (logits - logits.mean(axis=1)[:, None]) / logits.std(axis=1)[:, None] + noise
        labels[contig] = scores > np.array([1.5, 2.5, 3.5, 3.5])[:, None]
        labels[contig][3] &= (blocks == 7) & (contig == "A")
    for m, marker in enumerate(MARKERS):
        with open(f"{marker}.bed", "w") as file:
            for contig in CONTIGS:
                for b in np.flatnonzero(labels[contig][m]):
                    file.write(f"{contig}\t{b * BIN}\t{(b + 1) * BIN}\n")
    with open("sheet.tsv", "w") as sheet:
        sheet.write("name\tclass\tpeaks\n" + "".join(f"{m}\t{c}\t{m}.bed\n" for m, c in MARKERS.items()))
    with open("skip.bed", "w") as file:
        file.write("A\t700000\t1400050\n")
    with open("by.bed", "w") as file:
        file.write("".join("\t".join(map(str, row)) + "\n" for row in BY))
    run("regds-build", "-f", "ref.fa", "--sheet", "sheet.tsv", "--target", "bin", "--window", WINDOW, "--label-bin", BIN,
        "--label-bins", "all", "--keep-if", "all", "--test", "A", "--test", "B:1-1,200,000", "-o", "p.regds")
    return labels


def splitmix(count):
    """The first outputs of SplitMix64."""
    with np.errstate(over="ignore"):
        x = np.uint64(SEED) + np.uint64(0x9E3779B97F4A7C15) * np.arange(1, count + 1, dtype=np.uint64)
        x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        return x ^ (x >> np.uint64(31))


def best_mcc(y, p, weights):
    order = np.argsort(-p, kind="stable")
    called, hits = np.cumsum(weights[order]), np.cumsum((weights * y)[order])
    last = np.append(p[order][:-1] != p[order][1:], False)
    n, positives = called[-1], hits[-1]
    with np.errstate(divide="ignore", invalid="ignore"):
        mcc = (hits * n - called * positives) / np.sqrt(called * (n - called) * positives * (n - positives))
    return max(0.0, np.nanmax(np.where(last, mcc, np.nan)))


def is_inside(contig, bins, name):
    """Of each bin: whether its middle base lies in an annotation."""
    middles, inside = bins * BIN + BIN // 2, np.zeros(len(bins), bool)
    for of, begin, end, called, *_ in BY:
        if (of, called) == (contig, name):
            inside |= (begin <= middles) & (middles < end)
    return inside


def expected(seen, labels, exclude, annotation=None):
    """{metric: [marker][replicate]} of the counted bins, drawn in blocks; behind the replicates the sample as it is."""
    windows = subprocess.run(["gzip", "-dc", "p.regds/windows.bed.gz"], capture_output=True, text=True, check=True).stdout
    p, y, blocks, keep = [], [], [], []
    for line in windows.splitlines():
        contig, begin, end, split = line.split("\t")
        if split != "test":
            continue
        bins = np.arange(int(begin) // BIN, int(end) // BIN)
        p.append(seen[contig][:, bins])
        y.append(labels[contig][:, bins])
        blocks += [(contig, b * BIN // BLOCK) for b in bins]
        inside = is_inside(contig, bins, annotation) if annotation else np.ones(len(bins), bool)
        keep += [i and not (exclude and contig == "A" and 700000 < (b + 1) * BIN and b * BIN < 1400050) for b, i in zip(bins, inside)]
    p, y, keep = np.concatenate(p, axis=1), np.concatenate(y, axis=1), np.array(keep)
    known, place = np.unique(np.array([f"{c}{b:09d}" for c, b in blocks]), return_inverse=True)
    check(len(known) == 18, known)
    draws = (splitmix(REPLICATES * len(known)) >> np.uint64(32)) * np.uint64(len(known)) >> np.uint64(32)
    result = {metric: np.full((len(MARKERS), REPLICATES + 1), np.nan) for metric in METRICS}
    for r, drawn in enumerate([*draws.reshape(REPLICATES, len(known)).astype(int), np.arange(len(known))]):
        weights = np.bincount(drawn, minlength=len(known))[place].astype(float)
        used = (weights > 0) & keep
        for m in range(len(MARKERS)):
            w, yes, score = weights[used], y[m, used], p[m, used]
            if yes.any() and not yes.all():
                result["roc_auc"][m, r] = roc_auc_score(yes, score, sample_weight=w)
                result["average_precision"][m, r] = average_precision_score(yes, score, sample_weight=w)
                result["mcc"][m, r] = best_mcc(yes, score, w)
    return result


def table_of(*more):
    text = run("regeval", "-m", "p.safetensors", "-d", "p.regds", *more).stdout
    lines = [line.split("\t") for line in text.splitlines()]
    return text, [dict(zip(lines[0], line)) for line in lines[1:]]


def interval(values):
    values = values[~np.isnan(values)]
    return np.quantile(values, [0.025, 0.975])


def compare(rows, wanted):
    """Of a part's rows the metrics and their intervals."""
    check(len(rows) == len(MARKERS) + 4, rows)
    for metric in METRICS:
        # `d` has its labels in one block, which a third of the replicates lack: these do not count.
        check(np.isnan(wanted[metric][3]).sum() > 5, wanted[metric][3])
        of = {(m, c): wanted[metric][i] for i, (m, c) in enumerate(MARKERS.items())}
        of["mean", "x"] = of["median", "x"] = wanted[metric][0]
        of["mean", "y"] = np.nanmean(wanted[metric][1:], axis=0)
        of["median", "y"] = np.nanmedian(wanted[metric][1:], axis=0)
        for row in rows:
            *replicates, exact = of[row["marker"], row["class"]]
            low, high = interval(np.array(replicates))
            told = float(row[f"{metric}_low"]), float(row[f"{metric}_high"])
            # A wrong block, or one replicate more or less, moves an end by some hundredths of this.
            near = 0.02 * (high - low) + 2e-4
            check(high - low > 0.004 and abs(told[0] - low) < near and abs(told[1] - high) < near,
                  (metric, row["marker"], row["class"], told, low, high))
            check(abs(float(row[metric]) - exact) < 1e-3, (metric, row["marker"], row[metric], exact))


def main():
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        make_world()
        seen = values()
        labels = make_labels(seen)
        options = ["--bootstrap", REPLICATES, "--seed", SEED]
        for exclude in ([], ["--exclude", "skip.bed"]):
            text, rows = table_of(*options, *exclude)
            check(text == table_of(*options, *exclude, "-@", 3)[0], "the intervals depend on -@")
            compare(rows, expected(seen, labels, exclude))
            by, annotated = table_of(*options, *exclude, "--by", "by.bed")
            check(by == table_of(*options, *exclude, "--by", "by.bed", "-@", 3)[0], "annotations depend on -@")
            check([r["annotation"] for r in annotated] == ["all"] * 8 + ["often"] * 8 + ["half"] * 8, by)
            for row, same in zip(annotated, rows):
                check({**same, "annotation": "all"} == row, (same, row))
            for place, annotation in enumerate(["often", "half"]):
                compare(annotated[8 * (place + 1):8 * (place + 2)], expected(seen, labels, exclude, annotation))
        other = table_of("--bootstrap", REPLICATES, "--seed", SEED + 1)[1]
        check(other[0]["roc_auc_low"] != rows[0]["roc_auc_low"], "the seed changes nothing")
        for row in table_of("--bootstrap", 0)[1]:
            check(row["mcc"] != "NA" and {row[f"{m}_{end}"] for m in METRICS for end in ("low", "high")} == {"NA"}, row)
    assert tools.checks > 50, f"only {tools.checks} checks were made"
    print(f"{tools.checks} checks hold")


if __name__ == "__main__":
    main()
