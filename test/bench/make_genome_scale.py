#!/usr/bin/env python3
"""A synthetic genome and its peaks at full scale, to time regds-build:
   make_genome_scale.py DIR [--bases 3.1e9] [--sets 919] [--intervals 50e6]
writes DIR/genome.fa, DIR/markers.tsv and DIR/peaks/*.narrowPeak.gz. The same arguments give the same files."""
import argparse
import gzip
import os
from concurrent.futures import ProcessPoolExecutor

import numpy as np

# Relative sizes of the 24 human chromosomes, in Mb.
SIZES = {"chr1": 249, "chr2": 243, "chr3": 198, "chr4": 191, "chr5": 181, "chr6": 171, "chr7": 159, "chr8": 146,
         "chr9": 141, "chr10": 136, "chr11": 135, "chr12": 134, "chr13": 115, "chr14": 107, "chr15": 103, "chr16": 90,
         "chr17": 81, "chr18": 78, "chr19": 59, "chr20": 63, "chr21": 48, "chr22": 51, "chrX": 155, "chrY": 59}
LINE = 60


def lengths(bases):
    total = sum(SIZES.values())
    return {name: int(bases * size / total) for name, size in SIZES.items()}


def write_genome(path, contigs):
    """Random bases, with N in the first 10 kb and for 3 % around the middle, as at telomeres and centromeres."""
    rng = np.random.default_rng(1)
    pool = np.frombuffer(b"ACGT", np.uint8)[rng.integers(0, 4, 1 << 24)]
    with open(path, "wb") as out:
        for name, length in contigs.items():
            out.write(b">%s\n" % name.encode())
            for begin in range(0, length, LINE << 16):
                count = min(LINE << 16, length - begin)
                codes = np.roll(pool, -int(rng.integers(0, 1 << 24)))[:count].copy()
                at = np.arange(begin, begin + count)
                codes[(at < 10000) | (np.abs(at - length // 2) < length * 3 // 200)] = ord("N")
                whole = count // LINE * LINE
                lines = np.full((whole // LINE, LINE + 1), ord("\n"), np.uint8)
                lines[:, :LINE] = codes[:whole].reshape(-1, LINE)
                out.write(lines.tobytes())
                if count > whole:
                    out.write(codes[whole:].tobytes() + b"\n")


def write_set(job):
    number, path, count, contigs = job
    rng = np.random.default_rng(1000 + number)
    total = sum(contigs.values())
    with gzip.open(path, "wt", compresslevel=1) as out:
        for name, length in contigs.items():
            rows = max(1, round(count * length / total))
            begins = rng.integers(0, length - 2000, rows)
            if number % 2 == 0:
                begins.sort()  # half of the files are sorted
            ends = begins + rng.integers(150, 1500, rows)
            form = name + "\t%d\t%d\t.\t0\t.\t7.5\t-1\t-1\t75\n"
            out.write("".join(map(form.__mod__, zip(begins.tolist(), ends.tolist()))))


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("dir")
    parser.add_argument("--bases", type=float, default=3.1e9)
    parser.add_argument("--sets", type=int, default=919)
    parser.add_argument("--intervals", type=float, default=50e6)
    args = parser.parse_args()
    os.makedirs(args.dir + "/peaks", exist_ok=True)
    contigs = lengths(args.bases)
    write_genome(args.dir + "/genome.fa", contigs)
    jobs = []
    with open(args.dir + "/markers.tsv", "w") as sheet:
        sheet.write("name\tclass\ttarget\tcell\tpeaks\n")
        for number in range(args.sets):
            name = f"set{number:04d}"
            marker_class = ("TFBS", "Histone", "DNase")[number % 3]
            sheet.write(f"{name}\t{marker_class}\tT{number}\tC{number % 100}\tpeaks/{name}.narrowPeak.gz\n")
            jobs.append((number, f"{args.dir}/peaks/{name}.narrowPeak.gz", args.intervals / args.sets, contigs))
    with ProcessPoolExecutor() as pool:
        list(pool.map(write_set, jobs))


if __name__ == "__main__":
    main()
