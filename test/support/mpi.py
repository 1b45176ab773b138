"""Ranks of a program, started by Open MPI's mpirun on this machine."""
import os
import re
import shutil
import subprocess
import sys
import time

from tools import BIN

TIMEOUT = 100  # ranks that do not end fail the test
RANK_SAYS = re.compile(r"^\[\d+,(\d+)\]<stderr>:(.*)$")  # mpirun --tag-output


def is_here():
    return shutil.which("mpirun") and os.path.exists(os.path.join(BIN, "libregkit_mpi.so"))


def skip_without_mpi():
    if not is_here():
        print("SKIPPED: no mpirun, or no MPI plug-in (tools/deps.sh build oracles installs openmpi-bin and libopenmpi-dev)")
        sys.exit(77)


def clean_environment():
    """Without what a launcher that runs this test may have set."""
    return {k: v for k, v in os.environ.items()
            if not k.startswith(("OMPI_", "PMIX_", "SLURM_", "TORCHELASTIC_")) and k not in ("RANK", "WORLD_SIZE")}


def start(*ranks, **variables):
    """mpirun with one process for each of `ranks`: its command, and variables of its own where a dict comes first."""
    command = ["mpirun", "--allow-run-as-root", "--oversubscribe", "--bind-to", "none", "--tag-output"]
    for number, words in enumerate(ranks):
        own, words = (words[0], words[1:]) if isinstance(words[0], dict) else ({}, words)
        command += [":"] if number else []
        command += ["-n", "1", *(word for name, value in own.items() for word in ("-x", f"{name}={value}")), *map(str, words)]
    return subprocess.Popen(command, env=dict(clean_environment(), **variables), text=True, stdin=subprocess.DEVNULL,
                            stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, errors="replace")


def finish(process, ranks):
    """mpirun's exit code and the lines that each rank wrote to standard error; whoever hangs is killed and fails the test."""
    try:
        error = process.communicate(timeout=TIMEOUT)[1]
    finally:
        process.kill()
    said = [[] for _ in range(ranks)]
    for line in error.splitlines():
        match = RANK_SAYS.match(line)
        if match:
            said[int(match.group(1))].append(match.group(2))
    return process.returncode, said


def field(pid, name):
    try:
        with open(f"/proc/{pid}/{name}", "rb") as file:
            return file.read().decode(errors="replace")
    except OSError:
        return ""


def pids(process, ranks):
    """Of all ranks."""
    found = {}
    end = time.time() + TIMEOUT
    while len(found) < ranks and time.time() < end:
        for pid in filter(str.isdigit, os.listdir("/proc")):
            if field(pid, "stat").rpartition(")")[2].split()[1:2] != [str(process.pid)]:
                continue
            match = re.search(r"\0OMPI_COMM_WORLD_RANK=(\d+)\0", "\0" + field(pid, "environ"))
            if match:
                found[int(match.group(1))] = int(pid)
    return [found[rank] for rank in range(ranks)]


def are_gone(numbers, seconds=10):
    """Whether none of these processes is left soon."""
    end = time.time() + seconds
    while time.time() < end:
        if all(field(pid, "stat").rpartition(")")[2].split()[:1] in ([], ["Z"]) for pid in numbers):
            return True
        time.sleep(0.1)
    return False


def hurt(process, ranks, victim, how):
    """Sends one rank a signal. Returns what finish() does; afterwards no rank may be left."""
    numbers = pids(process, ranks)
    os.kill(numbers[victim], how)
    begin = time.time()
    code, said = finish(process, ranks)
    assert time.time() - begin < 30, "the others took too long to end"
    assert are_gone(numbers), "a rank is left"
    return code, said
