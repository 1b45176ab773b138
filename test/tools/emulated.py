#!/usr/bin/env python3
"""The tools on the emulated CUDA device: emulated.py PLUGIN. The tools run as installed, with the emulated plug-in in
place of the real one. Training and calling give the same bytes in every order of threads, and the CPU's numbers; a
device that is full, lost, old or absent is one clear line and exit 1, and training then goes on to the same bytes."""
import json
import math
import os
import random
import re
import shutil
import struct
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
import tools
from tools import check, read, tensors, write

ORDERS = ("forward", "reverse", "shuffled")
WINDOW = 120
SPEC = {"name": "tiny", "window": WINDOW, "dropout": 0.1, "layers": [
    {"name": "embed", "type": "embedding", "filters": 4},
    {"name": "conv1", "type": "conv", "filters": 9, "width": 10, "stride": 10, "relu": True, "dropout": True},
    {"name": "conv2", "type": "conv", "filters": 9, "width": 3, "dilation": 3, "norm": True, "relu": True},
    {"name": "up", "type": "up_conv", "filters": 6, "stride": 10, "norm": True, "relu": True, "dropout": True},
    {"name": "dense1", "type": "dense", "filters": 8, "relu": True, "dropout": True},
    {"name": "dense2", "type": "dense"}]}
# Two heads: more uploads in a step than are on their way at once.
TWO_HEADS = {"name": "two", "window": WINDOW, "layers": [
    {"name": "embed", "type": "embedding", "filters": 4},
    {"name": "conv1", "type": "conv", "filters": 5, "width": 10, "stride": 10, "relu": True},
    {"name": "up1", "type": "up_conv", "filters": 6, "stride": 10, "relu": True},
    {"name": "out1", "type": "dense"},
    {"name": "conv2", "type": "conv", "from": "conv1", "filters": 5, "width": 3, "relu": True},
    {"name": "up2", "type": "up_conv", "filters": 6, "stride": 10, "relu": True},
    {"name": "out2", "type": "dense"}],
    "heads": [{"from": "out1", "weight": 0.5}, {"from": "out2", "weight": 0.5}]}
TRAINING = ["-d", "x.regds", "-a", "tiny.json", "--steps", "2", "--batch", "2", "--seed", "3", "--clip", "1", "--no-version"]
TOLERANCE = {"f32": 1e-4, "bf16": 2e-2}  # of logits

ALL_KERNELS = "sm80,sm90,cudnn,cublaslt"
# Numbers of CUDA's errors
OUT_OF_MEMORY, BUSY, NO_DEVICE, ECC, LAUNCH_FAILURE = 2, 46, 100, 214, 719
PLAIN = "--device cuda computes f32 by plain kernels; --precision bf16 runs on tensor cores"
LOST = "; the device is lost to this run: start it again, or use --device cpu"


def copy_or_link(source, target):
    os.makedirs(os.path.dirname(target), exist_ok=True)
    try:
        os.link(source, target)
    except OSError:  # another file system
        shutil.copy(source, target)


def run(tool, *args, emulator="", code=0, driver=False, kernels=None):
    """The installed tool; its exit code must be `code`, or may be any where that is None. With `driver` the machine seems
    to have NVIDIA's library."""
    variables = {"LD_LIBRARY_PATH": os.path.abspath("driver")} if driver else {}
    if kernels:
        variables["REGKIT_CUDA_KERNELS"] = kernels
    return tools.run(tool, *args, code=code, folder=os.path.abspath("bin"), REGKIT_EMULATOR=emulator, **variables)


def prepare(plugin):
    for tool in ("regtrain", "regcall", "gpu_compare"):
        copy_or_link(os.path.join(tools.BIN, tool), f"bin/{tool}")
    copy_or_link(plugin, "lib/regkit/libregkit_cuda.so")
    copy_or_link(plugin, "driver/libcuda.so.1")  # any library will do: nothing is asked of it
    rng = random.Random(4)
    bases = "".join(rng.choice("ACGT") for _ in range(20 * WINDOW))
    write("ref.fa", f">c\n{bases}\n")
    write("short.fa", f">s\n{bases[100:433]}\n>t\n{bases[:71]}\n")
    write("a.bed", "".join(f"c\t{i}\t{i + 37}\n" for i in range(5, 20 * WINDOW - 40, 90)))
    write("b.bed", "".join(f"c\t{i}\t{i + 20}\n" for i in range(11, 20 * WINDOW - 40, 70)))
    write("tiny.json", json.dumps(SPEC))
    write("two.json", json.dumps(TWO_HEADS))
    tools.run("regds-build", "-f", "ref.fa", "--window", WINDOW, "--valid", f"c:1-{2 * WINDOW}", "--test",
              f"c:{2 * WINDOW + 1}-{4 * WINDOW}", "-o", "x.regds", "a.bed", "b.bed")


