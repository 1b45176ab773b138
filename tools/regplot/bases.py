"""What ism and grad share: values of the four bases along a sequence, read from a table or an .npz, drawn as a heat map under a logo."""
import io
import zipfile
from dataclasses import dataclass

import numpy as np
from matplotlib.colors import Normalize

from . import letters, output, style, tables, tracks
from .errors import InputError, MismatchError, UsageError

BASES = "ACGT"
MOST = 1200  # bases in one picture


@dataclass
class Effects:
    contig: str                      # empty: an .npz, which has no positions
    begin: int
    sequence: str                    # N where it is unknown
    marker: str
    values: np.ndarray               # 4 x L; NaN where there is none
    heights: np.ndarray              # L: of the logo's letters
    deletions: np.ndarray            # lengths x L

    @property
    def end(self):
        return self.begin + len(self.sequence)


def from_arrays(arguments, raw, path, hypothetical):
    """Of a row: `hypothetical` contributions as they are, or the changes that they came from."""
    try:
        with np.load(io.BytesIO(raw), allow_pickle=False) as arrays:
            sequences, contributions = arrays["sequences"], arrays["contributions"].astype(float)
            projected = arrays["projected"].astype(float)
    except (KeyError, ValueError, zipfile.BadZipFile, EOFError, OSError) as error:
        raise InputError(f"{path}: this is no .npz of regsnp: {error}") from None
    if contributions.ndim != 3 or contributions.shape != sequences.shape or contributions.shape[1] != 4 or projected.shape != (
            contributions.shape[0], contributions.shape[2]):
        raise InputError(f"{path}: arrays have the shapes {sequences.shape}, {contributions.shape} and {projected.shape}, not n x 4 x L and n x L")
    row = arguments.integer("row", 1, 10**9) - 1
    if row >= len(contributions):
        raise UsageError(f"--row {row + 1}: {path} has {len(contributions)} regions")
    known = sequences[row].sum(axis=0) == 1
    where = sequences[row].argmax(axis=0)
    sequence = "".join(BASES[base] if ok else "N" for base, ok in zip(where, known))
    values = contributions[row].copy()
    if not hypothetical:
        values -= np.take_along_axis(values, where[None], axis=0)
    values[:, ~known] = np.nan
    contig, begin = "", 0
    if arguments.given("region"):
        region = tracks.region(arguments.text("region"))
        contig, begin = region.contig, region.begin
        if region.end - region.begin != len(sequence):
            raise MismatchError(f"-r {arguments.text('region')}: {region.end - region.begin} bases, where a row of {path} has {len(sequence)}")
    marker = arguments.text("marker") if arguments.given("marker") else tables.named(path)[0]
    return Effects(contig, begin, sequence, marker, values, np.where(known, projected[row], 0), np.zeros((0, len(sequence))))


def rows_of_matrix(table, wanted):
    names = [name for name in table.columns if name.startswith("del") and name[3:].isdigit()]
    for index in wanted:
        row = table.rows[index]
        values = [table.number(index, base) for base in BASES]
        yield int(row["pos"]) - 1, row["ref"], values, [table.number(index, name) for name in names]


def rows_of_contributions(table, wanted):
    """A value a base, of the one that is there."""
    for index in wanted:
        row, value = table.rows[index], table.number(index, "contribution")
        yield int(row["pos"]) - 1, row["ref"], [value if base == row["ref"] else np.nan for base in BASES], []


def rows_of_alleles(table, wanted):
    """The long table, an allele a row, as rows of the matrix."""
    found, deleted = {}, {}
    for index in wanted:
        row, value = table.rows[index], table.number(index, "delta")
        pos, ref, alt = int(row["pos"]) - 1, row["ref"], row["alt"]
        if len(ref) == 1 and len(alt) == 1 and alt in BASES and ref in BASES:
            found.setdefault(pos, (ref, [0.0 if base == ref else np.nan for base in BASES]))[1][BASES.index(alt)] = value
        elif len(alt) == 1 < len(ref):
            deleted[pos + (ref[0] == alt[0] or pos > 0), len(ref) - 1] = value
    longest = max((length for _, length in deleted), default=0)
    for pos, (ref, values) in found.items():
        yield pos, ref, values, [deleted.get((pos, length), np.nan) for length in range(1, longest + 1)]


