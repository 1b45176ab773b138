#!/usr/bin/env python3
"""regsnp in parts: what `regsnp merge` makes of shards is, to the byte, what one run writes, in every format; every record is in one
part; parts that do not belong together are refused. The variants are those of 1000 Genomes on chr20, moved to three contigs."""
import os
import random
import shutil
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
from tools import check, needs, read, run, sh, write

needs("bcftools", "samtools", "tabix", "bgzip")

DATA = os.environ.get("REGKIT_DATA", "/nowhere")
VCF, GENOME = f"{DATA}/variants/1000G.chr20_1-4Mb.vcf.gz", f"{DATA}/genome/hg19.chr20.fa.gz"
CONTIGS = (("one", 1_500_000, 90_000), ("two", 2_000_000, 60_000), ("three", 2_500_000, 150_000))  # of chr20: begin and length
INDEX_WINDOW = 16384  # bases, of .tbi, and of .csi as bcftools makes it
SPEC = """{"name": "tiny", "window": 500, "dropout": 0, "layers": [
 {"name": "embed", "type": "embedding", "filters": 4},
 {"name": "conv1", "type": "conv", "filters": 4, "width": 5, "stride": 5, "relu": true},
 {"name": "up", "type": "up_conv", "filters": 4, "stride": 5, "relu": true},
 {"name": "dense1", "type": "dense"}]}"""
BASE = ("-m", "m.safetensors", "-f", "ref.fa", "--device", "cpu")
ENDINGS = {"v": "vcf", "z": "vcf.gz", "u": "u.bcf", "b": "bcf"}


def make_world():
    write("tiny.json", SPEC)
    rng = random.Random(4)
    bases, rows = [], []
    for name, begin, length in CONTIGS:
        bases.append(f">{name}\n" + "".join(sh("samtools", "faidx", GENOME, f"chr20:{begin + 1}-{begin + length}").split("\n")[1:]).upper() + "\n")
        sequence = bases[-1].split("\n")[1]
        placed = [(0, f"{name}\t0\ttelomere\tN\t<DEL>\t.\t.\t.\tGT\t0|1\n")]
        for cut in range(INDEX_WINDOW, length, INDEX_WINDOW):  # before, over and at where the index can cut
            for at, size in ((cut - 9, 1), (cut - 2, 4), (cut, 1), (cut + 3, 1)):
                ref = sequence[at:at + size]
                alt = ref[0] if size > 1 else "ACGT"["ACGT".index(ref) - 1]
                placed.append((at + 1, f"{name}\t{at + 1}\tcut\t{ref}\t{alt}\t.\t.\t.\tGT\t1|0\n"))
        # In lines so long that a window of the index holds 64 KiB of the file, below which a .csi joins it with others.
        for line in sh("bcftools", "view", "-H", "-r", f"chr20:{begin + 1}-{begin + length}", VCF).splitlines():
            columns = line.split("\t")
            at = int(columns[1]) - begin
            if at > 0 and at + len(columns[3]) < length:
                info = "X=" + "".join(rng.choice("ACGTNRYKM") for _ in range(2400))
                placed.append((at, "\t".join([name, str(at), *columns[2:7], info, "GT", rng.choice(("0|1", "1|0", "1|1", "0/1"))]) + "\n"))
        rows += [row for _, row in sorted(placed, key=lambda both: both[0])]
    write("ref.fa", "".join(bases))
    header = "##fileformat=VCFv4.2\n" + "".join(f"##contig=<ID={n},length={length}>\n" for n, _, length in CONTIGS) \
        + '##INFO=<ID=X,Number=1,Type=String,Description="x">\n##FORMAT=<ID=GT,Number=1,Type=String,Description="Genotype">\n' \
        + '##FILTER=<ID=PASS,Description="All filters passed">\n##ALT=<ID=DEL,Description="x">\n' \
        + "#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\tFORMAT\tNA1\n"
    write("in.vcf", header + "".join(rows))
    sh("bgzip", "-kf", "in.vcf")
    sh("tabix", "-f", "in.vcf.gz")
    shutil.copy("in.vcf.gz", "csi.vcf.gz")
    sh("bcftools", "index", "-f", "csi.vcf.gz")
    sh("bcftools", "view", "-Ob", "-o", "in.bcf", "in.vcf")
    sh("bcftools", "index", "-f", "in.bcf")
    run("random_model", "m.safetensors", "tiny.json", 1.8, f"one:{CONTIGS[0][2]}", "CTCF=X", "GATA1=Y")
    return len(rows)


