"""True against false positive rate, with the diagonal that chance has."""
from .. import curves, style

EXPLAINED = ("Dotted: what a random ranking has. In brackets: 95 % intervals of the area by regeval's bootstrap of blocks, where its table "
             "is given.")


def diagonal(axes, _):
    axes.plot([0, 1], [0, 1], color=style.GREY, linewidth=0.6, linestyle=(0, (1, 2)))


def draw(arguments):
    return curves.draw(arguments, "roc", "roc_auc", ("false positive rate", "true positive rate", "ROC"), diagonal, EXPLAINED)
