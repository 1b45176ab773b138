#!/usr/bin/env python3
"""Bad values of every option of every tool, found in its own table: the right exit code, one line that names the option or what it was
given, and nothing new in the folder. An option without a value that is refused here fails the test: BAD wants one.
    bad_options.py TOOL..."""
import concurrent.futures
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

SOURCE = pathlib.Path(os.environ.get("REGKIT_SOURCE", pathlib.Path(__file__).resolve().parents[2]))
BIN = pathlib.Path(os.environ.get("REGKIT_BIN", SOURCE / "build" / "bin"))
ENVIRONMENT = dict(os.environ, PATH=f"{BIN}:{os.environ['PATH']}", LC_ALL="C", TEST_TOOLS=str(SOURCE / "test" / "tools"))

# Commands that end well, of which one option at a time is made bad.
GOOD = {
    "regds-build": "-f ref.fa -o new.regds --window 5000 b.bed",
    "regtrain": "-d small.regds -a tiny.json -o new.safetensors --steps 1",
    "regeval": "-m model.safetensors -d small.regds -o new.tsv --bootstrap 0",
    "regcall": "-m model.safetensors -f ref.fa -r chr1:1-500 -o new.bed",
    "regcall merge": "-o new.bed one.part",
    "regsnp": "-m model.safetensors -f ref.fa -o new.vcf in.vcf",
    "regsnp merge": "-o new.vcf part.vcf",
    "regsnp check": "-f ref.fa in.vcf",
    "regsnp ism": "-m model.safetensors -f ref.fa -r chr1:100-102 -o new.tsv",
    "regsnp grad": "-m model.safetensors -f ref.fa -r chr1:100-102 -o new.tsv",
    "regsnp motifs": "-m model.safetensors -f ref.fa -r chr1:20001-21000 -o new.meme",
    "regsnp random": "-m model.safetensors -f ref.fa -r chr1:100-102 -n 2 -o new.vcf",
    "regsnp background": "-m model.safetensors -f ref.fa -r chr1:100-102 -n 2 -o new.tsv",
    "regmodel": "model.safetensors",
    "regplot": "training -o new.svg small.log.tsv",
}
# Words that go with an option instead of the command's arguments, so that it is looked at.
WITH = {("regds-build", "sheet"): "-f ref.fa -o new.regds", ("regds-build", "split-block"): "-f ref.fa -o new.regds --split random:1,0,0 b.bed",
        ("regeval", "motifs"): "-m model.safetensors -d small.regds -o new.tsv --bootstrap 0 --baselines",
        **{("regsnp grad", name): "-m model.safetensors -f ref.fa -r chr1:100-102 -o new.tsv --method integrated" for name in ("steps", "seed", "baseline")},
        **{("regsnp grad", name): "-m model.safetensors -f ref.fa -r chr1:100-102 -o new.bed" for name in ("bin", "top")},
        **{("regsnp motifs", name): "-m model.safetensors -f ref.fa -r chr1:20001-21000 -o new.meme --method integrated" for name in ("steps", "baseline")},
        ("regsnp background", "from"): "-m model.safetensors -f ref.fa -o new.tsv",
        ("regsnp", "region"): "-m model.safetensors -f ref.fa -o new.vcf indexed.vcf.gz",
        ("regsnp", "regions-file"): "-m model.safetensors -f ref.fa -o new.vcf indexed.vcf.gz",
        ("regsnp", "shard"): "-m model.safetensors -f ref.fa -o new.vcf indexed.vcf.gz",
        ("regsnp check", "region"): "-f ref.fa indexed.vcf.gz", ("regsnp check", "regions-file"): "-f ref.fa indexed.vcf.gz",
        ("regcall", "over-output"): "-m model.safetensors -f ref.fa -r chr1:1-500 -o new.bed --over b.bed",
        ("regcall", "shard"): "-m model.safetensors -f ref.fa -O bed -o new.part", ("regcall merge", "hub"): "--genome hg19 one.part",
        ("regcall", "hub"): "-m model.safetensors -f ref.fa -r chr1:1-500 --genome hg19",
        ("regcall", "resolution"): "-m model.safetensors -f ref.fa -r chr1:1-500 -k open.K562 -o new.bw"}

