"""One page of everything that lies in a run's folder: what a file is, its own header tells."""
import gzip
import html
import os
import re

from .. import cli, files, options, page, style, tables, tracks, variants
from ..errors import Error, InputError, IoError

ROWS, NEAR, TRACKS = 10, 25_000, 8  # rows of a table of variants; bases to either side of the strongest site; tracks of it


class Found:
    """Files of a folder, and of those in it, by what they are."""

    def __init__(self, folder):
        self.kinds = {}
        try:
            names = sorted(os.listdir(folder))
        except OSError as error:
            raise IoError(f"{folder}: {error.strerror}") from None
        for name in names:
            path = os.path.join(folder, name)
            if name.startswith(".") or name.endswith(".part"):
                continue
            if name.endswith(".regds"):
                self.kinds.setdefault("data set", []).append(path)
            elif os.path.isdir(path):
                for inner in sorted(os.listdir(path)) if os.access(path, os.R_OK) else []:
                    self.add(os.path.join(path, inner))
            else:
                self.add(path)

    def add(self, path):
        kind = kind_of(path) if os.path.isfile(path) else None
        if kind:
            self.kinds.setdefault(kind, []).append(path)

    def all(self, kind):
        return self.kinds.get(kind, [])

    def one(self, kind):
        return self.all(kind)[0] if len(self.all(kind)) == 1 else None


def head_of(path):
    """Its first line that is no comment of ours, and whether there is a line of regsnp or regcall above it."""
    try:
        with open(path, "rb") as file:
            zipped = file.read(2) == b"\x1f\x8b"
        with (gzip.open if zipped else open)(path, "rb") as file:
            for line in file.read(1 << 20).split(b"\n"):
                if not line.startswith(b"##"):
                    return line.decode("utf-8", "replace")
    except (OSError, EOFError):
        pass
    return ""


def kind_of(path):
    if re.search(r"\.(bw|bigwig)$", path, re.I):
        return "track"
    if re.search(r"\.narrowPeak(\.b?gz)?$", path):
        return "sites"
    if path.endswith(".safetensors"):
        return "model"
    if path.endswith(".meme"):
        return "motifs"
    if re.search(r"\.(fa|fasta)(\.b?gz)?$", path):
        return "sequence" if os.path.exists(path + ".fai") else None
    if re.search(r"\.vcf(\.b?gz)?$", path):
        return "variants" if scored(path) else None
    if re.search(r"\.tsv(\.b?gz)?$", path):
        columns = head_of(path).lstrip("#").split("\t")
        for kind, needed in (("log", ("step", "epoch", "grad_norm")), ("curves", ("curve", "threshold", "x", "y")),
                             ("metrics", ("split", "marker", "class", "prevalence")), ("metrics of coverage", ("split", "marker", "pearson_r")),
                             ("effects", ("pos", "ref", "marker", "A", "T"))):
            if all(name in columns for name in needed):
                return kind
    return None


def scored(path):
    with (gzip.open if path.endswith("gz") else open)(path, "rb") as file:
        return b"##INFO=<ID=REG_DELTA" in file.read(1 << 20)


class Page:
    """Sections in order; what cannot be drawn says so, in the page and on standard error."""

    def __init__(self, arguments):
        self.arguments, self.sections, self.complaints, self.count = arguments, [], [], 0

    def text(self, heading, body):
        self.sections.append((heading, body))

    def picture(self, heading, explained, *words):
        command, rest = cli.command_of([str(word) for word in words])
        if self.arguments.given("genome") and any(option.name == "genome" for option in command.options):
            rest += ["--genome", self.arguments.text("genome")]
        body = f'<p>{html.escape(explained)}</p>\n'
        try:
            given = options.parse(command, rest)
            with style.applied():
                drawn = cli.module_of(command).draw(given)
                self.count += 1
                body += page.figure(drawn, f"p{self.count}")
        except Error as error:
            self.complaints.append(str(error))
            body += f'<p class="note">This could not be drawn: {html.escape(str(error))}</p>\n'
        self.text(heading, body)

    def document(self, title):
        anchors = [f'<a href="#s{number}">{html.escape(heading)}</a>' for number, (heading, _) in enumerate(self.sections)]
        body = f"<nav>{' '.join(anchors)}</nav>\n"
        for number, (heading, section) in enumerate(self.sections):
            body += f'<section id="s{number}">\n<h2>{html.escape(heading)}</h2>\n{section}</section>\n'
        return page.document(title, body)


