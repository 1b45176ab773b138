#!/usr/bin/env python3
"""Small jobs of every tool, again and again, each time with one call to the system failing: faults.py SHIM POINTS

A point is a job, a kind of call, what it fails with, and which of the calls of that kind; POINTS of them are chosen, the
same each time, from all jobs, kinds and causes alike. SHIM is the library made of shim.c. Whatever fails, a tool must end
with 0 and all of its outputs, or with 1, one line that says why, no part of an output under its name, old outputs as they
were or whole new ones, and nothing left over that is not told of. Calls that were interrupted or did half must not be
noticed at all.
What is known and not ours is in allowed.tsv. Ends with 1 when anything else is not as it should be.
To repeat one point: faults.py SHIM JOB:KIND:CAUSE:NUMBER[:old]"""
import collections
import concurrent.futures
import errno
import fnmatch
import os
import pathlib
import shutil
import sys
import tempfile
import time

from bench import Bench, MEMORY, digests, lot
from jobs import JOBS

HERE = pathlib.Path(__file__).resolve().parent
HALF = "HALF"  # a transfer of half the bytes
CAUSES = {
    "open": ["EIO", "ENOSPC", "EINTR", "EMFILE"], "read": ["EIO", "EINTR", HALF], "pread": ["EIO", "EINTR", HALF],
    "write": ["ENOSPC", "EIO", "EINTR", HALF], "pwrite": ["ENOSPC", "EIO", "EINTR", HALF], "fsync": ["EIO", "ENOSPC"],
    "rename": ["EIO", "ENOSPC"], "close": ["EIO", "ENOSPC", "EINTR"], "mmap": ["ENOMEM"], "malloc": ["ENOMEM"],
    "unlink": ["EIO"], "mkdir": ["ENOSPC"], "fstat": ["EIO"], "ftruncate": ["ENOSPC"], "dup": ["EMFILE"], "lseek": ["EIO"],
    "flock": ["ENOLCK"], "getrandom": ["EIO"]}
HARMLESS = {"EINTR", HALF}
WEIGHTS = {"malloc": 8}  # of points, where most kinds have 1: there are thousands of allocations
EOF_BLOCK = bytes.fromhex("1f8b08040000000000ff0600424302001b0003000000000000000000")

Point = collections.namedtuple("Point", "job kind cause number old")


def choose(bench, wanted):
    """In turn one of each job, kind and cause; which of the calls, lots say."""
    drawn = []
    for job in JOBS:
        for kind, cause in ((kind, cause) for kind, causes in CAUSES.items() for cause in causes):
            numbers = range(1, bench.counts[job.name][kind] + 1)
            for turn, (draw, number) in enumerate(sorted((lot(job.name, kind, cause, n), n) for n in numbers)):
                old = not job.stdout and draw % 2 == 1
                drawn.append((turn // WEIGHTS.get(kind, 1), draw, Point(job.name, kind, cause, number, old)))
    return [point for _, _, point in sorted(drawn)[:wanted]]


def last_line(text):
    return (text.strip().splitlines() or [""])[-1]


def try_point(bench, point):
    """What is wrong, the tool's last words, and the shared objects that the call came from; None if it never came."""
    job, name = bench.jobs[point.job], "-".join(map(str, point))
    folder, place = bench.folder(job, name, point.old), bench.scratch / (name + ".place")
    before = digests(folder, job.outputs)
    settings = {"FAULT_OP": point.kind, "FAULT_N": str(point.number), "FAULT_PLACE": str(place),
                "FAULT_ERRNO": str(0 if point.cause == HALF else getattr(errno, point.cause))}
    if point.cause == "ENOSPC" and "write" in point.kind:
        settings["FAULT_STAYS"] = "1"
    code, words = bench.run(job, folder, **settings)
    wrong = judge_files(bench, job, point, folder, before, code, words) + judge_words(job, point, code, words)
    shutil.rmtree(folder)
    return point, wrong, last_line(words), place.read_text().split()[1:] if place.exists() else None


def judge_files(bench, job, point, folder, before, code, words):
    expected, now = bench.expected[job.name], digests(folder, job.outputs + job.made + job.inputs)
    wrong = [f"input changed: {name}" for name in job.inputs if now[name] != expected[name]]
    wrong += [f"not its index: {name}" for name in job.made if now[name] not in (None, expected[name])]
    if point.kind != "unlink":
        wrong += [f"left behind, untold: {name}" for name in bench.left(job, folder, code == 0) if name not in words]
    if code == 0:
        return wrong + [f"lost, with exit 0: {name}" for name in job.outputs if now[name] != expected[name]]
    if job.stdout:
        return wrong + ["a complete-looking standard output"] * (folder / job.stdout).read_bytes().endswith(EOF_BLOCK)
    return wrong + bench.outputs_wrong(job, before, now)


def judge_words(job, point, code, words):
    if code == 0:
        return []
    if code is None:
        return ["hangs"]
    if code < 0 or code > 128:
        where = ", an assertion of nlohmann's json" if "nlohmann" in words and "Assertion" in words else ""
        return [f"signal {-code if code < 0 else code - 128}{where}"]
    wrong = []
    if code != 1:
        wrong.append(f"exit {code}, not 1")
    if not last_line(words).startswith(job.command[0] + ": ") or "internal error" in words:
        wrong.append("no message")
    if point.cause in HARMLESS:
        wrong.append("fatal although nothing failed")
    return wrong


def read_allowed():
    rows = []
    for line in (HERE / "allowed.tsv").read_text().splitlines():
        if line and not line.startswith("#"):
            fields = line.split("\t")
            assert len(fields) == 6, f"allowed.tsv: not 6 columns: {line}"
            rows.append(fields)
    return rows


def allowed_by(rows, point, wrong, objects):
    """The number of the row that allows this, if one does."""
    inside = (objects or [""])[0]
    for number, row in enumerate(rows):
        if all(map(fnmatch.fnmatchcase, (point.job, point.kind, point.cause, wrong, inside), row)):
            return number
    return None


def points_of(bench, text):
    if text.isdigit():
        return choose(bench, int(text))
    job, kind, cause, number, *old = text.split(":")
    return [Point(job, kind, cause, int(number), bool(old))]


def main():
    shim, rows, used, problems, missed = os.path.abspath(sys.argv[1]), read_allowed(), collections.Counter(), 0, 0
    begin = time.time()
    with tempfile.TemporaryDirectory(dir=MEMORY) as scratch, concurrent.futures.ThreadPoolExecutor(2) as pool:
        bench = Bench(shim, pathlib.Path(scratch))
        points = points_of(bench, sys.argv[2])
        for point, wrongs, words, objects in pool.map(lambda point: try_point(bench, point), points):
            missed += objects is None
            if len(points) == 1:
                print(words, objects)
            for wrong in wrongs:
                row = allowed_by(rows, point, wrong, objects)
                if row is not None:
                    used[row] += 1
                    continue
                problems += 1
                print(f"{':'.join(map(str, point[:4]))}{':old' * point.old}: {wrong}\n    {words}\n"
                      f"    from {' < '.join(objects or ['?'])}", flush=True)
    for number, count in sorted(used.items()):
        print(f"allowed {count} times: {' '.join(rows[number][:5])}: {rows[number][5]}")
    print(f"faults: {len(points)} points in {len(JOBS)} jobs ({missed} not reached), {sum(used.values())} allowed, "
          f"{problems} problems, {time.time() - begin:.0f} s")
    sys.exit(problems > 0 or missed > len(points) // 10)


if __name__ == "__main__":
    main()
