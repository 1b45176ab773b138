#!/usr/bin/env python3
"""Several models as one, beside numpy: values of regcall are the mean, and spreads the standard deviation, of what each model
gives alone, in every way to predict; sites are runs of the mean at or above 0.5; regeval measures the mean, and
regsnp compares it; what does not belong together is refused."""
import glob
import json
import os
import random
import shutil
import subprocess
import sys
import tempfile

import regcall  # ends with 77 where something is missing
from regcall import BIN, SPEC, fasta, intervals, np, out, pyBigWig, run, sequence
try:
    from sklearn.metrics import average_precision_score, roc_auc_score
except ImportError as missing:
    print(f"SKIPPED: {missing}; needs python3-sklearn")
    sys.exit(77)

EDIT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support", "edit_model.py")
NAMES = ("alpha", "be_ta", "gamma")
# Another stride, and windows without a finite context: their grids meet every 500 bases.
STRIDE4 = SPEC.replace('"stride": 10', '"stride": 4')
LSTM = """{"name": "tiny-lstm", "window": 100, "dropout": 0, "layers": [
 {"name": "embed", "type": "embedding", "filters": 4},
 {"name": "conv", "type": "conv", "filters": 6, "width": 5, "stride": 5, "relu": true},
 {"name": "lstm", "type": "lstm", "filters": 5, "bidirectional": true},
 {"name": "up", "type": "up_conv", "filters": 5, "stride": 5, "relu": true},
 {"name": "dense", "type": "dense"}]}"""
TOLERANCE = 2.5e-7  # of values that were rounded to 7 decimals, in f32


def model(name, spec, seed, *markers):
    with open("spec.json", "w") as file:
        file.write(spec)
    subprocess.run([os.path.join(BIN, "model_probe"), name, "spec.json", str(seed), "2.5",
                    *(markers or ("alpha:DNase", "be/ta:TFBS", "gamma:DNase"))], check=True)


def make_world():
    rng = random.Random(8)
    records = [("chr2", sequence(rng, 9013)), ("chr10", sequence(rng, 3000)), ("allN", "N" * 300)]
    with open("g.fa", "w") as file:
        file.write(fasta(records))
    model("a", SPEC, 5)
    model("b", STRIDE4, 6, "gamma:DNase", "alpha:DNase", "be/ta:TFBS")  # another order
    model("c", LSTM, 7)
    model("wide", SPEC.replace('"width": 4', '"width": 5'), 9)
    # a line for all, and knots for one
    calls = []
    none = {"seed": None, "precision": None, "recall": None, "calls": 0}
    for slope in (1.5, 0.7, 1.2):
        calls.append({"slope": slope, "intercept": 0.3, "extension": 0, "merge_gap": 5, "min_length": 7, "f1": none,
                      "fdr": [none, none, none], "rates": []})
    calls[1]["knots"] = [[-1.0, -2.0], [0.0, 0.4], [1.0, 2.0]]
    subprocess.run([sys.executable, EDIT, "a", "calibrated", "metadata", "regkit.calls", json.dumps(calls)], check=True)
    return records


def m(models):
    return [word for name in models for word in ("-m", name)]


def tracks(records, *args, stdin=None, names=NAMES):
    """[marker][contig] of bedGraph files."""
    run("--no-version", "--round", "7", *args, "-O", "bedgraph", "-o", "t/{marker}", "--parents", stdin=stdin)
    made = sorted(os.listdir("t"))
    assert made == sorted(names), made
    all_values = []
    for name in names:
        mine = {contig: np.full(len(bases), np.nan) for contig, bases in records}
        for line in open("t/" + name):
            contig, begin, end, value = line.split("\t")
            assert np.isnan(mine[contig][int(begin):int(end)]).all(), "overlap"
            mine[contig][int(begin):int(end)] = float(value)
        all_values.append(mine)
    shutil.rmtree("t")
    return all_values


def close(a, b, what):
    assert np.array_equal(np.isnan(a), np.isnan(b)), what
    difference = np.nanmax(np.abs(a - b)) if (~np.isnan(a)).any() else 0
    assert difference <= TOLERANCE, (what, difference)


