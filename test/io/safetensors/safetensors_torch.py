#!/usr/bin/env python3
"""Our safetensors files as Python sees them, and Python's as we do: the layout of the format's README, read with json
and torch.frombuffer (Debian has no safetensors package)."""
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

PROBE = os.path.join(os.environ["REGKIT_BIN"], "safetensors_probe")


def read(path):
    with open(path, "rb") as f:
        data = bytearray(f.read())
    (length,) = struct.unpack("<Q", data[:8])
    header = json.loads(data[8 : 8 + length])
    metadata = header.pop("__metadata__", {})
    tensors = {}
    for name, entry in header.items():
        assert entry["dtype"] == "F32", entry
        begin, end = (8 + length + offset for offset in entry["data_offsets"])
        count = (end - begin) // 4
        tensors[name] = torch.frombuffer(data, dtype=torch.float32, offset=begin, count=count).reshape(entry["shape"])
    return metadata, tensors


def write(path, metadata, tensors):
    header, blob = {"__metadata__": metadata}, b""
    for name, tensor in tensors.items():
        raw = tensor.contiguous().numpy().tobytes()
        header[name] = {"dtype": "F32", "shape": list(tensor.shape), "data_offsets": [len(blob), len(blob) + len(raw)]}
        blob += raw
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    with open(path, "wb") as f:
        f.write(struct.pack("<Q", len(text)) + text + blob)


with tempfile.TemporaryDirectory() as scratch:
    path = os.path.join(scratch, "ours.safetensors")
    subprocess.run([PROBE, "write", path], check=True)
    metadata, tensors = read(path)
    assert metadata == {"format": "pt", "note": "two\nlines"}, metadata
    assert list(tensors) == ["conv.weight", "conv.bias", "scalar"], list(tensors)
    assert torch.equal(tensors["conv.weight"], (torch.arange(30) * 0.25 - 3).reshape(3, 2, 5))
    assert torch.equal(tensors["conv.bias"], torch.tensor([0.1, 0.2, 0.3]))
    assert tensors["scalar"].shape == () and tensors["scalar"].item() == 42
    conv = torch.nn.Conv1d(2, 3, 5)
    conv.load_state_dict({k[5:]: v for k, v in tensors.items() if k.startswith("conv.")})

    path = os.path.join(scratch, "theirs.safetensors")
    torch.manual_seed(1)
    state = torch.nn.Sequential(torch.nn.Conv1d(4, 8, 3), torch.nn.Linear(8, 5)).state_dict()
    write(path, {"k": "v é"}, state)
    lines = subprocess.run([PROBE, "read", path], check=True, capture_output=True, text=True).stdout.splitlines()
    assert lines[0] == "meta\tk\tv é", lines[0]
    assert len(lines) == 1 + len(state)
    for line, (name, tensor) in zip(lines[1:], state.items()):
        _, got_name, shape, total = line.split("\t")
        assert got_name == name
        assert [int(d) for d in shape.split(",") if d] == list(tensor.shape)
        flat = tensor.double().flatten()
        expected = (flat * torch.arange(1, len(flat) + 1)).sum().item()
        assert abs(float(total) - expected) <= 1e-9 * max(1, abs(expected)), (total, expected)
print("safetensors: both ways agree with torch")
