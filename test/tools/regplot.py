#!/usr/bin/env python3
"""regplot draws what the tools print: each picture as valid SVG and PNG, with its words, with the numbers of its input where they belong,
the same bytes twice; and it refuses what is no input."""
import contextlib
import io
import json
import os
import pathlib
import re
import shutil
import struct
import subprocess
import sys
import tempfile
import xml.etree.ElementTree as ElementTree

HERE = os.path.dirname(os.path.abspath(__file__))
python = os.environ.get("REGKIT_PYTHON", "/usr/bin/python3")
if os.path.realpath(python) != os.path.realpath(sys.executable):
    os.execv(python, [python] + sys.argv)
try:
    import matplotlib  # noqa: F401
    import numpy as np
    import pyBigWig  # noqa: F401
except ImportError as missing:
    print(f"SKIPPED: {missing}; needs python3-matplotlib and python3-pybigwig")
    sys.exit(77)

SOURCE = pathlib.Path(os.environ.get("REGKIT_SOURCE", pathlib.Path(HERE).parents[1]))
sys.path[:0] = [os.path.join(HERE, "..", "support"), str(SOURCE / "tools")]
sys.dont_write_bytecode = True
import tools
from tools import check, read, run, write
from regplot import cli, options, style

MARKER = "CTCF.K562"


def arguments(*words):
    command, rest = cli.command_of(list(words))
    return options.parse(command, rest)


def drawn(*words):
    """The picture itself, to ask it where things are."""
    given = arguments(*words)
    with style.applied():
        return cli.module_of(given.command).draw(given)


def called(*words, code=0):
    """What the command says on standard error, without a process of its own, which takes a second to start."""
    stream = io.StringIO()
    with contextlib.redirect_stderr(stream):
        got = cli.main([str(word) for word in words])
    check(got == code, f"{words}: {got}, not {code}: {stream.getvalue()}")
    return stream.getvalue()


def texts(svg):
    root = ElementTree.fromstring(svg)
    check(root.tag.endswith("}svg"), f"the root is {root.tag}")
    return " ".join("".join(element.itertext()) for element in root.iter() if element.tag.endswith("}text"))


def png_size(data):
    check(data[:8] == b"\x89PNG\r\n\x1a\n", "no PNG")
    return struct.unpack(">II", data[16:24])


def picture(*words, contains):
    """Makes it twice as SVG, once as PNG and HTML."""
    said = called(*words, "-o", "one.svg", "-o", "one.png", "-o", "one.html", "--dpi", 100)
    check(len(said.splitlines()) == 1, f"{words}: says {said!r}")
    if words[0] in ("ism", "locus", "pr"):  # also what another process makes
        check(run("regplot", *words, "-o", "two.svg", "--verbosity", 1).stderr == "", "--verbosity 1 is not silent")
    else:
        called(*words, "-o", "two.svg", "--verbosity", 1)
    check(read("one.svg") == read("two.svg"), f"{words}: two runs differ")
    found = texts(read("one.svg"))
    for text in contains:
        check(text in found, f"{words}: '{text}' is not in: {found}")
    width, height = png_size(read("one.png"))
    check(abs(width - 180 / 25.4 * 100) < 2 and height > 100, f"{words}: {width} x {height} pixels")
    page = read("one.html").decode()
    check("<svg" in page and contains[0] in page and "http-equiv" not in page and "<script" not in page, f"{words}: the page")
    check(not any(f'{key}="http' in page for key in ("src", "href")), f"{words}: the page asks the network")
    for name in ("one.svg", "one.png", "one.html", "two.svg"):
        os.remove(name)


def has_grad():
    return "regsnp grad" in run("regsnp", "grad", "--help", code=None).stdout


