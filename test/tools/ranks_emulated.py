#!/usr/bin/env python3
"""regtrain on 2 and 3 ranks, each with an emulated GPU: ranks_emulated.py PLUGIN NCCL, where NCCL stands in for
libnccl.so.2. Sums by NCCL have the bits of sums over MPI; where one rank cannot use it all use MPI, and say why once; a
rank that is killed or hangs, or that NCCL fails on, ends all."""
import glob
import os
import shutil
import signal
import sys
import tempfile
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import emulated
import mpi
import tools
from emulated import ORDERS
from mpi import finish
from tools import check, tensors
from training import wait_for_step

BY_NCCL = "gradients are summed on the GPUs, by NCCL 2.28.9"
BY_MPI = "gradients are summed over MPI, not by NCCL "
TRAINING = ["-d", "x.regds", "-a", "tiny.json", "--batch", "3", "--seed", "3", "--clip", "1", "--no-version", "--device", "cuda"]
LIBRARY = ""


def start(size, out, *options, steps=3, order="forward", own=lambda rank: {}):
    """regtrain on each rank, which has a GPU of its own; `own`: more of a rank's environment."""
    command = [os.path.abspath("bin/regtrain"), *TRAINING, "--steps", steps, "-o", out, *options]
    return mpi.start(*[[{"REGKIT_EMULATOR": f"order={order} gpu={rank + 1}", "CUDA_VISIBLE_DEVICES": rank, **own(rank)},
                       *command] for rank in range(size)],
                     TMPDIR=os.getcwd(), REGKIT_NCCL_LIBRARY=LIBRARY)


def train(size, out, *words, **how):
    """Tensors of a run in which rank 0, and nobody else, says once how gradients are summed, in these words."""
    code, lines = finish(start(size, out, **how), size)
    check(code == 0, (code, lines))
    said = [line for line in lines[0] if "gradients are summed" in line]
    check(len(said) == 1 and all(word in said[0] for word in words), f"{said}, not {words}")
    check(not any(lines[1:]), lines)
    return tensors(out)


def same_bits():
    for size in (2, 3):
        right = train(size, f"mpi{size}", BY_MPI + "(rank 0: REGKIT_NCCL=off)", own=lambda rank: {"REGKIT_NCCL": "off"})
        for order in ORDERS:
            check(train(size, f"nccl{size}.{order}", BY_NCCL, order=order) == right, f"{size} ranks, {order}: other bits")


def on_rank(wanted, **variables):
    return lambda rank: variables if rank == wanted else {}


def agree_on_mpi():
    right = tensors("mpi2")
    for what, own in (
            ("rank 1: REGKIT_NCCL=off", on_rank(1, REGKIT_NCCL="off")),
            ("rank 0: /nowhere/libnccl.so.2: cannot open shared object file", on_rank(0, REGKIT_NCCL_LIBRARY="/nowhere/libnccl.so.2")),
            ("rank 1: NCCL 2.13.0 is too old, 2.14 is needed", on_rank(1, REGKIT_EMULATED_NCCL="version=21300")),
            ("rank 0 has NCCL 2.28.9, rank 1 2.20.5", on_rank(1, REGKIT_EMULATED_NCCL="version=22005")),
            ("ranks 0 and 1 share a GPU", lambda rank: {"REGKIT_EMULATOR": "gpu=1"}),
            ("rank 1: unhandled system error", on_rank(1, REGKIT_EMULATED_NCCL="connect=1"))):
        check(train(2, "agreed", BY_MPI, what, own=own) == right, f"{what}: other bits")
    code, said = finish(start(2, "refused", own=lambda rank: {"REGKIT_NCCL": "maybe"}), 2)
    check(code == 2 and any("REGKIT_NCCL=maybe" in line for line in said[0] + said[1]), (code, said))


def waiting(fault, left, seconds):
    """Ranks that all wait for NCCL, which waits for rank 1: once this file of the stand-in is there."""
    for folder in glob.glob("emulated_nccl.*"):
        shutil.rmtree(folder)
    process = start(3, "waiting", "--force", "--checkpoint-every", 0, "--dist-timeout", f"{seconds}s", steps=1_000_000,
                    own=lambda rank: {"REGKIT_EMULATED_NCCL": fault})
    while not glob.glob(f"emulated_nccl.*/{left}"):
        check(process.poll() is None, "they did not come so far")
        time.sleep(0.1)
    time.sleep(1)
    check(process.poll() is None, "they did not wait")
    return process


def ends():
    """All ranks end, soon."""
    for victim in (1, 0):
        process = start(3, f"endless{victim}", "--checkpoint-every", 0, steps=1_000_000)
        wait_for_step(f"endless{victim}", 3, process)
        code, said = mpi.hurt(process, 3, victim, signal.SIGKILL)
        check(code == 128 + signal.SIGKILL, (code, said))
    # All wait for NCCL, which waits for a rank that is killed then: at the beginning, and in the middle of a step.
    at_first, amid = ("hang=1", "join0.0"), ("stall=5:1", "gather5.0")
    for fault, left in (at_first, amid):
        code, said = mpi.hurt(waiting(fault, left, 600), 3, 1, signal.SIGKILL)
        check(code == 128 + signal.SIGKILL, (code, said))
    # Or that hangs: the deadline of MPI is NCCL's, too.
    code, said = mpi.hurt(waiting(*amid, 5), 3, 1, signal.SIGSTOP)
    check(code == 1 and any("NCCL: no answer for 5 s (--dist-timeout)" in line for line in said[0] + said[2]), (code, said))
    # Or that NCCL alone does not reach: at the beginning they go on by MPI.
    process = waiting(*at_first, 3)
    wait_for_step("waiting", 2, process)
    process.terminate()
    code, said = finish(process, 3)
    check(any(BY_MPI + "(rank 0: no answer for 3 s (--dist-timeout))" in line for line in said[0]), (code, said))
    code, said = finish(start(2, "broken", "--checkpoint-every", 0, steps=1_000_000, own=lambda rank: {"REGKIT_EMULATED_NCCL": "gather=5:1"}), 2)
    check(code == 1 and any("NCCL: unhandled system error" in line for line in said[0] + said[1]), (code, said))
    check(not said[1] or said[1][0].startswith("regtrain: rank 1: cuda: all_reduce: "), said)


def main():
    global LIBRARY
    plugin, LIBRARY = map(os.path.abspath, sys.argv[1:])
    with tempfile.TemporaryDirectory() as scratch:
        os.chdir(scratch)
        emulated.prepare(plugin)
        emulated.copy_or_link(os.path.join(tools.BIN, "libregkit_mpi.so"), "lib/regkit/libregkit_mpi.so")
        same_bits()
        agree_on_mpi()
        ends()
        os.chdir("/")
    print(f"{tools.checks} checks held")
    assert tools.checks >= 55, f"only {tools.checks}: checks were left out"


mpi.skip_without_mpi()
main()
