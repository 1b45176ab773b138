#!/usr/bin/env python3
"""Writes corpus/, the small valid inputs that the fuzz targets start from: what is binary is made by the tools themselves.
Run once, by hand, when a format changes: REGKIT_BIN=build/bin test/fuzz/make_corpus.py"""
import gzip
import json
import os
import pathlib
import shutil
import struct
import subprocess
import sys
import tempfile
import zlib

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "support"))
from tools import run

BIN = pathlib.Path(os.environ["REGKIT_BIN"]).resolve()
CORPUS = pathlib.Path(__file__).resolve().parent / "corpus"

FASTA = ">chr1 first\nACGTNacgtn\nRYKMSWBDHV\nACG\n>empty\n>chr2\r\nGATTACA\r\n"
BED = "#c\ntrack name=x\nchr1\t0\t10\nchr1 20 30 name 5 +\nchr2\t1\t7\tn\t1000\t-\t1\t7\t0,0,0\t2\t1,2\t0,4\n"
NARROW = "chr1\t5\t90\tp1\t500\t.\t10.5\t4\t3.5\t20\nchr2\t0\t7\tp2\t1000\t+\t7\t-1\t-1\t-1\n"
BROAD = "chr1\t5\t90\tp1\t500\t.\t10.5\t4\t3.5\n"
BEDGRAPH = "chr1\t0\t10\t0.5\nchr1\t10\t20\t-1e-3\n"
HEADER = ('##fileformat=VCFv4.2\n##contig=<ID=chr1,length=1000>\n##INFO=<ID=DP,Number=1,Type=Integer,Description="D">\n'
          '##INFO=<ID=REG_MAX,Number=A,Type=Float,Description="x",Source="regsnp">\n'
          '##FORMAT=<ID=GT,Number=1,Type=String,Description="G">\n##FILTER=<ID=q10,Description="q">\n')
COLUMNS = "#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO"
VCF = (HEADER + COLUMNS + "\tFORMAT\ts1\nchr1\t10\trs1\tA\tC,<DEL>,*\t29.5\tPASS\tDP=7;REG_MAX=0.5,.,.\tGT\t0/1\n"
       "chr1\t20\t.\tACG\tA\t.\tq10\t.\tGT\t.|.\n")
SITES = "##fileformat=VCFv4.2\r\n##contig=<ID=chr1>\r\n" + COLUMNS + "\r\nchr1\t5\t.\tN\tG]chr1:9]\t1e3\t.\tDP=1;X\r\n"
SPEC = {"name": "small", "description": "d", "task": "nucleotide", "window": 20, "dropout": 0.1, "layers": [
    {"name": "e", "type": "embedding", "filters": 2},
    {"name": "c", "type": "conv", "filters": 2, "width": 3, "stride": 2, "norm": True, "relu": True, "dropout": True},
    {"name": "u", "type": "up_conv", "filters": 2, "stride": 2},
    {"name": "d", "type": "dense"}]}
LSTM = {"name": "b", "task": "bin", "window": 8, "layers": [
    {"name": "o", "type": "one_hot"},
    {"name": "p", "type": "pool", "width": 2, "stride": 2, "padding": "valid"},
    {"name": "l", "type": "lstm", "filters": 2, "bidirectional": True},
    {"name": "a", "type": "add", "from": ["l", "l"]},
    {"name": "n", "type": "dense", "flatten": True}]}
MEME = """MEME version 4

ALPHABET= ACGT

strands: + -

Background letter frequencies
A 0.3 C 0.2 G 0.2 T 0.3

MOTIF MA0139.1 CTCF
letter-probability matrix: alength= 4 w= 2 nsites= 612 E= 0
 0.25 0.25 0.5 0
 0 0 0 1
URL http://jaspar.genereg.net/

MOTIF x
letter-probability matrix: w=1
1 0 0 0
"""
SHEET = "name\tclass\ttarget\tcell\tpeaks\nA.x\tTFBS\tA\tx\ta.narrowPeak.gz\nB\tDNase\t\t\tb.bed\n"


def put(target, name, content):
    folder = CORPUS / target
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_bytes(content.encode() if isinstance(content, str) else content)


def gzi(blocks):
    return struct.pack("<Q", len(blocks)) + b"".join(struct.pack("<QQ", *block) for block in blocks)


def bgzip(text):
    return subprocess.run(["bgzip", "-c"], input=text.encode(), stdout=subprocess.PIPE, check=True).stdout


