"""What the scripts that drive the built tools share."""
import importlib
import json
import os
import shutil
import struct
import subprocess
import sys

BIN = os.environ.get("REGKIT_BIN", "build/bin")
checks = 0  # that held so far: a script asserts at its end that it came to them


def needs(*programs, modules=()):
    """Ends the script as skipped where a program or a module of the Python of the tests is missing; with modules, under that Python."""
    python = os.environ.get("REGKIT_PYTHON", "/usr/bin/python3")
    if modules and os.path.realpath(python) != os.path.realpath(sys.executable):
        os.execv(python, [python] + sys.argv)
    missing = [name for name in programs if shutil.which(name) is None]
    for name in modules:
        try:
            importlib.import_module(name)
        except ImportError:
            missing.append("python3-" + name)
    if missing:
        print(f"SKIPPED: needs {', '.join(missing)}")
        sys.exit(77)


def sh(*words, **more):
    """Standard output of a program that is not ours, which must succeed."""
    return subprocess.run(words, check=True, capture_output=True, text=True, **more).stdout


def run(tool, *args, code=0, folder=BIN, **variables):
    """Runs a tool, with these environment variables too; its exit code must be `code`, or may be any where that is None."""
    done = subprocess.run([os.path.join(folder, tool), *map(str, args)], capture_output=True, text=True, timeout=1000,
                          env={**os.environ, **variables})
    assert code in (None, done.returncode), f"{tool} {args} {variables}: {done.returncode}, not {code}\n{done.stderr}"
    return done


def cpu_isas(precision="f32"):
    """Instruction sets that --isa takes on this machine, the best first; under the sanitizers, which are slow, that alone."""
    return run("network_probe", "--isas", precision).stdout.split()[:1 if "REGKIT_SANITIZED" in os.environ else None]


def write(path, text):
    with open(path, "w") as file:
        file.write(text)


def read(path):
    with open(path, "rb") as file:
        return file.read()


def check(ok, what):
    global checks
    checks += 1
    assert ok, what


def metadata(path):
    """Of a model file: its texts."""
    blob = read(path)
    (size,) = struct.unpack("<Q", blob[:8])
    return json.loads(blob[8:8 + size])["__metadata__"]


def tensors(path):
    """Of a model file: places of the tensors and the data section; not its metadata, which holds the time that training took."""
    blob = read(path)
    (size,) = struct.unpack("<Q", blob[:8])
    header = json.loads(blob[8:8 + size])
    header.pop("__metadata__")
    return header, blob[8 + size:]
