#!/usr/bin/env python3
"""A preset in PyTorch, at the speed that PyTorch has for it: the peer of model_speed.cpp.

  peer_torch.py train|infer stock|tuned PRESET [--batch 1] [--threads 2] [--markers 919] [--seconds 5] [--cpu-time] [--precision bf16]
                [--window BASES [--keep BASES]]

Prints the seconds of each step after the first, one a line; then "rss" and the largest resident memory in MiB. Runs with any
Python that has torch. A training step is forward, loss, backward and Adam; inference ends with the probabilities.

stock: PyTorch's modules as they come. tuned, in training: up-convolutions as matrix products over positions, batch norm and dense
layers on rows. tuned, in inference: batch norm folded into weights, convolutions in 2-D channels-last, and from the up-convolution
on rows of positions in pieces that fit the caches, worked on in place in memory that is reused. `TUNED` is the environment that
goes with either: memory is kept between steps instead of faulted in anew.

--window, tuned inference: windows of another length; --keep: predictions of the middle bases alone, which the tail is run on.

bf16, in inference: all weights and all that is computed are bf16, the probabilities too. In training: autocast, as PyTorch's
documentation has it: weights and Adam stay in f32.
"""
import argparse
import os
import resource
import sys
import time

if __name__ == "__main__":  # bench.py reads what is said of the environment and needs no torch
    import torch
    import torch.nn.functional as F

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
TUNED = {"MALLOC_MMAP_THRESHOLD_": "4000000000", "MALLOC_TRIM_THRESHOLD_": "16000000000", "MALLOC_TOP_PAD_": "500000000"}
ROWS = 1000  # of a piece of the tail


def environment(tuned, threads):
    """Of the peer's process."""
    return {"OPENBLAS_NUM_THREADS": str(threads), "OMP_NUM_THREADS": str(threads), **(TUNED if tuned else {})}


def fold(layer, module):
    """Weight and bias of a convolution or up-convolution with its batch norm, in evaluation mode, folded in."""
    weight, bias = module.weight.detach(), module.bias.detach()
    if not layer.get("norm", False):
        return weight, bias
    norm = module.norm
    scale = (norm.weight / (norm.running_var + norm.eps).sqrt()).detach()
    shape = (-1, 1, 1) if layer["type"] == "conv" else (1, -1, 1)
    return weight * scale.reshape(shape), (bias - norm.running_mean) * scale + norm.bias.detach()


class TunedForward:
    """Of an embedding, convolutions, an up-convolution and dense layers, one after another."""

    def __init__(self, net, keep=None):
        self.keep = keep
        self.net, self.trunk, self.tail, self.out = net, [], [], None  # of any precision: that of net's weights
        for layer in net.layers:
            module = net.get_submodule(layer["name"])
            if layer["type"] == "embedding":
                self.embedding = module
            elif layer["type"] == "conv":
                weight, bias = fold(layer, module)
                self.trunk.append((layer, weight.unsqueeze(2).contiguous(memory_format=torch.channels_last), bias))
            elif layer["type"] == "up_conv":
                weight, bias = fold(layer, module)
                self.tail.append((weight.permute(0, 2, 1).reshape(weight.shape[0], -1).contiguous(), bias.repeat(layer["stride"])))
                self.up = (weight.shape[1], layer["stride"])
            elif layer["type"] == "dense" and not layer.get("flatten", False):
                self.tail.append((module.weight.detach().t().contiguous(), module.bias.detach()))
            else:
                raise ValueError(f"no tuned inference for a layer {layer['type']}")

    def __call__(self, codes):
        x = self.embedding(codes).permute(0, 2, 1).unsqueeze(2).contiguous(memory_format=torch.channels_last)
        for layer, weight, bias in self.trunk:
            left, right, _ = self.net.slides(layer, x.shape[3])
            x = torch.relu_(F.conv2d(F.pad(x, (left, right)), weight, bias, (1, layer.get("stride", 1)), 0,
                                     (1, layer.get("dilation", 1))))
        weight, bias = self.tail[0]
        channels, stride = self.up
        if self.keep:
            count = self.keep // stride
            begin = (x.shape[3] - count) // 2
            x = x[..., begin : begin + count]
        rows = x.permute(0, 2, 3, 1).reshape(-1, x.shape[1])
        if self.out is None:
            self.out = rows.new_empty(rows.shape[0] * stride, self.tail[-1][0].shape[1])
        for i in range(0, rows.shape[0], ROWS // stride):
            y = torch.addmm(bias, rows[i : i + ROWS // stride], weight).relu_().reshape(-1, channels)
            for w, b in self.tail[1:-1]:
                y = torch.addmm(b, y, w).relu_()
            w, b = self.tail[-1]
            to = self.out[i * stride : i * stride + y.shape[0]]
            torch.addmm(b, y, w, out=to).sigmoid_()
        return self.out


def stepper(a):
    from torch_presets import Net, preset_spec

    spec = preset_spec(a.preset)
    net = Net(spec, a.markers, dropout=spec["dropout"], rows=a.config == "tuned")
    codes = torch.randint(1, 5, (a.batch, a.window or spec["window"]))
    bf16 = a.precision == "bf16"
    if a.mode == "infer":
        net.eval()
        if bf16:
            net.bfloat16()
        forward = TunedForward(net, a.keep) if a.config == "tuned" else lambda c: torch.sigmoid(net(c))

        def infer():
            with torch.no_grad():
                forward(codes)

        return infer
    net.train()
    adam = torch.optim.Adam(net.parameters(), lr=1e-3)
    positions = net.shapes[net.heads[-1]["from"]][1]
    labels = (torch.rand(a.batch, positions, a.markers) < 0.02).float().transpose(1, 2)  # as the logits lie

    def train():
        adam.zero_grad(set_to_none=True)
        with torch.autocast("cpu", torch.bfloat16, enabled=bf16):
            loss = net.loss(codes, labels)
        loss.backward()
        adam.step()

    return train


def main():
    p = argparse.ArgumentParser()
    p.add_argument("mode", choices=("train", "infer"))
    p.add_argument("config", choices=("stock", "tuned"))
    p.add_argument("preset")
    p.add_argument("--batch", type=int, default=1)
    p.add_argument("--threads", type=int, default=2)
    p.add_argument("--markers", type=int, default=919)
    p.add_argument("--window", type=int)
    p.add_argument("--keep", type=int)
    p.add_argument("--seconds", type=float, default=5)
    p.add_argument("--precision", choices=("f32", "bf16"), default="f32")
    p.add_argument("--cpu-time", action="store_true", help="processor time of the process instead of wall time")
    a = p.parse_args()
    torch.manual_seed(0)
    torch.set_num_threads(a.threads)
    step, clock = stepper(a), time.process_time if a.cpu_time else time.perf_counter
    begin, count = time.perf_counter(), 0
    while count < 3 or time.perf_counter() - begin < a.seconds:
        start = clock()
        step()
        if count >= 1:
            print(f"{clock() - start:.6f}", flush=True)
        count += 1
    print("rss", resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024)


if __name__ == "__main__":
    main()