def make_inputs():
    subprocess.run([os.path.join(HERE, "fixture.sh")], check=True, capture_output=True,
                   env={**os.environ, "PATH": f"{os.path.abspath(tools.BIN)}:{os.environ['PATH']}", "TEST_TOOLS": HERE})
    model = ["-m", "model.safetensors"]
    run("regsnp", "ism", *model, "-f", "ref.fa", "-r", "chr1:101-160", "--deletions", 2, "-o", "e.matrix.tsv", "-o", "e.tsv.gz")
    run("regsnp", "ism", *model, "-f", "ref.fa", "-r", "chr1:101-160", "-k", MARKER, "-o", "e.npz")
    if not has_grad():
        print("this regsnp has no grad: its files are not drawn")
        shutil.copy("e.npz", "g.npz")
    else:
        run("regsnp", "grad", *model, "-f", "ref.fa", "-r", "chr1:101-160", "-k", MARKER, "-o", "g.matrix.tsv", "-o", "g.npz", "-o", "g.tsv")
        run("regsnp", "grad", *model, "-f", "ref.fa", "-r", "chr2:4001-5000", "--target", "chr2:4500-4600", "--method", "norm", "-k", MARKER,
            "-o", "g.bw")
    run("regcall", *model, "-f", "ref.fa", "-r", "chr2:1-30000", "-o", "{marker}.bw", "-o", "calls.narrowPeak", "-c", "0.5", "--raw")
    run("regcall", *model, "-f", "ref.fa", "-r", "chr2:1-30000", "-o", "{marker}.bedgraph")
    run("regsnp", *model, "-f", "ref.fa", "-o", "scored.vcf.gz", "in.vcf")
    run("regeval", *model, "-d", "small.regds", "-f", "ref.fa", "-o", "m.tsv", "--curves", "c.tsv", "--baselines")
    lines = [line.rstrip("\n").split("\t") for line in open("m.tsv")]
    for line in lines[1:]:  # so short a genome has no intervals: as if it had
        for name in ("roc_auc", "average_precision"):
            for end, shift in (("_low", -0.05), ("_high", 0.05)):
                check(line[lines[0].index(name + end)] == "NA", "an interval of a single block")
                if line[lines[0].index(name)] != "NA":
                    line[lines[0].index(name + end)] = f"{float(line[lines[0].index(name)]) + shift:.6f}"
    write("m.tsv", "".join("\t".join(line) + "\n" for line in lines))
    shutil.copy(os.path.join(HERE, "data", "tiny.json"), "tiny.json")
    run("regtrain", "-d", "small.regds", "-f", "ref.fa", "-a", "tiny.json", "--steps", 8, "--batch", 2, "--log-every", 1, "--valid-every", 4, "-o",
        "new.safetensors")


def table(path):
    lines = [line.rstrip("\n").split("\t") for line in open(path) if not line.startswith("##")]
    return [dict(zip([lines[0][0].lstrip("#")] + lines[0][1:], line)) for line in lines[1:]]


def test_bases():
    words = ["ism", "e.matrix.tsv", "-k", MARKER, "--genome", "test1"]
    picture(*words, contains=[MARKER, "Δ logit", "chr1 (test1, bp)", "contribution", "del 2", "Dots mark"])
    rows = [row for row in table("e.matrix.tsv") if row["marker"] == MARKER]
    values = np.array([[float(row[base]) for row in rows] for base in "ACGT"])
    projected = -values.mean(axis=0)
    check(np.abs(projected).max() > 0, "the model tells nothing")
    for source in ("e.matrix.tsv", "e.tsv.gz", "e.npz"):
        more = ["-k", MARKER] if source != "e.npz" else ["-r", "chr1:101-160"]
        figure = drawn("ism", source, *more).figure
        logo, heat = figure.axes[:2]
        cells = np.asarray(heat.collections[0].get_array()).reshape(-1, 60)[:4]
        check((np.abs(cells - values) <= 1e-5).all(), f"{source}: cells")
        dots = heat.collections[1].get_offsets()
        check([(x - 100.5, "ACGT"[int(y)]) for x, y in dots] == [(i, row["ref"]) for i, row in enumerate(rows)], f"{source}: dots")
        highest = {}
        for patch in logo.patches:
            box = patch.get_path().get_extents()
            highest[round(box.x0 - 100.04)] = box.y1 if box.y1 > 1e-9 else box.y0
        check(len(highest) > 50 and all(abs(height - projected[at]) <= 1e-5 for at, height in highest.items()), f"{source}: letters {highest}")
    clipped = drawn("ism", "e.matrix.tsv", "-k", MARKER, "--clip", str(np.abs(values).max() / 2)).caption
    beyond = sum(abs(float(row[name])) > np.abs(values).max() / 2 for row in rows for name in (*"ACGT", "del1", "del2") if row[name] != ".")
    check(f"{beyond} of {4 * 60 + sum(row[name] != '.' for row in rows for name in ('del1', 'del2'))} cells lie beyond" in clipped, clipped)
    long = drawn("ism", "e.matrix.tsv", "-k", MARKER, "--per-line", "25").figure
    check(len(long.axes) == 3 * 2 + 1, f"{len(long.axes)} axes of three lines")


