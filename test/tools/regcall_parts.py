#!/usr/bin/env python3
"""regcall in parts: what `regcall merge` makes of shards is, to the byte, what one run writes, in every format; parts that do
not belong together are refused; a run that was killed goes on and writes the same. And --over, beside numpy and bedtools."""
import glob
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time

from regcall import BIN, REGCALL, fasta, make_world, np, out, run, sequence

FORMATS = ["bed", "bed.gz", "narrowPeak", "narrowPeak.gz", "tsv", "bb", "bedgraph", "bw"]
VALUES = ("bedgraph", "bw")
BASE = ("-m", "m.safetensors", "-f", "g.fa")


def read(path):
    with open(path, "rb") as file:
        return file.read()


def shards(n, *args, formats=("narrowpeak",), name="part"):
    """Runs all shards of a call; their files, in an order that is not theirs."""
    parts = []
    for i in range(1, n + 1):
        parts.append(f"{name}.{i}.of.{n}")
        run(*BASE, *args, "--shard", f"{i}/{n}", *(word for f in formats for word in ("-O", f)), "-o", parts[-1])
    random.Random(n).shuffle(parts)
    return parts


def without(args, *options):
    """Arguments that other outputs have no use for are refused, so they are left out of their runs."""
    kept, rest = [], list(args)
    while rest:
        word = rest.pop(0)
        if word in options:
            rest.pop(0)
        else:
            kept.append(word)
    return kept


def merge(parts, *args):
    run("merge", "--no-version", *args, *parts)


def pieces(n, *args):
    """Every format from one set of shards, beside one run each."""
    formats = ("bed", "bigwig", "tsv")
    parts = shards(n, *args, formats=formats)
    for ending in FORMATS:
        split = ending in VALUES
        name = "{marker}" if split else "all"
        merge(parts, "-o", f"merged.{name}.{ending}")
        unused = ("-c", "--merge-gap", "--min-length") if split else ("--resolution",)
        run("--no-version", *BASE, *without(args, *unused), "-o", f"whole.{name}.{ending}")
        made = sorted(glob.glob(f"merged.*.{ending}*"))
        assert len(made) == (3 if split else 1) + (1 if ending.endswith(".gz") else 0), made
        for path in made:
            if not path.endswith((".tbi", ".csi")):
                assert read(path) == read(path.replace("merged", "whole")), (n, args, path)
                assert len(read(path)) > 100
            os.remove(path)
    runs = shards(n, *without(args, "--resolution"), formats=("bed",), name="runs")  # by the way that has no values
    merge(runs, "-o", "merged.bed")
    assert read("merged.bed") == read("whole.all.bed"), (n, args)


def test_same_bytes():
    for n in (1, 2, 7):
        pieces(n, "-c", "0.4")
    pieces(7, "-c", "0.3", "--merge-gap", "40", "--min-length", "25", "--resolution", "30", "--round", "6")
    pieces(3, "-c", "0.35", "-r", "chr2:100-9,000", "-r", "chr2:20,001-", "-r", "chr10", "-k", "gamma,alpha,be_ta")
    pieces(2, "-c", "0.4", "--rc-average", "--resolution", "50")
    # more shards than there are bases to share
    run(*BASE, "--shard", "3/5", "-r", "chr2:1-20", "-o", "tiny")
    few = shards(5, "-r", "chr2:1-20", "-c", "0.01")
    merge(few, "-o", "few.bed")
    assert read("few.bed") == out(*BASE, "-r", "chr2:1-20", "-c", "0.01", "-O", "bed")
    # folders that are missing
    run(*BASE, "--shard", "1/2", "--parents", "-o", "new/a/1.part")
    run(*BASE, "--shard", "2/2", "--parents", "--resume", "-o", "new/b/2.part")
    merge(["new/a/1.part", "new/b/2.part"], "-o", "new.bed")
    assert read("new.bed") == out(*BASE, "-O", "bed")
    done = run(*BASE, "--shard", "1/2", "-o", "m.safetensors", code=2)
    assert b"is the same file as the input" in done.stderr and read("m.safetensors")[8:9] == b"{"
    # more shards than files can be open
    many = shards(80, "-r", "chr10", "-c", "0.4")
    subprocess.run(["bash", "-c", 'ulimit -n 70; exec "$0" merge --no-version -o many.bed "$@"', REGCALL, *many], check=True,
                   capture_output=True)
    assert read("many.bed") == out(*BASE, "-r", "chr10", "-c", "0.4", "-O", "bed")
    # intervals cross the cuts: else joining is not tested
    whole = [line.split("\t")[:3] for line in out(*BASE, "-c", "0.05", "-O", "bed").decode().splitlines()]
    cut = 80530 // 2 // 10 * 10
    assert any(c == "chr2" and int(b) < cut < int(e) for c, b, e in whole), "a site over the cut"
    merge(shards(2, "-c", "0.05"), "-o", "crossing.bed")
    assert [line.split("\t")[:3] for line in read("crossing.bed").decode().splitlines()] == whole


