#!/usr/bin/env python3
"""Runs tables of command-line tests: run.py [--regenerate] [--only GLOB] TABLE...

A table is a text file of cases. A case is a block of lines, each a word and a value:

    case NAME           begins one; the name is unique within the table
    setup SHELL         prepares files; must succeed; repeatable
    run SHELL           the command under test, run by bash in a fresh copy of the fixture's folder
    stdin TEXT          what it reads (\\n and \\t are understood); default: nothing
    exit N              its exit code; default 0
    err GLOB            one line of its standard error, the last one where the exit code is not 0; repeatable
    out GLOB            all of its standard output
    absent PATH         must not exist afterwards; repeatable
    same PATH           must have the bytes it had before the run; repeatable
    golden PATH...      files ("-" is standard output) whose text must be that of expected/TABLE/NAME.PATH; gzip is undone
    need PROGRAM        the case is skipped, loudly, where the program is missing

Lines that begin with # and empty lines do not count. A case that ends with an error must end with exactly one line of the
form "tool: ..." on standard error, after any warnings, and must not have been killed. The fixture is made once, by
fixture.sh beside this file. With --regenerate the expected files are written instead: read the diff.
"""
import fnmatch
import gzip
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
REPEATABLE = {"setup", "err", "absent", "same"}
SINGLE = {"case", "run", "stdin", "exit", "out", "golden", "need"}
TIMEOUT = 120


class Failure(Exception):
    pass


def read_table(path):
    cases = []
    for number, line in enumerate(path.read_text().splitlines(), 1):
        if not line.strip() or line.startswith("#"):
            continue
        word, _, value = line.partition(" ")
        value = value.strip()
        if word not in REPEATABLE | SINGLE:
            sys.exit(f"{path}:{number}: unknown word '{word}'")
        if word == "case":
            if any(case["case"] == value for case in cases):
                sys.exit(f"{path}:{number}: a second case of the name '{value}'")
            cases.append({"case": value, **{name: [] for name in REPEATABLE}})
        elif not cases:
            sys.exit(f"{path}:{number}: a line before the first case")
        elif word in REPEATABLE:
            cases[-1][word].append(value)
        elif word in cases[-1]:
            sys.exit(f"{path}:{number}: '{word}' twice in a case")
        else:
            cases[-1][word] = value
    for case in cases:
        if "run" not in case:
            sys.exit(f"{path}: case '{case['case']}' runs nothing")
    return cases


def shell(command, folder, environment, stdin=b""):
    return subprocess.run(["bash", "-c", command], cwd=folder, env=environment, input=stdin, capture_output=True,
                          timeout=TIMEOUT)


def text_of(path):
    data = path.read_bytes()
    return gzip.decompress(data) if data[:2] == b"\x1f\x8b" else data


def expect(condition, message):
    if not condition:
        raise Failure(message)


def check_errors(case, code, errors):
    lines = errors.splitlines()
    if code != 0 and case["err"]:
        expect(lines, "nothing on standard error")
        expect(fnmatch.fnmatchcase(lines[-1], case["err"][-1]), f"last line of standard error does not match {case['err'][-1]}")
    for glob in case["err"]:
        expect(any(fnmatch.fnmatchcase(line, glob) for line in lines), f"no line of standard error matches {glob}")
    for clue in ("internal error", "AddressSanitizer", "runtime error", "terminate called"):
        expect(clue not in errors, f"standard error holds '{clue}'")


def check_golden(case, folder, expected, output, regenerate):
    for name in case.get("golden", "").split():
        content = output if name == "-" else text_of(folder / name)
        stem = re.sub(r"[^A-Za-z0-9-]+", "_", case["case"])
        target = expected / f"{stem}.{'stdout' if name == '-' else name.removesuffix('.gz')}"
        if regenerate:
            expected.mkdir(parents=True, exist_ok=True)
            target.write_bytes(content)
            continue
        expect(target.exists(), f"there is no {target}; run.py --regenerate writes it")
        if content != target.read_bytes():
            made = folder / "made.txt"
            made.write_bytes(content)
            difference = subprocess.run(["diff", "-u", target, made], capture_output=True, text=True).stdout
            raise Failure(f"{name} differs from {target}:\n{difference[:3000]}")


