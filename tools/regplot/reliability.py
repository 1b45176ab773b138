"""Observed against predicted: positions in bins of their probability, with intervals from blocks of the sequence."""
from dataclasses import dataclass

import numpy as np

from . import tracks
from .errors import InputError

REPLICATES = 200
SHORTEST = 1e-6  # probabilities closer to 0 or 1 count as this


@dataclass
class Reliability:
    predicted: np.ndarray   # by bin: mean probability
    observed: np.ndarray    # share that is positive
    low: np.ndarray         # 95 % interval of it; NaN of fewer than two blocks
    high: np.ndarray
    counts: np.ndarray      # positions
    edges: np.ndarray       # probabilities between which the bins lie
    positives: int
    unknown: int            # positions without a prediction
    blocks: int


def logit(probability):
    return np.log(probability / (1 - probability))


def sums_of(region, path, intervals, edges, block):
    """By block and bin: positions, positive ones, sum of probabilities; and how many positions have no prediction."""
    result, unknown = [], 0
    for begin in range(region.begin - region.begin % block, region.end, block):
        part = tracks.Region(region.contig, max(begin, region.begin), min(begin + block, region.end))
        values = tracks.values(path, part)
        known = np.isfinite(values)
        unknown += int((~known).sum())
        if not known.any():
            continue
        values = values[known]
        if values.min() < 0 or values.max() > 1:
            raise InputError(f"{path}: {part} has values outside of 0 to 1; these are no probabilities")
        positive = tracks.covered([each for each in intervals if each.begin < part.end and each.end > part.begin], part)[known]
        at = np.clip(np.digitize(values, edges[1:-1]), 0, len(edges) - 2)
        result.append([np.bincount(at, weights=weights, minlength=len(edges) - 1) for weights in (None, positive, values)])
    return result, unknown


def measure(regions, path, peaks, bins, block, seed):
    # Most positions are next to 0; bins of equal width in logits show them and the few high ones.
    edges = 1 / (1 + np.exp(-np.linspace(-9, 4, bins + 1)))
    edges[0], edges[-1] = 0, 1
    sums, unknown = [], 0
    for region in regions:
        intervals = tracks.intervals(peaks, region)
        found, missing = sums_of(region, path, intervals, edges, block)
        sums += found
        unknown += missing
    if not sums:
        raise InputError(f"{path}: there is no value in {', '.join(map(str, regions))}")
    sums = np.array(sums)  # blocks x 3 x bins
    counts, positive, predicted = sums.sum(axis=0)
    with np.errstate(invalid="ignore", divide="ignore"):
        observed, mean = positive / counts, predicted / counts
        low = high = np.full(bins, np.nan)
        if len(sums) > 1:
            draws = np.random.default_rng(seed).multinomial(len(sums), np.full(len(sums), 1 / len(sums)), size=REPLICATES)
            drawn = np.tensordot(draws, sums, axes=1)
            share = drawn[:, 1] / drawn[:, 0]
            low, high = np.full(bins, np.nan), np.full(bins, np.nan)
            often = np.isfinite(share).mean(axis=0) > 0.5
            low[often], high[often] = np.nanpercentile(share[:, often], [2.5, 97.5], axis=0)
    return Reliability(mean, observed, low, high, counts.astype(int), edges, int(positive.sum()), unknown, len(sums))
