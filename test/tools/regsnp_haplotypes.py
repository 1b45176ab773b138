#!/usr/bin/env python3
"""REG_H1 and REG_H2 beside whole haplotypes: bcftools consensus writes both sequences of a sample out, regcall predicts them and the
reference in every phase of the model's stride, and numpy compares. The variants are those of 1000 Genomes on chr20, genotypes are drawn."""
import os
import random
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
from tools import check, needs, run, sh, write

needs("bcftools", "samtools", "tabix", "bgzip", modules=["numpy"])
import numpy as np

DATA = os.environ.get("REGKIT_DATA", "/nowhere")
VCF, GENOME = f"{DATA}/variants/1000G.chr20_1-4Mb.vcf.gz", f"{DATA}/genome/hg19.chr20.fa.gz"
BEGIN, LENGTH, STRIDE = 1_500_000, 40_000, 10
FIELD, SIGHT = 69, 69 + 10 + 70  # of SPEC: as far as a base matters; and as far from a variant as anything may
MARKERS = ("CTCF", "GATA1", "H3K4")
SPEC = """{"name": "tiny", "window": 500, "dropout": 0, "layers": [
 {"name": "embed", "type": "embedding", "filters": 4},
 {"name": "conv1", "type": "conv", "filters": 8, "width": 10, "stride": 10, "relu": true},
 {"name": "conv2", "type": "conv", "filters": 6, "width": 5, "dilation": 3, "relu": true},
 {"name": "up", "type": "up_conv", "filters": 5, "stride": 10, "relu": true},
 {"name": "dense1", "type": "dense", "filters": 7, "relu": true},
 {"name": "dense2", "type": "dense"}]}"""
BINS = """{"name": "bins", "task": "bin", "window": 200, "dropout": 0, "layers": [
 {"name": "one_hot", "type": "one_hot"},
 {"name": "conv1", "type": "conv", "filters": 8, "width": 8, "relu": true},
 {"name": "pool1", "type": "pool", "width": 4, "stride": 4, "padding": "valid"},
 {"name": "dense1", "type": "dense", "filters": 9, "flatten": true, "relu": true},
 {"name": "dense2", "type": "dense"}]}"""
LSTM = """{"name": "lstm", "window": 200, "dropout": 0, "layers": [
 {"name": "embed", "type": "embedding", "filters": 4},
 {"name": "conv", "type": "conv", "filters": 6, "width": 5, "stride": 5, "relu": true},
 {"name": "lstm", "type": "lstm", "filters": 5, "bidirectional": true},
 {"name": "up", "type": "up_conv", "filters": 5, "stride": 5, "relu": true},
 {"name": "dense", "type": "dense"}]}"""
HEADER = f"##fileformat=VCFv4.2\n##contig=<ID=c,length={LENGTH}>\n" \
    '##FORMAT=<ID=GT,Number=1,Type=String,Description="Genotype">\n' \
    '##FORMAT=<ID=GQ,Number=1,Type=Integer,Description="Quality">\n' \
    '##FORMAT=<ID=PS,Number=1,Type=Integer,Description="Phase set">\n'
BASE = ("--no-version", "-m", "m.safetensors", "-f", "ref.fa", "--device", "cpu")


def trimmed(at, ref, alt):
    """Begin, end and new bases of what remains without what both share: at the right first."""
    right = len(os.path.commonprefix([ref[::-1], alt[::-1]]))
    left = len(os.path.commonprefix([ref[:len(ref) - right], alt[:len(alt) - right]]))
    return at + left, at + len(ref) - right, alt[left:len(alt) - right]


def read_variants():
    """(0-based position, REF, ALTs) of a stretch of the shared file, counted from its begin; each of bases alone."""
    text = sh("bcftools", "query", "-r", f"chr20:{BEGIN + 1}-{BEGIN + LENGTH}", "-f", "%POS\t%REF\t%ALT\n", VCF)
    for line in text.splitlines():
        pos, ref, alts = line.split("\t")
        at = int(pos) - 1 - BEGIN
        if at >= 0 and at + len(ref) < LENGTH and set(ref + alts) <= set("ACGT,"):
            yield at, ref, alts.split(",")


def phased_genotypes(variants, rng):
    """Two alleles of each; those that would overlap another one's REF on a haplotype are REF, so that all programs apply the same."""
    ends, genotypes = [0, 0], []
    for at, ref, alts in variants:
        both = [0, 0]
        for side in (0, 1):
            allele = rng.choice((0, 0, 1, rng.randrange(len(alts) + 1)))
            if allele and at > ends[side]:
                both[side], ends[side] = allele, at + len(ref)
        genotypes.append(both)
    return genotypes


