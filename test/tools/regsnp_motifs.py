#!/usr/bin/env python3
"""regsnp motifs: a model whose weights are two motifs, made by hand, is found to look for these two in a genome that holds them on both
strands, and a random model is not; what the matrix says is what the listed places hold; threads, seeds, formats; and what is refused."""
import json
import os
import struct
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.join(HERE, "..", "support"), os.path.join(HERE, "..", "..", "tools")]
import tools
from tools import check, needs, read, run, write

needs(modules=["numpy"])
import numpy as np
from regplot import motifs as reader

SPEC = {"name": "planted", "task": "nucleotide", "window": 2000, "layers": [
    {"name": "one", "type": "one_hot"},
    {"name": "find", "type": "conv", "filters": 4, "width": 13, "relu": True},
    {"name": "spread", "type": "conv", "filters": 2, "width": 61},
    {"name": "head", "type": "dense"}]}
CONSENSUS = {"first": "TGACGTCATCGAC", "second": "CCACTAGGGTGTT"}
COPIES, LENGTH = 110, 120_000
REGION = ["-r", f"chr1:1-{LENGTH}"]


def complement(matrix):
    return matrix[::-1, ::-1]


def planted_matrices():
    """Width x 4 probabilities: sharp columns, and the fifth of each motif half of another base."""
    found = {}
    for name, word in CONSENSUS.items():
        matrix = np.full((len(word), 4), 0.04)
        matrix[np.arange(len(word)), ["ACGT".index(base) for base in word]] = 0.88
        matrix[4] = 0.04
        matrix[4, ["ACGT".index(word[4]), 3 - "ACGT".index(word[4])]] = 0.46
        found[name] = matrix
    return found


