#!/usr/bin/env python3
"""Speed of the CPU engine beside the machine's ceiling, oneDNN and PyTorch: what `make bench` runs. Prints Markdown.

  bench.py [--bin build/bin] [--threads N] [--rounds 3] [--seconds 4] [--cpu-time] [--venv DIR] [--make-venv]
           [--only layers,forward,train] [--presets dilated,danq,bi-lstm] [--precisions f32,bf16]

Everything is measured by turns: a round runs each program once, one after the other, and a figure is the median over all rounds;
ratios are of figures of the same run. The machine's load is printed beside them.

layers: operations of the CPU back end (bench_kernels) in GFLOP/s per second of processor time, as a share of what
independent multiply-adds reach in registers (fma_ceiling), and of what the register tile reaches on operands in the first cache
(tile_in_cache; of gradients of weights outer_in_cache); convolutions in f32 beside oneDNN's (onednn_conv).
forward, train: inference of `dilated`, training steps of the presets, 919 markers, in nucleotides a second, in f32 and in bf16;
the forward pass also to called runs in place of f32 probabilities (8-bit codes and bits are among the layers). Beside PyTorch
stock and tuned (peer_torch.py), of a current PyTorch in bf16 too, each held against ours of its precision; with two threads also as two
processes of one thread each, whose rates are added; and how much a second thread brings us, beside what the machine has for a second
process.

Products in bf16 are an instruction of their own where the processor has AVX512_BF16, and unpacked to f32 elsewhere: the first line
says which.

A further PyTorch than Debian's is measured where a virtual environment has one: --venv DIR or REGKIT_BENCH_VENV; --make-venv makes
it from PyPI (gigabytes). On a machine with other work only `--cpu-time --threads 1` says something: processor time, one thread.
"""
import argparse
import json
import os
import re
import statistics
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(HERE, "..", "support")]
from peer_torch import environment  # noqa: E402

PYTHON = os.environ.get("REGKIT_PYTHON", "/usr/bin/python3")
MODELS = os.path.join(HERE, "..", "..", "examples", "models")
BATCH = {"infer": {"dilated": 1}, "train": {"dilated": 4, "bi-lstm": 2, "danq": 64}}
LAYERS = "^(fma_ceiling|tile_in_cache|outer_in_cache|conv|tail|fold|sequence|moments|norm|flat|lstm)"
PRODUCTS = "^(fma_ceiling|tile_in_cache|outer_in_cache|conv|tail|flat)"  # what bf16 changes
SINKS = {"call": "called runs"}


def run(command, extra=None):
    """Standard output; None, with the reason on standard error, when it fails."""
    done = subprocess.run(command, env={**os.environ, **(extra or {})}, capture_output=True, text=True)
    if done.returncode:
        print(f"{' '.join(command)}: {done.stderr.strip()[-300:]}", file=sys.stderr)
        return None
    return done.stdout


def load():
    return f"load {os.getloadavg()[0]:.1f}"


# ---- layers
def layers(a, precision):
    kernels, onednn = os.path.join(a.bin, "bench_kernels"), os.path.join(a.bin, "onednn_conv")
    if not os.path.exists(kernels):
        print("No layers: bench_kernels was not built, for want of libbenchmark (Debian: libbenchmark-dev).\n")
        return
    compare = precision == "f32" and os.path.exists(onednn)
    if precision == "f32" and not compare:
        print("No oneDNN: onednn_conv was not built (Debian: libdnnl-dev).\n")
    names = a.layers or (LAYERS if precision == "f32" else PRODUCTS)
    ours, theirs, backend = {}, {}, ""
    for _ in range(a.rounds):
        out = json.loads(run([kernels, f"--workers={a.threads}", f"--precision={precision}", f"--benchmark_filter={names}",
                              "--benchmark_min_time=0.1", "--benchmark_format=json"]))
        backend = out["context"]["backend"]
        for result in out["benchmarks"]:
            if result.get("GFLOP/s"):
                ours.setdefault(result["name"].removesuffix("/process_time"), []).append(result["GFLOP/s"])
        if compare:
            for line in (run([onednn, "0.1"], {"OMP_NUM_THREADS": str(a.threads)}) or "").splitlines():
                name, rate = line.split()
                theirs.setdefault(name, []).append(float(rate))
    rates = {name: statistics.median(values) for name, values in ours.items()}
    ceiling = rates.pop("fma_ceiling")
    tile, outer = rates["tile_in_cache"], rates["outer_in_cache"]
    print(f"GFLOP/s a core, {backend}, {a.threads} threads, ceiling {ceiling:.1f}, {load()}\n")
    print("| operation | GFLOP/s | % of the ceiling | % of the tile in cache |" + " oneDNN | ratio |" * compare)
    print("|---|---|---|---|" + "---|---|" * compare)
    for name, rate in rates.items():
        in_cache = outer if "grad_weight" in name or name == "outer_in_cache" else tile
        row = f"| {name} | {rate:.1f} | {100 * rate / ceiling:.0f} | {100 * rate / in_cache:.0f} |"
        if compare:
            peer = statistics.median(theirs.get(name, [0]))
            row += f" {peer:.1f} | {rate / peer:.2f} |" if peer else " | |"
        print(row)
    print(flush=True)


