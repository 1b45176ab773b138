"""Letters of any height, as paths: what sequence logos are made of."""
from functools import lru_cache

from matplotlib.font_manager import FontProperties
from matplotlib.patches import PathPatch
from matplotlib.textpath import TextPath
from matplotlib.transforms import Affine2D

from . import style


@lru_cache(None)
def shape(letter):
    """The letter in a box from (0, 0) to (1, 1)."""
    path = TextPath((0, 0), letter, size=1, prop=FontProperties(family="DejaVu Sans", weight="bold"))
    box = path.get_extents()
    return Affine2D().translate(-box.x0, -box.y0).scale(1 / box.width, 1 / box.height).transform_path(path)


def draw(axes, letter, left, bottom, height, width=0.92):
    """A letter that stands on `bottom`; below zero it hangs upside down from it, as is the custom. The axes' limits must be set."""
    move = Affine2D().scale(width, height).translate(left + (1 - width) / 2, bottom)
    axes.add_patch(PathPatch(move.transform_path(shape(letter)), facecolor=style.BASES.get(letter, style.GREY), edgecolor="none"))


def stack(axes, left, heights):
    """{letter: height}: positive ones upwards from zero, the largest on top; negative ones downwards."""
    up = down = 0.0
    for letter, height in sorted(heights.items(), key=lambda item: abs(item[1])):
        if height > 0:
            draw(axes, letter, left, up, height)
            up += height
        elif height < 0:
            draw(axes, letter, left, down, height)
            down += height
