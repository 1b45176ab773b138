#!/usr/bin/env python3
"""Variants a second: regsnp beside whole windows and PyTorch, by turns.

  variant_speed.py [--bin build/bin] [--before FOLDER] [--threads 2] [--rounds 3] [--markers 172] [--cpu-time]

`dilated` with random weights. Saturation mutagenesis of 1 kb (3,000 substitutions), effects within 500 bases, is done by regsnp
(start and output included) and, for ALT alone, the reference being free: by our own windows of 25,000 bases (model_speed), by
PyTorch tuned (peer_torch.py) on windows of 25,000 bases, and on windows cropped to what 1,001 bases of predictions depend on, with
the tail run on these bases only. Then variants of a whole genome's density: one in 2,500 bases, in 30 Mb. --before: an older
build's regsnp on the same files. The full map (--span: the model's field) too. Medians over rounds; --cpu-time: processor time."""
import argparse
import json
import os
import random
import resource
import statistics
import struct
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
from peer_torch import environment  # noqa: E402

PYTHON = os.environ.get("REGKIT_PYTHON", "/usr/bin/python3")
SPEC = os.path.join(HERE, "..", "..", "examples", "models", "dilated.json")
FIELD = 10810


def write_model(path, markers):
    """Random weights of about the size that training gives, in regkit's own format."""
    rng = random.Random(1)
    spec = json.load(open(SPEC))
    tensors, channels = {}, 0

    def fill(name, *shape):
        count, fan = 1, 1
        for n in shape:
            count *= n
        for n in shape[1:]:
            fan *= n
        tensors[name] = (shape, [rng.uniform(-1, 1) / fan ** 0.5 for _ in range(count)])

    for layer in spec["layers"]:
        name, filters = layer["name"], layer.get("filters", markers)
        if layer["type"] == "embedding":
            fill(f"{name}.weight", 5, filters)
        else:
            width = (layer.get("width", 1),) if layer["type"] == "conv" else ()
            if layer["type"] == "up_conv":
                fill(f"{name}.weight", channels, filters, layer["stride"])
            else:
                fill(f"{name}.weight", filters, channels, *width)
            fill(f"{name}.bias", filters)
            if layer.get("norm"):
                for part in ("weight", "running_var"):
                    tensors[f"{name}.norm.{part}"] = ((filters,), [1.0] * filters)
                for part in ("bias", "running_mean"):
                    tensors[f"{name}.norm.{part}"] = ((filters,), [0.0] * filters)
        channels = filters
    tensors[f"{name}.bias"] = ((markers,), [-4.0] * markers)  # as prevalences of 2 % give
    header = {"__metadata__": {"format": "pt", "regkit.model": "1", "regkit.reference": "[]", "regkit.summary": "{}", "regkit.spec": json.dumps(spec), "regkit.markers": json.dumps(
        [{"name": f"M{i}", "class": "TFBS", "cell": "", "target": "", "prevalence": 0.02} for i in range(markers)])}}
    at = 0
    for name, (shape, values) in tensors.items():
        header[name] = {"dtype": "F32", "shape": list(shape), "data_offsets": [at, at + 4 * len(values)]}
        at += 4 * len(values)
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    with open(path, "wb") as out:
        out.write(struct.pack("<Q", len(text)) + text)
        for _, values in tensors.values():
            out.write(struct.pack(f"<{len(values)}f", *values))