def shards(source, n, letter, *options, name="part", slurm=False):
    """Files of all shards, in an order that is not theirs."""
    parts = []
    for i in range(1, n + 1):
        parts.append(f"{name}.{i}.{ENDINGS[letter]}")
        where = {"SLURM_ARRAY_TASK_ID": str(i + 4), "SLURM_ARRAY_TASK_COUNT": str(n), "SLURM_ARRAY_TASK_MIN": "5",
                 "SLURM_ARRAY_TASK_STEP": "1"} if slurm else {}
        done = run("regsnp", *BASE, *options, "--shard", "slurm" if slurm else f"{i}/{n}", "-O", letter, "-o", parts[-1], source, **where)
        check(f"shard {i} of {n}; once all are done: regsnp merge" in done.stderr, done.stderr)
    random.Random(n).shuffle(parts)
    return parts


def count(path):
    return len(sh("bcftools", "view", "-H", path).splitlines())


def same_bytes(records):
    for source, letters in (("in.vcf.gz", "vz"), ("csi.vcf.gz", "v"), ("in.vcf.gz", "b"), ("in.bcf", "ub"), ("in.bcf", "v")):
        for letter in letters:
            run("regsnp", *BASE, "--no-version", "-O", letter, "-o", "whole." + ENDINGS[letter], source)
            for n in (1, 2, 7):
                parts = shards(source, n, letter)
                run("regsnp", "merge", "--no-version", "-O", letter, "-o", "merged." + ENDINGS[letter], *parts)
                check(read("merged." + ENDINGS[letter]) == read("whole." + ENDINGS[letter]), f"{source} {letter} {n}")
                counts = [count(part) for part in parts]
                check(sum(counts) == records and min(counts) > records / n / 4, f"{source} {n}: {counts} of {records}")
    # Compressed or not is merge's matter, and so is the index.
    parts = shards("in.vcf.gz", 3, "v", slurm=True)
    run("regsnp", "merge", "--no-version", "--write-index", "-o", "merged.vcf.gz", *parts)
    run("regsnp", *BASE, "--no-version", "--write-index", "-o", "whole.vcf.gz", "in.vcf.gz")
    for ending in ("", ".tbi"):
        check(read("merged.vcf.gz" + ending) == read("whole.vcf.gz" + ending), "compressed by merge" + ending)
    run("regsnp", "merge", "-o", "merged.vcf", *parts)
    run("regsnp", *BASE, "-o", "whole.vcf", "in.vcf.gz")
    merged, whole = ([line for line in open(f"{name}.vcf") if not line.startswith("##regsnpCommand=")] for name in ("merged", "whole"))
    check(merged == whole and any(line.startswith("##regsnpModel=") for line in whole), "the header but for its command")


def haplotypes():
    """What lies on both sides of a cut is seen together."""
    run("regsnp", *BASE, "--no-version", "--haplotypes", "-o", "whole.vcf", "in.vcf.gz")
    check(open("whole.vcf").read().count("REG_H1=") > 1000, "haplotypes")
    for n in (2, 7):
        run("regsnp", "merge", "--no-version", "-o", "merged.vcf", *shards("in.vcf.gz", n, "v", "--haplotypes"))
        check(read("merged.vcf") == read("whole.vcf"), f"haplotypes in {n} parts")
    targets = ("-t", "two:1000-30000,three", "--top", "1")
    run("regsnp", *BASE, "--no-version", *targets, "-o", "whole.vcf", "in.vcf.gz")
    run("regsnp", "merge", "--no-version", "-o", "merged.vcf", *shards("in.vcf.gz", 4, "v", *targets))
    check(read("merged.vcf") == read("whole.vcf"), "targets")


