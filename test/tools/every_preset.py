#!/usr/bin/env python3
"""Every preset end to end on a tiny genome with three markers of classes of its own: regds-build, regtrain, --resume,
regeval, regcall and regsnp. Resumed training gives the same tensors; no output depends on -@ or regions; a substitution's
effect is the difference of what regcall --raw gives for the genome with and without it. Presets of more than 200,000 parameters
run with at most 32 filters a layer: the same layers and shapes in less time."""
import json
import math
import os
import random
import struct
import sys
import tempfile
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
import tools
from tools import check, metadata, read, run, write

SOURCE = os.environ.get("REGKIT_SOURCE", ".")
MODELS = os.path.join(SOURCE, "examples/models")
LENGTHS = {"I": 40960, "II": 24576}
MARKERS = {"swi": "remodeller", "gal4": "activator", "atac": "open"}
VARIANT = 14500  # 0-based, on II: the middle of a bin of 200 bases and of a window of 1000
MOST = 200_000   # parameters of a preset that runs as it is; of larger ones layers have at most
FILTERS = 32


def fasta(path, contigs):
    write(path, "".join(f">{name}\n" + "".join(bases[i:i + 60] + "\n" for i in range(0, len(bases), 60))
                        for name, bases in contigs.items()))


def make_genome():
    rng = random.Random(11)
    contigs = {name: [rng.choice("ACGT") for _ in range(length)] for name, length in LENGTHS.items()}
    contigs["II"][2000:2300] = "N" * 300
    contigs = {name: "".join(bases) for name, bases in contigs.items()}
    fasta("ref.fa", contigs)
    fasta("short.fa", {"III": contigs["I"][:6033], "IV": contigs["II"][:700]})
    ref = contigs["II"][VARIANT]
    alt = "C" if ref != "C" else "G"
    mutated = dict(contigs, II=contigs["II"][:VARIANT] + alt + contigs["II"][VARIANT + 1:])
    fasta("alt.fa", mutated)
    anchor = contigs["II"][9999]
    write("in.vcf", "##fileformat=VCFv4.2\n##contig=<ID=I>\n##contig=<ID=II>\n#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\n"
          f"II\t10000\t.\t{anchor}\t{anchor}GATTACA\t.\t.\t.\nII\t{VARIANT + 1}\t.\t{ref}\t{alt}\t.\t.\t.\n")
    for target, end in (("peaks", "bed"), ("coverage", "bedGraph")):
        write(f"{target}.tsv", "name\tclass\tpeaks\n" + "".join(f"{m}\t{c}\t{m}.{end}\n" for m, c in MARKERS.items()))
    for m, marker in enumerate(MARKERS):
        bed, graph = [], []
        for name, length in LENGTHS.items():
            for at in range(100 + 60 * m, length - 400, 700 + 90 * m):
                bed.append(f"{name}\t{at}\t{at + 250}\n")
                graph.append(f"{name}\t{at}\t{at + 250}\t{rng.uniform(0.5, 6):.3f}\n")
        write(f"{marker}.bed", "".join(bed))
        write(f"{marker}.bedGraph", "".join(graph))


def data_set(task, window):
    """Built once for each task and window."""
    name = f"{task}.{window}.regds"
    if not os.path.isdir(name):
        how = {"nucleotide": [], "bin": ["--label-bin", 200], "coverage": ["--label-bin", 128]}[task]
        run("regds-build", "-f", "ref.fa", "--sheet", "coverage.tsv" if task == "coverage" else "peaks.tsv", "--target", task,
            "--window", window, "--valid", "I:1-8192", "--test", "II", "-o", name, *how)
    return name


def shrunk(spec):
    for layer in spec["layers"]:
        if layer.get("filters", 0) > FILTERS:
            layer["filters"] = FILTERS
    return spec


def tensors(path):
    blob = read(path)
    (size,) = struct.unpack("<Q", blob[:8])
    header = json.loads(blob[8:8 + size])
    metadata = header.pop("__metadata__")
    return header, blob[8 + size:], metadata


def values(fasta_path, model, *more):
    """What regcall says of contig II around the variant: {marker: {start of a cell: value}}, and the size of a cell."""
    found = {}
    run("regcall", "-m", model, "-f", fasta_path, "-r", "II:12001-17000", "-o", "v.{marker}.bedGraph", "--round", 7, "--raw", *more)
    for marker in MARKERS:
        cells = found[marker] = {}
        for line in read(f"v.{marker}.bedGraph").decode().splitlines():
            if not line.startswith("#"):
                _, begin, end, value = line.split("\t")
                for base in range(int(begin), int(end)):
                    cells[base] = float(value)
    return found


