#!/usr/bin/env python3
"""Forward, the gradient of the bases and of bases between two, loss and every gradient of every preset, and of small networks with what no preset has, against PyTorch, in double
precision there: the reference back end, and the cpu's once for each instruction set that the machine has.

  network_torch.py [--seeds N] [PRESET...]      N: seeds that must pass, 1 unless said

The weights come from the file that our program wrote. Evaluation mode (running statistics) and training mode (the batch's),
dropout off. Windows are shorter than the presets' own and the layers that flatten have fewer outputs, which keeps it quick.

How far single precision may be off is a matter of the network and of the weights: basset's gradients, through batch norm over
four windows, lose ten times as much as others'. So each tensor has a tolerance of its own, which follows from the rounding of
sums of such lengths (torch_rounding.py) and how PyTorch's network passes it on. Over 25 networks, 3 seeds each and 3
instruction sets the largest error was 0.2 to 1.5 times what this says in nearly all, and 2.7 times at most.

A ReLU's input that is almost 0 may fall on the other side of it by rounding, and gradients jump, in PyTorch as here. So cpu
gets weights and windows for which no value comes so near to a kink; `reference` computes in double precision. """
import argparse
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
from tools import cpu_isas
from torch_presets import MODELS, Net, load_file, preset_spec
from torch_rounding import RoundedNet

MARKERS, POS_WEIGHT = 7, 1.5
EXACT = 1e-6  # of a tensor's largest value: results are stored in single precision, after a few more roundings
DRAWS = 3     # of the errors of sums, the root mean square of whose largest effects is taken as what an error is
TIMES = 4     # it, at most
MARGIN = 4    # of a kink, in errors of the values there

# Window of each preset, and windows a batch: some 200,000 values that a ReLU or a pool looks at, and no convolution that
# sees nothing but padding.
WINDOWS = {
    "lr": (200, 3), "mlp": (200, 3), "deepsea": (70, 2), "danq": (110, 3), "dilated3": (200, 3), "dilated6": (760, 1),
    "dilated6-bn": (760, 1), "deep-dilated": (470, 1), "cnn1": (300, 2), "cnn3": (400, 2), "cnn3-unstrided": (120, 2),
    "cnn7": (400, 2), "dilated": (600, 1), "dilated-pool": (600, 1), "dilated-dilpool": (600, 1), "id-cnn": (480, 1),
    "bi-lstm": (300, 2), "basset": (220, 4), "cnn-rnn": (240, 3), "dilated-residual": (120, 2), "basenji": (1024, 2),
    "strided-residual": (400, 2),
}
# Three stacks to the base, or eleven blocks: with all their filters hardly a seed has no value near a kink.
MANY_VALUES = {"id-cnn": 20, "dilated-residual": 24, "strided-residual": 24}
# For the double precision of `reference` also ones that the widest dilations do not leave.
LONG = {"deep-dilated": (470, 2), "dilated-dilpool": (1700, 1), "id-cnn": (1000, 1), "dilated-residual": (1100, 1), "basenji": (9216, 1),
        "strided-residual": (2800, 1)}

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
    most = MANY_VALUES.get(spec["name"], 10 ** 6)
    layers = [dict(layer, filters=min(layer["filters"], 60 if layer.get("flatten") else most)) if "filters" in layer else layer
              for layer in spec["layers"]]
    return dict(spec, layers=layers)


def results(net, codes, labels, d_logits, share, weights_of):
    """Named as network_probe names them."""
    net.eval()
    with torch.no_grad():
        found = {"logits": net(codes)}
    net.symbols = torch.nn.functional.one_hot(codes, 5).to(d_logits.dtype).requires_grad_()
    (net(codes) * d_logits).sum().backward()
    found["bases"] = net.symbols.grad[:, :, 1:].transpose(1, 2)
    one_hot = torch.nn.functional.one_hot(codes, 5).to(d_logits.dtype)
    backwards = one_hot.flatten(0, 1).flip(0).unflatten(0, codes.shape)
    net.symbols = (share[:, None, None] * one_hot + (1 - share[:, None, None]) * backwards).requires_grad_()
    logits = net(codes)
    found["symbols"] = torch.stack([torch.autograd.grad((logits[:, m] * weights_of).sum(), net.symbols, retain_graph=True)[0]
                                    for m in (2, 5)]).transpose(2, 3)
    net.symbols = None
    net.train()
    net.zero_grad()
    net.watched = []
    loss = net.loss(codes, labels, POS_WEIGHT)
    loss.backward()
    found["loss"] = loss.detach()[None]
    found.update(("gradient." + key, parameter.grad) for key, parameter in net.named_parameters())
    found.update(("after." + key, buffer) for key, buffer in net.named_buffers() if not key.endswith("num_batches_tracked"))
    return found


def loaded(net, weights):
    missing, unexpected = net.double().load_state_dict({k: v.double() for k, v in weights.items()}, strict=False)
    if unexpected or [k for k in missing if not k.endswith("num_batches_tracked")]:
        sys.exit(f"names differ: missing {missing}, unexpected {unexpected}")
    return net


