#!/usr/bin/env python3
"""The modules of examples/nextflow without Nextflow: each `script:` and `stub:` is run by bash in a folder of its own, over inputs that
are links, as Nextflow stages them, and must leave all that `output:` declares; the merged tracks are those of one run. With
REGKIT_SLOW the scripts also run on the data of the demo."""
import glob
import gzip
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import textwrap

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
import tools
from tools import check, read

BIN = os.path.abspath(tools.BIN)
HERE = pathlib.Path(__file__).resolve().parent
SOURCE = pathlib.Path(os.environ["REGKIT_SOURCE"]).resolve()
FLOW = SOURCE / "examples/nextflow"
VERSION = tools.run("regcall", "--version", folder=BIN).stdout.split()[1]


class Module:
    """One process, as far as it can be told from its text."""

    def __init__(self, path):
        text = path.read_text()
        self.name = re.match(r"process (\w+) \{", text)[1]
        check(self.name == path.parent.name.upper(), f"{path}: {self.name}")
        sections = dict(zip(*[iter(re.split(r"(?m)^    (input|output|when|script|stub):\n", text)[1:])] * 2))
        check(list(sections) == ["input", "output", "when", "script", "stub"], f"{path}: {list(sections)}")
        self.inputs = set(re.findall(r"(?:path|val)[( ](\w+)", sections["input"]))
        self.input_count = len(re.findall(r"(?m)^    (?:tuple|path|val)\b", sections["input"]))
        self.outputs = re.findall(r'path[( ]"([^"]+)"', sections["output"])
        emitted = re.findall(r"emit: (\w+)", sections["output"])
        check(len(self.outputs) == len(emitted) == len(set(emitted)) and emitted[-1] == "versions", f"{path}: {emitted}")
        self.blocks = {name: self.block(sections[name]) for name in ("script", "stub")}

    @staticmethod
    def block(section):
        """What stands between the quotes, with Groovy's escapes and Nextflow's indentation taken away; ${...} stay, as \\0{...}."""
        (text,) = re.findall(r'"""\n(.*?)"""', section, re.DOTALL)
        text = re.sub(r"\\(.)|\$(?=\{)", lambda m: m[1] or "\0", text)
        return textwrap.dedent(text.rstrip(" "))

    def run(self, block, staged, values):
        """Runs a block where `staged` (names to lists of paths) are links; `values` are the other variables. Its folder."""
        folder = pathlib.Path(tempfile.mkdtemp(prefix=f"{self.name}.{block}.", dir=".")).resolve()
        known = {"task.cpus": "2", "task.process": f"REGKIT:{self.name}", "args": "", **values}
        for name, paths in staged.items():
            for path in paths:
                (folder / os.path.basename(path)).symlink_to(os.path.abspath(path))
            known[name] = " ".join(os.path.basename(path) for path in paths)
        unknown = self.inputs - {"meta", "meta2", "meta3"} - set(known)
        check(not unknown, f"{self.name}: inputs {unknown}")

        def fill(text, sign):
            return re.sub(sign + r"\{([\w.]+)\}", lambda m: known[m[1]], text)

        script = fill(self.blocks[block], "\0")
        check("\0" not in script, script)
        done = subprocess.run(["bash", "-euo", "pipefail", "-c", script], cwd=folder, capture_output=True, text=True, timeout=1500,
                              env={**os.environ, "PATH": f"{BIN}:{os.environ['PATH']}"})
        check(done.returncode == 0, f"{self.name} {block}: {done.returncode}\n{script}\n{done.stderr}")
        links = {os.path.basename(path) for paths in staged.values() for path in paths}
        for output in self.outputs:
            pattern = fill(output, r"\$")
            choices = [pattern.replace("{tbi,csi}", ending) for ending in ("tbi", "csi")]
            found = {p for choice in choices for p in glob.glob(choice, root_dir=folder)} - links
            check(found, f"{self.name} {block}: no {pattern} in {os.listdir(folder)}")
        check(read(folder / "versions.yml").decode() == f'"REGKIT:{self.name}":\n    regkit: {VERSION}\n',
              f"{self.name}: {read(folder / 'versions.yml')}")
        return folder


MODULES = {module.name: module for module in map(Module, sorted(FLOW.glob("modules/local/*/main.nf")))}


def run_all(block, fasta, sheet, peaks, variants, architecture, args):
    """All processes, each with the outputs of those before: where tracks and variants are. `architecture`: files, and a preset."""
    reference = {"fasta": [fasta], "index": glob.glob(fasta + ".fai")}

    def run(name, prefix="toy", staged={}, **values):
        return MODULES[name].run(block, {**reference, **staged} if "fasta" in MODULES[name].inputs else staged,
                                 {"prefix": prefix, "args": args.get(name, ""), **values})

    made = run("REGDS_BUILD", staged={"sheet": [sheet], "peaks": peaks})
    dataset = {"dataset": [made / "toy.regds"]}
    spec, preset = architecture
    named = os.path.basename(spec[0]) if spec else preset
    made = run("REGTRAIN", staged={**dataset, "spec": spec}, preset=preset, architecture=named)
    model = {"model": [made / "toy.safetensors"]}
    metrics = run("REGEVAL", staged={**model, **dataset})
    parts = [run("REGCALL_SHARD", staged=model, shard=str(i), shards="3") / f"toy.{i}.part" for i in (2, 3, 1)]
    tracks = run("REGCALL_MERGE", staged={"parts": parts})
    scored = run("REGSNP", "toy.scored", staged={**model, "variants": [variants]})
    return model["model"][0], metrics, tracks, scored


