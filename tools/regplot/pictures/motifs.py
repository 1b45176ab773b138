"""Logos of motifs, and below each the motif of a collection that is most like it."""
import importlib.util

import numpy as np

from .. import letters, output, style, tables
from .. import motifs as motif
from ..errors import UsageError

LOGO, COLUMN, LEAST, MOST = 9, 3.0, 2.0, 60  # mm; a column's width, and the least


def matched(queries, collection):
    """The best match of each, and how it was found."""
    if importlib.util.find_spec("memelite"):
        return motif.best_by_tomtom(queries, collection), "TOMTOM's test (memelite); q by Benjamini and Hochberg"
    return [motif.best_by_correlation(query, collection) for query in queries], ("the largest r, without a test (memelite, which has one, is "
                                                                               "not installed)")


def draw_logo(page, left, top, matrix, background, first, columns, column):
    """Columns from `first` of `columns` that are shown."""
    heights = motif.information(matrix, background)
    axes = page.axes(left, top, columns * column, LOGO)
    axes.set_xlim(0, columns)
    axes.set_ylim(0, 2.02)
    for i, row in enumerate(heights):
        letters.stack(axes, first + i, dict(zip("ACGT", row)))
    axes.set_xticks([])
    axes.set_yticks([0, 1, 2])
    axes.tick_params(labelsize=5.5)
    axes.spines["bottom"].set_bounds(first, first + len(matrix))
    axes.set_ylabel("bits", fontsize=5.5)
    return axes


def draw(arguments):
    path = arguments.words[0]
    found, background = motif.read(path)
    names = tables.chosen([each.name for each in found], arguments.all("names"), path, "--names")
    shown = [next(each for each in found if each.name == name) for name in names]
    if len(shown) > MOST:
        raise UsageError(f"{path} has {len(shown)} motifs, more than a picture shows, {MOST}; choose with --names")
    collection, how, matches = [], "", [None] * len(shown)
    if arguments.given("collection"):
        collection = motif.read(arguments.text("collection"))[0]
        matches, how = matched(shown, collection)
    width = arguments.number("width", 80, 1000)
    before = [max(0, -match.offset) if match else 0 for match in matches]
    reach = [max(len(each.matrix) + lead, (match.offset + len(match.motif.matrix) + lead) if match else 0)
             for each, match, lead in zip(shown, matches, before)]
    longest = max(reach)
    text = 36
    across = max(1, int((width - 2) // (text + 9 + longest * LEAST)))
    across = min(across, len(shown))
    cell = (width - 2) / across
    column = min(COLUMN, (cell - text - 9) / longest)
    row_height = (LOGO + 2) * (2 if collection else 1) + 4
    rows = -(-len(shown) // across)
    page = style.Page(width, 9 + rows * row_height + 8)
    for number, (each, match, lead) in enumerate(zip(shown, matches, before)):
        left, top = 2 + number % across * cell, 9 + number // across * row_height
        draw_logo(page, left + text, top, each.matrix, background, lead, longest, column)
        page.text(left, top + 1, cut(each.label()), fontweight="bold")
        page.text(left, top + 4.2, f"{each.sites} sites" if each.sites else "", fontsize=6)
        if match:
            matrix = motif.turned(match.motif.matrix) if match.reverse else match.motif.matrix
            draw_logo(page, left + text, top + LOGO + 2, matrix, background, lead + match.offset, longest, column)
            measure = f"r = {match.score:.2f}" + (f", q = {match.q:.1e}" if np.isfinite(match.q) else "")
            measure = measure.replace("-", "−")
            page.text(left, top + LOGO + 3, cut(match.motif.label()))
            page.text(left, top + LOGO + 6.2, measure + ("\nreverse complement" if match.reverse else ""), fontsize=6, linespacing=1.3)
    title = style.title_of(arguments, f"{len(shown)} motif{'s' if len(shown) > 1 else ''} of {tables.named(path)[0]}")
    page.title(title)
    note = f"Below each: the closest of {len(collection)} motifs, by {how}. r: mean correlation of columns." if collection else "Heights: relative entropy to the background."
    page.note(note)
    return output.Picture(page.figure, title, f"{title}: {style.short(each.label() for each in shown)}. {note}")


def cut(text, most=22):
    return text if len(text) <= most else text[:most - 1] + "…"
