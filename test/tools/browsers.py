#!/usr/bin/env python3
"""What regcall writes for browsers: a hub by UCSC's rules, a session that IGV opens, the description beside a bigWig.
Markers have names that HTML, XML, URLs and lines of a hub would each take for something else. Where IGV is installed it
opens the session without a screen, and its picture is looked at: values are peaks over a low ground, and every file shows."""
import json
import os
import re
import shutil
import struct
import subprocess
import sys
import tempfile
import urllib.parse
import xml.etree.ElementTree
import zlib

python = os.environ.get("REGKIT_PYTHON", "/usr/bin/python3")
if os.path.realpath(python) != os.path.realpath(sys.executable):
    os.execv(python, [python] + sys.argv)
try:
    import numpy as np
    import pyBigWig
except ImportError as missing:
    print(f"SKIPPED: {missing}; needs python3-pybigwig and python3-numpy")
    sys.exit(77)
from regcall import BIN, REGCALL, SPEC, fasta, run, sequence
import random

MARKERS = [("plain", "DNase", "K562", "DNase"), ("a&b<c>'d'#1", "TFBS", "liver & <spleen>", "A=B"), ("it+is 100%?", "TFBS", "K562", "A B"),
           ("a.b", "Histone", "K562", "H3K4me3"), ("a_b", "Histone", "", ""), ("Grün-" + "x" * 90, "", "K562", "long"),
           ("9:9", "other kind", "9", "[x]")]
COLOURS = {"DNase": (0, 114, 178), "TFBS": (213, 94, 0), "Histone": (0, 158, 115)}


def make_world():
    rng = random.Random(8)
    with open("g.fa", "w") as file:
        file.write(fasta([("chr1", sequence(rng, 200)), ("chr2", sequence(rng, 150000))]))
    with open("spec.json", "w") as file:
        file.write(SPEC)
    # ':' parts the arguments of model_probe; the marker with one comes without it there
    subprocess.run([os.path.join(BIN, "model_probe"), "m.safetensors", "spec.json", "7", "3.5",
                    *[":".join(part.replace(":", ".") for part in marker) for marker in MARKERS]], check=True)


def stanzas(text):
    """As UCSC reads them: blocks of "key value" between empty lines, indented or not, without lines that begin with #."""
    blocks, block = [], {}
    for line in [*text.split("\n"), ""]:
        line = line.strip()
        if line.startswith("#"):
            continue
        if line:
            key, _, value = line.partition(" ")
            assert value and key not in block and not value.endswith("\\") and re.fullmatch(r"[A-Za-z0-9]+", key), line
            block[key] = value
        elif block:
            blocks.append(block)
            block = {}
    return blocks


def words(text):
    """Tags and titles of a subGroup's line."""
    pairs = [word.partition("=")[::2] for word in text.split()]
    assert all(re.fullmatch(r"[A-Za-z][A-Za-z0-9_]*", tag) and title for tag, title in pairs), text
    assert len({tag for tag, _ in pairs}) == len(pairs)
    return dict(pairs)


def values_of(path):
    with pyBigWig.open(path) as bw:
        every = np.concatenate([bw.values(name, 0, length, numpy=True) for name, length in bw.chroms().items()])
    return every[~np.isnan(every)]


def check_top(top, path):
    exact = np.quantile(values_of(path), 0.999, method="inverted_cdf")
    assert 0.01 <= top <= 1 and (top == 0.01 or exact * 0.999 <= top <= exact * 1.19), (path, exact, top)