def train(name, architecture, data):
    """A run in one go and one that is stopped half-way and resumed end alike."""
    common = ["-d", data, "-a", architecture, "--batch", 4, "--valid-every", 3, "--lr", 0.01, "--rc-augment", "--seed", 2]
    run("regtrain", *common, "--steps", 6, "-@", 2, "-o", f"{name}.safetensors")
    run("regtrain", *common, "--steps", 3, "-@", 1, "--keep-checkpoints", "-o", f"{name}.again.safetensors")
    done = run("regtrain", *common, "--steps", 6, "-@", 1, "--resume", "-o", f"{name}.again.safetensors")
    check("resuming at step 3" in done.stderr, done.stderr)
    whole, resumed = tensors(f"{name}.safetensors"), tensors(f"{name}.again.safetensors")
    check(whole[:2] == resumed[:2], f"{name}: resumed training gives other tensors")
    check(("regkit.layout" in whole[2]) == ("nucleotide" not in data), f"{name}: layout in the file")
    return f"{name}.safetensors"


def evaluate(name, model, data, coverage):
    table = run("regeval", "-m", model, "-d", data, "-@", 1).stdout
    check(table == run("regeval", "-m", model, "-d", data, "-@", 2).stdout, f"{name}: regeval depends on -@")
    lines = [line.split("\t") for line in table.splitlines()]
    of_classes = ["mean", "median"]
    check([l[1] for l in lines[1:]] == list(MARKERS) + [row for row in of_classes for _ in MARKERS], table)
    check([l[2] for l in lines[1:]] == list(MARKERS.values()) * (1 + len(of_classes)), table)
    check(("pearson_r" in lines[0]) == coverage and ("roc_auc" in lines[0]) != coverage, table)
    check(all("nan" not in l for l in lines), table)


def loud(name, architecture):
    """A model of the same architecture whose outputs vary more than after a few steps: weights as drawn, times a gain."""
    spec = architecture if architecture.endswith(".json") else os.path.join(MODELS, architecture + ".json")
    text = read(spec).decode()
    # Norms, sums and the larger weights of he amplify by themselves.
    gain = 1 if '"add"' in text or '"init": "he"' in text else 1.5 if '"norm": true' in text else 2.4
    run("random_model", f"{name}.loud.safetensors", spec, gain, "I:40960", *(f"{m}={c}" for m, c in MARKERS.items()))
    return f"{name}.loud.safetensors"


def logit(p):
    return math.inf if p >= 1 else -math.inf if p <= 0 else math.log(p / (1 - p))


def change_of_logit(ref, alt):
    """What the magnitude of a change of logit is at least and at most, of probabilities that were printed with 7 decimals."""
    least, most = logit(alt - 1.5e-7) - logit(ref + 1.5e-7), logit(alt + 1.5e-7) - logit(ref - 1.5e-7)
    return max(0, least, -most), max(-least, most)


