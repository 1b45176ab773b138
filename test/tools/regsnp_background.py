#!/usr/bin/env python3
"""regsnp background and annotate --background: what is drawn, quantiles against the file itself by a count of our own, that those of
fresh variants are uniform, and what is refused."""
import bisect
import collections
import gzip
import os
import random
import re
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "support"))
import tools
from tools import check, read, run, write

LENGTH = 120_000
MODEL = ["-m", "m.safetensors", "-f", "g.fa", "--no-version", "--span", "20"]
COMPLEMENT = str.maketrans("ACGT", "TGCA")


def background(path, *args, code=0):
    return run("regsnp", "background", *MODEL, "-o", path, *args, code=code)


def table(path):
    text = (gzip.open if path.endswith(".gz") else open)(path, "rt").read()
    lines = [line.split("\t") for line in text.splitlines() if not line.startswith("##")]
    return lines[0], [(kind, near, [float(value) for value in values]) for kind, near, *values in lines[1:]]


def kind_of(bases, position, ref, alt):
    """Of a record (0-based position)."""
    while ref and alt and ref[-1] == alt[-1]:
        ref, alt = ref[:-1], alt[:-1]
    while ref and alt and ref[0] == alt[0]:
        ref, alt, position = ref[1:], alt[1:], position + 1
    if len(ref) != len(alt):
        size, names = abs(len(ref) - len(alt)), ("1", "2", "3-4", "5-8", "9-16", "17+")
        name = names[next((i for i, most in enumerate((1, 2, 4, 8, 16)) if size <= most), 5)]
        return ("ins:" if len(alt) > len(ref) else "del:") + name
    if len(ref) > 1:
        return "mnv"
    three = bases[position - 1 : position + 2]
    if ref in "AG":
        three, ref, alt = three[::-1].translate(COMPLEMENT), ref.translate(COMPLEMENT), alt.translate(COMPLEMENT)
    return f"{three[0]}[{ref}>{alt}]{three[2]}"


def bin_of(distance):
    return 5 if distance == "." else bisect.bisect_left((0, 100, 500, 2000), int(distance))


def test_distances(bases):
    """Of substitutions, those to the sites that regcall calls, as far as is compared."""
    rng, span = random.Random(9), 700
    places = sorted(rng.sample(range(1000, LENGTH - 1000), 400))
    rows = "".join(f"c\t{at + 1}\t.\t{bases[at]}\t{'ACGT'['ACGT'.index(bases[at]) - 1]}\t.\t.\t.\n" for at in places)
    write("places.vcf", f"##fileformat=VCFv4.2\n##contig=<ID=c,length={LENGTH}>\n#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\n" + rows)
    seen = collections.Counter()
    for marker in ("CTCF.K562", "open.K562"):
        rare = [*MODEL[:-1], span, "-k", marker]
        run("regsnp", "background", *rare, "-o", "places.tsv", "--from", "places.vcf")
        run("regcall", "--no-version", "-m", "m.safetensors", "-f", "g.fa", "-k", marker, "-O", "bed", "-o", "sites.bed")
        sites = [tuple(map(int, line.split("\t")[1:3])) for line in open("sites.bed") if not line.startswith("#")]
        for at, (_, distance, _) in zip(places, table("places.tsv")[1], strict=True):
            near = [max(0, begin - at, at - end + 1) for begin, end in sites if begin <= at + span and end > at - span]
            check(distance == (str(min(near)) if near else "."), f"{marker} {at}: {distance}, not {sorted(near)[:3]}")
            seen[bin_of(distance)] += 1
    check(len(seen) >= 3, seen)


def test_drawn():
    background("b.tsv", "-n", 20000, "--seed", 5)
    header, rows = table("b.tsv")
    check(header == ["#kind", "site_distance", "max", "TFBS", "DNase"], header)
    check(len(rows) == 20000, len(rows))
    kinds = collections.Counter(re.sub(":.*", "", kind) if ":" in kind else "snv" for kind, _, _ in rows)
    check(abs(kinds["snv"] - 16000) < 300 and abs(kinds["ins"] - 2000) < 250 and abs(kinds["del"] - 2000) < 250, kinds)
    lengths = collections.Counter(kind for kind, _, _ in rows if kind.startswith("ins:"))
    for name, share in (("ins:1", 8), ("ins:2", 4), ("ins:3-4", 2), ("ins:5-8", 1), ("ins:9-16", 1)):
        check(abs(lengths[name] - kinds["ins"] * share / 16) < 5 * (kinds["ins"] * share / 16) ** 0.5, lengths)
    check(len({kind for kind, _, _ in rows if "[" in kind}) == 96, "not all trinucleotides")
    check({bin_of(distance) for _, distance, _ in rows} >= {0, 1, 5}, collections.Counter(distance for _, distance, _ in rows))
    check(all(max(values[1:]) == values[0] for _, _, values in rows), "the largest is not that of a class")
    background("again.tsv.gz", "-n", 20000, "--seed", 5, "-@", 1)
    check(gzip.open("again.tsv.gz").read() == read("b.tsv"), "the same seed, another file")
    return rows


