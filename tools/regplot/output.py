"""A finished picture, and its bytes in each format: the same ones for the same input."""
import io
from dataclasses import dataclass

from . import files, page, style


@dataclass
class Picture:
    figure: object       # matplotlib's
    title: str
    caption: str         # whole sentences: what is drawn, of how many, and what was left out
    name: str = ""       # of the command


def svg(picture):
    stream = io.StringIO()
    picture.figure.savefig(stream, format="svg", metadata={"Date": None, "Creator": "regplot", "Title": picture.title,
                                                           "Description": picture.caption})
    return stream.getvalue()


def rendered(picture, kind, dpi):
    if kind == "html":
        return page.single(picture).encode()
    if kind == "svg":
        return svg(picture).encode()
    stream = io.BytesIO()
    metadata = {"png": {"Software": "regplot", "Title": picture.title},
                "pdf": {"Creator": "regplot", "Producer": "regplot", "CreationDate": None, "Title": picture.title}}[kind]
    picture.figure.savefig(stream, format=kind, dpi=dpi, metadata=metadata)
    return stream.getvalue()


def save(picture, wanted, dpi):
    with style.applied():
        files.write([(name, rendered(picture, kind, dpi)) for name, kind in wanted])