def refused():
    parts = shards("in.vcf.gz", 3, "v", name="good")
    run("regsnp", *BASE, "--shard", "2/3", "--top", "1", "-o", "options.vcf", "in.vcf.gz")
    run("regsnp", *BASE, "--shard", "2/3", "-o", "index.vcf", "csi.vcf.gz")
    run("regsnp", *BASE, "--shard", "2/4", "-o", "number.vcf", "in.vcf.gz")
    run("random_model", "other.safetensors", "tiny.json", 2.8, f"one:{CONTIGS[0][2]}", "CTCF=X", "GATA1=Y")
    run("regsnp", "-m", "other.safetensors", *BASE[2:], "--shard", "2/3", "-o", "model.vcf", "in.vcf.gz")
    write("longer.fa", open("ref.fa").read() + ">more\nACGT\n")
    run("regsnp", "-m", "m.safetensors", "-f", "longer.fa", "--device", "cpu", "--shard", "2/3", "-o", "reference.vcf", "in.vcf.gz")
    ends = ["good.1.vcf", "good.3.vcf"]
    write("damaged.vcf", open("good.2.vcf").read().replace(" input=", " input=x"))
    write("cut.vcf", open("good.2.vcf").read()[:-1])
    for files, code, words in (
            ([*ends, "options.vcf"], 4, "other options"), ([*ends, "index.vcf"], 4, "another input"),
            ([*ends, "number.vcf"], 4, "another number of shards"), ([*ends, "model.vcf"], 4, "another model"),
            ([*ends, "reference.vcf"], 4, "another reference"), (ends, 4, "there is no part of 2"), ([*parts, "good.2.vcf"], 4, "shard 2 twice"),
            ([*ends, "in.vcf"], 3, "no part of a run"), ([*ends, "damaged.vcf"], 3, "is damaged"), ([*ends, "cut.vcf"], 3, "cut short"),
            (["missing.vcf"], 1, "missing.vcf")):
        check(words in run("regsnp", "merge", "-o", "new.vcf", *files, code=code).stderr, f"{files}: {words}")
        check(not os.path.exists("new.vcf"), files)
    check("is VCF text" in run("regsnp", "merge", "-o", "new.bcf", *parts, code=2).stderr, "text into BCF")
    check("good.1.vcf" in run("regsnp", "merge", "-o", "good.1.vcf", *parts, code=2).stderr, "over a part")
    for options, source, code, words in (
            (["--shard", "1/2"], "-", 2, "not standard input"), (["--shard", "1/2"], "in.vcf", 2, "bgzip VCF or BCF"),
            (["--shard", "1/2", "-r", "one"], "in.vcf.gz", 2, "leave --region"), (["--shard", "3/2"], "in.vcf.gz", 2, "from 1 to the second"),
            (["--shard", "slurm"], "in.vcf.gz", 2, "SLURM_ARRAY_TASK")):
        check(words in run("regsnp", *BASE, *options, "-o", "new.vcf", source, code=code).stderr, f"{options}: {words}")
    shutil.copy("in.vcf.gz", "bare.vcf.gz")
    check("index" in run("regsnp", *BASE, "--shard", "1/2", "-o", "new.vcf", "bare.vcf.gz", code=1).stderr, "no index")


def few_records():
    """More shards than the index can tell apart."""
    head = open("in.vcf").read().split("one\t")[0]
    rows = [line for line in open("in.vcf") if line.startswith("two\t")][:3]
    write("few.vcf", head + "".join(rows))
    sh("bgzip", "-kf", "few.vcf")
    sh("tabix", "-f", "few.vcf.gz")
    run("regsnp", *BASE, "--no-version", "-o", "whole.vcf", "few.vcf.gz")
    run("regsnp", "merge", "--no-version", "-o", "merged.vcf", *shards("few.vcf.gz", 5, "v"))
    check(read("merged.vcf") == read("whole.vcf"), "few records")
    write("none.vcf", head)
    sh("bgzip", "-kf", "none.vcf")
    sh("tabix", "-f", "none.vcf.gz")
    run("regsnp", *BASE, "--no-version", "-o", "whole.vcf", "none.vcf.gz")
    run("regsnp", "merge", "--no-version", "-o", "merged.vcf", *shards("none.vcf.gz", 2, "v"))
    check(read("merged.vcf") == read("whole.vcf"), "no records")


def main():
    if not os.path.exists(VCF):
        print("SKIPPED: needs the shared data (REGKIT_DATA)")
        sys.exit(77)
    with tempfile.TemporaryDirectory() as scratch:
        os.chdir(scratch)
        records = make_world()
        same_bytes(records)
        haplotypes()
        refused()
        few_records()
        os.chdir("/")
    print("regsnp_parts: the same bytes;", records, "records")


if __name__ == "__main__":
    main()