def call_and_score(name, model, task):
    reference = values("ref.fa", model, "-@", 2)
    check(reference == values("ref.fa", model, "-@", 1, "--tile", 700), f"{name}: regcall depends on -@ or --tile")
    # A region that begins and ends somewhere is widened to whole cells with the same values.
    run("regcall", "-m", model, "-f", "ref.fa", "-r", "II:14033-14999", "-k", "gal4", "-o", "r.bedGraph", "--round", 7, "--raw")
    for line in read("r.bedGraph").decode().splitlines():
        if not line.startswith("#"):
            _, begin, end, value = line.split("\t")
            check(all(reference["gal4"][b] == float(value) for b in range(int(begin), int(end))), f"{name}: region {line}")
    cutoff = max(0, sorted(reference["swi"].values())[-50] - 2e-6)
    peaks = run("regcall", "-m", model, "-f", "ref.fa", "-r", "II:12001-17000", "-k", "swi", "-c", cutoff, "--raw", "-O", "bed",
                "--no-version").stdout
    covered = {b for line in peaks.splitlines() for b in range(*map(int, line.split("\t")[1:3]))}
    # Rounding may move a value across the cutoff.
    sure = {b for b, v in reference["swi"].items() if v > cutoff + 1e-6}
    perhaps = {b for b, v in reference["swi"].items() if v >= cutoff - 1e-6}
    check(sure <= covered <= perhaps and covered, f"{name}: intervals and values differ")
    # A stream gives the same bytes as the file by its index, both strands too.
    common = ["-m", model, "-k", "swi", "-O", "bedgraph", "--round", 7, "--no-version", "--rc-average"]
    whole = run("regcall", *common, "-f", "short.fa", "-@", 2).stdout
    check(whole.count("\n") > 1 and "\nIV\t0\t" in whole, f"{name}: {whole}")
    check(whole == run("regcall", *common, "--tile", 900, "-@", 1, "short.fa").stdout, f"{name}: a stream differs")
    if task == "coverage":
        refused = run("regcall", "-m", model, "-f", "ref.fa", "-o", "v.{marker}.bw", "--values", "8bit", code=2).stderr
        check("the model predicts coverage" in refused, refused)
    else:
        coded = values("ref.fa", model, "--values", "8bit")
        check(all(coded[m].keys() == reference[m].keys() for m in MARKERS), f"{name}: positions with --values 8bit")
        errors = [abs(coded[m][b] - v) for m in MARKERS for b, v in reference[m].items()]
        check(0 < max(errors) <= 1 / 64 + 1e-6, f"{name}: --values 8bit is off by {max(errors)}")
    bigwig = run("regcall", "-m", model, "-f", "ref.fa", "-r", "II", "-o", "{marker}.bw")
    check(os.path.getsize("swi.bw") > 300, bigwig.stderr)

    mutated = values("alt.fa", model)
    span = 400
    out = run("regsnp", "-m", model, "-f", "ref.fa", "--span", span, "--no-version", "-@", 1, "in.vcf").stdout
    check(out == run("regsnp", "-m", model, "-f", "ref.fa", "--span", span, "--no-version", "-@", 2, "in.vcf").stdout,
          f"{name}: regsnp depends on -@")
    records = [line.split("\t")[7] for line in out.splitlines() if not line.startswith("#")]
    scored = [dict(field.split("=") for field in info.split(";")) for info in records]
    check(all(r["REG_MAX"] != "." for r in scored), f"{name}: {records}")
    word = "coverage" if task == "coverage" else "logit"
    check(any(word in line for line in out.splitlines() if "ID=REG_MAX" in line), f"{name}: description of REG_MAX")
    for marker, group in MARKERS.items():
        pairs = [(reference[marker][b], mutated[marker][b]) for b in range(VARIANT - span, VARIANT + span + 1)]
        told = abs(float(scored[1]["REG_D_" + group]))
        if task == "coverage":
            least = most = max(abs(alt - ref) for ref, alt in pairs)
            least, most = least - 1e-6, most + 1e-6
        else:
            least, most = (max(bounds) for bounds in zip(*(change_of_logit(*pair) for pair in pairs)))
        check(least * (1 - 1e-5) <= told <= most * (1 + 1e-5), f"{name} {marker}: {told}, expected {least} to {most}")
        if scored[1]["REG_MARKER"] == marker and "regkit.calls" not in metadata(model):  # else calibrated, and these are --raw
            place = VARIANT + int(scored[1]["REG_POS"])
            for key, of in (("REG_REF", reference), ("REG_ALT", mutated)):
                value = of[marker][place]
                check(abs(float(scored[1][key]) - value) <= 1e-6 + 1e-5 * abs(value), f"{name} {marker} {key}: {scored[1][key]}, not {value}")
    return float(scored[1]["REG_MAX"])


def main():
    with tempfile.TemporaryDirectory() as scratch:
        os.chdir(scratch)
        make_genome()
        rows = [line.split("\t") for line in run("regtrain", "--presets").stdout.splitlines()]
        head = rows[0]
        changed = 0
        for row in rows[1:]:
            preset = dict(zip(head, row))
            name, task = preset["preset"], preset["task"]
            begin = time.time()
            architecture = name
            with open(os.path.join(MODELS, name + ".json")) as file:
                spec = json.load(file)
            if int(preset["parameters"]) > MOST:
                architecture = f"{name}.json"
                write(architecture, json.dumps(shrunk(spec)))
            window = {"nucleotide": 1000, "bin": spec.get("window", 1000), "coverage": 4096}[task]
            data = data_set(task, window)
            model = train(name, architecture, data)
            evaluate(name, model, data, task == "coverage")
            call_and_score(name, model, task)
            effect = call_and_score(name, loud(name, architecture), task)
            changed += effect > 1e-4
            print(f"{name}: {'as it is' if architecture == name else 'shrunk'}, effect {effect:.3g}, {time.time() - begin:.1f} s", flush=True)
        check(changed == len(rows) - 1, f"{changed} of {len(rows) - 1} presets see the variant")
        # What does not fit is one line and 4.
        for preset, data in (("cnn1", data_set("bin", 1000)), ("cnn1", data_set("coverage", 4096))):
            done = run("regtrain", "-d", data, "-a", preset, "--steps", 1, "-o", "x.safetensors", code=4)
            check(done.stderr.count("\n") == 1 and "task" in done.stderr, done.stderr)
        os.chdir("/")
    print(f"every_preset: {tools.checks} checks")


if __name__ == "__main__":
    main()
