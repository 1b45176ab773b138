#!/usr/bin/env python3
"""Gradients against mutagenesis, at CTCF sites that the model has not seen.

  attribution.py DATA WORK [SITES]

The SITES (200) strongest CTCF peaks of GM12878 on 8-26.3 Mb, central 40 bases. What is explained is the logit of CTCF.GM12878 at the
summit: by gradient times input, by integrated gradients (five shuffled baselines, 32 steps), and by the negative mean change of the three
substitutions of each base. Spearman's correlation over the 40 bases of each site, median; the same of an untrained model, at a quarter
of the sites. And how
nearly integrated gradients sum up to the difference of the predictions."""
import os
import re
import statistics
import sys

import numpy as np
from scipy.stats import spearmanr

import common

MARKER = "CTCF.GM12878"


def main():
    data, work = sys.argv[1:3]
    count = int(sys.argv[3]) if len(sys.argv) > 3 else 200
    found = common.peaks(data, MARKER)
    found = found[(found[:, 0] > 8_000_000) & (found[:, 1] < 26_300_000)]
    summits = found[np.argsort(-found[:, 3], kind="stable")[:count], 2].astype(int)
    untrained = os.path.join(work, "untrained.safetensors")
    if not os.path.exists(untrained):
        common.tool("random_model", untrained, "strided-residual", 1, "chr20:63025520", f"{MARKER}=TFBS")
    how = {"input": (), "integrated": ("--baseline", "shuffled:5", "--steps", 32)}
    print(f"## Gradients and mutagenesis: {count} CTCF sites, 40 bases each (untrained: {count // 4})\n")
    print("| model | method | Spearman, median | quartiles | sums off by, median | largest |\n|---|---|---|---|---|---|")
    for model in ("right", "untrained"):
        path = os.path.join(work, f"{model}.safetensors")
        correlations = {"input": [], "integrated": []}
        off = []
        for summit in summits if model == "right" else summits[:count // 4]:
            region = ("-m", path, "-f", os.path.join(work, "chr20.fa"), "-k", MARKER, "-r", f"chr20:{summit - 19}-{summit + 20}",
                      "--target", f"chr20:{summit + 1}-{summit + 1}", "--no-version")
            mutated = os.path.join(work, "ism.npz")
            common.tool("regsnp", "ism", *region, "-o", mutated)
            effects = np.load(mutated)["projected"][0]
            for method, kept in correlations.items():
                out = os.path.join(work, "grad.npz")
                _, told = common.tool("regsnp", "grad", *region, "--method", method, *how[method], "-o", out, quiet=False)
                kept.append(spearmanr(np.load(out)["projected"][0], effects).statistic)
                if method == "integrated":
                    off += [float(value) for value in re.findall(r"(?:within|only) ([0-9.]+) %", told)[-1:]]
        for method, kept in correlations.items():
            low, middle, high = np.nanpercentile(kept, (25, 50, 75))
            sums = f"{statistics.median(off):.2f} % | {max(off):.2f} %" if method == "integrated" and off else "| "
            print(f"| {model} | {method} | {middle:.2f} | {low:.2f}-{high:.2f} | {sums} |")


main()
