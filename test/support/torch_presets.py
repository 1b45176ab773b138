"""The presets as plain PyTorch modules, written from the paper's list of layers and not from our specs, with the parameter
names of our model files; and a reader of those files."""
import json
import struct

import torch
import torch.nn as nn
import torch.nn.functional as F


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

    def __init__(self, preset, markers):
        super().__init__()
        dilations, self.pools = self.TRUNKS[preset]
        widths = [128, 240] + [50] * (len(dilations) - 1)
        self.depth = len(widths)
        self.embed = nn.Embedding(5, 4)
        self.conv1 = Layer(4, 128, True, stride=10)
        for i, dilation in enumerate(dilations):
            setattr(self, f"conv{i + 2}", Layer(widths[i], widths[i + 1], True, dilation=dilation))
        self.up = Up()
        self.dense1, self.dense2 = nn.Linear(50, 125), nn.Linear(125, markers)

    def forward(self, codes):
        x = self.embed(codes).transpose(1, 2)
        for i in range(1, self.depth + 1):
            x = getattr(self, f"conv{i}")(x)
            if i in self.pools:
                d = self.pools[i]
                x = F.max_pool1d(same(x, 4 * d, -float("inf")), 5, stride=1, dilation=d)
        x = self.up(x).transpose(1, 2)
        return self.dense2(F.relu(self.dense1(x))).transpose(1, 2)