# ---- models
class Contender:
    """A program that prints seconds of steps; `copies` of them run at a time."""

    def __init__(self, name, command, extra=None, copies=1):
        self.name, self.command, self.extra, self.copies = name, command, extra, copies
        self.seconds, self.rss, self.failed = [], 0, False

    def turn(self):
        if self.failed:
            return
        started = [subprocess.Popen(self.command, env={**os.environ, **(self.extra or {})}, stdout=subprocess.PIPE,
                                    stderr=subprocess.PIPE, text=True) for _ in range(self.copies)]
        for process in started:
            out, error = process.communicate()
            if process.returncode:
                print(f"{self.name}: {error.strip()[-300:]}", file=sys.stderr)
                self.failed = True
                continue
            *steps, rss = out.splitlines()
            self.seconds += [float(step) for step in steps]
            self.rss = max(self.rss, int(rss.split()[1]))

    def rate(self, nucleotides):
        return self.copies * nucleotides / statistics.median(self.seconds)


def contenders(a, mode, preset, batch):
    spec, clock = os.path.join(MODELS, preset + ".json"), "cpu" if a.cpu_time else "wall"

    def ours(threads, precision, how=mode):
        return [os.path.join(a.bin, "model_speed"), how, spec, str(batch), str(a.markers), str(threads), str(a.seconds), clock,
                "cpu", precision]

    made = []
    for precision in a.precisions:
        name = f"regkit {precision}"
        made.append(Contender(name, ours(a.threads, precision)))
        if a.threads > 1 and not a.cpu_time:
            made.append(Contender(f"{name}, 1 thread", ours(1, precision)))
            made.append(Contender(f"{name}, {a.threads} processes", ours(1, precision), copies=a.threads))
        if mode == "infer":
            made += [Contender(f"{name}, {what}", ours(a.threads, precision, how)) for how, what in SINKS.items()]
    pythons = [(PYTHON, "")] + ([(os.path.join(a.venv, "bin", "python"), "current ")] if a.venv else [])
    for python, label in pythons:
        for precision in a.precisions if label else ["f32"]:  # a bf16 peer is a current one
            more = ["--precision", precision] + ["--cpu-time"] * a.cpu_time

            def peer(config, threads):
                return [python, os.path.join(HERE, "peer_torch.py"), mode, config, preset, "--batch", str(batch), "--threads",
                        str(threads), "--markers", str(a.markers), "--seconds", str(a.seconds), *more]

            name = label + ("bf16 " if precision == "bf16" else "")
            configs = ["stock", "tuned"] if mode == "train" or preset == "dilated" else ["stock"]
            for config in configs:
                made.append(Contender(name + config, peer(config, a.threads), environment(config == "tuned", a.threads)))
            if a.threads > 1 and not a.cpu_time and preset == "dilated":
                made.append(Contender(f"{name}tuned, {a.threads} processes", peer("tuned", 1), environment(True, 1), a.threads))
    return made


