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
    from sklearn.linear_model import LogisticRegression
    from sklearn.metrics import auc, average_precision_score, matthews_corrcoef, precision_recall_curve, roc_auc_score
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
            max(recall[precision >= 0.95], default=0.0), loss, best_mcc(z, labels), top_k(z, labels),
            *(calibration(z, labels) if len(z) < 100_000 or 0.005 < labels.mean() < 0.05 else [])]


def best_mcc(z, labels):
    """Of some cutoffs about the best one, which lies where the derivative of a smooth curve changes its sign."""
    order = np.argsort(-z, kind="stable")
    called, hits = np.arange(1, len(z) + 1), np.cumsum(labels[order])
    last = np.append(z[order][:-1] != z[order][1:], False)  # a cutoff cannot part what ties, and calls not all
    n, p = float(len(z)), float(labels.sum())
    with np.errstate(divide="ignore", invalid="ignore"):
        mcc = np.where(last, (hits * n - called * p) / np.sqrt(called * (n - called) * p * (n - p)), -1)
    best = int(np.argmax(mcc))
    exact = matthews_corrcoef(labels, z >= z[order][best])
    assert abs(exact - mcc[best]) < 1e-9, (exact, mcc[best])
    return max(exact, 0.0)


def top_k(z, labels):
    """Labels of what ties are, on average, their mean."""
    mean = {value: labels[z == value].mean() for value in np.unique(z)} if len(np.unique(z)) < 1000 else None
    order = np.argsort(-z, kind="stable")[: labels.sum()]
    return float(np.mean([mean[value] for value in z[order]] if mean else labels[order]))


def calibration(z, labels):
    model = LogisticRegression(penalty=None, tol=1e-9, max_iter=1000).fit(z[:, None], labels)
    p, prevalence = 1 / (1 + np.exp(-z)), labels.mean()
    above = np.flatnonzero(p > prevalence)
    above = above[np.argsort(p[above], kind="stable")]
    bins, passed = [], 0
    for group in np.split(above, np.flatnonzero(np.diff(p[above])) + 1):  # what ties stays together
        if passed * 10 >= len(above) * len(bins):
            bins.append([])
        bins[-1].append(group)
        passed += len(group)
    bins = [np.concatenate(b) for b in bins]
    weight = [len(b) / len(above) for b in bins]
    error = sum(w * abs(labels[b].mean() - p[b].mean()) for w, b in zip(weight, bins))
    of_constant = sum(w * abs(labels[b].mean() - prevalence) for w, b in zip(weight, bins))
    return [model.coef_[0, 0], model.intercept_[0], error, of_constant]


def constants(scratch):
    """A constant, and one within rounding, has the average precision of chance and no trapezoid."""
    labels = np.arange(1000) % 5 == 0
    for logits in (np.full(1000, -1.5), -1.5 + 1e-6 * np.sin(np.arange(1000))):
        roc, ap, trapezoid, recall, _, mcc, top, slope, intercept, error, of_constant = ours(scratch, logits, labels)
        assert abs(roc - 0.5) <= 0.05 and abs(ap - 0.2) <= 0.03 and np.isnan(trapezoid) and recall == 0, (roc, ap, trapezoid)
        assert np.isnan(slope) and np.isnan(intercept) and abs(top - 0.2) <= 0.05, (slope, intercept, top)


# Of mcc, top_k and the binned errors a few positions may change places where logits share a cell; slopes of logits that tell
# nothing have errors of a few percent themselves.
TOLERANCES = np.array([1e-4] * 5 + [1e-3, 2e-3, 1e-3, 2e-3, 2e-3, 2e-3])
# What ties lies at one end of its cell, where the middle is taken: 1/512 off between -24 and -8, which the line has to bridge.
TIED = np.array([1] * 7 + [5, 20, 1, 1])
rng = np.random.default_rng(11)
checked, worst = 0, np.zeros(11)
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
                    right = np.array(oracle(logits, labels))
                    difference = np.zeros(11)
                    difference[: len(right)] = np.abs(np.array(ours(scratch, logits, labels))[: len(right)] - right)
                    worst = np.maximum(worst, difference)
                    checked += 1
                    allowed = TOLERANCES * (TIED if kind == "tied" else 1)
                    assert (difference <= allowed).all(), (n, prevalence, separation, kind, difference)
assert checked == 72, checked
print("metrics: %d sets, largest differences roc_auc %.1e ap %.1e pr_auc %.1e recall %.1e loss %.1e mcc %.1e top_k %.1e slope %.1e "
      "intercept %.1e error %.1e of_constant %.1e" % (checked, *worst))