def make_genome(matrices):
    """Random bases with copies of both motifs on either strand; gives where those are: (begin, motif, reverse)."""
    rng = np.random.default_rng(5)
    bases = rng.choice(4, LENGTH, p=[0.3, 0.2, 0.2, 0.3])
    places = []
    for number, begin in enumerate(range(300, LENGTH - 600, (LENGTH - 1000) // (2 * COPIES))):
        name, reverse = ("first", "second")[number % 2], bool(rng.integers(2))
        begin += int(rng.integers(150))
        copy = np.array([rng.choice(4, p=row) for row in matrices[name]])
        bases[begin:begin + len(copy)] = 3 - copy[::-1] if reverse else copy
        places.append((begin, name, reverse))
    text = "".join("ACGT"[b] for b in bases)
    write("ref.fa", ">chr1\n" + "\n".join(text[i:i + 60] for i in range(0, LENGTH, 60)) + "\n")
    return text, places


def with_tensors(source, target, values):
    """The model with other values of these tensors, and without its checksum."""
    blob = read(source)
    (size,) = struct.unpack("<Q", blob[:8])
    header, data = json.loads(blob[8:8 + size]), bytearray(blob[8 + size:])
    del header["__metadata__"]["regkit.sha256"]
    for name, value in values.items():
        check(list(value.shape) == header[name]["shape"], f"{name}: {header[name]['shape']}")
        begin, end = header[name]["data_offsets"]
        data[begin:end] = value.astype("<f4").tobytes()
    text = json.dumps(header).encode()
    with open(target, "wb") as file:
        file.write(struct.pack("<Q", len(text)) + text + data)


def make_models(matrices):
    """One marker sees both motifs, the other the second alone: a copy lifts the logit above 0 for 61 bases around it."""
    write("planted.json", json.dumps(SPEC))
    run("random_model", "random.safetensors", "planted.json", 3, f"chr1:{LENGTH}", "both.X=TFBS", "one.X=TFBS")
    find, spread, head = np.zeros((4, 4, 13)), np.zeros((2, 4, 61)), np.zeros((2, 2))
    for number, matrix in enumerate(matrices.values()):
        odds = np.log2(matrix / 0.25)
        find[2 * number], find[2 * number + 1] = odds.T, complement(odds).T
        spread[number, 2 * number:2 * number + 2] = 1
    head[0], head[1, 1] = 1, 1
    shapes = {name: entry["shape"] for name, entry in tools.tensors("random.safetensors")[0].items()}
    values = {"find.weight": find, "find.bias": np.full(4, -10.0), "spread.weight": spread, "spread.bias": np.zeros(2), "head.weight": head,
              "head.bias": np.full(2, -1.0)}
    with_tensors("random.safetensors", "planted.safetensors", {name: value.reshape(shapes[name]) for name, value in values.items()})


def motifs(*args, model="planted.safetensors", region=REGION, code=0):
    return run("regsnp", "motifs", "-m", model, "-f", "ref.fa", *region, "--no-version", *args, code=code)


def column_correlation(found, planted):
    """The largest sum of the columns' correlations where the two overlap, over the columns of the planted one; of both strands."""
    def standard(matrix):
        centred = matrix - matrix.mean(1, keepdims=True)
        return centred / np.maximum(np.linalg.norm(centred, axis=1, keepdims=True), 1e-9)
    best = -1.0
    for target in (planted, complement(planted)):
        columns = standard(found) @ standard(target).T
        best = max(best, max(float(np.trace(columns, offset)) for offset in range(1 - len(found), len(planted))))
    return best / len(planted)


def test_planted(matrices, text, places):
    done = motifs("-o", "found.meme", "--sites", "found.bed", "-k", "both.X")
    found, background = reader.read("found.meme")
    check([motif.name for motif in found] == ["both.X.1", "both.X.2"], f"{[m.name for m in found]}\n{done.stderr}")
    which = {}
    for motif in found:
        scores = {name: column_correlation(motif.matrix, matrix) for name, matrix in matrices.items()}
        which[motif.name] = max(scores, key=scores.get)
        check(scores[which[motif.name]] >= 0.95 and min(scores.values()) < 0.8, f"{motif.name}: {scores}")
        check(12 <= len(motif.matrix) <= 15, f"{motif.name} has {len(motif.matrix)} columns")
    check(set(which.values()) == set(matrices), f"{which}")
    check(abs(background.sum() - 1) < 1e-9 and background[0] == background[3] > background[1] == background[2], f"{background}")
    # What the listed places hold, each counted by its contribution, is the matrix.
    rows = [line.split("\t") for line in read("found.bed").decode().splitlines()]
    check(rows == sorted(rows, key=lambda row: (row[0], int(row[1]))), "BED is sorted")
    for motif in found:
        own = [row for row in rows if row[3] == motif.name]
        check(len(own) == int(motif.sites) >= 60, f"{motif.name}: {motif.sites} sites, {len(own)} rows")
        check(max(int(row[4]) for row in own) == 1000 and min(int(row[4]) for row in own) > 0, "scores of BED")
        counts, hits = np.zeros((len(motif.matrix), 4)), 0
        for chrom, begin, end, _, _, strand, contribution in own:
            codes = np.array(["ACGT".index(base) for base in text[int(begin):int(end)]])
            codes = 3 - codes[::-1] if strand == "-" else codes
            check(len(codes) == len(counts), "a row is as long as its motif")
            counts[np.arange(len(codes)), codes] += float(contribution)
            hits += any(abs((int(begin) + int(end)) / 2 - (at + 6.5)) <= 4 for at, name, _ in places if name == which[motif.name])
        check(np.abs(counts / counts.sum(1, keepdims=True) - motif.matrix).max() <= 2e-5, f"{motif.name}: not what its places hold")
        check(hits >= 0.8 * len(own), f"{motif.name}: {hits} of {len(own)} are copies")
        # One orientation: strands agree with those that were planted, or are all the other one.
        strands = [(row[5] == "-") == reverse for row in own for at, name, reverse in places
                   if name == which[motif.name] and abs((int(row[1]) + int(row[2])) / 2 - (at + 6.5)) <= 4]
        check(len(strands) >= 60 and max(np.mean(strands), 1 - np.mean(strands)) >= 0.97, f"{motif.name}: {np.mean(strands)}")
    one = motifs("-k", "one.X").stdout
    write("one.meme", one)
    only = reader.read("one.meme")[0]
    check([motif.name for motif in only] == ["one.X.1"], f"{[m.name for m in only]}")
    check(column_correlation(only[0].matrix, matrices["second"]) >= 0.95, "the motif of one.X")


def test_same_bytes():
    whole = motifs("--sites", "a.bed", "-o", "a.meme", "-@", 1)
    check("both.X: " in whole.stderr and "one.X: " in whole.stderr, whole.stderr)
    for number, more in enumerate((["-@", 3], ["-@", 2, "--seed", 1])):
        motifs("--sites", "b.bed", "-o", "b.meme", *more)
        check(read("b.meme") == read("a.meme") and read("b.bed") == read("a.bed"), f"{more}: other bytes")
    halves = ["-r", f"chr1:1-{LENGTH // 2},chr1:{LENGTH // 2 + 1}-{LENGTH}"]
    check(motifs(region=halves).stdout.encode() == read("a.meme"), "the same region in two parts")
    write("both.bed", f"chr1\t0\t{LENGTH}\n")
    check(motifs(region=["-R", "both.bed"]).stdout.encode() == read("a.meme"), "-R")
    other = motifs("--seed", 9).stdout
    write("c.meme", other)
    check(len(reader.read("c.meme")[0]) == 3, "another seed")
    text = run("regsnp", "motifs", "-m", "planted.safetensors", "-f", "ref.fa", *REGION, "-k", "one.X", "--sites", "d.bed").stdout
    check(text.startswith("MEME version 4\n"), text[:80])
    check(read("d.bed").startswith(b"#regsnpVersion=") and b"\n#regsnpCommand=regsnp motifs -m" in read("d.bed"), "where the places come from")


def test_options(matrices):
    fewer = motifs("-k", "one.X", "-n", 40)
    check("one.X: 40 sites" in fewer.stderr, fewer.stderr)
    write("f.meme", fewer.stdout)
    check(float(reader.read("f.meme")[0][0].sites) <= 45, "-n")
    integrated = motifs("-k", "one.X", "-n", 40, "--method", "integrated", "--baseline", "n", "--steps", 8).stdout
    write("i.meme", integrated)
    check(column_correlation(reader.read("i.meme")[0][0].matrix, matrices["second"]) >= 0.95, "integrated gradients")
    both = motifs("-k", "one.X", "--rc-average", "--width", 100).stdout
    write("r.meme", both)
    check(column_correlation(reader.read("r.meme")[0][0].matrix, matrices["second"]) >= 0.95, "--rc-average")
    none = motifs("-k", "one.X", "--min-seqlets", 1000)
    check("MOTIF" not in none.stdout and "no 1000 seqlets are alike" in none.stderr, none.stderr)


def test_random(matrices):
    """A random model calls sites, and finds neither motif there."""
    with_tensors("random.safetensors", "even.safetensors", {"head.bias": np.zeros(2)})  # half of all logits are above 0
    done = motifs("-o", "random.meme", "-n", 300, model="even.safetensors")
    check("both.X: 300 sites" in done.stderr, done.stderr)
    check("MOTIF" not in read("random.meme").decode() or all(
        column_correlation(motif.matrix, matrix) < 0.6 for motif in reader.read("random.meme")[0] for matrix in matrices.values()),
          f"a random model knows a motif\n{done.stderr}\n{read('random.meme').decode()}")


def test_refused():
    for args, code, words in ((["-m", "random.safetensors"], 2, "one model"), (["-o", "ref.fa"], 2, "ref.fa"),
                              (["-o", "x.meme", "--sites", "x.meme"], 2, "x.meme"), (["--sites", "planted.safetensors"], 2, "planted.safetensors"),
                              (["--steps", 4], 2, "--method integrated"), (["--baseline", "n"], 2, "--method integrated")):
        check(words in motifs(*args, code=code).stderr, f"{args}")
    check("--region" in motifs(region=[], code=2).stderr, "no region")
    check("calls no site of one.X" in motifs("-k", "one.X", region=["-r", "chr1:1-20"], code=3).stderr, "no site")
    write("coverage.json", json.dumps(dict(SPEC, name="coverage", task="coverage")))
    run("random_model", "coverage.safetensors", "coverage.json", 3, f"chr1:{LENGTH}", "both.X=TFBS")
    check("coverage" in motifs(model="coverage.safetensors", code=2).stderr, "a model of coverage")


def main():
    with tempfile.TemporaryDirectory() as scratch:
        os.chdir(scratch)
        matrices = planted_matrices()
        text, places = make_genome(matrices)
        make_models(matrices)
        test_planted(matrices, text, places)
        test_same_bytes()
        test_options(matrices)
        test_random(matrices)
        test_refused()
    assert tools.checks >= 60, f"only {tools.checks} checks"
    print(f"regsnp_motifs: {tools.checks} checks")


if __name__ == "__main__":
    main()
