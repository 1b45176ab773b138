#!/usr/bin/env python3
"""Kills the tools in the midst of their small jobs and runs them again: kill.py SHIM KILLS

Each kill comes at a call to the system that lots choose, which the library made of test/faults/shim.c does: SIGKILL mostly,
else SIGTERM. Half of them meet regtrain, a few in the life of a training, which then comes to its end with --resume: with
the tensors and the log of one that was left alone. The other tools run once more. After a kill each output is as it was or
whole; after SIGTERM, and after the next run, nothing is left over."""
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


def kill_once(bench, job, folder, draw):
    """One run with one kill. What was killed where, the exit code, and what is wrong."""
    counts = bench.counts[job.name]
    calls = [(kind, number) for kind in KINDS for number in range(1, counts[kind] + 1)]
    # Most calls read inputs: every other kill comes where outputs come to be.
    late = [call for call in calls if call[0] in ("fsync", "rename", "unlink", "mkdir", "write", "pwrite")]
    kind, number = (late if draw % 2 else calls)[draw // 2 % len(late if draw % 2 else calls)]
    sent = signal.SIGTERM if draw // 8 % 5 == 0 else signal.SIGKILL
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


def life(bench, job, kills, number):
    """So many kills, then a run to the end. The kills that came, and what is wrong."""
    folder = bench.folder(job, f"{job.name}-{number}", number % 2 == 1 and not job.stdout and job.name != "train")
    problems, done = [], 0
    for i in range(kills):
        what, code, wrong = kill_once(bench, job, folder, lot("kill", job.name, number, i))
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
    kills, number, problems = {"train": 0, "others": 0}, 0, []
    with tempfile.TemporaryDirectory(dir=MEMORY) as scratch:
        bench = Bench(shim, pathlib.Path(scratch))
        while sum(kills.values()) < wanted:
            ours = kills["train"] <= kills["others"]
            job = again if ours else others[number % len(others)]
            done, wrong = life(bench, job, IN_A_LIFE if ours else 1, number)
            kills["train" if ours else "others"] += done
            number += 1
            problems += wrong
            for text in wrong:
                print(text, flush=True)
            assert number < 10 * wanted + 10, "the kills do not come"
    print(f"kill: {kills['train']} kills of regtrain, {kills['others']} of other tools, {len(problems)} problems, "
          f"{time.time() - begin:.0f} s")
    sys.exit(bool(problems))


if __name__ == "__main__":
    main()