SPREADS = tuple(name + ".spread" for name in NAMES)


def test_values(records):
    """Every way to predict, each model alone and all together."""
    regions = ("-r", "chr2:101-4,321", "-r", "chr2:5,000-", "-r", "chr10:7-2,000")
    remapped = "".join(fasta([(f"chr2:{begin + 1}-{end}", records[0][1][begin:end])])
                       for begin, end in ((37, 1401), (1403, 1410), (2209, 8917))).replace(" words", "").encode()
    for models, args, stdin in ((("a", "b", "c"), ("-f", "g.fa"), None), (("b", "a"), ("-f", "g.fa", *regions), None),
                                (("a", "b"), ("-f", "g.fa", "--rc-average"), None),
                                (("a", "b"), ("-f", "g.fa", "--window-mode", "paper"), None),
                                (("a", "b", "c"), ("--remap", "-"), remapped),
                                (("calibrated", "b"), ("-f", "g.fa"), None), (("calibrated", "b"), ("-f", "g.fa", "--raw"), None),
                                (("a", "b"), ("-f", "g.fa", "--resolution", "30"), None),
                                (("a", "c"), ("-f", "g.fa", "--values", "8bit"), None)):
        alone = [tracks(records, *m([one]), *args, stdin=stdin) for one in models]
        together = tracks(records, *m(models), "--spread", *args, stdin=stdin, names=NAMES + SPREADS)
        binned = "--resolution" in args
        for i, name in enumerate(NAMES):
            for contig, _ in records:
                values = np.array([one[i][contig] for one in alone])
                close(together[i][contig], values.mean(axis=0), (models, args, name, contig))
                spread = together[len(NAMES) + i][contig]
                if not binned:  # of bases: the spread of a bin is the mean of theirs
                    close(spread, values.std(axis=0, ddof=1), (models, args, name, contig, "spread"))
                elif contig != "allN":
                    assert (spread[~np.isnan(spread)] >= values.std(axis=0, ddof=1)[~np.isnan(spread)] - TOLERANCE).all()
        if not binned:
            assert max(np.nanmax(together[len(NAMES) + i]["chr2"]) for i in range(len(NAMES))) > 0.1, "models differ"
        for more in (("--tile", "700", "-@", "1"),) if len(models) == 3 or "--rc-average" in args else ():
            assert tracks(records, *m(models), "--spread", *more, *args, stdin=stdin, names=NAMES + SPREADS)[0]["chr2"].tobytes() == \
                together[0]["chr2"].tobytes(), (models, args, more)
    raw = tracks(records, "-m", "calibrated", "--raw", "-f", "g.fa")
    close(raw[1]["chr2"], tracks(records, "-m", "a", "-f", "g.fa")[1]["chr2"], "--raw")


def test_same_model_twice(records):
    for n in (2, 3):
        for i, name in enumerate(NAMES):
            assert out(*m(["a"] * n), "-f", "g.fa", "-k", name, "-O", "bedgraph") == out("-m", "a", "-f", "g.fa", "-k", name, "-O",
                                                                                       "bedgraph")
        assert out(*m(["a"] * n), "-f", "g.fa", "-c", "0.45") == out("-m", "a", "-f", "g.fa", "-c", "0.45")
        spreads = tracks(records, *m(["a"] * n), "--spread", "-f", "g.fa", names=NAMES + SPREADS)[3:]
        assert all((mine[contig][~np.isnan(mine[contig])] == 0).all() for mine in spreads for contig, _ in records)