def largest_difference(a, b):
    check(a[0] == b[0], "other tensors")
    values = (struct.unpack(f"<{len(blob) // 4}f", blob) for blob in (a[1], b[1]))
    return max(abs(x - y) for x, y in zip(*values))


def train(precision, device, out, *options, emulator="", code=0):
    return run("regtrain", *TRAINING, "--device", device, "--precision", precision, "-o", out, *options, emulator=emulator,
               code=code)


def call(precision, device, model, emulator=""):
    """regcall's value of every position of short.fa, as text, for each marker."""
    out = f"{precision}.{device}"
    run("regcall", "-m", model, "-f", "short.fa", "--device", device, "--precision", precision, "--round", 7, "--no-version",
        "-o", out + ".{marker}.bedgraph", emulator=emulator)
    return [read(f"{out}.{marker}.bedgraph").decode() for marker in "ab"]


def logits(tracks):
    values = []
    for track in tracks:
        for line in track.splitlines():
            _, begin, end, p = line.split("\t")
            values += [math.log(float(p) / (1 - float(p)))] * (int(end) - int(begin))
    return values


def check_orders(precision):
    """Two steps, a checkpoint and a prediction, in every order of threads; the CPU's beside them."""
    results = []
    for order in ORDERS:
        out = f"{precision}.{order}"
        train(precision, "cuda", out, "--keep-checkpoints", emulator=f"order={order}")
        results.append((tensors(out), tensors(f"{out}.part/step-2.safetensors"),
                        call(precision, "cuda", out, f"order={order}")))
        check(results[-1] == results[0], f"{precision}: threads in {order} order give other bytes")
    model = f"{precision}.forward"
    train(precision, "cpu", f"{precision}.cpu")
    # Adam's first steps are of one size whichever way a gradient near 0 points.
    difference = largest_difference(results[0][0], tensors(f"{precision}.cpu"))
    check(difference <= 4.1e-3, f"{precision}: the CPU trains to other tensors, by {difference}")
    ours, cpus = logits(results[0][2]), logits(call(precision, "cpu", model))
    check(len(ours) == len(cpus) == 2 * 404, f"{precision}: {len(ours)} values")
    largest = max(map(abs, cpus))
    difference = max(abs(x - y) for x, y in zip(ours, cpus))
    check(difference <= TOLERANCE[precision] * largest, f"{precision}: logits differ by {difference} of {largest}")


def check_compare():
    """The program that compares a GPU with the CPU in a larger model (test/gpu)."""
    said = run("gpu_compare", "cuda", "tiny.json", 3, 2, "plain", "sm80,sm90", ALL_KERNELS).stdout.splitlines()
    check(len(said) == 9 and not any("FAILED" in line for line in said), said)


def check_cudnn():
    """What stands in for cuDNN and cuBLASLt trains to nearly what tensor cores do; where the plans of the one are wrong
    and the other is not installed, to their very bytes, and that is said; where cuDNN is not installed, that is one line."""
    def trained(out, emulator="", kernels=None):
        done = run("regtrain", *TRAINING, "--device", "cuda", "--precision", "bf16", "-o", out, emulator=emulator,
                   kernels=kernels)
        return tensors(out), [line for line in done.stderr.splitlines() if " is not used " in line]

    own, said = trained("by.own")
    check(not said, said)
    cudnns, said = trained("by.cudnn", kernels=ALL_KERNELS)
    check(cudnns != own and largest_difference(cudnns, own) <= 4.1e-3 and not said, "cudnn trains to other tensors")
    lts, said = trained("by.cublaslt", "cudnn=wrong", ALL_KERNELS)
    check(lts not in (own, cudnns) and largest_difference(lts, own) <= 4.1e-3, "cublaslt trains to other tensors")
    left, said = trained("by.nobody", "cudnn=wrong cublaslt=absent", ALL_KERNELS)
    check(left == own, "where cudnn is wrong, something else than our own kernels does its work")
    check(all(any(f"'{product} " in line for line in said) for product in ("forward", "grad_input", "grad_weight")), said)
    check(sum("cuBLASLt is not used (" in line for line in said) == 1, said)
    check(len(said) == len(set(said)), said)  # each shape once
    absent = run("regtrain", *TRAINING, "--device", "cuda", "--precision", "bf16", "-o", "refused", "--verbosity", 1,
                 emulator="cudnn=absent", kernels="cudnn", code=1)
    check(absent.stderr == "regtrain: --device cuda: REGKIT_CUDA_KERNELS=cudnn needs cuDNN 9: libcudnn.so.9 is not here; "
          "use --device cpu\n", absent.stderr)
    run("regtrain", *TRAINING, "--device", "cuda", "-o", "refused", kernels="cudnn", code=2)  # f32


