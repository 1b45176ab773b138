#!/usr/bin/env python3
"""Flatten and dense, and the LSTM: bench_kernels and PyTorch by turns, as a table of medians of wall time.

Usage: compare_torch.py BENCH_KERNELS THREADS [ROUNDS]

PyTorch is as good as its BLAS: run it with OpenBLAS (LD_LIBRARY_PATH to the folder of OpenBLAS's libblas.so.3 where
Debian's alternatives choose another), OMP_NUM_THREADS and OPENBLAS_NUM_THREADS set to THREADS.
"""
import json
import statistics
import subprocess
import sys
import time

import torch


def flat_cases():
    for name, batch, inputs, outputs in (("danq", 100, 48000, 925), ("deepsea", 100, 59520, 919)):
        x, dy = torch.randn(batch, inputs), torch.randn(batch, outputs)
        weight, bias = 0.01 * torch.randn(outputs, inputs), torch.randn(outputs)
        gradient = torch.zeros(outputs, inputs)
        yield f"flat_dense/{name}", lambda: torch.relu_(torch.nn.functional.linear(x, weight, bias))
        yield f"flat_dense_grad_input/{name}", lambda: torch.mm(dy, weight)
        yield f"flat_dense_grad_weight/{name}", lambda: gradient.addmm_(dy.t(), x)


def lstm_cases():
    for name, batch, hidden, length, inputs in (("danq", 100, 320, 75, 320), ("bi-lstm", 8, 80, 1250, 128)):
        layer = torch.nn.LSTM(inputs, hidden, bidirectional=True)
        x = torch.randn(length, batch, inputs)
        dy = torch.randn(length, batch, 2 * hidden)

        def forward():
            with torch.no_grad():
                layer(x)

        def train():
            leaf = x.requires_grad_()
            layer(leaf)[0].backward(dy)

        yield f"lstm_layer/{name}", forward
        yield f"lstm_layer_train/{name}", train


def ours(program, name, threads):
    """Milliseconds and GFLOP of one iteration."""
    out = subprocess.run(
        [program, f"--workers={threads}", f"--benchmark_filter=^{name}/", "--benchmark_format=json",
         "--benchmark_min_time=0.2"], check=True, capture_output=True, text=True).stdout
    (result,) = json.loads(out)["benchmarks"]
    return result["real_time"], result["GFLOP"]


def main():
    program, threads = sys.argv[1], int(sys.argv[2])
    rounds = int(sys.argv[3]) if len(sys.argv) > 3 else 5
    torch.set_num_threads(threads)
    print(f"{threads} threads, medians of {rounds} rounds\n")
    print("| | regkit ms (GFLOP/s) | PyTorch ms (GFLOP/s) | ratio of medians | of minima |")
    print("|---|---|---|---|---|")
    for cases in (flat_cases, lstm_cases):
        for name, call in cases():
            call()
            mine, theirs = [], []
            for _ in range(rounds):
                begin = time.perf_counter()
                call()
                theirs.append(1e3 * (time.perf_counter() - begin))
                took, gflop = ours(program, name, threads)
                mine.append(took)
            a, b = statistics.median(mine), statistics.median(theirs)
            print(f"| {name} | {a:.0f} ({1e3 * gflop / a:.0f}) | {b:.0f} ({1e3 * gflop / b:.0f}) | {b / a:.2f} |"
                  f" {min(theirs) / min(mine):.2f} |", flush=True)


if __name__ == "__main__":
    main()