def blocks(part):
    """What the blocks of a part file hold."""
    at = part.index(b"\n") + 1
    while at < len(part):
        size = struct.unpack_from("<I", part, at)[0]
        yield zlib.decompress(part[at + 12:at + 12 + size], -15)
        at += 12 + size


def texts():
    for target in ("fasta_file", "fasta_stream"):
        put(target, "plain", FASTA.replace("\r", "") if target == "fasta_file" else FASTA)
        put(target, "bgzip", bgzip(FASTA.replace("\r", "")))
    put("fasta_stream", "gzip", gzip.compress(FASTA.encode(), mtime=0))
    put("fai", "good", "chr1\t130\t12\t60\t61\nchr2\t7\t151\t7\t8\n")
    put("fai", "huge", "chr1\t9223372036854775807\t12\t60\t61\n")
    put("gzi", "none", gzi([]))
    for i, text in enumerate((BED, NARROW, BROAD, BEDGRAPH)):  # the first byte tells the format
        put("intervals", ("bed", "narrow_peak", "broad_peak", "bedgraph")[i], chr(i) + text)
    put("intervals", "bed.gz", b"\0" + gzip.compress(BED.encode(), mtime=0))
    put("regions_bed", "bed", BED)
    for name, text in (("whole", "chr1"), ("part", "chr2:1,000-2,000"), ("open", "chr1:100-"), ("braces", "{HLA:DRB1}:1-10")):
        put("region", name, text)
    for i, text in enumerate((VCF, SITES)):
        put("vcf", f"text{i}", chr(i) + text)
    put("vcf", "bgzip", b"\x05" + bgzip(VCF))
    for name, spec in (("conv", SPEC), ("lstm", LSTM)):
        put("spec", name, json.dumps(spec))
    put("sheet", "two", SHEET)
    put("meme", "two", MEME)
    put("alias", "table", "# names\n1\tchr1\nMT\tchrM\n")


def binaries(scratch):
    def path(name, text=None):
        if text is not None:
            (scratch / name).write_text(text)
        return str(scratch / name)

    bases = "ACGTTGCATC" * 40
    path("ref.fa", ">chr1\n" + bases + "\n>chr2\n" + bases + "\n")
    path("a.narrowPeak", NARROW)
    path("b.bed", "chr1\t100\t190\n")
    path("sheet.tsv", SHEET.replace(".gz", ""))
    run("regds-build", "-f", path("ref.fa"), "--sheet", path("sheet.tsv"), "--window", 20, "--valid", "chr1:1-100", "--test",
        "chr2:1-100", "--no-version", "-o", path("d.regds"))
    parts = []
    for name in ("dataset.json", "reference.dict", "markers.tsv", "windows.bed.gz", "peaks.bed.gz"):
        data = (scratch / "d.regds" / name).read_bytes()
        parts.append(gzip.decompress(data) if name.endswith(".gz") else data.replace(str(scratch).encode(), b""))
    put("dataset", "peaks", b"@@@@\n".join(parts))
    run("random_model", path("m"), path("spec.json", json.dumps(SPEC)), 1, "chr1:400", "A.x=TFBS", "B=DNase")
    for target in ("safetensors", "model"):
        put(target, "conv", (scratch / "m").read_bytes())
    run("regcall", "-m", path("m"), "-f", path("ref.fa"), "-r", "chr1:1-40", "--no-version", "-o", path("{marker}.bw"))
    os.chdir(scratch)  # a part says where its model lies
    for name, options in (("runs", ("-O", "bed", "-c", "0.4")), ("values", ("-O", "bigwig"))):
        run("regcall", "-m", "m", "-f", "ref.fa", "-r", "chr1:1-200", "--shard", "1/1", *options, "-o", "part", folder=BIN)
        put("part", name, b"@@@@\n".join(blocks((scratch / "part").read_bytes())))
    put("bigwig", "one", (scratch / "B.bw").read_bytes())
    (scratch / "in.vcf").write_text(VCF)
    subprocess.run(["bcftools", "view", "--no-version", "-Ou", "-o", path("in.bcf"), path("in.vcf")], check=True)
    put("vcf", "bcf", b"\x03" + (scratch / "in.bcf").read_bytes())


def main():
    shutil.rmtree(CORPUS, ignore_errors=True)
    texts()
    with tempfile.TemporaryDirectory() as folder:
        binaries(pathlib.Path(folder))
    print(f"{sum(file.stat().st_size for file in CORPUS.glob('*/*'))} bytes in {len(list(CORPUS.glob('*/*')))} files")


main()
