#!/usr/bin/env python3
"""regtrain and regeval from end to end against programs we did not write, once for each instruction set that the machine has:
a small cnn7 is trained, run by PyTorch from its own file over the test windows, and scikit-learn scores the logits. N and
excluded positions are left out on both sides.

What is to be learnt is a repeat that no random sequence has and every phase of the first convolution's stride sees: after 60
steps its average precision is .94 to .997 (five seeds, four instruction sets), so that no rounding decides whether it is
learnt."""
import csv
import json
import os
import random
import sys
import tempfile

python = os.environ.get("REGKIT_PYTHON", "/usr/bin/python3")
if os.path.realpath(python) != os.path.realpath(sys.executable):
    os.execv(python, [python] + sys.argv)
try:
    import numpy as np
    import torch
    from sklearn import metrics
except ImportError as missing:
    print(f"SKIPPED: needs python3-torch, python3-sklearn and python3-numpy ({missing})")
    sys.exit(77)

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
from tools import cpu_isas, run
from torch_presets import Net, load_file, preset_spec

WINDOW, LENGTH, TEST = 5000, 200_000, (50_000, 100_000)
GAP, EXCLUDED = (61_000, 61_400), (70_000, 73_000)
REPEAT = "CA" * 15
TOLERANCE = 1e-4
FILTERS = 24  # of a layer, at most


def make_data(folder):
    rng = random.Random(11)
    bases = [rng.choice("ACGT") for _ in range(LENGTH)]
    labels = np.zeros((3, LENGTH), bool)  # the last marker has no peak in the test region
    for at in range(100, LENGTH - 300, 400):
        begin = at + rng.randrange(200)
        if rng.random() < 0.6:
            bases[begin:begin + len(REPEAT)] = REPEAT
            labels[0, begin - 10:begin + 30] = True
        if rng.random() < 0.2:
            labels[1, begin:begin + 120] = True
    labels[2, 1000:1300] = True
    bases[GAP[0]:GAP[1]] = "N" * (GAP[1] - GAP[0])
    with open(f"{folder}/ref.fa", "w") as f:
        f.write(">chrA\n" + "\n".join("".join(bases[i:i + 60]) for i in range(0, LENGTH, 60)) + "\n")
    for name, row in zip("abc", labels):
        edges = np.flatnonzero(np.diff(np.concatenate([[0], row.astype(np.int8), [0]])))
        with open(f"{folder}/{name}.bed", "w") as f:
            f.writelines(f"chrA\t{b}\t{e}\n" for b, e in edges.reshape(-1, 2))
    with open(f"{folder}/most.bed", "w") as f:
        f.write(f"chrA\t{EXCLUDED[0]}\t{EXCLUDED[1]}\n")
    return np.array(["NACGT".index(b) for b in bases]), labels


def expected(labels, logits):
    precision, recall, _ = metrics.precision_recall_curve(labels, logits)
    return {
        "roc_auc": metrics.roc_auc_score(labels, logits),
        "average_precision": metrics.average_precision_score(labels, logits),
        # Between distinct cutoffs; scikit-learn's last point, precision 1 at recall 0, belongs to none.
        "pr_auc_trapezoid": metrics.auc(recall, np.append(precision[:-1], precision[-2])),
        "prevalence": labels.mean(),
        "positives": labels.sum(),
    }


def recall_between(labels, logits):
    """Recall at a false discovery rate of 5 % jumps from cutoff to cutoff, and regeval's cutoffs are those of its grid, between
    which lie some positions of thousands: the best at .5 % more precision is reached, and the best at the same is passed by
    rounding alone."""
    precision, recall, _ = metrics.precision_recall_curve(labels, logits)
    return recall[precision >= 0.955].max(), recall[precision >= 0.9499].max()


def check(isa, folder, spec, codes, labels):
    data, model, table = (f"{folder}/{name}" for name in ("x.regds", f"{isa}.safetensors", f"{isa}.tsv"))
    run("regtrain", "-d", data, "-a", f"{folder}/spec.json", "--steps", 60, "--batch", 4, "--lr", 0.003, "--isa", isa, "-o", model)
    run("regeval", "-m", model, "-d", data, "--exclude", f"{folder}/most.bed", "--isa", isa, "-o", table)

    net = Net(spec, 3)
    net.load_state_dict(load_file(model), strict=False)
    net.eval()
    span = slice(*TEST)
    with torch.no_grad():  # the test region is a whole number of windows
        logits = net(torch.from_numpy(codes[span].reshape(-1, WINDOW))).permute(1, 0, 2).reshape(3, -1).numpy()
    position = np.arange(*TEST)
    keep = (codes[span] != 0) & ~((position >= EXCLUDED[0]) & (position < EXCLUDED[1]))

    with open(table) as f:
        rows = {row["marker"]: row for row in csv.DictReader(f, delimiter="\t")}
    for index, name in enumerate("ab"):
        mine, theirs = labels[index][span][keep], logits[index][keep]
        low, high = recall_between(mine, theirs)
        if not low <= float(rows[name]["recall_at_fdr05"]) + 1e-6 <= high + 2e-6:
            sys.exit(f"{isa}, marker {name}: recall_at_fdr05 {rows[name]['recall_at_fdr05']}, scikit-learn: {low} to {high}")
        for column, value in expected(mine, theirs).items():
            difference = abs(float(rows[name][column]) - value)
            if not difference <= TOLERANCE:
                sys.exit(f"{isa}, marker {name}: {column} {rows[name][column]}, scikit-learn on PyTorch's logits: {value}")
            print(f"{isa}\t{name}\t{column}\t{value:.6g}\t{difference:.1g}")
    if rows["c"]["roc_auc"] != "NA" or rows["c"]["average_precision"] != "NA":
        sys.exit("a marker without positives must be NA")
    mean = sum(float(rows[name]["average_precision"]) for name in "ab") / 2
    if not abs(float(rows["mean"]["average_precision"]) - mean) <= 1e-5:
        sys.exit(f"class mean {rows['mean']['average_precision']}, of its markers {mean}")
    if not float(rows["a"]["average_precision"]) > 0.8:
        sys.exit(f"{isa}: what was planted was not learnt: the comparison would say little")


def main():
    spec = preset_spec("cnn7", WINDOW)
    for layer in spec["layers"]:
        layer["filters"] = min(layer.get("filters", FILTERS), FILTERS)
    del spec["layers"][-1]["filters"]  # as many as there are markers
    with tempfile.TemporaryDirectory() as folder:
        codes, labels = make_data(folder)
        with open(f"{folder}/spec.json", "w") as f:
            json.dump(spec, f)
        run("regds-build", "-f", f"{folder}/ref.fa", "--window", WINDOW, "--test", f"chrA:{TEST[0] + 1}-{TEST[1]}",
            "--valid", "chrA:1-20000", "-o", f"{folder}/x.regds", *(f"{folder}/{name}.bed" for name in "abc"))
        for isa in cpu_isas():
            check(isa, folder, spec, codes, labels)


main()
