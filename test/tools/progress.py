#!/usr/bin/env python3
"""--progress of every tool that has it: the objects of json, silence of none and of short runs in a log, and what stands on a
terminal, which is a pseudo-terminal here, of so many columns, and a screen that follows what the tools write there."""
import fcntl
import json
import os
import pathlib
import pty
import re
import select
import signal
import struct
import subprocess
import sys
import tempfile
import termios
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
import tools
from tools import check

BIN = os.path.abspath(tools.BIN)

HERE = pathlib.Path(__file__).resolve().parent
KEYS = ["tool", "unit", "done", "total", "share", "per_s", "seconds", "seconds_left"]
CALL = ["regcall", "-m", "model.safetensors", "-f", "ref.fa"]
SNP = ["regsnp", "-m", "model.safetensors", "-f", "ref.fa"]
EVAL = ["regeval", "-m", "model.safetensors", "-d", "small.regds"]
BUILD = ["regds-build", "-f", "ref.fa", "--sheet", "sheet.tsv", "--window", "5000", "--test", "chr2", "--force"]
TRAIN = ["regtrain", "-d", "small.regds", "-a", str(HERE / "data" / "tiny.json"), "--steps", "30", "--force"]
# A command, the unit that it counts in, and how many of them there are; None where that is not known before the end.
JOBS = {
    "regcall": (CALL + ["-o", "out.bed"], "bases", 90000),
    "regcall of regions, values": (CALL + ["-r", "chr1:1-2,000", "-r", "chr2:101-1,100", "-o", "{marker}.bw"], "bases", 3000),
    "regcall of a stream": (["regcall", "-m", "model.safetensors", "-o", "out.bed", "ref.fa"], "bases", None),
    "regsnp": (SNP + ["-o", "out.vcf", "in.vcf"], "records", None),
    "regsnp of a pipe": (SNP + ["-o", "out.vcf", "-"], "records", None),
    "regeval": (EVAL + ["-o", "out.tsv"], "bases", 25000),
    "regeval, tiled": (EVAL + ["-o", "out.tsv", "--window-mode", "tiled"], "bases", 25000),
    "regds-build": (BUILD + ["-o", "made.regds"], "bases", 90000),
    "regtrain": (TRAIN + ["-o", "new.safetensors"], "bases", 30 * 8 * 5000),
}


def errors_of(name, *more):
    words = JOBS[name][0]
    piped = pathlib.Path("in.vcf").read_text() if "pipe" in name else ""
    done = subprocess.run([os.path.join(BIN, words[0]), *words[1:], *more], capture_output=True, text=True, timeout=600, input=piped)
    check(done.returncode == 0, f"{name}: {done.returncode}\n{done.stderr}")
    return done.stderr.splitlines()


def check_json(name):
    _, unit, total = JOBS[name]
    lines = errors_of(name, "--progress", "json")
    objects = [json.loads(line) for line in lines if line.startswith("{")]
    check(len(objects) >= 2, f"{name}: {lines}")
    for said in objects:
        check(list(said)[:len(KEYS)] == KEYS and said["tool"] == name.split()[0].rstrip(",") and said["unit"] == unit,
              f"{name}: {said}")
    first, last = objects[0], objects[-1]
    check(first["done"] == 0 and first["total"] == total, f"{name}: {first}")
    check(all(a["done"] <= b["done"] for a, b in zip(objects, objects[1:])), f"{name}: {objects}")
    whole = {"records": 4, "bases": 90000}[unit] if total is None else total
    check((last["done"], last["total"], last["share"], last["seconds_left"]) == (whole, whole, 1, 0), f"{name}: {last}")
    check(last["per_s"] > 0 and last["seconds"] > 0, f"{name}: {last}")
    check(("files" in last) == (name == "regds-build"), f"{name}: {last}")
    if name == "regds-build":
        check((last["files"], last["files_total"]) == (2, 2), f"{name}: {last}")
    if name == "regtrain":
        check(last["step"] == 30 and 0 < last["loss"] < 1 and last["validating"] in (0, 1) and last["epoch"] > 0, f"{last}")


class Screen:
    """What a terminal shows of carriage returns, newlines and the sequence that clears the rest of a line."""

    def __init__(self, columns):
        self.columns, self.lines, self.at, self.drawn, self.widest = columns, [""], 0, set(), 0

    def take(self, text):
        for piece in re.findall(r"\r|\n|\x1b\[K|[^\r\n\x1b]+|\x1b", text):
            line = self.lines[-1]
            if piece == "\r":
                self.at = 0
            elif piece == "\n":
                self.lines.append("")
                self.at = 0
            elif piece == "\x1b[K":
                self.lines[-1] = line[:self.at]
            else:
                self.lines[-1] = line[:self.at] + piece + line[self.at + len(piece):]
                self.at += len(piece)
                self.widest = max(self.widest, len(self.lines[-1]))
                self.drawn.add(self.lines[-1])


