#!/usr/bin/env python3
"""regtrain on 2 and 3 ranks, started by hand (torchrun's variables) and by Open MPI's mpirun: it trains what one rank trains,
to the same bits every time; resumes; a rank that dies, hangs or fails ends all; wrong variables are refused.
Without mpirun its part is left out, and the test is SKIPPED, loudly, once the rest has passed."""
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import tools
from tools import BIN, check, run, tensors
from training import make_data, newest_step, rows, wait_for_step

SPEC = """{"name": "tiny", "window": 2000, "dropout": 0.2, "layers": [
    {"name": "embed", "type": "embedding", "filters": 3},
    {"name": "conv1", "type": "conv", "filters": 4, "width": 6, "stride": 10, "norm": true, "relu": true, "dropout": true},
    {"name": "conv2", "type": "conv", "filters": 4, "width": 3, "dilation": 2, "norm": true, "relu": true},
    {"name": "up", "type": "up_conv", "filters": 4, "stride": 10, "norm": true, "relu": true, "dropout": true},
    {"name": "out", "type": "dense"}]}"""
TIMEOUT = 60  # a rank that does not end fails the test


def clean_environment():
    """Without what a launcher that runs this test may have set."""
    return {k: v for k, v in os.environ.items()
            if not k.startswith(("OMPI_", "PMIX_", "SLURM_", "TORCHELASTIC_"))
            and k not in ("RANK", "WORLD_SIZE", "LOCAL_RANK", "LOCAL_WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT")}


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def start(args, rank, size, port, **more):
    env = dict(clean_environment(), RANK=str(rank), WORLD_SIZE=str(size), MASTER_ADDR="127.0.0.1", MASTER_PORT=str(port))
    return subprocess.Popen([os.path.join(BIN, "regtrain"), *map(str, args)], env=dict(env, **more), text=True,
                            stdout=subprocess.PIPE, stderr=subprocess.PIPE)


def start_all(args, size):
    port = free_port()
    return [start(args, rank, size, port) for rank in range(size)]


def finish(processes):
    """Exit codes and standard errors of all; whoever hangs is killed and fails the test."""
    errors = []
    try:
        for process in processes:
            errors.append(process.communicate(timeout=TIMEOUT)[1])
    finally:
        for process in processes:
            process.kill()
    return [process.returncode for process in processes], errors


def train_by_hand(args, size):
    codes, errors = finish(start_all(args, size))
    assert codes == [0] * size, f"{codes}\n{errors}"
    assert all(error == "" for error in errors[1:]), f"only rank 0 reports: {errors}"
    return errors[0]


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
        train_by_hand([*exact, "-o", f"{scratch}/exact{size}"], size)
        close(f"{scratch}/exact{size}", f"{scratch}/exact1", 1e-6)
    cpu = [*base, "--device", "cpu", "-@", 1, "--steps", 20, "--valid-every", 10, "--log-every", 1, "--rc-augment"]
    run("regtrain", *cpu, "-o", f"{scratch}/cpu1")
    one = rows(f"{scratch}/cpu1.log.tsv")
    for size in (2, 3):
        said = train_by_hand([*cpu, "-o", f"{scratch}/cpu{size}"], size)
        check(f"x {size} ranks" in said and "best at step" in said, said)
        log = rows(f"{scratch}/cpu{size}.log.tsv")
        check([row["step"] for row in log] == [row["step"] for row in one], log)
        for row, expected in zip(log, one):
            if row["loss"] != "NA":
                check(abs(float(row["loss"]) - float(expected["loss"])) <= 1e-3 * float(expected["loss"]), (row, expected))
        check(abs(float(log[0]["loss"]) - float(one[0]["loss"])) <= 1e-5 * float(one[0]["loss"]), log[0])
        train_by_hand([*cpu, "-o", f"{scratch}/again{size}"], size)
        check(tensors(f"{scratch}/again{size}") == tensors(f"{scratch}/cpu{size}"), f"{size} ranks: other bits")
    # A killed run goes on to the same bits, on another number of ranks with a word about it.
    args = [*cpu, "-o", f"{scratch}/resumed", "--checkpoint-every", 0, "--resume"]
    processes = start_all(args, 2)
    wait_for_step(f"{scratch}/resumed", 7, processes[0])
    for process in processes:
        process.send_signal(signal.SIGTERM)
    codes, errors = finish(processes)
    check(codes == [75, 75] and "stopped at step" in errors[0], (codes, errors))
    shutil.copytree(f"{scratch}/resumed.part", f"{scratch}/other.part")
    train_by_hand(args, 2)
    check(tensors(f"{scratch}/resumed") == tensors(f"{scratch}/cpu2"), "a resumed run has other bits")
    said = train_by_hand([*cpu, "-o", f"{scratch}/other", "--resume"], 3)
    check("bits may differ" in said, said)


