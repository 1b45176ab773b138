#!/usr/bin/env python3
"""Forward, loss and every gradient of every preset, and of small networks with what no preset has, against PyTorch, in double
precision there.

The weights come from the file that our program wrote. Evaluation mode (running statistics) and training mode (the batch's),
dropout off. Windows are shorter than the presets' own and the layers that flatten have fewer outputs, which keeps it quick.

In single precision a ReLU's input that is almost 0 may fall on the other side of it, and gradients jump, in PyTorch as here. So
cpu gets weights and windows for which no value comes so near to a kink; `reference` computes in double precision.
"""
import json
import os
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

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
from torch_presets import MODELS, Net, load_file, preset_spec

MARKERS, POS_WEIGHT = 7, 1.5
MARGIN = 2e-6  # of a kink, in standard deviations: more than ten roundings

# Window of each preset, and windows a batch: some 200,000 values that a ReLU or a pool looks at, and no convolution that
# sees nothing but padding.
WINDOWS = {
    "lr": (200, 3), "mlp": (200, 3), "deepsea": (70, 2), "danq": (110, 3), "dilated3": (200, 3), "dilated6": (760, 1),
    "dilated6-bn": (760, 1), "deep-dilated": (470, 1), "cnn1": (300, 2), "cnn3": (400, 2), "cnn3-unstrided": (120, 2),
    "cnn7": (400, 2), "dilated": (600, 1), "dilated-pool": (600, 1), "dilated-dilpool": (600, 1), "id-cnn": (480, 1),
    "bi-lstm": (300, 2), "basset": (220, 4), "cnn-rnn": (240, 3), "dilated-residual": (120, 2), "basenji": (1024, 2),
}
# For the double precision of `reference` also ones that the widest dilations do not leave.
LONG = {"deep-dilated": (470, 2), "dilated-dilpool": (1700, 1), "id-cnn": (1000, 1), "dilated-residual": (1100, 1), "basenji": (9216, 1)}

