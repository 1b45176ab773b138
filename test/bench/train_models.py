#!/usr/bin/env python3
"""Training steps a second of every preset here and in PyTorch, stock and tuned, on the same shapes in the same run.

  train_models.py [--bin build/bin] [--threads 2] [--seconds 5] [--rounds 2] [--cpu-time] [PRESET...]

By hand; needs Debian's python3-torch and the program `model_speed` (cmake --build build --target model_speed). 919 markers, Adam,
the spec's dropout, the preset's own window; labels that do not change. Each round runs the three one after the other; a figure is
the median over the steps of all rounds. A step is forward, loss, backward and Adam; reading windows is in none of them.

What stock and tuned are: peer_torch.py. Prints a TSV line a preset; the load of the machine goes beside it.

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

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(HERE, "..", "support")]
PYTHON = os.environ.get("REGKIT_PYTHON", "/usr/bin/python3")
if os.path.realpath(PYTHON) != os.path.realpath(sys.executable):
    os.execv(PYTHON, [PYTHON] + sys.argv)
TASK1 = ["lr", "mlp", "deepsea", "danq", "dilated3", "dilated6", "dilated6-bn", "deep-dilated", "basset", "cnn-rnn"]
TASK2 = ["cnn1", "cnn3", "cnn3-unstrided", "cnn7", "dilated", "dilated-pool", "dilated-dilpool", "id-cnn", "bi-lstm",
         "dilated-residual"]
BATCH = {**{name: 16 for name in TASK1}, **{name: 2 for name in TASK2}, "basenji": 1, "id-cnn": 1}


def times(command, environment):
    done = subprocess.run(command, env={**os.environ, **environment}, capture_output=True, text=True)
    if done.returncode:
        print(done.stderr[-500:], file=sys.stderr)
        return []
    return [float(line) for line in done.stdout.splitlines() if not line.startswith("rss")]


def main():
    p = argparse.ArgumentParser()
    p.add_argument("--bin", default=os.environ.get("REGKIT_BIN", "build/bin"))
    p.add_argument("--threads", type=int, default=2)
    p.add_argument("--markers", type=int, default=919)
    p.add_argument("--seconds", type=float, default=5)
    p.add_argument("--rounds", type=int, default=2)
    p.add_argument("--cpu-time", action="store_true")
    p.add_argument("presets", nargs="*")
    a = p.parse_args()
    from peer_torch import environment
    from torch_presets import preset_spec

    print("preset", "window", "batch", "ours", "stock", "tuned", "ours/stock", "ours/tuned", "load", sep="\t")
    for name in a.presets or [*TASK1, *TASK2, "basenji"]:
        steps = {"ours": [], "stock": [], "tuned": []}
        with tempfile.NamedTemporaryFile("w", suffix=".json") as spec:
            json.dump(preset_spec(name), spec)
            spec.flush()
            mine = [os.path.join(a.bin, "model_speed"), "train", spec.name, str(BATCH[name]), str(a.markers), str(a.threads),
                    str(a.seconds), "cpu" if a.cpu_time else "wall"]
            options = ["--batch", str(BATCH[name]), "--threads", str(a.threads), "--markers", str(a.markers),
                       "--seconds", str(a.seconds)] + ["--cpu-time"] * a.cpu_time
            for _ in range(a.rounds):
                steps["ours"] += times(mine, {})
                for config in ("stock", "tuned"):
                    steps[config] += times([PYTHON, os.path.join(HERE, "peer_torch.py"), "train", config, name, *options],
                                           environment(config == "tuned", a.threads))
        rate = {kind: 1 / statistics.median(seconds) if seconds else float("nan") for kind, seconds in steps.items()}
        print(name, preset_spec(name)["window"], BATCH[name], *(f"{rate[kind]:.3g}" for kind in steps),
              f"{rate['ours'] / rate['stock']:.2f}", f"{rate['ours'] / rate['tuned']:.2f}", f"{os.getloadavg()[0]:.1f}", sep="\t",
              flush=True)


main()
