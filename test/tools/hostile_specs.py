#!/usr/bin/env python3
"""What a small spec can ask for is bounded: --describe, and loading a model and predicting 100 bases with it, end within 5
seconds of one core and 256 MiB (beside the weights, of which loading holds two copies), or with 3 and a message that
names the layer. Specs made to hurt, and random ones: hostile_specs.py [RANDOM] [SEED]."""
import json
import os
import random
import struct
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
import tools
from tools import BIN, check, write

SECONDS, MEBIBYTES = 5, 256
COPIES = 2  # of the weights, in loading: as the file has them and as the back end has
SANITIZED = "REGKIT_SANITIZED" in os.environ  # slower, and larger: only that nothing breaks
MOST = 2_000_000  # weights of a model that is made and run here
counts = {"refused": 0, "described": 0, "predicted": 0}
worst = {"seconds": (0, ""), "MiB": (0, "")}


def measured(args, what, weights=0, most=MEBIBYTES):
    """Exit code and standard error of a command that keeps within the bounds."""
    with tempfile.TemporaryFile("w+") as said:
        process = subprocess.Popen([os.path.join(BIN, args[0]), *map(str, args[1:])], stdout=subprocess.DEVNULL, stderr=said)
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        said.seek(0)
        words = said.read()
    seconds, mebibytes = used.ru_utime + used.ru_stime, used.ru_maxrss / 1024 - COPIES * 4 * weights / 2**20
    for unit, value in (("seconds", seconds), ("MiB", mebibytes)):
        worst[unit] = max(worst[unit], (round(value, 2), f"{args[0]} {what}"))
    if not SANITIZED:
        check(seconds <= SECONDS, f"{args[0]} took {seconds:.1f} s for {what}")
        check(mebibytes <= most, f"{args[0]} took {mebibytes:.0f} MiB for {what}")
    return process.returncode, words


def parameters(spec):
    """Of the total row of --describe."""
    done = tools.run("regtrain", "--describe", spec, "--marker-count", 2)
    return int(done.stdout.splitlines()[-1].split("\t")[4])


def attack(name, spec):
    write("spec.json", json.dumps(spec))
    code, words = measured(["regtrain", "--describe", "spec.json", "--marker-count", 2], name)
    check(code in (0, 3), f"{name}: {code} {words}")
    if code == 3:
        check("spec.json: " in words and len(words) < 1000, f"{name}: {words}")
        counts["refused"] += 1
        return words
    counts["described"] += 1
    weights = parameters("spec.json")
    if weights > MOST:
        return ""
    tools.run("random_model", "m.safetensors", "spec.json", 1, "chr1:100000", "a=X", "b=Y")
    code, words = measured(["regcall", "-m", "m.safetensors", "-f", "ref.fa", "-r", "chr1:50,001-50,100", "-@", 1, "--device",
                            "cpu", "-O", "tsv", "-o", "out.tsv"], name, weights)
    check(code in (0, 3, 4) and "out of memory" not in words, f"{name}: {code} {words}")
    counts["predicted"] += code == 0
    return ""


def chain(*layers, **spec):
    return {"name": "hostile", "layers": [{"name": f"l{i}", **layer} for i, layer in enumerate(layers)], **spec}


EMBED = {"type": "embedding", "filters": 1}
ONE_HOT = {"type": "one_hot"}
HEAD = {"type": "dense"}


def conv(filters, width, **more):
    return {"type": "conv", "filters": filters, "width": width, **more}


def up(filters, stride):
    return {"type": "up_conv", "filters": filters, "stride": stride, "relu": True}


def pool(width, **more):
    return {"type": "pool", "width": width, **more}