def check_refused(emulator, what, tool="regcall", device="cuda"):
    """One line, which is the pattern `what`, exit 1, and nothing written."""
    options = TRAINING if tool == "regtrain" else ["-m", "f32.forward", "-f", "short.fa"]
    done = run(tool, *options, "--device", device, "-o", "refused.bed", "--verbosity", 1, emulator=emulator, code=1)
    check(re.fullmatch(f"{tool}: {what}\n", done.stderr), f"{tool} {emulator}: {done.stderr!r}, not {what!r}")
    check(not os.path.exists("refused.bed"), "an output of a failed run")
    shutil.rmtree("refused.bed.part", ignore_errors=True)


def check_machines():
    """What can be wrong before the first operation."""
    def refused(emulator, what, **how):
        check_refused(emulator, f"--device cuda: {re.escape(what)}; use --device cpu", **how)

    refused("driver=0", "no NVIDIA driver is installed")
    refused("driver=12020", "the NVIDIA driver is too old: it serves CUDA 12.2, this build needs 13.0", tool="regtrain")
    refused(f"fault=cudaGetDeviceCount:1:{NO_DEVICE}", "no GPU is visible to this process")
    refused("capability=75", "device 0 (emulator) has compute capability 7.5, this build needs 8.0")
    refused(f"fault=cudaSetDevice:1:{BUSY}", "CUDA-capable device(s) is/are busy or unavailable", tool="regtrain")
    refused("", "there is no device 1: this machine has 1", device="cuda:1")
    # The real plug-in, if there is one, on a machine that shows it no device.
    done = subprocess.run([os.path.join(tools.BIN, "regcall"), "-m", "f32.forward", "-f", "short.fa", "--device", "cuda"],
                          env=dict(os.environ, CUDA_VISIBLE_DEVICES=""), capture_output=True, text=True)
    check(done.returncode == 1 and re.fullmatch("regcall: --device cuda: .*; use --device cpu\n", done.stderr), done.stderr)


def check_automatic():
    options = ["-m", "f32.forward", "-f", "short.fa", "--cutoff", 0, "--no-version"]
    cpus = run("regcall", *options, "--device", "cpu")
    without = run("regcall", *options)
    words = [re.sub(r"in [0-9.]+ s\b", "in S s", done.stderr) for done in (without, cpus)]
    check(without.stdout == cpus.stdout and words[0] == words[1], f"without a driver, auto is not silent: {words}")
    old = run("regcall", *options, emulator="driver=12020", driver=True)
    check(old.stdout == cpus.stdout, "auto falls back to something else")
    notices = [line for line in old.stderr.splitlines() if "the GPU is not used" in line]
    check(len(notices) == 1 and "driver is too old" in notices[0] and "running on the CPU" in notices[0], old.stderr)


def check_plain():
    """That f32 is slow on a GPU is said where nobody asked for its kernels."""
    def said(precision, kernels=None):
        return run("regcall", "-m", "f32.forward", "-f", "short.fa", "--cutoff", 0, "--device", "cuda", "--precision", precision,
                   kernels=kernels).stderr.count(PLAIN)

    check(said("f32") == 1, "no word of plain kernels")
    check(said("f32", "plain") == 0 and said("bf16") == 0, "a word of plain kernels too many")