def test_grad():
    picture("grad", "g.npz", contains=["position in the region", "gradient (logit a base)"])
    cells = np.asarray(drawn("grad", "g.npz").figure.axes[1].collections[0].get_array()).reshape(-1, 60)
    check((np.abs(cells - np.load("g.npz")["contributions"][0]) <= 1e-6).all(), "contributions are drawn as they are")
    if has_grad():
        values = np.array([[float(row[base]) for row in table("g.matrix.tsv")] for base in "ACGT"])
        drawn_table = np.asarray(drawn("grad", "g.matrix.tsv").figure.axes[1].collections[0].get_array()).reshape(-1, 60)
        check((np.abs(drawn_table - values) <= 1e-9).all() and (np.abs(cells - values) <= 1e-5 * np.maximum(1, np.abs(values))).all(), "the table")
        picture("grad", "g.tsv", contains=["chr1 (bp)", "gradient ×"])


def test_locus():
    words = ["locus", "-r", "chr2:4,001-7,000", f"{MARKER}.bw", "open.K562.bedgraph", "calls.narrowPeak", "--peaks", f"{MARKER}=a.narrowPeak.gz",
             "scored.vcf.gz", "--threshold", "0"]
    picture(*words, contains=[MARKER, "open.K562", "chr2 (bp)", "Δ logit", "predicted", "sites", "peaks", "multi"])
    figure = drawn(*words).figure
    with pyBigWig.open(f"{MARKER}.bw") as file:
        values = file.values("chr2", 4000, 7000, numpy=True)
    heights, edges, _ = figure.axes[0].patches[0].get_data()
    check(len(heights) == 1500 and (np.abs(heights - values.reshape(-1, 2).max(axis=1)) <= 1e-6).all() and edges[0] == 4000, "the track")
    peaks = [line.split("\t") for line in open("a.narrowPeak") if line.startswith("chr2")]
    wanted = [(int(row[1]), int(row[2])) for row in peaks if int(row[1]) < 7000 and int(row[2]) > 4000]
    drawn_peaks = [(path.get_extents().x0, path.get_extents().x1) for path in figure.axes[2].collections[0].get_paths()]
    check(wanted and drawn_peaks == wanted, f"peaks at {drawn_peaks}, not {wanted}")


def test_curves():
    picture("pr", "c.tsv", "--metrics", "m.tsv", contains=["recall", "precision", MARKER, "test split"])
    picture("roc", "a=c.tsv", "b=c.tsv", "--metrics", "b=m.tsv", contains=["false positive rate", "TFBS, mean", "a", "b"])
    rows = table("c.tsv")
    axes = drawn("pr", "c.tsv", "-k", MARKER).figure.axes[0]
    points = [(float(row["x"]), float(row["y"])) for row in rows if row["marker"] == MARKER and row["curve"] == "pr"]
    check([tuple(point) for point in axes.lines[0].get_xydata()] == points, "points of the curve")
    prevalence = next(float(row["prevalence"]) for row in table("m.tsv") if row["marker"] == MARKER and row["predictor"] == "model")
    check(abs(axes.lines[1].get_ydata()[0] - prevalence) <= 1e-5, "the line of the prevalence")


def test_metrics():
    picture("metrics", "m.tsv", contains=["average precision", MARKER, "gc", "prevalence", "kmer", "95 % intervals"])
    axes = drawn("metrics", "m.tsv", "-k", MARKER, "--metric", "roc_auc").figure.axes[0]
    row = next(row for row in table("m.tsv") if row["marker"] == MARKER and row["predictor"] == "model")
    check(any(list(line.get_xdata()) == [float(row["roc_auc"])] for line in axes.lines), "the dot")
    check(any(list(line.get_xdata()) == [float(row["roc_auc_low"]), float(row["roc_auc_high"])] for line in axes.lines), "the interval")
    picture("calibration", "m.tsv", contains=["calibration slope", MARKER, "regression on k-mers"])


