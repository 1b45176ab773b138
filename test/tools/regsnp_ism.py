#!/usr/bin/env python3
"""regsnp ism and random: their records are those of annotate, to the byte, for every kind of model; tables, arrays and tracks say the same as the
records; deletions, regions that overlap, N, ends of contigs, indexes, what is drawn, and what is refused."""
import itertools
import os
import subprocess
import sys
import tempfile
import zipfile

HERE = os.path.dirname(os.path.abspath(__file__))
python = os.environ.get("REGKIT_PYTHON", "/usr/bin/python3")
if os.path.realpath(python) != os.path.realpath(sys.executable):
    os.execv(python, [python] + sys.argv)
try:
    import numpy as np
    import pyBigWig
except ImportError as missing:
    print(f"SKIPPED: {missing}; needs python3-numpy and python3-pybigwig")
    sys.exit(77)

sys.path.insert(0, os.path.join(HERE, "..", "support"))
import tools
from tools import check, read, run, write

BIN_MODEL = """{"name": "w", "task": "bin", "window": 1000, "layers": [{"name": "one", "type": "one_hot"},
 {"name": "conv", "type": "conv", "filters": 8, "width": 8, "padding": "valid", "relu": true},
 {"name": "pool", "type": "pool", "width": 4, "stride": 4, "padding": "valid"},
 {"name": "hidden", "type": "dense", "filters": 16, "flatten": true, "relu": true}, {"name": "head", "type": "dense"}]}"""
LSTM = """{"name": "l", "task": "bin", "window": 1600, "layers": [{"name": "e", "type": "embedding", "filters": 4},
 {"name": "conv", "type": "conv", "filters": 8, "width": 20, "stride": 20, "relu": true},
 {"name": "lstm", "type": "lstm", "filters": 6, "bidirectional": true}, {"name": "head", "type": "dense"}]}"""
COVERAGE = """{"name": "p", "task": "coverage", "window": 2400, "layers": [{"name": "e", "type": "embedding", "filters": 4},
 {"name": "conv", "type": "conv", "filters": 8, "width": 20, "stride": 20, "relu": true}, {"name": "head", "type": "dense"}]}"""
MARKERS = ["CTCF.K562", "open.K562"]


def genome():
    sequences = {}
    for line in open("ref.fa"):
        if line.startswith(">"):
            name = line[1:].split()[0]
            sequences[name] = []
        else:
            sequences[name].append(line.strip().upper())
    return {name: "".join(lines) for name, lines in sequences.items()}


def ism(*args, model="model.safetensors", code=0):
    return run("regsnp", "ism", "-m", model, "-f", "ref.fa", "--no-version", *args, code=code)


def rows(text):
    return [line.split("\t") for line in text.splitlines() if not line.startswith("#")]


