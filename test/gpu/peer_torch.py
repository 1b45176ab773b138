#!/usr/bin/env python3
"""The `dilated` architecture in PyTorch on a GPU, at the speed that PyTorch has for it: peer_torch.py [--batch 32]
[--markers 919] [--seconds 15]. Prints "train" and "call" with millions of nucleotides a second, in bf16.

As an experienced user would write it: channels padded to multiples of 64 (the last to one of 32), convolutions in 2-D
channels-last, everything from the up-convolution on as matrix products over rows, torch.compile, bf16 autocast with fp32
weights and fused Adam, labels sent as bits and unpacked on the device. `call` ends with the bits of the logits over a cutoff,
in device memory. All inputs are random; a time is the median of steps between synchronisations."""
import argparse
import statistics
import time

import torch
import torch.nn as nn
import torch.nn.functional as F

WINDOW, STRIDE = 25000, 10
#        in   out  width dilation; 50 channels are 64 here, 125 are 128
TRUNK = ((128, 256, 10, 3), (256, 64, 10, 9), (64, 64, 10, 27), (64, 64, 10, 81))
DROPOUT = 0.1


class Dilated(nn.Module):
    def __init__(self, markers):
        super().__init__()
        self.markers = -(-markers // 32) * 32
        self.embed = nn.Embedding(5, 4)
        self.first = nn.Linear(4 * STRIDE, 128)  # its width is its stride
        self.convs = nn.ModuleList(nn.Conv2d(i, o, (1, w), dilation=(1, d)) for i, o, w, d in TRUNK)
        self.norms = nn.ModuleList(nn.BatchNorm2d(c) for c in (128, *(o for _, o, _, _ in TRUNK)))
        self.up = nn.Linear(64, STRIDE * 64)
        self.up_norm = nn.BatchNorm1d(64)
        self.dense1, self.dense2 = nn.Linear(64, 128), nn.Linear(128, self.markers)

    def activate(self, x):
        return F.dropout(F.relu(x), DROPOUT, self.training)

    def forward(self, codes):
        """Rows of positions by markers."""
        batch = codes.shape[0]
        x = self.first(self.embed(codes).reshape(batch, WINDOW // STRIDE, 4 * STRIDE))
        x = x.permute(0, 2, 1).unsqueeze(2)  # channels last
        x = self.activate(self.norms[0](x))
        for conv, norm, (_, _, width, dilation) in zip(self.convs, self.norms[1:], TRUNK):
            reach = (width - 1) * dilation
            x = self.activate(norm(conv(F.pad(x, (reach // 2, reach - reach // 2)))))
        x = self.up(x.squeeze(2).permute(0, 2, 1)).reshape(-1, 64)
        x = self.activate(self.up_norm(x))
        return self.dense2(self.activate(self.dense1(x)))


def unpack(bits):
    """Rows of bytes to rows of 0 and 1."""
    masks = 2 ** torch.arange(8, device=bits.device, dtype=torch.uint8)
    return (bits.unsqueeze(-1) & masks).ne(0).reshape(bits.shape[0], -1)


def pack(rows):
    weights = 2 ** torch.arange(8, device=rows.device, dtype=torch.uint8)
    return (rows.reshape(rows.shape[0], -1, 8).to(torch.uint8) * weights).sum(-1, dtype=torch.uint8)


def rate(step, nucleotides, seconds):
    """Millions of nucleotides a second."""
    for _ in range(3):  # compiles, and tries algorithms
        step()
    torch.cuda.synchronize()
    times, begin = [], time.perf_counter()
    while len(times) < 5 or time.perf_counter() - begin < seconds:
        start = time.perf_counter()
        step()
        torch.cuda.synchronize()
        times.append(time.perf_counter() - start)
    return nucleotides / statistics.median(times) / 1e6


def main():
    p = argparse.ArgumentParser()
    p.add_argument("--batch", type=int, default=32)
    p.add_argument("--markers", type=int, default=919)
    p.add_argument("--seconds", type=float, default=15)
    p.add_argument("--mode", default="max-autotune-no-cudagraphs", help="of torch.compile")
    p.add_argument("--parse", action="store_true", help="read these options and do nothing")
    a = p.parse_args()
    if a.parse:
        return
    torch.manual_seed(0)
    torch.backends.cudnn.benchmark = True
    torch.set_float32_matmul_precision("high")
    device = "cuda"
    net = Dilated(a.markers).to(device, memory_format=torch.channels_last)
    codes = torch.randint(1, 5, (a.batch, WINDOW), device=device)
    bits = torch.randint(0, 256, (a.batch * WINDOW, net.markers // 8), device=device, dtype=torch.uint8)
    adam = torch.optim.Adam(net.parameters(), lr=1e-3, fused=True)

    @torch.compile(mode=a.mode)
    def loss_of(codes, bits):
        with torch.autocast(device, torch.bfloat16):
            logits = net(codes)
        return F.binary_cross_entropy_with_logits(logits, unpack(bits).to(logits.dtype))

    def train():
        adam.zero_grad(set_to_none=True)
        loss_of(codes, bits).backward()
        adam.step()

    @torch.compile(mode=a.mode)
    def call_bits(codes):
        with torch.autocast(device, torch.bfloat16):
            return pack(net(codes) >= 0)

    def call():
        with torch.no_grad():
            call_bits(codes)

    nucleotides = a.batch * WINDOW
    print(f"train {rate(train, nucleotides, a.seconds):.1f}", flush=True)
    net.eval()
    print(f"call {rate(call, nucleotides, a.seconds):.1f}", flush=True)


if __name__ == "__main__":
    main()
