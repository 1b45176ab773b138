#!/usr/bin/env python3
"""regtrain and regeval from end to end on a planted motif: it is learnt, with every instruction set in f32 and bf16; tensors
are the same for any -@, after kill -9, SIGTERM and a damaged checkpoint; divergence and misuse end as documented; regeval's
table is in its shape.

The motif is a repeat that no random sequence has and every phase of the first convolution's stride sees: after two epochs its
average precision is .983 to .989 with every instruction set and seed tried, so that no rounding decides whether it is
learnt."""
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
import tools
from tools import BIN, check, cpu_isas, metadata, run, tensors, write

EPOCHS = 2
MOTIF = "CA" * 8
CNN3 = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "examples", "models", "cnn3.json")


def make_data(scratch):
    rng = random.Random(5)
    length, step = 400_000, 250
    bases = [rng.choice("ACGT") for _ in range(length)]
    peaks, decoys = [], []
    for at in range(100, length - 100, step):
        begin = at + rng.randrange(step - 60)
        if rng.random() < 0.5:
            bases[begin:begin + len(MOTIF)] = MOTIF
            peaks.append((begin - 5, begin + len(MOTIF) + 5))
    for at in range(5_000, length, 40_000):
        decoys.append((at, at + 100))
    with open(f"{scratch}/ref.fa", "w") as f:
        f.write(">chrA\n" + "\n".join("".join(bases[i:i + 80]) for i in range(0, length, 80)) + "\n")
    for name, rows in (("motif", peaks), ("noise", decoys)):
        with open(f"{scratch}/{name}.bed", "w") as f:
            f.writelines(f"chrA\t{b}\t{e}\n" for b, e in rows)
    with open(f"{scratch}/sheet.tsv", "w") as f:
        f.write("name\tclass\ttarget\tcell\tpeaks\nmotif\tTFBS\tX\tY\tmotif.bed\nnoise\tDNase\t\tY\tnoise.bed\n")
    run("regds-build", "-f", f"{scratch}/ref.fa", "--sheet", f"{scratch}/sheet.tsv", "--window", 2000, "--valid",
        "chrA:1-40,000", "--test", "chrA:40,001-100,000", "-o", f"{scratch}/x.regds")


def rows(path):
    with open(path) as f:
        lines = [line.rstrip("\n").split("\t") for line in f]
    return [dict(zip(lines[0], line)) for line in lines[1:]]


def newest_step(out):
    names = os.listdir(out + ".part") if os.path.isdir(out + ".part") else []
    return max((int(n[5:-12]) for n in names if n.startswith("step-") and n.endswith(".safetensors")), default=-1)


def wait_for_step(out, step, process, seconds=900):
    end = time.time() + seconds
    while newest_step(out) < step:
        assert time.time() < end, f"{out} did not reach step {step} in {seconds} s"
        assert process.poll() is None, f"{out} ended ({process.returncode}) before step {step}: {process.stderr.read()}"
        time.sleep(0.002)


def every_instruction_set(scratch):
    """cnn3 with few filters learns the motif, to the same bits on one thread and two."""
    with open(CNN3) as f:
        spec = json.load(f)
    for layer in spec["layers"]:
        if "filters" in layer:
            layer["filters"] = min(layer["filters"], 24)
    write(f"{scratch}/small.json", json.dumps(spec))
    for precision in ("f32", "bf16"):
        for isa in cpu_isas(precision):
            how = ["-d", f"{scratch}/x.regds", "--isa", isa, "--precision", precision]
            for threads in (1, 2):
                run("regtrain", *how, "-a", f"{scratch}/small.json", "--batch", 4, "--epochs", EPOCHS, "--lr", 0.003, "--seed", 3,
                    "-@", threads, "-o", f"{scratch}/{isa}-{threads}", "--force")
            check(tensors(f"{scratch}/{isa}-1") == tensors(f"{scratch}/{isa}-2"), f"tensors depend on -@ with {isa} in {precision}")
            run("regeval", "-m", f"{scratch}/{isa}-2", *how, "-o", f"{scratch}/{isa}.tsv")
            motif = rows(f"{scratch}/{isa}.tsv")[0]
            check(float(motif["average_precision"]) > 0.9, (isa, precision, motif))


