#!/usr/bin/env python3
"""regtrain on 2 and 3 ranks of Open MPI's mpirun: they train what one process trains, to the same bits every time; resume; a rank
that dies, hangs or fails ends all; several processes without MPI are refused."""
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import mpi
import tools
from tools import BIN, check, run, tensors
from training import make_data, newest_step, rows, wait_for_step

SPEC = """{"name": "tiny", "window": 2000, "dropout": 0.2, "layers": [
    {"name": "embed", "type": "embedding", "filters": 3},
    {"name": "conv1", "type": "conv", "filters": 4, "width": 6, "stride": 10, "norm": true, "relu": true, "dropout": true},
    {"name": "conv2", "type": "conv", "filters": 4, "width": 3, "dilation": 2, "norm": true, "relu": true},
    {"name": "up", "type": "up_conv", "filters": 4, "stride": 10, "norm": true, "relu": true, "dropout": true},
    {"name": "out", "type": "dense"}]}"""
REGTRAIN = os.path.join(BIN, "regtrain")


def start(args, size):
    return mpi.start(*[[REGTRAIN, *args]] * size)


def train(args, size):
    """What rank 0 says, a text."""
    code, said = mpi.finish(start(args, size), size)
    assert code == 0, f"{code}\n{said}"
    assert not any(said[1:]), f"only rank 0 reports: {said}"
    return "\n".join(said[0])


def numbers(path):
    """Every tensor's values, one list."""
    import array
    header, blob = tensors(path)
    values = array.array("f")
    values.frombytes(blob)
    return header, values


def close(a, b, tolerance):
    (header_a, values_a), (header_b, values_b) = numbers(a), numbers(b)
    assert header_a == header_b
    scale = max(abs(v) for v in values_b)
    worst = max(abs(x - y) for x, y in zip(values_a, values_b)) / scale
    check(worst <= tolerance, f"{a} differs from {b} by {worst} of the largest value")


def same_results(scratch, base):
    """1, 2 and 3 ranks; 5 windows a step go into unequal parts."""
    exact = [*base, "--device", "reference", "--steps", 5]
    run("regtrain", *exact, "-o", f"{scratch}/exact1")
    for size in (2, 3):
        train([*exact, "-o", f"{scratch}/exact{size}"], size)
        close(f"{scratch}/exact{size}", f"{scratch}/exact1", 1e-6)
    cpu = [*base, "--device", "cpu", "-@", 1, "--steps", 20, "--valid-every", 10, "--log-every", 1, "--rc-augment"]
    run("regtrain", *cpu, "-o", f"{scratch}/cpu1")
    one = rows(f"{scratch}/cpu1.log.tsv")
    for size in (2, 3):
        said = train([*cpu, "-o", f"{scratch}/cpu{size}"], size)
        check(f"x {size} ranks" in said and "best at step" in said, said)
        log = rows(f"{scratch}/cpu{size}.log.tsv")
        check([row["step"] for row in log] == [row["step"] for row in one], log)
        for row, expected in zip(log, one):
            if row["loss"] != "NA":
                check(abs(float(row["loss"]) - float(expected["loss"])) <= 1e-3 * float(expected["loss"]), (row, expected))
        check(abs(float(log[0]["loss"]) - float(one[0]["loss"])) <= 1e-5 * float(one[0]["loss"]), log[0])
        train([*cpu, "-o", f"{scratch}/again{size}"], size)
        check(tensors(f"{scratch}/again{size}") == tensors(f"{scratch}/cpu{size}"), f"{size} ranks: other bits")
    # mpirun of one process is no more than that process.
    train([*cpu, "-o", f"{scratch}/alone"], 1)
    check(tensors(f"{scratch}/alone") == tensors(f"{scratch}/cpu1"), "mpirun -n 1: other bits than without it")


def resumes(scratch, base):
    """A stopped run goes on to the same bits, on another number of ranks with a word about it."""
    cpu = [*base, "--device", "cpu", "-@", 1, "--valid-every", 60, "--rc-augment"]

    def stopped(out, stop):
        process = start([*cpu, "--steps", 1_000_000, "-o", out, "--checkpoint-every", 0], 2)
        wait_for_step(out, 7, process)
        numbers = mpi.pids(process, 2)
        stop(process, numbers)
        code, said = mpi.finish(process, 2)
        check(code != 0 and mpi.are_gone(numbers), (code, said))
        shutil.copytree(f"{out}.part", f"{scratch}/other.part", dirs_exist_ok=True)
        steps = newest_step(out) + 10
        more = train([*cpu, "--steps", steps, "-o", out, "--resume"], 2)
        check(f"resuming at step {steps - 10}" in more, more)
        train([*cpu, "--steps", steps, "-o", f"{out}.whole"], 2)
        check(tensors(out) == tensors(f"{out}.whole"), "a resumed run has other bits")
        return said, steps

    # Any rank may be asked to stop.
    said, steps = stopped(f"{scratch}/one", lambda process, numbers: os.kill(numbers[1], signal.SIGTERM))
    check(any("stopped at step" in line for line in said[0]), said)
    said = train([*cpu, "--steps", steps, "-o", f"{scratch}/other", "--resume"], 3)
    check("bits may differ" in said, said)
    # mpirun gives its ranks a second.
    shutil.rmtree(f"{scratch}/other.part", ignore_errors=True)
    stopped(f"{scratch}/all", lambda process, numbers: process.terminate())