# Bad values, with the exit code if it is not 2. NONSENSE is no number, no choice and no name of anything.
NONSENSE = "nonsense!"
FILE_IN = {"missing": 1, "nowhere/missing": 1}
FASTA = {**FILE_IN, "b.bed": 3, "model.safetensors": 3}
BED = {**FILE_IN, "ref.fa": 3}
REGION = {"chr1:0-5": 2, "chr1:9-5": 2, "chr9": 4}
FILE_OUT = {"nowhere/new.bed": 1, "ref.fa/new.bed": 1, "small.regds/": 2}
REAL = {NONSENSE: 2, "-1": 2, "nan": 2}
WHOLE = {**REAL, "1.5": 2, "9999999999999999999999": 2}
BAD = {
    "fasta": FASTA, "model": {**FILE_IN, "ref.fa": 3}, "dataset": {**FILE_IN, "ref.fa": 3}, "sheet": {**FILE_IN, "ref.fa": 3},
    "regions-file": BED, "mask": BED, "exclude": BED, "by": BED, "over": BED,
    "motifs": {**FILE_IN, "ref.fa": 3}, "targets-file": FILE_IN, "alias": FILE_IN,
    "region": REGION, "train": REGION, "valid": REGION, "test": REGION, "targets": REGION,
    "markers": {NONSENSE: 2, "open.K562,,CTCF.K562": 2}, "class": {"other=TFBS": 2, "=TFBS": 2, "b=": 2},
    "output": FILE_OUT, "curves": FILE_OUT, "calibrate": FILE_OUT, "matrix": FILE_OUT, "igv": FILE_OUT,
    "over-output": FILE_OUT, "shard": {NONSENSE: 2, "0/3": 2, "4/3": 2, "1": 2, "1/": 2},
    "hub": {"ref.fa": 1, "{marker}": 2}, "genome": {"h/g": 2},
    "architecture": {NONSENSE: 2, "missing.json": 1, "ref.fa": 3}, "describe": {NONSENSE: 2, "missing.json": 1},
    "cutoff": {NONSENSE: 2, "fdr:2": 2, "other=0.5": 2}, "keep-if": {NONSENSE: 2, "class:other": 2},
    "split": {NONSENSE: 2, "random:1": 2, "random:1,1,1": 2},
}
for name in ("min-overlap", "max-n", "max-mask", "dropout", "warmup", "valid-fraction"):
    BAD[name] = {**REAL, "1.5": 2}
for name in ("epochs", "lr", "clip", "pos-weight"):
    BAD[name] = REAL
for name in ("window", "label-bin", "split-block", "seed", "threads", "verbosity", "tile", "min-length", "merge-gap", "resolution", "round",
             "span", "top", "width", "deletions", "count", "verify", "bootstrap", "marker-count", "steps", "batch", "valid-every", "patience", "log-every"):
    BAD[name] = WHOLE
BAD["dpi"] = BAD["width"] = {**REAL, "0": 2, "1e9": 2}
BAD["title"] = {"two\nlines": 2}
for name in ("max-time", "checkpoint-every", "dist-timeout"):
    BAD[name] = {NONSENSE: 2, "-5m": 2, "10x": 2}
for name in ("label-bins", "target", "missing-contig", "blocks", "window-mode", "output-format", "values", "device", "precision", "isa",
             "progress", "ref-mismatch", "phases", "schedule", "completion"):
    BAD[name] = {NONSENSE: 2}
