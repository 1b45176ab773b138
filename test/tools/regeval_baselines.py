#!/usr/bin/env python3
"""The baselines of regeval against NumPy and scikit-learn, on a world in which it is known what each of them should find: a motif
that is planted, islands of G, C and CpG, labels that two cells share, and labels that follow from nothing."""
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
    from scipy.ndimage import maximum_filter1d
    from sklearn.linear_model import LogisticRegression
    from sklearn.metrics import average_precision_score, roc_auc_score
except ImportError as missing:
    print(f"SKIPPED: {missing}; needs python3-numpy, python3-scipy and python3-sklearn")
    sys.exit(77)

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
import tools
from tools import check, run

LENGTH, WINDOW, REACH = 400_000, 5000, 250
SPLITS = {"valid": (0, 20_000), "test": (20_000, 160_000), "train": (160_000, LENGTH)}
# name: class, target, cell
MARKERS = {"FOO.a": ("TFBS", "Foo", "a"), "FOO.b": ("TFBS", "Foo", "b"), "island": ("Histone", "H1", "a"),
           "desert": ("Histone", "H2", "a"), "noise": ("TFBS", "Bar", "c")}
MOTIF = "GATCCATTGA"
BACKGROUND = np.array([0.3, 0.2, 0.2, 0.3])


def matrix(consensus, certain):
    rows = np.full((len(consensus), 4), (1 - certain) / 3)
    rows[np.arange(len(consensus)), ["ACGT".index(b) for b in consensus]] = certain
    return rows


# The first is the wrong one for FOO, and of a pair; the third has no marker.
MOTIFS = {("M1", "Foo::Qux"): (matrix("TTTTAAAA", 0.7), 20), ("M2", "FOO(var.2)"): (matrix(MOTIF, 0.9), 200),
          ("M3", "Nobody"): (matrix("ACGT", 0.9), 20)}


def make_world():
    """Bases 0 to 3, N being 4, and [marker][base] labels."""
    rng = np.random.default_rng(5)
    island = np.zeros(LENGTH, bool)
    for begin in range(3000, LENGTH - 3000, 5000):
        island[begin:begin + int(rng.integers(300, 1500))] = True
    bases = np.where(island, rng.choice(4, LENGTH, p=[0.2, 0.3, 0.3, 0.2]), rng.choice(4, LENGTH, p=[0.3, 0.2, 0.2, 0.3]))
    # CpG is rare outside of islands.
    lost = np.flatnonzero((bases[:-1] == 1) & (bases[1:] == 2) & ~island[:-1] & (rng.random(LENGTH - 1) < 0.8))
    bases[lost] = 3
    labels = np.zeros((len(MARKERS), LENGTH), bool)
    for at in rng.choice(LENGTH - 400, 900, replace=False):
        strand = rng.random() < 0.5
        planted = ["ACGT".index(b) for b in MOTIF]
        bases[at + 100:at + 110] = [3 - b for b in reversed(planted)] if strand else planted
        for cell in range(2):
            if rng.random() < 0.8:
                labels[cell, at + int(rng.integers(0, 30)):at + int(rng.integers(180, 220))] = True
    labels[2], labels[3] = island & (rng.random(LENGTH) < 0.95), ~island & (np.arange(LENGTH) % 1000 < 700)
    for at in rng.choice(LENGTH - 400, 200, replace=False):
        labels[4, at:at + 150] = True
    bases[30_000:30_900] = bases[170_000:170_600] = bases[60_123] = 4
    with open("ref.fa", "w") as file:
        file.write(">chr\n" + "".join(np.array(list("ACGTN"))[bases]) + "\n")
    for m, marker in enumerate(MARKERS):
        edges = np.flatnonzero(np.diff(np.concatenate([[0], labels[m].astype(int), [0]])))
        with open(f"{marker}.bed", "w") as file:
            file.write("".join(f"chr\t{b}\t{e}\n" for b, e in zip(edges[::2], edges[1::2])))
    with open("sheet.tsv", "w") as file:
        file.write("name\tclass\ttarget\tcell\tpeaks\n" +
                   "".join(f"{m}\t{c}\t{t}\t{cell}\t{m}.bed\n" for m, (c, t, cell) in MARKERS.items()))
    with open("m.meme", "w") as file:
        file.write("MEME version 4\n\nBackground letter frequencies\nA 0.3 C 0.2 G 0.2 T 0.3\n")
        for (name, other), (rows, sites) in MOTIFS.items():
            file.write(f"\nMOTIF {name} {other}\nletter-probability matrix: alength= 4 w= {len(rows)} nsites= {sites}\n")
            file.write("".join(" ".join(f"{p:.6f}" for p in row) + "\n" for row in rows))
    with open("skip.bed", "w") as file:
        file.write("chr\t40000\t43210\nchr\t200000\t201000\n")
    with open("by.bed", "w") as file:
        file.write("".join(f"chr\t{at}\t{at + 4000}\thalf\n" for at in range(0, LENGTH - 4000, 8000)))
    run("regds-build", "-f", "ref.fa", "--sheet", "sheet.tsv", "--window", WINDOW, "--keep-if", "all", "--max-n", 1,
        "--valid", "chr:1-20,000", "--test", "chr:20,001-160,000", "-o", "d.regds")
    spec = os.path.join(os.path.dirname(os.path.abspath(__file__)), "data", "tiny.json")
    run("random_model", "m.safetensors", spec, 2, f"chr:{LENGTH}", *(f"{m}={c}" for m, (c, *_) in MARKERS.items()))
    return bases, labels