def on_terminal(words, columns=100, stdout=None, stop_at=None, feed=None):
    """Runs a command whose standard error, and output if it is not given, is a terminal. `stop_at`: sends SIGINT once this is
    written. `feed`: what its standard input begins with, and what follows again and again. The exit code, the screen, and all that was written."""
    master, slave = pty.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    # Newlines as they are written, so that carriage returns are the tool's own.
    settings = termios.tcgetattr(slave)
    settings[1] &= ~termios.OPOST
    termios.tcsetattr(slave, termios.TCSANOW, settings)
    process = subprocess.Popen([os.path.join(BIN, words[0]), *words[1:]], stdout=stdout or slave, stderr=slave,
                               stdin=subprocess.PIPE if feed else subprocess.DEVNULL)
    os.close(slave)
    if feed:
        os.write(process.stdin.fileno(), feed[0])
    text, stopped, deadline = "", False, time.time() + 600
    while time.time() < deadline:
        ready = select.select([master], [process.stdin] if feed and not stopped else [], [], 60)
        if ready[1]:
            os.write(process.stdin.fileno(), feed[1])
        if ready[0]:
            try:
                piece = os.read(master, 65536).decode()
            except OSError:
                piece = ""
            if not piece:
                break
            text += piece
        if stop_at and not stopped and stop_at in text:
            process.send_signal(signal.SIGINT)
            stopped = True
    os.close(master)
    if process.stdin:
        process.stdin.close()
    code = process.wait(timeout=60)
    screen = Screen(columns)
    screen.take(text)
    return code, screen, text


# "in 3s, 1,234 nt/s", "in 0.4 s": what differs from run to run.
TIMES = r"(\bin [0-9hms]+s\b|[0-9.,]+ (s|nt/s)\b).*"


def check_terminal(name):
    words = JOBS[name][0]
    if "pipe" in name:
        return
    tool = words[0]
    quiet = [re.sub(TIMES, "", line) for line in errors_of(name)]
    check(not any(line.startswith(f"{tool}:  ") for line in quiet), f"{name}: a line in a log of less than a minute: {quiet}")
    code, screen, text = on_terminal(words)
    check(code == 0, f"{name}: {text}")
    progress = [line for line in screen.drawn if line.startswith(f"{tool}:  ")]
    check(progress, f"{name}: no line on the terminal: {text!r}")
    left = [re.sub(TIMES, "", line) for line in screen.lines]
    check(sorted(left[:-1]) == sorted(quiet) and left[-1] == "", f"{name}: the screen has\n{screen.lines}\nthe log\n{quiet}")
    code, screen, text = on_terminal(words, columns=24)
    widths = [len(line) for line in screen.drawn if line.startswith(f"{tool}:  ")]
    check(code == 0 and widths and max(widths) < 24, f"{name}: {widths} in 24 columns")
    for silent in (["--progress", "none"], ["--verbosity", "3"]):
        code, screen, text = on_terminal(words + silent)
        check(code == 0 and "\r" not in text and "\x1b" not in text, f"{name} {silent}: {text!r}")


def check_results_on_terminal():
    for words in (CALL + ["-r", "chr1:1-9,000", "-O", "tsv"], SNP + ["in.vcf"]):  # rows come while the work goes on
        code, screen, text = on_terminal(words)
        check(code == 0 and "\x1b" not in text and len(screen.lines) > 5, f"{words}: {text!r}")
        code, screen, text = on_terminal(words, stdout=subprocess.DEVNULL)
        check(code == 0 and any(line.startswith(f"{words[0]}:  ") for line in screen.drawn), f"{words}: {text!r}")
    code, screen, text = on_terminal(EVAL)  # its table comes at the end, where the line was
    check(code == 0 and any(line.startswith("split\tmarker\t") for line in screen.lines), f"{screen.lines}")
    check(any(line.startswith("regeval:  ") for line in screen.drawn), f"{text!r}")
    check(not any(line.startswith("regeval:  ") for line in screen.lines), f"{screen.lines}")


def check_interrupt():
    words = ["regcall", "-m", "model.safetensors", "-o", "out.bed", "-"]
    code, screen, text = on_terminal(words, stop_at="nt/s", feed=(b">endless\n", b"ACGTTGCAAC" * 1000 + b"\n"))
    check(code == -signal.SIGINT and text.endswith("\n") and screen.lines[-2].startswith("regcall:  "), f"{code} {text!r}")


def main():
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        environment = dict(os.environ, PATH=BIN + ":" + os.environ["PATH"], TEST_TOOLS=str(HERE))
        subprocess.run(["bash", HERE / "fixture.sh"], check=True, env=environment, stderr=subprocess.DEVNULL)
        for name in JOBS:
            check_json(name)
            check(not any(line.startswith("{") for line in errors_of(name, "--progress", "none")), name)
            check_terminal(name)
        check_results_on_terminal()
        check_interrupt()
    assert tools.checks > 100, f"only {tools.checks} checks were made"
    print(f"{tools.checks} checks hold")


if __name__ == "__main__":
    main()