def test_uniform(rows):
    background("fresh.tsv", "-n", 5000, "--seed", 6)
    _, fresh = table("fresh.tsv")
    largest = 0
    for column in range(3):
        known = sorted((values[column] for _, _, values in rows), reverse=True)
        for share in (0.01, 0.02, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95):
            cutoff = known[int(share * len(known))]
            got = sum(values[column] > cutoff for _, _, values in fresh) / len(fresh)
            largest = max(largest, abs(got - share))
    check(largest <= 0.02, f"quantiles of fresh variants are off by {largest}")
    print(f"quantiles of fresh variants are uniform within {largest:.4f}")


def test_annotated(rows, bases):
    rng = random.Random(4)
    records = []
    for at in sorted(rng.sample(range(500, LENGTH - 500), 400)):
        ref = bases[at : at + rng.choice((1, 1, 1, 1, 2, 4, 9))]
        alt = rng.choice("ACGT") if rng.random() < 0.6 else ref[0] + "".join(rng.choices("ACGT", k=rng.choice((1, 2, 3, 6, 20))))
        if alt != ref:
            records.append((at, ref, alt))
    head = f"##fileformat=VCFv4.2\n##contig=<ID=c,length={LENGTH}>\n#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\n"
    write("in.vcf", head + "".join(f"c\t{at + 1}\t.\t{ref}\t{alt}\t.\t.\t.\n" for at, ref, alt in records))
    background("mine.tsv", "--from", "in.vcf")
    _, mine = table("mine.tsv")
    check([kind for kind, _, _ in mine] == [kind_of(bases, *record) for record in records], "kinds")
    out = run("regsnp", *MODEL, "--background", "b.tsv", "in.vcf").stdout
    got = [dict(field.split("=") for field in line.split("\t")[7].split(";")) for line in out.splitlines() if line[0] != "#"]
    kind_type = lambda kind: kind[:3] if kind[:4] in ("ins:", "del:") else "mnv" if kind == "mnv" else "snv"
    groups = collections.defaultdict(list)
    for kind, distance, values in rows:
        near = bin_of(distance)
        for key in ((kind, near), (kind_type(kind), near), kind_type(kind), "all"):
            groups[key].append(values[0])
        for column in (1, 2):
            groups[column].append(values[column])
    for values in groups.values():
        values.sort()
    share = lambda key, value: (len(groups[key]) - bisect.bisect_left(groups[key], value) + 1) / (len(groups[key]) + 1)
    used = set()
    for (kind, distance, values), info in zip(mine, got, strict=True):
        near = bin_of(distance)
        check(abs(float(info["REG_MAX"]) - values[0]) <= 1e-5 * values[0], "REG_MAX")
        keys = ((kind, near), (kind_type(kind), near), kind_type(kind), "all")
        matched = next(key for key in keys if len(groups[key]) >= 200)
        used.add(keys.index(matched))
        expected = {"REG_Q": share("all", values[0]), "REG_QM": share(matched, values[0]), "REG_Q_TFBS": share(1, values[1]),
                    "REG_Q_DNase": share(2, values[2])}
        for name, value in expected.items():
            check(abs(float(info[name]) - value) <= 1e-5 * value, (name, info, expected))
    check(used == {0, 1, 3}, f"groups compared with: {used}")


def test_refused():
    for code, word, args in ((4, "compared=", ["--span", 41]), (4, "phases=", ["--phases", "all"]), (4, "markers=", ["-k", "CTCF.K562"]),
                             (4, "model=", ["-m", "other.safetensors"]), (3, "not a background", ["--background", "in.vcf"]),
                             (3, "damaged", ["--background", "damaged.tsv"]), (3, "of an earlier version", ["--background", "old.tsv"]), (1, "nowhere", ["--background", "nowhere.tsv"])):
        chosen = list(MODEL)
        if args[0] in ("-m", "--span"):
            chosen[chosen.index(args[0]) + 1] = args[1]
            args = []
        extra = ["--background", "b.tsv"] if "--background" not in args else []
        done = run("regsnp", *chosen, *extra, *args, "-o", "no.vcf", "in.vcf", code=code)
        check(word in done.stderr.splitlines()[-1] and not os.path.exists("no.vcf"), done.stderr)
    for code, word, args in ((2, "--from", ["--from", "in.vcf", "-n", 5]), (3, "not so many", ["-n", 400000]), (3, "VCF", ["--from", "g.fa"])):
        done = background("no.tsv", *args, code=code)
        check(word in done.stderr.splitlines()[-1] and not os.path.exists("no.tsv"), done.stderr)
    check("20,000" in background("few.tsv", "-n", 10).stderr, "few variants, and nothing said")


def main():
    with tempfile.TemporaryDirectory(prefix="regsnp_background_") as work:
        os.chdir(work)
        bases = "".join(random.Random(1).choices("ACGT", k=LENGTH))
        write("g.fa", ">c\n" + "\n".join(bases[i : i + 80] for i in range(0, LENGTH, 80)) + "\n")
        for scale, name in ((1.7, "m"), (2, "other")):
            run("random_model", f"{name}.safetensors", os.path.join(HERE, "data", "tiny.json"), scale, f"c:{LENGTH}", "CTCF.K562=TFBS", "open.K562=DNase")
        rows = test_drawn()
        write("damaged.tsv", read("b.tsv").decode()[:-20])
        write("old.tsv", read("b.tsv").decode().replace("regsnpBackground=2", "regsnpBackground=1"))
        test_uniform(rows)
        test_annotated(rows, bases)
        test_distances(bases)
        test_refused()
    assert tools.checks > 1850, tools.checks
    print(f"{tools.checks} checks")


if __name__ == "__main__":
    sys.exit(main())