def write_vcf(path, variants, genotypes, sample="NA1"):
    """`genotypes`: text of the columns FORMAT and behind."""
    rows = [f"c\t{at + 1}\tv{i}\t{ref}\t{','.join(alts)}\t.\t.\t.\t{g}\n" for i, ((at, ref, alts), g) in enumerate(zip(variants, genotypes))]
    write(path, HEADER + f"#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\tFORMAT\t{sample}\n" + "".join(rows))


def annotate(path, *options):
    """The INFO of each record, and what was said at the end."""
    done = run("regsnp", *BASE, "--haplotypes", *options, path)
    rows = [line.split("\t") for line in done.stdout.splitlines() if not line.startswith("#")]
    return [dict(f.split("=") for f in r[7].split(";")) for r in rows], done.stderr


def logits(sequence, name):
    """[phase][marker][base]: with 0, 1, ... bases N before the sequence; and how far rounding may be off."""
    write(f"{name}.fa", "".join(f">{lead}\n{'N' * lead}{sequence}\n" for lead in range(STRIDE)))
    run("regcall", "--no-version", "-m", "m.safetensors", "--device", "cpu", "--round", 7, "-o", name + ".{marker}.bedgraph", f"{name}.fa")
    p = np.full((STRIDE, len(MARKERS), len(sequence) + STRIDE), np.nan)
    for m, marker in enumerate(MARKERS):
        for line in open(f"{name}.{marker}.bedgraph"):
            if line[0].isdigit():
                lead, begin, end, value = line.split()
                p[int(lead), m, int(begin):int(end)] = float(value)
    p = np.stack([p[lead, :, lead:lead + len(sequence)] for lead in range(STRIDE)])
    check(0 < np.nanmin(p) and np.nanmax(p) < 1, "probabilities that rounding leaves nothing of")
    return np.log(p) - np.log1p(-p), 1e-7 / (p * (1 - p))


def expected(ref, haplotype, edits, centre, span):
    """The largest change among the bases that both have, and how far off it may be."""
    (ref_logits, ref_error), (hap_logits, hap_error) = ref, haplotype
    begin, end = max(0, centre[0] - span), min(LENGTH, centre[1] + span)
    before = sum(len(new) - (e - b) for b, e, new in edits if b < centre[0])
    lead = -before % STRIDE
    cuts, shift, blocks = 0, 0, []
    for b, e, new in edits + [(LENGTH, LENGTH, "x")]:
        if len(new) != e - b:
            if max(begin, cuts) < min(end, b):
                blocks.append((max(begin, cuts), min(end, b), shift))
            cuts, shift = e, shift + len(new) - (e - b)
    changes, errors = [], []
    for b, e, moved in blocks:
        there = (lead + moved) % STRIDE
        changes.append(hap_logits[lead, :, b + moved:e + moved] - ref_logits[there, :, b:e])
        errors.append(hap_error[lead, :, b + moved:e + moved] + ref_error[there, :, b:e])
    changes = np.concatenate(changes, axis=1).ravel()
    most = np.argmax(np.abs(changes))
    return changes[most], np.concatenate(errors, axis=1).max()


def centre_of(at, ref, alts, allele):
    if allele:
        return trimmed(at, ref, alts[allele - 1])[:2]
    all_edits = [trimmed(at, ref, alt) for alt in alts]
    return min(e[0] for e in all_edits), max(e[1] for e in all_edits)


