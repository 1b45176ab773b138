#!/usr/bin/env python3
"""examples/slurm/call.sbatch and merge.sbatch, with what Slurm tells its tasks, but without Slurm: the parts, their merged tracks beside
those of one run, an array that is submitted again, and a part that is missing."""
import os
import pathlib
import re
import sys
import subprocess
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
import tools
from tools import check, read

BIN = os.path.abspath(tools.BIN)
HERE = pathlib.Path(__file__).resolve().parent
SLURM = pathlib.Path(os.environ["REGKIT_SOURCE"]).resolve() / "examples/slurm"
PATH = f"{BIN}:{os.environ['PATH']}"
CALL = (SLURM / "call.sbatch", "data/model.safetensors", "data/ref.fa", "new/parts")
MERGE = (SLURM / "merge.sbatch", "new/parts", "new/tracks")


def batch(script, *args, code=0, **variables):
    """A script as Slurm runs it: what it prints."""
    done = subprocess.run(["bash", script, *args], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=600,
                          env={**os.environ, "PATH": PATH, "SLURM_CPUS_PER_TASK": "2", **variables})
    check(done.returncode == code, f"{script}: {done.returncode}\n{done.stdout}")
    return done.stdout


def task(number, of):
    return batch(*CALL, SLURM_ARRAY_TASK_ID=str(number), SLURM_ARRAY_TASK_MIN="1", SLURM_ARRAY_TASK_STEP="1",
                 SLURM_ARRAY_TASK_COUNT=str(of))


def bodies(folder):
    """Of all files of a folder but those that say what was run."""
    plain = {p.name: read(p) for p in pathlib.Path(folder).iterdir() if not p.name.endswith((".json", ".tbi"))}
    for name in [name for name in plain if name.endswith(".gz")]:
        text = subprocess.run(["gzip", "-dc", f"{folder}/{name}"], capture_output=True, check=True).stdout
        plain[name] = re.sub(rb"(?m)^##.*\n", b"", text)
    return plain


with tempfile.TemporaryDirectory() as work:
    os.chdir(work)
    os.mkdir("data")
    subprocess.run(["bash", HERE / "fixture.sh"], cwd="data", check=True, capture_output=True,
                   env={**os.environ, "TEST_TOOLS": str(HERE), "PATH": PATH})
    for number in (2, 3):
        check("regcall merge" in task(number, 3), "a task")
    check("there is no part" in batch(*MERGE, code=4) and not os.path.exists("new/tracks/sites.narrowPeak.gz"), "a part is missing")
    task(1, 3)
    check("part is complete" in task(2, 3), "a task whose part is there")
    batch(*MERGE)
    tools.run("regcall", "-m", "data/model.safetensors", "-f", "data/ref.fa", "--parents", "-o", "whole/sites.narrowPeak.gz", "-o",
              "whole/{marker}.bw", folder=BIN)
    whole = bodies("whole")
    check(len(whole) == 3 and all(whole.values()) and bodies("new/tracks") == whole, f"{list(whole)}")
    os.utime("data/model.safetensors")
    check("part is complete" not in task(2, 3), "a part that is older than its model")
    check("usage: sbatch call.sbatch" in batch(SLURM / "call.sbatch", "data/model.safetensors", code=1), "usage")
    os.chdir("/")
print(f"{tools.checks} checks")
