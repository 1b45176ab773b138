"""Precision against recall, with the prevalence that chance would have: the precision of calling everything."""
from .. import curves, style

EXPLAINED = ("Dotted: prevalence, the precision that a random ranking has. In brackets: 95 % intervals by regeval's bootstrap of blocks, "
             "where its table is given.")


def prevalence(axes, named):
    for index, curve in enumerate(named):
        if curve.x.max() == 1:
            colour = "black" if curve.marker == "mean" and len(named) == 1 else style.line_of(index)["color"]
            axes.axhline(curve.y[curve.x == 1].min(), color=colour, linewidth=0.6, linestyle=(0, (1, 2)))


def draw(arguments):
    return curves.draw(arguments, "pr", "average_precision", ("recall", "precision", "Precision and recall"), prevalence, EXPLAINED)
