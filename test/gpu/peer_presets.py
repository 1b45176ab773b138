#!/usr/bin/env python3
"""Presets in PyTorch on a GPU, as its modules come: the peer of model_speed.cpp for all of them, where peer_torch.py beside this has
one, tuned and compiled.
    peer_presets.py [--device cuda] [--markers 919] [--seconds 1] PRESET:BATCH...
bf16 autocast, convolutions tried at first use, Adam in one kernel; labels lie on the GPU, and calls stay there as bits. Prints
"train PRESET RATE" and "call PRESET RATE" in millions of nucleotides a second; "RATE" is "failed: ..." where there is none."""
import argparse
import os
import statistics
import sys
import time

import torch

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
from torch_presets import Net, preset_spec


def rate(device, step, nucleotides, seconds):
    def wait():
        if device == "cuda":
            torch.cuda.synchronize()

    step()
    wait()
    times, begin = [], time.perf_counter()
    while len(times) < 2 or time.perf_counter() - begin < seconds:
        start = time.perf_counter()
        step()
        wait()
        times.append(time.perf_counter() - start)
    return nucleotides / statistics.median(times) / 1e6


def steps(a, preset, batch):
    """What a step of training does, and a call, and the nucleotides of either."""
    spec = preset_spec(preset)
    net = Net(spec, a.markers, dropout=spec.get("dropout", 0.0)).to(a.device)
    codes = torch.randint(1, 5, (batch, spec["window"]), device=a.device)
    labels = torch.rand(batch, a.markers, net.shapes[net.heads[-1]["from"]][1], device=a.device) < 0.02
    adam = torch.optim.Adam(net.parameters(), lr=1e-3, fused=a.device == "cuda")

    def autocast():
        return torch.autocast(a.device, torch.bfloat16)

    def train():
        net.train()
        adam.zero_grad(set_to_none=True)
        with autocast():
            loss = net.loss(codes, labels.float())
        loss.backward()
        adam.step()

    def call():
        net.eval()
        with torch.no_grad(), autocast():
            return net(codes) >= 0

    return train, call, batch * spec["window"]


def main():
    p = argparse.ArgumentParser()
    p.add_argument("--device", default="cuda")
    p.add_argument("--markers", type=int, default=919)
    p.add_argument("--seconds", type=float, default=1)
    p.add_argument("presets", nargs="+", metavar="PRESET:BATCH")
    a = p.parse_args()
    torch.backends.cudnn.benchmark = True
    torch.set_float32_matmul_precision("high")
    for preset, batch in (name.split(":") for name in a.presets):
        try:
            train, call, nucleotides = steps(a, preset, int(batch))
            for what, step in (("train", train), ("call", call)):
                print(what, preset, f"{rate(a.device, step, nucleotides, a.seconds):.2f}", flush=True)
            del train, call
        except RuntimeError as error:  # too little memory, for one
            print("train", preset, "failed:", str(error).splitlines()[0], flush=True)
        if a.device == "cuda":
            torch.cuda.empty_cache()


if __name__ == "__main__":
    main()