def test_browsers():
    parts = shards(3, "-c", "0.4", formats=("bigbed", "bigwig"))
    merge(parts, "--hub", "hub_m", "--genome", "hg19", "--igv", "hub_m/igv.xml", "--parents", "-o", "x/all.bb")
    run("--no-version", *BASE, "-c", "0.4", "--hub", "hub_w", "--genome", "hg19", "--igv", "hub_w/igv.xml", "--parents", "-o",
        "x/all2.bb")
    made = sorted(glob.glob("hub_m/**/*", recursive=True))
    assert len(made) > 8, made
    for path in made:
        if os.path.isfile(path):
            theirs = read(path.replace("hub_m", "hub_w")).replace(b"hub_w", b"hub_m").replace(b"all2", b"all")
            assert read(path) == theirs, path
    told = [json.loads(line) for line in run("merge", "--progress", "json", "-o", "told.bed", *parts).stderr.splitlines()
            if line.startswith(b"{")]
    assert told[0]["done"] == 0 and told[-1]["done"] == 3 and all((t["unit"], t["total"]) == ("parts", 3) for t in told), told
    # a header says what was run, and the rest is the shards' own
    text = run("merge", "-O", "bed", *parts).stdout.decode()
    theirs = run(*BASE, "-c", "0.4", "-O", "bed").stdout.decode()
    lines, others = text.splitlines(), theirs.splitlines()
    assert lines[1].startswith("##regcallCommand=regcall merge ") and others[1].startswith("##regcallCommand=regcall -m")
    assert lines[:1] + lines[2:] == others[:1] + others[2:]