def failures(scratch, base):
    endless = [*base, "--device", "cpu", "-@", 1, "--steps", 1_000_000, "--checkpoint-every", 0]
    # One is killed, or does not move any more: the others end, within the timeout, with 1 and a line.
    for number, victim, how, words in ((0, 2, signal.SIGKILL, "rank 2 is gone"), (1, 0, signal.SIGKILL, "rank 0 is gone"),
                                       (2, 1, signal.SIGSTOP, "rank 1 was silent for 5 s")):
        out = f"{scratch}/endless{number}"
        timeout = "5s" if how == signal.SIGSTOP else "60s"  # a death is seen at once
        processes = start_all([*endless, "-o", out, "--dist-timeout", timeout], 3)
        wait_for_step(out, 3, processes[0])
        processes[victim].send_signal(how)
        begin = time.time()
        others = [p for i, p in enumerate(processes) if i != victim]
        codes, errors = finish(others)
        processes[victim].kill()
        processes[victim].communicate()
        check(codes == [1, 1], (codes, errors))
        check(time.time() - begin < 30, "the others took too long to end")
        for error in errors:
            said = [line for line in error.splitlines() if words in line]
            check(len(said) == 1, errors)
        ranks = [i for i in range(3) if i != victim]
        for rank, error in zip(ranks, errors):
            check(rank == 0 or error.startswith(f"regtrain: rank {rank}: "), error)
    # What is wrong with one is told by all, with its code.
    port = free_port()
    processes = [start([*endless, "-o", f"{scratch}/bad", *more], rank, 2, port)
                 for rank, more in ((0, []), (1, ["-f", f"{scratch}/nothing.fa"]))]
    codes, errors = finish(processes)
    check(codes[0] == codes[1] != 0 and all("nothing.fa" in error for error in errors), (codes, errors))
    processes = [start([*endless, "-o", f"{scratch}/bad", *more], rank, 2, port) for rank, more in ((0, []), (1, ["--lr", 0.5]))]
    codes, errors = finish(processes)
    check(codes == [4, 4] and all("rank 1 has another settings" in error for error in errors), (codes, errors))
    # Usage.
    for variables, words in (({"WORLD_SIZE": ""}, "WORLD_SIZE=''"), ({"RANK": "2"}, "RANK=2 is not below WORLD_SIZE=2"),
                             ({"WORLD_SIZE": "6"}, "--batch 5")):
        codes, errors = finish([start([*endless, "-o", f"{scratch}/bad"], 1, 2, port, **variables)])
        check(codes == [2] and words in errors[0], (codes, errors))
    codes, errors = finish([start([*endless, "-o", f"{scratch}/bad", "--dist-timeout", "1s"], 1, 2, port)])
    check(codes == [1] and "rank 0 was not found" in errors[0], (codes, errors))


def with_mpirun(scratch, base):
    args = [*base, "--device", "cpu", "-@", 1, "--steps", 20, "--valid-every", 10, "--log-every", 1, "--rc-augment"]
    for size in (2, 3):
        launch = ["mpirun", "--oversubscribe", "--allow-run-as-root", "-n", str(size), os.path.join(BIN, "regtrain")]
        done = subprocess.run([*launch, *map(str, args), "-o", f"{scratch}/mpi{size}"], env=clean_environment(), text=True,
                              capture_output=True, timeout=TIMEOUT)
        check(done.returncode == 0 and f"x {size} ranks" in done.stderr, (done.returncode, done.stderr))
        check(tensors(f"{scratch}/mpi{size}") == tensors(f"{scratch}/cpu{size}"), "mpirun: other bits than by hand")
    endless = [*base, "--device", "cpu", "-@", 1, "--steps", 1_000_000, "--checkpoint-every", 0, "-o", f"{scratch}/mpi"]
    process = subprocess.Popen([*launch, *map(str, endless)], env=clean_environment(), text=True,
                               stderr=subprocess.PIPE)
    wait_for_step(f"{scratch}/mpi", 3, process)
    process.terminate()
    error = process.communicate(timeout=TIMEOUT)[1]
    check(process.returncode != 0 and newest_step(f"{scratch}/mpi") >= 3, (process.returncode, error))


def main():
    with tempfile.TemporaryDirectory() as scratch:
        make_data(scratch)
        with open(f"{scratch}/tiny.json", "w") as f:
            f.write(SPEC)
        base = ["-d", f"{scratch}/x.regds", "-a", f"{scratch}/tiny.json", "--batch", 5, "--seed", 3, "--valid-fraction", 0.2]
        same_results(scratch, base)
        failures(scratch, base)
        if not shutil.which("mpirun"):
            print("SKIPPED: no mpirun (tools/deps.sh oracles installs openmpi-bin); all but it has passed")
            sys.exit(77)
        with_mpirun(scratch, base)
    assert tools.checks > 70, tools.checks
    print(f"ranks: {tools.checks} checks hold")


if __name__ == "__main__":
    main()
