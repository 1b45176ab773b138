#!/usr/bin/env python3
"""regtrain on 2 and 3 ranks, each with an emulated GPU: ranks_emulated.py PLUGIN NCCL, where NCCL stands in for
libnccl.so.2. Sums by NCCL have the bits of sums over TCP; where one rank cannot use it all use TCP, and say why once; a
rank that is killed, or that NCCL fails on, ends all."""
import glob
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import emulated
import tools
from emulated import ORDERS
from ranks import clean_environment, finish, free_port
from tools import check, tensors
from training import wait_for_step

BY_NCCL = "gradients are summed on the GPUs, by NCCL 2.28.9"
BY_TCP = "gradients are summed over TCP, not by NCCL "
TRAINING = ["-d", "x.regds", "-a", "tiny.json", "--batch", "3", "--seed", "3", "--clip", "1", "--no-version", "--device", "cuda"]
LIBRARY = ""


def start(size, out, *options, steps=3, order="forward", own=lambda rank: {}):
    """regtrain on each rank, which has a GPU of its own; `own`: more of a rank's environment."""
    port, processes = free_port(), []
    for rank in range(size):
        environment = dict(clean_environment(), RANK=str(rank), WORLD_SIZE=str(size), MASTER_ADDR="127.0.0.1",
                           MASTER_PORT=str(port), TMPDIR=os.getcwd(), REGKIT_NCCL_LIBRARY=LIBRARY,
                           REGKIT_EMULATOR=f"order={order} gpu={rank + 1}")
        environment.update(own(rank))
        processes.append(subprocess.Popen(
            [os.path.abspath("bin/regtrain"), *TRAINING, "--steps", str(steps), "-o", out, *map(str, options)],
            env=environment, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE))
    return processes


def train(size, out, *words, **how):
    """Tensors of a run in which rank 0, and nobody else, says once how gradients are summed, in these words."""
    codes, errors = finish(start(size, out, **how))
    check(codes == [0] * size, (codes, errors))
    said = [line for line in errors[0].splitlines() if "gradients are summed" in line]
    check(len(said) == 1 and all(word in said[0] for word in words), f"{said}, not {words}")
    check(all(error == "" for error in errors[1:]), errors)
    return tensors(out)


def same_bits():
    for size in (2, 3):
        right = train(size, f"tcp{size}", BY_TCP + "(rank 0: REGKIT_NCCL=off)", own=lambda rank: {"REGKIT_NCCL": "off"})
        for order in ORDERS:
            check(train(size, f"nccl{size}.{order}", BY_NCCL, order=order) == right, f"{size} ranks, {order}: other bits")


def on_rank(wanted, **variables):
    return lambda rank: variables if rank == wanted else {}


def agree_on_tcp():
    right = tensors("tcp2")
    for what, own in (
            ("rank 1: REGKIT_NCCL=off", on_rank(1, REGKIT_NCCL="off")),
            ("rank 0: /nowhere/libnccl.so.2: cannot open shared object file", on_rank(0, REGKIT_NCCL_LIBRARY="/nowhere/libnccl.so.2")),
            ("rank 1: NCCL 2.13.0 is too old, 2.14 is needed", on_rank(1, REGKIT_EMULATED_NCCL="version=21300")),
            ("rank 0 has NCCL 2.28.9, rank 1 2.20.5", on_rank(1, REGKIT_EMULATED_NCCL="version=22005")),
            ("ranks 0 and 1 share a GPU", lambda rank: {"REGKIT_EMULATOR": "gpu=1"}),
            ("rank 1: unhandled system error", on_rank(1, REGKIT_EMULATED_NCCL="connect=1"))):
        check(train(2, "agreed", BY_TCP, what, own=own) == right, f"{what}: other bits")
    codes, errors = finish(start(2, "refused", own=lambda rank: {"REGKIT_NCCL": "maybe"}))
    check(codes == [2, 2] and "REGKIT_NCCL=maybe" in errors[0], (codes, errors))


def ends():
    """All ranks end with 1, soon."""
    every_step = ["--checkpoint-every", 0]
    for victim, words in ((1, "rank 1 is gone"), (0, "rank 0 is gone")):
        processes = start(3, f"endless{victim}", *every_step, steps=1_000_000)
        wait_for_step(f"endless{victim}", 3, processes[0])
        processes[victim].send_signal(signal.SIGKILL)
        begin = time.time()
        codes, errors = finish([process for rank, process in enumerate(processes) if rank != victim])
        processes[victim].communicate()
        check(codes == [1, 1] and all(words in error for error in errors), (codes, errors))
        check(time.time() - begin < 30, "the others took too long to end")
    # All wait for NCCL, which waits for a rank that is killed then: at the beginning, and in the middle of a step.
    for fault, left in (("hang=1", "join0.0"), ("stall=5:1", "gather5.0")):
        for folder in glob.glob("emulated_nccl.*"):
            shutil.rmtree(folder)
        processes = start(3, "waiting", *every_step, steps=1_000_000, own=lambda rank: {"REGKIT_EMULATED_NCCL": fault})
        while not glob.glob(f"emulated_nccl.*/{left}"):
            check(all(process.poll() is None for process in processes), "they did not come so far")
            time.sleep(0.1)
        time.sleep(1)
        check(all(process.poll() is None for process in processes), "they did not wait")
        processes[1].kill()
        begin = time.time()
        codes, errors = finish([processes[0], processes[2]])
        processes[1].communicate()
        check(codes == [1, 1] and all("rank 1 is gone" in error for error in errors), (codes, errors))
        check(time.time() - begin < 30, "the others took too long to end")
    codes, errors = finish(start(2, "broken", *every_step, steps=1_000_000, own=lambda rank: {"REGKIT_EMULATED_NCCL": "gather=5:1"}))
    check(codes == [1, 1] and all("NCCL: unhandled system error" in error for error in errors), (codes, errors))
    check(errors[1].startswith("regtrain: rank 1: cuda: all_reduce: "), errors)


def main():
    global LIBRARY
    plugin, LIBRARY = map(os.path.abspath, sys.argv[1:])
    with tempfile.TemporaryDirectory() as scratch:
        os.chdir(scratch)
        emulated.prepare(plugin)
        same_bits()
        agree_on_tcp()
        ends()
        os.chdir("/")
    print(f"{tools.checks} checks held")
    assert tools.checks >= 55, f"only {tools.checks}: checks were left out"


main()