# What no preset has, small.
OTHERS = r"""[
{"name": "lstms", "window": 48, "layers": [
    {"name": "e", "type": "embedding", "filters": 3},
    {"name": "c", "type": "conv", "filters": 6, "width": 5, "stride": 4, "norm": true, "relu": true},
    {"name": "one_way", "type": "lstm", "filters": 8},
    {"name": "both", "type": "lstm", "filters": 4, "bidirectional": true},
    {"name": "again", "type": "lstm", "filters": 4, "bidirectional": true, "weights": "both"},
    {"name": "sum", "type": "add", "from": ["one_way", "again"], "relu": true},
    {"name": "up", "type": "up_conv", "filters": 5, "stride": 4, "relu": true},
    {"name": "d", "type": "dense"}]},
{"name": "flat", "window": 61, "task": "bin", "layers": [
    {"name": "o", "type": "one_hot"},
    {"name": "c1", "type": "conv", "filters": 6, "width": 4, "stride": 2, "padding": "valid", "norm": true, "relu": true},
    {"name": "c2", "type": "conv", "filters": 5, "width": 3, "dilation": 2, "relu": true},
    {"name": "p2", "type": "pool", "width": 3, "dilation": 2, "from": "c1"},
    {"name": "j", "type": "concat", "from": ["c2", "p2", "c1"]},
    {"name": "p3", "type": "pool", "width": 4, "stride": 3, "padding": "valid"},
    {"name": "f1", "type": "dense", "filters": 9, "flatten": true, "norm": true, "relu": true},
    {"name": "f2", "type": "dense", "filters": 9, "flatten": true, "relu": true, "from": "o"},
    {"name": "sum", "type": "add", "from": ["f1", "f2"], "relu": true},
    {"name": "h1", "type": "dense"},
    {"name": "fj", "type": "concat", "from": ["f2", "sum", "f1"]},
    {"name": "d", "type": "dense", "filters": 6, "relu": true},
    {"name": "h2", "type": "dense"}],
 "heads": [{"from": "h1", "weight": 0.3}, {"from": "h2", "weight": 2}]},
{"name": "binned", "window": 65, "task": "bin", "norm_eps": 1e-3, "norm_momentum": 0.01, "layers": [
    {"name": "o", "type": "one_hot"},
    {"name": "c1", "type": "conv", "filters": 6, "width": 9, "padding": "valid", "norm": true},
    {"name": "p1", "type": "pool", "width": 5, "stride": 4, "padding": "valid"},
    {"name": "c2", "type": "conv", "filters": 6, "width": 3, "stride": 2, "norm": true, "relu": true},
    {"name": "u", "type": "up_conv", "filters": 4, "stride": 3, "norm": true, "relu": true},
    {"name": "d1", "type": "dense", "filters": 6, "relu": true},
    {"name": "d2", "type": "dense"}]},
{"name": "shared", "window": 96, "task": "coverage", "layers": [
    {"name": "e", "type": "embedding", "filters": 4},
    {"name": "c1", "type": "conv", "filters": 6, "width": 6, "stride": 4, "relu": true},
    {"name": "c2", "type": "conv", "filters": 6, "width": 3, "relu": true},
    {"name": "c3", "type": "conv", "filters": 6, "width": 3, "dilation": 3, "norm": true, "relu": true, "weights": "c2"},
    {"name": "p", "type": "pool", "width": 3, "stride": 2},
    {"name": "u", "type": "up_conv", "filters": 6, "stride": 2},
    {"name": "r", "type": "add", "from": ["c1", "u", "c3"], "relu": true},
    {"name": "p2", "type": "pool", "width": 2, "stride": 2},
    {"name": "u2", "type": "up_conv", "filters": 6, "stride": 2, "relu": true, "weights": "u"},
    {"name": "d1", "type": "dense", "filters": 5, "relu": true},
    {"name": "h1", "type": "dense"},
    {"name": "d2", "type": "dense", "filters": 5, "relu": true, "weights": "d1", "from": "c3"},
    {"name": "h2", "type": "dense", "weights": "h1"}],
 "heads": [{"from": "h2", "weight": 0.5}, {"from": "h1"}]}
]"""


def small(spec):
    if spec["name"] == "deep-dilated":
        # Fifteen layers without norm leave values that hardly differ along the window: pools then choose by rounding.
        spec = dict(spec, layers=[dict(layer, norm=True) if layer["type"] == "conv" else layer for layer in spec["layers"]])
    layers = [dict(layer, filters=min(layer["filters"], 60)) if layer.get("flatten") and "filters" in layer else layer
              for layer in spec["layers"]]
    return dict(spec, layers=layers)


def worst(name, ours, theirs, tolerance, least=1e-3):
    """Largest difference, relative to the tensor's own scale, or to `least` where that is larger."""
    if ours.shape != theirs.shape:
        sys.exit(f"{name}: shape {tuple(ours.shape)}, PyTorch has {tuple(theirs.shape)}")
    scale = max(float(theirs.abs().max()), least)
    difference = float((ours.double() - theirs).abs().max()) / scale
    if not difference <= tolerance:
        sys.exit(f"{name}: differs from PyTorch by {difference:.3g} of its largest value, allowed {tolerance:g}")
    return difference


def normed(net, layer):
    """Whether batch norm follows wherever this layer's weights are used."""
    users = [user for user in net.layers if user.get("weights", user["name"]) == layer]
    return all(user.get("norm", False) for user in users)


