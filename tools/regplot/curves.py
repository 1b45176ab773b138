"""What pr and roc share: regeval's points, a panel a class; of one model every marker and their mean, of several the means."""
from dataclasses import dataclass

import numpy as np

from . import output, style, tables
from .errors import InputError, MismatchError, UsageError

NEEDED = ("split", "marker", "class", "curve", "threshold", "x", "y")
PANEL, LEGEND = 42, 3.1  # mm: a panel's side, a legend's line


@dataclass
class Curve:
    model: str
    marker: str          # "mean" of a class
    group: str           # class
    x: np.ndarray
    y: np.ndarray
    note: str = ""       # metric and interval, where a table tells them

    def label(self, several):
        return (self.model if several else self.marker) + (f"  {self.note}" if self.note else "")


def read(word, kind, metric, metrics):
    """Curves of a file: of a marker, or mean of a class."""
    model, path = tables.named(word)
    table = tables.Table(path, NEEDED, "a table of regeval --curves")
    groups = {}
    for index, row in enumerate(table.rows):
        if row["curve"] == kind:
            groups.setdefault((row["marker"], row["class"]), []).append(index)
    if not groups:
        raise InputError(f"{path}: there is no curve '{kind}'")
    splits = {row["split"] for row in table.rows}
    curves = []
    for (marker, group), indices in groups.items():
        x, y = (np.array(table.column(name, indices)) for name in "xy")
        if not (np.isfinite(x) & np.isfinite(y) & (x >= 0) & (x <= 1) & (y >= 0) & (y <= 1)).all():
            raise InputError(f"{path}: the curve {kind} of {marker} has points outside of 0 to 1")
        curves.append(Curve(model, marker, group, x, y, notes_of(metrics.get(model), metric, marker, group, path)))
    return curves, "/".join(sorted(splits))


def notes_of(table, metric, marker, group, path):
    """'0.294 (0.195–0.421)' of a marker's row in the table of metrics."""
    if table is None:
        return ""
    for index, row in enumerate(table.rows):
        if row["marker"] == marker and row["class"] == group and row.get("predictor", "model") == "model" and row.get("annotation", "all") == "all":
            value, low, high = (table.number(index, metric + end) if metric + end in table.columns else float("nan") for end in ("", "_low", "_high"))
            return f"{value:.3f}" + (f" ({low:.3f}–{high:.3f})" if np.isfinite(low + high) else "")
    raise MismatchError(f"{table.path}: there is no row of {marker}, which {path} has")


def tables_of_metrics(arguments, metric):
    """By the model's name; a single table goes with a single file, whatever it is called."""
    words, given = arguments.words, arguments.all("metrics")
    found = {}
    for word in given:
        name, path = tables.named(word)
        name = tables.named(words[0])[0] if len(words) == len(given) == 1 else name
        found[name] = tables.Table(path, ("split", "marker", "class", metric), "regeval's table")
    unknown = set(found) - {tables.named(word)[0] for word in words}
    if unknown:
        raise UsageError(f"--metrics: no curves are called {', '.join(sorted(unknown))}; write NAME=FILE for both")
    return found


def panels(curves, arguments, several):
    """[(title, curves to name, curves in the background)]."""
    asked = arguments.all("markers")
    if asked:
        wanted = tables.chosen([curve.marker for curve in curves], asked, "the curves")
        if several:
            return [(marker, [curve for curve in curves if curve.marker == marker], []) for marker in wanted]
        return [("", [next(curve for curve in curves if curve.marker == marker) for marker in wanted], [])]
    result = []
    for group in dict.fromkeys(curve.group for curve in curves):
        of_group = [curve for curve in curves if curve.group == group]
        means = [curve for curve in of_group if curve.marker == "mean"]
        markers = [curve for curve in of_group if curve.marker not in ("mean", "median")]
        title = group if group != "." else "no class"
        if several:
            result.append((f"{title}, mean", means or markers, []))
        elif len(markers) <= len(style.COLOURS):
            result.append((title, markers + (means if len(markers) > 1 else []), []))
        else:
            result.append((f"{title} ({len(markers)} markers)", means, markers))
    return result


def draw_panel(axes, panel, several, baseline):
    title, named, others = panel
    for curve in others:
        axes.plot(curve.x, curve.y, color=style.PALE, linewidth=0.5)
    for index, curve in enumerate(named):
        line = {"color": "black", "linestyle": "-", "linewidth": 1.3} if curve.marker == "mean" and not several else style.line_of(index)
        axes.plot(curve.x, curve.y, label=curve.label(several), **line)
    drawn = baseline(axes, named)
    axes.set_title(title)
    axes.set_xlim(0, 1)
    axes.set_ylim(0, 1.005)
    axes.set_xticks([0, 0.25, 0.5, 0.75, 1])
    axes.set_yticks([0, 0.25, 0.5, 0.75, 1])
    style.plain_numbers(axes.xaxis)
    style.plain_numbers(axes.yaxis)
    axes.set_aspect("equal", "box")
    return drawn


def draw(arguments, kind, metric, axis_names, baseline, explained):
    """`baseline(axes, curves)` draws what chance has."""
    words = arguments.words
    names = [tables.named(word)[0] for word in words]
    if len(set(names)) < len(names):
        raise UsageError("two files have the same name; write NAME=FILE")
    metrics, curves, splits = tables_of_metrics(arguments, metric), [], []
    for word in words:
        found, split = read(word, kind, metric, metrics)
        curves += found
        splits.append(split)
    if len(set(splits)) > 1:
        raise MismatchError(f"the curves are of different splits: {', '.join(sorted(set(splits)))}")
    several = len(words) > 1
    shown = panels(curves, arguments, several)
    if len(shown) > 12 or max(len(panel[1]) for panel in shown) > 28:
        raise UsageError("this is more than a picture shows; choose markers with -k")
    return layout(arguments, shown, several, splits[0], axis_names, baseline, explained)


def layout(arguments, shown, several, split, axis_names, baseline, explained):
    width = arguments.number("width", 60, 1000)
    longest = max(len(curve.label(several)) for panel in shown for curve in panel[1])
    across = max(1, min(len(shown), int((width - 6) // max(PANEL + 13, 9 + 1.25 * longest))))
    cell = (width - 6) / across
    side = min(cell - 15, 70)
    rows = [shown[i:i + across] for i in range(0, len(shown), across)]
    heights = [side + 14 + LEGEND * max(len(panel[1]) + bool(panel[2]) for panel in row) + 3 for row in rows]
    page = style.Page(width, 9 + sum(heights) + 7)
    top = 13
    for row, height in zip(rows, heights):
        for column, panel in enumerate(row):
            axes = page.axes(6 + column * cell + 8, top, side, side)
            draw_panel(axes, panel, several, baseline)
            axes.set_xlabel(axis_names[0])
            axes.set_ylabel(axis_names[1])
            handles, labels = axes.get_legend_handles_labels()
            if panel[2]:
                handles.append(style.line(style.PALE, 0.5))
                labels.append(f"each of {len(panel[2])} markers")
            axes.legend(handles, labels, loc="upper left", bbox_to_anchor=(-8 / side, -9 / side), borderaxespad=0, labelspacing=0.25)
        top += height
    title = style.title_of(arguments, f"{axis_names[2]}, {split} split")
    page.title(title)
    page.note(explained)
    count = sum(len(panel[1]) + len(panel[2]) for panel in shown)
    return output.Picture(page.figure, title, f"{axis_names[2]}: {count} curves in {len(shown)} panel{'s' if len(shown) > 1 else ''}, {split} split. {explained}")