def test_training():
    picture("training", "new.log.tsv", contains=["loss", "average precision", "ROC AUC", "learning rate", "gradient norm", "epoch", "TFBS"])
    axes = drawn("training", "new.log.tsv", "--axis", "step").figure.axes
    rows = table("new.log.tsv")
    wanted = [(float(row["step"]), float(row["valid_loss"])) for row in rows if row["valid_loss"] != "NA"]
    check(wanted and [tuple(point) for point in axes[0].lines[1].get_xydata()] == wanted, "losses of validation")


def test_calibration():
    words = ["calibration", f"{MARKER}.bw", "--peaks", "a.narrowPeak", "-r", "chr2:1-30,000", "--block", "5000"]
    picture(*words, contains=["observed share", "predicted probability", "prevalence", "positions", "bootstrap"])
    with pyBigWig.open(f"{MARKER}.bw") as file:
        values = file.values("chr2", 0, 30000, numpy=True)
    labels = np.zeros(30000, bool)
    for line in open("a.narrowPeak"):
        if line.startswith("chr2"):
            labels[int(line.split("\t")[1]):int(line.split("\t")[2])] = True
    from regplot import reliability, tracks
    found = reliability.measure([tracks.Region("chr2", 0, 30000)], f"{MARKER}.bw", "a.narrowPeak", 12, 5000, 1)
    known = np.isfinite(values)
    check(found.counts.sum() == known.sum() and found.unknown == (~known).sum() and found.positives == labels[known].sum(), "counts of positions")
    for i in range(12):
        inside = known & (values >= found.edges[i]) & (values < found.edges[i + 1])
        check(found.counts[i] == inside.sum(), f"bin {i}")
        check(not inside.any() or abs(found.observed[i] - labels[inside].mean()) <= 1e-9, f"bin {i}: observed")


def test_variant():
    """The strongest change is that of regsnp, of every kind of allele."""
    run("regsnp", "-m", "model.safetensors", "-f", "ref.fa", "--span", 100, "-o", "near.vcf", "in.vcf")
    asked = 0
    for line in open("near.vcf"):
        if line.startswith("#"):
            continue
        contig, pos, name, ref, alts, *_, info = line.rstrip().split("\t")
        fields = dict(field.partition("=")[::2] for field in info.split(";"))
        for alt, delta, marker in zip(alts.split(","), fields["REG_DELTA"].split(","), fields["REG_MARKER"].split(",")):
            if delta != ".":
                caption = drawn("variant", "-m", "model.safetensors", "-f", "ref.fa", f"{contig}:{pos}:{ref}:{alt}", "--span", "100", "--by", "logit").caption
                told = float(re.search(r"largest Δ logit is (\S+), of", caption).group(1).replace("−", "-"))
                check(abs(told - float(delta)) <= 0.01 * abs(float(delta)) + 2e-4 and f"of {marker} at" in caption, f"{line}: {delta}, not {caption}")
                asked += 1
    check(asked == 5, f"{asked} alleles")
    # Of a fixed window there are bins, of which regcall's are shown: a substitution moves that around it, and none that does not see it.
    write("bins.json", json.dumps({"name": "bins", "task": "bin", "window": 1000, "layers": [
        {"name": "one", "type": "one_hot"}, {"name": "conv", "type": "conv", "filters": 8, "width": 8, "padding": "valid", "relu": True},
        {"name": "pool", "type": "pool", "width": 4, "stride": 4, "padding": "valid"},
        {"name": "hidden", "type": "dense", "filters": 16, "flatten": True, "relu": True}, {"name": "head", "type": "dense"}]}))
    run("random_model", "bins.safetensors", "bins.json", 4, "chr1:60000", "a=TFBS", "b=DNase")
    allele = next(":".join([chrom, pos, ref, alt]) for chrom, pos, name, ref, alt in (line.split("\t")[:5] for line in open("in.vcf")
                                                                                     if not line.startswith("#")) if name == "snv")
    figure = drawn("variant", "-m", "bins.safetensors", "-f", "ref.fa", allele, "--span", "1500").figure
    ref, alt = (patch.get_data()[0] for patch in figure.axes[0].patches if hasattr(patch, "get_data"))
    moved = np.flatnonzero(np.abs(ref - alt) > 1e-7)
    check(len(ref) == 3001 and 200 <= moved[-1] + 1 - moved[0] <= 1200, f"of {len(ref)} bases {moved} move")
    picture("variant", "-m", "model.safetensors", "-f", "ref.fa", "near.vcf", "--id", "deletion", "--genome", "test1",
            contains=["deletion, chr1:25,010", "REF", "ALT", "chr1 (test1, bp)", "open.K562"])


