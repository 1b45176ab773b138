#!/usr/bin/env python3
"""Windows, labels and prevalence of data sets of every target against arrays of one value a base (numpy).

Genomes are synthetic, with contigs of odd lengths, N and masks; the data sets' labels come from dataset_probe. Where the
real chromosome 20 is, Task 1's data set of it is checked in the same way."""
import collections
import fractions
import gzip
import json
import math
import os
import random
import subprocess
import sys
import tempfile

python = os.environ.get("REGKIT_PYTHON", "/usr/bin/python3")
if os.path.realpath(python) != os.path.realpath(sys.executable):
    os.execv(python, [python] + sys.argv)
try:
    import numpy
    import pyBigWig
except ImportError as missing:
    print(f"SKIPPED: {missing}; install python3-pybigwig and python3-numpy")
    sys.exit(77)

BIN, DATA = os.environ["REGKIT_BIN"], os.environ["REGKIT_DATA"]
SPLITS = ("train", "valid", "test")
Track = collections.namedtuple("Track", "name class_name path values")  # values: contig -> array, one value a base


def check(ok, what):
    if not ok:
        sys.exit("FAILED: " + what)


def make_genome(work, lengths, rng):
    genome = {}
    for name, length in lengths.items():
        bases = rng.choice(numpy.frombuffer(b"ACGT", dtype=numpy.uint8), length)
        for _ in range(length // 4000):
            at = int(rng.integers(0, length))
            bases[at:at + int(rng.integers(1, 60))] = ord("N")
        genome[name] = bases
    path = work + "/genome.fa"
    with open(path, "w") as file:
        for name, bases in genome.items():
            file.write(">%s\n%s\n" % (name, bases.tobytes().decode()))
    return path, genome


def write_bed(path, arrays, rng):
    """Intervals that cover exactly the true bases, some of them split and overlapping, in any order."""
    lines = []
    for name, covered in arrays.items():
        edges = numpy.flatnonzero(numpy.diff(numpy.concatenate(([0], covered.astype(numpy.int8), [0]))))
        for begin, end in zip(edges[::2].tolist(), edges[1::2].tolist()):
            if end - begin > 6 and rng.random() < 0.3:
                cut = int(rng.integers(begin + 1, end - 1))
                lines.append("%s\t%d\t%d\n" % (name, begin, cut + int(rng.integers(0, 2))))
                begin = cut
            lines.append("%s\t%d\t%d\n" % (name, begin, end))
    rng.shuffle(lines)
    with open(path, "w") as file:
        file.writelines(lines)


def make_peaks(work, genome, rng, classes, density=300, longest=400):
    tracks = []
    for number, class_name in enumerate(classes):
        arrays = {}
        for name, bases in genome.items():
            covered = numpy.zeros(len(bases), dtype=bool)
            for _ in range(len(bases) // density + 1):
                at = int(rng.integers(0, len(bases)))
                covered[at:at + int(rng.integers(1, longest if rng.random() < 0.7 else 20))] = True
            arrays[name] = covered
        path = "%s/m%d.bed" % (work, number)
        write_bed(path, arrays, rng)
        tracks.append(Track("m%d" % number, class_name, path, arrays))
    return tracks


def write_bed_graph(path, arrays):
    with open(path, "w") as file:
        file.write("track type=bedGraph\n")
        for name in reversed(arrays):  # contigs in another order than the genome's
            edges = numpy.flatnonzero(numpy.diff(arrays[name], prepend=-1, append=-1))
            for begin, end in zip(edges[:-1].tolist(), edges[1:].tolist()):
                if arrays[name][begin] > 0 or begin % 3 == 0:  # zeros may be there or not
                    file.write("%s\t%d\t%d\t%r\n" % (name, begin, end, float(arrays[name][begin])))


def write_bigwig(path, arrays):
    """Sections of all three types."""
    file = pyBigWig.open(path, "w")
    names = sorted(name for name in arrays if (arrays[name] > 0).any())
    file.addHeader([(name, len(arrays[name])) for name in sorted(arrays)])
    for number, name in enumerate(names):
        values = arrays[name].astype(float)
        half = len(values) // 2
        edges = numpy.flatnonzero(numpy.diff(values[:half], prepend=-1, append=-1))
        runs = [(b, e) for b, e in zip(edges[:-1].tolist(), edges[1:].tolist()) if values[b] > 0]
        if runs:
            file.addEntries([name] * len(runs), [b for b, _ in runs], ends=[e for _, e in runs], values=[values[b] for b, _ in runs])
        if number % 2 == 0:  # fixedStep, else variableStep
            file.addEntries(name, half, values=values[half:].tolist(), span=1, step=1)
        else:
            places = (half + numpy.flatnonzero(values[half:] > 0)).tolist()
            if places:
                file.addEntries(name, places, values=values[places].tolist(), span=1)
    file.close()


def make_coverage(work, genome, rng):
    tracks = []
    for number, kind in enumerate(("bedgraph", "bigwig", "bedgraph.gz", "bw")):
        arrays = {}
        for name, bases in genome.items():
            values = numpy.zeros(len(bases), dtype=numpy.float32)
            if not (name == "three" and number == 0):  # a contig without coverage
                for _ in range(len(bases) // 150 + 1):
                    at = int(rng.integers(0, len(bases)))
                    values[at:at + int(rng.integers(1, 300))] = numpy.float32(rng.integers(0, 5) * (0.37 if number < 2 else 1000.5))
            arrays[name] = values
        path = "%s/c%d.%s" % (work, number, kind)
        if "graph" in kind:
            write_bed_graph(path.removesuffix(".gz"), arrays)
            if kind.endswith(".gz"):
                subprocess.run(["gzip", "-n", path.removesuffix(".gz")], check=True)
        else:
            write_bigwig(path, arrays)
        tracks.append(Track("c%d" % number, "even" if number % 2 == 0 else "odd", path, arrays))
    return tracks


def write_sheet(path, tracks):
    with open(path, "w") as file:
        file.write("name\tclass\tpeaks\n")
        file.writelines("%s\t%s\t%s\n" % (t.name, t.class_name, t.path) for t in tracks)


def labels_of(track, layout, contig, begin):
    """One number an output position."""
    task, bin_size, offset, count, overlap = layout
    bases = track.values[contig][begin + offset:begin + offset + bin_size * count].reshape(count, bin_size)
    if task == "coverage":
        return bases.mean(axis=1, dtype=numpy.float64)
    least = math.floor(fractions.Fraction(str(overlap)) * bin_size) + 1  # strictly more, without rounding
    return (bases.sum(axis=1) >= (least if task == "bin" else 1)).astype(numpy.float64)


def expect(genome, tracks, layout, window, max_n, masks, max_mask, split_of, keep):
    """Windows in order with their labels, and those dropped, by reason."""
    dropped = collections.Counter(contig_end=0, n=0, mask=0, no_label=0, two_splits=0, no_split=0)
    kept = []
    _, bin_size, offset, count, _ = layout
    for contig, bases in genome.items():
        is_n = bases == ord("N")
        for first in range(0, len(bases), bin_size * count):
            begin, end = first - offset, first - offset + window
            if begin < 0 or end > len(bases):
                dropped["contig_end"] += 1
                continue
            if is_n[begin:end].sum() > math.floor(max_n * window + 1e-6):
                dropped["n"] += 1
                continue
            if masks[contig][begin:end].sum() > math.floor(max_mask * window + 1e-6):
                dropped["mask"] += 1
                continue
            labels = [labels_of(track, layout, contig, begin) for track in tracks]
            if keep is not None and not any(labels[i].any() for i in keep):
                dropped["no_label"] += 1
                continue
            splits = set(split_of[contig][begin:end].tolist())
            if len(splits) > 1:
                dropped["two_splits"] += 1
            elif splits == {3}:
                dropped["no_split"] += 1
            else:
                kept.append((contig, begin, SPLITS[splits.pop()], labels))
    return kept, dropped


def probe(directory, markers):
    text = subprocess.run([BIN + "/dataset_probe", directory], check=True, stdout=subprocess.PIPE, text=True).stdout.splitlines()
    task, window, bin_size, offset, count = text[0].split("\t")
    windows = []
    for line in text[1:]:
        contig, begin, split, runs = line.split("\t")
        labels = numpy.zeros((markers, int(count)))
        last = (-1, 0)
        for run in runs.split(",")[:-1]:
            marker, place = run.split(":")
            place, value = place.split("=")
            first, end = map(int, place.split("-"))
            check((int(marker), first) >= last and first < end <= int(count), "runs are not sorted or not inside: " + runs)
            if task != "coverage":
                check(int(marker) > last[0] or first > last[1], "runs that touch: " + runs)
            last = (int(marker), end)
            labels[int(marker), first:end] = float(value)
        windows.append((contig, int(begin), split, labels))
    return (task, int(window), int(bin_size), int(offset), int(count)), windows


def compare(directory, genome, tracks, layout, window, kept, dropped, tolerance):
    found, windows = probe(directory, len(tracks))
    check(found == (layout[0], window, *layout[1:4]), "layout %s of %s" % (found, directory))
    check([w[:3] for w in windows] == [k[:3] for k in kept], "windows of " + directory)
    train = numpy.zeros(len(tracks))
    for ours, theirs in zip(windows, kept):
        wrong = ~(numpy.abs(ours[3] - numpy.array(theirs[3])) <= tolerance * numpy.array(theirs[3]))
        check(not wrong.any(), "labels of %s:%d in %s" % (ours[0], ours[1], directory))
        if ours[2] == "train":
            train += numpy.array(theirs[3]).sum(axis=1)
    description = json.load(open(directory + "/dataset.json"))
    for reason, number in dropped.items():
        check(description["dropped"].get(reason, 0) == number, "%s dropped: %s" % (reason, description["dropped"]))
    positions = layout[3] * sum(1 for k in kept if k[2] == "train")
    rows = [line.split("\t") for line in open(directory + "/markers.tsv").read().splitlines()[1:]]
    for row, total in zip(rows, train):
        check(abs(float(row[8]) - total / max(positions, 1)) <= 1e-6 * total / max(positions, 1), "prevalence of " + row[0])


def build(fasta, out, *options):
    subprocess.run([BIN + "/regds-build", "-f", fasta, "-o", out, "--no-version", "--verbosity", "1", *options], check=True)


def split_arrays(genome, regions, others):
    arrays = {name: numpy.full(len(bases), others, dtype=numpy.int8) for name, bases in genome.items()}
    for split, contig, begin, end in regions:
        arrays[contig][begin:end] = SPLITS.index(split)
    return arrays


def run_case(work, number, fasta, genome, tracks, masks, case):
    """case: target, window, bin, bins, overlap, keep, max_n, train (whether train regions are named)."""
    task, window, bin_size, bins, overlap, keep_if, max_n, train = case
    out = "%s/case%d.regds" % (work, number)
    options = ["--sheet", "%s/%s.tsv" % (work, "coverage" if task == "coverage" else "peaks"), "--target", task, "--window", str(window),
               "--max-n", str(max_n), "--mask", work + "/mask.bed"]
    if task == "nucleotide":
        bin_size, count = 1, window
    else:
        count = window // bin_size if bins == "all" else bins
        options += ["--label-bin", str(bin_size), "--label-bins", str(bins)]
    if task == "bin":
        options += ["--min-overlap", str(overlap)]
    for word in keep_if:
        options += ["--keep-if", word]
    regions = [("valid", "one", 9001, 14020), ("test", "two", 0, 2500)] + ([("train", "one", 0, 9001)] if train else [])
    for split, contig, begin, end in regions:
        options += ["--" + split, "%s:%d-%d" % (contig, begin + 1, end)]
    keep = None
    if keep_if != ["all"]:
        keep = [i for i, t in enumerate(tracks) if "any" in keep_if or "class:" + t.class_name in keep_if]
    layout = (task, bin_size, (window - bin_size * count) // 2, count, overlap)
    kept, dropped = expect(genome, tracks, layout, window, max_n, masks, 0.1, split_arrays(genome, regions, 3 if train else 0), keep)
    if not kept:
        return 0
    build(fasta, out, *options)
    compare(out, genome, tracks, layout, window, kept, dropped, 1e-6 if task == "coverage" else 0)
    return len(kept)


def synthetic(work):
    rng = numpy.random.default_rng(8)
    fasta, genome = make_genome(work, {"one": 30011, "two": 7003, "three": 999, "four": 150, "five": 61}, rng)
    masks = {name: rng.random(len(bases)) < 0 for name, bases in genome.items()}
    for name, covered in masks.items():
        for _ in range(len(covered) // 5000):
            at = int(rng.integers(0, len(covered)))
            covered[at:at + 170] = True
    write_bed(work + "/mask.bed", masks, rng)
    tracks = make_peaks(work, genome, rng, ["loop", "loop", "", "boundary"])
    write_sheet(work + "/peaks.tsv", tracks)
    cases = [("nucleotide", 1000, 1, "all", 0, ["all"], 0.1, False), ("nucleotide", 251, 1, "all", 0, ["any"], 0, True),
             ("nucleotide", 60, 1, "all", 0, ["class:boundary"], 0, False)]
    for window, bin_size, bins in ((1000, 200, 1), (1000, 200, "all"), (1000, 200, 3), (600, 100, 2), (501, 101, 1), (101, 101, "all"),
                                   (77, 7, "all"), (30, 1, "all"), (31, 1, 1), (130, 13, 4)):
        for overlap in (0, 0.5, 0.29, 0.99):
            for keep_if in (["any"], ["all"], ["class:loop"], ["class:boundary", "class:"]):
                cases.append(("bin", window, bin_size, bins, overlap, keep_if, 0 if overlap else 0.02, bin_size % 2 == 0))
    random.seed(1)
    cases = cases[:3] + random.sample(cases[3:], 20)
    coverage = make_coverage(work, genome, rng)
    write_sheet(work + "/coverage.tsv", coverage)
    for window, bin_size, bins in ((1280, 128, "all"), (1000, 100, 2), (512, 128, 2), (64, 64, 1), (40, 1, "all"), (50, 10, 3)):
        for keep_if in (["all"], ["class:odd"] if bins == "all" else ["any"]):
            cases.append(("coverage", window, bin_size, bins, 0, keep_if, 0.1, bin_size == 100))
    windows = sum(run_case(work, number, fasta, genome, coverage if case[0] == "coverage" else tracks, masks, case)
                  for number, case in enumerate(cases))
    check(windows > 5000, "only %d windows in all" % windows)
    print("%d data sets of %d windows agree" % (len(cases), windows))


def refused_bigwigs(work):
    """Exit code and place for what a bigWig must not hold, or must not be."""
    with open(work + "/g.fa", "w") as file:
        file.write(">a\n%s\n>b\n%s\n" % ("ACGT" * 500, "TTGCA" * 100))

    def write(name, contigs, values):
        file = pyBigWig.open(work + "/" + name, "w")
        file.addHeader(contigs)
        file.addEntries(["a"] * len(values), list(range(0, 20 * len(values), 20)), ends=list(range(10, 20 * len(values), 20)), values=values)
        file.close()

    contigs = [("a", 2000), ("b", 500)]
    write("good.bw", contigs, [1.0] * 100)
    write("negative.bw", contigs, [1.0, 2.0, -1.0])
    write("nan.bw", contigs, [1.0, float("nan")])
    write("inf.bw", contigs, [1.0, 2.0, 3.0, float("inf")])
    write("length.bw", [("a", 1999), ("b", 500)], [1.0])
    write("elsewhere.bw", [("a", 2000), ("z", 7)], [1.0])
    whole = open(work + "/good.bw", "rb").read()
    for name, content in (("cut.bw", whole[:300]), ("empty.bw", b"")):
        with open(work + "/" + name, "wb") as file:
            file.write(content)
    for name, code, words in (("good.bw", 0, ""), ("negative.bw", 3, "negative.bw (a:41): value -1"), ("nan.bw", 0, "nan.bw: 1 value is NaN, taken for no data"),
                              ("inf.bw", 3, "inf.bw (a:61): value inf"), ("length.bw", 4, "length.bw: contig a has 1999 bases"),
                              ("elsewhere.bw", 0, ""), ("cut.bw", 3, "cut.bw: truncated"), ("empty.bw", 3, "empty.bw")):
        out = work + "/" + name + ".regds"
        run = subprocess.run([BIN + "/regds-build", "-f", work + "/g.fa", "-o", out, "--target", "coverage", "--window", "100",
                              "--label-bin", "10", "--verbosity", "3", work + "/" + name], stderr=subprocess.PIPE, text=True)
        check(run.returncode == code and words in run.stderr, "%s: exit %d, %s" % (name, run.returncode, run.stderr))
        check(os.path.exists(out) == (code == 0), "what is left of " + name)


def yeast(work):
    """16 contigs, 12 Mb, three markers of classes of their own: nothing is made for one genome."""
    rng = numpy.random.default_rng(5)
    lengths = {"chr" + name: 230000 + 67001 * i for i, name in enumerate("I II III IV V VI VII VIII IX X XI XII XIII XIV XV XVI".split())}
    fasta, genome = make_genome(work, lengths, rng)
    tracks = make_peaks(work, genome, rng, ["origin", "nucleosome", "origin"], 2000, 300)
    write_sheet(work + "/yeast.tsv", tracks)
    masks = {name: numpy.zeros(len(bases), dtype=bool) for name, bases in genome.items()}
    options = ["--sheet", work + "/yeast.tsv", "--valid", "chrI", "--test", "chrXVI"]
    regions = [("valid", "chrI", 0, lengths["chrI"]), ("test", "chrXVI", 0, lengths["chrXVI"])]
    layout = ("bin", 200, 400, 1, 0.5)
    kept, dropped = expect(genome, tracks, layout, 1000, 0, masks, 0.1, split_arrays(genome, regions, 0), [0, 1, 2])
    build(fasta, work + "/yeast.regds", "--target", "bin", *options)
    compare(work + "/yeast.regds", genome, tracks, layout, 1000, kept, dropped, 0)
    build(fasta, work + "/yeast25.regds", *options)
    print("yeast-sized: %d windows of 1,000 bp agree" % len(kept))


def chromosome_20(work):
    fasta = DATA + "/genome/hg19.chr20.fa.gz"
    if not os.path.exists(fasta):
        print("SKIPPED: %s is absent" % fasta)
        return False
    bases = numpy.frombuffer(b"".join(line.strip() for line in gzip.open(fasta) if not line.startswith(b">")), dtype=numpy.uint8)
    is_n = bases == ord("N")
    lines = open(DATA + "/markers.GM12878.tsv").read().splitlines()
    header = lines[0].split("\t")
    rows = [dict(zip(header, line.split("\t"))) for line in lines[1:]]
    count = (len(bases) - 200) // 200 + 1
    windows = [k for k in range(2, count) if k * 200 + 600 <= len(bases) and not is_n[k * 200 - 400:k * 200 + 600].any()]
    positive = {}
    for row in rows:
        covered = numpy.zeros(count * 200, dtype=bool)
        for line in gzip.open(DATA + "/" + row["peaks"], "rt"):
            contig, begin, end = line.split("\t")[:3]
            covered[int(begin):int(end)] = True
        positive[row["name"]] = covered.reshape(count, 200).sum(axis=1) > 100
    tfbs = numpy.any([positive[row["name"]] for row in rows if row["class"] == "TFBS"], axis=0)
    expected = [k * 200 - 400 for k in windows if tfbs[k]]
    build(fasta, work + "/twenty.regds", "--sheet", DATA + "/markers.GM12878.tsv", "--target", "bin", "--keep-if", "class:TFBS")
    _, found = probe(work + "/twenty.regds", len(rows))
    check([w[1] for w in found] == expected and len(expected) > 1000, "windows of chromosome 20")
    for number, row in enumerate(rows):
        ours = numpy.array([w[3][number, 0] for w in found])
        check((ours == positive[row["name"]][[(b + 400) // 200 for b in expected]]).all(), "labels of " + row["name"])
    print("chromosome 20: %d windows of %d markers agree" % (len(expected), len(rows)))
    return True


def main():
    with tempfile.TemporaryDirectory() as work:
        done = True
        for part in (synthetic, refused_bigwigs, yeast, chromosome_20):
            folder = "%s/%s" % (work, part.__name__)
            os.mkdir(folder)
            done = part(folder) is not False and done
        return 0 if done else 77


if __name__ == "__main__":
    sys.exit(main())
