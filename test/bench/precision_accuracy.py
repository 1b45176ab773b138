#!/usr/bin/env python3
"""What bf16 costs in accuracy: the same training in f32 and in bf16, evaluated on the test arm, beside what a seed changes.

  precision_accuracy.py DATASET.regds [--bin build/bin] [--fasta REF] [--preset dilated] [--epochs 2 | --steps N] [--seeds 1,2]
                        [--threads N] [--folder DIR]

By hand: hours for two epochs of a chromosome. One process after the other; models and tables that are in --folder already are
taken from there, so that a run can be repeated where it ended. Prints mean average precision of each class: of each training,
evaluated in its own precision, and of the model trained in f32 evaluated in bf16; then the differences, all against the target of
issue 4, 0.002 in each class.
"""
import argparse
import csv
import os
import subprocess


def run(command):
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(f"{' '.join(command)}: {done.stderr.strip()[-500:]}")


def train(a, seed, precision):
    model = os.path.join(a.folder, f"{precision}.{seed}.safetensors")
    length = ["--steps", str(a.steps)] if a.steps else ["--epochs", str(a.epochs)]
    if not os.path.exists(model):
        run([os.path.join(a.bin, "regtrain"), "-d", a.dataset, *a.reference, "-a", a.preset, "-o", model, *length, "--batch", "8",
             "--lr", "1e-3", "--dropout", "0.1", "--seed", str(seed), "--precision", precision, "-@", str(a.threads), "--resume",
             "--progress", "none"])
    return model


def evaluate(a, model, precision):
    """{class: mean average precision} of the test arm."""
    table = f"{model.removesuffix('.safetensors')}.in-{precision}.tsv"
    if not os.path.exists(table):
        run([os.path.join(a.bin, "regeval"), "-m", model, "-d", a.dataset, *a.reference, "--split", "test", "--precision", precision,
             "-@", str(a.threads), "-o", table, "--progress", "none"])
    with open(table) as f:
        rows = csv.DictReader((line for line in f if not line.startswith("##")), delimiter="\t")
        means = {row["class"]: row for row in rows if row["marker"] == "mean"}
    a.prevalence = {name: float(row["prevalence"]) for name, row in means.items()}
    return {name: float(row["average_precision"]) for name, row in means.items()}


def main():
    p = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    p.add_argument("dataset")
    p.add_argument("--bin", default=os.environ.get("REGKIT_BIN", "build/bin"))
    p.add_argument("--fasta", help="where it is not the one that the data set remembers")
    p.add_argument("--preset", default="dilated")
    p.add_argument("--epochs", type=float, default=2)
    p.add_argument("--steps", type=int, help="in place of --epochs")
    p.add_argument("--seeds", default="1,2")
    p.add_argument("--threads", type=int, default=0)
    p.add_argument("--folder", default="precision_accuracy", help="of models and tables")
    a = p.parse_args()
    a.reference = ["-f", a.fasta] if a.fasta else []
    os.makedirs(a.folder, exist_ok=True)
    seeds = a.seeds.split(",")
    found, differences = {}, {}
    for seed in seeds:
        models = {precision: train(a, seed, precision) for precision in ("f32", "bf16")}
        f32 = found[f"f32, seed {seed}"] = evaluate(a, models["f32"], "f32")
        pure = found[f"f32, seed {seed}, evaluated in bf16"] = evaluate(a, models["f32"], "bf16")
        bf16 = found[f"bf16, seed {seed}"] = evaluate(a, models["bf16"], "bf16")
        differences[f"bf16 - f32, seed {seed}"] = (f32, bf16)
        differences[f"evaluated in bf16 - in f32, seed {seed}"] = (f32, pure)
    for seed in seeds[1:]:
        differences[f"f32, seed {seed} - seed {seeds[0]}"] = (found[f"f32, seed {seeds[0]}"], found[f"f32, seed {seed}"])
    classes = list(found[f"f32, seed {seeds[0]}"])
    print("| mean average precision, test (times the mean prevalence) | " + " | ".join(classes) + " |\n|---|" + "---|" * len(classes))
    for name, values in found.items():
        print(f"| {name} | " + " | ".join(f"{values[c]:.5f} ({values[c] / a.prevalence[c]:.2f})" for c in classes) + " |")
    print("| mean prevalence | " + " | ".join(f"{a.prevalence[c]:.5f}" for c in classes) + " |")
    for name, (before, after) in differences.items():
        print(f"| {name} | " + " | ".join(f"{after[c] - before[c]:+.5f}" for c in classes) + " |")


main()