def counted(split, bases):
    """The positions that count."""
    windows = subprocess.run(["gzip", "-dc", "d.regds/windows.bed.gz"], capture_output=True, text=True, check=True).stdout
    keep = np.zeros(LENGTH, bool)
    for line in windows.splitlines():
        _, begin, end, name = line.split("\t")
        keep[int(begin):int(end)] |= name == split
    keep[40_000:43_210] = keep[200_000:201_000] = False
    keep &= bases != 4
    check(keep.sum() > 100_000, split)
    return np.flatnonzero(keep)


def around(flags, reach):
    """Of each base how many are set in reach bases on either side."""
    sums = np.concatenate([[0], np.cumsum(flags)])
    low, high = np.maximum(np.arange(LENGTH) - reach, 0), np.minimum(np.arange(LENGTH) + reach + 1, LENGTH)
    return sums[high] - sums[low]


def composition(bases):
    known, c, g = (around(flags, REACH).astype(float) for flags in (bases != 4, bases == 1, bases == 2))
    pair = (bases[:-1] == 1) & (bases[1:] == 2)
    sums = np.concatenate([[0], np.cumsum(pair), [pair.sum()]])
    at = np.arange(LENGTH)
    pairs = sums[np.minimum(at + REACH, LENGTH - 1)] - sums[np.maximum(at - REACH, 0)]
    with np.errstate(divide="ignore", invalid="ignore"):
        return {"gc": np.nan_to_num((c + g) / known), "cpg": np.where(c * g > 0, pairs * known / (c * g), 0)}