BAD["output", "regds-build"] = {"nowhere/new.regds": 1, "ref.fa": 1, "small.regds": 1, "small.regds/": 1, "-": 2}
BAD["targets-file", "regsnp"] = BAD["targets-file", "regsnp check"] = {**FILE_IN, "^missing": 1}
BAD["split", "regeval"] = {NONSENSE: 2}
BAD["output", "regeval"] = BAD["curves", "regeval"] = {**FILE_OUT, "small.regds/new.bed": 2}
BAD["output", "regcall"] = {**FILE_OUT, "new.unknown": 2, "{other}.bed": 2, "new.bw.gz": 2}
BAD["output", "regsnp"] = BAD["output", "regsnp merge"] = BAD["output", "regsnp random"] = {**FILE_OUT, "new.unknown": 2}
BAD["output", "regplot"] = {"nowhere/new.svg": 1, "ref.fa/new.svg": 1, "small.regds/": 2, "new.bed": 2}
BAD["output-format", "regplot"] = {NONSENSE: 2, "bed": 2}
BAD["output", "regcall merge"] = BAD["output", "regcall"]
BAD["output-format", "regcall"] = BAD["output-format", "regcall merge"] = {NONSENSE: 2, "bw.gz": 2, "vcf": 2, ".bed": 2}
BAD["output-format", "regsnp ism"] = {NONSENSE: 2, "bed": 2, "bw.gz": 2, "npz.gz": 2}
BAD["target", "regsnp"] = BED
BAD["target", "regsnp ism"] = {**REGION, "chr1:1-50,chr1:60-70": 2}
BAD["sample", "regsnp"] = {NONSENSE: 2}
BAD["background", "regsnp"] = {**FILE_IN, "in.vcf": 3}
BAD["from", "regsnp background"] = {**FILE_IN, "ref.fa": 3}
BAD["output", "regsnp background"] = FILE_OUT
BAD["output-format", "regsnp grad"] = {NONSENSE: 2, "vcf": 2, "bw.gz": 2, "npz.gz": 2}
BAD["target", "regsnp grad"] = BAD["target", "regsnp ism"]
BAD["method", "regsnp grad"] = {NONSENSE: 2}
BAD["baseline", "regsnp grad"] = {NONSENSE: 2, "shuffled:": 2, "shuffled:0": 2, "shuffled:1.5": 2}
BAD["method", "regsnp motifs"], BAD["baseline", "regsnp motifs"] = BAD["method", "regsnp grad"], BAD["baseline", "regsnp grad"]
BAD["sites", "regsnp motifs"] = FILE_OUT
BAD["min-seqlets", "regsnp motifs"] = {**WHOLE, "1": 2}
BAD["bin", "regsnp grad"] = WHOLE
BAD["output", "regsnp grad"] = {**FILE_OUT, "new.unknown": 2, "{other}.tsv": 2}
BAD["output", "regsnp ism"] = {**FILE_OUT, "new.unknown": 2, "{other}.tsv": 2}
BAD["output-format", "regsnp"] = BAD["output-format", "regsnp merge"] = BAD["output-format", "regsnp random"] = {NONSENSE: 2, "bed": 2, "vcf.": 2, "bcf.gz": 2}

failures = []


def check(good, what):
    if not good:
        failures.append(what)
        print("FAILED:", what)


def run(words, folder):
    return subprocess.run(words, cwd=folder, env=ENVIRONMENT, capture_output=True, text=True, errors="replace", timeout=300,
                          stdin=subprocess.DEVNULL)


def options_of(tool, folder):
    """(long name, letter, takes a value, repeatable) of the tool's table, as its man page has it."""
    text = run([*tool.split(), "--help-man"], folder).stdout
    for entry in re.split(r"^\.It ", text, flags=re.M)[1:]:
        head, _, help_text = entry.partition("\n")
        names = re.findall(r"Fl (\S+)", head)
        yield names[-1][1:], names[0] if len(names) > 1 else "", "Ar " in head, "repeatable" in " ".join(help_text.split())


def without(words, name, letter):
    """The command's words less an option and its value."""
    kept, skip = [], False
    for word in words:
        if skip:
            skip = False
        elif word in (f"--{name}", f"-{letter}"):
            skip = True
        else:
            kept.append(word)
    return kept


