#!/usr/bin/env python3
"""What regsnp says of alleles against PyTorch, which runs the model from its own file over both haplotypes written out, and numpy,
in which the model's calibration is written a second time."""
import json
import os
import pathlib
import subprocess
import sys
import tempfile

import regcall_calibrated  # ends with 77 where something is missing
from regcall_calibrated import EDIT, mapped, np, probability

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
try:
    import torch
    from torch_presets import Net, load_file
except ImportError as missing:
    print(f"SKIPPED: needs python3-torch ({missing})")
    sys.exit(77)
from tools import check, run, write

HERE = os.path.dirname(os.path.abspath(__file__))
NAMES = ("CTCF", "H3K4", "GATA1")
CLASSES = ("TFBS", "Histone", "TFBS")
PREVALENCE = 0.2  # that random_model gives its markers
STRIDE, LENGTH, LONG, ALLELE = 10, 6000, 26_000, 10_000
FIELD = 69  # bases to either side that a base changes, of SPEC
TARGETS = [(211, 300, "p1"), (700, 790, "p2"), (760, 830, "."), (5000, 5900, "long")]
SPEC = {"name": "tiny", "window": 500, "dropout": 0, "layers": [
    {"name": "embed", "type": "embedding", "filters": 4},
    {"name": "conv1", "type": "conv", "filters": 8, "width": 10, "stride": 10, "relu": True},
    {"name": "conv2", "type": "conv", "filters": 6, "width": 5, "dilation": 3, "relu": True},
    {"name": "up", "type": "up_conv", "filters": 5, "stride": 10, "relu": True},
    {"name": "dense1", "type": "dense", "filters": 7, "relu": True}, {"name": "dense2", "type": "dense"}]}
MAPS = [{"slope": 1.5, "intercept": -0.5}, {"slope": 0.7, "intercept": 0.2, "knots": [[-2, -3], [0, 0.1], [1, 3]]}, {"slope": 1, "intercept": 0}]


PLAIN = [{"slope": 1, "intercept": 0, "seed": 0, "extension": 0, "merge_gap": 0, "min_length": 1}] * 3  # as regcall has it


def calibration(logits):
    """Of the maps; a marker has sites where its calibrated logits are highest, the last has none."""
    none = {"seed": None, "precision": None, "recall": None, "calls": 0}
    for m, row in zip(MAPS[:2], logits):
        seed, extension = np.float32(np.quantile(mapped(m, row), (0.9, 0.8)))
        m.update({"seed": float(seed), "extension": float(extension), "merge_gap": 3, "min_length": 4})
    MAPS[2].update({"seed": None, "extension": 0, "merge_gap": 0, "min_length": 1})
    return [{**m, "f1": {"seed": m["seed"], "precision": 0.6, "recall": 0.5, "calls": 250} if m["seed"] else none, "fdr": [none] * 3,
             "rates": []} for m in MAPS]


def has_site(marker, logits):
    """Of a marker of PLAIN or MAPS: bases side by side."""
    if marker["seed"] is None:
        return False
    values, runs = mapped(marker, logits), []
    for at in np.flatnonzero(values >= marker["extension"]):
        if runs and at - runs[-1][1] <= marker["merge_gap"]:
            runs[-1][1] = at + 1
        else:
            runs.append([at, at + 1])
    return any(end - begin >= marker["min_length"] and values[begin:end].max() >= marker["seed"] for begin, end in runs)


def trimmed(at, ref, alt):
    """Begin and end of what remains of REF without what both share."""
    right = len(os.path.commonprefix([ref[::-1], alt[::-1]]))
    left = len(os.path.commonprefix([ref[:len(ref) - right], alt[:len(alt) - right]]))
    return at + left, at + len(ref) - right


