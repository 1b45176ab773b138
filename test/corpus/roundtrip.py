#!/usr/bin/env python3
"""regsnp over every VCF and BCF file below a folder: what it was given leaves as it came. roundtrip.py FOLDER [--keep FOLDER]

Each file gets a reference of its own, made of the REFs of its records, so that it need not be of any known genome. Text is
compared byte for byte: header lines are all there and in order, ours come last; of a record every column is the same, and
INFO only longer. BCF is compared so in the text that bcftools makes of both. Text that is compressed goes to a compressed
output, else to plain text. Printed are the counts, each file that regsnp refuses with its words, and each change. Ends with
1 when something changed, was lost, or ended without a message. --keep: such files are copied there.
Debian has such files: apt-get download htslib-test python-pysam-tests vt-examples shapeit4-example; dpkg-deb -x."""
import argparse
import collections
import gzip
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
TOOLS = os.path.abspath(os.environ.get("REGKIT_BIN", "build/bin"))
MODEL = HERE.parent / "tools" / "data" / "tiny.safetensors"
NAMES = re.compile(r"\.(vcf|bcf)(\.b?gz)?$", re.IGNORECASE)
COLUMNS = ["CHROM", "POS", "ID", "REF", "ALT", "QUAL", "FILTER", "INFO"]
OURS = re.compile(rb"##(INFO=<ID=REG_|contig=|regsnp|reg_)")
BEYOND = 500            # bases of a contig after its last record
LONGEST = 1 << 30       # bases of a contig that a header is believed
LARGEST = 4 << 30       # bases of a reference
PIECE = b"N" * (1 << 22)
IUPAC = re.compile(rb"[ACGTUNRYKMSWBDHV]+", re.IGNORECASE)
TIMEOUT = 600


class Odd(Exception):
    """What is no VCF to begin with."""


def plain(path):
    data = path.read_bytes()
    if data[:2] == b"\x1f\x8b":
        try:
            data = gzip.decompress(data)
        except (OSError, EOFError) as error:
            raise Odd(f"gzip: {error}") from error
    return data


def as_text(path):
    """The text of a VCF, or of a BCF as bcftools has it."""
    data = plain(path)
    if not data.startswith(b"BCF"):
        return data
    done = subprocess.run(["bcftools", "view", "--no-version", path], capture_output=True)
    if done.returncode != 0:
        raise Odd("bcftools: " + done.stderr.decode(errors="replace").strip()[-200:])
    return done.stdout


def split(text):
    """Header lines and records, with their ends."""
    lines = text.splitlines(keepends=True) if b"\r" not in text else re.findall(rb"[^\n]*\n|[^\n]+", text)
    records = [line for line in lines if not line.startswith(b"#")]
    return [line for line in lines if line.startswith(b"#")], records


class Reference:
    """A FASTA file that stands for all: N but for the REFs of the records, where later ones win. One line a contig. While
    contigs and lengths stay the same only the REFs are replaced."""

    def __init__(self, folder):
        self.path, self.sizes, self.written = folder / "ref.fa", None, []

    def make(self, header, records):
        told = {name: int(size) for name, size in re.findall(rb"##contig=<ID=([^,>]+),.*?length=(\d+)", b"".join(header))}
        contigs = collections.defaultdict(list)
        for line in records:
            fields = line.split(b"\t", 4)
            if len(fields) == 5 and fields[1].isdigit() and IUPAC.fullmatch(fields[3]):
                contigs[fields[0]].append((max(int(fields[1]) - 1, 0), fields[3].upper()))
        contigs = contigs or {b"none": [(0, b"A")]}
        sizes = {}
        for name, refs in contigs.items():
            last = max(at + len(ref) for at, ref in refs)
            sizes[name] = told[name] if last <= told.get(name, 0) <= LONGEST else last + BEYOND
        if sum(sizes.values()) > LARGEST:
            raise Odd(f"its reference would have {sum(sizes.values())} bases")
        if sizes != self.sizes:
            self.write(sizes)
        with open(self.path, "r+b") as fasta:
            for at, size in self.written:
                fasta.seek(at)
                fasta.write(b"N" * size)
            self.written = [(self.offsets[name] + at, len(ref)) for name, refs in contigs.items() for at, ref in refs]
            for (at, _), (_, ref) in zip(self.written, (ref for refs in contigs.values() for ref in refs)):
                fasta.seek(at)
                fasta.write(ref)

    def write(self, sizes):
        self.sizes, self.offsets, self.written = None, {}, []
        with open(self.path, "wb") as fasta, open(f"{self.path}.fai", "wb") as index:
            for name, size in sizes.items():
                fasta.write(b">" + name + b"\n")
                self.offsets[name] = fasta.tell()
                index.write(b"%s\t%d\t%d\t%d\t%d\n" % (name, size, fasta.tell(), size, size + 1))
                for at in range(0, size, len(PIECE)):
                    fasta.write(PIECE[:size - at])
                fasta.write(b"\n")
        self.sizes = sizes


