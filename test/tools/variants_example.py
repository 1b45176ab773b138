#!/usr/bin/env python3
"""examples/variants/variants.sh at toy size: the table is the scored VCF's, its q are those of the background, maps lie around the alleles;
with the model that comes with the tools and real variants too, where the data are."""
import csv
import gzip
import os
import pathlib
import random
import shutil
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
import tools
from tools import check, read, run, write

BIN = os.path.abspath(tools.BIN)
SOURCE = pathlib.Path(os.environ["REGKIT_SOURCE"]).resolve()
DATA = pathlib.Path(os.environ.get("REGKIT_DATA", "nowhere"))
PICTURES = subprocess.run([os.environ.get("REGKIT_PYTHON", "python3"), "-c", "import matplotlib"], capture_output=True).returncode == 0


def example(vcf, reference, folder, code=0, **variables):
    done = subprocess.run(["bash", SOURCE / "examples/variants/variants.sh", vcf, reference, folder], stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True, timeout=600, env={**os.environ, "REGKIT_BIN": BIN, **variables})
    check(done.returncode == code, f"{folder}: {done.returncode}\n{done.stdout}")
    return done.stdout


def table(path):
    with open(path, newline="") as file:
        return list(csv.DictReader(file, delimiter="\t"))


def make_toy():
    rng = random.Random(4)
    bases = "".join(rng.choices("ACGT", k=60_000))
    write("ref.fa", ">chr1\n" + "\n".join(bases[i:i + 60] for i in range(0, len(bases), 60)) + "\n")
    run("random_model", "model.safetensors", os.path.join(SOURCE, "test/tools/data/tiny.json"), 3, "chr1:60000", "CTCF.K562=TFBS", "open.K562=DNase")
    other = {"A": "G", "C": "T", "G": "A", "T": "C"}
    more = {"A": "C", "C": "A", "G": "C", "T": "A"}
    rows = []
    for number, pos in enumerate((20_000, 25_000, 30_000, 30_005, 41_000)):
        ref = bases[pos - 1]
        alt = other[ref] + "," + more[ref] if number == 1 else ref + "ACG" if number == 2 else "<DEL>" if number == 4 else other[ref]
        rows.append(f"chr1\t{pos}\t{'.' if number == 3 else f'rs{number}'}\t{ref}\t{alt}\t.\t.\t.\n")
    write("in.vcf", "##fileformat=VCFv4.2\n##contig=<ID=chr1,length=60000>\n#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\n" + "".join(rows))


def test_toy():
    settings = {"MODEL": "model.safetensors", "COUNT": "40", "TOP": "2", "WIDTH": "20", "MOTIFS": "chr1:20001-21000"}
    said = example("in.vcf", "ref.fa", "out", **settings)
    check("annotate\truns" in said and "4 alleles" not in said and "The first of 5 alleles" in said, said)
    rows = table("out/ranked.tsv")
    check([int(row["rank"]) for row in rows] == [1, 2, 3, 4, 5], f"{rows}")
    check({(row["pos"], row["alt"][:1]) for row in rows if row["pos"] == "25000"} and sum(row["pos"] == "25000" for row in rows) == 2,
          "both alleles of a record are told of apart")
    check(not any(row["pos"] == "41000" for row in rows), "a symbolic allele has no rank")
    order = [(float(row["q"]), -abs(float(row["delta_logit"]))) for row in rows]
    check(order == sorted(order), f"{order}")
    # Each q from the background's own file: its largest changes, of all markers.
    with gzip.open("out/background.tsv.gz", "rt") as file:
        lines = [line.rstrip("\n").split("\t") for line in file if not line.startswith("##")]
    head = [name.lstrip("#") for name in lines[0]]
    most = [float(line[head.index("max")]) for line in lines[1:]]
    check(len(most) == 40, f"{len(most)} random variants")
    for row in rows:
        expected = (1 + sum(value >= abs(float(row["delta_logit"])) * (1 - 1e-5) for value in most)) / 41
        check(abs(float(row["q"]) - expected) <= 1e-5, f"{row}: {expected}")
    for row in rows[:2]:
        lines = [line.split("\t") for line in read(f"out/top.{row['rank']}.ism.matrix.tsv").decode().splitlines() if not line.startswith("#")]
        check([int(line[1]) for line in lines] == list(range(int(row["pos"]) - 10, int(row["pos"]) + 11)), "the bases around an allele")
        check({line[3] for line in lines} == {row["marker"]}, "of its marker")
    check(not os.path.exists("out/top.3.ism.matrix.tsv"), "TOP")
    if PICTURES:
        for name in ("top.1.ism.png", "top.2.variant.png", "locus.png"):
            check(read(f"out/{name}").startswith(b"\x89PNG"), name)
        check(b"<svg" in read("out/index.html") and b"rs" in read("out/index.html"), "the page")
    again = example("in.vcf", "ref.fa", "out", code=4, **settings, MARKERS="CTCF*")  # another run's background
    check("background.tsv.gz is there already" in again and "background" in again.splitlines()[-1], again)
    check("is there already" in example("in.vcf", "ref.fa", "out", **{**settings, "TOP": "1"}), "a second run")
    check(not os.path.exists("out/top.2.ism.matrix.tsv"), "pictures of an earlier run")


def test_refused():
    check("the VCF" in subprocess.run(["bash", SOURCE / "examples/variants/variants.sh"], capture_output=True, text=True).stderr, "no file")
    write("bad.vcf", read("in.vcf").decode().replace("\t20000\trs0\t", "\t99999\trs0\t"))
    check("stops" in example("bad.vcf", "ref.fa", "bad", code=3, MODEL="model.safetensors"), "a VCF that does not fit")
    check(not os.path.exists("bad/background.tsv.gz"), "nothing more is done")


def test_shipped():
    """Two real variants beside a promoter."""
    with gzip.open(DATA / "variants/1000G.chr20_1-4Mb.vcf.gz", "rt") as file:
        write("real.vcf", "".join(line for line in file if line.startswith("#") or 2_634_200 < int(line.split("\t")[1]) < 2_634_400))
    example("real.vcf", DATA / "genome/hg19.chr20.fa.gz", "real", MARKERS="GABPA.GM12878,H3K4me3.GM12878", COUNT="15",
            REGION="chr20:2,600,001-2,700,000", TOP="1", WIDTH="6", MOTIFS="none")
    rows = table("real/ranked.tsv")
    check(any("rs60145378" in row["id"] and float(row["delta_logit"]) > 1 for row in rows), f"{rows}")
    check(all(1 / 16 - 1e-6 <= float(row["q"]) <= 1 for row in rows), f"{rows}")


def main():
    if not shutil.which("bcftools"):
        print("SKIPPED: bcftools is missing")
        sys.exit(77)
    with tempfile.TemporaryDirectory() as scratch:
        os.chdir(scratch)
        make_toy()
        test_toy()
        test_refused()
        if (DATA / "variants").is_dir():
            test_shipped()
    assert tools.checks >= 25, f"only {tools.checks} checks"
    print(f"variants_example: {tools.checks} checks")


if __name__ == "__main__":
    main()