def consensus(variants, rng):
    genotypes = phased_genotypes(variants, rng)
    write_vcf("in.vcf", variants, [f"GT\t{a}|{b}" for a, b in genotypes])
    sh("bgzip", "-kf", "in.vcf")
    sh("tabix", "-f", "in.vcf.gz")
    reference = "".join(sh("samtools", "faidx", "ref.fa", "c").split("\n")[1:])
    ref = logits(reference, "ref_phases")
    haplotypes, edits = [], []
    for side in (0, 1):
        fasta = sh("bcftools", "consensus", "-f", "ref.fa", "-H", str(side + 1), "in.vcf.gz")
        haplotypes.append(logits("".join(fasta.split("\n")[1:]), f"hap{side}"))
        edits.append(sorted(trimmed(at, r, alts[g[side] - 1]) for (at, r, alts), g in zip(variants, genotypes) if g[side]))
    combined = alone = ref_only = 0
    for span in (FIELD, 20):
        rows, _ = annotate("in.vcf", "--span", str(span))
        check(len(rows) == len(variants), "records")
        for (at, r, alts), both, info in zip(variants, genotypes, rows):
            for side in (0, 1):
                got = float(info[f"REG_H{side + 1}"])
                centre = centre_of(at, r, alts, both[side])
                near = [e for e in edits[side] if e[0] <= centre[1] + span + SIGHT and e[1] >= centre[0] - span - SIGHT]
                want, error = expected(ref, haplotypes[side], edits[side], centre, span)
                check(abs(abs(got) - abs(want)) <= 1e-4 + 4 * error, f"{at} {r} {alts} {both} span {span}: {got}, not {want} +- {error}")
                if not near:
                    check(info[f"REG_H{side + 1}"] == "0", info)
                    ref_only += 1
                elif len(near) == 1 and both[side]:
                    check(info[f"REG_H{side + 1}"] == info["REG_DELTA"].split(",")[both[side] - 1], info)
                    alone += 1
                else:
                    combined += 1
    check(min(combined, alone, ref_only) >= 20, f"{combined} {alone} {ref_only}")
    return combined, alone, ref_only


def same_in_bcf(variants):
    """BCF in and out, an index, regions and targets: the same values, what lies beside the regions included."""
    sh("bcftools", "view", "-Ob", "-o", "in.bcf", "in.vcf")
    sh("bcftools", "index", "-f", "in.bcf")
    whole, _ = annotate("in.vcf")
    check(annotate("in.bcf")[0] == whole, "BCF differs")
    run("regsnp", *BASE, "--haplotypes", "-o", "out.bcf", "in.bcf")
    values = sh("bcftools", "query", "-f", "%REG_H1\t%REG_H2\n", "out.bcf").split("\n")[:-1]
    check([v.split("\t") for v in values] == [[i["REG_H1"], i["REG_H2"]] for i in whole], "values in BCF")
    for b, e in ((5000, 9000), (20_001, 20_400), (1, 40_000)):
        inside = [info for (at, r, _), info in zip(variants, whole) if at < e and at + len(r) >= b]
        for path in ("in.vcf.gz", "in.bcf"):
            check(annotate(path, "-r", f"c:{b}-{e}")[0] == inside, f"{path} {b}-{e}")
        begins = [info for (at, _, _), info in zip(variants, whole) if b <= at + 1 <= e]
        check(annotate("in.vcf", "-t", f"c:{b}-{e}")[0] == begins, f"targets {b}-{e}")


