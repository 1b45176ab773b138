#!/usr/bin/env python3
"""Kills the tools in the midst of their small jobs and runs them again: kill.py SHIM KILLS

Each kill comes at a call to the system that lots choose, which the library made of test/faults/shim.c does: SIGKILL mostly,
else SIGTERM. Half of them meet regtrain, a few in the life of a training, which then comes to its end with --resume: with
the tensors and the log of one that was left alone. Besides, regtrain is killed once before each rename. The other tools run
once more. After a kill each output is as it was or whole; after SIGTERM, and after the next run, nothing is left over."""
import os
import pathlib
import shutil
import signal
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE / "faults"))
from bench import Bench, MEMORY, digests, lot
from jobs import JOBS, Job

KINDS = ["open", "read", "pread", "write", "pwrite", "fsync", "rename", "close", "unlink", "mkdir"]
IN_A_LIFE = 3  # kills of one training
STALE = 120    # seconds after which a temporary without an owner goes
INTERRUPTED = 75


def drawn(bench, job, draw):
    """A call, as kind and number, and the signal that comes at it."""
    counts = bench.counts[job.name]
    calls = [(kind, number) for kind in KINDS for number in range(1, counts[kind] + 1)]
    # Most calls read inputs: every other kill comes where outputs come to be.
    late = [call for call in calls if call[0] in ("fsync", "rename", "unlink", "mkdir", "write", "pwrite")]
    kind, number = (late if draw % 2 else calls)[draw // 2 % len(late if draw % 2 else calls)]
    return kind, number, signal.SIGTERM if draw // 8 % 5 == 0 else signal.SIGKILL


def kill_once(bench, job, folder, kind, number, sent):
    """One run with one kill. What was killed where, the exit code, and what is wrong."""
    before = digests(folder, job.outputs)
    code, words = bench.run(job, folder, FAULT_OP=kind, FAULT_N=str(number), FAULT_ERRNO=str(-sent))
    what = f"{job.name} {sent.name} at {kind} {number}"
    if code == 0:  # fewer calls than before, as after a resume; or it was done
        return what, code, []
    wrong = bench.outputs_wrong(job, before, digests(folder, job.outputs)) if not job.stdout else []
    expected = [-signal.SIGKILL] if sent == signal.SIGKILL else [-sent, 128 + sent, INTERRUPTED]
    if code not in expected:
        wrong.append(f"exit {code}: {words.strip()[-300:]}")
    if sent == signal.SIGTERM:
        wrong += [f"left behind: {name}" for name in bench.left(job, folder, False)]
    return what, code, wrong


def make_stale(folder):
    """As if the kill were a while ago."""
    for path in [folder, *folder.rglob("*")]:
        seconds = path.lstat().st_mtime - STALE
        os.utime(path, (seconds, seconds), follow_symlinks=False)


def life(bench, job, kills, old):
    """These kills, as drawn() has them, then a run to the end. The kills that came, and what is wrong."""
    folder = bench.folder(job, job.name + "-killed", old and not job.stdout and job.name != "train")
    problems, done = [], 0
    for kill in kills:
        what, code, wrong = kill_once(bench, job, folder, *kill)
        done += code != 0
        problems += [f"{what}: {text}" for text in wrong]
        make_stale(folder)
        if code == 0:
            break
    code, words = bench.run(job, folder)
    if code != 0:
        problems.append(f"{what}: the next run ends with {code}: {words.strip()[-300:]}")
    now = digests(folder, job.outputs)
    problems += [f"{what}: the next run makes another {name}" for name in job.outputs
                 if now[name] != bench.expected[job.name][name]]
    problems += [f"{what}: the next run leaves {name}" for name in bench.left(job, folder, True)]
    shutil.rmtree(folder)
    return done, problems


def main():
    shim, wanted, begin = os.path.abspath(sys.argv[1]), int(sys.argv[2]), time.time()
    train = next(job for job in JOBS if job.name == "train")
    again = Job(train.name, " ".join(train.command) + " --resume", " ".join(train.inputs), " ".join(train.outputs))
    others = [job for job in JOBS if job.name != "train"]
    kills, number, problems = {"renames": 0, "train": 0, "others": 0}, 0, []
    with tempfile.TemporaryDirectory(dir=MEMORY) as scratch:
        bench = Bench(shim, pathlib.Path(scratch))
        for rename in range(1, bench.counts["train"]["rename"] + 1):
            done, wrong = life(bench, again, [("rename", rename, signal.SIGKILL)], False)
            assert done == 1, f"no kill at rename {rename}"
            kills["renames"] += done
            problems += wrong
        while sum(kills.values()) < wanted + kills["renames"]:
            ours = kills["train"] <= kills["others"]
            job = again if ours else others[number % len(others)]
            lots = [drawn(bench, job, lot("kill", job.name, number, i)) for i in range(IN_A_LIFE if ours else 1)]
            done, wrong = life(bench, job, lots, number % 2 == 1)
            kills["train" if ours else "others"] += done
            number += 1
            problems += wrong
            assert number < 10 * wanted + 10, "the kills do not come"
    print("".join(text + "\n" for text in problems), end="")
    print(f"kill: {kills['renames']} + {kills['train']} kills of regtrain, {kills['others']} of other tools, "
          f"{len(problems)} problems, {time.time() - begin:.0f} s")
    sys.exit(bool(problems))


if __name__ == "__main__":
    main()