def test_field():
    with open("norm.bedgraph", "w") as file:
        file.writelines(f"chr2\t{at}\t{at + 1}\t{max(0, 2 - abs(at - 4600) / 75):g}\n" for at in range(4000, 5000))
    words = ["field", "-r", "chr2:4,001-5,000", "a=norm.bedgraph", "b=norm.bedgraph", "--peaks", "a.narrowPeak", "--predictions", f"a={MARKER}.bw",
             "--predictions", "b=open.K562.bw"]
    picture(*words, contains=["gradient norm", "positive outputs", "a: 297 bp", "chr2 (bp)", "1 %"])
    if has_grad():
        values = drawn("field", "-r", "chr2:4,001-5,000", "g.bw", "--peaks", "a.narrowPeak").figure.axes[1].patches[0].get_data()[0]
        with pyBigWig.open("g.bw") as file:
            largest = np.nanmax(file.values("chr2", 4000, 5000, numpy=True))
        check(abs(values.max() - largest) <= 1e-9 and largest > 0, "the norm of regsnp grad")
    top, below = drawn("field", "-r", "chr2:4,001-5,000", "norm.bedgraph", "--peaks", "a.narrowPeak").figure.axes[:2]
    shown = np.concatenate([[height] * int(end - begin) for height, begin, end in zip(*(lambda h, e, _: (h, e[:-1], e[1:]))(*top.patches[0].get_data()))])
    positive = np.zeros(1000)
    for line in open("a.narrowPeak"):
        contig, begin, end = line.split("\t")[:3]
        if contig == "chr2":
            positive[max(0, int(begin) - 4000):max(0, int(end) - 4000)] = 1
    check(np.abs(shown - positive).sum() <= 4, "positive outputs")  # a point stands for two bases
    check(abs(below.patches[0].get_data()[0].max() - 2) <= 1e-9, "the largest norm")


MEME = """MEME version 4

ALPHABET= ACGT

Background letter frequencies
A 0.25 C 0.25 G 0.25 T 0.25
"""


def motif(name, word, strong=0.97):
    rows = [" ".join(f"{strong if base == letter else (1 - strong) / 3:.6f}" for base in "ACGT") for letter in word]
    return f"\nMOTIF {name}\nletter-probability matrix: alength= 4 w= {len(word)} nsites= 20 E= 0\n" + "\n".join(rows) + "\n"


def test_motifs():
    write("found.meme", MEME + motif("pattern_0", "TGACTCA") + motif("pattern_1", "CCACTAGGG", 1.0))
    write("known.meme", MEME + motif("M1 other", "GGGGGGGG") + motif("M2 AP1", "AATGACTCATT") + motif("M3 CTCF", "CCCTAGTGGCC"))
    picture("motifs", "found.meme", "--collection", "known.meme", contains=["pattern_0", "AP1", "CTCF", "reverse complement", "bits", "closest of 3"])
    axes = drawn("motifs", "found.meme", "--names", "pattern_1").figure.axes[0]
    tops = [patch.get_path().get_extents() for patch in axes.patches]
    check(len(tops) == 9 and all(abs(box.y1 - 2) <= 1e-6 and abs(box.y0) <= 1e-6 for box in tops), "letters of two bits")
    from regplot import motifs
    found, known = (motifs.read(name)[0] for name in ("found.meme", "known.meme"))
    matches = [motifs.best_by_correlation(each, known) for each in found]
    check([(match.motif.alternative, match.offset, match.reverse) for match in matches] == [("AP1", -2, False), ("CTCF", -2, True)], f"{matches}")
    check(all(abs(match.score - 1) <= 1e-3 for match in matches), f"{matches}")


