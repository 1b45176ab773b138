#!/usr/bin/env python3
"""The tools on a device, beside the CPU: tools_on_device.py WHAT DEVICE KERNELS..., where WHAT is
    numbers     a small model is trained on the device in f32; its PR AUC there, with each choice of kernels, is the CPU's
    resume      training that goes on from a checkpoint ends with the same bytes, and so do two whole runs; two processes that
                share the device train, and say how they sum
    variants    (with one choice, and N) prints how many of N single-base variants regsnp scores a second, all positions that
                a variant reaches compared
KERNELS: what REGKIT_CUDA_KERNELS takes, "plain" or "sm80,sm90"; on the device cpu, which is for trying this script, any of them.
$QUICK set: as little work as there can be."""
import os
import random
import re
import shutil
import sys
import tempfile
import time

here = os.path.dirname(os.path.abspath(__file__))
os.environ["REGKIT_BIN"] = os.path.abspath(os.environ.get("REGKIT_BIN", "build/bin"))
sys.path[:0] = [os.path.join(here, "..", "support"), os.path.join(here, "..", "tools")]
import mpi
import tools
from tools import check, run, tensors, write
from training import make_data, rows

QUICK = "QUICK" in os.environ
PR_AUC = 0.002  # that a device may differ by
SPEC = """{"name": "small", "window": 2000, "dropout": 0.1, "layers": [
    {"name": "embed", "type": "embedding", "filters": 4},
    {"name": "conv1", "type": "conv", "filters": 32, "width": 20, "stride": 10, "norm": true, "relu": true, "dropout": true},
    {"name": "conv2", "type": "conv", "filters": 32, "width": 3, "dilation": 3, "norm": true, "relu": true},
    {"name": "up", "type": "up_conv", "filters": 24, "stride": 10, "norm": true, "relu": true, "dropout": true},
    {"name": "dense1", "type": "dense", "filters": 40, "relu": true, "dropout": true},
    {"name": "out", "type": "dense"}]}"""
TRAINING = ["-d", "x.regds", "-a", "small.json", "--batch", 4, "--seed", 3, "--no-version"]


def precision(kernels):
    return "f32" if kernels == "plain" else "bf16"


def run_with(kernels, tool, *args):
    return run(tool, *args, "--precision", precision(kernels), REGKIT_CUDA_KERNELS=kernels)


def numbers(device, choices):
    run("regtrain", *TRAINING, "--device", device, "--epochs", 1 if QUICK else 12, "--lr", 0.003, "-o", "model")

    def evaluate(at, kernels):
        out = f"{at}.{kernels}.tsv"
        run_with(kernels, "regeval", "-m", "model", "-d", "x.regds", "--device", at, "-o", out)
        return {row["marker"]: float(row["average_precision"]) for row in rows(out)}

    expected = evaluate("cpu", "plain")
    check(QUICK or expected["motif"] > 0.8, f"the model has learnt nothing: {expected}")
    for kernels in choices:
        got = evaluate(device, kernels)
        difference = max(abs(got[name] - expected[name]) for name in expected)
        print(f"{kernels}: PR AUC {got['motif']:.4f}, on the CPU in f32 {expected['motif']:.4f}; largest difference {difference:.2g}")
        check(difference <= PR_AUC, f"{kernels}: PR AUC differs by {difference}")


def resume(device, choices):
    for kernels in choices:
        def train(out, *options):
            return run_with(kernels, "regtrain", *TRAINING, "--device", device, "--steps", 8, "--clip", 5,
                            "--checkpoint-every", 0, "-o", out, *options)

        train("whole", "--keep-checkpoints", "--force")
        train("again", "--force")
        check(tensors("again") == tensors("whole"), f"{kernels}: a second run gives other bytes")
        shutil.rmtree("half.part", ignore_errors=True)
        shutil.copytree("whole.part", "half.part")
        steps = sorted(int(name) for name in re.findall(r"step-(\d+)\.safetensors", " ".join(os.listdir("half.part"))))
        check(steps[-1] == 8 and len(steps) >= 2, f"checkpoints of steps {steps}")
        os.remove("half.part/step-8.safetensors")
        done = train("half", "--resume")
        check("resuming at step" in done.stderr, done.stderr)
        check(tensors("half") == tensors("whole"), f"{kernels}: resumed, other bytes")
        os.remove("half")
        print(f"{kernels}: resumed to the same bytes")
    if not mpi.is_here():
        print("two processes on one device: left out, there is no mpirun or no MPI plug-in here")
        return
    at = "cuda:0" if device == "cuda" else device
    for turn in range(2):
        command = [os.path.join(tools.BIN, "regtrain"), *TRAINING, "--device", at, "--steps", 4, "-o", f"shared{turn}"]
        code, said = mpi.finish(mpi.start(command, command), 2)
        check(code == 0, (code, said))
        words = [line for line in said[0] if "gradients are summed" in line]
    check(device == "cpu" or len(words) == 1 and "share a GPU" in words[0], words)
    check(tensors("shared0") == tensors("shared1"), "two processes on one device: a second run gives other bytes")
    print("two processes on one device: the same bytes twice", *words)


def variants(device, kernels, count):
    rng = random.Random(6)
    length = 60_000 if QUICK else 2_000_000
    bases = [rng.choice("ACGT") for _ in range(length)]
    write("variants.fa", ">c\n" + "\n".join("".join(bases[i:i + 80]) for i in range(0, length, 80)) + "\n")
    with open("in.vcf", "w") as file:
        file.write(f"##fileformat=VCFv4.3\n##contig=<ID=c,length={length}>\n#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\n")
        for at in sorted(rng.sample(range(15_000, length - 15_000), count)):
            other = rng.choice([base for base in "ACGT" if base != bases[at]])
            file.write(f"c\t{at + 1}\t.\t{bases[at]}\t{other}\t.\t.\t.\n")
    markers = [f"m{i}=DNase" for i in range(3 if QUICK else 919)]
    run("random_model", "random", "small.json" if QUICK else "dilated", 1, f"c:{length}", *markers)
    begin = time.time()
    run_with(kernels, "regsnp", "-m", "random", "-f", "variants.fa", "--device", device, "--span", 5000, "-o", "out.vcf", "in.vcf")
    seconds = time.time() - begin
    with open("out.vcf") as file:
        scored = sum("REG_MAX=" in line and "REG_MAX=." not in line for line in file)
    check(scored == count, f"{scored} of {count} variants have a score")
    print(f"variants {count / seconds:.1f}")


def main():
    what, device, *rest = sys.argv[1:]
    with tempfile.TemporaryDirectory() as scratch:
        os.chdir(scratch)
        write("small.json", SPEC)
        if what == "variants":
            variants(device, rest[0], int(rest[1]))
        else:
            make_data(scratch)
            {"numbers": numbers, "resume": resume}[what](device, rest)
        os.chdir("/")
    assert tools.checks > 0


if __name__ == "__main__":
    main()
