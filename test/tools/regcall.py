#!/usr/bin/env python3
"""regcall from the outside: formats agree with each other and with pyBigWig, bedtools and tabix; the bytes do not depend
on workers, tiles, regions or pipes; memory stays constant along a stream; failures have their exit codes."""
import gzip
import hashlib
import os
import random
import shutil
import subprocess
import sys
import tempfile
import threading

python = os.environ.get("REGKIT_PYTHON", "/usr/bin/python3")
if os.path.realpath(python) != os.path.realpath(sys.executable):
    os.execv(python, [python] + sys.argv)
try:
    import numpy as np
    import pyBigWig
except ImportError as missing:
    print(f"SKIPPED: {missing}; needs python3-pybigwig and python3-numpy")
    sys.exit(77)
for tool in ("bedtools", "tabix", "samtools", "bgzip"):
    if shutil.which(tool) is None:
        print(f"SKIPPED: needs {tool}")
        sys.exit(77)

BIN = os.environ["REGKIT_BIN"]
REGCALL = os.path.join(BIN, "regcall")
SPEC = """{"name": "tiny", "window": 500, "dropout": 0, "layers": [
 {"name": "embed", "type": "embedding", "filters": 4},
 {"name": "conv1", "type": "conv", "filters": 8, "width": 10, "stride": 10, "relu": true},
 {"name": "conv2", "type": "conv", "filters": 6, "width": 4, "dilation": 3, "relu": true},
 {"name": "up", "type": "up_conv", "filters": 5, "stride": 10, "relu": true},
 {"name": "dense1", "type": "dense", "filters": 7, "relu": true},
 {"name": "dense2", "type": "dense"}]}"""


def run(*args, code=0, stdin=None):
    done = subprocess.run([REGCALL, *args], input=stdin, capture_output=True, timeout=300)
    assert done.returncode == code, (args, done.returncode, done.stderr.decode())
    return done


def out(*args, stdin=None):
    return run("--no-version", *args, stdin=stdin).stdout