def from_table(arguments, path):
    table = tables.Table(path, ("chrom", "pos", "ref"), "a table of regsnp ism or grad")
    kinds = {rows_of_alleles: ("alt", "delta"), rows_of_matrix: tuple(BASES), rows_of_contributions: ("contribution",)}
    rows_of = next((kind for kind, names in kinds.items() if all(name in table.columns for name in names)), None)
    if rows_of is None:
        raise InputError(f"{path}: there are neither columns A, C, G, T nor alt and delta nor contribution")
    marker = ""
    wanted = range(len(table.rows))
    if "marker" in table.columns:
        marker = tables.one([row["marker"] for row in table.rows], arguments.all("marker"), path)
        wanted = [index for index in wanted if table.rows[index]["marker"] == marker]
    for index in wanted:
        if not table.rows[index]["pos"].isdigit():
            raise InputError(f"{path}:{table.numbers[index]}: '{table.rows[index]['pos']}' is no position")
    contigs = list(dict.fromkeys(table.rows[index]["chrom"] for index in wanted))
    region = tracks.region(arguments.text("region")) if arguments.given("region") else None
    if region is None and len(contigs) > 1:
        raise UsageError(f"{path} has several contigs; choose with -r: {style.short(contigs)}")
    contig = region.contig if region else contigs[0]
    wanted = [index for index in wanted if table.rows[index]["chrom"] == contig]
    rows = list(rows_of(table, wanted))
    if region:
        rows = [row for row in rows if region.begin <= row[0] < region.end]
    if not rows:
        raise MismatchError(f"-r {arguments.text('region')}: {path} has nothing there")
    begin, end = min(row[0] for row in rows), max(row[0] for row in rows) + 1
    if end - begin > MOST:
        raise UsageError(f"{path}: {end - begin:,} bases are more than a picture shows, {MOST:,}; choose a part with -r")
    values = np.full((4, end - begin), np.nan)
    deletions = np.full((len(rows[0][3]), end - begin), np.nan)
    sequence = ["N"] * (end - begin)
    for pos, ref, four, shorter in rows:
        sequence[pos - begin] = ref.upper()
        values[:, pos - begin] = four if ref.upper() in BASES else np.nan
        deletions[:, pos - begin] = shorter
    return Effects(contig, begin, "".join(sequence), marker, values, np.zeros(end - begin), deletions)


def read(arguments, hypothetical):
    path = arguments.words[0]
    raw = tables.data(path) if path != "-" else b""
    if raw[:2] == b"PK":
        effects = from_arrays(arguments, raw, path, hypothetical)
    else:
        effects = from_table(arguments, path)
        effects.heights = heights(effects, hypothetical)
    if len(effects.sequence) > MOST:
        raise UsageError(f"{path}: {len(effects.sequence):,} bases are more than a picture shows, {MOST:,}")
    if not np.isfinite(effects.values).any():
        raise InputError(f"{path}: there is no value to draw")
    return effects


def heights(effects, hypothetical):
    """What the base that is there contributes, as `projected` of an .npz says it."""
    at = np.array([BASES.find(base) for base in effects.sequence])
    present = np.take_along_axis(effects.values, np.maximum(at, 0)[None], axis=0)[0]
    found = present if hypothetical else present - effects.values.mean(axis=0)
    return np.where((at < 0) | np.isnan(found), 0, found)


def limit(arguments, effects):
    """Where colours and letters end, and what is said of it."""
    cells = np.concatenate([effects.values.ravel(), effects.deletions.ravel()])
    cells = np.abs(cells[np.isfinite(cells)])
    largest = cells.max()
    if not arguments.given("clip"):
        return largest or 1.0, ""
    bound = arguments.number("clip", 1e-12, 1e12)
    beyond = int((cells > bound).sum())
    letters_beyond = int((np.abs(effects.heights) > bound).sum())
    return bound, (f"Colours end at ±{style.figures(bound)}: {beyond} of {len(cells)} cells lie beyond, the largest at "
                   f"{style.figures(largest)}" + (f"; so do {letters_beyond} letters." if letters_beyond else "."))


