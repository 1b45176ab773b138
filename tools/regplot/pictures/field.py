"""How far a model looks: positive outputs in blue on top, the norm of their gradient at each base in black below, a column a model."""
import numpy as np

from .. import bases, output, style, tables, tracks
from ..errors import InputError, MismatchError, UsageError
from .locus import kind

POINTS, TOP, BOTTOM = 600, 18, 24
FAINT = 0.01  # of the largest norm: what is above it counts as seen


def norms(path, region, marker):
    """A value a base, not negative: a track of norms, or the norm of a table's four columns."""
    if path == "-" or kind(path) != "track":
        table = tables.Table(path, ("chrom", "pos"), "a table of regsnp grad, nor a track")
        columns = [base for base in "ACGT"] if "A" in table.columns else ["contribution"]
        rows = range(len(table.rows))
        if "marker" in table.columns:
            name = tables.one([row["marker"] for row in table.rows], marker, path)
            rows = [index for index in rows if table.rows[index]["marker"] == name]
        values = np.full(region.end - region.begin, np.nan)
        for index in rows:
            at = int(table.rows[index]["pos"]) - 1 - region.begin if table.rows[index]["pos"].isdigit() else -1
            if table.rows[index]["chrom"] == region.contig and 0 <= at < len(values):
                values[at] = np.sqrt(sum(table.number(index, column) ** 2 for column in columns))
    else:
        values = np.abs(tracks.values(path, region))
    if not np.isfinite(values).any():
        raise MismatchError(f"{path}: there is no gradient in {region}")
    return values


def by_model(words, models, option):
    """{model: file}; a single file without a name goes with all."""
    if len(words) == 1 and "=" not in words[0]:
        return dict.fromkeys(models, words[0])
    found = dict(tables.named(word) for word in words)
    unknown = set(found) - set(models)
    if unknown:
        raise UsageError(f"{option}: no gradient is called {', '.join(sorted(unknown))}; write NAME=FILE for both")
    return found


def extent(values):
    """From the first to the last base that is seen."""
    seen = np.flatnonzero(np.nan_to_num(values) > FAINT * np.nanmax(values))
    return int(seen[-1] - seen[0] + 1) if len(seen) else 0


def draw(arguments):
    region = tracks.region(arguments.text("region"))
    models = {}
    for word in arguments.words:
        name, path = tables.named(word)
        if name in models:
            raise UsageError(f"two gradients are called {name}; write NAME=FILE")
        models[name] = norms(path, region, arguments.all("marker"))
    if len(models) > 6:
        raise UsageError(f"{len(models)} models are more than a picture shows, 6")
    predictions = by_model(arguments.all("predictions"), models, "--predictions")
    peaks = []
    if arguments.given("peaks"):
        groups = {}
        for each in tracks.intervals(tables.named(arguments.text("peaks"))[1], region):
            groups.setdefault(each.name, []).append(each)
        asked = arguments.all("marker")
        peaks = groups[asked[0]] if asked and asked[0] in groups else [each for group in groups.values() for each in group]
    positive = tracks.covered(peaks, region)
    if not positive.any() and not predictions:
        raise MismatchError(f"{region}: which outputs are positive? None of --peaks lies there, and there are no --predictions")
    return layout(arguments, region, models, predictions, positive)


def heights_of(path, region, positive):
    """Blue bars: predictions at the positive outputs, or 1 there; without peaks all predictions."""
    if path is None:
        return positive.astype(float), "positive outputs"
    values = tracks.values(path, region)
    if np.isfinite(values).any() and (np.nanmin(values) < 0):
        raise InputError(f"{path}: predictions below 0")
    return (np.where(positive, values, np.nan), "prediction at\npositive outputs") if positive.any() else (values, "prediction")


def layout(arguments, region, models, predictions, positive):
    width = arguments.number("width", 80, 1000)
    across = min(len(models), 3)
    rows = -(-len(models) // across)
    cell = (width - 2) / across
    height = TOP + BOTTOM + 17
    notes = []
    page = style.Page(width, 10 + rows * height + 8)
    bars = {name: heights_of(predictions.get(name), region, positive) for name in models}
    highest = max(float(np.nan_to_num(values).max()) for values, _ in bars.values()) or 1.0
    largest = max(float(np.nanmax(values)) for values in models.values()) or 1.0
    for number, (name, values) in enumerate(models.items()):
        left, top = 2 + number % across * cell, 12 + number // across * height
        inner = cell - 19
        upper = page.axes(left + 14, top, inner, TOP)
        edges, shown = tracks.binned(bars[name][0], POINTS)
        upper.stairs(np.nan_to_num(shown), edges + region.begin, fill=True, color=style.COLOURS[0], linewidth=0)
        upper.set_xlim(region.begin, region.end)
        upper.set_ylim(0, highest * 1.05)
        upper.set_xticks([])
        upper.locator_params(axis="y", nbins=3)
        style.plain_numbers(upper.yaxis)
        upper.set_title(f"{name}: {extent(values):,} bp", fontweight="bold")
        lower = page.axes(left + 14, top + TOP + 2, inner, BOTTOM)
        edges, shown = tracks.binned(values, POINTS)
        lower.stairs(np.nan_to_num(shown), edges + region.begin, fill=True, color="black", linewidth=0)
        lower.set_ylim(0, (float(np.nanmax(values)) or 1.0) * 1.05 if arguments.given("free-scale") else largest * 1.05)
        lower.locator_params(axis="y", nbins=4)
        style.plain_numbers(lower.yaxis)
        if number % across == 0:
            upper.set_ylabel(bars[name][1])
            lower.set_ylabel("gradient norm\n(logit a base)")
        style.genomic(lower, region.begin, region.end, style.position_label(region.contig, arguments.text("genome")), most=3 if across > 1 else 6)
    per_point = -(-(region.end - region.begin) // POINTS)
    notes.append(f"Behind names: from the first to the last base whose norm is above {FAINT * 100:g} % of the model's largest, in what is shown.")
    notes.append((f"Each point is the largest of {per_point} bp. " if per_point > 1 else "")
                 + ("Each model has an axis of its own." if arguments.given("free-scale") and len(models) > 1 else
                    "Gradients have one axis." if len(models) > 1 else ""))
    title = style.title_of(arguments, f"Field, {style.place(region.contig, region.begin, region.end)}")
    page.title(title)
    page.note("\n".join(filter(None, notes)))
    seen = "; ".join(f"{name}: {extent(values):,} bp, largest norm {style.figures(float(np.nanmax(values)))}" for name, values in models.items())
    return output.Picture(page.figure, title, f"{title}. {seen}. {' '.join(notes)}".strip())