def without_header(path):
    return [line for line in gzip.decompress(read(path)).splitlines() if not line.startswith(b"##")]


def check_scripts(args, fasta, *inputs):
    model, metrics, tracks, scored = run_all("script", fasta, *inputs, args)
    check(read(metrics / "toy.metrics.tsv").count(b"\n") > 4 and read(model), "metrics")
    check(b"REG_MAX=" in gzip.decompress(read(scored / "toy.scored.vcf.gz")), "variants")
    call = args["REGCALL_SHARD"].replace("-O narrowpeak -O bigwig", "").split()
    tools.run("regcall", "-m", model, "-f", fasta, *call, "--parents", "-o", "whole/toy.narrowPeak.gz", "-o", "whole/toy.{marker}.bw",
              folder=BIN)
    values = glob.glob("whole/*.bw")
    check(len(values) >= 2 and all(read(path) == read(tracks / os.path.basename(path)) for path in values), f"{values}")
    sites = without_header(tracks / "toy.narrowPeak.gz")
    check(len(sites) > 50 and sites == without_header("whole/toy.narrowPeak.gz"), f"{len(sites)} sites")


def test_text():
    """What main.nf and the configuration name is there, and they leave nothing out."""
    check(len(MODULES) == 6, f"{list(MODULES)}")
    text = (FLOW / "main.nf").read_text()
    for name, module in MODULES.items():
        check(f"from './modules/local/{name.lower()}/main'" in text and re.search(rf"^    {name}\(", text, re.MULTILINE), name)
        taken = re.search(rf"^    {name}\((.*)\)$", text, re.MULTILINE)[1]
        check(module.input_count == len(re.split(r",(?![^()]*\))", taken)), f"{name}({taken})")
    for name in re.findall(r"withName: '(\w+)'", (FLOW / "conf/modules.config").read_text()):
        check(name in MODULES, name)
    for label in re.findall(r"label '(\w+)'", "".join(p.read_text() for p in FLOW.glob("modules/local/*/main.nf"))):
        check(f"withLabel: '{label}'" in (FLOW / "conf/base.config").read_text(), label)
    declared = set(re.findall(r"(?m)^    (\w+) += ", (FLOW / "nextflow.config").read_text().split("params {")[1].split("\n}")[0]))
    used = {name for path in [FLOW / "main.nf", *FLOW.glob("conf/*")] for name in re.findall(r"params\.(\w+)", path.read_text())}
    check(used == declared, f"parameters {used ^ declared}")


def test_toy():
    os.mkdir("data")
    subprocess.run(["bash", HERE / "fixture.sh"], cwd="data", check=True, capture_output=True,
                   env={**os.environ, "TEST_TOOLS": str(HERE), "PATH": f"{BIN}:{os.environ['PATH']}"})
    args = {"REGDS_BUILD": "--window 5000 --valid chr1:1-10000 --test chr2:1-30000",
            "REGTRAIN": "--steps 600 --batch 2 --lr 0.01 --valid-every 300",
            "REGCALL_SHARD": "-O narrowpeak -O bigwig --cutoff 0.2 --raw"}
    inputs = ("data/ref.fa", "data/sheet.tsv", ["data/a.narrowPeak.gz", "data/b.bed"], "data/in.vcf", ([HERE / "data/tiny.json"], ""))
    run_all("stub", *inputs, {})
    check_scripts(args, *inputs)


def test_demo():
    """Human chromosome 20: a short training, and the tracks of the region that the demo shows."""
    subprocess.run([SOURCE / "examples/demo/demo.sh", "--data", "data"], check=True, env={**os.environ, "REGKIT_BIN": BIN})
    args = {"REGDS_BUILD": "--valid chr20:1-8,000,000 --test chr20:8,000,001-26,300,000",
            "REGTRAIN": "--max-time 60s --batch 4 --schedule cosine --valid-fraction 0.25",
            "REGCALL_SHARD": "-O narrowpeak -O bigwig -r chr20:25,000,001-25,500,000 --cutoff f1"}
    check_scripts(args, "data/chr20.fa", "data/markers.tsv", sorted(glob.glob("data/*.bed")), "data/variants.vcf", ([], "cnn7"))


with tempfile.TemporaryDirectory() as work:
    os.chdir(work)
    test_text()
    test_toy()
    if "REGKIT_SLOW" in os.environ:
        os.mkdir("slow")
        os.chdir("slow")
        test_demo()
    os.chdir("/")
print(f"{tools.checks} checks")