def sequence(rng, n, with_n=True):
    bases = [rng.choice("ACGTacgt") for _ in range(n)]
    if with_n:
        for _ in range(max(1, n // 5000)):
            at = rng.randrange(n)
            bases[at:at + rng.randrange(1, 300)] = "N" * len(bases[at:at + rng.randrange(1, 300)])
    return "".join(bases)[:n]


def fasta(records):
    text = []
    for name, bases in records:
        text.append(f">{name} words\n")
        text += [bases[i:i + 60] + "\n" for i in range(0, len(bases), 60)]
    return "".join(text)


def make_world(directory):
    rng = random.Random(3)
    records = [("chr2", sequence(rng, 60013)), ("chr10", sequence(rng, 20000)), ("short", sequence(rng, 17, False)),
               ("allN", "N" * 500)]
    with open("g.fa", "w") as file:
        file.write(fasta(records))
    with open("spec.json", "w") as file:
        file.write(SPEC)
    subprocess.run([os.path.join(BIN, "model_probe"), "m.safetensors", "spec.json", "5", "2.5", "alpha:DNase", "be/ta:TFBS",
                    "gamma:DNase"], check=True)
    return records


def values_of(records):
    """Per marker and contig, from unrounded-enough bedGraph: the base for comparing all other formats."""
    values = []
    for marker in ("alpha", "be/ta", "gamma"):
        mine = {name: np.full(len(bases), np.nan) for name, bases in records}
        for line in out("-m", "m.safetensors", "-f", "g.fa", "-k", marker, "-O", "bedgraph", "--round", "7").decode().splitlines():
            contig, begin, end, value = line.split("\t")
            assert np.isnan(mine[contig][int(begin):int(end)]).all(), "overlap"
            mine[contig][int(begin):int(end)] = float(value)
        for name, bases in records:
            is_n = np.array([b in "Nn" for b in bases])
            assert np.array_equal(np.isnan(mine[name]), is_n), (marker, name, "values exactly where there is no N")
        values.append(mine)
    return values


def intervals(values, cutoff):
    expected = []
    for order, name in enumerate(values[0]):
        for m, mine in enumerate(values):
            hit = np.concatenate([[0], (np.nan_to_num(mine[name], nan=-1) >= cutoff).astype(int), [0]])
            edges = np.diff(hit)
            for begin, end in zip(np.where(edges == 1)[0], np.where(edges == -1)[0]):
                part = mine[name][begin:end]
                expected.append((order, int(begin), int(end), m, float(part.max()), float(part.mean())))
    return sorted(expected)


def test_formats(records, values):
    names = [name for name, _ in records]
    markers = ["alpha", "be_ta", "gamma"]
    flat = np.concatenate([v for mine in values for v in mine.values()])
    cutoff = 0.5 * (np.nanquantile(flat, 0.9) + np.nanquantile(flat, 0.9001))
    cutoff = round(float(cutoff), 5)
    expected = intervals(values, cutoff)
    assert len(expected) > 100, len(expected)
    common = ("-m", "m.safetensors", "-f", "g.fa", "-c", str(cutoff))
    peaks = out(*common)
    lines = [line.split("\t") for line in peaks.decode().splitlines()]
    assert len(lines) == len(expected), (len(lines), len(expected))
    for line, (contig, begin, end, marker, high, mean) in zip(lines, expected):
        assert line[:4] == [names[contig], str(begin), str(end), markers[marker]], (line, begin, end)
        assert abs(int(line[4]) - 1000 * high) <= 0.5001 and line[5] == "." and line[7:9] == ["-1", "-1"], line
        assert abs(float(line[6]) - mean) < 6e-5, (line, mean)
        summit = int(line[9])
        part = values[marker][names[contig]][begin:end]
        assert abs(part[summit] - high) < 2e-7 and (part[:summit] < high + 1e-7).all(), line
    # bedtools reads all of them and finds them sorted within contigs
    run("--no-version", *common, "-o", "p.bed")
    run("--no-version", *common, "-o", "p.narrowPeak")
    assert open("p.narrowPeak", "rb").read() == peaks
    merged = subprocess.run(["bedtools", "merge", "-i", "p.bed"], capture_output=True, check=True).stdout
    covered = sum(int(l.split()[2]) - int(l.split()[1]) for l in merged.decode().splitlines())
    union = sum(int((np.nan_to_num(np.array([v[n] for v in values]), nan=-1).max(axis=0) >= cutoff).sum()) for n in names)
    assert covered == union > 0, (covered, union)
    assert [l.split("\t")[:6] for l in open("p.bed").read().splitlines()] == [l[:6] for l in lines]
    # tabix, with the header left in
    run(*common, "-o", "p.narrowPeak.gz")
    text = gzip.open("p.narrowPeak.gz").read()
    assert text.startswith(b"##regcallVersion=") and b"##regcallModel=sha256:" in text
    contigs = b"".join(b"\t".join(l.split(b"\t")[:2]) + b"\t\n" for l in open("g.fa.fai", "rb"))
    assert b"\n##regcallReference=sha256:" + hashlib.sha256(contigs).hexdigest().encode() + b"\n" in text
    assert b"\n".join(l for l in text.split(b"\n") if not l.startswith(b"##")) == peaks
    some = subprocess.run(["tabix", "p.narrowPeak.gz", "chr2:20001-30000"], capture_output=True, check=True).stdout
    assert len(some.splitlines()) == sum(1 for l in lines if l[0] == "chr2" and int(l[2]) > 20000 and int(l[1]) < 30000) > 0
    tsv = out(*common, "-O", "tsv").decode().splitlines()
    assert tsv[0] == "#chrom\tstart\tend\tmarker\tmax\tmean\tsummit" and len(tsv) == len(lines) + 1
    # one file a marker
    run("--no-version", *common, "-o", "split.{marker}.bed")
    for marker, name in zip(markers, ("alpha", "be_ta", "gamma")):
        assert open(f"split.{name}.bed").read().splitlines() == ["\t".join(l[:6]) for l in lines if l[3] == marker]
    # min-length and merge-gap
    long = out(*common, "--min-length", "20").decode().splitlines()
    assert long == ["\t".join(l) for l in lines if int(l[2]) - int(l[1]) >= 20] and len(long) < len(lines)
    joined = out(*common, "-k", "alpha", "--merge-gap", "5", "-O", "bed").decode().splitlines()
    assert 0 < len(joined) < sum(1 for l in lines if l[3] == "alpha")
    ends = [l.split("\t")[:3] for l in joined]
    for a, b in zip(ends, ends[1:]):
        gap = int(b[1]) - int(a[2])
        cut = a[0] == b[0] and not np.isnan(values[0][a[0]][int(a[2]):int(b[1])]).any()
        assert not cut or gap > 5, (a, b)
    return cutoff


def test_bigwig(records, values):
    run("-m", "m.safetensors", "-f", "g.fa", "-o", "{marker}.bw")
    for name, mine in zip(("alpha", "be_ta", "gamma"), values):
        bw = pyBigWig.open(f"{name}.bw")
        assert bw.chroms() == {n: len(b) for n, b in records}
        for contig in mine:
            got = np.array(bw.values(contig, 0, len(mine[contig])))
            assert np.array_equal(np.isnan(got), np.isnan(mine[contig]))
            assert np.allclose(got, mine[contig], rtol=0, atol=5.1e-5, equal_nan=True), contig
        assert len(bw.stats("chr2", 0, 60000, nBins=10)) == 10
        bw.close()
    run("-m", "m.safetensors", "-f", "g.fa", "-k", "gamma", "--resolution", "25", "-o", "bins.bigWig", "--round", "6")
    bw = pyBigWig.open("bins.bigWig")
    mine = values[2]["chr2"]
    checked = 0
    for begin, end, value in bw.intervals("chr2"):
        for at in range(begin, end, 25) if begin % 25 == 0 else [begin]:
            stop = min(at // 25 * 25 + 25, end)
            assert abs(mine[at:stop].mean() - value) < 2e-6, (at, stop)
            checked += 1
    assert checked > 2000, checked
    bw.close()
    # one value for all between two N: bins wider than zoom levels can be
    run("-m", "m.safetensors", "-f", "g.fa", "-k", "gamma", "--resolution", "1000000000", "-o", "wide.bw", "--round", "6")
    bw = pyBigWig.open("wide.bw")
    for name, values_here in values[2].items():
        for begin, end, value in bw.intervals(name) or []:
            assert abs(values_here[begin:end].mean() - value) < 2e-6, (name, begin, end)
        known = values_here[~np.isnan(values_here)]
        mean = bw.stats(name, type="mean")[0]
        assert (mean is None) == (len(known) == 0) and (mean is None or abs(mean - known.mean()) < 2e-6), (name, mean)
    bw.close()


def test_bigbed(records, cutoff):
    """The rows of narrowPeak, in one file and in one a marker, from a reference and from a pipe."""
    common = ("--no-version", "-m", "m.safetensors", "-c", str(cutoff))
    run(*common, "-f", "g.fa", "-o", "p.bb")
    bb = pyBigWig.open("p.bb")
    assert bb.isBigBed() and bb.chroms() == {n: len(b) for n, b in records}
    columns = [line.split()[1].rstrip(";") for line in str(bb.SQL()).replace("\\n", "\n").splitlines() if line.startswith("    ")]
    assert columns == ["chrom", "chromStart", "chromEnd", "name", "score", "strand", "signalValue", "pValue", "qValue",
                       "peak"], columns
    rows = lambda bb: [f"{name}\t{begin}\t{end}\t{rest}" for name, bases in records
                       for begin, end, rest in bb.entries(name, 0, len(bases)) or []]
    peaks = run(*common, "-f", "g.fa").stdout.decode().splitlines()
    assert rows(bb) == peaks and len(peaks) > 100
    bb.close()
    run(*common, "-f", "g.fa", "-o", "{marker}.bigBed", "-@", "3", "--tile", "777")
    for name in ("alpha", "be_ta", "gamma"):
        bb = pyBigWig.open(f"{name}.bigBed")
        assert rows(bb) == [line for line in peaks if line.split("\t")[3] == name]
        bb.close()
    run(*common, "-o", "q.bb", "-", stdin=open("g.fa", "rb").read())
    assert open("p.bb", "rb").read() == open("q.bb", "rb").read()
    run(*common, "-f", "g.fa", "-r", "allN", "-o", "none.bb")
    bb = pyBigWig.open("none.bb")
    assert rows(bb) == [] and len(bb.chroms()) == 4
    bb.close()


def test_several(cutoff):
    """Several outputs of one prediction: the bytes of as many runs."""
    values = ("v.{marker}.bw", "v.{marker}.bg.gz")
    intervals = ("i.bb", "i.narrowPeak.gz", "i.tsv", "{marker}/i.bed")
    data = open("g.fa", "rb").read()
    shape = ("-c", str(cutoff), "--merge-gap", "7", "--min-length", "3")
    for extra in (["-f", "g.fa"], ["-f", "g.fa", "--tile", "333", "-@", "3"], ["-"], ["-f", "g.fa", "-r", "chr10,chr2:5000-40000"],
                  ["-f", "g.fa", "--rc-average", "-r", "chr10"], ["-f", "g.fa", "--window-mode", "paper", "-r", "chr10"]):
        common = ("--no-version", "--parents", "-m", "m.safetensors", *extra)
        stdin = data if "-" in extra else None
        for wide in ([], ["--resolution", "25"]):
            shutil.rmtree("one", ignore_errors=True)
            shutil.rmtree("apart", ignore_errors=True)
            run(*common, *shape, *wide, *[x for name in (*values, *intervals) for x in ("-o", f"one/{name}")], stdin=stdin)
            for name in values:
                run(*common, *wide, "-o", f"apart/{name}", stdin=stdin)
            for name in intervals:
                run(*common, *shape, "-o", f"apart/{name}", stdin=stdin)
            files = sorted(os.path.relpath(os.path.join(f, n), "one") for f, _, names in os.walk("one") for n in names)
            assert len(files) == 3 + 6 + 1 + 2 + 1 + 3, files
            for name in files:
                assert open(f"one/{name}", "rb").read() == open(f"apart/{name}", "rb").read(), (extra, wide, name)
            assert len(open("one/i.tsv").readlines()) > 50
    # one of them to a pipe
    both = run("--no-version", "-m", "m.safetensors", "-f", "g.fa", "-c", str(cutoff), "-o", "-", "-o", "both.bed").stdout
    assert both == out("-m", "m.safetensors", "-f", "g.fa", "-c", str(cutoff))
    assert [l.split("\t")[:6] for l in both.decode().splitlines()] == [l.split("\t") for l in open("both.bed").read().splitlines()]
    # all or nothing, and no folder unless asked for
    run("-m", "m.safetensors", "-o", "no.bed", "-o", "no.bb", "-o", "no.{marker}.bw", "-", stdin=data + b">chr2\nACGT\n>x\nAC!\n", code=3)
    assert not [name for name in os.listdir(".") if name.startswith("no.")]


BOUND = 1 / 64 + 1e-6  # of a probability in 8 bits


def track(marker, *args):
    """Per contig the values of a bigWig file, and the number of its items."""
    path = f"track{len(os.listdir('.'))}.bw"
    run("-m", "m.safetensors", "-f", "g.fa", "-k", marker, "--round", "7", "-o", path, *args)
    bw = pyBigWig.open(path)
    values = {name: np.array(bw.values(name, 0, length)) for name, length in bw.chroms().items()}
    items = sum(len(bw.intervals(name) or ()) for name in values)
    bw.close()
    return values, items, os.path.getsize(path)


def test_8bit():
    for extra in ([], ["--rc-average"], ["--resolution", "25"], ["--window-mode", "paper"], ["--precision", "bf16"]):
        exact, exact_items, exact_size = track("alpha", *extra)
        coded, items, size = track("alpha", "--values", "8bit", *extra)
        largest, distinct = 0, set()
        for name in exact:
            assert np.array_equal(np.isnan(exact[name]), np.isnan(coded[name])), (extra, name, "N")
            if np.isnan(exact[name]).all():
                continue
            largest = max(largest, np.nanmax(np.abs(exact[name] - coded[name])))
            distinct |= set(coded[name][~np.isnan(coded[name])].tolist())
        assert 1e-4 < largest <= BOUND, (extra, largest)
        assert size < exact_size or "--resolution" in extra, (extra, size, exact_size)
        if not extra:
            logits = [8 * np.log(p / (1 - p)) for p in distinct]
            assert 10 < len(distinct) < 256, len(distinct)
            assert all(abs(z - round(z)) < 1e-2 for z in logits if abs(z) < 60), "probabilities of multiples of 1/8"
            assert items < exact_items and size < exact_size / 2, (items, exact_items, size, exact_size)
    # another back end: one step at most, and far the most are equal
    ours = track("alpha", "--values", "8bit", "-r", "chr10")[0]["chr10"]
    theirs = track("alpha", "--values", "8bit", "-r", "chr10", "--device", "reference")[0]["chr10"]
    ours, theirs = (8 * np.log(v / (1 - v)) for v in (ours, theirs))
    steps = np.abs(ours - theirs)
    assert np.nanmax(steps) < 1.02 and np.nanmean(steps > 0.5) < 0.001, (np.nanmax(steps), np.nanmean(steps > 0.5))
    # neither workers nor tiles nor pipes show
    args = ("-m", "m.safetensors", "-k", "alpha", "--values", "8bit")
    whole = out(*args, "-f", "g.fa", "-O", "bedgraph", "-@", "1")
    assert out(*args, "-f", "g.fa", "-O", "bedgraph", "-@", "3", "--tile", "777") == whole
    assert out(*args, "-O", "bedgraph", "-", stdin=open("g.fa", "rb").read()) == whole
    assert b"##regcallValues=probability of 1 base, in 8 bits\n" in run(*args, "-f", "g.fa", "-O", "bedgraph").stdout


def test_same_bytes(records, cutoff):
    base = ("-m", "m.safetensors", "-c", str(cutoff))
    whole = out(*base, "-f", "g.fa")
    data = open("g.fa", "rb").read()
    for args in (["-@", "1"], ["-@", "3"], ["--tile", "10"], ["--tile", "777"], ["--tile", "100000", "-@", "2"]):
        if args == ["--tile", "10"]:
            assert out(*base, "-f", "g.fa", "-r", "chr10", *args) == b"".join(
                l + b"\n" for l in whole.splitlines() if l.startswith(b"chr10\t"))
        else:
            assert out(*base, "-f", "g.fa", *args) == whole, args
    assert out(*base, "g.fa") == whole and out(*base, "-", stdin=data) == whole
    subprocess.run("bgzip -c g.fa > g.fa.gz", shell=True, check=True)
    assert out(*base, "g.fa.gz") == whole and out(*base, "-f", "g.fa.gz") == whole
    rng = random.Random(9)
    for name, bases in records[:2]:
        cuts = sorted(rng.sample(range(1, len(bases)), 9))
        regions = list(zip([0] + cuts, cuts + [len(bases)]))
        rng.shuffle(regions)
        with open("regions.bed", "w") as file:
            file.write("# a comment\ntrack name=x\n" + "".join(f"{name}\t{b}\t{e}\n" for b, e in regions))
        one = out(*base, "-f", "g.fa", "-r", name)
        assert out(*base, "-f", "g.fa", "-R", "regions.bed") == one
        assert out(*base, "-f", "g.fa", *[x for b, e in regions for x in ("-r", f"{name}:{b + 1}-{e}")]) == one
    for extra in (["--rc-average"], ["--window-mode", "paper"], ["--window-mode", "paper", "--rc-average"]):
        some = out(*base, *extra, "-f", "g.fa", "-@", "1")
        assert some != whole, extra
        assert out(*base, *extra, "-", "--tile", "5550", "-@", "2", stdin=data) == some, extra
    track = ("-m", "m.safetensors", "--no-version", "-k", "alpha", "--resolution", "7")
    run(*track, "-f", "g.fa", "-o", "a.bw", "-@", "1")
    run(*track, "-f", "g.fa", "-o", "b.bw", "-@", "3", "--tile", "770")
    run(*track, "-o", "c.bw", "-", stdin=data)
    assert open("a.bw", "rb").read() == open("b.bw", "rb").read() == open("c.bw", "rb").read()
    # a record of its own, placed by its name
    piece = subprocess.run(["samtools", "faidx", "g.fa", "chr2:10004-15003"], capture_output=True, check=True).stdout
    placed = out(*base, "--remap", "-", stdin=piece).decode().splitlines()
    wanted = [l for l in whole.decode().splitlines() if l.startswith("chr2\t")]
    inner = lambda lines: [l for l in lines if int(l.split("\t")[1]) > 10250 and int(l.split("\t")[2]) < 14700]
    assert inner(placed) == inner(wanted) != [], (len(inner(placed)), len(inner(wanted)))
    # several records of a contig, and another: a bigWig names each once, as long as its last record reaches
    places = ("chr2:4-503", "chr2:601-1000", "chr10:1-750")
    pieces = subprocess.run(["samtools", "faidx", "g.fa", *places], capture_output=True, check=True).stdout
    run(*track, "--remap", "-o", "d.bw", "-", stdin=pieces)
    with pyBigWig.open("d.bw") as bw:
        assert bw.chroms() == {"chr2": 1000, "chr10": 750}, bw.chroms()
        assert bw.intervals("chr2", 510, 590) is None
        assert len(bw.intervals("chr2", 600, 1000)) > 50 and len(bw.intervals("chr10")) > 100


def peak_memory(bases):
    """Kilobytes that regcall took for one record of so many bases through a pipe."""
    with tempfile.NamedTemporaryFile() as report:
        process = subprocess.Popen(["/usr/bin/env", "bash", "-c", 'exec "$0" "$@"', REGCALL, "-m", "m.safetensors", "-k",
                                    "alpha", "-c", "0.9", "-@", "2", "-"], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL)
        rng = random.Random(1)
        block = (fasta([("x", sequence(rng, 600000))]).split("\n", 1)[1]).encode()

        def feed():
            process.stdin.write(b">endless\n")
            for _ in range(bases // 600000):
                process.stdin.write(block)
            process.stdin.close()
        feeder = threading.Thread(target=feed)
        feeder.start()
        _, status, usage = os.wait4(process.pid, 0)
        feeder.join()
        assert status == 0, status
        return usage.ru_maxrss


def test_stream_memory():
    small, large = peak_memory(6_000_000), peak_memory(60_000_000)
    assert large < small * 1.1 + 4096, (small, large)
    print(f"memory along a stream: {small} kB for 6 Mb, {large} kB for 60 Mb")


def test_open_intervals():
    """Cutoff 0 keeps one marker's interval open while thousands of others close: the order is right all the same."""
    rows = [l.split("\t") for l in out("-m", "m.safetensors", "-f", "g.fa", "-c", "0", "-O", "bed").decode().splitlines()]
    assert rows == sorted(rows, key=lambda r: (["chr2", "chr10", "short", "allN"].index(r[0]), int(r[1]), int(r[2])))
    assert rows and all(r[0] != "allN" for r in rows)


def test_failures():
    model = ("-m", "m.safetensors")
    cases = [
        (2, ("-f", "g.fa", "-O", "bigwig", "-k", "alpha"), "standard output"),
        (2, ("-f", "g.fa", "-O", "bigbed"), "bigBed cannot be written to standard output"),
        (2, ("-f", "g.fa", "-o", "x.bb.gz"), ".gz"),
        (2, ("-f", "g.fa", "-o", "x.bb", "--values", "8bit"), "--values"),
        (2, ("-f", "g.fa", "-o", "x.bw"), "{marker}"),
        (2, ("-f", "g.fa", "-O", "bedgraph"), "{marker}"),
        (2, ("-f", "g.fa", "-o", "x.unknown"), "-O"),
        (2, ("-f", "g.fa", "-o", "x.bw.gz", "-k", "alpha"), ".gz"),
        (2, ("-f", "g.fa", "--resolution", "10"), "--resolution"),
        (2, ("-f", "g.fa", "--values", "8bit"), "--values"),
        (2, ("-f", "g.fa", "-O", "bed", "--values", "8bit"), "--values"),
        (2, ("-f", "g.fa", "g.fa"), "either"),
        (2, ("g.fa", "-r", "chr2"), "-f"),
        (2, ("-f", "g.fa", "-c", "1.5"), "cutoff"),
        (2, ("-f", "g.fa", "-k", "nothing"), "nothing"),
        (2, ("-f", "g.fa", "--round", "8"), "round"),
        (2, ("-f", "g.fa", "--remap"), "--remap"),
        (4, ("-f", "g.fa", "-r", "2:1-100"), "chr2"),
        (4, ("-f", "g.fa", "-r", "nowhere"), "nowhere"),
        (3, ("-f", "g.fa", "-r", "chr2:70000-80000"), "end of the contig"),
        (3, ("-f", "g.fa", "-R", "bad.bed"), "bad.bed:2"),
        (3, ("cut.fa.gz",), "cut.fa.gz"),
        (3, ("bad.fa",), "bad.fa"),
        (3, ("--remap", "short.fa"), "4 bases, its name says 6"),
        (3, ("--remap", "-O", "bed", "back.fa"), "back.fa (chr2:1-4): begins before the end of the record above"),
        (3, ("--remap", "-O", "bed", "over.fa"), "over.fa (chr2:8-11): begins before the end of the record above"),
        (3, ("--remap", "-O", "bed", "again.fa"), "again.fa (chr2:9-12): chr2 again, after another contig"),
        (3, ("--remap", "-k", "alpha", "-o", "x.bw", "again.fa"), "chr2 again"),
        (1, ("-f", "g.fa", "-o", "nodir/x.bed"), "nodir"),
    ]
    open("bad.bed", "w").write("chr2\t1\t5\nchr2\t9\t3\n")
    open("short.fa", "w").write(">chr2:5-10\nACGT\n")
    open("again.fa", "w").write(">chr2:5-8\nACGT\n>chr1:1-4\nACGT\n>chr2:9-12\nACGT\n")
    open("back.fa", "w").write(">chr2:5-8\nACGT\n>chr2:1-4\nACGT\n")
    open("over.fa", "w").write(">chr2:5-8\nACGT\n>chr2:8-11\nACGT\n")
    open("bad.fa", "w").write(">a\nACGT!ACGT\n")
    whole = open("g.fa.gz", "rb").read()
    open("cut.fa.gz", "wb").write(whole[:len(whole) * 2 // 3])
    for code, args, text in cases:
        done = run(*model, *args, code=code)
        message = done.stderr.decode()
        assert text in message and message.startswith("regcall: "), (args, message)
    for name in os.listdir("."):
        assert not name.startswith((".x", "x.")), name
    # an old file survives a failure; nothing is left beside it
    open("old.bed", "w").write("precious\n")
    before = sorted(os.listdir("."))
    run(*model, "-o", "old.bed", "cut.fa.gz", code=3)
    assert open("old.bed").read() == "precious\n" and sorted(os.listdir(".")) == before
    shutil.copy("g.fa", "in.bed")
    run(*model, "in.bed", "-o", "in.bed", code=2)
    # the reader goes away
    done = subprocess.run(["bash", "-c", '"$0" -m m.safetensors -f g.fa -c 0.01 -O tsv | head -n 1 >/dev/null; '
                           'echo ${PIPESTATUS[0]}', REGCALL], capture_output=True)
    assert done.stdout.decode().strip() in ("141", "0") and b"rror" not in done.stderr, done
    full = subprocess.run(["bash", "-c", '"$0" -m m.safetensors -f g.fa -c 0.01 > /dev/full', REGCALL], capture_output=True)
    assert full.returncode == 1, full


def main():
    with tempfile.TemporaryDirectory() as directory:
        os.chdir(directory)
        records = make_world(directory)
        values = values_of(records)
        cutoff = test_formats(records, values)
        test_bigwig(records, values)
        test_bigbed(records, cutoff)
        test_several(cutoff)
        test_8bit()
        test_same_bytes(records, cutoff)
        test_open_intervals()
        test_failures()
        test_stream_memory()
        os.chdir("/")


if __name__ == "__main__":
    main()
