#!/usr/bin/env python3
"""Forward, loss and every gradient of the presets against PyTorch, in double precision there.

The module below is written from the paper's list of layers, not from our specs; its weights come from the file that our
program wrote. Evaluation mode (running statistics) and training mode (the batch's), dropout off.
"""
import json
import os
import struct
import subprocess
import sys
import tempfile

python = os.environ.get("REGKIT_PYTHON", "/usr/bin/python3")
if os.path.realpath(python) != os.path.realpath(sys.executable):
    os.execv(python, [python] + sys.argv)
try:
    import torch
except ImportError:
    print("SKIPPED: needs python3-torch")
    sys.exit(77)
import torch.nn as nn
import torch.nn.functional as F

MARKERS = 7


def load_file(path):
    with open(path, "rb") as f:
        data = bytearray(f.read())
    (length,) = struct.unpack("<Q", data[:8])
    header = json.loads(data[8 : 8 + length])
    header.pop("__metadata__", None)
    return {
        name: torch.frombuffer(data, dtype=torch.float32, offset=8 + length + entry["data_offsets"][0],
                               count=(entry["data_offsets"][1] - entry["data_offsets"][0]) // 4).reshape(entry["shape"])
        for name, entry in header.items()
    }


def same(x, reach, value=0.0):
    return F.pad(x, (reach // 2, reach - reach // 2), value=value)


class Layer(nn.Conv1d):
    def __init__(self, inputs, outputs, norm, stride=1, dilation=1):
        super().__init__(inputs, outputs, 10, stride=stride, dilation=dilation)
        if norm:
            self.norm = nn.BatchNorm1d(outputs)

    def forward(self, x):
        reach = 9 * self.dilation[0] if self.stride[0] == 1 else 0
        y = super().forward(same(x, reach))
        return F.relu(self.norm(y) if hasattr(self, "norm") else y)


class Up(nn.ConvTranspose1d):
    def __init__(self):
        super().__init__(50, 50, 10, stride=10)
        self.norm = nn.BatchNorm1d(50)

    def forward(self, x):
        return F.relu(self.norm(super().forward(x)))


class Net(nn.Module):
    # Per preset: dilations of the convolutions behind the first, and {convolution: (width, dilation) of the pool behind it}.
    TRUNKS = {
        "cnn7": ((1, 1, 1, 1, 1), {}),
        "dilated": ((3, 9, 27, 81), {}),
        "dilated-pool": ((3, 9, 27, 81), {1: 1, 2: 1, 4: 1}),
        "dilated-dilpool": ((3, 9, 27, 81), {4: 27, 5: 81}),
    }

    def __init__(self, preset):
        super().__init__()
        dilations, self.pools = self.TRUNKS[preset]
        widths = [128, 240] + [50] * (len(dilations) - 1)
        self.depth = len(widths)
        self.embed = nn.Embedding(5, 4)
        self.conv1 = Layer(4, 128, True, stride=10)
        for i, dilation in enumerate(dilations):
            setattr(self, f"conv{i + 2}", Layer(widths[i], widths[i + 1], True, dilation=dilation))
        self.up = Up()
        self.dense1, self.dense2 = nn.Linear(50, 125), nn.Linear(125, MARKERS)

    def forward(self, codes):
        x = self.embed(codes).transpose(1, 2)
        for i in range(1, self.depth + 1):
            x = getattr(self, f"conv{i}")(x)
            if i in self.pools:
                d = self.pools[i]
                x = F.max_pool1d(same(x, 4 * d, -float("inf")), 5, stride=1, dilation=d)
        x = self.up(x).transpose(1, 2)
        return self.dense2(F.relu(self.dense1(x))).transpose(1, 2)


def worst(name, ours, theirs, tolerance):
    """Largest difference, relative to the tensor's own scale."""
    if ours.shape != theirs.shape:
        sys.exit(f"{name}: shape {tuple(ours.shape)}, PyTorch has {tuple(theirs.shape)}")
    scale = max(float(theirs.abs().max()), 1e-3)
    difference = float((ours.double() - theirs).abs().max()) / scale
    if not difference <= tolerance:
        sys.exit(f"{name}: differs from PyTorch by {difference:.3g} of its largest value, allowed {tolerance:g}")
    return difference


def check(preset, device, folder):
    probe = os.path.join(os.environ["REGKIT_BIN"], "network_probe")
    subprocess.run([probe, preset, device, folder], check=True)
    weights, got = load_file(f"{folder}/weights.safetensors"), load_file(f"{folder}/results.safetensors")
    net = Net(preset).double()
    missing, unexpected = net.load_state_dict({k: v.double() for k, v in weights.items()}, strict=False)
    if unexpected or [k for k in missing if not k.endswith("num_batches_tracked")]:
        sys.exit(f"{preset}: names differ: missing {missing}, unexpected {unexpected}")
    codes, labels = got["codes"].long(), got["labels"].double()
    tolerance = 1e-6 if device == "reference" else 2e-5
    net.eval()
    with torch.no_grad():
        logits = worst(f"{preset} {device} logits", got["logits"], net(codes), tolerance)
    net.train()
    loss = F.binary_cross_entropy_with_logits(net(codes), labels, pos_weight=torch.tensor(1.5, dtype=torch.float64))
    loss.backward()
    worst(f"{preset} {device} loss", got["loss"], loss.detach()[None], 1e-5)
    gradients = 0.0
    count = 0
    for name, parameter in net.named_parameters():
        # A bias in front of batch norm has no gradient but rounding: it is held against the weight's scale.
        theirs, ours = parameter.grad, got["gradient." + name]
        if name.endswith(".bias") and hasattr(net.get_submodule(name.rpartition(".")[0]), "norm"):
            scale = float(net.get_submodule(name.rpartition(".")[0]).weight.grad.abs().max())
            if not float(ours.abs().max()) <= tolerance * scale * 100:
                sys.exit(f"{preset} {device} gradient of {name}: {float(ours.abs().max()):.3g}, should vanish")
        else:
            gradients = max(gradients, worst(f"{preset} {device} gradient of {name}", ours, theirs, tolerance))
        count += 1
    for name, buffer in net.named_buffers():
        if not name.endswith("num_batches_tracked"):
            worst(f"{preset} {device} {name}", got["after." + name], buffer, 1e-5)
            count += 1
    if count != len(weights):
        sys.exit(f"{preset}: {count} tensors compared of {len(weights)}")
    print(f"{preset}\t{device}\tlogits {logits:.2g}\tgradients {gradients:.2g}\t{count} tensors")


def main():
    torch.manual_seed(0)
    torch.set_num_threads(2)
    for preset in Net.TRUNKS:
        for device in ("reference", "cpu"):
            with tempfile.TemporaryDirectory() as folder:
                check(preset, device, folder)


main()