def test_report():
    run("regsnp", "-m", "model.safetensors", "-f", "ref.fa", "-o", "scored.vcf", "in.vcf")
    os.mkdir("done")
    for name in ("new.log.tsv", "m.tsv", "c.tsv", "e.matrix.tsv", f"{MARKER}.bw", "calls.narrowPeak", "scored.vcf", "model.safetensors", "ref.fa",
                 "ref.fa.fai", "found.meme"):
        shutil.copy(name, "done")
    shutil.copytree("small.regds", "done/small.regds")
    write("done/notes.txt", "nothing for regplot")
    done = run("regplot", "report", "done", "--genome", "test1")
    check("done/index.html: 9 pictures" in done.stderr and len(done.stderr.splitlines()) == 1, done.stderr)
    page = read("done/index.html")
    root = ElementTree.fromstring(page.replace(b"<!DOCTYPE html>", b"").replace(b'<meta charset="utf-8">', b"").split(b"<body>")[1].split(b"</body>")[0]
                                  .join((b"<body>", b"</body>")))
    check(len([1 for element in root.iter() if element.tag.endswith("}svg")]) == 9, "pictures of the page")
    headings = [element.text for element in root.iter("h2")]
    for text in ("Training", "Metrics: m", "Precision and recall", "ROC", "Calibration", "A stretch of the genome", "Every substitution: e",
                 "Variants: scored", "The strongest variant", "Motifs: found"):
        check(text in headings, f"'{text}' is not in {headings}")
    names = re.findall(rb'\bid="([^"]+)"', page)
    check(len(names) == len(set(names)), "names of several pictures collide")
    check(all(name in names for name in re.findall(rb'(?:href="|url\()#([^")]+)', page)), "a name is missing")
    check(not re.search(rb'(src|href)="(?!#|data:)', page) and b"<script" not in page, "the page asks the network")
    run("regplot", "report", "done", "--genome", "test1", "-o", "again.html", "--verbosity", 1)
    check(read("again.html") == page, "two runs differ")
    os.remove("done/index.html")
    write("done/torn.log.tsv", "step\tepoch\tloss\tgrad_norm\tlr\tvalid_loss\n1\t2\n")
    done = run("regplot", "report", "done")
    check("warning: not drawn: done/torn.log.tsv:2" in done.stderr and b"could not be drawn" in read("done/index.html"), done.stderr)
    os.mkdir("empty")


