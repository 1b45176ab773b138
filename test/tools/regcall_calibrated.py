#!/usr/bin/env python3
"""regcall with a calibrated model from the outside: its probabilities and sites are those that its calibration, written here a
second time in numpy, makes of the plain probabilities that --raw gives."""
import json
import os
import subprocess
import sys
import tempfile

import regcall  # ends with 77 where something is missing
from regcall import np, out, run

EDIT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support", "edit_model.py")
NAMES = ("alpha", "be_ta", "gamma")


def between(values, share):
    """A number that is none of the values, by far, near this quantile."""
    values = np.unique(values)
    at = int(share * len(values))
    widest = at + int(np.argmax(np.diff(values[at:at + 200])))
    return float(np.float32(0.5 * (values[widest] + values[widest + 1])))


def mapped(marker, logits):
    line = marker["slope"] * logits + marker["intercept"]
    if "knots" not in marker:
        return line
    knots = np.array(marker["knots"])
    inside = np.interp(line, knots[:, 0], knots[:, 1])
    first, last = knots[0], knots[-1]
    return np.where(line < first[0], line + first[1] - first[0], np.where(line > last[0], line + last[1] - last[0], inside))


def calibration(logits):
    """Of each marker, from all of its logits: with a line, with knots and without sites."""
    markers = [{"slope": 1.5, "intercept": -0.5}, {"slope": 0.7, "intercept": 0.2}, {"slope": 1, "intercept": 0}]
    low, middle, high = np.quantile(0.7 * logits[1] + 0.2, (0.1, 0.5, 0.95))
    markers[1]["knots"] = [[float(low), float(low) - 1], [float(middle), float(middle) + 0.1], [float(high), float(high) + 2]]
    for marker, row in zip(markers, logits):
        row = mapped(marker, row)
        seed = {name: between(row, share) for name, share in (("f1", 0.97), (0.2, 0.98), (0.1, 0.985), (0.05, 0.99))}
        cutoffs = {name: {"seed": at, "precision": 0.6, "recall": 0.5, "calls": 250} for name, at in seed.items()}
        marker.update({"extension": between(row, 0.9), "merge_gap": 3, "min_length": 4, "f1": cutoffs["f1"],
                       "fdr": [cutoffs[0.05], cutoffs[0.1], cutoffs[0.2]],
                       "rates": [[between(row, 0.9), 0.8], [between(row, 0.97), 0.4], [between(row, 0.999), 0.002]]})
    markers[1]["f1"]["precision"] = 0.15
    none = {"seed": None, "precision": None, "recall": None, "calls": 0}
    markers[2].update({"f1": none, "fdr": [none, none, none]})
    return markers


def probability(logit):
    return 1 / (1 + np.exp(-logit))


def sites_of(values, markers, seeds, extensions, names):
    """[contig, begin, end, marker, score, mean, -log10 q, summit], sorted: values[marker][contig] are calibrated logits."""
    expected = []
    for order, contig in enumerate(names):
        for m, marker in enumerate(markers):
            if seeds[m] is None:
                continue
            row, runs = values[m][contig], []
            for at in np.flatnonzero(row >= extensions[m]):  # NaN is not
                gap = row[runs[-1][1]:at] if runs else None
                if runs and at - runs[-1][1] <= marker["merge_gap"] and not np.isnan(gap).any():
                    runs[-1][1] = at + 1
                else:
                    runs.append([at, at + 1])
            for begin, end in runs:
                part = row[begin:end]
                best = np.nanmax(part)
                if best < seeds[m] or end - begin < marker["min_length"]:
                    continue
                low = max(seeds[m], -10)
                high = max(marker["rates"][-1][0], low + 2)
                score = 100 + 900 * min(1, (best - low) / (high - low))
                rate = 1
                for seed, share in marker["rates"]:
                    if best >= seed:
                        rate = max(share, 1 / max(1, marker["f1"]["calls"]))
                q = -np.log10(rate) if marker["f1"]["calls"] else -1
                mean = probability(part[part >= extensions[m]]).mean()
                expected.append((order, int(begin), int(end), m, score, mean, q, best))
    return sorted(expected)


def check(lines, expected, values, names):
    assert len(lines) == len(expected) > 30, (len(lines), len(expected))
    for text, (order, begin, end, m, score, mean, q, best) in zip(lines, expected):
        line = text.split("\t")
        assert line[:4] == [names[order], str(begin), str(end), NAMES[m]] and line[5] == ".", (line, begin, end)
        assert abs(int(line[4]) - score) < 0.52, (line, score)
        assert abs(float(line[6]) - mean) < 6e-5, (line, mean)
        assert line[7] == "-1" and abs(float(line[8]) - q) < 6e-5, (line, q)
        summit = begin + int(line[9])
        assert begin <= summit < end and abs(values[m][names[order]][summit] - best) < 1e-4, line