def test_sites(records):
    done = run("-m", "calibrated", "-m", "b", "-f", "g.fa")
    assert "the mean of 2 models is not calibrated; intervals are where it is at least 0.5" in done.stderr.decode()
    lines = done.stdout.decode().splitlines()
    header = [line for line in lines if line.startswith("##")]
    assert sum(line.startswith("##regcallModel=sha256:") for line in header) == 2, header
    assert "##regcallCutoff=0.5" in header, header
    assert "##regcallValues=probability, the mean of 2 models, 1 of them calibrated; not calibrated itself" in header, header
    alone = [tracks(records, "-m", one, "-f", "g.fa") for one in ("calibrated", "b")]
    values = [{contig: (alone[0][i][contig] + alone[1][i][contig]) / 2 for contig, _ in records} for i in range(len(NAMES))]
    assert not any((np.abs(mine[contig] - 0.5) < 1e-6).any() for mine in values for contig, _ in records), "too near to tell"
    order = {contig: i for i, (contig, _) in enumerate(records)}
    found = [(order[c], int(b), int(e), NAMES.index(k)) for c, b, e, k in (line.split("\t")[:4] for line in lines if line[0] != "#")]
    assert found == [row[:4] for row in intervals(values, 0.5)] and len(found) > 30, len(found)
    # by the way that has values, and from the other side of a cutoff
    run("--no-version", *m(["calibrated", "b"]), "-f", "g.fa", "-o", "s.bed", "-o", "s.{marker}.bw", "--spread")
    with open("s.bed") as file:
        assert [line.split("\t")[:4] for line in file] == [line.split("\t")[:4] for line in lines if line[0] != "#"]
    with pyBigWig.open("s.alpha.spread.bw") as file:
        spread = np.array(file.values("chr2", 0, len(records[0][1])))
    expected = np.std([one[0]["chr2"] for one in alone], axis=0, ddof=1)
    assert np.array_equal(np.isnan(spread), np.isnan(expected)) and np.nanmax(np.abs(spread - expected)) <= 5.1e-5