def made_to_hurt():
    yield "filters", chain(EMBED, conv(1 << 20, 1), conv(1, 1), HEAD)
    yield "width", chain(EMBED, conv(8, 1 << 20), HEAD, window=1 << 20)
    yield "dilation", chain(EMBED, conv(8, 2), conv(8, 1000, dilation=1 << 20), HEAD)
    yield "reach of many layers", chain(EMBED, *[conv(8, 2, dilation=1 << 20)] * 100, HEAD)
    yield "depth", chain(EMBED, *[conv(8, 3)] * 253, HEAD)
    yield "depth and breadth", chain(EMBED, *[conv(512, 9)] * 100, HEAD)
    yield "phases", chain(EMBED, conv(1, 1, stride=1000), conv(1, 1, stride=1000), up(1, 1000), up(1, 1000), *[conv(1, 1)] * 20, HEAD,
                          window=1000000)
    yield "phases of many layers", chain(EMBED, conv(1, 1, stride=100), *[conv(1, 1)] * 100, up(1, 100), *[conv(1, 1)] * 100, HEAD)
    yield "a stride of many bases", chain(EMBED, conv(64, 1, stride=1000), up(64, 1000), HEAD, window=100000)
    yield "a window", chain(ONE_HOT, conv(1, 1), {"type": "dense", "flatten": True}, task="bin", window=1 << 30)
    yield "a window of valid padding", chain(ONE_HOT, conv(64, 1, padding="valid"), conv(64, 100, padding="valid"),
                                             pool(1 << 19, stride=1 << 19), {"type": "dense", "flatten": True}, task="bin",
                                             window=1 << 20)
    yield "an LSTM's window", chain(EMBED, conv(8, 1), {"type": "lstm", "filters": 64}, HEAD, window=1 << 22)
    yield "an LSTM's units", chain(EMBED, conv(8, 1), {"type": "lstm", "filters": 1 << 16}, HEAD, window=1000)
    yield "a small LSTM over a long window", chain(EMBED, conv(1, 1), {"type": "lstm", "filters": 1}, HEAD, window=1 << 19)
    yield "a pool", chain(EMBED, conv(64, 1), pool(1 << 20), HEAD, window=1 << 20)
    yield "pools", chain(EMBED, conv(64, 1), *[pool(1001)] * 250, HEAD)
    yield "shared weights", chain(EMBED, conv(512, 3), conv(512, 9, dilation=1),
                                  *[conv(512, 9, weights="l2")] * 250, HEAD)
    yield "concatenation", {"name": "x", "layers": [
        {"name": "e", **EMBED}, {"name": "c0", **conv(4, 1)},
        *[{"name": f"c{i}", "type": "concat", "from": [f"c{j}" for j in range(max(0, i - 8), i)]} for i in range(1, 30)],
        {"name": "head", "from": "c29", **HEAD}]}
    yield "heads", {"name": "x", "layers": [{"name": "e", **EMBED}, {"name": "c", **conv(4, 1)},
                                            *[{"name": f"h{i}", "from": "c", **HEAD} for i in range(250)]],
                    "heads": [{"from": f"h{i}"} for i in range(250)]}
    yield "hidden units", chain(EMBED, conv(1, 1), {"type": "dense", "filters": 1 << 20, "relu": True}, HEAD)
    yield "channels of few positions", chain(ONE_HOT, conv(1 << 20, 1, stride=1000), {"type": "dense", "flatten": True},
                                             task="bin", window=1000)


def text_attacks():
    """Specs that are no more than long texts: name, text, what is said."""
    deep = '{"name": ' + "[" * 100_000 + "]" * 100_000 + "}"
    yield "nested", deep, "nested too deeply"
    yield "layers", '{"name": "x", "layers": [' + "{}, " * 200_000 + "{}]}", "more than 4,096 objects"
    yield "keys", "{" + ", ".join(f'"k{i}": 1' for i in range(50_000)) + "}", "more than 64 keys"
    yield "long", '{"name": "' + "x" * (2 << 20) + '"}', "more than 1 MiB"
    yield "a long name", '{"name": "' + "x" * 100_000 + '", "layers": []}', "longer than 256"
    yield "escapes", '{"name": "x", "\\u001b[31mred": 1, "layers": [{"name": "e", "type": "one_hot"}]}', "unknown key '\\x1b[31mred'"


def header_attacks():
    """Model files whose metadata is the attack: name, metadata, what is said."""
    with open("good.safetensors", "rb") as f:
        header = json.loads(f.read(struct.unpack("<Q", f.read(8))[0]))
        data = f.read()
    def model(**metadata):
        text = json.dumps({**header, "__metadata__": {**header["__metadata__"], **metadata}}).encode()
        with open("bad.safetensors", "wb") as f:
            f.write(struct.pack("<Q", len(text)) + text + data)
    del header["__metadata__"]["regkit.sha256"]
    plain = dict(header["__metadata__"])
    for name, metadata, says in (("markers", {"regkit.markers": "[" + "{}," * 2_000_000 + "{}]"}, "more than a million values"),
                                 ("levels", {"regkit.summary": '{"a":' + "[" * 500_000 + "]" * 500_000 + "}"}, "deeper than 64"),
                                 ("numbers", {"regkit.reference": "[" + "1," * 3_000_000 + "1]"}, "more than a million values"),
                                 ("text", {"more": "x" * (16 << 20)}, "header's length is impossible")):
        model(**{**plain, **metadata})
        yield name, says


