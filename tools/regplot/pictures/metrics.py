"""A metric of every marker as a dot with its interval; baselines and further models beside it, in the same line."""
import numpy as np

from .. import output, style, tables
from ..errors import MismatchError, UsageError

LINE, MOST = 3.4, 120
SHAPES = ("o", "s", "D", "^", "v", "P", "X")


def words_of(metric):
    return metric.replace("_", " ").replace("roc auc", "ROC AUC").replace("mcc", "MCC")


def series_of(words, metric):
    """{name: {(marker, class): (value, low, high)}}: models by their files, baselines by their predictor."""
    series, order, splits = {}, {}, set()
    for word in words:
        name, path = tables.named(word)
        table = tables.Table(path, ("split", "marker", "class"), "regeval's table")
        if metric not in table.columns:
            known = [column for column in table.columns[3:] if not column.endswith(("_low", "_high"))]
            raise UsageError(f"--metric {metric}: {path} has {', '.join(known)}")
        for index, row in enumerate(table.rows):
            if row.get("annotation", "all") != "all" or row["marker"] == "median":
                continue
            predictor = row.get("predictor", "model")
            who = name if predictor == "model" else predictor
            if predictor == "prevalence" or predictor != "model" and len(words) > 1:
                continue  # the same for all models
            values = [table.number(index, metric + end) if metric + end in table.columns else np.nan for end in ("", "_low", "_high")]
            series.setdefault(who, {})[row["marker"], row["class"]] = values
            order.setdefault((row["marker"], row["class"]), None)
            if metric.startswith(("average_precision", "pr_auc")) and "prevalence" in table.columns:
                series.setdefault("prevalence", {})[row["marker"], row["class"]] = [table.number(index, "prevalence"), np.nan, np.nan]
            splits.add(row["split"])
    if len(splits) > 1:
        raise MismatchError(f"the tables are of different splits: {', '.join(sorted(splits))}")
    if "prevalence" in series:
        series["prevalence"] = series.pop("prevalence")  # last
    return series, list(order), splits.pop()


def lines_of(keys, asked, path):
    """Classes one below the other: their markers, then their mean."""
    names = tables.chosen([marker for marker, _ in keys if marker != "mean"], asked, path)
    result = []
    for group in dict.fromkeys(group for _, group in keys):
        members = [(name, group) for name in names if (name, group) in keys]
        if members:
            result += members + ([("mean", group)] if not asked and ("mean", group) in keys and len(members) > 1 else [])
    return result


def draw(arguments):
    metric = arguments.text("metric")
    series, keys, split = series_of(arguments.words, metric)
    lines = lines_of(keys, arguments.all("markers"), arguments.words[0])
    if len(lines) > MOST:
        lines = [key for key in keys if key[0] == "mean"]
    without = [name for name, values in series.items() if not any(np.isfinite(values[key][0]) for key in lines if key in values)]
    series = {name: values for name, values in series.items() if name not in without}
    if not series:
        raise UsageError(f"--metric {metric}: there is no value of it")
    ranked = [name for name in series if name != "prevalence"]
    offsets = dict(zip(ranked, np.linspace(-0.3, 0.3, len(ranked)) if len(ranked) > 1 else [0]), prevalence=0)
    width = arguments.number("width", 80, 1000)
    left = min(6 + 1.35 * max(len(marker if marker != "mean" else f"mean, {group}") for marker, group in lines), width / 2)
    line = max(LINE, 1.1 * len(ranked))
    height = line * (len(lines) + 1)
    page = style.Page(width, 9 + height + 15)
    axes = page.axes(left, 9, width - left - 40, height)
    drawn = 0
    for index, (name, values) in enumerate(series.items()):
        colour = style.COLOURS[index % len(style.COLOURS)] if name != "prevalence" else style.GREY
        shape = SHAPES[index % len(SHAPES)] if name != "prevalence" else "|"
        for at, key in enumerate(lines):
            value, low, high = values.get(key, (np.nan,) * 3)
            y = at + offsets[name]
            if np.isfinite(low + high):
                axes.plot([low, high], [y, y], color=colour, linewidth=0.7, solid_capstyle="butt")
            if np.isfinite(value):
                drawn += 1
                axes.plot([value], [y], shape, color=colour, markersize=5 if shape == "|" else 3.2 if index == 0 else 2.6,
                          markeredgewidth=0.5,
                          markerfacecolor=colour if index == 0 else "white", label=name if name not in axes.get_legend_handles_labels()[1] else None)
    decorate(axes, lines, metric)
    axes.legend(loc="upper left", bbox_to_anchor=(1.02, 1), borderaxespad=0)
    title = style.title_of(arguments, f"{words_of(metric)[0].upper() + words_of(metric)[1:]}, {split} split")
    page.title(title)
    intervals = any(np.isfinite(high) for values in series.values() for _, _, high in values.values())
    note = "Lines: 95 % intervals by regeval's bootstrap of blocks." if intervals else "The table has no intervals of this metric."
    missing = len(lines) * len(series) - drawn
    note += f" Not drawn, since there is no value: {missing} of {len(lines) * len(series)}" + (f", and all of {style.short(without)}." if without else
                                                                                              ".") if missing or without else ""
    page.note(note)
    return output.Picture(page.figure, title, f"{metric} of {len(lines)} markers and means by {style.short(series)}, {split} split. {note}")


def decorate(axes, lines, metric):
    axes.set_ylim(len(lines) - 0.3, -0.7)
    axes.set_yticks(range(len(lines)))
    axes.set_yticklabels([marker if marker != "mean" else f"mean, {group}" for marker, group in lines])
    for label, (marker, _) in zip(axes.get_yticklabels(), lines):
        label.set_fontweight("bold" if marker == "mean" else "normal")
    for at, (marker, group) in enumerate(lines[1:], 1):
        if group != lines[at - 1][1]:
            axes.axhline(at - 0.5, color=style.GREY, linewidth=0.4)
    axes.tick_params(axis="y", length=0)
    axes.grid(axis="y", color="#EDEDED", linewidth=0.5)
    axes.set_axisbelow(True)
    axes.set_xlabel(words_of(metric))
    if metric == "roc_auc":
        axes.axvline(0.5, color=style.GREY, linewidth=0.6, linestyle=(0, (1, 2)))
    elif axes.get_xlim()[0] > 0 or metric.startswith("average"):
        axes.set_xlim(left=0)
    style.plain_numbers(axes.xaxis)