def attempts(tool, folder):
    """(words, exit codes, what the message names)."""
    for name, letter, has_value, repeatable in options_of(tool, folder):
        words = without(WITH.get((tool, name), GOOD[tool]).split(), name, letter)
        quiet = [] if name == "verbosity" else ["--verbosity", "1"]
        option = f"--{name}"
        named = [option, f"-{letter} " if letter else option]
        if not has_value:
            yield [*tool.split(), option + "=x", *words, *quiet], 2, named
            continue
        yield [*tool.split(), option, "", *words, *quiet], 2, named
        yield [*tool.split(), *words, *quiet, option], 2, named
        if not repeatable:
            yield [*tool.split(), option, "1", option, "1", *words, *quiet], 2, named
        values = BAD.get((name, tool), BAD.get(name))
        check(values, f"{tool} {option}: BAD has no value that is refused")
        for value, code in (values or {}).items():
            yield [*tool.split(), *words, *quiet, option, value], code, [*named, value.lstrip("^").rstrip("/"), re.sub(r"/.*", "", value)]


def attempt(folder, words, code, named):
    done = run(words, folder)
    command = " ".join(word or "''" for word in words)
    lines = done.stderr.splitlines()
    check(done.returncode == code, f"{command}: exit {done.returncode}, not {code}: {done.stderr.strip()[:300]}")
    check(len(lines) == 1 and lines[0].startswith(words[0] + ": "), f"{command}: says {done.stderr[:300]!r}")
    check(any(name in done.stderr for name in named), f"{command}: does not name the option: {done.stderr.strip()[:300]}")


def main():
    if not sys.argv[1:]:
        sys.exit(__doc__)
    check(set(sys.argv[1:]) <= set(GOOD), "a tool has no command in GOOD")
    count = 0
    for tool in (command for command in GOOD if command.split()[0] in sys.argv[1:]):
        with tempfile.TemporaryDirectory(prefix="regkit_options_") as work:
            folder = pathlib.Path(work)
            made = run([str(SOURCE / "test" / "tools" / "fixture.sh")], folder)
            check(made.returncode == 0, f"fixture.sh: {made.stderr}")
            (folder / "tiny.json").write_bytes((SOURCE / "test" / "tools" / "data" / "tiny.json").read_bytes())
            made = run(["regsnp", *GOOD["regsnp"].split(), "--output-format", "vcf.gz", "--write-index"], folder)
            check(made.returncode == 0, f"an index: {made.stderr}")
            for ending in ("", ".tbi"):
                (folder / f"new.vcf{ending}").rename(folder / f"indexed.vcf.gz{ending}")
            made = run(["regsnp", *GOOD["regsnp"].replace("new.vcf in.vcf", "part.vcf indexed.vcf.gz").split(), "--shard", "1/1"], folder)
            check(made.returncode == 0, f"a part: {made.stderr}")
            made = run(["regcall", *"-m model.safetensors -f ref.fa -O bed -O bigwig -o one.part --shard 1/1".split()], folder)
            check(made.returncode == 0, f"a part: {made.stderr}")
            (folder / "small.log.tsv").write_text("step\tepoch\tloss\tgrad_norm\tlr\tvalid_loss\n1\t0.1\t0.5\t1\t0.01\t0.4\n")
            done = run([*tool.split(), *GOOD[tool].split()], folder)
            if tool == "regplot" and "is not installed" in done.stderr:
                print("regplot not looked at:", done.stderr.strip())
                continue
            check(done.returncode == 0, f"{tool} {GOOD[tool]}: exit {done.returncode}: {done.stderr}")
            for path in list(folder.glob("new*")):
                shutil.rmtree(path) if path.is_dir() else path.unlink()
            before = sorted(path.name for path in folder.rglob("*"))
            # Two trainings with one output would be told of each other.
            with concurrent.futures.ThreadPoolExecutor(1 if tool == "regtrain" else os.cpu_count()) as pool:
                waiting = [pool.submit(attempt, folder, *each) for each in attempts(tool, folder)]
                for each in waiting:
                    each.result()
                count += len(waiting)
            after = sorted(path.name for path in folder.rglob("*"))
            check(before == after, f"{tool}: the folder had {before} and has {after}")
    check(count > 30 * len(sys.argv[1:]), f"only {count} attempts")
    print(f"{count} bad values:", f"{len(failures)} failures" if failures else "all refused")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