def test_as_annotate(bases):
    """Of each model: the records, and the table against annotate's matrix."""
    for name, spec in {"bins": BIN_MODEL, "lstm": LSTM, "coverage": COVERAGE}.items():
        write(f"{name}.json", spec)
        run("random_model", f"{name}.safetensors", f"{name}.json", 2, "chr1:60000", "CTCF.K562=TFBS", "open.K562=DNase")
    plans = [("model", ["--span", 0]), ("model", ["--span", 30, "--deletions", 3]), ("model", ["--span", 7, "--rc-average"]),
             ("model", ["--span", 5, "--phases", "all", "--deletions", 1]), ("bins", ["--span", 0, "--deletions", 2]),
             ("lstm", ["--span", 25, "--deletions", 2]), ("coverage", ["--span", 0]), ("coverage", ["--span", 40])]
    for model, options in plans:
        model = f"{model}.safetensors"
        ism("-r", "chr2:11990-13005,chr1:1-6" if options == ["--span", 0] else "chr1:2-30", *options, "-o", "made.vcf", "-o", "made.tsv", model=model)
        made = rows(open("made.vcf").read())
        check(len(made) > 60, f"{model} {options}: {len(made)} records")
        for chrom, pos, _, ref, alt, *_ in made:
            there = bases[chrom][int(pos) - 1:int(pos) - 1 + len(ref)]
            check(there == ref and "N" not in ref + alt, f"{chrom}:{pos} {ref}>{alt}: the reference has {there}")
        check(made == sorted(made, key=lambda row: (row[0], int(row[1]))), "order of records")
        with open("given.vcf", "w") as file:
            file.write("".join(line for line in open("made.vcf") if line.startswith("##fileformat") or line.startswith("##contig")))
            file.write("#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\n")
            file.writelines("\t".join(row[:7] + ["."]) + "\n" for row in made)
        asked = options
        if "--deletions" in options:
            asked = options[:options.index("--deletions")] + options[options.index("--deletions") + 2:]
        run("regsnp", "-m", model, "-f", "ref.fa", "--no-version", *asked, "--matrix", "given.tsv.gz", "-o", "annotated.vcf", "given.vcf")
        annotated = rows(open("annotated.vcf").read())
        check(annotated == made, next((f"{model} {options}: {a} of ism, {b} of annotate" for a, b in zip(made, annotated) if a != b), ""))
        check(all("REG_MAX=" in row[7] for row in made), f"{model} {options}: a record without a score")
        wide = rows(subprocess.run(["zcat", "given.tsv.gz"], capture_output=True, text=True, check=True).stdout)
        long = [[row[0], row[1], row[3], row[4], marker, value] for row in wide for marker, value in zip(MARKERS, row[5:])]
        check(rows(open("made.tsv").read()) == long, f"{model} {options}: the table is not annotate's matrix")


def test_deletions(bases):
    """At the site: the larger of the changes beside the deletion, which --span 1 compares, too."""
    ism("-r", "chr1:1-12,chr2:12995-13006", "--deletions", 2, "-o", "site.tsv", "-o", "site.matrix.tsv")
    ism("-r", "chr1:1-12,chr2:12995-13006", "--deletions", 2, "--span", 1, "-o", "near.tsv")
    site, near = (rows(open(name).read()) for name in ("site.tsv", "near.tsv"))
    check([row[:5] for row in site] == [row[:5] for row in near], "alleles depend on --span")
    deleted = [row for row in site if len(row[2]) > 1]
    check(deleted == [row for row in near if len(row[2]) > 1] and len(deleted) > 40, "deletions at the site")
    check(site != near, "--span 1 changes nothing")
    starts = {(row[0], int(row[1]), row[2], row[3]) for row in site}
    one = bases["chr1"]
    check({("chr1", 1, one[:2], one[1]), ("chr1", 1, one[:3], one[2]), ("chr1", 1, one[:2], one[0])} <= starts, "at a contig's start")
    check(not any(row[0] == "chr2" and int(row[1]) < 13001 for row in site), "something of N")
    matrix = rows(open("site.matrix.tsv").read())
    check(len(matrix) == 24 * len(MARKERS), f"{len(matrix)} rows")
    values = {(row[0], int(row[1]), row[2], row[3], row[4]): row[5] for row in site}
    for chrom, pos, ref, marker, *columns in matrix:
        pos, expected = int(pos), []
        check(ref == bases[chrom][pos - 1], f"{chrom}:{pos}: {ref}")
        for base in "ACGT":
            expected.append("." if ref == "N" else "0" if base == ref else values[chrom, pos, ref, base, marker])
        for length in (1, 2):
            begin = max(1, pos - 1)
            text = bases[chrom][begin - 1:pos - 1 + length + (pos == 1)]
            expected.append(values.get((chrom, begin, text, text[-1] if pos == 1 else text[0], marker), "."))
        check(columns == expected, f"{chrom}:{pos} {marker}: {columns}, not {expected}")


