"""Whether probabilities mean what they say: of a track against what was measured, bin by bin; or of all markers, from regeval's table."""
import numpy as np

from .. import output, reliability, style, tables, tracks
from ..errors import InputError, UsageError
from .locus import kind

TICKS = (1e-6, 1e-5, 1e-4, 1e-3, 1e-2, 0.1, 0.5, 0.9, 0.99)


def draw(arguments):
    word = arguments.words[0]
    path = tables.named(word)[1]
    if path != "-" and kind(path) == "track":
        return of_track(arguments, word)
    if arguments.given("peaks") or arguments.given("region"):
        raise UsageError(f"{path}: --peaks and -r go with a track (.bw, .bedgraph), not with regeval's table")
    return of_table(arguments, path)


def of_track(arguments, word):
    name, path = tables.named(word)
    if not arguments.given("peaks") or not arguments.given("region"):
        raise UsageError(f"{path}: of a track --peaks BED says what was measured, and -r REGION what to count")
    regions = [tracks.region(text) for text in arguments.all("region")]
    found = reliability.measure(regions, path, arguments.text("peaks"), arguments.integer("bins", 3, 50),
                                arguments.integer("block", 100, 10**9), arguments.integer("seed", 0, 10**9))
    width = arguments.number("width", 60, 1000)
    side = min(width - 24, 75)
    page = style.Page(width, 9 + side + 37)
    axes = page.axes(16, 10, side, side)
    points(axes, found)
    histogram(page.axes(16, 14 + side, side, 14), found)
    prevalence = found.positives / found.counts.sum()
    axes.axhline(reliability.logit(np.clip(prevalence, 1e-12, 1 - 1e-12)), color=style.GREY, linewidth=0.6, linestyle=(0, (1, 2)), label="prevalence")
    axes.legend(loc="upper left", bbox_to_anchor=(1.03, 1), borderaxespad=0) if width > side + 60 else axes.legend(loc="upper left")
    title = style.title_of(arguments, f"{name}: predicted and observed")
    page.title(title)
    note = (f"{found.counts.sum():,} positions, {found.positives:,} positive ({prevalence:.3g}), in {found.blocks:,} blocks; "
            + (f"{found.unknown:,} without a prediction left out." if found.unknown else "all have a prediction."))
    how = f"Bars: 95 % intervals by a bootstrap of blocks of {arguments.integer('block', 100, 10**9):,} bp."
    page.note(note + "\n" + how)
    return output.Picture(page.figure, title, f"{title}, {', '.join(map(str, regions))}. {note} {how} Both axes are in logits, labelled with "
                          "probabilities.")


def scaled(axes, found, which):
    """Logits inside, probabilities on the axis."""
    shown = found.counts > 0
    ends = reliability.logit(np.clip(np.concatenate([found.predicted[shown], found.observed[shown & (found.observed > 0)]]), 1e-6, 1 - 1e-4))
    low, high = ends.min() - 0.5, ends.max() + 0.5
    ticks = [tick for tick in TICKS if low <= reliability.logit(tick) <= high]
    for axis in which:
        getattr(axes, f"set_{axis}lim")(low, high)
        getattr(axes, f"set_{axis}ticks")([reliability.logit(tick) for tick in ticks])
        getattr(axes, f"set_{axis}ticklabels")([f"{tick:.6f}".rstrip("0") for tick in ticks])
    return low, high


def points(axes, found):
    low, high = scaled(axes, found, "xy")
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_minor_locator(style.none())
    axes.plot([low, high], [low, high], color="black", linewidth=0.5, label="predicted = observed")
    shown = np.flatnonzero(found.counts > 0)
    place = lambda values: np.clip(reliability.logit(np.clip(values, 1e-12, 1 - 1e-12)), low, high)  # noqa: E731
    x, y = place(found.predicted[shown]), place(found.observed[shown])
    bars = np.isfinite(found.high[shown])
    axes.vlines(x[bars], place(found.low[shown][bars]), place(found.high[shown][bars]), color=style.COLOURS[0], linewidth=0.8)
    none = found.observed[shown] <= 0
    axes.plot(x[~none], y[~none], "o", color=style.COLOURS[0], markersize=3.5, label="bins, with 95 % intervals")
    if none.any():
        axes.plot(x[none], np.full(none.sum(), low), "v", color=style.COLOURS[0], markersize=3.5, clip_on=False, label="bins without a positive")
    axes.set_ylabel("observed share (logit scale)")
    axes.set_xticklabels([])
    axes.set_axisbelow(True)


