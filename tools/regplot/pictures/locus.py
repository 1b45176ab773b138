"""What a model predicts along a region, a row a marker: its track, the sites called of it, what was measured; variants below."""
import re
from dataclasses import dataclass, field

import numpy as np

from .. import output, style, tables, tracks, variants
from ..errors import InputError, MismatchError, UsageError

ROW, STRIP, POINTS = 9, 1.8, 1500
NAMED = 10  # variants that get a label, at most


@dataclass
class Row:
    name: str
    values: object = None
    sites: list = field(default_factory=list)
    peaks: list = field(default_factory=list)
    has_sites: bool = False
    has_peaks: bool = False

    def height(self):
        return (ROW if self.values is not None else 0) + STRIP * 1.5 * (self.has_sites + self.has_peaks) + 2


def kind(path):
    if re.search(r"\.(vcf|vcf\.b?gz|bcf)$", path):
        return "variants"
    if re.search(r"\.(bedgraph|bdg|bg)(\.b?gz)?$", path, re.I) or tracks.is_bigwig(path):
        return "track"
    return "intervals"


def by_name(word, region, known):
    """{row: intervals} of a file: by its column 4 where that holds names of rows, or of some markers; else all under one name."""
    name, path = tables.named(word)
    found = tracks.intervals(path, region)
    if name and path != word:
        return {name: found}
    groups = {}
    for interval in found:
        groups.setdefault(interval.name, []).append(interval)
    if set(groups) & set(known) or (not known and "." not in groups and len(groups) <= 30 and groups):
        return groups
    return {name: found}


def rows_of(arguments, region):
    """Rows in the order of the command line, and the files of variants."""
    rows, scored, sites = {}, [], []
    for word in arguments.words:
        name, path = tables.named(word)
        what = kind(path)
        if what == "track":
            rows.setdefault(name, Row(name)).values = tracks.values(path, region)
        elif what == "variants":
            scored += variants.read(path, region)
        else:
            sites.append(word)
    for word in sites:
        for name, found in by_name(word, region, rows).items():
            if name in rows or not any(row.values is not None for row in rows.values()) or "=" in word:
                rows.setdefault(name, Row(name)).sites += found
        for row in rows.values():
            row.has_sites = True
    for word in arguments.all("peaks"):
        groups = by_name(word, region, rows)
        for name, found in groups.items():
            if name in rows or "=" in word or len(groups) == 1:
                row = rows.setdefault(name, Row(name))
                row.peaks += found
        for row in rows.values():
            row.has_peaks = True
    wanted = tables.chosen(rows, arguments.all("markers"), "what is given")
    if len(wanted) > 40:
        raise UsageError(f"{len(wanted)} rows are more than a picture shows, 40; choose with -k")
    return [rows[name] for name in wanted], scored, any(kind(tables.named(word)[1]) == "variants" for word in arguments.words)


def draw_track(axes, row, region, top):
    edges, largest = tracks.binned(row.values, POINTS)
    known = np.isfinite(largest)
    axes.stairs(np.where(known, largest, 0), edges + region.begin, fill=True, color=style.COLOURS[0], linewidth=0)
    for begin, end in runs(~known):
        axes.axvspan(edges[begin] + region.begin, edges[end] + region.begin, color="#EDEDED", linewidth=0)
    axes.set_ylim(0, top)
    axes.set_yticks([0, top])
    axes.set_yticklabels(["0", f"{top:.2g}"])
    axes.set_xlim(region.begin, region.end)
    axes.set_xticks([])
    axes.spines["bottom"].set_linewidth(0.3)
    axes.text(1.005, 0.5, "predicted", transform=axes.transAxes, va="center", fontsize=5.5, color=style.COLOURS[0])


def runs(mask):
    """(begin, end) of the stretches where it is true."""
    change = np.flatnonzero(np.diff(np.concatenate([[0], mask.astype(int), [0]])))
    return zip(change[::2], change[1::2])


def draw_strip(page, top, found, region, colour, left, width, label):
    axes = page.axes(left, top, width, STRIP)
    least = (region.end - region.begin) / width * 0.25  # a quarter of a millimetre, so that what is short is seen
    shown = [(max(each.begin, region.begin), min(each.end, region.end)) for each in found]
    axes.broken_barh([(begin, max(end - begin, least)) for begin, end in shown], (0, 1), color=colour, linewidth=0)
    axes.set_xlim(region.begin, region.end)
    axes.set_ylim(0, 1)
    axes.set_xticks([])
    axes.set_yticks([])
    axes.spines[:].set_visible(False)
    axes.axhline(0.5, color=style.PALE, linewidth=0.3, zorder=0)
    axes.text(1.005, 0.5, label, transform=axes.transAxes, va="center", fontsize=5.5, color=colour)


def name_strong(axes, strong, region, per_base, bound):
    """Names above and below all stems, in two lines each, at the end of a thin line; those without room stay without."""
    placed, width = [], (region.end - region.begin) * per_base
    for each in strong:
        text = f"{each.label()} {each.marker}".strip()
        reach, side = len(text) * 0.55 + 1, 1 if each.delta > 0 else -1
        at = (each.pos - 0.5 - region.begin) * per_base
        x = min(max(at, reach), width - reach)
        for level in (1.2, 1.48):
            if len(placed) < NAMED and all(side != other or level != taken or abs(x - middle) >= reach + wide for other, taken, middle, wide in placed):
                placed.append((side, level, x, reach))
                axes.plot([each.pos - 0.5, region.begin + x / per_base], [each.delta, side * (level - 0.06) * bound], color=style.GREY, linewidth=0.3)
                axes.text(region.begin + x / per_base, side * level * bound, text, ha="center", va="center", fontsize=5.5,
                          bbox={"facecolor": "white", "edgecolor": "none", "pad": 0.5})
                break
    return len(placed)