def test_arrays(bases):
    """Regions overlap, are not sorted, stick out at a contig's end, and hold N."""
    regions = [("chr1", 500, 540), ("chr2", 11985, 12003), ("chr1", 520, 530), ("chr1", 2, 6), ("chr2", 29990, 30000)]
    write("r.bed", "".join(f"{c}\t{b}\t{e}\n" for c, b, e in regions))
    ism("-R", "r.bed", "--width", 30, "-o", "a.{marker}.npz", "-o", "a.tsv", "-o", "{marker}.bw", "-o", "{marker}.bedgraph.gz", "--modisco")
    changes = {(row[0], int(row[1]) - 1, row[3], row[4]): float(row[5]) for row in rows(open("a.tsv").read())}
    places = {(c, p) for c, p, _, _ in changes}
    check(len(changes) == len(places) * 3 * len(MARKERS), "a base twice")
    windows = [(c, b + (e - b) // 2 - 15) for c, b, e in regions]
    for marker in MARKERS:
        check(zipfile.ZipFile(f"a.{marker}.npz").testzip() is None, "a damaged file")
        arrays = np.load(f"a.{marker}.npz")
        check(sorted(arrays) == ["contributions", "projected", "sequences"], sorted(arrays))
        changed = 0
        sequences, contributions, projected = (arrays[key] for key in ("sequences", "contributions", "projected"))
        check(sequences.dtype == np.int8 and contributions.dtype == projected.dtype == np.float32, "types")
        check(sequences.shape == contributions.shape == (5, 4, 30) and projected.shape == (5, 30), "shapes")
        for example, (chrom, begin) in enumerate(windows):
            for x in range(30):
                at = begin + x
                base = bases[chrom][at] if 0 <= at < len(bases[chrom]) else "N"
                one_hot = [int(base == b) for b in "ACGT"]
                check(sequences[example, :, x].tolist() == one_hot, f"{chrom}:{at + 1}: {sequences[example, :, x]}, not {base}")
                values = np.array([changes.get((chrom, at, b, marker), 0) for b in "ACGT"])
                if base == "N":
                    check(not contributions[example, :, x].any() and projected[example, x] == 0, "a contribution of N")
                    continue
                expected = values - values.mean()
                changed += bool(values.any())
                check(np.abs(contributions[example, :, x] - expected).max() <= 2e-5 * np.abs(values).max(),
                      f"{chrom}:{at + 1} {marker}: {contributions[example, :, x]}, not {expected}")
                check(projected[example, x] == contributions[example, "ACGT".index(base), x], "what is projected")
        check(changed > 60, f"{marker} changes at {changed} bases")
        for name, array in (("ohe", sequences), ("shap", contributions)):
            other = np.load(f"a.{marker}.{name}.npz")
            check(list(other) == ["arr_0"] and np.array_equal(other["arr_0"], array) and other["arr_0"].dtype == array.dtype, f"{name}.npz")
        with pyBigWig.open(f"{marker}.bw") as track:
            check({(c, p) for c in track.chroms() for b, e, _ in track.intervals(c) for p in range(b, e)} == places, "bases of the track")
            for chrom, at in places:
                expected = max(abs(changes[chrom, at, b, marker]) for b in "ACGT" if b != bases[chrom][at])
                got = track.values(chrom, at, at + 1)[0]
                check(abs(got - expected) <= 1e-6 + 1e-5 * expected, f"{marker} {chrom}:{at + 1}: {got}, not {expected}")
    check(len(rows(subprocess.run(["zcat", f"{MARKERS[0]}.bedgraph.gz"], capture_output=True, text=True, check=True).stdout)) > 50, "bedGraph")


def test_files():
    """Bytes do not depend on threads, company or where regions come from; indexes find a base."""
    made = {}
    for threads, regions in itertools.product((1, 2), (["-r", "chr1:101-150"], ["-r", "chr1:101-120,chr1:115-150"], ["-R", "x.bed"])):
        write("x.bed", "chr1\t120\t150\nchr1\t100\t121\n")
        ism("-@", threads, *regions, "-o", "x.vcf", "-o", "x.tsv")
        made.setdefault("bytes", set()).add(read("x.vcf") + read("x.tsv"))
    check(len(made["bytes"]) == 1, "bytes depend on threads or regions")
    for extra in (["-r", "chr1:110-112"],):
        ism(*extra, "-o", "part.tsv")
        check(set(rows(open("part.tsv").read())[0]) and all(row in rows(open("x.tsv").read()) for row in rows(open("part.tsv").read())), "company")
    ism("-r", "chr1:101-150", "-o", "i.vcf.gz", "-o", "i.bcf", "-o", "i.tsv.gz", "-o", "i.matrix.tsv.gz", "--write-index")
    for name, command in (("i.vcf.gz", "bcftools view -H -r chr1:120 {}"), ("i.bcf", "bcftools view -H -r chr1:120 {}"),
                          ("i.tsv.gz", "tabix {} chr1:120-120"), ("i.matrix.tsv.gz", "tabix {} chr1:120-120")):
        found = rows(subprocess.run(command.format(name).split(), capture_output=True, text=True, check=True).stdout)
        check(found and all(row[1] == "120" for row in found), f"{name}: {found}")
    full = run("regsnp", "ism", "-m", "model.safetensors", "-f", "ref.fa", "-r", "chr1:5-5", "-O", "matrix").stdout
    check(full.startswith("##regsnpVersion=") and "\n##regsnpCommand=regsnp ism " in full, full[:200])
    piped = subprocess.run([os.path.join(tools.BIN, "regsnp"), *"ism -m model.safetensors -f ref.fa --no-version -R - -O vcf".split()],
                           input="chr1\t100\t150\n", capture_output=True, text=True, check=True).stdout
    check(piped == open("x.vcf").read(), "BED on standard input")


def test_random(bases):
    """What is drawn is of the reference, scored as annotate does, the same for a seed, and drawn from all alike."""
    def draw(*args, seed=1, code=0):
        return run("regsnp", "random", "-m", "model.safetensors", "-f", "ref.fa", "--no-version", "--seed", seed, *args, code=code)

    where = ["-r", "chr1:1001-1400,chr2:12901-13100"]
    text = draw(*where, "-n", 60).stdout
    drawn = rows(text)
    check(drawn == sorted(drawn, key=lambda row: (row[0], int(row[1]), row[4])) and len({tuple(row[:5]) for row in drawn}) == 60, "order, or a variant twice")
    for chrom, pos, _, ref, alt, *_ in drawn:
        inside = chrom == "chr1" and 1001 <= int(pos) <= 1400 or chrom == "chr2" and 13001 <= int(pos) <= 13100
        check(inside and ref == bases[chrom][int(pos) - 1] and alt in "ACGT" and alt != ref, f"{chrom}:{pos} {ref}>{alt}")
    check(text == draw(*where, "-n", 60, "-@", 1).stdout and rows(text) != rows(draw(*where, "-n", 60, seed=2).stdout), "the seed")
    write("drawn.vcf", "".join(line + "\n" for line in text.splitlines() if line.startswith(("##fileformat", "##contig", "#CHROM"))) +
          "".join("\t".join(row[:7] + ["."]) + "\n" for row in drawn))
    given = rows(run("regsnp", "-m", "model.safetensors", "-f", "ref.fa", "--no-version", "drawn.vcf").stdout)
    check(given == drawn, "annotate scores the same variants otherwise")
    # All there are, which are ism's; a third of them is spread evenly over bases and alternatives.
    everything = rows(draw("-r", "chr1:1001-1400", "-n", 1200, "--span", 0).stdout)
    check(everything == rows(ism("-r", "chr1:1001-1400", "-O", "vcf").stdout), "all substitutions")
    part = [row[:5] for row in rows(draw("-r", "chr1:1001-1400", "-n", 400, "-o", "part.vcf.gz", "--write-index").stdout or
                                    subprocess.run(["bcftools", "view", "-H", "part.vcf.gz"], capture_output=True, text=True, check=True).stdout)]
    check(len(part) == 400, f"{len(part)} drawn")
    for name, key in (("quarter", lambda row: (int(row[1]) - 1001) // 100), ("alternative", lambda row: sorted(set("ACGT") - {row[3]}).index(row[4]))):
        counts = np.unique([key(row) for row in part], return_counts=True)[1]
        check(((counts - counts.mean()) ** 2 / counts.mean()).sum() < 14, f"{name}: {counts}")  # of 3 degrees of freedom: 0.3 % without looking
    check("there are no 1201 to draw" in draw("-r", "chr1:1001-1400", "-n", 1201, code=3).stderr, "too many")
    check("bases that are not N" in draw("-r", "chr2:12101-12200", "-n", 1, code=3).stderr, "of N alone")


def test_target(bases):
    """Around the mutation a target is a span; elsewhere it is what regcall tells of the changed sequence; and the larger of two
    halves' changes is that of the whole."""
    def changes(target, region, *args, model="model.safetensors"):
        text = ism("-r", region, "--target", target, *args, model=model).stdout
        return {tuple(row[:5]): row[5] for row in rows(text)}

    def of_span(region, span, *args, model="model.safetensors"):
        return {tuple(row[:5]): row[5] for row in rows(ism("-r", region, "--span", span, *args, model=model).stdout)}

    for model, span, args in (("model", 40, []), ("model", 7, ["--rc-average"]), ("model", 20, ["--phases", "all"]), ("coverage", 30, []), ("lstm", 25, []),
                              ("bins", 0, [])):
        model = f"{model}.safetensors"
        got = changes(f"chr1:{3000 - span}-{3000 + span}", "chr1:3000-3000", *args, model=model)
        check(got == of_span("chr1:3000-3000", span, *args, model=model) and len(got) == 6, f"{model} {args}: {got}")
    # Deletions of two bases: what remains on both sides.
    for model in ("model.safetensors", "coverage.safetensors"):
        two = {key: value for key, value in changes("chr1:2960-3041", "chr1:3000-3001", "--deletions", 2, model=model).items() if len(key[2]) == 3}
        near = {key: value for key, value in of_span("chr1:3000-3001", 40, "--deletions", 2, model=model).items() if len(key[2]) == 3}
        check(two == near and len(two) == 2, f"{model}: {two}, not {near}")
    halves = [changes(target, "chr1:2990-3010", "--deletions", 2) for target in ("chr1:2960-2999", "chr1:3000-3050")]
    for key, value in changes("chr1:2960-3050", "chr1:2990-3010", "--deletions", 2).items():
        expected = max((half[key] for half in halves if half[key] != "."), key=lambda text: abs(float(text)))
        check(abs(float(value)) == abs(float(expected)), f"{key}: {value}, not {expected}")
    # The sequence itself is changed; 60 bases away, inside, and farther than the model sees.
    check("longer than the 1560 bases" in ism("-r", "chr1:3000", "--target", "chr1:2000-4000", model="lstm.safetensors", code=2).stderr, "LSTM")
    soft = "soft.safetensors"
    run("random_model", soft, os.path.join(HERE, "data", "tiny.json"), 1, "chr1:60000", "CTCF.K562=TFBS", "open.K562=DNase")
    one, target = bases["chr1"], (3999, 4060)
    far = changes("chr1:4000-4060", "chr1:3400-3400", "--deletions", 1, model=soft)
    check(set(far.values()) == {"0"} and len(far) == 8, f"changes of what is not seen: {far}")

    def logits(sequence, marker):
        write("changed.fa", f">chr1\n{sequence}\n")
        if os.path.exists("changed.fa.fai"):
            os.remove("changed.fa.fai")
        text = run("regcall", "-m", soft, "-f", "changed.fa", "-r", f"chr1:{target[0] + 1}-{target[1]}", "-k", marker, "--raw",
                   "--round", 7, "-O", "bedgraph").stdout
        p = np.array([float(row[3]) for row in rows(text) for _ in range(int(row[1]), int(row[2]))])
        check(len(p) == target[1] - target[0], f"{len(p)} values")
        return np.log(p / (1 - p)), 1e-7 / (p * (1 - p)).min()

    there = {marker: logits(one, marker) for marker in MARKERS}
    seen = 0
    for at in (3985, 4025, 4071):
        for (_, _, _, alt, marker), value in changes("chr1:4000-4060", f"chr1:{at + 1}-{at + 1}", model=soft).items():
            changed, error = logits(one[:at] + alt + one[at + 1:], marker)
            delta = changed - there[marker][0]
            seen += bool(float(value))
            check(abs(abs(float(value)) - np.abs(delta).max()) <= 2 * error + 1e-4 * np.abs(delta).max() + 2e-6,
                  f"{at + 1} {alt} {marker}: {value}, not {delta[np.abs(delta).argmax()]}")
    check(seen > 12, f"only {seen} changes")


def test_refused():
    for code, word, args in ((2, "--region", []), (4, "chr9", ["-r", "chr9"]), (3, "behind the end", ["-r", "chr1:70000-70001"]),
                             (3, "all N", ["-r", "chr2:12101-12200"]), (2, "nope", ["-r", "chr1:5", "-k", "nope"]),
                             (2, "one marker", ["-r", "chr1:5-9", "-o", "no.npz"]), (2, "one marker", ["-r", "chr1:5-9", "-o", "no.bw"]),
                             (2, "--width", ["-r", "chr1:5-9,chr1:20-21", "-k", MARKERS[0], "-o", "no.npz"]),
                             (2, "-O goes with one", ["-r", "chr1:5-9", "-O", "tsv", "-o", "no.tsv", "-o", "no.vcf"]),
                             (2, "{marker}", ["-r", "chr1:5-9", "-o", "no.{marker}.vcf"]), (2, ".npz", ["-r", "chr1:5-9", "--modisco"]),
                             (2, "same file", ["-r", "chr1:5-9", "-o", "no.tsv", "-o", "./no.tsv"]), (2, "ref.fa", ["-r", "chr1:5-9", "-O", "tsv", "-o", "ref.fa"]),
                             (2, "--span", ["-r", "chr1:5-9", "--target", "chr1:50-60", "--span", 5]), (2, "one region", ["-r", "chr1:5-9", "--target", "chr1:50-60,chr1:80-90"]),
                             (2, "nothing on chr2", ["-r", "chr1:5-9,chr2:5", "--target", "chr1:50-60"]),
                             (2, "bgzip", ["-r", "chr1:5-9", "--write-index", "-o", "no.tsv"]), (3, "standard input", ["-R", "-"])):
        done = ism(*args, code=code) if args != ["-R", "-"] else subprocess.run(
            [os.path.join(tools.BIN, "regsnp"), *"ism -m model.safetensors -f ref.fa -R -".split()], input="", capture_output=True, text=True)
        check(done.returncode == code and word in done.stderr.splitlines()[-1], f"{args}: {done.returncode} {done.stderr}")
        check(not [name for name in os.listdir() if name.startswith("no.")], f"{args}: leaves a file")


def main():
    os.environ["TEST_TOOLS"] = HERE
    os.environ["PATH"] = os.path.abspath(tools.BIN) + ":" + os.environ["PATH"]
    with tempfile.TemporaryDirectory(prefix="regsnp_ism_") as work:
        os.chdir(work)
        subprocess.run([os.path.join(HERE, "fixture.sh")], check=True, capture_output=True)
        run("random_model", "model.safetensors", os.path.join(HERE, "data", "tiny.json"), 3, "chr1:60000", "CTCF.K562=TFBS", "open.K562=DNase")
        bases = genome()
        test_as_annotate(bases)
        test_deletions(bases)
        test_arrays(bases)
        test_files()
        test_random(bases)


        test_target(bases)
        test_refused()
    assert tools.checks > 1550, tools.checks
    print(f"{tools.checks} checks")


if __name__ == "__main__":
    sys.exit(main())
