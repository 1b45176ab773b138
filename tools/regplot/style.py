"""What all pictures share: colours that colour-blind eyes can tell apart, text of 7 points at the size of print, thin axes, and a page
that is laid out in millimetres."""
from contextlib import contextmanager

import logging

import matplotlib
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter, MaxNLocator, NullLocator

logging.getLogger("matplotlib").setLevel(logging.ERROR)  # of fonts that are missing, and of folders for its cache

MM = 1 / 25.4
# Okabe and Ito's colours, strongest contrast first; lines also differ in their dashes after the first seven.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
DASHES = ("-", (0, (4, 1.5)), (0, (1, 1)), (0, (5, 1, 1, 1)))
BASES = {"A": "#009E73", "C": "#0072B2", "G": "#E69F00", "T": "#D55E00"}
GREY = "#767676"
PALE = "#C8C8C8"
DIVERGING = "PuOr"  # two hues that no common colour blindness mixes up, and white in the middle

SETTINGS = {
    "svg.fonttype": "none",       # text stays text: it can be searched, read aloud and edited
    "svg.hashsalt": "regplot",    # the same names, and so the same bytes, in every run
    "pdf.fonttype": 42,
    "font.family": ["sans-serif"], "font.sans-serif": ["DejaVu Sans", "Helvetica", "Arial"],
    "font.size": 7, "axes.titlesize": 7, "axes.labelsize": 7, "xtick.labelsize": 6.5, "ytick.labelsize": 6.5, "legend.fontsize": 6.5,
    "axes.linewidth": 0.5, "xtick.major.width": 0.5, "ytick.major.width": 0.5, "xtick.major.size": 2, "ytick.major.size": 2,
    "xtick.major.pad": 2, "ytick.major.pad": 2, "axes.labelpad": 2, "axes.spines.top": False, "axes.spines.right": False,
    "lines.linewidth": 1, "legend.frameon": False, "legend.handlelength": 1.8, "axes.titlelocation": "left", "axes.titlepad": 3,
    "axes.unicode_minus": True, "savefig.facecolor": "white", "figure.facecolor": "white", "path.simplify": True,
}


@contextmanager
def applied():
    with matplotlib.rc_context({**matplotlib.rcParamsDefault, **SETTINGS, "backend": "agg"}):
        yield


class Page:
    """A figure on which axes are placed in millimetres from its upper left corner."""

    def __init__(self, width, height):
        self.width, self.height = width, height
        self.figure = Figure(figsize=(width * MM, height * MM))
        FigureCanvasAgg(self.figure)

    def axes(self, left, top, width, height, **more):
        return self.figure.add_axes([left / self.width, 1 - (top + height) / self.height, width / self.width, height / self.height], **more)

    def text(self, left, top, text, **more):
        """Its first line's upper edge is at `top`."""
        return self.figure.text(left / self.width, 1 - top / self.height, text, **{"va": "top", **more})

    def title(self, text, left=1):
        self.text(left, 1, text, fontsize=8, fontweight="bold")

    def note(self, text, left=1):
        """What a reader must know to read the picture, at its lower edge."""
        self.figure.text(left / self.width, 1 / self.height, text, va="bottom", fontsize=6, color="#444444")


def line_of(index):
    """Colour and dashes of the line number `index`."""
    return {"color": COLOURS[index % len(COLOURS)], "linestyle": DASHES[index // len(COLOURS) % len(DASHES)]}


def grouped(number):
    return f"{number:,.0f}"


def position_label(contig, genome=""):
    return f"{contig} ({genome}, bp)" if genome else f"{contig} (bp)"


def genomic(axes, begin, end, label="", most=6):
    """The x axis counts bases from 1, as a browser does, while the data are 0-based: base i covers i to i + 1."""
    axes.set_xlim(begin, end)
    steps = MaxNLocator(most, integer=True).tick_values(begin + 1, end)
    wanted = sorted({int(at) for at in steps if begin + 1 <= at <= end})
    axes.set_xticks([at - 0.5 for at in wanted])
    axes.set_xticklabels([grouped(at) for at in wanted])
    axes.set_xlabel(label)


def plain_numbers(axis):
    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}".replace("-", "−")))


def short(names, most=6):
    names = list(names)
    return ", ".join(names[:most]) + (f" and {len(names) - most} more" if len(names) > most else "")


def figures(value):
    """Three digits, with a minus sign that is one."""
    return f"{value:.3g}".replace("-", "−")


def title_of(arguments, otherwise):
    return arguments.text("title") if arguments.given("title") else otherwise


def place(contig, begin, end):
    return f"{contig}:{begin + 1:,}–{end:,}"


def line(colour, width, dashes="-"):
    """For a legend."""
    return Line2D([], [], color=colour, linewidth=width, linestyle=dashes)


def none():
    return NullLocator()