def draw_line(page, effects, part, top, axes_left, width, bound, height_limits, words, last):
    """One line of letters and cells; gives the heat map, for the scale."""
    begin, end = part
    logo = page.axes(axes_left, top, width, LOGO)
    logo.set_xlim(effects.begin + begin, effects.begin + begin + words["per_line"])
    logo.set_ylim(*height_limits)
    for i in range(begin, end):
        height = float(np.clip(effects.heights[i], -bound, bound))
        if height and effects.sequence[i] != "N":
            letters.draw(logo, effects.sequence[i], effects.begin + i, 0, height)
    logo.axhline(0, color="black", linewidth=0.4, xmax=(end - begin) / words["per_line"])
    logo.set_ylabel(words["logo"], labelpad=1)
    logo.set_xticks([])
    logo.spines["bottom"].set_visible(False)
    logo.locator_params(axis="y", nbins=3)
    style.plain_numbers(logo.yaxis)
    cells = np.vstack([effects.values, effects.deletions])[:, begin:end]
    map_axes = page.axes(axes_left, top + LOGO + 1, width, CELL * len(cells))
    image = map_axes.pcolormesh(np.arange(begin, end + 1) + effects.begin, np.arange(len(cells) + 1), np.ma.masked_invalid(cells),
                                cmap=style.DIVERGING + "_r", norm=Normalize(-bound, bound), rasterized=False, linewidth=0)
    map_axes.set_facecolor("#EDEDED")
    dots = [(effects.begin + i + 0.5, BASES.index(effects.sequence[i]) + 0.5) for i in range(begin, end) if effects.sequence[i] in BASES]
    if dots:
        map_axes.scatter(*zip(*dots), s=1.6, color="black", linewidths=0, zorder=3)
    map_axes.set_ylim(len(cells), 0)
    map_axes.set_yticks(np.arange(len(cells)) + 0.5)
    map_axes.set_yticklabels(list(BASES) + [f"del {n}" for n in range(1, len(cells) - 3)], fontsize=5.5)
    map_axes.tick_params(axis="y", length=0)
    map_axes.spines[:].set_visible(False)
    style.genomic(map_axes, effects.begin + begin, effects.begin + begin + words["per_line"], words["positions"] if last else "")
    kept = [(at, text) for at, text in zip(map_axes.get_xticks(), map_axes.get_xticklabels()) if at <= effects.begin + end]
    map_axes.set_xticks([at for at, _ in kept], [text.get_text() for _, text in kept])
    if end - begin < words["per_line"]:
        map_axes.axvspan(effects.begin + end, effects.begin + begin + words["per_line"], color="white", zorder=2)
    return image


LOGO, CELL = 15, 2.6  # heights in mm


def draw(arguments, hypothetical, words):
    """`words`: what the logo's axis and the colours mean, and how the caption begins."""
    effects = read(arguments, hypothetical)
    bound, clipped = limit(arguments, effects)
    per_line = min(arguments.integer("per-line", 10, 400), len(effects.sequence))
    if not arguments.given("per-line"):  # lines of equal length
        per_line = -(-len(effects.sequence) // -(-len(effects.sequence) // per_line))
    lines = [(at, min(at + per_line, len(effects.sequence))) for at in range(0, len(effects.sequence), per_line)]
    height = LOGO + 1 + CELL * (4 + len(effects.deletions)) + 7
    width = arguments.number("width", 60, 1000)
    notes = ["Dots mark the bases that are there; grey cells have no value."] + ([clipped] if clipped else [])
    page = style.Page(width, 8 + height * len(lines) + 4 + 3.2 * len(notes))
    shown = np.clip(effects.heights, -bound, bound)
    low, high = min(shown.min(), 0), max(shown.max(), 0)
    margin = 0.06 * (high - low) or 1
    words = {**{name: text.format(unit=arguments.text("unit")) for name, text in words.items()}, "per_line": per_line,
             "positions": style.position_label(effects.contig or "position in the region", arguments.text("genome"))}
    left, right = 17, 17
    for number, part in enumerate(lines):
        image = draw_line(page, effects, part, 8 + number * height, left, width - left - right, bound, (low - margin, high + margin), words,
                          part is lines[-1])
    bar = page.axes(width - right + 3, 8, 2.5, min(height - 8, 24))
    page.figure.colorbar(image, cax=bar, extend="both" if clipped else "neither").set_label(words["cells"])
    bar.locator_params(nbins=5)
    style.plain_numbers(bar.yaxis)
    bar.tick_params(width=0.4)
    bar.spines[:].set_linewidth(0.4)
    place = style.place(effects.contig, effects.begin, effects.end) if effects.contig else f"{len(effects.sequence)} bp"
    title = style.title_of(arguments, ", ".join(filter(None, [effects.marker, place])))
    page.title(title)
    page.note("\n".join(notes))
    return output.Picture(page.figure, title, caption(effects, words, place, clipped))


def caption(effects, words, place, clipped):
    cells = np.where(np.isfinite(effects.values), effects.values, 0)
    base, at = np.unravel_index(np.abs(cells).argmax(), cells.shape)
    where = f"{effects.contig}:{effects.begin + at + 1:,}" if effects.contig else f"base {at + 1}"
    known = sum(each in BASES for each in effects.sequence)
    what = f"{effects.sequence[at]}>{BASES[base]}" if effects.sequence[at] != BASES[base] else f"the {BASES[base]} that is there"
    return (f"{words['caption']} {effects.marker or 'the marker'}, {place}: {known} known bases. The largest is "
            f"{style.figures(cells[base, at])}, {what} at {where}. {clipped}").strip()
