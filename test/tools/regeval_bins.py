#!/usr/bin/env python3
"""regeval on data sets of bins and of coverage, against scikit-learn and NumPy on what regcall writes and on labels worked
out here from the peaks and the coverage; and what regcall writes of bins."""
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
    import pyBigWig
    from sklearn.metrics import average_precision_score, roc_auc_score
except ImportError as missing:
    print(f"SKIPPED: {missing}; needs python3-numpy, python3-pybigwig and python3-sklearn")
    sys.exit(77)

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
import tools
from tools import check, run

LENGTH, CONTIG = 48000, "IV"
BY = [(5000, 5031, "narrow"), *((at, at + 1450, "half") for at in range(4849, 46000, 3000)), (0, 4000, "elsewhere")]
MARKERS = {"a": "x", "b": "y", "c": "y"}
WINDOW = """{"name": "w", "task": "bin", "window": 1000, "layers": [{"name": "one", "type": "one_hot"},
 {"name": "conv", "type": "conv", "filters": 8, "width": 8, "padding": "valid", "relu": true},
 {"name": "pool", "type": "pool", "width": 4, "stride": 4, "padding": "valid"},
 {"name": "hidden", "type": "dense", "filters": 16, "flatten": true, "relu": true}, {"name": "head", "type": "dense"}]}"""
LSTM = """{"name": "l", "task": "bin", "window": 1600, "layers": [{"name": "e", "type": "embedding", "filters": 4},
 {"name": "conv", "type": "conv", "filters": 8, "width": 20, "stride": 20, "relu": true},
 {"name": "pool", "type": "pool", "width": 5, "stride": 5}, {"name": "lstm", "type": "lstm", "filters": 6, "bidirectional": true},
 {"name": "head", "type": "dense"}]}"""
POSITIONS = """{"name": "p", "task": "TASK", "window": 2400, "layers": [{"name": "e", "type": "embedding", "filters": 4},
 {"name": "conv", "type": "conv", "filters": 8, "width": 20, "stride": 20, "relu": true},
 {"name": "conv2", "type": "conv", "filters": 8, "width": 5, "stride": 5, "relu": true}, {"name": "head", "type": "dense"}]}"""


def make_world():
    rng = random.Random(4)
    bases = np.array([rng.choice("ACGT") for _ in range(LENGTH)])
    bases[20000:21300] = "N"
    with open("ref.fa", "w") as file:
        file.write(f">{CONTIG}\n" + "".join(bases) + "\n")
    coverage = np.zeros((3, LENGTH))
    for m, marker in enumerate(MARKERS):
        with open(f"{marker}.bed", "w") as bed, open(f"{marker}.bedGraph", "w") as graph:
            at = 50
            while at < LENGTH - 900:
                end = at + rng.randrange(60, 500)
                value = round(rng.uniform(0.2, 5), 3)
                coverage[m, at:end] = value
                bed.write(f"{CONTIG}\t{at}\t{end}\n")
                graph.write(f"{CONTIG}\t{at}\t{end}\t{value}\n")
                at = end + rng.randrange(40, 900)
    for name, end in (("peaks", "bed"), ("coverage", "bedGraph")):
        with open(f"{name}.tsv", "w") as sheet:
            sheet.write("name\tclass\tpeaks\n" + "".join(f"{m}\t{c}\t{m}.{end}\n" for m, c in MARKERS.items()))
    with open("skip.bed", "w") as file:
        file.write(f"{CONTIG}\t9050\t9051\n{CONTIG}\t30000\t31000\n")
    with open("by.bed", "w") as file:
        file.write("".join(f"{CONTIG}\t{begin}\t{end}\t{name}\n" for begin, end, name in BY))
    return bases, coverage


