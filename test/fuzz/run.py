#!/usr/bin/env python3
"""Runs the fuzz targets: run.py BUILD_FOLDER SECONDS [TARGET...]

Each target (fuzz_NAME in BUILD_FOLDER/bin) gets SECONDS, two at a time. It starts from corpus/NAME beside this file and,
when there, from what earlier runs kept in BUILD_FOLDER/corpus/NAME; what reaches new code is kept there. A finding is an
input that crashes a target, breaks what it expects, needs over 512 MiB, or over 1 s of processor time: its file is kept in
BUILD_FOLDER/found, and its report is printed with the command that repeats it. Ends with 1 where there is one."""
import concurrent.futures
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
MEMORY, SLOW = 512, 1  # MiB, seconds of processor time an input
# Memory that is freed is not held back for long, so that the limit is about what an input needs.
SANITIZERS = {"ASAN_OPTIONS": "quarantine_size_mb=8:detect_leaks=1:allocator_may_return_null=0",
              "UBSAN_OPTIONS": "print_stacktrace=1"}


def environment(scratch):
    return {**os.environ, **SANITIZERS, "TMPDIR": scratch}


def processor_seconds(program, file, scratch):
    """That an input takes beyond an empty one; the wall clock says little on a busy machine."""
    def used(argument):
        process = subprocess.Popen([program, argument], env=environment(scratch), stdout=subprocess.DEVNULL,
                                   stderr=subprocess.DEVNULL)
        _, _, usage = os.wait4(process.pid, 0)
        return usage.ru_utime + usage.ru_stime
    return used(file) - used("/dev/null")


def fuzz(build, name, seconds, scratch):
    program, kept = build / "bin" / f"fuzz_{name}", build / "corpus" / name
    found = build / "found" / name
    for folder in (kept, found):
        folder.mkdir(parents=True, exist_ok=True)
    for file in found.iterdir():
        file.unlink()
    done = subprocess.run(
        [program, f"-max_total_time={seconds}", f"-rss_limit_mb={MEMORY}", "-timeout=30", f"-report_slow_units={SLOW}",
         "-print_final_stats=1", f"-artifact_prefix={found}/", "-max_len=65536", "-reload=0", kept, HERE / "corpus" / name],
        env=environment(scratch), text=True, errors="replace", stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        timeout=seconds * 3 + 300)
    runs = re.search(r"stat::number_of_executed_units: *(\d+)", done.stdout)
    findings = [] if done.returncode == 0 else [done.stdout[-6000:]]
    return name, int(runs[1]) if runs else 0, findings, program, found


def main():
    build, seconds = pathlib.Path(sys.argv[1]).resolve(), int(sys.argv[2])
    names = sys.argv[3:] or sorted(file.name.removeprefix("fuzz_") for file in (build / "bin").glob("fuzz_*"))
    without = [name for name in names if not any((HERE / "corpus" / name).glob("*"))]
    if not names or without:
        sys.exit(f"fuzz: no targets in {build}/bin" if not names else f"fuzz: no inputs in {HERE}/corpus for {without}")
    begin, total, problems = time.time(), 0, 0
    in_memory = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
    with tempfile.TemporaryDirectory(dir=in_memory) as scratch, concurrent.futures.ThreadPoolExecutor(2) as pool:
        for name, runs, findings, program, found in pool.map(lambda n: fuzz(build, n, seconds, scratch), names):
            total += runs
            for file in sorted(found.glob("slow-unit-*")):
                took = processor_seconds(program, file, scratch)
                if took > SLOW:
                    findings.append(f"{took:.1f} s of processor time for {file}, {SLOW} allowed")
                else:
                    file.unlink()  # only the machine was busy
            if runs == 0 and not findings:
                findings.append("ran nothing")
            print(f"fuzz {name}: {runs} inputs, {len(findings)} findings", flush=True)
            for text in findings:
                problems += 1
                print(text)
                for file in sorted(found.iterdir()):
                    print(f"again: {program} {file}")
    print(f"fuzz: {len(names)} targets, {total} inputs, {problems} findings, {time.time() - begin:.0f} s")
    sys.exit(problems > 0)


main()
