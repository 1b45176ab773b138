#!/usr/bin/env python3
"""regds-build on real chromosome 20 against bedtools, samtools and tabix; and the same bytes for any -@ and order."""
import gzip
import os
import random
import re
import shutil
import subprocess
import sys
import tempfile

BIN, DATA = os.environ["REGKIT_BIN"], os.environ["REGKIT_DATA"]
FASTA, SHEET, MASK = DATA + "/genome/hg19.chr20.fa.gz", DATA + "/markers.tsv", DATA + "/mask/hg19-blacklist.v2.bed.gz"
SPLIT = ["--train", "chr20:29,400,001-63,025,520", "--valid", "chr20:1-8,000,000", "--test", "chr20:8,000,001-26,300,000"]
WINDOW = 25000


def skip(what):
    print("SKIPPED: %s is absent" % what)
    sys.exit(77)


def shell(command):
    return subprocess.run(["bash", "-c", "set -o pipefail; " + command], check=True, stdout=subprocess.PIPE, text=True).stdout


def build(out, *options, sheet=SHEET, workers=1):
    subprocess.run([BIN + "/regds-build", "-f", FASTA, "--sheet", sheet, "--mask", MASK, "-o", out, "--no-version",
                    "-@", str(workers), "--verbosity", "1", *options], check=True)


def read_bytes(directory, names):
    return [open(os.path.join(directory, name), "rb").read() for name in names]


def check(ok, what):
    if not ok:
        sys.exit("FAILED: " + what)


def spelled(name):
    """A name as every format can hold it (regkit(1)); the sheet has one with blanks and a semicolon."""
    return re.sub(r'[ ,;=/%\\"]', "_", name)


def check_peaks(out, rows):
    ours = {}
    for line in gzip.open(out + "/peaks.bed.gz", "rt"):
        contig, begin, end, marker = line.rstrip("\n").split("\t")
        ours.setdefault(marker, []).append("%s\t%s\t%s" % (contig, begin, end))
    table = {}
    lines = open(out + "/markers.tsv").read().splitlines()
    for line in lines[1:]:
        row = dict(zip(lines[0].split("\t"), line.split("\t")))
        table[row["name"]] = row
    train = shell("zcat %s/windows.bed.gz | grep train" % out)
    with open(out + ".train.bed", "w") as file:
        file.write(train)
    bases = WINDOW * train.count("\n")
    for number, row in enumerate(rows):
        path = os.path.join(DATA, row["peaks"])
        merged = shell("zcat '%s' | sort -k1,1 -k2,2n | bedtools merge -i -" % path)
        check("\n".join(ours[spelled(row["name"])]) + "\n" == merged, "merged peaks of " + row["name"])
        check(table[spelled(row["name"])]["sha256"] == shell("sha256sum '%s'" % path).split()[0], "sha256 of " + path)
        check(int(table[spelled(row["name"])]["peaks"]) == shell("zcat '%s'" % path).count("\n"), "peaks of " + path)
        if number % 8:
            continue  # bedtools takes a while for each
        with open(out + ".merged.bed", "w") as file:
            file.write(merged)
        covered = sum(int(line.split("\t")[2]) - int(line.split("\t")[1]) for line in
                      shell("bedtools intersect -a %s.merged.bed -b %s.train.bed" % (out, out)).splitlines())
        check(abs(covered / bases - float(table[spelled(row["name"])]["prevalence"])) < 1e-12, "prevalence of " + row["name"])
    return ours


def check_windows(out):
    sequence = b"".join(line.strip() for line in gzip.open(FASTA) if not line.startswith(b">"))
    masked = bytearray(len(sequence))
    for line in gzip.open(MASK, "rt"):
        contig, begin, end = line.split()[:3]
        if contig == "chr20":
            masked[int(begin):int(end)] = b"\1" * (int(end) - int(begin))
    expected = []
    for begin in range(0, len(sequence) - WINDOW + 1, WINDOW):
        end = begin + WINDOW
        if sequence.count(b"N", begin, end) > WINDOW // 10 or masked.count(1, begin, end) > WINDOW // 10:
            continue
        for split, first, last in (("train", 29400000, 63025520), ("valid", 0, 8000000), ("test", 8000000, 26300000)):
            if first <= begin and end <= last:
                expected.append("chr20\t%d\t%d\t%s\n" % (begin, end, split))
    check(gzip.open(out + "/windows.bed.gz", "rt").read() == "".join(expected), "windows")


def main():
    for program in ("bedtools", "samtools", "tabix", "bgzip"):
        if not shutil.which(program):
            skip(program)
    if not os.path.exists(FASTA):
        skip(FASTA)
    with tempfile.TemporaryDirectory() as work:
        out = work + "/one.regds"
        build(out, *SPLIT)
        lines = open(SHEET).read().splitlines()
        rows = [dict(zip(lines[0].split("\t"), line.split("\t"))) for line in lines[1:]]
        check(len(rows) > 0, "no markers")
        ours = check_peaks(out, rows)
        check_windows(out)
        region = shell("tabix %s/peaks.bed.gz chr20:30000001-31000000 | wc -l" % out)
        inside = sum(1 for runs in ours.values() for run in runs
                     if int(run.split("\t")[1]) < 31000000 and int(run.split("\t")[2]) > 30000000)
        check(int(region) == inside > 0, "tabix finds other peaks")
        dictionary = shell("samtools dict %s | grep @SQ | cut -f2-4" % FASTA)
        check(dictionary == shell("grep @SQ %s/reference.dict | cut -f2-4" % out), "reference.dict")

        everything = sorted(os.listdir(out))
        build(work + "/two.regds", *SPLIT, workers=2)
        check(read_bytes(out, everything) == read_bytes(work + "/two.regds", everything), "bytes depend on -@")

        # The first markers again: shuffled, as plain text, and as bgzip.
        random.seed(3)
        few = [line for line in lines[:1]]
        for row in rows[:6]:
            text = gzip.open(os.path.join(DATA, row["peaks"]), "rt").readlines()
            random.shuffle(text)
            path = "%s/%s.narrowPeak" % (work, row["name"])
            with open(path, "w") as file:
                file.writelines(text)
            few.append("\t".join([row["name"], row["class"], row["target"], row["cell"], path]))
        with open(work + "/plain.tsv", "w") as sheet:
            sheet.write("\n".join(few) + "\n")
        with open(work + "/straight.tsv", "w") as sheet:
            sheet.write("\n".join(lines[:1] + [line.replace("peaks/", DATA + "/peaks/") for line in lines[1:7]]) + "\n")
        same = ["peaks.bed.gz", "peaks.bed.gz.tbi", "windows.bed.gz", "reference.dict", "dataset.json"]
        build(work + "/straight.regds", sheet=work + "/straight.tsv")
        build(work + "/shuffled.regds", sheet=work + "/plain.tsv", workers=2)
        check(read_bytes(work + "/straight.regds", same) == read_bytes(work + "/shuffled.regds", same), "bytes depend on order")
        shell("for f in %s/*.narrowPeak; do bgzip \"$f\"; done; sed -i 's/narrowPeak$/narrowPeak.gz/' %s/plain.tsv" % (work, work))
        build(work + "/bgzip.regds", sheet=work + "/plain.tsv")
        check(read_bytes(work + "/straight.regds", same) == read_bytes(work + "/bgzip.regds", same), "bytes depend on compression")
    print("chromosome 20: peaks, windows, prevalence, index and dictionary agree")


if __name__ == "__main__":
    main()