def check_gradients(name, net, got, tolerance):
    largest, count = 0.0, 0
    least = 1e-3 * max(float(p.grad.abs().max()) for p in net.parameters())
    for key, parameter in net.named_parameters():
        layer, _, what = key.partition(".")
        if what.startswith("bias_hh"):  # a second bias that PyTorch alone has: zero, not trained
            if not float(parameter.detach().abs().max()) == 0 or "gradient." + key in got:
                sys.exit(f"{name}: {key} is not zero, or trained")
            continue
        theirs, ours = parameter.grad, got["gradient." + key]
        if what == "bias" and normed(net, layer):
            # A bias in front of batch norm has no gradient but rounding: it is held against the weight's scale.
            scale = float(net.get_submodule(layer).weight.grad.abs().max())
            if not float(ours.abs().max()) <= tolerance * scale * 100:
                sys.exit(f"{name} gradient of {key}: {float(ours.abs().max()):.3g}, should vanish")
        else:
            largest = max(largest, worst(f"{name} gradient of {key}", ours, theirs, tolerance, least))
            if not float(theirs.abs().max()) > 0:
                sys.exit(f"{name}: no gradient reaches {key}: the test would say nothing")
        count += 1
    if count != sum(key.startswith("gradient.") for key in got):
        sys.exit(f"{name}: {count} gradients compared")
    return largest, count


def check(spec, batch, seed, device, folder):
    """Returns the distance of the nearest kink."""
    name = f"{spec['name']} {device}"
    with open(f"{folder}/spec.json", "w") as f:
        json.dump(spec, f)
    probe = os.path.join(os.environ["REGKIT_BIN"], "network_probe")
    subprocess.run([probe, f"{folder}/spec.json", device, folder, str(batch), str(seed)], check=True)
    weights, got = load_file(f"{folder}/weights.safetensors"), load_file(f"{folder}/results.safetensors")
    net = Net(spec, MARKERS).double()
    missing, unexpected = net.load_state_dict({k: v.double() for k, v in weights.items()}, strict=False)
    if unexpected or [k for k in missing if not k.endswith("num_batches_tracked")]:
        sys.exit(f"{name}: names differ: missing {missing}, unexpected {unexpected}")
    codes, labels = got["codes"].long(), got["labels"].double()
    tolerance = 1e-6 if device == "reference" else 2e-5
    net.eval()
    with torch.no_grad():
        logits = worst(f"{name} logits", got["logits"], net(codes), tolerance)
    net.train()
    net.margin = 1.0
    loss = net.loss(codes, labels, POS_WEIGHT)
    loss.backward()
    worst(f"{name} loss", got["loss"], loss.detach()[None], 1e-5)
    gradients, count = check_gradients(name, net, got, tolerance)
    for key, buffer in net.named_buffers():
        if not key.endswith("num_batches_tracked"):
            worst(f"{name} {key}", got["after." + key], buffer, 1e-5)
            count += 1
    if count != sum(".bias_hh_" not in key for key in weights):
        sys.exit(f"{name}: {count} tensors compared of {len(weights)}")
    print(f"{name}\tlogits {logits:.2g}\tgradients {gradients:.2g}\t{count} tensors\tseed {seed}", flush=True)
    return net.margin


def main():
    torch.manual_seed(0)
    torch.set_num_threads(1)  # small tensors: threads would wait for each other on a busy machine
    presets = {file[:-5] for file in os.listdir(MODELS) if file.endswith(".json")}
    if presets != set(WINDOWS):
        sys.exit(f"presets without a window here, or the other way round: {sorted(presets ^ set(WINDOWS))}")
    cases = [(small(preset_spec(name, window)), batch) for name, (window, batch) in WINDOWS.items()]
    cases += [(spec, 3) for spec in json.loads(OTHERS)]
    only = sys.argv[1:]
    for spec, batch in cases:
        if only and spec["name"] not in only:
            continue
        if spec["name"] in LONG:
            window, windows = LONG[spec["name"]]
            with tempfile.TemporaryDirectory() as folder:
                check(preset_spec(spec["name"], window), windows, 1, "reference", folder)
        for seed in range(1, 20):
            with tempfile.TemporaryDirectory() as folder:
                if check(spec, batch, seed, "reference", folder) > MARGIN:
                    check(spec, batch, seed, "cpu", folder)
                    break
        else:
            sys.exit(f"{spec['name']}: no seed without a value near a kink; make the window shorter")


main()