def sparse():
    """A model of 10 GB that takes no room on disk: what it claims is told, whatever memory there is."""
    size = 10_000_000_000 // 4 * 4
    text = json.dumps({"__metadata__": {"format": "pt"}, "w": {"dtype": "F32", "shape": [size // 4], "data_offsets": [0, size]}})
    with open("sparse.safetensors", "wb") as f:
        f.write(struct.pack("<Q", len(text)) + text.encode())
        f.truncate(8 + len(text) + size)
    code, words = measured(["regcall", "-m", "sparse.safetensors", "-f", "ref.fa", "-o", "x.bed", "-O", "bed"], "a sparse file")
    check(code == 3 and "sparse.safetensors: no 'regkit.model'" in words, words)
    good = json.loads(open("good.safetensors", "rb").read()[8:].split(b"}}", 1)[0] + b"}}")["__metadata__"]
    spec = chain(EMBED, {"type": "conv", "filters": 50_000, "width": 1}, {"type": "dense", "filters": 50_000, "relu": True}, HEAD)
    text = json.dumps({"__metadata__": {**{k: v for k, v in good.items() if k != "regkit.sha256"}, "regkit.spec": json.dumps(spec)},
                       "w": {"dtype": "F32", "shape": [size // 4], "data_offsets": [0, size]}})
    with open("sparse.safetensors", "wb") as f:
        f.write(struct.pack("<Q", len(text)) + text.encode())
        f.truncate(8 + len(text) + size)
    code, words = measured(["regcall", "-m", "sparse.safetensors", "-f", "ref.fa", "-o", "x.bed", "-O", "bed"], "a sparse model")
    check(code == 3 and "sparse.safetensors: layer 'l2': with it the model has 2500" in words, words)


def large():
    """60 million weights, of which one layer has nine tenths: there is room for two copies, and no more."""
    markers = [f"m{i}=X" for i in range(919)]
    tools.run("random_model", "large.safetensors", "deepsea", 1, "chr1:100000", *markers)
    weights = os.path.getsize("large.safetensors") // 4
    code, words = measured(["regcall", "-m", "large.safetensors", "-f", "ref.fa", "-r", "chr1:50,001-50,400", "-@", 1, "--device",
                            "cpu", "-O", "tsv", "-o", "out.tsv"], "a large model", weights, 32)
    check(code == 0, words)
    os.remove("large.safetensors")


def random_spec(rng):
    def size(*usual):
        return rng.choice([*usual, *usual, 1 << rng.randrange(21)])
    layers = [rng.choice([ONE_HOT, {"type": "embedding", "filters": size(1, 4)}])]
    stride, flat = 1, rng.random() < 0.4
    for _ in range(rng.choice([1, 3, 8, 40])):
        kind = rng.choice(["conv", "conv", "conv", "pool", "lstm", "dense"]) if len(layers) > 1 else "conv"
        step = rng.choice([1, 1, 1, 1, 2, 10, 1000]) if stride < 10_000 else 1
        if kind == "conv":
            layers.append(conv(size(1, 8, 64), size(1, 3, 9), stride=step, dilation=size(1, 1, 9), norm=rng.random() < 0.5))
        elif kind == "pool":
            layers.append(pool(size(2, 9), stride=step, dilation=size(1)))
        elif kind == "lstm":
            layers.append({"type": "lstm", "filters": size(1, 16), "bidirectional": rng.random() < 0.5})
            step = 1
        else:
            layers.append({"type": "dense", "filters": size(8, 64), "relu": True})
            step = 1
        stride *= step
    if flat:
        return chain(*layers, {"type": "dense", "flatten": True}, task="bin", window=size(1000, 20_000))
    if stride > 1:
        layers.append(up(size(4, 16), stride))
    return chain(*layers, HEAD, window=stride * max(1, size(1000, 25_000) // stride))


def main():
    random_specs, seed = (int(sys.argv[1]) if len(sys.argv) > 1 else 40), (int(sys.argv[2]) if len(sys.argv) > 2 else 1)
    with tempfile.TemporaryDirectory() as scratch:
        os.chdir(scratch)
        rng = random.Random(seed)
        write("ref.fa", ">chr1\n" + "".join(rng.choice("ACGT") for _ in range(100_000)) + "\n")
        refused = {}
        for name, spec in made_to_hurt():
            refused[name] = attack(name, spec)
        for name, words in refused.items():
            check(not words or "spec.json: layer '" in words, f"{name}: {words}")
        for name in ("filters", "dilation", "reach of many layers", "phases", "a window", "an LSTM's window", "shared weights",
                     "hidden units"):
            check(refused[name], f"{name} was accepted")
        check(not refused["depth"], refused["depth"])
        for name, text, says in text_attacks():
            write("spec.json", text)
            code, words = measured(["regtrain", "--describe", "spec.json"], name)
            check(code == 3 and says in words and "\x1b" not in words and len(words) < 1000, f"{name}: {code} {words[:300]}")
        write("spec.json", json.dumps(chain(EMBED, conv(4, 3), HEAD)))
        tools.run("random_model", "good.safetensors", "spec.json", 1, "chr1:100000", "a=X", "b=Y")
        for name, says in header_attacks():
            code, words = measured(["regcall", "-m", "bad.safetensors", "-f", "ref.fa", "-o", "x.bed", "-O", "bed"], name)
            check(code == 3 and "bad.safetensors: " in words and says in words, f"{name}: {code} {words[:300]}")
        sparse()
        if not SANITIZED:
            large()
        for i in range(random_specs):
            attack(f"random {seed}/{i}", random_spec(rng))
    assert counts["predicted"] >= random_specs // 8, counts
    assert tools.checks > 60, tools.checks
    print(f"hostile specs: {counts}, worst {worst}, {tools.checks} checks")


if __name__ == "__main__":
    main()