def check_choice():
    """Which kernels computed what is told at --verbosity 5, and REGKIT_CUDA_KERNELS picks among them."""
    def told(emulator, kernels=None, verbosity=5):
        done = run("regcall", "-m", "f32.forward", "-f", "short.fa", "--cutoff", 0, "--device", "cuda", "--precision", "bf16",
                   "--verbosity", verbosity, emulator=emulator, kernels=kernels)
        return sorted(re.findall(r"(\w+): computed by (\w+)", done.stderr))

    def by(conv, tail):
        return [("conv", conv), ("tail_runs", tail)]

    # The windows are too short for the convolutions of compute capability 9.0.
    check(told("") == by("sm80", "sm90"), told(""))
    check(told("", verbosity=4) == [], "told to everybody")
    check(told("capability=80") == by("sm80", "sm80"), "capability 8.0")
    check(told("", "conv=plain") == by("plain", "sm90"), "conv=plain")
    check(told("", "tail=sm80,plain") == by("plain", "sm80"), "tail=sm80,plain")
    check(told("", ALL_KERNELS) == by("cudnn", "cublaslt"), "all kernels")


def check_waits():
    """A wait for the device that is left out shows: other tensors, or a loss that is none."""
    arguments = ["two.json" if argument == "tiny.json" else argument for argument in ("regtrain", *TRAINING)]
    arguments += ["--device", "cuda"]
    run(*arguments, "-o", "waits")
    right = tensors("waits")
    for order in ORDERS:
        run(*arguments, "-o", f"waits.{order}", emulator=f"order={order}")
        check(tensors(f"waits.{order}") == right, f"what runs in {order} order gives other bytes")
    for call in ("cudaEventSynchronize", "cudaStreamSynchronize"):
        out = f"without.{call}"
        done = run(*arguments, "-o", out, emulator=f"skip={call}", code=None)
        check(done.returncode in (0, 1, 5), f"without {call}: exit {done.returncode}\n{done.stderr}")
        check(done.returncode != 0 or tensors(out) != right, f"{call} can be left out and nobody notices")


def check_losses():
    """What can go wrong in the middle."""
    full = r"cuda: \w+: out of memory; use smaller batches or tiles"
    for nth in (1, 2, 9):
        check_refused(f"fault=cudaMalloc:{nth}:{OUT_OF_MEMORY}", full, "regtrain")
    check_refused(f"fault=cudaMalloc:5:{OUT_OF_MEMORY}", full)
    check_refused(f"fault=cudaMallocHost:1:{OUT_OF_MEMORY}", "--device cuda: out of memory; use --device cpu")
    check_refused(f"fault=cudaMemcpyAsync:7:{LAUNCH_FAILURE}", r"cuda: \w+: unspecified launch failure" + LOST)
    # Of a kernel that runs while the host is elsewhere, in every timing.
    for order in ORDERS:
        check_refused(f"order={order} fault=kernel:11:{LAUNCH_FAILURE}", r"cuda: \w+: unspecified launch failure" + LOST,
                      "regtrain")
    check_refused(f"fault=cudaLaunchKernel:11:{ECC}", r"cuda: \w+: uncorrectable ECC error encountered" + LOST, "regtrain")
    # A device lost in the second step: what the first left is gone on from, to the same bytes.
    for launches in range(60, 400, 20):
        train("f32", "cuda", "lost", "--checkpoint-every", 0, "--force", emulator=f"fault=cudaLaunchKernel:{launches}:{ECC}",
              code=1)
        if os.path.exists("lost.part/step-1.safetensors"):
            break
    check(os.path.exists("lost.part/step-1.safetensors"), "no checkpoint of the first step")
    check(not os.path.exists("lost"), "a model of a failed run")
    train("f32", "cuda", "lost", "--checkpoint-every", 0, "--resume")
    check(tensors("lost") == tensors("f32.forward"), "resumed after a lost device, other tensors")


def main():
    plugin = os.path.abspath(sys.argv[1])
    with tempfile.TemporaryDirectory() as scratch:
        os.chdir(scratch)
        prepare(plugin)
        for precision in TOLERANCE:
            check_orders(precision)
        check_compare()
        check_cudnn()
        check_machines()
        check_automatic()
        check_plain()
        check_choice()
        check_waits()
        check_losses()
        os.chdir("/")
    print(f"{tools.checks} checks held")
    assert tools.checks >= 69, "checks were left out"


if __name__ == "__main__":
    main()