def histogram(axes, found):
    scaled(axes, found, "x")
    low, high = axes.get_xlim()
    edges = np.clip(reliability.logit(np.clip(found.edges, 1e-12, 1 - 1e-12)), low, high)
    axes.bar(edges[:-1], found.counts, width=np.diff(edges), align="edge", color=style.PALE, edgecolor="white", linewidth=0.3)
    axes.set_yscale("log")
    axes.set_ylim(0.8, found.counts.max() * 8)
    for begin, end, count in zip(edges[:-1], edges[1:], found.counts):
        if count and end > begin:
            text = f"{count:,}" if count < 10_000 else f"{count / 1000:,.0f}k" if count < 1e6 else f"{count / 1e6:.3g}M"
            axes.text((begin + end) / 2, count * 1.3, text, ha="center", fontsize=5)
    axes.set_yticks([])
    axes.minorticks_off()
    axes.spines["left"].set_visible(False)
    axes.set_ylabel("positions")
    axes.set_xlabel("predicted probability (logit scale)")


def of_table(arguments, path):
    """Slope and error a marker; of the error also what the prevalence as a constant probability would have, of the slope that of baselines."""
    table = tables.Table(path, ("split", "marker", "class", "calibration_slope", "calibration_error", "calibration_error_of_constant"),
                         "regeval's table of a model that predicts presence")
    rows = [index for index, row in enumerate(table.rows) if row.get("annotation", "all") == "all" and row["marker"] not in ("mean", "median")
            and row.get("predictor", "model") in ("model", "kmer")]
    names = tables.chosen([table.rows[index]["marker"] for index in rows], arguments.all("marker"), path)
    if len(names) > 120:
        raise UsageError(f"{path} has {len(names)} markers, more than a picture shows, 120; choose with -k")
    of = {(table.rows[index]["marker"], table.rows[index].get("predictor", "model")): index for index in rows}
    width, height = arguments.number("width", 100, 1000), 3.4 * (len(names) + 1)
    left = min(6 + 1.35 * max(map(len, names)), width / 3)
    inner = (width - left - 52) / 2
    page = style.Page(width, 9 + height + 15)
    slope, error = page.axes(left, 9, inner, height), page.axes(left + inner + 6, 9, inner, height)
    has_baseline = any((name, "kmer") in of for name in names)
    for predictor, colour, shape in (("model", style.COLOURS[0], "o"), ("kmer", style.COLOURS[1], "s"))[:1 + has_baseline]:
        for axes, column in ((slope, "calibration_slope"), (error, "calibration_error")):
            values = [table.number(of[name, predictor], column) if (name, predictor) in of else np.nan for name in names]
            axes.plot(values, range(len(names)), shape, color=colour, markersize=3.2 if predictor == "model" else 2.6,
                      markerfacecolor=colour if predictor == "model" else "white", markeredgewidth=0.5,
                      label="model" if predictor == "model" else "regression on k-mers")
    constant = [table.number(of[name, "model"], "calibration_error_of_constant") if (name, "model") in of else np.nan for name in names]
    error.plot(constant, range(len(names)), "|", color=style.GREY, markersize=5, label="the prevalence as\neach probability")
    if not np.isfinite(constant).any():
        raise InputError(f"{path}: there is no calibration of these markers")
    slope.axvline(1, color="black", linewidth=0.5)
    for axes, label in ((slope, "calibration slope (1 is right)"), (error, "calibration error\n(difference of probability, 0 is right)")):
        axes.set_ylim(len(names) - 0.3, -0.7)
        axes.set_yticks(range(len(names)))
        axes.set_yticklabels(names if axes is slope else [])
        axes.tick_params(axis="y", length=0)
        axes.grid(axis="y", color="#EDEDED", linewidth=0.5)
        axes.set_axisbelow(True)
        axes.set_xlabel(label)
        axes.set_xlim(left=0 if axes is error else min(0, axes.get_xlim()[0]))
        axes.locator_params(axis="x", nbins=5)
        style.plain_numbers(axes.xaxis)
    error.legend(loc="upper left", bbox_to_anchor=(1.03, 1), borderaxespad=0)
    split = table.rows[0]["split"]
    title = style.title_of(arguments, f"Calibration, {split} split")
    page.title(title)
    slopes = [table.number(of[name, "model"], "calibration_slope") for name in names if (name, "model") in of]
    missing = int(np.isnan(slopes).sum())
    note = "A slope below 1: probabilities are too far apart." + (f" NA, and so not drawn: {missing} of {len(names)} slopes." if missing else "")
    page.note(note)
    return output.Picture(page.figure, title, f"Calibration of {len(names)} markers, {split} split: slopes from {style.figures(np.nanmin(slopes))} to "
                          f"{style.figures(np.nanmax(slopes))}. {note}" if len(slopes) > missing else f"{title}. {note}")
