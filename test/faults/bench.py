"""Runs the jobs with the shim, and tells what became of their files."""
import hashlib
import os
import pathlib
import shutil
import subprocess
import sys

from jobs import JOBS, copy, prepare

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "support"))
from tools import tensors

OLD = "what an earlier run left\n"
TIMEOUT = 120  # seconds, on a busy machine
MEMORY = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None  # where scratch folders are best


def essence(file):
    """The content, without how long a training took and which folder a FASTA file was in."""
    data = file.read_bytes()
    if file.name.endswith(".log.tsv"):
        rows = [line.split("\t") for line in data.decode().splitlines()]
        drop = {i for i, name in enumerate(rows[0]) if name == "nt_per_s"}
        return repr([[field for i, field in enumerate(row) if i not in drop] for row in rows]).encode()
    if file.name == "m.safetensors" and data != OLD.encode():
        return repr(tensors(file)).encode()
    return data.replace(str(file.parent.parent).encode(), b"")


def digest(path):
    if not os.path.lexists(path):
        return None
    total = hashlib.sha256()
    for file in sorted(path.rglob("*")) if path.is_dir() else [path]:
        total.update(str(file.relative_to(path)).encode())
        if file.is_file():
            total.update(essence(file))
    return total.hexdigest()


def digests(folder, names):
    return {name: digest(folder / name) for name in names}


class Bench:
    """The jobs, their inputs, and what they give undisturbed."""

    def __init__(self, shim, scratch):
        self.shim, self.scratch = shim, scratch
        tools = os.path.abspath(os.environ.get("REGKIT_BIN", "build/bin"))
        self.environment = {**os.environ, "PATH": tools + ":" + os.environ["PATH"]}
        self.inputs = scratch / "inputs"
        self.inputs.mkdir()
        prepare(self.inputs, self.environment)
        self.jobs = {job.name: job for job in JOBS}
        self.expected, self.counts = {}, {}
        for job in JOBS:
            self.try_undisturbed(job)

    def folder(self, job, name, old):
        folder = self.scratch / name
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        copy(self.inputs, folder, job.inputs)
        for output in job.outputs if old else []:
            if output.endswith(".regds"):
                (folder / output).mkdir()
                (folder / output / "dataset.json").write_text(OLD)
            else:
                (folder / output).write_text(OLD)
        return folder

    def run(self, job, folder, **settings):
        environment = {**self.environment, "LD_PRELOAD": self.shim, **settings} if settings else self.environment
        out = open(folder / job.stdout, "wb") if job.stdout else subprocess.DEVNULL
        try:
            done = subprocess.run(job.command, cwd=folder, env=environment, stdin=subprocess.DEVNULL, stdout=out,
                                  stderr=subprocess.PIPE, timeout=TIMEOUT)
            return done.returncode, done.stderr.decode("utf-8", "replace")
        except subprocess.TimeoutExpired:
            return None, ""

    def try_undisturbed(self, job):
        names = job.outputs + job.made
        folder = self.folder(job, job.name, False)
        code, words = self.run(job, folder)
        assert code == 0, f"{job.name} fails undisturbed: {code}\n{words}"
        self.expected[job.name] = digests(folder, names + job.inputs)
        assert None not in self.expected[job.name].values(), f"{job.name} did not make {names}: {os.listdir(folder)}"
        folder = self.folder(job, job.name, True)
        file = self.scratch / (job.name + ".counts")
        code, words = self.run(job, folder, FAULT_COUNT=str(file))
        assert code == 0 and digests(folder, names + job.inputs) == self.expected[job.name], f"{job.name} is not repeatable"
        self.counts[job.name] = {kind: int(count) for kind, count in map(str.split, file.read_text().splitlines())}
        shutil.rmtree(folder)

    def left(self, job, folder, complete):
        """What lies there and should not. A training that did not come to its end may go on from its OUT.part/."""
        known = set(job.inputs + job.outputs + job.made)
        return [name for name in sorted(os.listdir(folder)) if name not in known and (complete or not name.endswith(".part"))]

    def outputs_wrong(self, job, before, now):
        """Of a run that did not come to its end: each output is as it was, or whole; new data never has an old index."""
        wrong = []
        for name in job.outputs:
            index = name.endswith((".tbi", ".csi"))
            if now[name] not in (before[name], self.expected[job.name][name]) and not (index and now[name] is None):
                wrong.append(f"{'part of an output' if before[name] is None else 'old output harmed'}: {name}")
            if index and before[name] is not None and now[name] == before[name]:
                data = name[:-len(".tbi")]
                if now[data] == self.expected[job.name][data]:
                    wrong.append(f"new data with an old index: {name}")
        return wrong


def lot(*what):
    """A number for these words that looks random and is always the same."""
    return int(hashlib.sha256(":".join(map(str, what)).encode()).hexdigest(), 16)
