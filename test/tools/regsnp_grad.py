#!/usr/bin/env python3
"""regsnp grad: gradients and integrated gradients of every kind of model against PyTorch on the whole contig; contributions sum up to the
difference from the baseline for every preset; what the outputs say agrees; tiles, targets, sites, ensembles, N, ends of contigs; the way to ism;
and what is refused.

With REGKIT_SLOW presets are taken with all their filters, at 5 sites each, and `dilated` at 100."""
import json
import os
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
python = os.environ.get("REGKIT_PYTHON", "/usr/bin/python3")
if os.path.realpath(python) != os.path.realpath(sys.executable):
    os.execv(python, [python] + sys.argv)
try:
    import numpy as np
    import pyBigWig
    import torch
except ImportError as missing:
    print(f"SKIPPED: {missing}; needs python3-numpy, python3-pybigwig and python3-torch")
    sys.exit(77)

sys.path.insert(0, os.path.join(HERE, "..", "support"))
import tools
from tools import check, read, run, write
from torch_presets import MODELS, Net, load_file, preset_spec

SLOW = "REGKIT_SLOW" in os.environ
MARKERS = ["CTCF.K562", "open.K562"]
TINY = json.load(open(os.path.join(HERE, "data", "tiny.json")))
BINS = json.loads("""{"name": "bins", "task": "bin", "window": 1000, "layers": [{"name": "one", "type": "one_hot"},
 {"name": "conv", "type": "conv", "filters": 8, "width": 8, "padding": "valid", "relu": true},
 {"name": "pool", "type": "pool", "width": 331, "stride": 331, "padding": "valid"},
 {"name": "hidden", "type": "dense", "filters": 6, "relu": true}, {"name": "head", "type": "dense"}]}""")
FLAT = json.loads("""{"name": "flat", "task": "bin", "window": 1000, "layers": [{"name": "one", "type": "one_hot"},
 {"name": "conv", "type": "conv", "filters": 8, "width": 8, "padding": "valid", "relu": true},
 {"name": "pool", "type": "pool", "width": 4, "stride": 4, "padding": "valid"},
 {"name": "hidden", "type": "dense", "filters": 16, "flatten": true, "relu": true}, {"name": "head", "type": "dense"}]}""")
LSTM = json.loads("""{"name": "lstm", "task": "bin", "window": 1600, "layers": [{"name": "e", "type": "embedding", "filters": 4},
 {"name": "conv", "type": "conv", "filters": 8, "width": 20, "stride": 20, "relu": true},
 {"name": "lstm", "type": "lstm", "filters": 6, "bidirectional": true}, {"name": "head", "type": "dense"}]}""")
COVERAGE = json.loads("""{"name": "coverage", "task": "coverage", "window": 2400, "layers": [{"name": "e", "type": "embedding", "filters": 4},
 {"name": "conv", "type": "conv", "filters": 8, "width": 60, "stride": 20, "relu": true}, {"name": "head", "type": "dense"}]}""")
STRIDE = {"tiny": 10, "lstm": 20, "coverage": 20}
SCALE = {"tiny": 1, "lstm": 20, "coverage": 20}


def make_model(spec, gain=3, name=None):
    name = name or spec["name"]
    write(f"{name}.json", json.dumps(spec))
    run("random_model", f"{name}.safetensors", f"{name}.json", gain, "chr1:60000", "CTCF.K562=TFBS", "open.K562=DNase")


def genome():
    sequences = {}
    for line in open("ref.fa"):
        if line.startswith(">"):
            name = line[1:].split()[0]
            sequences[name] = []
        else:
            sequences[name].append(line.strip().upper())
    return {name: "".join(lines) for name, lines in sequences.items()}


def grad(*args, model="tiny.safetensors", code=0):
    return run("regsnp", "grad", *(word for one in model.split() for word in ("-m", one)), "-f", "ref.fa", "--no-version", *args, code=code)


def rows(text):
    return [line.split("\t") for line in text.splitlines() if not line.startswith("#")]


