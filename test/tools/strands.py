#!/usr/bin/env python3
"""--rc-average is the mean of both strands: of regcall it is held against runs over the genome and over its reverse complement, and
regeval's average precision and regsnp's scores against what is computed here of these."""
import math
import os
import pathlib
import subprocess
import sys
import tempfile

SOURCE = pathlib.Path(os.environ.get("REGKIT_SOURCE", pathlib.Path(__file__).resolve().parents[2]))
BIN = pathlib.Path(os.environ.get("REGKIT_BIN", SOURCE / "build" / "bin"))
TOLERANCE = 2e-7  # of values with 7 decimals
failures = []


def check(good, what):
    if not good:
        failures.append(what)
        print("FAILED:", what)


def run(*words):
    environment = dict(os.environ, PATH=f"{BIN}:{os.environ['PATH']}", LC_ALL="C", TEST_TOOLS=str(SOURCE / "test" / "tools"))
    done = subprocess.run([str(word) for word in words], capture_output=True, text=True, env=environment)
    if done.returncode != 0:
        sys.exit(f"{words}: {done.returncode}\n{done.stderr}")
    return done.stdout


def read_fasta(path):
    records = {}
    for line in open(path):
        if line.startswith(">"):
            name = line[1:].split()[0]
            records[name] = ""
        else:
            records[name] += line.strip()
    return records


def write_fasta(path, records):
    path.write_text("".join(f">{name}\n{bases}\n" for name, bases in records.items()))


def reverse_complement(bases):
    return bases[::-1].translate(str.maketrans("ACGTacgt", "TGCAtgca"))


def values_of(fasta, contig, length, *options):
    """Of every base; None where there is none."""
    table = run("regcall", "-m", "model.safetensors", "-f", fasta, "-r", contig, "-k", "open.K562", "-O", "bedgraph", "--round", "7",
                "--no-version", *options)
    values = [None] * length
    for line in table.splitlines():
        _, begin, end, value = line.split("\t")
        values[int(begin):int(end)] = [float(value)] * (int(end) - int(begin))
    return values


def both_strands(contig, length, *options):
    """The mean of runs over either strand; the contig is as long as whole windows, so that both are cut alike."""
    there = values_of("ref.fa", contig, length, *options)
    back = values_of("reversed.fa", contig, length, *options)[::-1]
    return [None if a is None else (a + b) / 2 for a, b in zip(there, back)], there


def largest_difference(a, b):
    check([x is None for x in a] == [x is None for x in b], "a value at other bases")
    return max(abs(x - y) for x, y in zip(a, b) if x is not None)


def average_precision(scored):
    """scikit-learn's: the sum over distinct scores of precision times what recall grows by."""
    scored.sort(key=lambda pair: -pair[0])
    positives = sum(label for _, label in scored)
    total, hits, before = 0.0, 0, 0
    for at, (score, label) in enumerate(scored):
        hits += label
        if at + 1 == len(scored) or scored[at + 1][0] != score:
            total += hits / (at + 1) * (hits - before) / positives
            before = hits
    return total


def main():
    with tempfile.TemporaryDirectory(prefix="regkit_strands_") as work:
        os.chdir(work)
        run(SOURCE / "test" / "tools" / "fixture.sh")
        genome = read_fasta("ref.fa")
        write_fasta(pathlib.Path("reversed.fa"), {name: reverse_complement(bases) for name, bases in genome.items()})
        length = len(genome["chr2"])

        for options in ((), ("--window-mode", "paper")):
            mean, there = both_strands("chr2", length, *options)
            made = values_of("ref.fa", "chr2", length, "--rc-average", *options)
            check(largest_difference(made, mean) <= TOLERANCE, f"regcall --rc-average {options} is no mean of both strands")
            check(largest_difference(made, there) > 1e-3, f"both strands are alike {options}")

        labels = [0] * length
        for line in open("b.bed"):
            contig, begin, end = line.split()[:3]
            if contig == "chr2":
                labels[int(begin):int(end)] = [1] * (int(end) - int(begin))
        windows = [line.split("\t") for line in run("zcat", "small.regds/windows.bed.gz").splitlines() if not line.startswith("#")]
        tested = [x for row in windows if row[3] == "test" for x in range(int(row[1]), int(row[2]))]
        check(len(tested) == 25000, f"{len(tested)} positions are tested")
        for mode in ("paper", "tiled"):
            mean, there = both_strands("chr2", length, "--window-mode", mode)
            for values, options in ((there, ()), (mean, ("--rc-average",))):
                expected = average_precision([(values[x], labels[x]) for x in tested])
                rows = [line.split("\t") for line in run("regeval", "-m", "model.safetensors", "-d", "small.regds", "-k", "open.K562",
                                                         "--window-mode", mode, "--bootstrap", "0", *options).splitlines()]
                got = float(dict(zip(rows[0], rows[1]))["average_precision"])
                check(abs(got - expected) <= 2e-4 * expected, f"regeval --window-mode {mode} {options}: {got}, not {expected}")

        # A variant's score is the largest change of the mean, at a base; substitutions shift nothing.
        place, span = 20000, 100
        ref = genome["chr1"].upper()
        alt = ref[:place - 1] + ("G" if ref[place - 1] == "A" else "A") + ref[place:]
        changed = {"chr1": alt, "chr2": genome["chr2"]}
        write_fasta(pathlib.Path("alt.fa"), changed)
        write_fasta(pathlib.Path("alt_reversed.fa"), {name: reverse_complement(bases) for name, bases in changed.items()})
        near = range(place - 1 - span, place + span)
        mean = {}
        for name, strands in {"ref": ("ref.fa", "reversed.fa"), "alt": ("alt.fa", "alt_reversed.fa")}.items():
            there, back = values_of(strands[0], "chr1", len(ref)), values_of(strands[1], "chr1", len(ref))[::-1]
            mean[name] = [(there[x] + back[x]) / 2 for x in near]
        logit = [{name: math.log(p / (1 - p)) for name, p in (("ref", r), ("alt", a))} for r, a in zip(mean["ref"], mean["alt"])]
        most = max(range(len(near)), key=lambda x: abs(logit[x]["alt"] - logit[x]["ref"]))
        expected = logit[most]["alt"] - logit[most]["ref"]
        record = next(line for line in run("regsnp", "-m", "model.safetensors", "-f", "ref.fa", "-k", "open.K562", "--rc-average", "--span",
                                           span, "in.vcf").splitlines() if "\tsnv\t" in line)
        info = dict(field.split("=") for field in record.split("\t")[7].split(";") if "=" in field)
        got = float(info["REG_DELTA"])
        p = mean["ref"][most]
        check(abs(got - expected) <= 3 * TOLERANCE / (p * (1 - p)) + 1e-5 * abs(expected), f"regsnp --rc-average: {got}, not {expected}")
        check(int(info["REG_POS"]) == near[most] - (place - 1), f"the largest change lies at {info['REG_POS']}, not {near[most] - place + 1}")
        for key, name in (("REG_REF", "ref"), ("REG_ALT", "alt")):
            check(abs(float(info[key]) - mean[name][most]) <= 3 * TOLERANCE + 1e-5 * mean[name][most], f"{key} is {info[key]}, not {mean[name][most]}")
    print("both strands:", "failed" if failures else "as expected")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