def test_parts(records):
    """The bytes of one run, from shards and from the half of a journal; parts of another ensemble are refused."""
    three = (*m(["a", "b", "c"]), "-f", "g.fa", "--spread")
    wanted = ("-o", "{}.bed", "-o", "{}.{{marker}}.bw")
    run("--no-version", *three, *(word.format("w") for word in wanted), "-c", "0.45")
    expected = {path: open(path, "rb").read() for path in glob.glob("w.*")}
    assert len(expected) == 1 + 2 * len(NAMES)
    shard = ("-c", "0.45", "-O", "bed", "-O", "bigwig")
    for i in (1, 2, 3):
        run(*three, *shard, "--shard", f"{i}/3", "-o", f"p{i}")
    run("merge", "--no-version", *(word.format("m") for word in wanted), "p2", "p1", "p3")
    assert {path.replace("m.", "w.", 1): open(path, "rb").read() for path in glob.glob("m.*")} == expected
    merged = run("merge", "-o", "h.bed", "p1", "p2", "p3").stderr.decode()
    assert open("h.bed").read().count("##regcallModel=sha256:") == 3 and "--spread" not in merged
    for others, more in ((("a", "b", "b"), ("--spread",)), (("b", "a", "c"), ("--spread",)), (("a", "b"), ("--spread",)),
                         (("a", "b", "c"), ()), (("a",), ())):
        run(*m(others), "-f", "g.fa", *more, *shard, "--shard", "2/3", "-o", "other")
        assert "not of one call" in run("merge", "-o", "none.bed", "p1", "other", "p3", code=4).stderr.decode()
        assert not os.path.exists("none.bed")
    run(*three, *shard, "--shard", "1/1", "-o", "whole", "--tile", "700")
    journal = open("whole", "rb").read()
    with open("w.bed.unfinished", "wb") as file:
        file.write(journal[:len(journal) // 2])
    for path in expected:
        os.remove(path)
    done = run("--no-version", *three, "-c", "0.45", "--resume", *(word.format("w") for word in wanted))
    assert b"goes on behind" in done.stderr
    assert {path: open(path, "rb").read() for path in glob.glob("w.*")} == expected


def test_over(records):
    with open("r.bed", "w") as file:
        file.write("chr2\t100\t1900\tone\nchr2\t8900\t9013\ttwo\nchr10\t5\t6\tthree\nallN\t1\t9\tnone\n")
    table = [line.split("\t") for line in out(*m(["a", "b"]), "-f", "g.fa", "--over", "r.bed", "--round", "6").decode().splitlines()]
    assert table[0][-4:] == ["mean", "max", "sites", "spread"], table[0]
    both = tracks(records, *m(["a", "b"]), "--spread", "-f", "g.fa", names=NAMES + SPREADS)
    known = 0
    for contig, begin, end, _, name, bases, mean, high, _, spread in table[1:]:
        if bases == "0":
            assert (mean, spread) == ("NA", "NA")
            continue
        known += 1
        values, spreads = (both[NAMES.index(name) + more][contig][int(begin):int(end)] for more in (0, len(NAMES)))
        assert abs(float(mean) - np.nanmean(values)) <= 1.1e-6 and abs(float(high) - np.nanmax(values)) <= 1.1e-6
        assert abs(float(spread) - np.nanmean(spreads)) <= 1.1e-6, (contig, begin, name, spread)
    assert known == 9
    with_tracks = run("--no-version", *m(["a", "b"]), "-f", "g.fa", "--over", "r.bed", "--round", "6", "-o", "o.bed").stdout
    assert [line.split("\t") for line in with_tracks.decode().splitlines()] == table
    run("--no-version", *m(["a", "b"]), "-f", "g.fa", "--spread", "--hub", "hub", "--genome", "hg19")
    assert sorted(os.listdir("hub/hg19")) == sorted(n + e for n in NAMES for e in (".bb", ".bw", ".spread.bw"))
    assert open("hub/hub.txt").read().count("bigDataUrl") == 9


def test_refused():
    def refused(code, *args, word):
        done = run(*args, "-f", "g.fa", code=code)
        assert word in done.stderr.decode(), (word, done.stderr)

    model("less", SPEC, 5, "alpha:DNase", "gamma:DNase")
    refused(4, *m(["a", "less"]), word="less: has no marker 'be_ta', which a has")
    refused(4, *m(["less", "a"]), word="a: has a marker 'be_ta', which less has not")
    assert len(out(*m(["less", "a"]), "-f", "g.fa", "-k", "class:DNase", "-c", "0.45")) > 1000
    refused(4, *m(["a", "less"]), "-k", "be_ta", word="less: has no marker 'be_ta'")
    refused(2, "-m", "a", "--spread", "-o", "{marker}.bw", word="more than one -m")
    refused(2, *m(["a", "b"]), "--spread", word="--spread writes tracks of values")
    refused(2, *m(["a", "b"]), "--spread", "-k", "alpha", "-o", "x.bw", word="write {marker}")
    refused(2, *m(["a", "b"]), "-c", "f1", word="the mean of 2 models is not calibrated")
    refused(2, *m(["a", "b"]), "-o", "b", "-O", "bed", word="is the same file as the input")
    model("odd", SPEC, 5, "alpha", "alpha.spread")
    refused(2, *m(["odd", "odd"]), "--spread", "-o", "{marker}.bw", word="would share the file alpha.spread.bw")
    refused(1, *m(["a", "nowhere"]), word="nowhere")


def regeval(*args, code=0):
    done = subprocess.run([os.path.join(BIN, "regeval"), *args], capture_output=True, text=True, timeout=300)
    assert done.returncode == code, (args, done.returncode, done.stderr)
    return done


def rows_of(table):
    lines = [line.split("\t") for line in table.splitlines()]
    return [dict(zip(lines[0], line, strict=True)) for line in lines[1:]]


def test_regeval(records):
    """Ranking by scikit-learn and spreads by numpy, of what regcall gives for the same positions."""
    rng = random.Random(2)
    sequences, labels = dict(records), {}
    for name in NAMES:
        labels[name] = np.zeros(len(sequences["chr2"]), bool)
        with open(name + ".bed", "w") as file:
            for begin in sorted(rng.sample(range(0, 8900), 25)):
                labels[name][begin:begin + 60] = True
                file.write(f"chr2\t{begin}\t{begin + 60}\n")
            file.write("chr10\t100\t900\n")
    with open("by.bed", "w") as file:
        file.write("chr2\t1000\t4000\tearly\n")
    subprocess.run([os.path.join(BIN, "regds-build"), "-f", "g.fa", "--window", "500", "--test", "chr2", "--keep-if", "all",
                    "-o", "made.regds", "--class", "X", *(f"{name}={name}.bed" for name in NAMES)], check=True, capture_output=True)
    subprocess.run(["bash", "-c", "zcat made.regds/windows.bed.gz | grep test > windows.bed"], check=True)
    inside = np.zeros(len(sequences["chr2"]), bool)
    for line in open("windows.bed"):
        contig, begin, end = line.split("\t")[:3]
        assert contig == "chr2" and int(begin) % 500 == 0
        inside[int(begin):int(end)] = True
    for models, args in ((("a", "b"), ()), (("a", "b", "wide"), ("--rc-average",)), (("calibrated", "b"), ("--window-mode", "tiled"))):
        done = regeval(*m(models), "-d", "made.regds", "--by", "by.bed", "--bootstrap", "0", *args)
        table = [row for row in rows_of(done.stdout) if row["marker"] in NAMES]
        how = ("-f", "g.fa", *(args if "--window-mode" in args else ("--window-mode", "paper", *args)))
        alone = [tracks(records, "-m", one, *how) for one in models]
        for row in table:
            i = NAMES.index(row["marker"])
            values = np.array([one[i]["chr2"] for one in alone])
            count = inside & ~np.isnan(values[0])
            if row["annotation"] == "early":
                count[:1000] = count[4000:] = False
            mean, spread, label = values.mean(axis=0)[count], values.std(axis=0, ddof=1)[count], labels[row["marker"]][count]
            assert int(row["positives"]) == label.sum() > 50, row
            assert abs(float(row["average_precision"]) - average_precision_score(label, mean)) <= 2e-4, (models, args, row)
            assert abs(float(row["roc_auc"]) - roc_auc_score(label, mean)) <= 2e-4, (models, args, row)
            for column, expected in (("spread", spread.mean()), ("spread_at_positives", spread[label].mean())):
                assert abs(float(row[column]) / expected - 1) <= 1e-4, (models, args, column, row, expected)
        assert len(table) == 2 * len(NAMES), done.stderr
    # one model twice, or three times: its own table, and no spread
    own = rows_of(regeval("-m", "a", "-d", "made.regds", "--baselines").stdout)
    twice = rows_of(regeval(*m(["a", "a", "a"]), "-d", "made.regds", "--baselines").stdout)
    assert len(own) == len(twice) and "spread" not in own[0]
    for one, other in zip(own, twice):
        spread = other.pop("spread"), other.pop("spread_at_positives")
        assert spread == (("0", "0") if other["predictor"] == "model" else ("NA", "NA")) and one == other, (one, other)
    done = regeval(*m(["a", "b"]), "-d", "made.regds", "--calibrate", "new", code=2)
    assert "does not go with several -m" in done.stderr and not os.path.exists("new")
    assert "has no marker 'be_ta'" in regeval(*m(["a", "less"]), "-d", "made.regds", code=4).stderr
    assert "is the same file as the input" in regeval(*m(["a", "b"]), "-d", "made.regds", "-o", "b", code=2).stderr


def regsnp(*args, code=0):
    done = subprocess.run([os.path.join(BIN, "regsnp"), "annotate", "--no-version", *args], capture_output=True, text=True, timeout=300)
    assert done.returncode == code, (args, done.returncode, done.stderr)
    return done


def fields_of(line):
    return dict(field.split("=", 1) for field in line.split("\t")[7].split(";") if "=" in field)


def test_regsnp(records):
    """Substitutions beside regcall's values of a genome that has them; insertions and deletions of one model, twice."""
    rng = random.Random(4)
    bases = list(records[0][1].upper())
    places = [at for at in range(500, 8900, 700) if "N" not in bases[at - 300:at + 300]]
    head = "##fileformat=VCFv4.2\n##contig=<ID=chr2>\n#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\n"
    changed = bases[:]
    with open("snv.vcf", "w") as file:
        file.write(head)
        for at in places:
            changed[at] = rng.choice([b for b in "ACGT" if b != bases[at]])
            file.write(f"chr2\t{at + 1}\t.\t{bases[at]}\t{changed[at]}\t.\t.\t.\n")
    with open("changed.fa", "w") as file:
        file.write(fasta([("chr2", "".join(changed)), *records[1:]]))
    with open("all.vcf", "w") as file:
        file.write(head)
        for at in places:
            ref = "".join(bases[at:at + 4])
            file.write(f"chr2\t{at + 1}\t.\t{ref}\t{ref[0]},{ref}GAT,{'A' if ref[0] != 'A' else 'C'}{ref[1:]}\t.\t.\t.\n")
    for models in (("a", "b", "wide"), ("calibrated", "b")):
        alone = [[tracks(records, "-m", one, "-f", genome) for genome in ("g.fa", "changed.fa")] for one in models]
        lines = [line for line in regsnp(*m(models), "-f", "g.fa", "--span", "20", "snv.vcf").stdout.splitlines() if line[0] != "#"]
        assert len(lines) == len(places) > 5
        for at, line in zip(places, lines):
            found = fields_of(line)
            here = slice(at - 20, at + 21)
            logits, each = [], []
            for i in range(len(NAMES)):
                both = np.array([[genome[i]["chr2"][here] for genome in one] for one in alone])  # [model][ref, alt][base]
                each.append(np.log(both / (1 - both)))
                mean = both.mean(axis=0)
                logits.append(np.log(mean / (1 - mean)))
            deltas = [alt - ref for ref, alt in logits]
            i = max(range(len(NAMES)), key=lambda k: np.abs(deltas[k]).max())
            x = int(found["REG_POS"]) + 20
            assert found["REG_MARKER"] == NAMES[i], (line, deltas)
            assert abs(float(found["REG_MAX"]) - np.abs(deltas[i]).max()) <= 2e-5 and np.abs(deltas[i][x]) >= np.abs(deltas[i]).max() - 2e-5
            for column, side in (("REG_REF", 0), ("REG_ALT", 1)):
                expected = 1 / (1 + np.exp(-logits[i][side][x]))
                assert abs(float(found[column]) - expected) <= 2e-6, (line, expected)
            spread = (each[i][:, 1, x] - each[i][:, 0, x]).std(ddof=1)
            assert abs(float(found["REG_SPREAD"]) - spread) <= 2e-5, (line, spread)
        assert max(float(fields_of(line)["REG_SPREAD"]) for line in lines) > 0.01
    own, twice = (regsnp(*m(models), "-f", "g.fa", "all.vcf", "--matrix", f"{len(models)}.gz").stdout.splitlines()
                  for models in (["a"], ["a", "a"]))
    assert [line for line in own if line[0] != "#"] == [line.replace(";REG_SPREAD=0,0,0", "") for line in twice if line[0] != "#"]
    assert subprocess.run("zcat 1.gz | cmp - <(zcat 2.gz)", shell=True, executable="/bin/bash").returncode == 0
    assert sum("REG_SPREAD" in line for line in twice) == 1 + len(places) and "REG_SPREAD" not in "".join(own)
    assert "of the mean probability over 2 models" in "".join(twice) and "models" not in "".join(own)
    # what is read back as an earlier run's field is replaced
    with open("again.vcf", "w") as file:
        file.write("\n".join(twice) + "\n")
    assert regsnp("-m", "a", "-f", "g.fa", "again.vcf").stdout.splitlines() == own
    assert "has no marker 'be_ta'" in regsnp(*m(["a", "less"]), "-f", "g.fa", "all.vcf", code=4).stderr
    assert "is the same file as the input" in regsnp(*m(["a", "b"]), "-f", "g.fa", "all.vcf", "-o", "b", "-O", "v", code=2).stderr
    ism = [subprocess.run([os.path.join(BIN, "regsnp"), "ism", "--no-version", *m(models), "-f", "g.fa", "-r", "chr2:601-603", "-O",
                           "tsv"], capture_output=True, text=True, check=True).stdout for models in (["a"], ["a", "a"])]
    assert ism[0] == ism[1] and ism[0].count("\n") > 9


def main():
    directory = tempfile.mkdtemp(prefix="regkit_ensembles_")
    try:
        os.chdir(directory)
        records = make_world()
        test_values(records)
        test_same_model_twice(records)
        test_sites(records)
        test_parts(records)
        test_over(records)
        test_refused()
        test_regeval(records)
        test_regsnp(records)
    finally:
        os.chdir("/")
        shutil.rmtree(directory, ignore_errors=True)
    print("ok")


if __name__ == "__main__":
    main()
