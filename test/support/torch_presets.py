"""A PyTorch module for any architecture of regkit-spec(5), with the parameter names of our model files, written from that page
and PyTorch's own layers; and a reader of those files."""
import json
import os
import struct

import torch
import torch.nn as nn
import torch.nn.functional as F

MODELS = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "examples", "models")


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


def preset_spec(name, window=None):
    """The spec of a preset, for a window of its own or another."""
    with open(os.path.join(MODELS, name + ".json")) as f:
        spec = json.load(f)
    return dict(spec, window=window or spec["window"])


def sequence_layer(layer):
    return layer["type"] in ("embedding", "one_hot")


class Net(nn.Module):
    """codes (batch, window) of 0 N, 1 A, 2 C, 3 G, 4 T -> logits (batch, markers, positions) of the last head; all_heads gives
    those of every head. A forward pass appends to `watched`, unless None, each ReLU's input and the distance of each pool's
    maximum from the next value. `symbols` (batch, window, 5), unless None, are read in the place of codes. `rows` runs up-convolutions as matrix products over positions, as a PyTorch user would tune
    them on a CPU."""

    def __init__(self, spec, markers, dropout=0.0, rows=False):
        super().__init__()
        self.dropout, self.rows, self.task = dropout, rows, spec.get("task", "nucleotide")
        self.watched = None
        self.symbols = None
        self.layers, self.shapes = [], {}
        for number, layer in enumerate(spec["layers"]):
            read = layer.get("from", spec["layers"][number - 1]["name"] if number else "sequence")
            layer = dict(layer, read=[read] if isinstance(read, str) else read)
            self.layers.append(layer)
            self.add_layer(layer, spec, markers)
        self.heads = spec.get("heads", [{"from": spec["layers"][-1]["name"]}])

    # ---- parameters, and the shape (channels, positions) of every layer for the spec's window
    def add_layer(self, layer, spec, markers):
        kind = layer["type"]
        inputs = [self.shapes[name] for name in layer["read"] if name != "sequence"]
        channels, length = inputs[0] if inputs else (None, spec.get("window", 25000))
        filters = layer.get("filters", markers)
        module = None
        if kind == "embedding":
            channels, module = filters, nn.Embedding(5, filters)
        elif kind == "one_hot":
            channels = 4
        elif kind == "conv":
            module = nn.Conv1d(channels, filters, layer["width"], stride=layer.get("stride", 1), dilation=layer.get("dilation", 1))
            channels, length = filters, self.slides(layer, length)[2]
        elif kind == "pool":
            length = self.slides(layer, length)[2]
        elif kind == "up_conv":
            module = nn.ConvTranspose1d(channels, filters, layer["stride"], stride=layer["stride"])
            channels, length = filters, length * layer["stride"]
        elif kind == "dense":
            flatten = layer.get("flatten", False)
            module = nn.Linear(channels * length if flatten else channels, filters)
            channels, length = filters, 1 if flatten else length
        elif kind == "lstm":
            module = nn.LSTM(channels, filters, bidirectional=layer.get("bidirectional", False), batch_first=True)
            channels = filters * (2 if layer.get("bidirectional", False) else 1)
        elif kind == "concat":
            channels = sum(c for c, _ in inputs)
        elif kind != "add":
            raise ValueError(kind)
        self.shapes[layer["name"]] = (channels, length)
        if "weights" in layer:
            module = nn.Module()
        if layer.get("norm", False):
            module.norm = nn.BatchNorm1d(channels, eps=spec.get("norm_eps", 1e-5), momentum=spec.get("norm_momentum", 0.1))
        if module is not None:
            self.add_module(layer["name"], module)

    @staticmethod
    def slides(layer, length):
        """Padding left and right as TensorFlow's, and positions of the output."""
        stride, reach = layer.get("stride", 1), (layer["width"] - 1) * layer.get("dilation", 1)
        total = 0
        if layer.get("padding", "same") == "same":
            total = max((-(-length // stride) - 1) * stride + reach + 1 - length, 0)
        return total // 2, total - total // 2, (length + total - reach - 1) // stride + 1

    # ---- one layer
    def summed(self, layer, y):
        """Of what a layer computes, before its batch norm: torch_rounding.py has more to say."""
        return y

    def weights(self, layer):
        return self.get_submodule(layer.get("weights", layer["name"]))

    def run_up_conv(self, layer, x):
        w, stride = self.weights(layer), layer["stride"]
        if not self.rows:
            return F.conv_transpose1d(x, w.weight, w.bias, stride=stride)
        n, _, positions = x.shape
        matrix = w.weight.permute(2, 1, 0).reshape(-1, w.weight.shape[0])  # rows (stride, out)
        y = F.linear(x.transpose(1, 2), matrix, w.bias.repeat(stride))
        return y.reshape(n, positions * stride, -1).transpose(1, 2)

    def run_norm(self, module, x):
        n, channels, length = x.shape
        if not self.rows or x.is_contiguous():
            return module(x)
        y = module(x.transpose(1, 2).reshape(n * length, channels))
        return y.reshape(n, length, channels).transpose(1, 2)

    def run_layer(self, layer, values):
        kind = layer["type"]
        xs = [values[name] for name in layer["read"]]
        x = xs[0]
        if kind == "embedding":
            table = getattr(self, layer["name"])
            return (table(x) if self.symbols is None else self.symbols @ table.weight).transpose(1, 2)
        if kind == "one_hot":
            dtype = next(self.parameters()).dtype
            return (F.one_hot(x, 5).to(dtype) if self.symbols is None else self.symbols)[:, :, 1:].transpose(1, 2)
        if kind == "conv":
            w, (left, right, _) = self.weights(layer), self.slides(layer, x.shape[2])
            y = F.conv1d(F.pad(x, (left, right)) if left + right else x, w.weight, w.bias, layer.get("stride", 1), 0,
                         layer.get("dilation", 1))
        elif kind == "pool":
            left, right, _ = self.slides(layer, x.shape[2])
            width, stride, dilation = layer["width"], layer.get("stride", 1), layer.get("dilation", 1)
            if self.watched is not None and width > 1:
                taps = F.unfold(F.pad(x, (left, right), value=-1e30)[:, :, None], (1, width), (1, dilation), 0, (1, stride))
                two = taps.reshape(x.shape[0], x.shape[1], width, -1).topk(2, dim=2).values
                self.watched.append((two[:, :, 0] - two[:, :, 1]).detach())
            y = F.max_pool1d(F.pad(x, (left, right), value=-float("inf")) if left + right else x, width, stride=stride,
                             dilation=dilation)
        elif kind == "up_conv":
            y = self.run_up_conv(layer, x)
        elif kind == "dense":
            w = self.weights(layer)
            if layer.get("flatten", False):
                y = F.linear(x.flatten(1), w.weight, w.bias)[:, :, None]
            else:
                y = F.linear(x.transpose(1, 2), w.weight, w.bias).transpose(1, 2)
        elif kind == "lstm":
            y = self.weights(layer)(x.transpose(1, 2))[0].transpose(1, 2)
        elif kind == "concat":
            y = torch.cat(xs, 1)
        else:
            y = sum(xs[1:], x)
        y = self.summed(layer, y)
        if layer.get("norm", False):
            y = self.run_norm(getattr(self, layer["name"]).norm, y)
        if layer.get("relu", False):
            if self.watched is not None:
                self.watched.append(y.detach())
            y = F.relu(y)
        if layer.get("dropout", False) and self.dropout:
            y = F.dropout(y, self.dropout, self.training)
        return y

    def all_heads(self, codes):
        values = {"sequence": codes}
        last_reader = {name: i for i, layer in enumerate(self.layers) for name in layer["read"]}
        for i, layer in enumerate(self.layers):
            values[layer["name"]] = self.run_layer(layer, values)
            for name in layer["read"]:
                if last_reader[name] == i and name != "sequence":
                    values.pop(name, None)
        return [values[head["from"]] for head in self.heads]

    def forward(self, codes):
        return self.all_heads(codes)[-1]

    def loss(self, codes, labels, pos_weight=1.0):
        """Mean over positions and markers of each head's loss, heads weighted; labels as the logits."""
        total = 0
        for head, logits in zip(self.heads, self.all_heads(codes)):
            if self.task == "coverage":
                loss = F.poisson_nll_loss(F.softplus(logits), labels, log_input=False, full=False, eps=0)
            else:
                loss = F.binary_cross_entropy_with_logits(logits, labels, pos_weight=logits.new_tensor(pos_weight))
            total = total + head.get("weight", 1.0) * loss
        return total