def failures(scratch, base):
    endless = [*base, "--device", "cpu", "-@", 1, "--steps", 1_000_000, "--checkpoint-every", 0]
    # One is killed: mpirun ends the others.
    for victim in (2, 0):
        process = start([*endless, "-o", f"{scratch}/killed{victim}"], 3)
        wait_for_step(f"{scratch}/killed{victim}", 3, process)
        code, said = mpi.hurt(process, 3, victim, signal.SIGKILL)
        check(code == 128 + signal.SIGKILL, (code, said))
    # One does not move any more: the others say so, when the time is over, and end all.
    process = start([*endless, "-o", f"{scratch}/stopped", "--dist-timeout", "5s"], 3)
    wait_for_step(f"{scratch}/stopped", 3, process)
    code, said = mpi.hurt(process, 3, 1, signal.SIGSTOP)
    check(code == 1 and any("some rank gave no sign of life for 5 s (--dist-timeout)" in line for line in said[0] + said[2]), said)
    # From the beginning, where MPI itself waits.
    begin = time.time()
    code, said = mpi.finish(mpi.start([REGTRAIN, *endless, "-o", f"{scratch}/late", "--dist-timeout", "3s"],
                                      ["sh", "-c", "kill -STOP $$"]), 2)
    check(code == 1 and said[0] == ["regtrain: some rank gave no sign of life for 3 s (--dist-timeout)"], (code, said))
    check(time.time() - begin < 30, "it took too long to end")
    # What is wrong with one is told by it, and ends all with its code.
    command = [REGTRAIN, *endless, "-o", f"{scratch}/bad"]
    code, said = mpi.finish(mpi.start(command, [*command, "-f", f"{scratch}/nothing.fa"]), 2)
    check(code == 1 and len(said[1]) == 1 and "nothing.fa" in said[1][0], (code, said))
    check(said[1][0].startswith("regtrain: rank 1: "), said)
    with open(f"{scratch}/bad.fa", "w") as f:
        f.write("no sequence\n")
    code, said = mpi.finish(mpi.start(command, command, [*command, "-f", f"{scratch}/bad.fa"]), 3)
    check(code == 3 and any("bad.fa" in line for line in said[2]), (code, said))
    code, said = mpi.finish(mpi.start(command, [*command, "--lr", 0.5]), 2)
    check(code == 4 and any("rank 1 has another settings" in line for line in said[0] + said[1]), (code, said))
    code, said = mpi.finish(start([*endless, "-o", f"{scratch}/bad"], 6), 6)
    check(code == 2 and any("--batch 5" in line for lines in said for line in lines), (code, said))


def without_mpi(scratch, base):
    args = [REGTRAIN, *map(str, base), "--steps", "1", "-o", f"{scratch}/refused"]
    for variables, code, words in (({"RANK": "1", "WORLD_SIZE": "2"}, 2, "start them with mpirun"),
                                   ({"SLURM_PROCID": "1", "SLURM_STEP_NUM_TASKS": "2"}, 2, "or mpirun"),
                                   ({"RANK": "0", "WORLD_SIZE": "1"}, 0, "")):
        done = subprocess.run(args, env=dict(mpi.clean_environment(), **variables), text=True, capture_output=True)
        check(done.returncode == code and words in done.stderr, (variables, done))
    os.makedirs(f"{scratch}/bin")
    shutil.copy(REGTRAIN, f"{scratch}/bin")
    args = [f"{scratch}/bin/regtrain", *base, "--steps", 1, "-o", f"{scratch}/refused2"]
    code, said = mpi.finish(mpi.start(args, args), 2)
    check(code == 1 and any("install Open MPI (Debian: libopenmpi-dev)" in line for line in said[0] + said[1]), (code, said))
    code, said = mpi.finish(mpi.start(args), 1)
    check(code == 0, (code, said))  # one process needs no plug-in


def main():
    with tempfile.TemporaryDirectory() as scratch:
        make_data(scratch)
        with open(f"{scratch}/tiny.json", "w") as f:
            f.write(SPEC)
        base = ["-d", f"{scratch}/x.regds", "-a", f"{scratch}/tiny.json", "--batch", 5, "--seed", 3, "--valid-fraction", 0.2]
        for size, what in ((2, "sums"), (3, "sums"), (3, "work")):
            code, said = mpi.finish(mpi.start(*[[os.path.join(BIN, "mpi_probe"), what]] * size), size)
            check(code == 0, (what, code, said))
        for lost in ("kind", "few", "many", "broadcast"):
            code, said = mpi.finish(mpi.start(*[[os.path.join(BIN, "mpi_probe"), "lost"]] * 3, LOST=lost), 3)
            check(code != 0 and any(" has lost step: it began a " in line for lines in said for line in lines), (lost, code, said))
        for part in (same_results, resumes, failures, without_mpi):
            begin = time.time()
            part(scratch, base)
            print(f"{part.__name__}: {time.time() - begin:.0f} s", flush=True)
    assert tools.checks > 70, tools.checks
    print(f"ranks: {tools.checks} checks hold")


if __name__ == "__main__":
    mpi.skip_without_mpi()
    main()
