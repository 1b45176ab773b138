#!/usr/bin/env python3
"""examples/snakemake: the workflow runs, once; training that was stopped and a shard that was killed go on; the merged tracks are
those of one run; through `module` the same rules give the same tracks. With REGKIT_SLOW also on the data of the demo."""
import gzip
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
import tools
from tools import check, read, write

SNAKEMAKE = os.environ.get("SNAKEMAKE") or shutil.which("snakemake")
if SNAKEMAKE is None:
    print("SKIPPED: needs snakemake")
    sys.exit(77)

BIN = os.path.abspath(tools.BIN)
SOURCE = pathlib.Path(os.environ["REGKIT_SOURCE"]).resolve()
HERE = pathlib.Path(__file__).resolve().parent
SNAKEFILE = SOURCE / "examples/snakemake/workflow/Snakefile"
CALL = "--cutoff 0.2 --raw --tile 1000 --resolution 10"
CONFIG = {
    "fasta": "data/ref.fa",
    "sheet": "data/sheet.tsv",
    "variants": {"small": "data/in.vcf"},
    "architecture": "data/tiny.json",
    "shards": 3,
    "regds_build": "--window 5000 --valid chr1:1-10000 --test chr2:1-30000",
    "regtrain": "--steps 1200 --batch 2 --lr 0.01 --valid-every 600",
    "regcall": CALL,
}
RULES = {"regds_build": 1, "regtrain": 1, "regeval": 1, "regcall_shard": 3, "regcall_merge": 1, "regsnp": 1, "all": 1}


def snakemake(*args, code=0, snakefile=SNAKEFILE, path=BIN):
    done = subprocess.run([SNAKEMAKE, "-s", snakefile, "--configfile", "config.yaml", "--cores", "2", *map(str, args)], text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=1500,
                          env={**os.environ, "PATH": f"{path}:{os.environ['PATH']}"})
    logs = "".join(f"\n{log}:\n{log.read_text()}" for log in pathlib.Path(".").glob("**/logs/**/*.log"))
    assert done.returncode == code, f"{args}: {done.returncode}\n{done.stdout}{logs}"
    return done.stdout


def planned(text):
    """Of a dry run: how many jobs each rule has."""
    table = re.search(r"^job .*\n[- ]+\n((?:\S+ +\d+.*\n)+)", text, re.MULTILINE)
    return {row.split()[0]: int(row.split()[1]) for row in table[1].splitlines() if not row.startswith("total")} if table else {}


def without_header(path):
    return [line for line in gzip.decompress(read(path)).splitlines() if not line.startswith(b"##")]


def check_tracks(folder, call, config):
    """Against one run of regcall, without shards."""
    tools.run("regcall", "-m", "results/model.safetensors", "-f", config["fasta"], *call.split(), "--parents", "-o",
              "whole/sites.narrowPeak.gz", "-o", "whole/{marker}.bw", folder=BIN)
    made = sorted(p.name for p in pathlib.Path(folder).iterdir())
    check(made == sorted(p.name for p in pathlib.Path("whole").iterdir()), f"{folder}: {made}")
    tracks = [name for name in made if name.endswith(".bw")]
    check(len(tracks) >= 2 and all(read(f"{folder}/{name}") == read(f"whole/{name}") for name in tracks), f"{folder}: {tracks}")
    sites = without_header(f"{folder}/sites.narrowPeak.gz")
    check(len(sites) > 50 and sites == without_header("whole/sites.narrowPeak.gz"), f"{folder}: {len(sites)} sites")
    shutil.rmtree("whole")


def disturbed():
    """A PATH of tools of which regtrain is stopped once, and the second shard killed once, in the middle of their work."""
    folder = pathlib.Path("disturbed").resolve()
    folder.mkdir()
    part, pattern = "results/parts/2-of-3.part", r"results\/parts\/2-of-3.part"
    scripts = {"regtrain": """
regtrain "$@" & job=$!
until [[ -e results/model.safetensors.part ]]; do sleep 0.01; done
kill -TERM $job; wait $job""", "regcall": f"""
regcall "${{@/#{pattern}/$folder/part}}" && head -c $(($(stat -c %s "$folder/part") / 2)) "$folder/part" > {part}.unfinished
kill -KILL $$"""}
    for name, script in scripts.items():
        first = '"$*" == *2/3*' if name == "regcall" else "1"
        write(folder / name, f"""#!/bin/bash
folder='{folder}' PATH='{BIN}':$PATH
[[ {first} ]] && mkdir "$folder/{name}.once" 2> /dev/null || exec {name} "$@"{script}
""")
        (folder / name).chmod(0o755)
    return f"{folder}:{BIN}"


