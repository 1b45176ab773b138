"""What a model predicts along both alleles of a variant: REF and ALT in one panel a marker, those that change most first. Both are
predicted by regcall, of the sequence around."""
import math
import os
import re
import shutil
import subprocess
import sys
import tempfile

import numpy as np

from .. import fasta, output, style, tables, tracks, variants
from ..errors import InputError, IoError, MismatchError, UsageError

PANEL = 15


def tool(name):
    """Where a tool of the suite is: beside this one, or in the path."""
    beside = os.path.join(os.path.dirname(os.path.abspath(sys.argv[0])), name)
    found = beside if os.access(beside, os.X_OK) else shutil.which(name)
    if not found:
        raise IoError(f"{name} is needed to predict the alleles, and is neither beside regplot nor in the path")
    return found


def run(words, **more):
    done = subprocess.run(words, capture_output=True, text=True, **more)
    if done.returncode:
        lines = [line for line in done.stderr.splitlines() if line]
        raise InputError(f"{os.path.basename(words[0])} ended with {done.returncode}: {lines[-1] if lines else ''}")
    return done.stdout


def asked_variant(arguments):
    """CHROM:POS:REF:ALT, or a record of a VCF: the one of --id, else the strongest."""
    word = arguments.words[0]
    match = re.fullmatch(r"(.+):([0-9,]+):([ACGTNacgtn]+)[:>]([ACGTNacgtn]+)", word)
    if match and not os.path.exists(word):
        contig, pos, ref, alt = match.groups()
        return variants.Variant(contig, int(pos.replace(",", "")), ".", ref.upper(), alt.upper(), np.nan, "")
    if not os.path.exists(word) and word != "-":
        raise UsageError(f"'{word}': chr20:1,000:A:G or a VCF file is wanted")
    found = [each for each in variants.read(word) if re.fullmatch("[ACGTNacgtn]+", each.ref + each.alt)]
    if arguments.given("id"):
        found = [each for each in found if each.name == arguments.text("id")]
        if not found:
            raise MismatchError(f"--id {arguments.text('id')}: {word} has no such record with plain alleles")
    if not found:
        raise InputError(f"{word}: there is no record with plain alleles")
    chosen = max(found, key=lambda each: abs(each.delta) if np.isfinite(each.delta) else -1)
    return variants.Variant(chosen.contig, chosen.pos, chosen.name, chosen.ref.upper(), chosen.alt.upper(), chosen.delta, chosen.marker)


def information(model):
    rows = dict(line.split("\t", 1) for line in run([tool("regmodel"), "info", model]).splitlines())
    markers = [line.split("\t")[0] for line in run([tool("regmodel"), "info", "--markers", model]).splitlines()[1:]]
    return rows, markers


def predicted(arguments, sequence, folder, name):
    """{marker: value a base} of a sequence, as regcall prints it."""
    path = os.path.join(folder, f"{name}.fa")
    with open(path, "w") as file:
        file.write(f">{name}\n{sequence}\n")
    words = [tool("regcall"), "-m", arguments.text("model"), "-o", os.path.join(folder, name + ".{marker}.bedgraph"), "--round", "7", "--no-version",
             "--verbosity", "1", "--progress", "none"]
    for text in arguments.all("markers"):
        words += ["-k", text]
    run(words + [path])
    result = {}
    for file in os.listdir(folder):
        if file.startswith(name + ".") and file.endswith(".bedgraph"):
            result[file[len(name) + 1:-len(".bedgraph")]] = tracks.values(os.path.join(folder, file), tracks.Region(name, 0, len(sequence)))
    return result


def trimmed(variant):
    """Where the alleles differ, as regsnp takes it: what they share at their ends is cut off, right before left."""
    begin, ref, alt = variant.pos - 1, variant.ref, variant.alt
    while ref and alt and ref[-1] == alt[-1]:
        ref, alt = ref[:-1], alt[:-1]
    while ref and alt and ref[0] == alt[0]:
        begin, ref, alt = begin + 1, ref[1:], alt[1:]
    return begin, ref, alt


def layout(info):
    """How far a model sees; the cells in which it predicts; and what a position is taken modulo: where that is the same, so are predictions."""
    stride, window, cell = (int(info.get(key, 0) or 0) for key in ("stride", "window", "bases_per_output"))
    if info.get("context_left") == "window":  # a window for every bin, or (LSTM) windows on the contig's grid
        stride = cell if stride == window else stride
        return window, max(stride, 1), math.lcm(window, max(stride, 1))
    left, right = (int(info.get(key, 0) or 0) for key in ("context_left", "context_right"))
    return max(left, right) or window, max(stride, 1), max(stride, 1)