def phase_sets(variants, rng):
    """Of each set alone the others' genotypes are REF: what a record of the set has is the same. Homozygous ones are in all."""
    genotypes = phased_genotypes(variants, rng)
    sets = [i // 15 % 3 + 1 for i in range(len(variants))]
    homozygous = [i % 7 == 3 for i in range(len(variants))]
    both = [[g[0], g[0]] if h else g for g, h in zip(genotypes, homozygous)]
    is_set = [g[0] != g[1] for g in both]
    write_vcf("sets.vcf", variants, [f"GT:PS\t{g[0]}|{g[1]}:{s}" if i else f"GT\t{g[0]}/{g[1]}" for g, s, i in zip(both, sets, is_set)])
    found, said = annotate("sets.vcf")
    check("near variants of another phase set" in said, said)
    differ = 0
    for one in (1, 2, 3):
        alone = [f"GT\t{g[0]}|{g[1]}" if s == one or not i else "GT\t0|0" for g, s, i in zip(both, sets, is_set)]
        write_vcf("one.vcf", variants, alone)
        for info, other, s, i in zip(found, annotate("one.vcf")[0], sets, is_set):
            if s == one and i:
                check([info[k] for k in ("REG_H1", "REG_H2")] == [other[k] for k in ("REG_H1", "REG_H2")], f"{info} {other}")
    write_vcf("no_sets.vcf", variants, [f"GT\t{g[0]}|{g[1]}" for g in both])
    differ = sum(a["REG_H1"] != b["REG_H1"] for a, b in zip(found, annotate("no_sets.vcf")[0]))
    check(differ >= 5, f"sets change {differ} values")


def genotypes_of_all_kinds():
    """Unphased, missing, haploid, overlapping, symbolic: what is known of each haplotype."""
    reference = "".join(sh("samtools", "faidx", "ref.fa", "c").split("\n")[1:])

    def snv(at):
        base = reference[at]
        return at, base, ["ACGT"[("ACGT".index(base) + 1) % 4]]
    apart = [snv(2000 + 1000 * i) for i in range(9)]
    kinds = ["0/1", "./.", "0|.", "1", "1/1", "0|1|1", ".|1", "0/0", "1|0"]
    write_vcf("kinds.vcf", apart, ["GT\t" + k for k in kinds])
    found, said = annotate("kinds.vcf")
    values = [(i.get("REG_H1", "none"), i.get("REG_H2", "none"), i.get("REG_NOTE", "."), i["REG_DELTA"]) for i in found]
    d = [v[3] for v in values]
    want = [("none", "none", "unphased"), ("none", "none", "."), ("0", ".", "."), (d[3], ".", "."), (d[4], d[4], "."), ("none", "none", "."),
            (".", d[6], "."), ("0", "0", "."), (d[8], "0", ".")]
    check([v[:3] for v in values] == want, f"{values}, not {want}")
    for what in ("1 unphased", "3 records have no genotype of the sample, or one that is not complete", "1 record is heterozygous without a phase",
                 "1 record has more than two alleles of the sample"):
        check(what in said, said)
    # The first of two that overlap is applied, where they are on one haplotype.
    at = 3000
    deletion = (at, reference[at:at + 4], [reference[at]])
    inside = snv(at + 2)
    for genotypes, note in ((("1|0", "1|0"), "overlap"), (("1|0", "0|1"), "."), (("1|1", "0|1"), "overlap"), (("1|0:5", "1|0:6"), ".")):
        with_sets = genotypes[0].endswith("5")
        write_vcf("overlap.vcf", [deletion, inside], [("GT:PS\t" if with_sets else "GT\t") + g for g in genotypes])
        found, _ = annotate("overlap.vcf")
        check([i.get("REG_NOTE", ".") for i in found] == [".", note], f"{genotypes}: {found}")
        if note == "overlap":
            write_vcf("first.vcf", [deletion], ["GT\t" + genotypes[0]])
            check(found[0]["REG_H1"] == annotate("first.vcf")[0][0]["REG_H1"], f"{found}")
    write_vcf("symbolic.vcf", [(at, reference[at], ["<DEL>"]), snv(at + 30)], ["GT\t0|1", "GT\t0|1"])
    found, _ = annotate("symbolic.vcf")
    check((found[0]["REG_H2"], found[1]["REG_H2"]) == (".", found[1]["REG_DELTA"]), f"{found}")
    write_vcf("none.vcf", apart, ["DP\t3"] * 9)
    check("no record has the sample's genotype" in annotate("none.vcf")[1], "no genotypes at all")


def as_one_allele():
    """Two substitutions on a haplotype are what one allele is that changes both, whatever the model. An insertion before one of them
    would leave out bases between them, but not with a model of fixed windows."""
    for name, spec, scale in (("bins", BINS, 1.5), ("lstm", LSTM, 2.5), ("other", SPEC, 1.2)):
        write("spec.json", spec)
        run("random_model", f"{name}.safetensors", "spec.json", scale, f"c:{LENGTH}", *(f"{m}=X" for m in MARKERS))
    reference = "".join(sh("samtools", "faidx", "ref.fa", "c").split("\n")[1:])
    other = dict(zip("ACGT", "CGTA"))
    for kind in ("substitutions", "insertions"):
        pairs, together = [], []
        for at in range(1000, 38_000, 1000):
            first, second, between = reference[at], reference[at + 4], reference[at + 1:at + 4]
            base = min(set("ACGT") - {first, between[0]})  # that is not moved along what is there
            new = other[first] if kind == "substitutions" else first + base * (at // 1000 % 5 + 1)
            pairs += [(at, first, [new]), (at + 4, second, [other[second]])]
            together.append((at, first + between + second, [new + between + other[second]]))
        write_vcf(f"pairs.{kind}.vcf", pairs, ["GT\t1|0"] * len(pairs))
        write_vcf(f"together.{kind}.vcf", together, ["GT\t1|0"] * len(together))
    every = ((["m"], []), (["m"], ["--phases", "all"]), (["m"], ["--rc-average"]), (["lstm"], []), (["m", "other"], []))
    fixed = ((["bins"], []), (["bins"], ["--span", "500"]))
    for models, options, kind in [(*each, "substitutions") for each in every + fixed] + [(*each, "insertions") for each in fixed]:
        words = [word for name in models for word in ("-m", f"{name}.safetensors")]
        found, one = ([dict(f.split("=") for f in line.split("\t")[7].split(";")) for line in
                       run("regsnp", "--no-version", *words, "-f", "ref.fa", "--device", "cpu", "--haplotypes", *options, path).stdout.splitlines()
                       if not line.startswith("#")] for path in (f"pairs.{kind}.vcf", f"together.{kind}.vcf"))
        for pair, both in zip(found[::2], one):
            a, b = float(pair["REG_H1"]), float(both["REG_DELTA"])
            check(abs(abs(a) - abs(b)) <= 2e-5 * max(1, abs(b)), f"{models} {options}: {pair} {both}")
            check(pair["REG_H2"] == "0" and both["REG_H1"] == both["REG_DELTA"], f"{pair} {both}")
        check(sum(pair["REG_H1"] != pair["REG_DELTA"] for pair in found) > len(found) / 3, f"{models}: the second variant changes little")


def samples(variants):
    """One of several, by name; the order of the file is needed."""
    genotypes = phased_genotypes(variants, random.Random(8))
    columns = [f"GT:PS:GQ\t0|0:.:9\t{a}|{b}:7:1\t.:.:." for a, b in genotypes]
    write_vcf("several.vcf", variants, columns, "A\tB b\tC")
    write_vcf("single.vcf", variants, [f"GT\t{a}|{b}" for a, b in genotypes])
    found = annotate("several.vcf", "-s", "B b")[0]
    check(found == annotate("single.vcf")[0] == annotate("single.vcf", "-s", "NA1")[0], "samples")
    sh("bcftools", "view", "-Ob", "-o", "several.bcf", "several.vcf")
    check(found == annotate("several.bcf", "-s", "B b")[0], "samples in BCF")
    for path, options, code, message in (
            ("several.vcf", ["--haplotypes"], 2, "has 3 samples; name one with --sample"),
            ("several.vcf", ["--haplotypes", "-s", "D"], 4, "has no such sample; it has A, B b, C"),
            ("several.vcf", ["-s", "A"], 2, "--sample goes with --haplotypes")):
        check(message in run("regsnp", *BASE, *options, path, code=code).stderr, message)
    lines = open("single.vcf").read().splitlines(keepends=True)
    write("unsorted.vcf", "".join(lines[:-2] + lines[:-3:-1]))
    check("out of order" in run("regsnp", *BASE, "--haplotypes", "unsorted.vcf", code=3).stderr, "unsorted")
    write("parted.vcf", "".join([*lines[:-2], "d" + lines[-2][1:], lines[-1]]).replace("##contig=<ID=c", "##contig=<ID=d,length=9999>\n##contig=<ID=c", 1))
    check("out of order" in run("regsnp", *BASE, "--haplotypes", "--missing-contig", "skip", "parted.vcf", code=3).stderr,
          "a contig that comes back")
    write("sites.vcf", "".join("\t".join(line.split("\t")[:8]).rstrip("\n") + "\n" if not line.startswith("##") else line for line in lines))
    check("has no samples" in run("regsnp", *BASE, "--haplotypes", "sites.vcf", code=3).stderr, "no samples")
    write("bad.vcf", "".join(lines[:-1]) + lines[-1].replace("|", "x"))
    check("is not a genotype" in run("regsnp", *BASE, "--haplotypes", "bad.vcf", code=3).stderr, "no genotype")
    write("bad.vcf", "".join(lines[:-1]) + lines[-1].rsplit("\t", 1)[0] + "\t0|9\n")
    check("a genotype has allele 9" in run("regsnp", *BASE, "--haplotypes", "bad.vcf", code=3).stderr, "no such allele")


def main():
    if not os.path.exists(VCF):
        print("SKIPPED: needs the shared data (REGKIT_DATA)")
        sys.exit(77)
    with tempfile.TemporaryDirectory() as scratch:
        os.chdir(scratch)
        bases = "".join(sh("samtools", "faidx", GENOME, f"chr20:{BEGIN + 1}-{BEGIN + LENGTH}").split("\n")[1:]).upper()
        write("ref.fa", ">c\n" + bases + "\n")
        write("tiny.json", SPEC)
        run("random_model", "m.safetensors", "tiny.json", 1.8, f"c:{LENGTH}", *(f"{m}=X" for m in MARKERS))
        rng = random.Random(3)
        variants = list(read_variants())
        counts = consensus(variants, rng)
        same_in_bcf(variants)
        phase_sets(variants, rng)
        genotypes_of_all_kinds()
        as_one_allele()
        samples(variants[:40])
        os.chdir("/")
    print("regsnp_haplotypes: (combined, alone, REF)", counts)


if __name__ == "__main__":
    main()