def matrix(text, contig):
    """marker -> (first base, [base][A, C, G, T and the value, if there is one]) of one region."""
    found = {}
    for chrom, pos, _, marker, *values in rows(text):
        check(chrom == contig, "a row of another contig")
        found.setdefault(marker, []).append([int(pos) - 1] + [float("nan") if v == "." else float(v) for v in values])
    found = {marker: np.array(values) for marker, values in found.items()}
    for values in found.values():
        check((np.diff(values[:, 0]) == 1).all(), "bases in order, each once")
    return {marker: (int(values[0, 0]), values[:, 1:]) for marker, values in found.items()}


class Torch:
    """The same from PyTorch, in double precision, on the whole contig or the whole windows."""

    def __init__(self, spec, name=None):
        self.spec, self.name = spec, spec["name"]
        self.net = Net(spec, len(MARKERS)).double().eval()
        weights = {key: value.double() for key, value in load_file(f"{name or self.name}.safetensors").items()}
        self.net.load_state_dict(weights, strict=False)

    def windows(self, length, target, phase):
        """(first base, bases, outputs that count): of the contig behind `phase` bases N."""
        begin, end = target
        if self.name in ("bins", "flat"):
            count = 3 if self.name == "bins" else 1
            offset, middle = (1000 - 200 * count) // 2, count // 2
            aside = -(-max(0, (end - begin - 200 + 1) // 2) // 200)
            zero = (begin + end) // 2 - 100 - middle * 200 - offset
            outputs = [(k // count, k % count) for k in range(middle - aside, middle + aside + 1)]
            for w in sorted({w for w, _ in outputs}):
                yield zero + w * 200 * count, 1000, [o for v, o in outputs if v == w]
            return
        stride, scale = STRIDE[self.name], SCALE[self.name]
        whole = -(-(length + phase) // stride) * stride
        begin, end = begin + phase, end + phase
        first, size = max(0, begin - 1000) // stride * stride, min(whole, -(-(end + 1000) // stride) * stride)  # more than is seen
        size -= first
        if self.name == "lstm":
            first = max(0, (begin + end) // 2 - 800) // stride * stride
            size = min(1600, whole - first)
        yield first - phase, size, list(range((begin - first) // scale, -(-(end - first) // scale)))

    def contributions(self, bases, target, marker, phases=(0,), strands=(False,), steps=None):
        """[base of the contig][A, C, G, T], and what it should sum up to."""
        sums, difference = np.zeros((len(bases), 4)), 0.0
        for phase in phases:
            for begin, size, outputs in self.windows(len(bases), target, phase):
                codes = np.array([1 + "ACGT".find(bases[p]) if 0 <= p < len(bases) else 0 for p in range(begin, begin + size)])
                for reverse in strands:
                    here = np.where(codes > 0, 5 - codes, 0)[::-1].copy() if reverse else codes
                    symbols = torch.nn.functional.one_hot(torch.tensor(here)[None], 5).double()
                    points = [1.0] if steps is None else [(step + 0.5) / steps for step in range(steps)]
                    nothing = torch.zeros_like(symbols)
                    nothing[:, :, 0] = 1
                    total = torch.zeros(symbols.shape[1], 5, dtype=torch.float64)
                    for share in points:
                        at = (share * symbols + (1 - share) * nothing).requires_grad_()
                        total += torch.autograd.grad(self.output(at, marker, outputs, reverse), at)[0][0] / len(points)
                    with torch.no_grad():
                        difference += float(self.output(symbols, marker, outputs, reverse) - self.output(nothing, marker, outputs, reverse))
                    four = (total[:, 1:] - (total[:, 1:].mean(1, keepdim=True) if steps is None else total[:, :1])).numpy()
                    if reverse:
                        four = four[::-1, ::-1]
                    inside = [i for i in range(size) if 0 <= begin + i < len(bases)]
                    sums[[begin + i for i in inside]] += four[inside]
        means = len(phases) * len(strands)
        return sums / means, difference / means

    def output(self, symbols, marker, outputs, reverse):
        self.net.symbols = symbols
        logits = self.net(symbols.argmax(2))[0, marker]
        return (logits.flip(0) if reverse else logits)[outputs].sum()


def close(got, right, off, what):
    largest = np.abs(right).max()
    check(largest > 0, f"{what}: nothing contributes")
    difference = np.nanmax(np.abs(got - right))
    check(difference <= off * largest, f"{what}: off by {difference:.3g}, the largest is {largest:.3g}")


def test_against_torch(bases):
    specs = {spec["name"]: spec for spec in (TINY, BINS, FLAT, LSTM, COVERAGE)}
    for spec in specs.values():
        make_model(spec)
    plans = [(name, [], {}) for name in specs]
    plans += [(name, ["--rc-average"], {"strands": (False, True)}) for name in ("tiny", "bins", "lstm", "coverage")]
    plans += [("tiny", ["--phases", "all"], {"phases": range(10)}), ("lstm", ["--phases", "all", "--rc-average"], {"phases": range(20), "strands": (False, True)}),
              ("coverage", ["--phases", "all"], {"phases": range(20)})]
    plans += [(name, ["--method", "integrated", "--baseline", "n", "--steps", 7], {"steps": 7}) for name in specs]
    plans += [("tiny", ["--method", "integrated", "--baseline", "n", "--steps", 5, "--rc-average"], {"steps": 5, "strands": (False, True)})]
    for number, (name, options, how) in enumerate(plans):
        model = Torch(specs[name])
        # Inside, at a contig's ends, beside N, longer than an odd bin.
        contig, begin, end, target = [("chr1", 30000, 30400, (30127, 30189)), ("chr1", 0, 90, (3, 44)), ("chr1", 59800, 60000, (59951, 60000)),
                                      ("chr2", 11900, 12010, (11941, 11995)), ("chr1", 20000, 21000, (20117, 20833))][number % 5]
        what = f"{name} {' '.join(map(str, options))} {contig}:{begin}"
        grad("-r", f"{contig}:{begin + 1}-{end}", "--target", f"{contig}:{target[0] + 1}-{target[1]}", *options, "-o", "t.tsv", model=f"{name}.safetensors")
        found = matrix(open("t.tsv").read(), contig)
        check(sorted(found) == MARKERS, "markers")
        for m, marker in enumerate(MARKERS):
            right, _ = model.contributions(bases[contig], target, m, **how)
            first, got = found[marker]
            right = right[first:first + len(got)]
            close(got[:, :4], right, 2e-4, f"{what} {marker}")
            present = ["ACGT".index(base) for base in bases[contig][first:first + len(got)]]
            check((got[:, 4] == got[range(len(got)), present]).all(), f"{what}: the value is not that of the base")


def test_complete():
    """For every preset with random weights: by the steps that are taken without being asked for."""
    names = sorted(file[:-5] for file in os.listdir(MODELS) if file.endswith(".json"))
    for name in names:
        spec = preset_spec(name)
        if name == "deep-dilated":  # without norm its values hardly differ along the window: pools choose by rounding
            spec = dict(spec, layers=[dict(layer, norm=True) if layer["type"] == "conv" else layer for layer in spec["layers"]])
        if not SLOW:
            spec = dict(spec, layers=[dict(layer, filters=min(layer["filters"], 8)) if "filters" in layer else layer for layer in spec["layers"]])
        make_model(spec, 1, "any")
        sites = (100 if name == "dilated" else 5) if SLOW else 1
        regions = ",".join(f"chr1:{at + 1}-{at + 40}" for at in range(20000, 20000 + 300 * sites, 300))
        for baseline in ("n", "shuffled:2"):
            said = grad("-r", regions, "-k", MARKERS[0], "--method", "integrated", "--baseline", baseline, "-o", "any.tsv", model="any.safetensors").stderr
            check("baseline within" in said and "do not sum" not in said, f"{name} from {baseline}: {said}")
    # What is told is what is: of all bases that the model sees, and off where there are few steps.
    model = Torch(TINY)
    for method, words in ((["--baseline", "n", "--steps", 40], "contributions sum up"), (["--baseline", "n", "--steps", 1], "do not sum up")):
        done = grad("-r", "chr1:30001-30040", "--width", 2000, "-k", MARKERS[0], "--method", "integrated", *method, "-o", "all.tsv")
        check(words in done.stderr, done.stderr)
        total = sum(float(row[-1]) for row in rows(open("all.tsv").read()))
        _, difference = model.contributions(genome()["chr1"], (30000, 30040), 0, steps=1)
        off = abs(total - difference) / abs(difference)
        check((off <= 0.01) == (words == "contributions sum up"), f"{method}: off by {off}, and it says {done.stderr}")
    # Shuffled baselines: another seed another result, the same seed the same, and neither order nor threads count.
    def shuffled(*more):
        return rows(grad("-k", MARKERS[0], "--method", "integrated", "--baseline", "shuffled:2", "--steps", 4, *more).stdout)
    one = shuffled("-r", "chr1:30001-30040,chr2:500-540")
    check(one == shuffled("-r", "chr1:30001-30040,chr2:500-540", "-@", 1), "threads")
    check(one[40:] == shuffled("-r", "chr2:500-540") and one[:40] != shuffled("-r", "chr1:30001-30040", "--seed", 2), "seeds")


def test_outputs(bases):
    """All that one run writes says the same; regions in any order, one beyond a contig's end, one with N."""
    regions = [("chr1", 500, 560), ("chr2", 11985, 12003), ("chr1", 2, 6), ("chr2", 29990, 30000)]
    write("r.bed", "".join(f"{c}\t{b}\t{e}\n" for c, b, e in regions))
    for method in ("input", "norm"):
        grad("-R", "r.bed", "--width", 40, "--method", method, "-o", "a.{marker}.npz", "-o", "a.tsv", "-o", "a.matrix.tsv", "-o", "{marker}.bw",
             "-o", "{marker}.bedgraph.gz", "-o", "a.bed", "--modisco", "--bin", 7, "--top", 2)
        long = {(r[0], int(r[1]) - 1, r[3]): [float(x) for x in r[4:]] for r in rows(open("a.tsv").read())}
        wide = {(r[0], int(r[1]) - 1, r[3]): r[4:] for r in rows(open("a.matrix.tsv").read())}
        check(len(rows(open("a.tsv").read())) == len(long) and all(wide[key] == ["."] * 4 for key in wide if key not in long), "N has no contributions")
        check(all([float(x) for x in wide[key]] == long[key][:4] for key in long) and len(wide) > len(long), "the matrix is another")
        for key, (*four, value) in long.items():
            base = bases[key[0]][key[1]]
            expected = np.sqrt(np.square(four).sum()) if method == "norm" else four["ACGT".index(base)]
            check(base != "N" and abs(value - expected) <= 1e-5 * (1e-6 + abs(expected)), f"{key}: {value}, not {expected}")
            check(abs(sum(four)) <= 1e-4 * max(map(abs, four)) + 1e-9, f"{key}: the mean is not 0")
        windows = [(c, b + (e - b) // 2 - 20) for c, b, e in regions]
        for marker in MARKERS:
            arrays = np.load(f"a.{marker}.npz")
            sequences, contributions, projected = (arrays[name] for name in ("sequences", "contributions", "projected"))
            check(sequences.dtype == np.int8 and sequences.shape == contributions.shape == (4, 4, 40) and projected.shape == (4, 40), "arrays")
            for example, (chrom, begin) in enumerate(windows):
                for x in range(40):
                    at = begin + x
                    base = bases[chrom][at] if 0 <= at < len(bases[chrom]) else "N"
                    check(sequences[example, :, x].tolist() == [int(base == b) for b in "ACGT"], "the sequence")
                    got = [*contributions[example, :, x], projected[example, x]]
                    expected = long.get((chrom, at, marker), [0] * 5)
                    check(np.abs(np.array(got) - expected).max() <= 1e-5 * np.abs(expected).max(), f"{chrom}:{at}: {got}, not {expected}")
            for name, array in (("ohe", sequences), ("shap", contributions)):
                check(np.array_equal(np.load(f"a.{marker}.{name}.npz")["arr_0"], array), name)
            with pyBigWig.open(f"{marker}.bw") as track:
                values = {(c, p): v for c in track.chroms() for b, e, v in track.intervals(c) or [] for p in range(b, e)}
            check(set(values) == {key[:2] for key in long if key[2] == marker}, "bases of the track")
            check(all(abs(v - long[c, p, marker][4]) <= 1e-6 + 1e-5 * abs(v) for (c, p), v in values.items()), "values of the track")
        bed = rows(open("a.bed").read())
        order = sorted(range(4), key=lambda i: windows[i])
        expected = []
        for chrom, begin in (windows[i] for i in order):
            end, begin = min(begin + 40, len(bases[chrom])), max(0, begin)
            found = []
            for marker in MARKERS:
                sums = [(sum(abs(long.get((chrom, p, marker), [0] * 5)[4]) for p in range(b, min(end, b + 7))), b) for b in range(begin, end, 7)]
                best = sorted(sums, key=lambda s: -s[0])[:2]
                found += [(b, MARKERS.index(marker), [chrom, str(b), str(min(end, b + 7)), marker, str(round(1000 * s / best[0][0])), "."]) for s, b in best]
            expected += [words for _, _, words in sorted(found)]
        check([row[:6] for row in bed] == expected, f"{bed}\n{expected}")
    grad("-r", "chr1:101-150", "-o", "i.tsv.gz", "-o", "i.matrix.tsv.gz", "--write-index")
    for name in ("i.tsv.gz", "i.matrix.tsv.gz"):
        found = rows(subprocess.run(["tabix", name, "chr1:120-120"], capture_output=True, text=True, check=True).stdout)
        check(len(found) == 2 and all(row[1] == "120" for row in found), f"{name}: {found}")
    full = run("regsnp", "grad", "-m", "tiny.safetensors", "-f", "ref.fa", "-r", "chr1:5-5").stdout
    check(full.startswith("##regsnpVersion=") and "\n##regsnpCommand=regsnp grad " in full, full[:200])


def value_of(text):
    return {(row[0], int(row[1]), row[3]): float(row[-1]) for row in rows(text)}


def test_targets():
    """A sum over a target is the sum over its parts, whatever the tiles; without a target the region is its own; far bases contribute nothing."""
    where = ["-r", "chr1:29001-31000", "-k", MARKERS[0]]
    whole = value_of(grad(*where, "--target", "chr1:29501-30500").stdout)
    parts = [value_of(grad(*where, "--target", target).stdout) for target in ("chr1:29501-29987", "chr1:29988-30500")]
    largest = max(map(abs, whole.values()))
    check(all(abs(whole[key] - parts[0][key] - parts[1][key]) <= 1e-5 * largest for key in whole), "parts of a target")
    check(sum(value == 0 for value in whole.values()) > 500, "everything contributes")
    near = value_of(grad("-r", "chr1:29501-30500", "-k", MARKERS[0]).stdout)
    check(all(whole[key] == near[key] for key in near) and len(near) == 1000, "the region as its own target")
    wide = value_of(grad("-r", "chr1:29501-30500", "--width", 2000, "-k", MARKERS[0]).stdout)
    check(wide == whole, "--width")
    # Longer than a tile: in the middle of one long target a base has what it has of a short one around it.
    long = value_of(grad("-r", "chr1", "-k", MARKERS[0]).stdout)
    check(len(long) == 60000, f"{len(long)} bases")
    for begin in (1, 49000, 49900, 51000, 59000):
        around = value_of(grad("-r", f"chr1:{begin + 300}-{begin + 400}", "-k", MARKERS[0], "--target", f"chr1:{begin}-{begin + 900}").stdout)
        check(all(abs(long[key] - around[key]) <= 2e-5 * largest for key in around), f"at {begin}")
    # Overlapping regions are told of one by one.
    twice = rows(grad("-r", "chr1:501-510,chr1:506-520", "-k", MARKERS[0]).stdout)
    check(twice == rows(grad("-r", "chr1:501-510", "-k", MARKERS[0]).stdout) + rows(grad("-r", "chr1:506-520", "-k", MARKERS[0]).stdout), "overlaps")


def test_ensemble():
    run("random_model", "other.safetensors", "coverage.json", 2, "chr1:60000", "open.K562=DNase", "CTCF.K562=TFBS")
    run("random_model", "wide.safetensors", "tiny.json", 2, "chr1:60000", "open.K562=DNase", "CTCF.K562=TFBS")
    where = ["-r", "chr1:30001-30050,chr2:11990-12010,chr2:40-80"]
    for more in ([], ["--target", "chr1:30010-30100"]):
        where = ["-r", "chr1:30001-30050"] if more else where
        one, other, both = (value_of(grad(*where, *more, model=model).stdout) for model in
                            ("tiny.safetensors", "wide.safetensors", "tiny.safetensors wide.safetensors"))
        largest = max(map(abs, both.values()))
        check(set(both) == set(one) and all(abs(both[key] - (one[key] + other[key]) / 2) <= 1e-5 * largest for key in both), "the mean of two models")
    check("one model" in grad("-r", "chr1:1-9", "--sites", model="tiny.safetensors wide.safetensors", code=2).stderr, "--sites of two models")


def test_sites():
    """Sites are regcall's, one by one, each its own target."""
    run("random_model", "called.safetensors", "tiny.json", 14, "chr1:60000", "CTCF.K562=TFBS", "open.K562=DNase")
    regions = "chr1:20001-20500,chr2:11851-13150"
    bed = rows(run("regcall", "-m", "called.safetensors", "-f", "ref.fa", "-r", regions, "-O", "bed", "--no-version").stdout)
    check({row[3] for row in bed} == set(MARKERS) and len(bed) > 10, f"{len(bed)} sites")
    got = rows(grad("-r", regions, "--sites", model="called.safetensors").stdout)
    at = 0
    for number, (chrom, begin, end, marker, *_) in enumerate(sorted(bed, key=lambda row: (row[0], int(row[1]), int(row[2])))):
        size = int(end) - int(begin)
        if number % 40:
            check([row[:2] for row in got[at:at + size]] == [[chrom, str(p + 1)] for p in range(int(begin), int(end))], "bases of a site")
            at += size
            continue
        alone = rows(grad("-r", f"{chrom}:{int(begin) + 1}-{end}", "-k", marker, model="called.safetensors").stdout)
        check(got[at:at + len(alone)] == alone and len(alone) == size, f"{chrom}:{begin}-{end} {marker}")
        at += len(alone)
    check(at == len(got), "more than the sites")
    grad("-r", regions, "--sites", "--width", 50, "-o", "s.{marker}.npz", model="called.safetensors")
    for marker in MARKERS:
        check(len(np.load(f"s.{marker}.npz")["projected"]) == sum(row[3] == marker for row in bed), f"examples of {marker}")
    check("calls no site" in grad("-r", "chr2:12101-12105", "--sites", code=3).stderr, "no site")


def test_chain():
    """The best bins go into ism, which finds nothing larger elsewhere than a little."""
    target = ["--target", "chr1:30101-30140", "-k", MARKERS[0]]
    bins = grad("-r", "chr1:29001-31000", *target, "-O", "bed", "--bin", 32, "--top", 3).stdout
    check(len(rows(bins)) == 3, bins)
    ism = subprocess.run([os.path.join(tools.BIN, "regsnp"), *"ism -m tiny.safetensors -f ref.fa --no-version -R - -O matrix".split(), *target],
                         input=bins, capture_output=True, text=True, check=True).stdout
    inside = {int(row[1]) - 1 for row in rows(ism)}
    check(inside == {p for row in rows(bins) for p in range(int(row[1]), int(row[2]))}, "bases of ism")
    every = rows(run("regsnp", "ism", "-m", "tiny.safetensors", "-f", "ref.fa", "--no-version", "-r", "chr1:29901-30340", *target, "-O", "matrix").stdout)
    strength = np.array([np.abs([float(x) for x in row[4:8]]).sum() for row in every])
    chosen = np.array([int(row[1]) - 1 in inside for row in every])
    check(strength[chosen].mean() > 2 * strength[~chosen].mean(), f"{strength[chosen].mean()} in the bins, {strength[~chosen].mean()} elsewhere")


def test_refused():
    for code, word, args in ((2, "--region", []), (4, "chr9", ["-r", "chr9"]), (3, "behind the end", ["-r", "chr1:70000-70001"]),
                             (3, "all N", ["-r", "chr2:12101-12200"]), (2, "nope", ["-r", "chr1:5", "-k", "nope"]), (2, "one marker", ["-r", "chr1:5-9", "-o", "no.npz"]),
                             (2, "one marker", ["-r", "chr1:5-9", "-o", "no.bw"]), (2, "--width", ["-r", "chr1:5-9,chr1:20-21", "-k", MARKERS[0], "-o", "no.npz"]),
                             (2, "overlap", ["-r", "chr1:5-9,chr1:8-21", "-k", MARKERS[0], "-o", "no.bw"]),
                             (2, "overlap", ["-r", "chr1:5-9,chr1:8-21", "-o", "no.tsv.gz", "--write-index"]),
                             (2, "bgzip", ["-r", "chr1:5-9", "--write-index", "-o", "no.tsv"]), (2, "bgzip TSV", ["-r", "chr1:5-9", "--write-index", "-o", "no.bed"]),
                             (2, "does not tell", ["-r", "chr1:5-9", "-o", "no.vcf"]), (2, "no output format", ["-r", "chr1:5-9", "-O", "vcf"]),
                             (2, "{marker}", ["-r", "chr1:5-9", "-o", "no.{marker}.bed"]), (2, ".npz", ["-r", "chr1:5-9", "--modisco"]),
                             (2, "ref.fa", ["-r", "chr1:5-9", "-O", "tsv", "-o", "ref.fa"]), (2, "one region", ["-r", "chr1:5-9", "--target", "chr1:50-60,chr1:80-90"]),
                             (2, "nothing on chr2", ["-r", "chr1:5-9,chr2:5", "--target", "chr1:50-60"]), (2, "--target out", ["-r", "chr1:5-9", "--sites", "--target", "chr1:50-60"]),
                             (2, "--bin goes", ["-r", "chr1:5-9", "--bin", 5]), (2, "--steps goes", ["-r", "chr1:5-9", "--steps", 5]),
                             (2, "--baseline goes", ["-r", "chr1:5-9", "--baseline", "n"]),
                             (2, "shuffled:N", ["-r", "chr1:5-9", "--method", "integrated", "--baseline", "shuffled:0"])):
        done = grad(*args, code=code)
        check(word in done.stderr.splitlines()[-1], f"{args}: {done.stderr}")
        check(not [name for name in os.listdir() if name.startswith("no.")], f"{args}: leaves a file")
    check("no sites" in grad("-r", "chr1:5-9", "--sites", model="coverage.safetensors", code=2).stderr, "sites of coverage")
    check("no phases" in grad("-r", "chr1:5-9", "--phases", "all", model="flat.safetensors", code=2).stderr, "phases of a fixed window")


def main():
    os.environ["TEST_TOOLS"] = HERE
    os.environ["PATH"] = os.path.abspath(tools.BIN) + ":" + os.environ["PATH"]
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory(prefix="regsnp_grad_") as work:
        os.chdir(work)
        subprocess.run([os.path.join(HERE, "fixture.sh")], check=True, capture_output=True)
        bases = genome()
        test_against_torch(bases)
        test_complete()
        test_outputs(bases)
        test_targets()
        test_ensemble()
        test_sites()
        test_chain()
        test_refused()
    assert tools.checks > 2000, tools.checks
    print(f"{tools.checks} checks")


if __name__ == "__main__":
    sys.exit(main())