def alleles(arguments, variant, span, info):
    """(begin of what is shown, REF's and ALT's values by marker, at REF's positions)."""
    reach, stride, grid = layout(info)
    first, ref, alt = trimmed(variant)
    begin = max(0, min(first, variant.pos - 1) - span - reach - grid)
    begin -= begin % grid
    sequence, length = fasta.bases(arguments.text("fasta"), variant.contig, begin, first + len(variant.ref) + span + reach)
    if variant.pos < 1 or variant.pos - 1 + len(variant.ref) > length:
        raise MismatchError(f"{variant.contig}:{variant.pos:,} lies outside of the contig, which has {length:,} bases")
    there = sequence[variant.pos - 1 - begin:variant.pos - 1 - begin + len(variant.ref)]
    if there != variant.ref:
        raise MismatchError(f"{variant.contig}:{variant.pos:,}: REF is {variant.ref}, where {arguments.text('fasta')} has {there}")
    at, behind = first - begin, first - begin + len(ref)
    shift = len(alt) - len(ref)
    with tempfile.TemporaryDirectory(prefix="regplot_") as folder:
        own = predicted(arguments, sequence, folder, "ref")
        other = predicted(arguments, sequence[:at] + alt + sequence[behind:], folder, "alt")
        if shift % stride:  # behind an indel REF is predicted in the cells that ALT has there, as regsnp compares
            drop = -shift % stride
            moved = predicted(arguments, sequence[drop:], folder, "moved")
            own = {name: np.concatenate([values[:behind], moved[name][behind - drop:]]) for name, values in own.items()}
    low, high = max(begin, first - span), min(length, first + len(ref) + span)
    cut = slice(low - begin, high - begin)

    def placed(values):
        """ALT's values where REF's bases are. Where the length differs, bases that one allele alone has are not compared."""
        middle = values[at:at + len(ref)] if not shift else np.full(len(ref), np.nan)
        return np.concatenate([values[:at], middle, values[at + len(alt):]])

    return low, {name: values[cut] for name, values in own.items()}, {name: placed(values)[cut] for name, values in other.items()}


def logit(values):
    values = np.clip(values, 1e-9, 1 - 1e-9)
    return np.log(values / (1 - values))


def change(ref, alt, by):
    """Of a marker: largest difference, with its sign, and where."""
    difference = logit(alt) - logit(ref) if by == "logit" else alt - ref
    if not np.isfinite(difference).any():
        return 0.0, 0
    at = int(np.nanargmax(np.abs(difference)))
    return float(difference[at]), at


def draw(arguments):
    span, count = arguments.integer("span", 10, 50_000), arguments.integer("top", 1, 20)
    by = arguments.text("by")
    variant = asked_variant(arguments)
    info, order = information(arguments.text("model"))
    if by == "logit" and info.get("task") == "coverage":
        raise UsageError("--by logit: the model predicts coverage; say --by value")
    begin, ref, alt = alleles(arguments, variant, span, info)
    order = [name for name in order if name in ref]
    changes = {name: change(ref[name], alt[name], by) for name in order}
    shown = sorted(order, key=lambda name: -abs(changes[name][0]))[:count]
    end = begin + len(ref[shown[0]])
    width = arguments.number("width", 80, 1000)
    left = min(12 + 1.25 * max(map(len, shown)), width / 3)
    page = style.Page(width, 9 + len(shown) * (PANEL + 4) + 19)
    unit = "coverage" if info.get("task") == "coverage" else "probability"
    for number, name in enumerate(shown):
        axes = page.axes(left, 9 + number * (PANEL + 4), width - left - 32, PANEL)
        draw_panel(page, axes, name, begin, ref[name], alt[name], variant, changes[name], by, number == len(shown) - 1)
        page.text(1, 9 + number * (PANEL + 4) + PANEL / 2 - 1, name)
    style.genomic(axes, begin, end, style.position_label(variant.contig, arguments.text("genome")))
    handles = [style.line(style.GREY, 1.4), style.line(style.COLOURS[1], 1)]
    page.figure.legend(handles, [f"REF {shortened(variant.ref)}", f"ALT {shortened(variant.alt)}"], loc="upper right", ncol=2, borderaxespad=0.2)
    title = style.title_of(arguments, f"{variant.name + ', ' if variant.name != '.' else ''}{variant.contig}:{variant.pos:,} "
                           f"{shortened(variant.ref)}>{shortened(variant.alt)}")
    page.title(title)
    what = "Δ logit" if by == "logit" else f"Δ {unit}"
    notes = [f"Predicted {unit}, with an axis of its own for each marker: the {len(shown)} of {len(order)} markers with the largest |{what}| shown."]
    if len(variant.alt) != len(variant.ref):
        notes.append("Positions are those of REF; bases that one of the alleles alone has are not compared.")
    page.note("\n".join(notes))
    strongest = changes[shown[0]]
    return output.Picture(page.figure, title, f"{title}: the largest {what} is {style.figures(strongest[0])}, of {shown[0]} at "
                          f"{variant.contig}:{begin + strongest[1] + 1:,}. {' '.join(notes)}")


def shortened(allele):
    return allele if len(allele) <= 8 else f"{allele[:5]}… ({len(allele)} bp)"


def draw_panel(page, axes, name, begin, ref, alt, variant, changed, by, last):
    edges = np.arange(begin, begin + len(ref) + 1)
    axes.axvspan(variant.pos - 1, variant.pos - 1 + len(variant.ref), color="#F0E442", alpha=0.7, linewidth=0)
    axes.axvline(variant.pos - 0.5, color="#B8A800", linewidth=0.4)
    axes.stairs(ref, edges, color=style.GREY, linewidth=1.4, baseline=None)
    axes.stairs(alt, edges, color=style.COLOURS[1], linewidth=0.9, baseline=None)
    top = float(np.nanmax([np.nanmax(ref), np.nanmax(alt)])) or 1.0
    axes.set_ylim(0, top * 1.08)
    axes.set_yticks([0, top])
    axes.set_yticklabels(["0", f"{top:.2g}"])
    axes.set_xlim(edges[0], edges[-1])
    if not last:
        axes.set_xticks([])
    value = changed[0]
    axes.text(1.01, 0.5, f"{'Δ logit' if by == 'logit' else 'Δ'} {value:+.2g}".replace("-", "−") + f"\nat {begin + changed[1] + 1:,}",
              transform=axes.transAxes, va="center", fontsize=6)