def models(a, mode, preset):
    batch = BATCH[mode][preset]
    made = [c for c in contenders(a, mode, preset, batch) if re.search(a.programs, c.name)]
    for _ in range(a.rounds):
        for contender in made:
            contender.turn()
    with open(os.path.join(MODELS, preset + ".json")) as f:
        nucleotides = batch * json.load(f).get("window", 25000)
    made = [c for c in made if c.seconds and not c.failed]
    rates = {c.name: c.rate(nucleotides) for c in made}
    clock = "processor time" if a.cpu_time else "wall time"
    title = "forward" if mode == "infer" else "training step"
    print(f"{title}, {preset}, {a.markers} markers, batch {batch}, {a.threads} threads, {clock}, {load()}\n")
    shown = [p for p in a.precisions if f"regkit {p}" in rates]
    print("| | nt/s | resident MiB |" + "".join(f" regkit {p} is faster |" for p in shown))
    print("|---|---|---|" + "---|" * len(shown))
    for c in made:
        mine = c.name.startswith("regkit")
        ratios = "".join(" |" if mine else f" {rates[f'regkit {p}'] / rates[c.name]:.2f}x |" for p in shown)
        print(f"| {c.name} | {rates[c.name]:,.0f} | {c.rss} |{ratios}")
    print(flush=True)
    a.summary += ratios_of(a, f"{title} {{}}, {preset}", rates)


def ratios_of(a, title, rates):
    """Lines of the summary: each of ours against the peers, a thread and the values; bf16 against f32."""
    lines = []

    def compare(ours, what, other):
        if ours in rates and other in rates:
            lines.append(f"{title.format(ours.removeprefix('regkit '))}, {what}: {rates[ours] / rates[other]:.2f}x")

    for precision in a.precisions:
        mine = f"regkit {precision}"
        peers = [name for name in rates if not name.startswith("regkit") and ("bf16" in name) == (precision == "bf16")]
        for peer in peers:
            compare(mine, f"vs {peer}", peer)
        if peers:
            compare(mine, "vs the best PyTorch in this precision", max(peers, key=rates.get))
        compare(mine, f"with {a.threads} threads vs 1", f"{mine}, 1 thread")
        compare(f"{mine}, {a.threads} processes", "vs one", f"{mine}, 1 thread")
        for what in SINKS.values():
            compare(f"{mine}, {what}", "vs probabilities", mine)
    compare("regkit bf16", "vs f32", "regkit f32")
    return lines


def make_venv(path):
    if not os.path.exists(os.path.join(path, "bin", "python")):
        subprocess.run([sys.executable, "-m", "venv", path], check=True)
    subprocess.run([os.path.join(path, "bin", "pip"), "install", "--quiet", "torch", "numpy"], check=True)


def main():
    p = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    p.add_argument("--bin", default=os.environ.get("REGKIT_BIN", "build/bin"))
    p.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)))
    p.add_argument("--markers", type=int, default=919)
    p.add_argument("--rounds", type=int, default=3)
    p.add_argument("--seconds", type=float, default=4, help="of a program's turn (default 4)")
    p.add_argument("--cpu-time", action="store_true", help="processor time; use it with --threads 1")
    p.add_argument("--venv", default=os.environ.get("REGKIT_BENCH_VENV"), help="folder of a current PyTorch's environment")
    p.add_argument("--make-venv", action="store_true", help="make it first, from PyPI")
    p.add_argument("--only", default="layers,forward,train", help="of layers, forward, train (default all)")
    p.add_argument("--precisions", default="f32,bf16", help="of ours (default f32,bf16)")
    p.add_argument("--programs", default="", help="regular expression of rows' names, for few of them with many rounds")
    p.add_argument("--layers", help="regular expression of bench_kernels' names; fma_ceiling and *_in_cache are needed")
    p.add_argument("--presets", default=",".join(BATCH["train"]), help="to train (default dilated,bi-lstm,danq)")
    a = p.parse_args()
    if a.make_venv:
        if not a.venv:
            p.error("--make-venv needs --venv DIR")
        make_venv(a.venv)
    a.precisions = a.precisions.split(",")
    a.summary = []
    if "bf16" in a.precisions:
        with open("/proc/cpuinfo") as f:
            print(f"{'With' if 'avx512_bf16' in f.read() else 'Without'} AVX512_BF16\n")
    begin = time.time()
    if "layers" in a.only:
        for precision in a.precisions:
            layers(a, precision)
    if "forward" in a.only:
        models(a, "infer", "dilated")
    if "train" in a.only:
        for preset in a.presets.split(","):
            models(a, "train", preset)
    print("\n".join(a.summary))
    print(f"\n{time.time() - begin:.0f} s", file=sys.stderr)


if __name__ == "__main__":
    main()