def test_run():
    write("config.yaml", json.dumps(CONFIG))
    lints = re.findall(r"^ +\* (.*):$", snakemake("--lint", code=1), re.MULTILINE)
    check(lints == ["Specify a conda environment or container for each rule."] * 6, f"lint: {lints}")
    text = snakemake("-n")
    check(planned(text) == RULES and not os.path.exists("results"), text)
    text = snakemake(path=disturbed())
    check("Trying to restart job" in text, text)
    log = pathlib.Path("results/logs/regtrain.log").read_text()
    check(re.search(r"goes on|resum", log), log)
    log = pathlib.Path("results/logs/regcall_shard/2-of-3.log").read_text()
    check("goes on behind" in log, log)
    check(not list(pathlib.Path("results").glob("**/*part*/*")), "parts stay")
    check_tracks("results/tracks", CALL, CONFIG)
    check(read("results/metrics.tsv").count(b"\n") >= 5 and gzip.decompress(read("results/curves.tsv.gz")), "metrics")
    check(b"REG_MAX=" in gzip.decompress(read("results/variants/small.vcf.gz")), "variants")
    text = snakemake()
    check("Nothing to be done" in text, text)


def test_changes():
    """What follows from a change is made anew, and nothing else."""
    write("config.yaml", json.dumps({**CONFIG, "shards": 2}))
    check(planned(snakemake("-n")) == {"regcall_shard": 2, "regcall_merge": 1, "all": 1}, "other shards")
    write("config.yaml", json.dumps({**CONFIG, "regsnp": "--span 50"}))
    check(planned(snakemake("-n")) == {"regsnp": 1, "all": 1}, "another option")
    write("config.yaml", json.dumps(CONFIG))
    peaks = read("data/a.narrowPeak.gz")
    pathlib.Path("data/a.narrowPeak.gz").write_bytes(gzip.compress(gzip.decompress(peaks).replace(b"peak7", b"another")))
    text = snakemake("-n")
    check(planned(text) == RULES, text)
    pathlib.Path("data/a.narrowPeak.gz").write_bytes(peaks)
    for wrong in ({"shards": 0}, {"fasta": 3}, {"regcal": ""}):
        write("config.yaml", json.dumps({**CONFIG, **wrong}))
        text = snakemake("-n", code=1)
        check("Error validating config file" in text and next(iter(wrong)) in text, text)


def test_module():
    """Two of them in one workflow, with rules of its own before and behind."""
    write("config.yaml", json.dumps({"regkit": {**CONFIG, "variants": {"made": "data/made.vcf"}}}))
    write("Snakefile", f"""
module regkit:
    snakefile: "{SNAKEFILE}"
    config: config["regkit"]
    replace_prefix: {{"results/": "module/one/"}}

use rule * from regkit as regkit_*

use rule regtrain from regkit as regkit_regtrain with:
    threads: 1

rule variants:
    output: "data/made.vcf"
    shell: "cp data/in.vcf {{output}}"

rule count:
    default_target: True
    input: sites=rules.regkit_regcall_merge.output.sites, scores="module/one/variants/made.vcf.gz"
    output: "module/count"
    shell: "zcat {{input.sites}} | grep -vc '^#' > {{output}}"
""")
    snakemake(snakefile="Snakefile")
    check(sorted(os.listdir("module")) == ["count", "one"], f"{os.listdir('module')}")
    check_tracks("module/one/tracks", CALL, CONFIG)
    check(int(read("module/count")) == len(without_header("results/tracks/sites.narrowPeak.gz")), "sites of the module")


def test_demo():
    """Human chromosome 20: a short training, and the tracks of the region that the demo shows."""
    subprocess.run([SOURCE / "examples/demo/demo.sh", "--data", "data"], check=True, env={**os.environ, "REGKIT_BIN": BIN})
    call = "-r chr20:25,000,001-25,500,000 --cutoff f1"
    config = {"fasta": "data/chr20.fa", "sheet": "data/markers.tsv", "variants": {"demo": "data/variants.vcf"},
              "architecture": "cnn7", "shards": 5, "regds_build": "--valid chr20:1-8,000,000 --test chr20:8,000,001-26,300,000",
              "regtrain": "--max-time 60s --batch 4 --schedule cosine --valid-fraction 0.25", "regcall": call}
    write("config.yaml", json.dumps(config))
    snakemake()
    check_tracks("results/tracks", call, config)
    check("Nothing to be done" in snakemake(), "a second run on the demo's data")


with tempfile.TemporaryDirectory() as work:
    os.chdir(work)
    os.mkdir("data")
    subprocess.run(["bash", HERE / "fixture.sh"], cwd="data", check=True, capture_output=True,
                   env={**os.environ, "TEST_TOOLS": str(HERE), "PATH": f"{BIN}:{os.environ['PATH']}"})
    shutil.copy(HERE / "data/tiny.json", "data")
    test_run()
    test_changes()
    test_module()
    if "REGKIT_SLOW" in os.environ:
        os.mkdir("slow")
        os.chdir("slow")
        test_demo()
    os.chdir("/")
print(f"{tools.checks} checks")