def write_inputs(folder):
    """genome.fa of 31 Mb; ism.vcf: 3,000 substitutions of 1 kb; sparse.vcf: one in 2,500 bases."""
    rng = random.Random(2)
    bases = "".join(rng.choices("ACGT", k=31_000_000))
    with open(f"{folder}/genome.fa", "w") as out:
        out.write(">chr1\n" + "\n".join(bases[i : i + 100] for i in range(0, len(bases), 100)) + "\n")
    head = "##fileformat=VCFv4.2\n##contig=<ID=chr1,length=31000000>\n#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\n"
    with open(f"{folder}/ism.vcf", "w") as out:
        out.write(head)
        for p in range(1_000_000, 1_001_000):
            for alt in "ACGT".replace(bases[p], ""):
                out.write(f"chr1\t{p + 1}\t.\t{bases[p]}\t{alt}\t.\t.\t.\n")
    with open(f"{folder}/sparse.vcf", "w") as out:
        out.write(head)
        for p in sorted(rng.sample(range(500_000, 30_500_000), 12_000)):
            out.write(f"chr1\t{p + 1}\t.\t{bases[p]}\t{rng.choice('ACGT'.replace(bases[p], ''))}\t.\t.\t.\n")


def timed(command, cpu, env=None):
    begin, before = time.perf_counter(), resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run(command, env={**os.environ, **(env or {})}, capture_output=True, text=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode:
        sys.exit(f"{' '.join(command)}: {done.stderr.strip()[-500:]}")
    wall, used = time.perf_counter() - begin, sum(getattr(after, k) - getattr(before, k) for k in ("ru_utime", "ru_stime"))
    return (used if cpu else wall), done.stdout


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--bin", default="build/bin")
    p.add_argument("--before")
    p.add_argument("--threads", type=int, default=2)
    p.add_argument("--rounds", type=int, default=3)
    p.add_argument("--markers", type=int, default=172)
    p.add_argument("--precision", default="f32")
    p.add_argument("--cpu-time", action="store_true")
    a = p.parse_args()
    rates = {}
    with tempfile.TemporaryDirectory() as folder:
        write_model(f"{folder}/model.safetensors", a.markers)
        write_inputs(folder)

        def regsnp(name, binaries, vcf, variants, span):
            seconds, _ = timed([f"{binaries}/regsnp", "-m", f"{folder}/model.safetensors", "-f", f"{folder}/genome.fa", "--span",
                                str(span), "-@", str(a.threads), "--precision", a.precision, "-o", f"{folder}/out.vcf",
                                f"{folder}/{vcf}"], a.cpu_time)
            rates.setdefault(name, []).append(variants / seconds)

        def windows(name, command, env=None):
            _, out = timed(command, False, env)
            steps = [float(line) for line in out.splitlines() if line[:1].isdigit()]
            rates.setdefault(name, []).append(1 / statistics.median(steps))

        torch = [PYTHON, f"{HERE}/peer_torch.py", "infer", "tuned", "dilated", "--markers", str(a.markers), "--threads",
                 str(a.threads), "--seconds", "4", "--precision", a.precision] + ["--cpu-time"] * a.cpu_time
        for _ in range(a.rounds):
            regsnp("1 kb, 500 bases", a.bin, "ism.vcf", 3000, 500)
            regsnp("1 kb, full map", a.bin, "ism.vcf", 3000, 5400)
            regsnp("one in 2.5 kb, 500 bases", a.bin, "sparse.vcf", 12000, 500)
            if a.before:
                regsnp("before: 1 kb, 500 bases", a.before, "ism.vcf", 3000, 500)
                regsnp("before: one in 2.5 kb, 500 bases", a.before, "sparse.vcf", 12000, 500)
            windows("our windows of 25 kb", [f"{a.bin}/model_speed", "infer", SPEC, "1", str(a.markers), str(a.threads), "4",
                                             "cpu" if a.cpu_time else "wall", "cpu", a.precision])
            windows("PyTorch, 25 kb", torch, environment(True, a.threads))
            windows("PyTorch, cropped", torch + ["--window", str(1010 + FIELD // 10 * 10), "--keep", "1010"],
                    environment(True, a.threads))
    print(f"{a.markers} markers, {a.threads} threads, {a.precision}, load {os.getloadavg()[0]:.1f}, "
          f"{'processor' if a.cpu_time else 'wall'} time\n\n| what | variants/s | least | most |\n|---|---|---|---|")
    for name, values in rates.items():
        print(f"| {name} | {statistics.median(values):.1f} | {min(values):.1f} | {max(values):.1f} |")


main()