def main():
    with tempfile.TemporaryDirectory() as scratch:
        make_data(scratch)
        data = ["-d", f"{scratch}/x.regds", "-a", "cnn3", "--batch", 4, "--seed", 3]
        short = data + ["--steps", 60, "--valid-every", 20, "--valid-fraction", 0.5, "--schedule", "cosine",
                        "--rc-augment", "--clip", 5]

        # Learning, and regeval.
        model = f"{scratch}/model.safetensors"
        done = run("regtrain", *data, "--epochs", EPOCHS, "--lr", 0.003, "-o", model)
        check("best at step" in done.stderr, done.stderr)
        check(not os.path.exists(model + ".part"), "OUT.part stays behind")
        log = rows(f"{scratch}/model.log.tsv")
        losses = [float(row["loss"]) for row in log if row["loss"] != "NA"]
        check(losses[-1] < losses[0] / 2, losses)
        check(sum(row["valid_average_precision"] != "NA" for row in log) == EPOCHS, "a validation an epoch")
        for mode in ("paper", "tiled"):
            run("regeval", "-m", model, "-d", f"{scratch}/x.regds", "--window-mode", mode, "-o", f"{scratch}/{mode}.tsv",
                "--curves", f"{scratch}/curves.tsv")
            table = rows(f"{scratch}/{mode}.tsv")
            check(list(table[0]) == ["split", "marker", "class", "roc_auc", "average_precision", "pr_auc_trapezoid",
                                     "recall_at_fdr05", "prevalence", "positives", "ap_over_prevalence", "mcc", "top_k_accuracy",
                                     "calibration_slope", "calibration_intercept", "calibration_error",
                                     "calibration_error_of_constant", "site_precision", "site_recall", "site_f1", "site_length",
                                     "label_length", "roc_auc_low", "roc_auc_high", "average_precision_low",
                                     "average_precision_high", "mcc_low", "mcc_high"], list(table[0]))
            check([row["marker"] for row in table] == ["motif", "noise", "mean", "mean", "median", "median"], table)
            check(float(table[0]["average_precision"]) > 0.9, table[0])
            check(float(table[0]["roc_auc"]) > 0.98, table[0])
            check(0.04 < float(table[0]["prevalence"]) < 0.07, table[0])
            # Trained, and so calibrated: sites as long as the labels, nearly all found.
            check(float(table[0]["site_f1"]) > 0.8, table[0])
            check(0.5 < float(table[0]["site_length"]) / float(table[0]["label_length"]) < 2, table[0])
            check(table[1]["site_f1"] == "NA" or float(table[1]["site_f1"]) < 0.5, table[1])
        check(len(rows(f"{scratch}/curves.tsv")) > 500, "curves")
        only = run("regeval", "-m", model, "-d", f"{scratch}/x.regds", "-k", "motif", "--split", "valid").stdout
        check(len(only.splitlines()) == 4, only)
        # What regeval fits is what training fitted.
        run("regeval", "-m", model, "-d", f"{scratch}/x.regds", "--calibrate", f"{scratch}/again.safetensors")
        check(metadata(f"{scratch}/again.safetensors")["regkit.calls"] == metadata(model)["regkit.calls"], "other calls")
        check(tensors(f"{scratch}/again.safetensors") == tensors(model), "calibration changed tensors")
        done = run("regeval", "-m", model, "-d", f"{scratch}/x.regds", "--calibrate", f"{scratch}/c", "-k", "motif", code=2)
        check("does not go with -k" in done.stderr, done.stderr)
        # Positions that are excluded do not count.
        with open(f"{scratch}/most.bed", "w") as f:
            f.write("chrA\t0\t60000\n")
        run("regeval", "-m", model, "-d", f"{scratch}/x.regds", "--exclude", f"{scratch}/most.bed", "-o", f"{scratch}/e.tsv")
        some, all_of = rows(f"{scratch}/e.tsv")[0], rows(f"{scratch}/paper.tsv")[0]
        check(0 < int(some["positives"]) < int(all_of["positives"]), some)
        one, two = (run("regeval", "-m", model, "-d", f"{scratch}/x.regds", "-@", n).stdout for n in (1, 2))
        check(one == two, "regeval depends on -@")

        every_instruction_set(scratch)

        # The same tensors whatever happens.
        run("regtrain", *short, "-o", f"{scratch}/a", "-@", 2)
        whole = tensors(f"{scratch}/a")
        run("regtrain", *short, "-o", f"{scratch}/b", "-@", 1)
        check(tensors(f"{scratch}/b") == whole, "tensors depend on -@")

        # In bf16 too; and a run keeps its precision.
        for threads in (1, 2):
            run("regtrain", *short, "--precision", "bf16", "-@", threads, "-o", f"{scratch}/bf16-{threads}",
                "--keep-checkpoints")
        check(tensors(f"{scratch}/bf16-1") == tensors(f"{scratch}/bf16-2"), "tensors depend on -@ in bf16")
        check(tensors(f"{scratch}/bf16-1") != whole, "bf16 trained to f32's tensors")
        done = run("regtrain", *short, "-o", f"{scratch}/bf16-1", "--resume", code=4)
        check('its run had precision "bf16", not "f32"' in done.stderr, done.stderr)
        one, two = (run("regeval", "-m", model, "-d", f"{scratch}/x.regds", "--precision", "bf16", "-@", n).stdout
                    for n in (1, 2))
        check(one == two, "regeval in bf16 depends on -@")

        def start(out):
            return subprocess.Popen([os.path.join(BIN, "regtrain"), *map(str, short), "-o", out, "--checkpoint-every", "0",
                                     "--resume"], stderr=subprocess.PIPE, text=True)

        out = f"{scratch}/killed"
        for step in (5, 20, 33):  # before, at and after a validation
            process = start(out)
            wait_for_step(out, step, process)
            process.kill()
            process.communicate()
        check(not os.path.exists(out), "a killed run left a model")
        run("regtrain", *short, "-o", out, code=2)  # neither --resume nor --force
        run("regtrain", *short, "--lr", 0.5, "-o", out, "--resume", code=4)  # other settings
        newest = newest_step(out)
        run("regtrain", *short, "-o", out, "--force", "-f", f"{scratch}/none.fa", code=1)  # costs no checkpoint
        check(newest_step(out) == newest, "a start that failed took the checkpoints")
        with open(f"{out}.part/step-{newest}.safetensors", "r+b") as f:
            f.seek(-9, os.SEEK_END)
            byte = f.read(1)
            f.seek(-9, os.SEEK_END)
            f.write(bytes([byte[0] ^ 1]))
        done = run("regtrain", *short, "-o", out, "--resume")
        check("falling back" in done.stderr, done.stderr)
        check(f"resuming at step {newest - 1}" in done.stderr, done.stderr)
        check(tensors(out) == whole, "tensors differ after kill -9")

        out = f"{scratch}/stopped"
        process = start(out)
        wait_for_step(out, 7, process)
        process.send_signal(signal.SIGTERM)
        words = process.communicate(timeout=300)[1]
        check(process.returncode == 75, (process.returncode, words))
        check("--resume" in words, words)
        run("regtrain", *short, "-o", out, "--resume")
        check(tensors(out) == whole, "tensors differ after SIGTERM")
        steps = [(row["step"], row["valid_loss"] == "NA") for row in rows(out + ".log.tsv")]
        check(steps == [(row["step"], row["valid_loss"] == "NA") for row in rows(f"{scratch}/a.log.tsv")], steps)

        # A finished run, started again by a queue, is left as it is.
        def stamps():
            return [os.stat(f"{scratch}/a{end}").st_mtime_ns for end in ("", ".log.tsv")]

        times = stamps()
        done = run("regtrain", *short, "-o", f"{scratch}/a", "--resume")
        check("/a: its training is complete (60 steps, " in done.stderr, done.stderr)
        check(stamps() == times and not os.path.exists(f"{scratch}/a.part"), "a finished run was touched")
        brief = [*data, "--steps", 8, "--valid-every", 4]
        run("regtrain", *brief, "--keep-checkpoints", "-o", f"{scratch}/e")
        check("nt/s, loss " in run("regtrain", *brief, "-o", f"{scratch}/e", "--force", "--keep-checkpoints").stderr, "its speed")
        os.remove(f"{scratch}/e")
        done = run("regtrain", *brief, "-o", f"{scratch}/e", "--resume", "--keep-checkpoints")
        check("8 steps, " in done.stderr and "nt/s" not in done.stderr and "loss" not in done.stderr.splitlines()[-1],
              done.stderr)
        # As a kill between the names of the model and of its log leaves them.
        with open(f"{scratch}/e.log.tsv") as f:
            log = f.read()
        os.rename(f"{scratch}/e.log.tsv", f"{scratch}/.e.log.tsv.0123456789abcdef.regkit.tmp")
        os.utime(f"{scratch}/.e.log.tsv.0123456789abcdef.regkit.tmp", (1, 1))
        done = run("regtrain", *brief, "-o", f"{scratch}/e", "--resume")
        check("training is complete (8 steps" in done.stderr, done.stderr)
        check(not os.path.exists(f"{scratch}/e.part"), "the checkpoints of a complete run stay")
        with open(f"{scratch}/e.log.tsv") as f:
            check(f.read() == log, "another log than the run's")
        check(not [name for name in os.listdir(scratch) if name.endswith(".tmp")], os.listdir(scratch))
        # Without validation there is a checkpoint of the last step, too.
        run("regds-build", "-f", f"{scratch}/ref.fa", "--sheet", f"{scratch}/sheet.tsv", "--window", 2000, "--test",
            "chrA:1-360,000", "-o", f"{scratch}/y.regds")
        run("regtrain", "-d", f"{scratch}/y.regds", "-a", "cnn3", "--batch", 2, "--steps", 3, "--keep-checkpoints",
            "-o", f"{scratch}/n")
        check(newest_step(f"{scratch}/n") == 3, "no checkpoint of the last step")
        patient = [*data, "--steps", 40, "--valid-every", 4, "--patience", 1, "--lr", 1e-30, "--no-norm", "-o", f"{scratch}/p"]
        run("regtrain", *patient)
        check("training is complete (8 steps" in run("regtrain", *patient, "--resume").stderr, "not stopped by patience")

        # A best model that went is found at the start, not hours later.
        run("regtrain", *brief, "--keep-checkpoints", "-o", f"{scratch}/f")
        os.remove(f"{scratch}/f")
        for name in os.listdir(f"{scratch}/f.part"):
            if name.startswith("best-"):
                os.remove(f"{scratch}/f.part/{name}")
        done = run("regtrain", *brief, "-o", f"{scratch}/f", "--resume", code=3)
        check("is missing" in done.stderr and "start over with --force" in done.stderr, done.stderr)

        # Divergence.
        before = tensors(model)
        done = run("regtrain", *data, "--steps", 20, "--lr", "1e30", "-o", model, code=5)
        check("diverged at step" in done.stderr, done.stderr)
        check(tensors(model) == before, "a diverged run touched the model")

        # Another reference.
        with open(f"{scratch}/ref.fa") as f, open(f"{scratch}/other.fa", "w") as g:
            g.write(f.read()[:-2] + "N\n")
        run("regtrain", *short, "-f", f"{scratch}/other.fa", "-o", f"{scratch}/c", code=4)
        run("regeval", "-m", model, "-d", f"{scratch}/x.regds", "-f", f"{scratch}/other.fa", "--check-reference", code=4)

        presets = run("regtrain", "--presets").stdout.splitlines()
        check(presets[0] == "preset\ttask\tlayers\tparameters\treceptive_field", presets[0])
        check(any(line.startswith("dilated\t") and "\t631213\t" in line for line in presets), presets)
    assert tools.checks > 30, tools.checks
    print(f"training: {tools.checks} checks")


if __name__ == "__main__":
    main()