class World:
    def __init__(self, length):
        rng = np.random.default_rng(4)
        self.ref = "".join(rng.choice(list("ACGT"), length))
        write("ref.fa", ">c\n" + self.ref + "\n")
        pathlib.Path("ref.fa.fai").unlink(missing_ok=True)
        write("tiny.json", json.dumps(SPEC))
        run("random_model", "plain.safetensors", "tiny.json", 2.5, f"c:{LENGTH}", *map("=".join, zip(NAMES, CLASSES)))
        self.net = Net(SPEC, len(NAMES)).eval()
        self.net.load_state_dict(load_file("plain.safetensors"))
        calls = json.dumps(calibration(self.logits(self.ref)))
        subprocess.run([sys.executable, EDIT, "plain.safetensors", "m.safetensors", "metadata", "regkit.calls", calls], check=True)

    def logits(self, bases):
        """[marker][base] of a contig, behind which N fills the last stride."""
        codes = ["NACGT".index(b) for b in bases] + [0] * (-len(bases) % STRIDE)
        with torch.no_grad():
            return self.net(torch.tensor([codes]))[0].double().numpy()[:, :len(bases)]

    def pairs(self, at, ref, alt, span):
        """(offset from POS, REF's logits, ALT's logits) of every base that is compared, from left to right."""
        assert self.ref[at:at + len(ref)] == ref
        shift = len(alt) - len(ref)
        
        changed = self.logits(self.ref[:at] + alt + self.ref[at + len(ref):])
        lead = shift % STRIDE
        plain, shifted = self.logits(self.ref), self.logits("N" * lead + self.ref)[:, lead:]
        begin, after = trimmed(at, ref, alt)
        left = [(x - at, plain[:, x], changed[:, x]) for x in range(max(0, begin - span), begin)]
        inside = [(x - at, plain[:, x], changed[:, x]) for x in range(begin, after) if shift == 0]
        right = [(x - at, shifted[:, x], changed[:, x + shift]) for x in range(after, min(len(self.ref), after + span))]
        return left + inside + right


def records(text):
    for line in text.splitlines():
        if not line.startswith("#"):
            columns = line.split("\t")
            yield columns[2], {key: value.split(",") for key, value in (field.split("=") for field in columns[7].split(";"))}


seen = {"REG_GAIN": 0, "REG_LOSS": 0, "REG_TARGET": 0}  # markers of alleles; intervals


def close(got, expected, what, tolerance=2e-5):
    check(abs(float(got) - expected) <= tolerance * (1 + abs(expected)), f"{what}: {got}, not {expected}")


def log2_ratios(ref, alt, maps):
    """[base][marker] of logits."""
    p = [np.stack([probability(mapped(m, logits[:, i])) for i, m in enumerate(maps)], axis=1) for logits in (ref, alt)]
    return np.log2((p[1] + PREVALENCE) / (p[0] + PREVALENCE))


def expect_targets(name, value, position, edit, span, offsets, ratios):
    """name|distance|marker|sum of every interval that the compared bases reach."""
    told = value.get("REG_TARGET", ".").split("|")
    expected = [t for t in TARGETS if t[0] < edit[1] + span and t[1] > edit[0] - span]
    check(told[::4] == [n if n != "." else f"c:{b + 1}-{e}" for b, e, n in expected] or (told == ["."] and not expected), f"{name}: {told}")
    for (begin, end, _), distance, marker, total in zip(expected, told[1::4], told[2::4], told[3::4]):
        check(int(distance) == (begin - position if begin > position else min(0, end - 1 - position)), f"{name}: {told}")
        sums = ratios[(offsets + position >= begin) & (offsets + position < end)].sum(axis=0)
        best = int(np.argmax(np.abs(sums)))
        check(marker == NAMES[best] or not sums.any(), f"{name}: {told}, {sums}")
        close(total, sums[best], f"{name} REG_TARGET")
        seen["REG_TARGET"] += 1


def expect(name, info, index, pairs, maps):
    """All fields of one allele."""
    offsets, ref, alt = (np.array(column) for column in zip(*pairs))  # ref, alt: [base][marker]
    delta = alt - ref
    most = np.abs(delta).max(axis=0)
    marker = int(np.argmax(most))
    at = int(np.argmax(np.abs(delta[:, marker])))
    value = {key: values[index] for key, values in info.items()}
    check(value["REG_MARKER"] == NAMES[marker], f"{name}: {value}")
    check(int(value["REG_POS"]) == offsets[at], f"{name}: the largest change at {value['REG_POS']}, not {offsets[at]}")
    close(value["REG_MAX"], most[marker], f"{name} REG_MAX")
    close(value["REG_DELTA"], delta[at, marker], f"{name} REG_DELTA")
    there = [float(mapped(maps[marker], logits[at, marker])) for logits in (ref, alt)]
    close(value["REG_REF"], probability(there[0]), f"{name} REG_REF")
    close(value["REG_ALT"], probability(there[1]), f"{name} REG_ALT")
    close(value["REG_LOGIT"], there[1] - there[0], f"{name} REG_LOGIT")
    close(value["REG_LOG2FC"], np.log2((probability(there[1]) + 1e-6) / (probability(there[0]) + 1e-6)), f"{name} REG_LOG2FC")
    p = [np.stack([probability(mapped(m, logits[:, i])) for i, m in enumerate(maps)], axis=1) for logits in (ref, alt)]
    folds = np.abs(log2_ratios(ref, alt, maps)).max(axis=0)
    close(value["REG_MAXLOG2FC"], folds.max(), f"{name} REG_MAXLOG2FC")
    check(value["REG_MAXLOG2FC_MARKER"] == NAMES[int(np.argmax(folds))], f"{name}: {value}, {folds}")
    order = sorted(range(3), key=lambda m: -most[m])[:2]
    told = value["REG_TOP"].split("|")
    check(told[::2] == [NAMES[m] for m in order], f"{name}: {told}")
    for m, change in zip(order, told[1::2]):
        close(abs(float(change)), most[m], f"{name} REG_TOP")
    sites = [[has_site(m, logits[:, i]) for i, m in enumerate(maps)] for logits in (ref, alt)]
    for key, here, there in (("REG_GAIN", 1, 0), ("REG_LOSS", 0, 1)):
        expected = [NAMES[m] for m in range(3) if sites[here][m] and not sites[there][m]]
        check(value.get(key, ".") == ("|".join(expected) or "."), f"{name}: {key}={value.get(key)}, not {expected}")
        seen[key] += len(expected)
    for group in set(CLASSES):
        own = delta[:, [m for m in range(3) if CLASSES[m] == group]]
        close(abs(float(value["REG_D_" + group])), np.abs(own).max(), f"{name} REG_D_{group}")
    return value, offsets, log2_ratios(ref, alt, maps)


