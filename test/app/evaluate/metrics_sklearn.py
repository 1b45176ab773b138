#!/usr/bin/env python3
"""Streaming metrics against scikit-learn on the f32 logits themselves: to 1e-4, over prevalences, separations, calibrated
and shifted logits, ties, few positives and many."""
import os
import subprocess
import sys
import tempfile

python = os.environ.get("REGKIT_PYTHON", "/usr/bin/python3")
if os.path.realpath(python) != os.path.realpath(sys.executable):
    os.execv(python, [python] + sys.argv)
try:
    import numpy as np
    from sklearn.metrics import auc, average_precision_score, log_loss, precision_recall_curve, roc_auc_score
except ImportError:
    print("SKIPPED: needs python3-sklearn")
    sys.exit(77)

PROBE = os.path.join(os.environ["REGKIT_BIN"], "metrics_probe")


def ours(scratch, logits, labels):
    paths = [os.path.join(scratch, name) for name in ("logits", "labels")]
    logits.astype("<f4").tofile(paths[0])
    labels.astype(np.uint8).tofile(paths[1])
    return [float(x) for x in subprocess.run([PROBE] + paths, check=True, capture_output=True, text=True).stdout.split()]


def oracle(logits, labels):
    precision, recall, _ = precision_recall_curve(labels, logits)
    # The last point, precision 1 at recall 0, belongs to no cutoff: level from the highest one's precision instead.
    distinct = np.append(precision[:-1], precision[-2])
    z = logits.astype(np.float64)
    loss = np.mean(np.logaddexp(0, np.where(labels, -z, z)))
    return [roc_auc_score(labels, logits), average_precision_score(labels, logits), auc(recall, distinct),
            max(recall[precision >= 0.95], default=0.0), loss]


def constants(scratch):
    """A constant, and one within rounding, has the average precision of chance and no trapezoid."""
    labels = np.arange(1000) % 5 == 0
    for logits in (np.full(1000, -1.5), -1.5 + 1e-6 * np.sin(np.arange(1000))):
        roc, ap, trapezoid, recall, _ = ours(scratch, logits, labels)
        assert abs(roc - 0.5) <= 0.05 and abs(ap - 0.2) <= 0.03 and np.isnan(trapezoid) and recall == 0, (roc, ap, trapezoid)


rng = np.random.default_rng(11)
checked, worst = 0, np.zeros(5)
with tempfile.TemporaryDirectory() as scratch:
    constants(scratch)
    for n in (25_000, 400_000):
        for prevalence in (0.001, 0.01, 0.2):
            for separation in (0.0, 1.0, 2.5, 5.0):
                labels = rng.random(n) < prevalence
                labels[:2] = [True, False]
                z = rng.normal(np.where(labels, separation, 0), 1)
                # the calibrated logit of two unit normals, as a trained model gives it
                z = separation * z - separation**2 / 2 + np.log(prevalence / (1 - prevalence)) if separation else z - 5
                for kind, logits in (("calibrated", z), ("weighted", z + 3), ("tied", np.round(z * 4) / 4)):
                    logits = logits.astype(np.float32)
                    difference = np.abs(np.array(ours(scratch, logits, labels)) - np.array(oracle(logits, labels)))
                    worst = np.maximum(worst, difference)
                    checked += 1
                    assert (difference <= 1e-4).all(), (n, prevalence, separation, kind, difference)
assert checked == 72, checked
print("metrics: %d sets, largest differences roc_auc %.1e ap %.1e pr_auc %.1e recall %.1e loss %.1e" % (checked, *worst))