class Problem:
    """A network with weights and windows: what is right, what single precision may make of it, how near the next kink is."""

    def __init__(self, spec, batch, seed, folder):
        self.spec, self.batch, self.seed, self.folder = spec, batch, seed, folder
        with open(f"{folder}/spec.json", "w") as f:
            json.dump(spec, f)
        got = self.probe("cpu")
        self.weights = load_file(f"{folder}/weights.safetensors")
        self.given = got["codes"].long(), *(got[name].double() for name in ("labels", "d_logits", "share", "weights_of"))
        self.net = loaded(Net(spec, MARKERS), self.weights)
        self.right = results(self.net, *self.given)
        self.squares, self.draws, self.margin = dict.fromkeys(self.right, 0.0), 0, float("inf")

    def probe(self, device, *isa):
        probe = os.path.join(os.environ["REGKIT_BIN"], "network_probe")
        subprocess.run([probe, f"{self.folder}/spec.json", device, self.folder, str(self.batch), str(self.seed), *isa], check=True)
        return load_file(f"{self.folder}/results.safetensors")

    def draw(self):
        net = loaded(RoundedNet(self.spec, MARKERS, self.batch), self.weights)
        off = results(net, *self.given)
        self.draws += 1
        for name, values in off.items():
            self.squares[name] += float((values - self.right[name]).abs().max()) ** 2
        for exact, rounded in zip(self.net.watched, net.watched):
            apart = exact != 0  # what is equal is so in any precision
            if apart.any():
                error = float((rounded - exact)[apart].square().mean().sqrt())
                self.margin = min(self.margin, float(exact[apart].abs().min()) / error if error else float("inf"))

    def vanishes(self, name):
        """Whether it is the gradient of a bias whose uses all have batch norm behind them, which takes it away."""
        kind, layer, what = (name.split(".") + ["", ""])[:3]
        users = [user for user in self.net.layers if user.get("weights", user["name"]) == layer]
        return kind == "gradient" and what == "bias" and all(user.get("norm", False) for user in users)

    def allowed(self, name, exact):
        def scale(of):
            return float(self.right[of].abs().max())

        if self.vanishes(name):  # what is left is the rounding of means, the same at every position: held against the weight's
            return (100 * EXACT if exact else 1e-3) * scale(name.replace("bias", "weight"))
        if exact:
            largest = max(scale(of) for of in self.right if of.startswith("gradient."))
            return EXACT * max(scale(name), 1e-3 * largest if name.startswith("gradient.") else 0)
        return TIMES * (self.squares[name] / self.draws) ** 0.5 + EXACT * scale(name)

    def compare(self, device, *isa):
        title, got = " ".join([self.spec["name"], device, *isa]), self.probe(device, *isa)
        largest, count = (0.0, ""), 0
        for name, right in self.right.items():
            if ".bias_hh" in name:  # a second bias that PyTorch alone has: zero, not trained
                if name in got or not float(self.weights[name.removeprefix("gradient.")].abs().max()) == 0:
                    sys.exit(f"{title}: {name} is not zero, or trained")
                continue
            if got[name].shape != right.shape:
                sys.exit(f"{title} {name}: shape {tuple(got[name].shape)}, PyTorch has {tuple(right.shape)}")
            difference, allowed = float((got[name].double() - right).abs().max()), self.allowed(name, device == "reference")
            if not difference <= allowed:
                sys.exit(f"{title}, seed {self.seed}: {name} differs from PyTorch by {difference:.3g}, allowed {allowed:.3g}, "
                         f"its largest value is {float(right.abs().max()):.3g}")
            if not float(right.abs().max()) > 0 and not self.vanishes(name):
                sys.exit(f"{title}: {name} is 0: the test would say nothing")
            largest, count = max(largest, (difference / allowed, name)), count + 1
        weights = {"after." + name for name, _ in self.net.named_parameters()}  # as they were: this step is no optimiser's
        more = set(got) - set(self.right) - weights - {"codes", "labels", "d_logits", "share", "weights_of"}
        if more:
            sys.exit(f"{title}: PyTorch has no {sorted(more)}")
        print(f"{title}\tseed {self.seed}\t{count} tensors\t{largest[0]:.2f} of what is allowed at {largest[1]}", flush=True)


def main():
    torch.manual_seed(0)
    torch.set_num_threads(1)  # small tensors: threads would wait for each other on a busy machine
    presets = {file[:-5] for file in os.listdir(MODELS) if file.endswith(".json")}
    if presets != set(WINDOWS):
        sys.exit(f"presets without a window here, or the other way round: {sorted(presets ^ set(WINDOWS))}")
    cases = [(small(preset_spec(name, window)), batch) for name, (window, batch) in WINDOWS.items()]
    cases += [(spec, 3) for spec in json.loads(OTHERS)]
    parser = argparse.ArgumentParser()
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("presets", nargs="*")
    a = parser.parse_args()
    isas = cpu_isas()
    for spec, batch in cases:
        if not a.presets or spec["name"] in a.presets:
            check(spec, batch, isas, a.seeds)


def check(spec, batch, isas, seeds):
    if spec["name"] in LONG:
        window, windows = LONG[spec["name"]]
        with tempfile.TemporaryDirectory() as folder:
            Problem(preset_spec(spec["name"], window), windows, 1, folder).compare("reference")
    passed = 0
    for seed in range(1, 40 * seeds):
        with tempfile.TemporaryDirectory() as folder:
            problem = Problem(spec, batch, seed, folder)
            for _ in range(DRAWS):
                if problem.margin >= MARGIN:
                    problem.draw()
            if not problem.margin >= MARGIN:
                continue
            problem.compare("reference")
            for isa in isas:
                problem.compare("cpu", isa)
            passed += 1
            if passed == seeds:
                return
    sys.exit(f"{spec['name']}: too few seeds without a value near a kink; make the window shorter")


main()