def write_variants(variants, length):
    with open("in.vcf", "w") as file:
        file.write(f"##fileformat=VCFv4.2\n##contig=<ID=c,length={length}>\n#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\n")
        for i, (at, ref, alts) in enumerate(variants):
            file.write(f"c\t{at + 1}\tv{i}\t{ref}\t{','.join(alts)}\t.\t.\t.\n")


def alleles(world, span):
    """One record each of substitutions, insertions and deletions, and one with two alleles."""
    variants = []
    for at in (0, 3, *range(211, LENGTH - 30, 577), LENGTH - 30):
        base = world.ref[at]
        variants += [(at, base, ["ACGT"[("ACGT".index(base) + 1) % 4]]), (at, base, [base + "GATTA"]),
                     (at, world.ref[at:at + 13], [base])]
    variants.append((4000, world.ref[4000:4003], ["GTA", "CCC"]))
    write_variants(variants, LENGTH)
    write("targets.bed", "".join(f"c\t{b}\t{e}" + ("" if n == "." else "\t" + n) + "\n" for b, e, n in TARGETS))
    pairs = [[world.pairs(at, ref, alt, span) for alt in alts] for at, ref, alts in variants]
    for model, maps in (("plain", PLAIN), ("m", MAPS)):
        text = run("regsnp", "-m", f"{model}.safetensors", "-f", "ref.fa", "--span", span, "--device", "cpu", "--top", 2,
                   "--target", "targets.bed", "in.vcf").stdout
        found = list(records(text))
        check(len(found) == len(variants), text)
        for (name, info), of_alleles in zip(found, pairs):
            for index, compared in enumerate(of_alleles):
                value, *found_there = expect(f"{model} {name} span {span}", info, index, compared, maps)
                at, ref, alts = variants[int(name[1:])]
                expect_targets(f"{model} {name} span {span}", value, at, trimmed(at, ref, alts[index]), span, *found_there)
        said = [line for line in text.splitlines() if "ID=REG_REF," in line]
        check(len(said) == 1 and ("alibrated probability" in said[0]) == (model == "m"), said)


def long_alleles(world):
    """10,000 bases deleted, inserted and replaced, as far as the model's field."""
    rng = np.random.default_rng(5)
    new = "".join(rng.choice(list("ACGT"), ALLELE))
    ref = world.ref
    variants = [(3000, ref[3000:3001 + ALLELE], [ref[3000]]), (8004, ref[8004], [ref[8004] + new]),
                (9000, ref[9000:9000 + ALLELE], [new, new[:ALLELE // 2 + 3]])]
    write_variants(variants, LONG)
    text = run("regsnp", "-m", "plain.safetensors", "-f", "ref.fa", "--device", "cpu", "--top", 2, "in.vcf").stdout
    check(f"within {FIELD} bases of the variant (the model's field)" in text, text[:2000])
    for (at, ref_bases, alts), (name, info) in zip(variants, records(text)):
        for index, alt in enumerate(alts):
            expect(f"long {name}", info, index, world.pairs(at, ref_bases, alt, FIELD), PLAIN)


def main():
    with tempfile.TemporaryDirectory() as scratch:
        os.chdir(scratch)
        world = World(LENGTH)
        for span in (100, 20, 6):
            alleles(world, span)
        check(min(seen.values()) > 3, f"few sites appear or vanish: {seen}")
        long_alleles(World(LONG))
        os.chdir("/")
    print("regsnp_fields: as expected;", seen)


if __name__ == "__main__":
    main()