BAD = [
    (["report", "empty"], 3, "nothing to draw"),
    (["report", "absent"], 1, "absent"),
    (["field", "norm.bedgraph", "-r", "chr1:1-100", "--peaks", "a.narrowPeak"], 4, "no gradient"),
    (["field", "norm.bedgraph", "-r", "chr2:4001-4100"], 4, "--peaks"),
    (["variant", "-m", "model.safetensors", "-f", "ref.fa", "chr1:5:A"], 2, "chr20:1,000:A:G"),
    (["variant", "-m", "model.safetensors", "-f", "ref.fa", "chr9:5:A:G"], 4, "chr9"),
    (["variant", "-m", "model.safetensors", "-f", "ref.fa", "chr1:20000:" + "ACGT" * 9 + ":G"], 4, "REF"),
    (["variant", "-m", "model.safetensors", "-f", "ref.fa", "in.vcf", "--id", "none"], 4, "--id"),
    (["variant", "-m", "e.npz", "-f", "ref.fa", "in.vcf"], 3, "regmodel"),
    (["variant", "-m", "model.safetensors", "-f", "b.bed", "in.vcf"], 1, "b.bed.fai"),
    (["motifs", "in.vcf"], 3, "MEME"),
    (["motifs", "torn.meme"], 3, "cut off"),
    (["motifs", "found.meme", "--names", "nothing"], 2, "pattern_0"),
    (["ism", "e.matrix.tsv"], 2, "2 markers"),
    (["ism", "e.matrix.tsv", "-k", "other"], 2, MARKER),
    (["ism", "e.matrix.tsv", "-k", MARKER, "-r", "chr9:1-5"], 4, "chr9"),
    (["ism", "e.matrix.tsv", "-k", MARKER, "-r", "here"], 2, "region"),
    (["ism", "missing.tsv"], 1, "missing.tsv"),
    (["ism", "in.vcf"], 3, "no column"),
    (["ism", "model.safetensors"], 3, "no text"),
    (["ism", "torn.npz"], 3, "npz"),
    (["ism", "torn.tsv.gz"], 3, "damaged"),
    (["ism", "e.npz", "--row", "2"], 2, "--row"),
    (["ism", "e.npz", "-r", "chr1:1-5"], 4, "60"),
    (["ism", "e.matrix.tsv", "e.npz"], 2, "at most 1"),
    (["ism", "e.npz", "--clip", "nan"], 2, "--clip"),
    (["grad"], 2, "no input"),
    (["locus", f"{MARKER}.bw"], 2, "--region"),
    (["locus", f"{MARKER}.bw", "-r", "chr9:1-100"], 4, "chr9"),
    (["locus", "ref.fa", "-r", "chr1:1-100"], 3, "ref.fa:1"),
    (["locus", "notes.vcf", "-r", "chr1:1-100"], 3, "VCF"),
    (["pr", "m.tsv"], 3, "no column"),
    (["pr", "c.tsv", "c.tsv"], 2, "NAME=FILE"),
    (["pr", "c.tsv", "-k", "other"], 2, "other"),
    (["pr", "wrong.tsv"], 3, "wrong.tsv:2"),
    (["metrics", "m.tsv", "--metric", "beauty"], 2, "roc_auc"),
    (["training", "m.tsv"], 3, "log of regtrain"),
    (["calibration", f"{MARKER}.bw"], 2, "--peaks"),
    (["calibration", "m.tsv", "-r", "chr1:1-5"], 2, "track"),
    (["portrait"], 2, "portrait"),
    (["--nothing"], 2, "--nothing"),
]


def test_refused():
    write("torn.npz", "PK but no archive")
    with open("torn.tsv.gz", "wb") as file:
        file.write(read("e.tsv.gz")[:200])
    write("torn.meme", "\n".join(read("found.meme").decode().splitlines()[:-1]))
    write("notes.vcf", "#no header\n")
    write("wrong.tsv", "split\tmarker\tclass\tcurve\tthreshold\tx\ty\ntest\ta\tb\tpr\t1\tmany\t0.5\n")
    before = sorted(os.listdir("."))
    for words, code, named in BAD:
        lines = called(*words, "-o", "new.html", code=code).splitlines()
        check(len(lines) == 1 and lines[0].startswith("regplot: ") and named in lines[0], f"{words}: says {lines}")
    check(sorted(os.listdir(".")) == before, "something is left of what was refused")
    os.mkdir("fake")
    write("fake/matplotlib.py", "raise ImportError('none here', name='matplotlib')\n")
    done = run("regplot", "pr", "c.tsv", "-o", "new.svg", code=1, PYTHONPATH="fake")
    check("python3-matplotlib" in done.stderr and len(done.stderr.splitlines()) == 1, done.stderr)
    check("Pictures:" in run("regplot", "--help", PYTHONPATH="fake").stdout, "help needs matplotlib")
    write("old.svg", "the old one")
    run("regplot", "ism", "e.matrix.tsv", "-o", "old.svg", code=2)
    check(read("old.svg") == b"the old one", "a failed run touched its output")


def main():
    with tempfile.TemporaryDirectory(prefix="regkit_regplot_") as work:
        tools.BIN = os.path.abspath(tools.BIN)
        tools.run.__defaults__ = (0, tools.BIN)
        os.chdir(work)
        os.environ["PATH"] = f"{tools.BIN}:{os.environ['PATH']}"
        make_inputs()
        for test in (test_bases, test_grad, test_locus, test_curves, test_metrics, test_training, test_calibration, test_variant, test_field,
                     test_motifs, test_report, test_refused):
            test()
        os.chdir("/")
    check(tools.checks > 200, f"only {tools.checks} checks")
    print(f"{tools.checks} checks held")


if __name__ == "__main__":
    main()