def info_changes(old, new):
    """INFO is the same, or has ours behind it."""
    if new == old:
        return False
    kept = b"" if old == b"." else old.rstrip(b";")
    ours = new.removeprefix(kept).lstrip(b";").split(b";") if new.startswith(kept) else [b""]
    return not all(field.startswith(b"REG_") for field in ours)


def record_changes(old, new):
    """Names of the columns that differ."""
    ends = [b"\r\n" if line.endswith(b"\r\n") else b"\n" for line in (old, new)]
    if ends[0] != ends[1]:
        yield "line end"
    one, two = old.rstrip(b"\r\n").split(b"\t"), new.rstrip(b"\r\n").split(b"\t")
    if len(one) != len(two):
        yield "number of columns"
        return
    for i, (before, after) in enumerate(zip(one, two)):
        if info_changes(before, after) if i == 7 else before != after:
            yield COLUMNS[i] if i < len(COLUMNS) else "FORMAT" if i == 8 else "samples"


def header_changes(old, new):
    """Lines that went or moved, and lines that came and are not ours."""
    new = list(new)
    for line in old:
        line = line.rstrip(b"\r\n")
        while new and new[0].rstrip(b"\r\n") != line and OURS.match(new[0]):
            new.pop(0)
        if new and new[0].rstrip(b"\r\n") == line:
            new.pop(0)
        elif not line.startswith(b"##INFO=<ID=REG_"):
            yield "header line " + line.decode(errors="replace")[:100]
            return
    for line in new:
        if not OURS.match(line):
            yield "new header line " + line.decode(errors="replace")[:100]


def changes(old, new):
    """Counts by what differs between two texts, with an example each."""
    (old_header, old_records), (new_header, new_records) = split(old), split(new)
    found, examples = collections.Counter(), {}

    def add(what, example):
        found[what] += 1
        examples.setdefault(what, example)

    for what in header_changes(old_header, new_header):
        add(what, "")
    if len(old_records) != len(new_records):
        add("number of records", f"{len(old_records)} -> {len(new_records)}")
    for before, after in zip(old_records, new_records):
        for what in record_changes(before, after):
            add(what, f"{before.decode(errors='replace').strip()[:300]}\n  ->  {after.decode(errors='replace').strip()[:300]}")
    return found, examples


def one(path, scratch, reference, counts):
    """What is wrong with one file; counts what is not."""
    bcf = plain(path).startswith(b"BCF")
    before = as_text(path)
    header, records = split(before)
    reference.make(header, records)
    out = scratch / ("out.bcf" if bcf else "out.vcf.gz" if path.read_bytes()[:2] == b"\x1f\x8b" else "out.vcf")
    for old in scratch.glob("out.*"):
        old.unlink()
    done = subprocess.run([f"{TOOLS}/regsnp", "annotate", "-m", MODEL, "-f", reference.path, "--no-version", "-@", "1",
                           "--ref-mismatch", "skip", "--missing-contig", "skip", "-o", out, path], capture_output=True, timeout=TIMEOUT)
    words = done.stderr.decode(errors="replace").strip()
    if done.returncode != 0:
        counts["refused"] += 1
        print(f"refused ({done.returncode}): {path}\n    {words.splitlines()[-1][:400] if words else 'without a word'}")
        return not words.startswith("regsnp: ") and "\nregsnp: " not in words or out.exists()
    if before and not before.endswith(b"\n"):
        before += b"\n"  # which regsnp adds, and says so
    found, examples = changes(before, as_text(out))
    counts["records"] += len(records)
    counts["bcf" if bcf else "text"] += 1
    for what, count in found.items():
        counts[f"changed {what.split(' line ')[0]}"] += count
        print(f"CHANGED {what}, {count} times: {path}\n    {examples[what]}")
    return bool(found)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("--keep", type=pathlib.Path)
    arguments = parser.parse_args()
    counts, bad = collections.Counter(), 0
    in_memory = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
    with tempfile.TemporaryDirectory(dir=in_memory) as scratch:
        reference = Reference(pathlib.Path(scratch))
        for path in sorted(arguments.folder.rglob("*")):
            if not NAMES.search(path.name) or not path.is_file() or path.stat().st_size == 0:
                continue
            try:
                wrong = one(path, pathlib.Path(scratch), reference, counts)
            except Odd as error:
                counts["left out"] += 1
                print(f"left out: {path}: {error}")
                continue
            except subprocess.TimeoutExpired:
                wrong = True
                print(f"HANGS: {path}")
            counts["files"] += 1
            bad += wrong
            if wrong and arguments.keep:
                arguments.keep.mkdir(parents=True, exist_ok=True)
                shutil.copy(path, arguments.keep / "_".join(path.relative_to(arguments.folder).parts))
    print("round trip: " + ", ".join(f"{name} {count}" for name, count in sorted(counts.items())) + f"; {bad} files not as they came")
    sys.exit(bad > 0 or counts["files"] == 0)


main()