def test_hub():
    run("-m", "m.safetensors", "-f", "g.fa", "-c", "0.9", "--hub", "my/hub/", "--genome", "hg19")
    hub, genome, composite, *rest = stanzas(open("my/hub/hub.txt", encoding="utf-8").read())
    assert set(hub) == {"hub", "shortLabel", "longLabel", "useOneFile", "email"} and hub["useOneFile"] == "on" and genome == {"genome": "hg19"}
    assert composite["compositeTrack"] == "on" and "parent" not in composite
    groups = {}
    for key, value in composite.items():
        if key.startswith("subGroup"):
            name, title, tags = value.split(" ", 2)
            groups[name] = words(tags)
    assert set(groups) == {"view", "class", "cell", "target"}
    assert list(groups["class"].values()) == ["DNase", "TFBS", "Histone", "unknown", "other_kind"], groups["class"]
    assert set(words(composite["dimensions"]).values()) <= set(groups) and len(groups["target"]) == 7
    views = {stanza["track"]: stanza for stanza in rest if "view" in stanza}
    assert {stanza["view"] for stanza in views.values()} == set(groups["view"]) and all(v["parent"] == composite["track"] for v in views.values())
    tracks = [stanza for stanza in rest if "view" not in stanza]
    names = [stanza["track"] for stanza in (composite, *rest)]
    assert len(set(names)) == len(names) and all(re.fullmatch(r"[A-Za-z][A-Za-z0-9_]*", name) for name in names), names
    assert len(tracks) == 2 * len(MARKERS)
    for stanza in (hub, composite, *rest):
        assert 0 < len(stanza["shortLabel"]) <= 17 and 0 < len(stanza["longLabel"]) <= 80 and not set("<>\\\t") & set(stanza["longLabel"]), stanza
    on = 0
    for number, track in enumerate(tracks):
        parent, state = track["parent"].split()
        chosen = words(track["subGroups"])
        assert state in ("on", "off") and chosen["view"] == views[parent]["view"]
        on += state == "on"
        assert set(chosen) == set(groups) and all(tag in groups[group] for group, tag in chosen.items()), track
        path = os.path.join("my/hub", urllib.parse.unquote(track["bigDataUrl"]))
        assert not set(" #?%&<>\"") & set(track["bigDataUrl"].replace("%", "", 9)) or "%" in track["bigDataUrl"]
        marker = MARKERS[number // 2]
        wanted = COLOURS.get(marker[1])
        assert wanted is None or track["color"] == ",".join(map(str, wanted))
        assert int(track["priority"]) == number + 1
        with pyBigWig.open(path) as big:
            assert big.isBigWig() == (number % 2 == 0) and big.isBigBed() == (number % 2 == 1), path
        assert track["type"] == views[parent]["type"] == ("bigWig 0 1" if number % 2 == 0 else "bigNarrowPeak")
        if number % 2 == 0:
            low, high = track["viewLimits"].split(":")
            assert low == "0"
            check_top(float(high), path)
    assert 10 <= on <= 24 and on % 2 == 0, on
    assert sorted(os.listdir("my/hub")) == ["hg19", "hub.txt"] and len(os.listdir("my/hub/hg19")) == 4 * len(MARKERS)
    # the tracks are those of a call without a hub, and nothing of it depends on tiles and workers
    run("--no-version", "-m", "m.safetensors", "-f", "g.fa", "-c", "0.9", "--parents", "-o", "plain/{marker}.bw", "-o", "plain/{marker}.bb")
    for name in os.listdir("plain"):
        assert open(f"plain/{name}", "rb").read() == open(f"my/hub/hg19/{name}", "rb").read(), name
    run("--no-version", "-m", "m.safetensors", "-f", "g.fa", "-c", "0.9", "--hub", "again", "--genome", "hg19", "--tile", "777", "-@", "3")
    lines = lambda path: [l for l in open(path) if not l.startswith("#")]
    assert lines("again/hub.txt") == lines("my/hub/hub.txt") and len(os.listdir("again/hg19")) == 2 * len(MARKERS)


def test_descriptions():
    """Beside every bigWig and bigBed; an old one goes with its track."""
    run("-m", "m.safetensors", "-f", "g.fa", "-r", "chr1", "-k", "plain", "-o", "d.bw", "-o", "d.bed", "-o", "d.bb")
    for name in ("d.bw", "d.bb"):
        said = json.load(open(f"{name}.json"))
        assert said["markers"] == ["plain"] and said["regcallCommand"].endswith("-o d.bw -o d.bed -o d.bb")
        header = [l[2:].rstrip("\n").split("=", 1) for l in open("d.bed") if l.startswith("##")]
        assert [[key, value] for key, value in said.items() if key != "markers"] == header
    assert not os.path.exists("d.bed.json")
    before = open("d.bw.json").read()
    run("-m", "m.safetensors", "-k", "plain", "-o", "d.bw", "-", stdin=b">x\nAC!\n", code=3)
    assert open("d.bw.json").read() == before
    run("--no-version", "-m", "m.safetensors", "-f", "g.fa", "-r", "chr1", "-k", "plain", "-o", "d.bw")
    assert not os.path.exists("d.bw.json") and os.path.exists("d.bb.json")


def test_session():
    """Of values and intervals in several formats, in folders beside the session."""
    run("-m", "m.safetensors", "-f", "g.fa", "-c", "0.9", "--parents", "-o", "s/bw/{marker}.bw", "-o", "s/{marker}.bb", "-o", "s/all.narrowPeak.gz",
        "-o", "s/all.tsv", "--igv", "s/igv.xml")
    root = xml.etree.ElementTree.parse("s/igv.xml").getroot()
    assert root.tag == "Session" and root.get("genome") == os.path.abspath("g.fa")
    resources = [r.get("path") for r in root.find("Resources")]
    tracks = root.find("Panel").findall("Track")
    assert [t.get("id") for t in tracks] == resources and len(set(resources)) == 2 * len(MARKERS) + 1
    for path, track in zip(resources, tracks):
        assert not os.path.isabs(path) and os.path.exists(os.path.join("s", path)), path
        data_range = track.find("DataRange")
        assert (data_range is not None) == path.endswith(".bw")
        if data_range is not None:
            assert data_range.get("minimum") == "0"
            check_top(float(data_range.get("maximum")), os.path.join("s", path))
    kinds = ["".join(re.findall(r"(?:bw/)|(?:sites$)|(?:all\.)", t.get("id") + " " + t.get("name"))) for t in tracks]
    assert kinds == ["bw/", "sites"] * len(MARKERS) + ["all.all."], kinds
    # the place is that of the largest value called
    contig, begin, end = re.fullmatch(r"(\w+):(\d+)-(\d+)", root.get("locus")).groups()
    best = max((l.split("\t") for l in open("s/all.tsv") if not l.startswith("#")), key=lambda l: float(l[4]))
    with pyBigWig.open("s/bw/" + [n for n in os.listdir("s/bw") if n == best[3] + ".bw"][0]) as bw:
        assert contig == best[0] and int(end) <= bw.chroms(contig) and max(bw.values(contig, int(begin) - 1, int(end))) == np.float32(best[4])
    # values alone: where they begin; of a stream the genome must be named
    run("-m", "m.safetensors", "-f", "g.fa", "-r", "chr2:30001-31000", "-k", "plain", "-o", "v.bw", "--igv", "v.xml", "--genome", "hg19")
    root = xml.etree.ElementTree.parse("v.xml").getroot()
    assert root.get("genome") == "hg19" and root.get("locus") == "chr2:20001-40000", root.attrib
    run("-m", "m.safetensors", "-k", "plain", "-O", "bed", "-o", "w.bed", "--igv", "w.xml", "--genome", "hg19", "-", stdin=open("g.fa", "rb").read())
    assert len(xml.etree.ElementTree.parse("w.xml").getroot().find("Panel")) == 1


def test_failures():
    model, open_before = ("-m", "m.safetensors"), sorted(os.listdir("."))
    cases = [
        (2, ("-f", "g.fa", "--hub", "x"), "--genome hg19"),
        (2, ("-f", "g.fa", "--hub", "x", "--genome", "../hg19"), "--genome ../hg19"),
        (2, ("-f", "g.fa", "--hub", "x", "--genome", "hg 19"), "--genome hg 19"),
        (2, ("-f", "g.fa", "--hub", "x{marker}", "--genome", "hg19"), "{marker}"),
        (2, ("-f", "g.fa", "--hub", "x", "--genome", "hg19", "--values", "8bit"), "8bit"),
        (2, ("-f", "g.fa", "--genome", "hg19"), "neither"),
        (2, ("-f", "g.fa", "--igv", "x.xml"), "-o"),
        (2, ("-f", "g.fa", "--igv", "x.xml", "-o", "x.tsv"), "-o"),
        (2, ("g.fa", "--igv", "x.xml", "-o", "x.bed"), "--genome"),
        (2, ("-f", "g.fa", "--igv", "x.bed", "-o", "x.bed"), "x.bed"),
        (2, ("-f", "g.fa", "--igv", "g.fa", "-o", "x.bed"), "g.fa"),
        (1, ("-f", "g.fa", "--igv", "no/x.xml", "-o", "x.bed"), "mkdir -p no"),
        (1, ("-f", "g.fa", "--hub", "g.fa/x", "--genome", "hg19"), "Not a directory"),
        (3, ("bad.fa", "--hub", "xhub", "--genome", "hg19"), "bad.fa"),
    ]
    with open("bad.fa", "w") as file:
        file.write(">chr1\nACGT\n>chr2\nAC!\n")
    for code, args, text in cases:
        message = run(*model, *args, code=code).stderr.decode()
        assert text in message.splitlines()[-1], (args, message)
    left = [os.path.join(folder, name) for folder, _, names in os.walk("xhub") for name in names]
    assert not left and sorted(set(os.listdir(".")) - {"xhub", "bad.fa"}) == open_before, left
    shutil.rmtree("xhub")


def pixels(path):
    """Of a PNG of 8 bits a channel: rows of (r, g, b)."""
    data = open(path, "rb").read()
    at, packed, channels, width, height = 8, b"", 0, 0, 0
    while at < len(data):
        size, kind = struct.unpack_from(">I4s", data, at)
        chunk = data[at + 8:at + 8 + size]
        if kind == b"IHDR":
            width, height, depth, colour, _, _, interlaced = struct.unpack(">IIBBBBB", chunk)
            assert depth == 8 and colour in (2, 6) and not interlaced
            channels = 3 if colour == 2 else 4
        packed += chunk if kind == b"IDAT" else b""
        at += size + 12
    raw, rows = zlib.decompress(packed), np.zeros((height, width * channels), np.uint8)
    for y in range(height):
        kind, line = raw[y * (width * channels + 1)], bytearray(raw[y * (width * channels + 1) + 1:(y + 1) * (width * channels + 1)])
        above = rows[y - 1] if y else np.zeros(width * channels, np.uint8)
        for x in range(len(line)):
            left, up, corner = line[x - channels] if x >= channels else 0, int(above[x]), int(above[x - channels]) if x >= channels else 0
            if kind == 4:
                guess = left + up - corner
                near = min((abs(guess - v), i, v) for i, v in enumerate((left, up, corner)))[2]
            else:
                near = (0, left, up, (left + up) // 2)[kind]
            line[x] = (line[x] + near) & 255
        rows[y] = line
    return rows.reshape(height, width, channels)[:, :, :3]


def heights(picture, colour):
    """For each column of the picture how much of the tallest band of this colour it fills."""
    mine = (np.abs(picture.astype(int) - colour).max(axis=2) < 12)
    filled = mine.sum(axis=0)
    return filled / max(1, filled.max())


def test_igv():
    if shutil.which("igv") is None or shutil.which("xvfb-run") is None:
        print("without igv or xvfb: its picture is not looked at")
        return
    home = os.path.abspath("home")
    os.makedirs(f"{home}/igv", exist_ok=True)
    with open(f"{home}/igv/prefs.properties", "w") as file:
        file.write(f"DEFAULT_GENOME_KEY={os.path.abspath('g.fa')}\nPORT_ENABLED=false\nSHOW_WELCOME=false\nIGV.ENABLE_GOOGLE_MENU=false\n")
    subprocess.run(["samtools", "faidx", "g.fa"], check=True)
    # One in a hundred bases is near 1, the median at 0.01. In the session's own view each column would have one of the hundred.
    subprocess.run([os.path.join(BIN, "model_probe"), "peaks.safetensors", "spec.json", "6", "3.5", "plain:DNase"], check=True)
    run("-m", "peaks.safetensors", "-f", "g.fa", "-c", "0.9", "--parents", "-o", "i/plain.bw", "-o", "i/plain.bb", "--igv", "i/igv.xml")
    contig, begin, end = re.split("[:-]", xml.etree.ElementTree.parse("i/igv.xml").getroot().get("locus"))
    middle = (int(begin) + int(end)) // 2
    with open("igv.bat", "w") as file:
        file.write(f"load {os.path.abspath('i/igv.xml')}\ngoto {contig}:{middle - 400}-{middle + 400}\nsnapshotDirectory {os.path.abspath('.')}\nsnapshot seen.png\nexit\n")
    done = subprocess.run(["xvfb-run", "-a", "-s", "-screen 0 1400x900x24", "igv", "-b", os.path.abspath("igv.bat"), "-g", os.path.abspath("g.fa")],
                          env={**os.environ, "HOME": home, "_JAVA_OPTIONS": f"-Duser.home={home}"}, capture_output=True, timeout=300)
    words = (done.stdout + done.stderr).decode()
    assert os.path.exists("seen.png"), words
    assert "plain.bw" in words and "plain.bb" in words and "rror loading" not in words, words
    filled = heights(pixels("seen.png")[:, 175:], COLOURS["DNase"])
    assert (filled > 0.6).sum() >= 2, "no peak"
    assert np.median(filled) < 0.4, "a wall, not peaks"
    rows = (np.abs(pixels("seen.png")[:, 175:].astype(int) - COLOURS["DNase"]).max(axis=2) < 12).any(axis=1)
    assert (np.diff(rows.astype(int)) == 1).sum() >= 2, "no sites below the values"
    print(f"IGV: {(filled > 0.6).sum()} of {len(filled)} columns are peaks, the median column is {np.median(filled):.2f} of the highest")


def main():
    with tempfile.TemporaryDirectory() as directory:
        os.chdir(directory)
        make_world()
        test_hub()
        test_descriptions()
        test_session()
        test_failures()
        test_igv()
        os.chdir("/")


if __name__ == "__main__":
    main()