def motif_scores(bases, rows, sites):
    width = len(rows)
    bits = np.log2((rows * sites + BACKGROUND) / (sites + 1) / BACKGROUND)
    best = np.full(LENGTH, -100.0)
    for strand in (bits, bits[::-1, ::-1]):
        table = np.hstack([strand, np.full((width, 1), -1e9)])
        sums = sum(table[i][bases[i:LENGTH - width + 1 + i]] for i in range(width))
        middles = slice(width // 2, width // 2 + len(sums))
        best[middles] = np.maximum(best[middles], sums)
    return maximum_filter1d(best, 201, mode="constant", cval=-100)


def kmer_counts(bases, at, k=5):
    """[position][canonical k-mer within 100 bases, and beyond within 250]"""
    starts = np.arange(LENGTH - k + 1)
    known = np.ones(len(starts), bool)
    number, reverse = np.zeros(len(starts), int), np.zeros(len(starts), int)
    for i in range(k):
        here = bases[starts + i]
        known &= here != 4
        number = number * 4 + here
        reverse += (3 - here) * 4 ** i
    canonical = np.where(known, np.minimum(number, reverse), -1)
    out = np.zeros((2, len(at), 4 ** k), np.float32)
    for zone, reach in enumerate((100, 250)):
        for row, p in enumerate(at):
            part = canonical[max(p - reach, 0):p + reach + 1 - k + 1]
            np.add.at(out[zone, row], part[part >= 0], 1)
    return np.hstack([out[0], out[1] - out[0]])


def table_of(*more):
    done = run("regeval", "-m", "m.safetensors", "-d", "d.regds", "--exclude", "skip.bed", *more)
    lines = [line.split("\t") for line in done.stdout.splitlines()]
    return done, [dict(zip(lines[0], line)) for line in lines[1:]]


def near(row, metric, wanted, tolerance):
    check(abs(float(row[metric]) - wanted) <= tolerance, (row["marker"], row["predictor"], metric, row[metric], wanted))


def compare(rows, name, scores, labels, at, details):
    """A predictor's rows with scores [marker][base], None where there are none."""
    rows = [r for r in rows if r["predictor"] == name]
    check(len(rows) == len(MARKERS) + 4, rows)
    for m, marker in enumerate(MARKERS):
        row, y = rows[m], labels[m, at]
        check((row["marker"], int(row["positives"]), row["detail"]) == (marker, y.sum(), details[m]), row)
        if scores[m] is None:
            check({row[c] for c in ("roc_auc", "average_precision", "mcc", "roc_auc_low")} == {"NA"}, row)
            continue
        near(row, "roc_auc", roc_auc_score(y, scores[m][at]), 2e-4)
        near(row, "average_precision", average_precision_score(y, scores[m][at]), 5e-4)
        check({row[c] for c in ("calibration_slope", "site_f1")} == {"NA"}, row)


def main():
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        bases, labels = make_world()
        plain, rows_of_model = table_of()
        done, rows = table_of("--baselines", "--motifs", "m.meme")
        check(done.stdout == table_of("--baselines", "--motifs", "m.meme", "-@", 3)[0].stdout, "baselines depend on -@")
        check([{**r, "predictor": "model", "detail": "."} for r in rows_of_model] == rows[:len(rows_of_model)], "the model's rows")
        test, train = counted("test", bases), counted("train", bases)
        names = list(MARKERS)
        compare(rows, "prevalence", [np.zeros(LENGTH)] * len(names), labels, test, ["."] * len(names))
        for name, values in composition(bases).items():
            falls = [roc_auc_score(labels[m, train], values[train]) < 0.5 for m in range(len(names))]
            check(not falls[2] and falls[3], falls)
            compare(rows, name, [-values if f else values for f in falls], labels, test, ["lower" if f else "higher" for f in falls])
        scores = {name: motif_scores(bases, *of) for (name, _), of in MOTIFS.items()}
        precision = {name: [average_precision_score(labels[m, train], scores[name][train]) for m in range(2)] for name in ("M1", "M2")}
        check(min(precision["M2"]) > 2 * max(precision["M1"]), precision)
        compare(rows, "motif", [scores["M2"]] * 2 + [None] * 3, labels, test, ["M2 FOO(var.2)"] * 2 + ["."] * 3)
        other = "not from sequence; 1 marker"
        compare(rows, "other-cells", [labels[1].astype(float), labels[0].astype(float)] + [None] * 3, labels, test,
                [other, other, ".", ".", "."])

        # The regression is another one's in its optimum alone: what it ranks is compared.
        kmer = {r["marker"]: r for r in rows if r["predictor"] == "kmer"}
        learnt, tried = train[::100], test[::20]
        counts, tried_counts = kmer_counts(bases, learnt), kmer_counts(bases, tried)
        for m, name in enumerate(names[:4]):
            model = LogisticRegression(C=0.01, max_iter=300).fit(counts, labels[m, learnt])
            right = roc_auc_score(labels[m, tried], model.decision_function(tried_counts))
            near(kmer[name], "roc_auc", right, 0.02)
            near(kmer[name], "average_precision", average_precision_score(labels[m, tried], model.decision_function(tried_counts)), 0.03)
            check(0.4 < float(kmer[name]["calibration_slope"]) < 1.5, kmer[name])
        check(abs(float(kmer["noise"]["roc_auc"]) - 0.5) < 0.1, kmer["noise"])
        alone = [r for r in table_of("--baselines", "-k", "desert")[1] if r["predictor"] == "kmer"][0]
        check(alone == kmer["desert"], (alone, kmer["desert"]))

        # A random model is not better than what was planted, and it is told.
        said = [line for line in done.stderr.splitlines() if "not better than the best baseline" in line]
        check(len(said) == 1 and "FOO.a (" in said[0] and "island (" in said[0], done.stderr)
        check("baseline other-cells (not from sequence): mean average precision TFBS 0." in done.stderr, done.stderr)
        check("baseline" not in plain.stderr, plain.stderr)

        # Inside of annotations, and without a motif file.
        half = test[test % 8000 < 4000]
        _, rows = table_of("--baselines", "--by", "by.bed", "--bootstrap", 20)
        check({r["predictor"] for r in rows} == {"model", "prevalence", "gc", "cpg", "kmer", "other-cells"}, rows)
        rows = [r for r in rows if r["annotation"] == "half"]
        gc = composition(bases)["gc"]
        falls = [roc_auc_score(labels[m, train], gc[train]) < 0.5 for m in range(len(names))]
        compare(rows, "gc", [-gc if f else gc for f in falls], labels, half, ["lower" if f else "higher" for f in falls])
        os.chdir("/")
    assert tools.checks > 120, f"only {tools.checks} checks were made"
    print(f"{tools.checks} checks hold")


if __name__ == "__main__":
    main()
