#!/usr/bin/env python3
"""Forward, loss and every gradient of the presets against PyTorch, in double precision there.

The weights come from the file that our program wrote. Evaluation mode (running statistics) and training mode (the
batch's), dropout off.
"""
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
import torch.nn.functional as F

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
from torch_presets import Net, load_file

MARKERS = 7


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
    net = Net(preset, MARKERS).double()
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
