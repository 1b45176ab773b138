"""A run's log: losses, what validation measured of each class, and the rates, one below the other."""
import re

import numpy as np

from .. import output, style, tables
from ..errors import InputError, UsageError

PANEL, LOW = 28, 16  # mm
TITLES = {"average_precision": "average precision", "roc_auc": "ROC AUC", "pearson_r": "Pearson's r", "pearson_r_log1p": "Pearson's r\nof log(1 + y)"}


def read(word):
    name, path = tables.named(word)
    table = tables.Table(path, ("step", "epoch", "loss", "valid_loss", "lr", "grad_norm"), "a log of regtrain")
    return name, table


def measures(logs):
    """[(axis title, [(column, label)])]: one panel for each kind of metric that the logs have by class."""
    columns = list(dict.fromkeys(column for _, table in logs for column in table.columns))
    kinds = {}
    for column in columns:
        match = re.fullmatch(r"valid_(average_precision|roc_auc|pearson_r_log1p|pearson_r)(?:_(.+))?", column)
        if match and match.group(2):
            kinds.setdefault(match.group(1), []).append((column, match.group(2)))
    return [(f"{TITLES[kind]}\n(validation)", members) for kind, members in kinds.items()]


def plot(axes, table, axis, column, **line):
    if column not in table.columns:
        return 0
    x, y = np.array(table.column(axis)), np.array(table.column(column))
    known = np.isfinite(x) & np.isfinite(y)
    if column.startswith("valid") and known.sum() < 60:
        line.update(marker="o", markersize=2)
    axes.plot(x[known], y[known], **line)
    return int(known.sum())


def draw(arguments):
    logs = [read(word) for word in arguments.words]
    axis = arguments.text("axis")
    if len(logs) > 6:
        raise UsageError(f"{len(logs)} logs are more than a picture shows, 6")
    several = len(logs) > 1
    kinds = measures(logs)
    rows = [("loss", None)] + kinds + [("learning rate", "lr"), ("gradient norm", "grad_norm")]
    width = arguments.number("width", 80, 1000)
    heights = [LOW if isinstance(members, str) else PANEL for _, members in rows]
    page = style.Page(width, 9 + sum(heights) + 4 * len(rows) + 12)
    ends = [value for _, table in logs for value in table.column(axis) if np.isfinite(value)]
    limits = (0, max(ends, default=1) * 1.01 or 1)
    for number, (name, members) in enumerate(rows):
        axes = page.axes(17, 9 + sum(heights[:number]) + 4 * number, width - 17 - 42, heights[number])
        for index, (model, table) in enumerate(logs):
            prefix = f"{model}, " if several else ""
            dashes = style.DASHES[index % len(style.DASHES)]
            if name == "loss":
                colour = style.COLOURS[index] if several else style.GREY
                plot(axes, table, axis, "loss", color=colour, linewidth=0.5, alpha=0.55, label=f"{prefix}training")
                plot(axes, table, axis, "valid_loss", color=style.COLOURS[index], linewidth=1.2, label=f"{prefix}validation")
            elif isinstance(members, str):
                plot(axes, table, axis, members, color=style.COLOURS[index] if several else "black", linewidth=0.7, label=model if several else None)
            else:
                for order, (column, label) in enumerate(members):
                    plot(axes, table, axis, column, color=style.COLOURS[order % 7], linestyle=dashes, label=prefix + label)
        if members is None and not axes.lines:
            raise InputError(f"{logs[0][1].path}: there is no loss to draw")
        finish(axes, name, axis, limits, number == len(rows) - 1)
    title = style.title_of(arguments, "Training: " + ", ".join(name for name, _ in logs))
    page.title(title)
    page.note("Losses of training are means over the steps since the row before.")
    return output.Picture(page.figure, title, caption(logs, axis))


def finish(axes, name, axis, limits, last):
    axes.set_ylabel(name)
    drawn = np.concatenate([line.get_ydata() for line in axes.lines] or [[]])
    if name in ("loss", "gradient norm"):
        if len(drawn) and drawn.min() > 0 and drawn.max() > 20 * drawn.min():
            axes.set_yscale("log")
            axes.set_ylabel(f"{name} (log scale)")
    elif name.startswith("ROC AUC") and len(drawn) and drawn.min() >= 0.5:
        axes.set_ylim(0.5, 1)
    else:
        axes.set_ylim(bottom=min(0, drawn.min() if len(drawn) else 0))
    if axes.get_yscale() == "linear":
        axes.locator_params(axis="y", nbins=5)
        style.plain_numbers(axes.yaxis)
    axes.set_xlim(*limits)
    if not last:
        axes.set_xticklabels([])
    else:
        axes.set_xlabel(axis)
    if axes.get_legend_handles_labels()[1]:
        axes.legend(loc="upper left", bbox_to_anchor=(1.01, 1), borderaxespad=0, labelspacing=0.25)


def caption(logs, axis):
    parts = []
    for name, table in logs:
        validated = [index for index in range(len(table.rows)) if np.isfinite(table.number(index, "valid_loss"))]
        text = f"{name}: {len(table.rows)} rows, {len(validated)} validations"
        column = "valid_average_precision"
        if validated and column in table.columns:
            best = max(validated, key=lambda index: table.number(index, column))
            text += f", the best mean average precision {style.figures(table.number(best, column))} at {axis} {table.rows[best][axis]}"
        parts.append(text)
    return "; ".join(parts) + "."
