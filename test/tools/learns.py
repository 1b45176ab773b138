#!/usr/bin/env python3
"""deep-dilated, fifteen convolutions deep without batch norm, learns what a linear model could: bins rich in G and C. With the
weights of PyTorch's layers nothing of the sequence reaches its outputs, and that is told. On every instruction set of this
machine: learns.py"""
import json
import os
import random
import re
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
import tools
from tools import check, run, write

SOURCE = os.environ.get("REGKIT_SOURCE", ".")
SANITIZED = "REGKIT_SANITIZED" in os.environ
BINS, WINDOW, SHARE = 600, 600, 0.25
STEPS = 60


def make_data():
    rng = random.Random(3)
    rich = [rng.random() < SHARE for _ in range(BINS)]
    bases = "".join("".join(rng.choices("ACGT", [0.15, 0.35, 0.35, 0.15] if r else [0.3, 0.2, 0.2, 0.3], k=WINDOW)) for r in rich)
    write("ref.fa", ">chr1\n" + "\n".join(bases[i:i + 60] for i in range(0, len(bases), 60)) + "\n")
    write("rich.bed", "".join(f"chr1\t{i * WINDOW}\t{(i + 1) * WINDOW}\n" for i, r in enumerate(rich) if r))
    run("regds-build", "-f", "ref.fa", "--target", "bin", "--window", WINDOW, "--label-bin", WINDOW, "--keep-if", "all",
        "--valid", "chr1:1-60000", "--test", "chr1:60,001-120,000", "-o", "rich.regds", "rich.bed")


def train(architecture, isa, model):
    return run("regtrain", "-d", "rich.regds", "-a", architecture, "--steps", STEPS, "--batch", 16, "--lr", 0.003, "--dropout", 0,
               "--seed", 1, "--valid-every", 10, "-@", 1, "--isa", isa, "-o", model).stderr


def main():
    with tempfile.TemporaryDirectory() as scratch:
        source = os.path.abspath(SOURCE)
        os.chdir(scratch)
        make_data()
        words = run("regtrain", "-d", "rich.regds", "-a", "lr", "--isa", "none", "-o", "x", code=2).stderr
        isas = re.search("it has (.*)", words).group(1).split(", ")
        for isa in isas[:1] if SANITIZED else isas:
            words = train("deep-dilated", isa, f"{isa}.safetensors")
            check("constant" not in words, words)
            table = run("regeval", "-m", f"{isa}.safetensors", "-d", "rich.regds", "--isa", isa).stdout.splitlines()
            row = dict(zip(table[0].split("\t"), table[1].split("\t")))
            check(float(row["ap_over_prevalence"]) > 2, f"{isa}: {row}")
            print(f"{isa}: average precision {row['average_precision']}, prevalence {row['prevalence']}")

        with open(f"{source}/examples/models/deep-dilated.json") as f:
            spec = json.load(f)
        check(spec.pop("init") == "he", spec)
        write("torch.json", json.dumps(spec))
        words = train("torch.json", isas[0], "torch.safetensors")
        check("the model predicts a constant for 1 of 1 markers: it has learnt nothing about them yet" in words, words)
        check("the model written predicts a constant for 1 of 1 markers" in words, words)
        check("1 times the mean prevalence" in words, words)
        done = run("regeval", "-m", "torch.safetensors", "-d", "rich.regds")
        check("predicts a constant for 1 of 1 markers" in done.stderr and "pr_auc_trapezoid is NA" in done.stderr, done.stderr)
        table = done.stdout.splitlines()
        check(table[1].split("\t")[5] == "NA" and table[2].split("\t")[5] == "NA", table)
    assert tools.checks >= 7, tools.checks


if __name__ == "__main__":
    main()
