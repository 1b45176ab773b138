#!/usr/bin/env python3
"""What a stride does to maps and to indels.

  phase.py DATA WORK [SITES [PLACES]]

Maps: 10 bases around the SITES (50) strongest CTCF summits of 8-26.3 Mb, cut out with what the model sees of them; the map of the
sequence that begins 1 to 9 bases later against that of the sequence itself, Pearson's correlation, with --phases own and all.
Indels: PLACES (100) of 8-26.3 Mb at least 10 kb from any peak of any marker: an insertion and a deletion of one base, and an SNV;
largest change of CTCF.GM12878's logit within 500 bases, with the rule on phase (--phases own and all), and without it: regcall on both
sequences, logits base by base, those behind the indel shifted back."""
import csv
import os
import sys

import numpy as np

import common

MARKER = "CTCF.GM12878"
FIELD = 12_000  # so far from an end a variant is computed by its cone
SPAN = 500
HALF = 5


def matrix(text):
    rows = [line.split("\t") for line in text.splitlines() if not line.startswith("#")]
    return {(row[0], int(row[1])): [float(v) for v in row[4:8]] for row in rows}


def maps(model, dna, summits, work):
    path = os.path.join(work, "shifted.fa")
    regions = os.path.join(work, "shifted.bed")
    with open(path, "w") as fasta, open(regions, "w") as bed:
        for i, summit in enumerate(summits):
            for shift in range(10):
                begin = summit - FIELD // 10 * 10 + shift
                print(f">s{i}.{shift}", dna[begin:summit + FIELD].tobytes().decode(), sep="\n", file=fasta)
                at = summit - begin
                print(f"s{i}.{shift}", at - HALF, at + HALF, sep="\t", file=bed)
    if os.path.exists(path + ".fai"):
        os.remove(path + ".fai")
    for phases in ("own", "all"):
        values = matrix(common.tool("regsnp", "ism", "-m", model, "-f", path, "-R", regions, "-k", MARKER, "--phases", phases, "-O", "matrix",
                                    "--no-version"))
        correlations = []
        for i, summit in enumerate(summits):
            rows = []
            for shift in range(10):
                at = FIELD // 10 * 10 - shift
                rows.append(np.ravel([values[f"s{i}.{shift}", p + 1] for p in range(at - HALF, at + HALF)]))
            correlations += [np.corrcoef(rows[0], row)[0, 1] for row in rows[1:]]
        low, middle, high = np.percentile(correlations, (0, 50, 100))
        print(f"| {phases} | {middle:.3f} | {low:.3f} |")


def neutral(data, count):
    """Places far from any peak."""
    with open(os.path.join(data, "markers.tsv")) as file:
        names = [row["name"] for row in csv.DictReader(file, delimiter="\t")]
    everywhere = common.merged(np.concatenate([common.peaks(data, name)[:, :2] for name in names]))
    rng = np.random.default_rng(1)
    drawn = rng.integers(8_000_000 + FIELD, 26_300_000 - FIELD, 200_000)
    return drawn[common.distance(everywhere, drawn) >= 10_000][:count]


def logits(model, path):
    """{record: logits} of regcall, without calibration."""
    found = {}
    for line in common.tool("regcall", "-m", model, "-k", MARKER, "--raw", "-O", "bedgraph", path).splitlines():
        if line.startswith(("#", "track")):
            continue
        contig, begin, end, value = line.split("\t")[:4]
        found.setdefault(contig, []).extend([float(value)] * (int(end) - int(begin)))
    result = {}
    for contig, values in found.items():
        p = np.clip(np.array(values), 1e-7, 1 - 1e-7)
        result[contig] = np.log(p / (1 - p))
    return result


def indels(model, dna, places, work):
    alleles = []  # (place, name, REF, ALT, POS)
    for p in places:
        base, after = chr(dna[p]), chr(dna[p + 1])
        other = "ACGT"["ACGT".index(base) - 1]
        alleles += [(p, "SNV", base, other), (p, "insertion", base, base + other), (p, "deletion", base + after, base)]
    vcf = os.path.join(work, "neutral.vcf")
    with open(vcf, "w") as file:
        file.write("##fileformat=VCFv4.2\n##contig=<ID=chr20,length=63025520>\n#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\n")
        for p, name, ref, alt in sorted(alleles, key=lambda a: (a[0], a[1])):
            file.write(f"chr20\t{p + 1}\t{name}\t{ref}\t{alt}\t.\t.\t.\n")
    by_rule = {}
    for phases in ("own", "all"):
        out = common.tool("regsnp", "annotate", "-m", model, "-f", os.path.join(work, "chr20.fa"), "-k", MARKER, "--span", SPAN,
                          "--phases", phases, "-O", "vcf", vcf)
        for line in out.splitlines():
            if line.startswith("#"):
                continue
            row = line.split("\t")
            fields = dict(item.partition("=")[::2] for item in row[7].split(";"))
            by_rule.setdefault((row[2], phases), []).append(abs(float(fields["REG_MAX"])))
    fasta = os.path.join(work, "neutral.fa")
    with open(fasta, "w") as file:
        for i, (p, name, ref, alt) in enumerate(alleles):
            begin = p // 10 * 10 - FIELD // 10 * 10
            left, right = dna[begin:p].tobytes().decode(), dna[p + len(ref):p + FIELD].tobytes().decode()
            print(f">r{i}", left + ref + right, f">a{i}", left + alt + right, sep="\n", file=file)
    plain = {"SNV": [], "insertion": [], "deletion": []}
    values = logits(model, fasta)
    for i, (p, name, ref, alt) in enumerate(alleles):
        at = p - (p // 10 * 10 - FIELD // 10 * 10)
        before, after = values[f"r{i}"], values[f"a{i}"]
        left = np.abs(after[at - SPAN:at + 1] - before[at - SPAN:at + 1]).max()
        r, a = before[at + len(ref):at + len(ref) + SPAN], after[at + len(alt):at + len(alt) + SPAN]
        plain[name].append(max(left, np.abs(a - r).max()))
    for name, values in plain.items():
        own, every, none = np.median(by_rule[name, "own"]), np.median(by_rule[name, "all"]), np.median(values)
        print(f"| {name} | {none:.3f} | {own:.3f} | {every:.3f} | {none / own:.1f} | {none / every:.1f} |")


def main():
    data, work = sys.argv[1:3]
    count = int(sys.argv[3]) if len(sys.argv) > 3 else 50
    model = os.path.join(work, "right.safetensors")
    dna = common.sequence(work)
    found = common.peaks(data, MARKER)
    found = found[(found[:, 0] > 8_000_000) & (found[:, 1] < 26_300_000)]
    summits = found[np.argsort(-found[:, 3], kind="stable")[:count], 2].astype(int)
    if count > 0:
        print(f"## Phase: maps of {count} CTCF sites after shifts of 1 to 9 bases\n")
        print("| --phases | correlation, median | least |\n|---|---|---|")
        maps(model, dna, summits, work)
    print("\n## Phase: alleles of one base where nothing is\n")
    print("Median change of largest magnitude. Without a rule, a base is compared with the same base, whatever its phase.\n")
    print("| allele | without a rule | --phases own | --phases all | less by own | by all |\n|---|---|---|---|---|---|")
    indels(model, dna, neutral(data, int(sys.argv[4]) if len(sys.argv) > 4 else 100), work)


main()
