#!/usr/bin/env python3
"""Training steps a second of every preset here and in PyTorch, stock and tuned, on the same shapes in the same run.

  train_models.py [--bin build/bin] [--threads 2] [--seconds 5] [--rounds 2] [--cpu-time] [PRESET...]

By hand; needs Debian's python3-torch and the program `train_probe` (cmake --build build --target train_probe). 919 markers, Adam,
the spec's dropout, the preset's own window; labels that do not change. Each round runs the three one after the other; a figure is
the median over the steps of all rounds. A step is forward, loss, backward and Adam; reading windows is in none of them.

stock: PyTorch's modules as they come. tuned: up-convolutions as matrix products over positions, batch norm and dense layers on
rows, and an environment that keeps memory between steps. Prints a TSV line a preset; the load of the machine goes beside it.

On a machine that has other work only `--cpu-time --threads 1` says something: processor time of a step, one thread on either
side (two threads wait for each other, PyTorch's the longest).
"""
import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
PYTHON = os.environ.get("REGKIT_PYTHON", "/usr/bin/python3")
if os.path.realpath(PYTHON) != os.path.realpath(sys.executable):
    os.execv(PYTHON, [PYTHON] + sys.argv)
TASK1 = ["lr", "mlp", "deepsea", "danq", "dilated3", "dilated6", "dilated6-bn", "deep-dilated", "basset", "cnn-rnn"]
TASK2 = ["cnn1", "cnn3", "cnn3-unstrided", "cnn7", "dilated", "dilated-pool", "dilated-dilpool", "id-cnn", "bi-lstm",
         "dilated-residual"]
BATCH = {**{name: 16 for name in TASK1}, **{name: 2 for name in TASK2}, "basenji": 1, "id-cnn": 1}
TUNED = {"OPENBLAS_NUM_THREADS": "{threads}", "OMP_NUM_THREADS": "{threads}", "MALLOC_MMAP_THRESHOLD_": "4000000000",
         "MALLOC_TRIM_THRESHOLD_": "16000000000", "MALLOC_TOP_PAD_": "500000000"}


def torch_steps(name, batch, markers, threads, seconds, tuned, clock):
    """In its own process: prints the seconds of each step after the first."""
    import torch

    from torch_presets import Net, preset_spec

    torch.manual_seed(0)
    torch.set_num_threads(threads)
    spec = preset_spec(name)
    net = Net(spec, markers, dropout=spec["dropout"], rows=tuned)
    net.train()
    adam = torch.optim.Adam(net.parameters(), lr=1e-3)
    codes = torch.randint(1, 5, (batch, spec["window"]))
    positions = net.shapes[net.heads[-1]["from"]][1]
    labels = (torch.rand(batch, positions, markers) < 0.02).float().transpose(1, 2)  # as the logits lie
    begin, step = time.perf_counter(), 0
    while step < 3 or time.perf_counter() - begin < seconds:
        start = clock()
        adam.zero_grad(set_to_none=True)
        net.loss(codes, labels).backward()
        adam.step()
        if step >= 1:
            print(f"{clock() - start:.6f}", flush=True)
        step += 1


def times(command, environment):
    done = subprocess.run(command, env={**os.environ, **environment}, capture_output=True, text=True)
    if done.returncode:
        print(done.stderr[-500:], file=sys.stderr)
        return []
    return [float(line) for line in done.stdout.split()]


def main():
    p = argparse.ArgumentParser()
    p.add_argument("--bin", default=os.environ.get("REGKIT_BIN", "build/bin"))
    p.add_argument("--threads", type=int, default=2)
    p.add_argument("--markers", type=int, default=919)
    p.add_argument("--seconds", type=float, default=5)
    p.add_argument("--rounds", type=int, default=2)
    p.add_argument("--cpu-time", action="store_true")
    p.add_argument("--torch", choices=("stock", "tuned"), help=argparse.SUPPRESS)
    p.add_argument("presets", nargs="*")
    a = p.parse_args()
    if a.torch:
        torch_steps(a.presets[0], BATCH[a.presets[0]], a.markers, a.threads, a.seconds, a.torch == "tuned",
                    time.process_time if a.cpu_time else time.perf_counter)
        return
    from torch_presets import preset_spec

    tuned = {key: value.format(threads=a.threads) for key, value in TUNED.items()}
    print("preset", "window", "batch", "ours", "stock", "tuned", "ours/stock", "ours/tuned", "load", sep="\t")
    for name in a.presets or [*TASK1, *TASK2, "basenji"]:
        steps = {"ours": [], "stock": [], "tuned": []}
        with tempfile.NamedTemporaryFile("w", suffix=".json") as spec:
            json.dump(preset_spec(name), spec)
            spec.flush()
            mine = [os.path.join(a.bin, "train_probe"), spec.name, str(BATCH[name]), str(a.markers), str(a.threads), str(a.seconds),
                    "cpu" if a.cpu_time else "wall"]
            peer = [PYTHON, __file__, "--threads", str(a.threads), "--markers", str(a.markers), "--seconds", str(a.seconds)] + ["--cpu-time"] * a.cpu_time
            for _ in range(a.rounds):
                steps["ours"] += times(mine, {})
                steps["stock"] += times(peer + ["--torch", "stock", name], {})
                steps["tuned"] += times(peer + ["--torch", "tuned", name], tuned)
        rate = {kind: 1 / statistics.median(seconds) if seconds else float("nan") for kind, seconds in steps.items()}
        print(name, preset_spec(name)["window"], BATCH[name], *(f"{rate[kind]:.3g}" for kind in steps),
              f"{rate['ours'] / rate['stock']:.2f}", f"{rate['ours'] / rate['tuned']:.2f}", f"{os.getloadavg()[0]:.1f}", sep="\t",
              flush=True)


main()
