"""Motifs in the MEME suite's text format, and how alike two are."""
import re
from dataclasses import dataclass

import numpy as np

from . import tables
from .errors import InputError


@dataclass
class Motif:
    name: str
    alternative: str
    matrix: np.ndarray   # width x 4: probabilities of A, C, G, T
    sites: str           # as the file says it

    def label(self):
        return f"{self.name} {self.alternative}".strip()


@dataclass
class Match:
    motif: Motif
    score: float
    offset: int          # of the match's first column, from that of the motif asked for
    reverse: bool
    q: float = float("nan")


def read(path):
    found, background, current, rows = [], np.full(4, 0.25), None, []
    numbers = None  # lines of the matrix that are to come
    seen = False
    for number, line in tables.lines(path):
        words = line.split()
        seen |= line.startswith("MEME version")
        if numbers:
            try:
                row = [float(word) for word in words]
                if len(row) != 4 or min(row) < 0 or abs(sum(row) - 1) > 0.01:
                    raise ValueError
            except ValueError:
                raise InputError(f"{path}:{number}: four probabilities that sum up to 1 are wanted") from None
            rows.append(row)
            numbers -= 1
            if not numbers:
                found.append(Motif(*current, np.array(rows) / np.sum(rows, axis=1, keepdims=True), sites))
        elif words[:1] == ["MOTIF"] and len(words) > 1:
            current = words[1], " ".join(words[2:])
        elif line.startswith("letter-probability matrix") and current:
            match = re.search(r"\bw= *([0-9]+)", line)
            if not match or int(match.group(1)) < 1:
                raise InputError(f"{path}:{number}: the matrix has no width, w=")
            numbers, rows = int(match.group(1)), []
            match = re.search(r"nsites= *([0-9.e+]+)", line)
            sites = match.group(1) if match else ""
        elif words[:1] == ["A"] and len(words) == 8 and not found and current is None:
            background = np.array([float(word) for word in words[1::2]])
    if not seen or not found or numbers:
        raise InputError(f"{path}: these are no motifs in the MEME suite's text format" + (", or the last one is cut off" if numbers else ""))
    return found, background / background.sum()


def information(matrix, background):
    """Width x 4: heights of the letters in bits, each letter's share of its column's relative entropy."""
    with np.errstate(divide="ignore", invalid="ignore"):
        parts = np.where(matrix > 0, matrix * np.log2(matrix / background), 0)
    return matrix * np.maximum(parts.sum(axis=1, keepdims=True), 0)


def turned(matrix):
    """The reverse complement."""
    return matrix[::-1, ::-1]


def standard(matrix):
    centred = matrix - matrix.mean(axis=1, keepdims=True)
    length = np.linalg.norm(centred, axis=1, keepdims=True)
    return np.divide(centred, length, out=np.zeros_like(centred), where=length > 1e-9)


def correlation(query, target, least=4):
    """(score, offset): the sum of the columns' correlations where two motifs overlap best, over the columns of the shorter one, or of the
    overlap where that is longer; so what hangs over counts as nothing."""
    columns = standard(query) @ standard(target).T
    shorter = min(columns.shape)
    best = (-2.0, 0)
    for offset in range(-len(target) + 1, len(query)):
        diagonal = np.diagonal(columns, -offset)
        if len(diagonal) >= min(least, shorter):
            best = max(best, (float(diagonal.sum()) / max(shorter, len(diagonal)), offset))
    return best


def best_by_correlation(query, collection):
    best = None
    for motif in collection:
        for reverse in (False, True):
            score, offset = correlation(query.matrix, turned(motif.matrix) if reverse else motif.matrix)
            if best is None or score > best.score:
                best = Match(motif, score, offset, reverse)
    return best


def best_by_tomtom(queries, collection):
    """By memelite, where it is installed: its p-values, and q-values over all comparisons of a query (Benjamini and Hochberg). They are
    laid side by side as they correlate best."""
    from memelite import tomtom
    p_values = np.asarray(tomtom([query.matrix.T for query in queries], [motif.matrix.T for motif in collection])[0])
    matches = []
    for query, p in zip(queries, p_values):
        order = np.argsort(p, kind="stable")
        q = np.minimum.accumulate((p[order] * len(p) / np.arange(1, len(p) + 1))[::-1])[::-1]
        match = best_by_correlation(query, [collection[order[0]]])
        match.q = float(min(q[0], 1))
        matches.append(match)
    return matches
