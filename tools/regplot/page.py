"""HTML that holds everything itself: pictures as SVG in the text, no network, no script."""
import html
import re

from . import VERSION

STYLE = """
body { font: 16px/1.5 system-ui, -apple-system, "Segoe UI", Helvetica, Arial, sans-serif; color: #222; background: #fff;
       max-width: 60rem; margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.6rem; } h2 { font-size: 1.2rem; margin-top: 2.5rem; border-top: 1px solid #ddd; padding-top: 1rem; }
figure { margin: 1rem 0; } figure svg { width: 100%; height: auto; } figcaption, .note { font-size: .9rem; color: #444; }
table { border-collapse: collapse; font-size: .85rem; } td, th { padding: .15rem .6rem; text-align: right; border-bottom: 1px solid #eee; }
td:first-child, th:first-child { text-align: left; } nav a { margin-right: 1rem; } .wide { overflow-x: auto; }
footer { margin-top: 3rem; font-size: .8rem; color: #666; } code { font-size: .9em; }
@media print { body { max-width: none; } section { break-inside: avoid; } }
"""


def inline(svg, prefix):
    """An SVG file as an element of a page: without its head, and with names of its own, since several share the page."""
    svg = svg[svg.index("<svg"):]
    svg = re.sub(r"<metadata>.*?</metadata>", "", svg, flags=re.S)
    svg = re.sub(r'\bid="', f'id="{prefix}-', svg)
    svg = re.sub(r'(href="#|url\(#)', rf"\g<1>{prefix}-", svg)
    # A rule inside of an SVG would hold for the whole page; it says the same in each of ours.
    return svg


def figure(picture, prefix):
    from . import output
    drawn = inline(output.svg(picture), prefix)
    label = html.escape(picture.title, quote=True)
    drawn = drawn.replace("<svg ", f'<svg role="img" aria-label="{label}" ', 1)
    return f"<figure>\n{drawn}<figcaption>{html.escape(picture.caption)}</figcaption>\n</figure>\n"


def document(title, body):
    return (f'<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n<title>{html.escape(title)}</title>\n'
            f'<meta name="viewport" content="width=device-width, initial-scale=1">\n<meta name="generator" content="regplot {VERSION}">\n'
            f"<style>{STYLE}</style>\n</head>\n<body>\n<h1>{html.escape(title)}</h1>\n{body}"
            f"<footer>Made by regplot {VERSION} of regkit.</footer>\n</body>\n</html>\n")


def single(picture):
    return document(picture.title, figure(picture, picture.name or "p"))