def html_table(rows):
    head, *body = [[html.escape(str(cell)) for cell in row] for row in rows]
    lines = ["<tr>" + "".join(f"<th>{cell}</th>" for cell in head) + "</tr>"]
    lines += ["<tr>" + "".join(f"<td>{cell}</td>" for cell in row) + "</tr>" for row in body]
    return '<div class="wide"><table>\n' + "\n".join(lines) + "\n</table></div>\n"


def named(path):
    return tables.named(path)[0]


def add_training(document, found):
    logs = found.all("log")
    for at in range(0, len(logs), 6):
        document.picture("Training", "Losses, and what validation measured while the model was trained. The model that was kept is the one of "
                         "the best mean average precision.", "training", *logs[at:at + 6])


def add_metrics(document, found):
    for path in found.all("metrics"):
        table = tables.Table(path, ("split", "marker", "class", "roc_auc", "average_precision", "prevalence"), "regeval's table")
        shown = [index for index, row in enumerate(table.rows) if row.get("annotation", "all") == "all" and row.get("predictor", "model") == "model"
                 and row["marker"] != "median"][:60]
        rows = [("marker", "class", "ROC AUC", "average precision", "prevalence", "ratio", "positive positions")]
        for index in shown:
            value = {name: table.number(index, name) for name in ("roc_auc", "average_precision", "prevalence", "ap_over_prevalence", "positives")}
            rows.append((table.rows[index]["marker"], table.rows[index]["class"], f"{value['roc_auc']:.3f}", f"{value['average_precision']:.4f}",
                         f"{value['prevalence']:.4f}", f"{value['ap_over_prevalence']:.1f}", f"{value['positives']:,.0f}"))
        explained = (f"How well the positions of the {table.rows[0]['split']} split are ranked. A random ranking has the prevalence as its average "
                     "precision; the ratio says how many times better the model is.")
        document.picture(f"Metrics: {named(path)}", explained, "metrics", path)
        document.text("In numbers", html_table(rows))
        if "calibration_slope" in table.columns:
            document.picture("Calibration", "Whether probabilities mean what they say: a slope of 1 and an error of 0 are right.", "calibration", path)


def add_curves(document, found):
    for path in found.all("curves"):
        beside = [metrics for metrics in found.all("metrics") if named(path).startswith(named(metrics))] or found.all("metrics")
        more = ["--metrics", beside[0]] if len(beside) == 1 else []
        document.picture("Precision and recall", "Which share of what is called is right, and which share of what is there is found.", "pr", path, *more)
        document.picture("ROC", "The same ranking, against the share of negative positions that is called by mistake.", "roc", path, *more)


def strongest_site(path):
    """(contig, middle) of the site with the largest mean value, and how many sites each marker has."""
    best, counts = None, {}
    for number, line in tables.lines(path):
        if not line or line.startswith(("#", "track", "browser")):
            continue
        fields = line.split("\t")
        try:
            value, middle = float(fields[6]), (int(fields[1]) + int(fields[2])) // 2
        except (IndexError, ValueError):
            raise InputError(f"{path}:{number}: this is no line of narrowPeak") from None
        counts[fields[3]] = counts.get(fields[3], 0) + 1
        if best is None or value > best[0]:
            best = value, fields[0], middle
    return best, counts