def values(model, bin_size, *more):
    """[marker][bin], NaN where there is none."""
    run("regcall", "-m", model, "-f", "ref.fa", "-o", "{marker}.v.bedGraph", "--round", 7, *more)
    out = np.full((3, LENGTH), np.nan)
    for m, marker in enumerate(MARKERS):
        for line in open(f"{marker}.v.bedGraph"):
            if not line.startswith("#"):
                _, begin, end, value = line.split("\t")
                out[m, int(begin):int(end)] = float(value)
    return out[:, ::bin_size]


def counted(data, bin_size, bases, exclude):
    """Bins of the test windows that count."""
    windows = subprocess.run(["gzip", "-dc", f"{data}/windows.bed.gz"], capture_output=True, text=True, check=True).stdout
    layout = {"w": (400, 200)}.get(data.split(".")[0])
    keep = []
    for line in windows.splitlines():
        _, begin, end, split = line.split("\t")
        begin, end = int(begin), int(end)
        if split != "test":
            continue
        if layout:
            begin, end = begin + layout[0], begin + layout[0] + layout[1]
        keep += range(begin // bin_size, end // bin_size)
    blocked = np.zeros(LENGTH, bool)
    if exclude:
        blocked[9050:9051] = blocked[30000:31000] = True
    return np.array([b for b in keep if not blocked[b * bin_size:(b + 1) * bin_size].any()
                     and (bases[b * bin_size:(b + 1) * bin_size] != "N").any()])


def table_of(model, data, *more):
    text = run("regeval", "-m", model, "-d", data, *more).stdout
    check(text == run("regeval", "-m", model, "-d", data, *more, "-@", 3).stdout, "regeval depends on -@")
    lines = [line.split("\t") for line in text.splitlines()]
    return [dict(zip(lines[0], line)) for line in lines[1:]]


def inside(bins, bin_size, name):
    """Those of the bins whose middle base lies in an annotation."""
    return np.array([b for b in bins if any(begin <= b * bin_size + bin_size // 2 < end for begin, end, of in BY if of == name)], int)


def near(told, wanted, tolerance):
    check(abs(float(told) - wanted) <= tolerance, f"{told}, expected {wanted}")


def evaluate_bins(name, spec, window, bin_size, bases, coverage, *layout):
    data, model = f"{name}.regds", f"{name}.safetensors"
    with open(f"{name}.json", "w") as file:
        file.write(spec)
    run("regds-build", "-f", "ref.fa", "--sheet", "peaks.tsv", "--target", "bin", "--window", window, "--label-bin", bin_size,
        "--max-n", 1, "--keep-if", "all", "--valid", f"{CONTIG}:1-4800", "-o", data, "--test", f"{CONTIG}:4801-{LENGTH}", *layout)
    run("random_model", model, f"{name}.json", 3, f"{CONTIG}:{LENGTH}", *(f"{m}={c}" for m, c in MARKERS.items()))
    mode = ["--window-mode", "paper"]
    seen = values(model, bin_size, *mode)
    labels = (coverage > 0).reshape(3, -1, bin_size).sum(axis=2) * 2 > bin_size
    for exclude in ([], ["--exclude", "skip.bed"]):
        bins = counted(data, bin_size, bases, exclude)
        check(len(bins) > 100, len(bins))
        rows = table_of(model, data, *exclude)
        for m in range(3):
            y, p = labels[m, bins], seen[m, bins]
            check(not np.isnan(p).any() and int(rows[m]["positives"]) == y.sum() > 3, rows[m])
            near(rows[m]["roc_auc"], roc_auc_score(y, p), 3e-4)
            near(rows[m]["average_precision"], average_precision_score(y, p), 1e-3)
        mean = [r for r in rows if r["marker"] == "mean" and r["class"] == "y"][0]
        near(mean["roc_auc"], (float(rows[1]["roc_auc"]) + float(rows[2]["roc_auc"])) / 2, 1e-5)
    return data, model, bins, labels


def baselines_of_bins(world, bases, bin_size):
    """GC counts from 250 bases before a bin on to 250 behind it; where there is nothing to train on, validation tells its sign."""
    data, model, _, labels = world
    bins = counted(data, bin_size, bases, False)
    first = np.maximum(bins * bin_size - 250, 0)
    last = np.minimum((bins + 1) * bin_size + 250, LENGTH)
    gc, known = (np.concatenate([[0], np.cumsum(flags)]) for flags in (np.isin(bases, ["C", "G"]), bases != "N"))
    share = (gc[last] - gc[first]) / (known[last] - known[first])
    rows = table_of(model, data, "--baselines")
    signs = set()
    for m in range(3):
        of = {r["predictor"]: r for r in rows if r["marker"] == "abc"[m]}
        check(list(of) == ["model", "prevalence", "gc", "cpg", "kmer", "other-cells"], rows)
        signs.add(of["gc"]["detail"])
        y, p = labels[m, bins], share if of["gc"]["detail"] == "higher" else -share
        near(of["gc"]["roc_auc"], roc_auc_score(y, p), 3e-4)
        near(of["gc"]["average_precision"], average_precision_score(y, p), 1e-3)
        check(of["kmer"]["roc_auc"] != "NA" and of["other-cells"]["roc_auc"] == "NA", of)
    check(signs <= {"higher", "lower"}, signs)


def evaluate_coverage(bases, coverage):
    with open("c.json", "w") as file:
        file.write(POSITIONS.replace("TASK", "coverage"))
    run("regds-build", "-f", "ref.fa", "--sheet", "coverage.tsv", "--target", "coverage", "--window", 2400, "--label-bin", 100,
        "--max-n", 1, "--valid", f"{CONTIG}:1-4800", "--test", f"{CONTIG}:4801-{LENGTH}", "-o", "c.regds")
    run("random_model", "c.safetensors", "c.json", 3, f"{CONTIG}:{LENGTH}", *(f"{m}={c}" for m, c in MARKERS.items()))
    means = coverage.reshape(3, -1, 100).mean(axis=2)
    for mode in ("paper", "tiled"):
        seen = values("c.safetensors", 100, "--window-mode", mode)
        for exclude in ([], ["--exclude", "skip.bed"]):
            bins = counted("c.regds", 100, bases, exclude)
            rows = table_of("c.safetensors", "c.regds", "--window-mode", mode, *exclude)
            for m in range(3):
                y, p = means[m, bins], seen[m, bins]
                near(rows[m]["pearson_r"], np.corrcoef(y, p)[0, 1], 2e-5)
                near(rows[m]["pearson_r_log1p"], np.corrcoef(np.log1p(y), np.log1p(p))[0, 1], 2e-5)
                near(rows[m]["poisson_loss"], (p - y * np.log(p)).mean(), 2e-4)
                near(rows[m]["mean_coverage"], y.mean(), 1e-4)
                check(int(rows[m]["bins"]) == len(bins), rows[m])
            parts = table_of("c.safetensors", "c.regds", "--window-mode", mode, *exclude, "--by", "by.bed")
            check([r["annotation"] for r in parts] == [a for a in ("all", "narrow", "half", "elsewhere") for _ in range(7)], parts)
            check([{**r, "annotation": "all"} for r in rows] == parts[:7], parts[:7])
            half = inside(bins, 100, "half")
            check(0.3 < len(half) / len(bins) < 0.7, len(half))
            for m in range(3):
                row, y, p = parts[14 + m], means[m, half], seen[m, half]
                near(row["pearson_r"], np.corrcoef(y, p)[0, 1], 2e-5)
                near(row["poisson_loss"], (p - y * np.log(p)).mean(), 2e-4)
                check(int(row["bins"]) == len(half), row)
                check([parts[7 + m][name] for name in ("bins", "pearson_r")] == ["0", "NA"], parts[7 + m])
                check([parts[21 + m][name] for name in ("bins", "mean_coverage", "poisson_loss")] == ["0", "NA", "NA"], parts[21 + m])
            check([r["class"] for r in rows] == ["x", "y", "y", "x", "y", "x", "y"], rows)
            check([r["marker"] for r in rows[3:]] == ["mean", "mean", "median", "median"], rows)
            near(rows[4]["pearson_r"], (float(rows[1]["pearson_r"]) + float(rows[2]["pearson_r"])) / 2, 1e-5)
            near(rows[5]["poisson_loss"], float(rows[0]["poisson_loss"]), 1e-5)


def refusals(window_data, window_model, lstm_data, lstm_model, bin_data, bin_model):
    cases = [
        (2, "regeval", ["-m", window_model, "-d", window_data, "--window-mode", "tiled"], "windows of one length"),
        (2, "regeval", ["-m", lstm_model, "-d", lstm_data, "--window-mode", "tiled"], "whole window"),
        (2, "regeval", ["-m", "c.safetensors", "-d", "c.regds", "--curves", "x.tsv"], "--curves"),
        (2, "regeval", ["-m", "c.safetensors", "-d", "c.regds", "--baselines"], "--baselines"),
        (4, "regeval", ["-m", window_model, "-d", bin_data], "windows have 2400 bases"),
        (4, "regeval", ["-m", bin_model, "-d", window_data], "a label stands for 200 bases"),
        (4, "regeval", ["-m", "c.safetensors", "-d", bin_data], "task"),
        (4, "regtrain", ["-d", window_data, "-a", "p.json", "-o", "x.safetensors"], "a label stands for 200 bases"),
        (4, "regtrain", ["-d", bin_data, "-a", "cnn3", "-o", "x.safetensors"], "its task is 'bin'"),
        (2, "regtrain", ["-d", "c.regds", "-a", "c.json", "-o", "x.safetensors", "--pos-weight", 2], "--pos-weight"),
        (2, "regcall", ["-m", bin_model, "-f", "ref.fa", "-O", "bedgraph", "-k", "a", "--resolution", 150], "multiple of the 100"),
        (2, "regcall", ["-m", "c.safetensors", "-f", "ref.fa"], "-c"),
        (2, "regcall", ["-m", bin_model, "-f", "ref.fa", "-c", 2], "probability"),
        (2, "regsnp", ["-m", window_model, "-f", "ref.fa", "--phases", "all", "in.vcf"], "phases"),
    ]
    with open("in.vcf", "w") as file:
        file.write(f"##fileformat=VCFv4.2\n##contig=<ID={CONTIG}>\n#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\n")
    for code, tool, args, text in cases:
        done = run(tool, *args, code=code)
        check(done.stderr.count("\n") == 1 and text in done.stderr, (args, done.stderr))
    check(not os.path.exists("x.safetensors") and not os.path.exists("x.safetensors.part"), "something is left behind")


def coverage_formats():
    """Coverage is no probability: scores end at 1000, the header says what the values are."""
    values_seen = values("c.safetensors", 100)
    cutoff = float(np.nanquantile(values_seen[0], 0.8))
    peaks = run("regcall", "-m", "c.safetensors", "-f", "ref.fa", "-k", "a", "-c", cutoff).stdout.splitlines()
    check("##regcallValues=coverage of 100 bases" in peaks, peaks[:8])
    rows = [line.split("\t") for line in peaks if not line.startswith("##")]
    check(len(rows) > 20, len(rows))
    for row in rows:
        begin, end, summit = int(row[1]), int(row[2]), int(row[9])
        part = values_seen[0, begin // 100:-(-end // 100)]
        check(begin % 100 == 0 and (end % 100 == 0 or end == LENGTH), row)
        check(int(row[4]) == min(1000, round(1000 * part.max())) or abs(int(row[4]) - 1000 * part.max()) < 0.6, row)
        near(row[6], part.mean(), 1e-4)
        check(summit == int(np.argmax(part)) * 100 + 50, row)


def bigwig_of_bins(model, bin_size):
    """Items of one bin, or of several with --resolution; the contig's end cuts the last."""
    seen = values(model, bin_size)[0]
    for width in (bin_size, 4 * bin_size):
        run("regcall", "-m", model, "-f", "ref.fa", "-k", "a", "-o", "a.bw", "--round", 6,
            *([] if width == bin_size else ["--resolution", width]))
        bw = pyBigWig.open("a.bw")
        items = bw.intervals(CONTIG)
        bw.close()
        check(len(items) > 0.8 * LENGTH / width, len(items))
        n = width // bin_size
        whole = 0
        for begin, end, value in items:
            check(begin % bin_size == 0 and end % bin_size == 0, (begin, end))
            part = seen[begin // bin_size:end // bin_size]
            check(not np.isnan(part).any() and abs(part.mean() - value) < 2e-6, (begin, end, value))
            whole += (end - begin) % width == 0 and begin % width == 0
        check(whole >= len(items) - 2 * (n > 1), (whole, len(items)))


def records_in_place(model, bin_size, aside):
    """--remap: cells of a record inside the contig, away from its ends, have the contig's values."""
    bases = "".join(line.strip() for line in open("ref.fa") if not line.startswith(">"))
    seen = values(model, bin_size)[0]
    for begin, end in ((5000, 9000), (5037, 9111), (30001, 34000)):
        with open("piece.fa", "w") as file:
            file.write(f">{CONTIG}:{begin + 1}-{end}\n{bases[begin:end]}\n")
        text = run("regcall", "-m", model, "--remap", "-k", "a", "-O", "bedgraph", "--round", 7, "--no-version", "piece.fa").stdout
        rows = [(int(b), int(e), float(v)) for _, b, e, v in (line.split("\t") for line in text.splitlines())]
        check(rows[0][0] == begin and rows[-1][1] == end, (rows[0], rows[-1]))
        inner = 0
        for b, e, value in rows:
            for cell in range(-(-b // bin_size), e // bin_size):
                if cell * bin_size >= begin + aside and (cell + 1) * bin_size <= end - aside:
                    inner += 1
                    check(abs(seen[cell] - value) < 1.5e-7, (begin, cell, seen[cell], value))
        check(inner > 5, inner)


def main():
    with tempfile.TemporaryDirectory() as scratch:
        os.chdir(scratch)
        bases, coverage = make_world()
        window = evaluate_bins("w", WINDOW, 1000, 200, bases, coverage)
        lstm = evaluate_bins("l", LSTM, 1600, 100, bases, coverage, "--label-bins", 16)
        flat = evaluate_bins("p", POSITIONS.replace("TASK", "bin"), 2400, 100, bases, coverage, "--label-bins", 24)
        data, model, bins, labels = flat
        seen = values(model, 100)
        rows = table_of(model, data, "--window-mode", "tiled", "--exclude", "skip.bed")
        for m in range(3):
            near(rows[m]["roc_auc"], roc_auc_score(labels[m, bins], seen[m, bins]), 3e-4)
        parts, half = table_of(model, data, "--window-mode", "tiled", "--exclude", "skip.bed", "--by", "by.bed"), inside(bins, 100, "half")
        for m in range(3):
            row, y, p = parts[14 + m], labels[m, half], seen[m, half]
            check((row["annotation"], int(row["positives"])) == ("half", y.sum()) and y.sum() > 3, row)
            near(row["roc_auc"], roc_auc_score(y, p), 3e-4)
            near(row["average_precision"], average_precision_score(y, p), 1e-3)
            near(row["prevalence"], y.mean(), 1e-6)
            check([parts[21 + m][name] for name in ("positives", "prevalence", "roc_auc", "mcc_low")] == ["0", "NA", "NA", "NA"], parts[21 + m])
        baselines_of_bins(window, bases, 200)
        bigwig_of_bins(model, 100)
        bigwig_of_bins(window[1], 200)
        records_in_place(model, 100, 300)
        records_in_place(window[1], 200, 400)
        evaluate_coverage(bases, coverage)
        coverage_formats()
        refusals(window[0], window[1], lstm[0], lstm[1], data, model)
        os.chdir("/")
    print(f"regeval_bins: {tools.checks} checks")


if __name__ == "__main__":
    main()