def run_case(case, folder, expected, environment, regenerate):
    for command in case["setup"]:
        result = shell(command, folder, environment)
        expect(result.returncode == 0, f"setup failed: {command}\n{result.stderr.decode(errors='replace')}")
    before = {name: (folder / name).read_bytes() for name in case["same"]}
    stdin = case.get("stdin", "").encode().decode("unicode_escape").encode("latin-1")
    result = shell(case["run"], folder, environment, stdin)
    errors = result.stderr.decode(errors="replace")
    try:
        wanted = case.get("exit", "0")
        expect(fnmatch.fnmatchcase(str(result.returncode), wanted), f"exit code {result.returncode}, not {wanted}")
        check_errors(case, result.returncode, errors)
        if "out" in case:
            glob = case["out"].encode().decode("unicode_escape")
            expect(fnmatch.fnmatchcase(result.stdout.decode(errors="replace").rstrip("\n"), glob),
                   f"standard output does not match {glob}")
        for name in case["absent"]:
            expect(not list(folder.glob(name)), f"{name} exists")
        for name, content in before.items():
            expect((folder / name).read_bytes() == content, f"{name} was changed")
        left = [path.name for path in folder.iterdir() if ".tmp" in path.name]
        expect(not left, f"temporaries are left: {left}")
        check_golden(case, folder, expected, result.stdout, regenerate)
    except Failure as failure:
        raise Failure(f"{failure}\n  command: {case['run']}\n  stderr: {errors[:2000]}") from None


def main():
    words = sys.argv[1:]
    regenerate = "--regenerate" in words
    only = "*"
    if "--only" in words:
        at = words.index("--only")
        only = words[at + 1]
        del words[at:at + 2]
    tables = [pathlib.Path(word) for word in words if word != "--regenerate"]
    source = pathlib.Path(os.environ.get("REGKIT_SOURCE", HERE.parent.parent))
    bin_folder = os.environ.get("REGKIT_BIN", str(source / "build" / "bin"))
    environment = dict(os.environ, PATH=bin_folder + ":" + os.environ["PATH"], LC_ALL="C", REGKIT_SOURCE=str(source),
                       TEST_TOOLS=str(HERE))
    passed, failed, skipped = 0, [], []
    with tempfile.TemporaryDirectory(prefix="regkit_tools_") as work:
        fixture = pathlib.Path(work) / "fixture"
        fixture.mkdir()
        made = shell(str(HERE / "fixture.sh"), fixture, environment)
        if made.returncode != 0:
            sys.exit("fixture.sh failed:\n" + made.stderr.decode(errors="replace"))
        for table in tables:
            table = table if table.is_absolute() else HERE / table
            for case in read_table(table):
                name = f"{table.stem}: {case['case']}"
                if not fnmatch.fnmatch(case["case"], only):
                    continue
                if "need" in case and shutil.which(case["need"]) is None:
                    skipped.append(f"{name} ({case['need']} is missing)")
                    continue
                folder = pathlib.Path(work) / "case"
                shutil.copytree(fixture, folder)
                try:
                    run_case(case, folder, HERE / "expected" / table.stem, environment, regenerate)
                    passed += 1
                except (Failure, subprocess.TimeoutExpired) as failure:
                    failed.append(name)
                    print(f"FAILED {name}: {failure}")
                shutil.rmtree(folder)
    for name in skipped:
        print(f"SKIPPED {name}")
    print(f"{passed} passed, {len(failed)} failed, {len(skipped)} skipped")
    if failed or passed == 0:
        return 1
    return 77 if skipped else 0


if __name__ == "__main__":
    sys.exit(main())