def add_locus(document, found):
    sites = found.one("sites")
    if document.arguments.given("region"):
        region, counts = tracks.region(document.arguments.text("region")), {}
        if sites:
            counts = strongest_site(sites)[1]
    elif sites:
        best, counts = strongest_site(sites)
        if best is None:
            document.text("Sites", f"<p>{html.escape(os.path.basename(sites))} has none.</p>\n")
            return
        region = tracks.Region(best[1], max(0, best[2] - NEAR), best[2] + NEAR)
    else:
        return
    rows = [("marker", "sites")] + sorted(counts.items(), key=lambda item: -item[1])[:20]
    given = sorted(found.all("track"), key=lambda path: -counts.get(named(path), 0))[:TRACKS]
    words = ["locus", "-r", str(region)] + sorted(given) + ([sites] if sites else []) + found.all("variants")[:1]
    if found.one("data set") and os.path.exists(os.path.join(found.one("data set"), "peaks.bed.gz")):
        words += ["--peaks", os.path.join(found.one("data set"), "peaks.bed.gz")]
    where = "around the strongest site" if not document.arguments.given("region") else "in the region that was asked for"
    document.picture("A stretch of the genome", f"What the model predicts {where}, the sites that are called of it, what was measured, and what "
                     "variants change.", *words)
    if len(rows) > 1:
        document.text("Sites", html_table(rows))


def add_variants(document, found):
    for path in found.all("variants"):
        known = [each for each in variants.read(path) if each.delta == each.delta]
        top = sorted(known, key=lambda each: -abs(each.delta))[:ROWS]
        rows = [("variant", "position", "REF", "ALT", "Δ logit", "marker")]
        rows += [(each.name, f"{each.contig}:{each.pos:,}", cut(each.ref), cut(each.alt), f"{each.delta:+.3g}".replace("-", "−"), each.marker)
                 for each in top]
        document.text(f"Variants: {named(path)}", f"<p>{len(known):,} alleles have a score. The {len(top)} that change most, by the largest difference of "
                      f"logits over markers and the bases around (REG_DELTA):</p>\n" + html_table(rows))
        if top and found.one("model") and found.one("sequence"):
            document.picture("The strongest variant", "What the model predicts along both alleles, for the markers whose prediction changes most.",
                             "variant", "-m", found.one("model"), "-f", found.one("sequence"), path)


def cut(text):
    return text if len(text) <= 12 else text[:11] + "…"


def add_effects(document, found):
    for path in found.all("effects")[:4]:
        table = tables.Table(path, ("chrom", "pos", "ref", "marker", "A", "C", "G", "T"), "a table of regsnp ism")
        largest, contigs = {}, set()
        for index, row in enumerate(table.rows):
            contigs.add(row["chrom"])
            value = max(abs(number) if number == number else 0 for number in (table.number(index, base) for base in "ACGT"))
            largest[row["marker"]] = max(largest.get(row["marker"], 0), value)
        if len(contigs) == 1:
            document.picture(f"Every substitution: {named(path)}", "What each substitution would change. Letters are as high as what the base that is "
                             "there contributes; of several markers this is the one with the largest effect.", "ism", path, "-k",
                             max(largest, key=largest.get))


def add_motifs(document, found):
    for path in found.all("motifs")[:4]:
        document.picture(f"Motifs: {named(path)}", "Motifs as logos, in bits.", "motifs", path)


def write(arguments):
    folder = arguments.words[0].rstrip("/") or "/"
    if not os.path.isdir(folder):
        raise IoError(f"{folder}: there is no such folder")
    output = arguments.text("output") if arguments.given("output") else os.path.join(folder, "index.html")
    wanted = files.outputs(arguments, ("html",)) if arguments.given("output") else [(output, "html")]
    found, document = Found(folder), Page(arguments)
    for add in (add_training, add_metrics, add_curves, add_locus, add_effects, add_variants, add_motifs):
        try:
            add(document, found)
        except Error as error:
            document.complaints.append(str(error))
    if not document.sections:
        raise InputError(f"{folder}: nothing to draw: no training log, metrics, curves, sites, scored variants, effects or motifs"
                         + (f"; {document.complaints[0]}" if document.complaints else ""))
    title = style.title_of(arguments, f"regkit: {os.path.basename(os.path.abspath(folder))}")
    files.write([(name, document.document(title).encode()) for name, _ in wanted])
    return (f"{output}: {document.count} pictures of {sum(map(len, found.kinds.values()))} files",
            [f"not drawn: {complaint}" for complaint in document.complaints])