def draw_variants(page, top, height, scored, region, left, width, least):
    """Lollipops at REG_DELTA; gives how many of those that are strong got no name."""
    axes = page.axes(left, top, width, height)
    known = [each for each in scored if np.isfinite(each.delta)]
    bound = max([abs(each.delta) for each in known], default=1) or 1
    for sign, colour in ((1, style.COLOURS[1]), (-1, style.COLOURS[0])):
        side = [each for each in known if each.delta * sign > 0]
        axes.vlines([each.pos - 0.5 for each in side], 0, [each.delta for each in side], color=colour, linewidth=0.5)
        axes.plot([each.pos - 0.5 for each in side], [each.delta for each in side], "o" if sign > 0 else "v", color=colour, markersize=2.2,
                  markeredgewidth=0)
    axes.axhline(0, color="black", linewidth=0.4)
    unknown = [each.pos - 0.5 for each in scored if not np.isfinite(each.delta)]
    axes.plot(unknown, [0] * len(unknown), "|", color=style.GREY, markersize=4)
    axes.set_ylim(-1.65 * bound, 1.65 * bound)
    axes.set_xlim(region.begin, region.end)
    axes.set_xticks([])
    axes.set_yticks([round(-bound, 1), 0, round(bound, 1)] if bound >= 0.5 else [-bound, 0, bound])
    axes.set_ylabel("Δ logit")
    style.plain_numbers(axes.yaxis)
    axes.spines["left"].set_bounds(-bound, bound)
    axes.spines["bottom"].set_visible(False)
    strong = sorted((each for each in known if abs(each.delta) >= least), key=lambda each: -abs(each.delta))
    return len(strong) - name_strong(axes, strong, region, width / (region.end - region.begin), bound)


def draw(arguments):
    region = tracks.region(arguments.text("region"))
    if region.end - region.begin > 20_000_000:
        raise UsageError(f"-r {arguments.text('region')}: a picture shows at most 20,000,000 bases")
    least = arguments.number("threshold", 0, 1e9)
    rows, scored, has_variants = rows_of(arguments, region)
    if not rows and not scored:
        raise MismatchError(f"-r {arguments.text('region')}: nothing of what was given lies there")
    tops = {}
    for row in rows:
        if row.values is not None:
            if not np.isfinite(row.values).any():
                raise MismatchError(f"-r {arguments.text('region')}: the track {row.name} has no value there")
            if np.nanmin(row.values) < 0:
                raise InputError(f"the track {row.name} has values below 0; locus draws probabilities and coverage")
            tops[row.name] = float(np.nanmax(row.values)) or 1.0
    if not arguments.given("free-scale"):
        tops = dict.fromkeys(tops, max(tops.values(), default=1))
    width = arguments.number("width", 80, 1000)
    left = min(8 + max((len(row.name) for row in rows), default=0) * 1.35, width / 3)
    inner = width - left - 12
    lollipops = 30 if scored else 0
    per_point = -(-(region.end - region.begin) // POINTS)
    notes = ([f"Tracks: the largest value in each {per_point} bp."] if per_point > 1 and tops else [])
    page = style.Page(width, 8 + sum(row.height() for row in rows) + lollipops + 10 + 3.2 * (len(notes) + has_variants))
    at = 8
    for row in rows:
        page.text(1, at + (1.5 if row.values is not None else 0), row.name, fontsize=6.5)
        if row.values is not None:
            draw_track(page.axes(left, at, inner, ROW), row, region, tops[row.name])
            at += ROW + 0.6
        for has, found, colour, label in ((row.has_sites, row.sites, style.COLOURS[1], "sites"), (row.has_peaks, row.peaks, "#444444", "peaks")):
            if has:
                draw_strip(page, at, found, region, colour, left, inner, label)
                at += STRIP * 1.5
        at += 2 - (0.6 if row.values is not None else 0)
    if has_variants and not scored:
        notes.append("No variant of the file lies here.")
    elif has_variants:
        unnamed = draw_variants(page, at + 1, lollipops - 2, scored, region, left, inner, least)
        at += lollipops
        named = f"named where |Δ logit| ≥ {least:g}" + (f", but for {unnamed} for want of room" if unnamed else "")
        notes.append(f"Variants: {len(scored):,} alleles, {named}; grey: without a score.")
    ruler = page.axes(left, at, inner, 0.01)
    ruler.set_yticks([])
    ruler.spines["left"].set_visible(False)
    style.genomic(ruler, region.begin, region.end, style.position_label(region.contig, arguments.text("genome")))
    title = style.title_of(arguments, style.place(region.contig, region.begin, region.end))
    page.title(title)
    page.note("\n".join(notes))
    return output.Picture(page.figure, title, caption(rows, scored, region, has_variants, notes))


def caption(rows, scored, region, has_variants, notes):
    parts = [f"{sum(row.values is not None for row in rows)} tracks, {sum(len(row.sites) for row in rows)} sites and "
             f"{sum(len(row.peaks) for row in rows)} measured peaks in {style.place(region.contig, region.begin, region.end)}."]
    known = [each for each in scored if np.isfinite(each.delta)]
    if has_variants and known:
        top = max(known, key=lambda each: abs(each.delta))
        parts.append(f"The largest effect is {style.figures(top.delta)}, of {top.label()} on {top.marker}.")
    return " ".join(parts + notes)