def sites(*args):
    return [line for line in out("-m", "c.safetensors", "-f", "g.fa", *args).decode().splitlines()]


def main():
    with tempfile.TemporaryDirectory() as directory:
        os.chdir(directory)
        records = regcall.make_world(directory)
        names = [name for name, _ in records]
        plain = regcall.values_of(records)
        logits = [{name: np.log(v) - np.log1p(-v) for name, v in mine.items()} for mine in plain]
        markers = calibration([np.concatenate([v[~np.isnan(v)] for v in mine.values()]) for mine in logits])
        subprocess.run([EDIT, "m.safetensors", "c.safetensors", "metadata", "regkit.calls", json.dumps(markers)], check=True)
        values = [{name: mapped(marker, v) for name, v in mine.items()} for marker, mine in zip(markers, logits)]
        extensions = [marker["extension"] for marker in markers]

        # Sites at stored cutoffs, and at probabilities; what was said last of a marker counts.
        def seeds(which):
            return [which(marker)["seed"] for marker in markers]

        default = sites()
        check(default, sites_of(values, markers, seeds(lambda m: m["f1"]), extensions, names), values, names)
        assert default == sites("-c", "f1") == sites("-c", "0.5", "-c", "f1")
        check(sites("-c", "fdr:0.05"), sites_of(values, markers, seeds(lambda m: m["fdr"][0]), extensions, names), values, names)
        at = [round(float(probability(between(np.concatenate([v[~np.isnan(v)] for v in mine.values()]), 0.95))), 6) for mine in values]
        cut = [float(np.log(p) - np.log1p(-p)) for p in at]
        check(sites("-c", f"{at[0]}", "-c", f"be/ta={at[1]}", "-c", f"class:D*={at[0]}", "-c", f"gamma={at[2]}"),
              sites_of(values, markers, cut, cut, names), values, names)
        mixed = sites_of(values, markers, [cut[0], markers[1]["f1"]["seed"], None], [cut[0], extensions[1], 0], names)
        check(sites("-c", f"alpha={at[0]}"), mixed, values, names)
        short = [dict(marker, min_length=2, merge_gap=0) for marker in markers]
        check(sites("--min-length", "2", "--merge-gap", "0"),
              sites_of(values, short, seeds(lambda m: m["f1"]), extensions, names), values, names)

        # The same bytes with values beside them, from a stream, and by any tile.
        run("--no-version", "-m", "c.safetensors", "-f", "g.fa", "-o", "all.narrowPeak", "-o", "{marker}.bedGraph", "--round", "6")
        rounded = out("-m", "c.safetensors", "-f", "g.fa", "--round", "6")
        assert open("all.narrowPeak", "rb").read() == rounded
        assert out("-m", "c.safetensors", "--round", "6", "--tile", "1700", "g.fa") == rounded
        assert out("-m", "c.safetensors", "-f", "g.fa", "--round", "6", "-@", "1", "--tile", "3000") == rounded
        for m, name in enumerate(NAMES):
            got = {contig: np.full(len(bases), np.nan) for contig, bases in records}
            for line in open(f"{name}.bedGraph"):
                contig, begin, end, value = line.split("\t")
                got[contig][int(begin):int(end)] = float(value)
            for contig, mine in values[m].items():
                assert np.allclose(got[contig], probability(mine), rtol=0, atol=2e-6, equal_nan=True), (name, contig)

        # --raw is the model as it was.
        for args in (("-c", "0.1"), ("-c", "0.1", "--merge-gap", "9", "-O", "tsv"), ("-k", "gamma", "-O", "bedgraph"), ()):
            assert out("-m", "c.safetensors", "-f", "g.fa", "--raw", *args) == out("-m", "m.safetensors", "-f", "g.fa", *args), args

        # What is said.
        done = run("-m", "c.safetensors", "-f", "g.fa", "-r", "chr2:1-1000")
        said, header = done.stderr.decode(), done.stdout.decode()
        assert "warning: nothing is called of gamma: " in said and "right of be_ta (" in said and "not calibrated" not in said, said
        assert "\n##regcallValues=calibrated probability\n##regcallCutoff=f1 (probability " in header, header
        assert "\n##regcallNotCalled=gamma\n##regcallLowPrecision=be_ta\n" in header, header
        header = run("-m", "c.safetensors", "-f", "g.fa", "-r", "chr2:1-1000", "-k", "be/ta", "-O", "bedgraph").stdout.decode()
        assert "\n##regcallValues=calibrated probability\n" in header and "regcallCutoff" not in header, header
        os.chdir("/")
    return 0


if __name__ == "__main__":
    sys.exit(main())