def test_refused():
    parts = sorted(shards(3, "-c", "0.4"))

    def refused(code, *args, word):
        done = run("merge", "-o", "none.bed", *args, code=code)
        assert word in done.stderr.decode() and not os.path.exists("none.bed"), (word, done.stderr)

    refused(4, *parts[:2], word="there is no part of 3")
    refused(4, *parts, parts[1], word="shard 2 twice")
    for other in (("-c", "0.5"), ("-c", "0.4", "--rc-average"), ("-c", "0.4", "-r", "chr2"), ("-c", "0.4", "--min-length", "3"),
                  ("-c", "0.4", "--precision", "bf16"), ("-c", "0.4", "-k", "alpha"), ("-c", "0.4", "--raw")):
        done = subprocess.run([REGCALL, *BASE, *other, "--shard", "2/3", "-o", "other"], capture_output=True)
        if done.returncode == 0:  # not every processor has bf16
            refused(4, parts[0], "other", parts[2], word="not of one call")
    subprocess.run([os.path.join(BIN, "model_probe"), "m2.safetensors", "spec.json", "6", "2.5", "alpha:DNase", "be/ta:TFBS",
                    "gamma:DNase"], check=True)
    run("-m", "m2.safetensors", "-f", "g.fa", "-c", "0.4", "--shard", "2/3", "-o", "other")
    refused(4, parts[0], "other", parts[2], word="not of one call")
    text = read("g.fa").decode().replace(">allN", ">another")
    with open("h.fa", "w") as file:
        file.write(text)
    run("-m", "m.safetensors", "-f", "h.fa", "-c", "0.4", "--shard", "2/3", "-o", "other")
    refused(4, parts[0], "other", parts[2], word="not of one call")
    refused(3, parts[0], "g.fa", parts[2], word="g.fa: not a file of this kind")
    whole = read(parts[1])
    for bytes_, word in ((whole[:-1], "cut short"), (whole[:len(whole) // 2], "cut short"), (whole[:20], "cut short"),
                         (whole[:-40] + b"x" + whole[-39:], "cut short"), (whole + b"x", "cut short")):
        with open("other", "wb") as file:
            file.write(bytes_)
        refused(3, parts[0], "other", parts[2], word=word)
    done = run("merge", "-o", "{marker}.bw", *parts, code=2)
    assert b"the parts hold no values" in done.stderr
    assert b"is the same file as the input" in run("merge", "-o", parts[0], "-O", "bed", *parts, code=2).stderr
    assert read(parts[0]).startswith(b"regkit part 1\n")
    for args, word in ((("--shard", "1/2", "g.fa"), "-f"), (("-f", "g.fa", "--shard", "0/2"), "from 1"),
                       (("-f", "g.fa", "--shard", "3/2"), "from 1"), (("-f", "g.fa", "--shard", "half"), "2/7"),
                       (("-f", "g.fa", "--shard", "1/2", "-o", "{marker}"), "one file"),
                       (("-f", "g.fa", "--shard", "slurm"), "SLURM_ARRAY_TASK"),
                       (("-f", "g.fa", "--shard", "1/2", "--over", "r.bed"), "--over"),
                       (("-f", "g.fa", "-O", "bed", "-O", "tsv"), "--shard"), (("-f", "g.fa", "--resume"), "in a file"),
                       (("--resume", "-o", "x.bed", "g.fa"), "-f")):
        with open("r.bed", "w") as file:
            file.write("chr2\t5\t10\n")
        assert word in run("-m", "m.safetensors", *args, code=2).stderr.decode(), (args, word)


def test_slurm():
    parts = []
    for task in (4, 6, 8):
        parts.append(f"slurm.{task}")
        env = {**os.environ, "SLURM_ARRAY_TASK_ID": str(task), "SLURM_ARRAY_TASK_MIN": "4", "SLURM_ARRAY_TASK_STEP": "2",
               "SLURM_ARRAY_TASK_COUNT": "3"}
        subprocess.run([REGCALL, *BASE, "-c", "0.4", "--shard", "slurm", "-o", parts[-1]], env=env, check=True, capture_output=True)
    merge(parts, "-o", "slurm.bed")
    assert read("slurm.bed") == out(*BASE, "-c", "0.4", "-O", "bed")


def test_resume():
    """Of a run that was killed at any byte of its journal, and of one that was killed indeed."""
    args = (*BASE, "-c", "0.3", "--tile", "1000", "--resolution", "20", "--merge-gap", "300")
    run("--no-version", *args, "-o", "w.bed", "-o", "w.{marker}.bw")
    expected = {path: read(path) for path in glob.glob("w.*")}
    run(*args, "--shard", "1/1", "-O", "bed", "-O", "bigwig", "-o", "complete")
    journal = read("complete")
    rng = random.Random(4)
    went_on = 0
    for size in [0, 5, 14, 20, len(journal) - 1, len(journal), *(rng.randrange(len(journal)) for _ in range(12))]:
        for path in expected:
            os.remove(path)
        with open("w.bed.unfinished", "wb") as file:
            file.write(journal[:size] + (b"torn" if size > 5000 else b""))
        done = run("--no-version", *args, "--resume", "-o", "w.bed", "-o", "w.{marker}.bw")
        went_on += b"goes on behind" in done.stderr
        assert {path: read(path) for path in glob.glob("w.*")} == expected, size
    assert went_on >= 10, went_on
    # a shard goes on, too, and its part is the same file
    with open("again.unfinished", "wb") as file:
        file.write(journal[:len(journal) // 2])
    run(*args, "--shard", "1/1", "-O", "bed", "-O", "bigwig", "-o", "again", "--resume")
    merge(["again"], "-o", "again.bed")
    assert read("again.bed") == expected["w.bed"]
    # folders of one marker each: beside them, as the output is named, but for the slashes
    split = ("--parents", "-o", "deep/{marker}/x.bw", "--resume")
    values = without(args, "-c", "--merge-gap")
    run(*values, *split)
    assert sorted(os.listdir("deep")) == ["alpha", "be_ta", "gamma"]
    with open("deep/{marker}_x.bw.unfinished", "w") as file:
        file.write("notes of somebody's own")
    assert b"not a file of this kind" in run(*values, *split, code=3).stderr
    # of another call
    with open("w.bed.unfinished", "wb") as file:
        file.write(journal[:len(journal) // 2])
    assert b"remove it" in run(*without(args, "--resolution"), "--resume", "-o", "w.bed", code=4).stderr
    assert read("w.bed.unfinished") == journal[:len(journal) // 2] and read("w.bed") == expected["w.bed"]
    os.remove("w.bed.unfinished")
    with open("w.bed.unfinished", "w") as file:
        file.write("notes of somebody's own")
    assert b"not a file of this kind" in run(*without(args, "--resolution"), "--resume", "-o", "w.bed", code=3).stderr
    os.remove("w.bed.unfinished")
    with open("w.bed.unfinished", "w") as file:
        file.write(">a\nACGT\n")  # shorter than the first line of a journal
    assert b"not a file of this kind" in run(*without(args, "--resolution"), "--resume", "-o", "w.bed", code=3).stderr
    assert read("w.bed.unfinished") == b">a\nACGT\n"
    os.remove("w.bed.unfinished")
    args = without(args, "--tile")
    for signum in (signal.SIGKILL, signal.SIGTERM):
        for _ in range(30):  # until one is not done before the signal arrives
            child = subprocess.Popen([REGCALL, "--no-version", *args, "--tile", "100", "-@", "1", "--resume", "-o", "k.bed", "-o",
                                      "k.{marker}.bw"], stderr=subprocess.DEVNULL)
            while child.poll() is None and (not os.path.exists("k.bed.unfinished") or
                                            os.path.getsize("k.bed.unfinished") < 3000):
                time.sleep(0.001)
            child.send_signal(signum)
            assert child.wait() in (0, -signum), child.returncode
            if not os.path.exists("k.bed"):
                break
            for path in glob.glob("k.*"):
                os.remove(path)
        assert not os.path.exists("k.bed") and os.path.getsize("k.bed.unfinished") >= 3000
        done = run("--no-version", *args, "--tile", "100", "--resume", "-o", "k.bed", "-o", "k.{marker}.bw")
        assert b"goes on behind" in done.stderr
        made = {path.replace("k.", "w.", 1): read(path) for path in glob.glob("k.*")}
        assert made == expected, signum
        for path in glob.glob("k.*"):
            os.remove(path)


def test_over(records):
    """Mean and largest value by numpy from bedGraph of every base, sites by bedtools."""
    rng = random.Random(11)
    lengths = {name: len(bases) for name, bases in records}
    rows = []
    for i in range(60):
        contig = rng.choice(["chr2", "chr10"])
        begin = rng.randrange(lengths[contig] - 10)
        rows.append((contig, begin, min(lengths[contig], begin + rng.choice([1, 7, 250, 3000])), f"r{i}"))
    rows += [("short", 0, 17, "all of it"), ("allN", 3, 30, "unknown"), ("chr2", 40, 60, "twice"), ("chr2", 40, 60, "twice")]
    with open("r.bed", "w") as file:
        file.writelines("\t".join(map(str, row)) + "\n" for row in rows)
    values = {}
    for marker in ("alpha", "be_ta", "gamma"):
        mine = {name: np.full(n, np.nan) for name, n in lengths.items()}
        for line in out(*BASE, "-k", marker, "-O", "bedgraph", "--round", "7").decode().splitlines():
            contig, begin, end, value = line.split("\t")
            mine[contig][int(begin):int(end)] = float(value)
        values[marker] = mine
    order = {name: i for i, (name, _) in enumerate(records)}
    table = out(*BASE, "--over", "r.bed", "-c", "0.4", "--round", "6").decode().splitlines()
    assert table[0].split("\t") == ["#chrom", "start", "end", "name", "marker", "bases", "mean", "max", "sites"]
    cells = [line.split("\t") for line in table[1:]]
    expected = [(row, marker) for row in sorted(rows, key=lambda r: (order[r[0]], r[1], r[2])) for marker in values]
    assert [(*c[:5],) for c in cells] == [(*map(str, row), marker) for row, marker in expected]
    run("--no-version", *BASE, "-c", "0.4", "-o", "sites.bed")
    with open("sorted.bed", "w") as file:
        file.writelines("\t".join(map(str, row)) + "\n" for row, _ in expected[::3])
    counts = {}
    for marker in values:
        with open("one.bed", "w") as file:
            file.writelines(line for line in open("sites.bed") if line.split("\t")[3] == marker)
        text = subprocess.run(["bedtools", "intersect", "-c", "-a", "sorted.bed", "-b", "one.bed"], capture_output=True,
                              check=True, text=True).stdout
        counts[marker] = [line.split("\t")[-1] for line in text.splitlines()]
    for i, (cell, (row, marker)) in enumerate(zip(cells, expected)):
        part = values[marker][row[0]][row[1]:row[2]]
        known = part[~np.isnan(part)]
        assert int(cell[5]) == len(known), (cell, len(known))
        if len(known) == 0:
            assert cell[6:] == ["NA", "NA", "NA"], cell
            continue
        assert abs(float(cell[6]) - known.mean()) <= 1.1e-6 and abs(float(cell[7]) - known.max()) <= 1.1e-6, (cell, known.mean())
        assert cell[8] == counts[marker][i // 3], (cell, counts[marker][i // 3])
    assert sum(int(c[8]) for c in cells if c[8] != "NA") > 50
    # beside tracks, from a stream, in another order, whatever the tile; compressed and indexed
    run("--no-version", *BASE, "--over", "r.bed", "--over-output", "t.tsv", "-c", "0.4", "--round", "6", "--tile", "1000", "-o", "x.bed")
    assert read("t.tsv").decode().splitlines() == table and read("x.bed") == read("sites.bed")
    stream = out("-m", "m.safetensors", "--over", "r.bed", "-c", "0.4", "--round", "6", stdin=read("g.fa"), *["-"])
    assert stream.decode().splitlines() == table
    run(*BASE, "--over", "r.bed", "--over-output", "t.tsv.gz")
    found = subprocess.run(["tabix", "t.tsv.gz", "short:5-6"], capture_output=True, check=True, text=True).stdout
    assert len(found.splitlines()) == 3, found
    with open("bad.bed", "w") as file:
        file.write("chr3\t1\t2\n")
    assert b"chr3" in run(*BASE, "--over", "bad.bed", code=4).stderr
    assert b"--over-output" in run(*BASE, "--over-output", "t.tsv", code=2).stderr
    over_contig_of_n()


def over_contig_of_n():
    """A contig that begins with more N than a tile holds, behind a longer one: its regions wait for their values."""
    rng = random.Random(12)
    with open("n.fa", "w") as file:
        file.write(fasta([("long", sequence(rng, 30000, False)), ("n", "N" * 6000 + sequence(rng, 4000, False))]))
    with open("n.bed", "w") as file:
        file.write("n\t100\t200\tunknown\nn\t5000\t7000\thalf\nn\t8000\t8100\tq\nlong\t0\t10\tl\n")
    args = ("-m", "m.safetensors", "-k", "alpha", "--tile", "1000", "--over", "n.bed")
    for more, stdin in ((("-f", "n.fa"), None), (("-f", "n.fa", "-o", "n.out.bed"), None), (("-",), read("n.fa"))):
        rows = [line.split("\t") for line in out(*args, *more, stdin=stdin).decode().splitlines()[1:]]
        assert [(row[3], row[5]) for row in rows] == [("l", "10"), ("unknown", "0"), ("half", "1000"), ("q", "100")], (more, rows)


def main():
    directory = tempfile.mkdtemp(prefix="regkit_parts_")
    try:
        os.chdir(directory)
        records = make_world(directory)
        test_over(records)
        test_same_bytes()
        test_browsers()
        test_refused()
        test_slurm()
        test_resume()
    finally:
        os.chdir("/")
        shutil.rmtree(directory, ignore_errors=True)
    print("ok")


if __name__ == "__main__":
    main()
