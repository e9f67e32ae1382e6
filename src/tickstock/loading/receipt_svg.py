"""A receipt as an SVG. Pure.

Its colours are in attributes: pages that allow no styles but their own show it too.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from html import escape

from tickstock.loading.receipt import Receipt
from tickstock.loading.receipt_forms import UNPRINTABLE
from tickstock.loading.receipt_picture import INK, PAPER, Box, CellLook, Label, draw


def as_svg(receipt: Receipt) -> str:
    """The picture, in which nothing is foreign."""
    drawing = draw(receipt)
    width, height = drawing.width, drawing.height
    size = f'width="{width}" height="{height}"'
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" {size}',
        f'font-family="sans-serif" font-size="12" fill="{INK}">',
        f"<title>{_text(drawing.title)}</title>",
        f'<rect {size} fill="{PAPER}"/>',
        *_paths(drawing.boxes),
        *map(_words, drawing.labels),
        "</svg>",
    ]
    return "\n".join([*parts, ""])


def _paths(boxes: Sequence[Box]) -> Iterator[str]:
    """Boxes of one look are one path: a fortieth of the text of a rectangle each. What of a cell is
    filled lies upon the cell, which has an edge."""
    drawn: dict[CellLook, list[str]] = {}
    for box in boxes:
        wide = box.look.wide  # an edge lies half within and half without a path
        start = f"M{box.x + wide / 2:g} {box.y + wide / 2:g}"
        across, down = box.wide - wide, box.high - wide
        drawn.setdefault(box.look, []).append(f"{start}h{across}v{down}h-{across}z")
    for look, shapes in sorted(drawn.items(), key=lambda one: not one[0].edge):
        stroke = f' stroke="{look.edge}" stroke-width="{look.wide}"' if look.edge else ""
        yield f'<path fill="{look.fill}"{stroke} d="{"".join(shapes)}"/>'


def _words(label: Label) -> str:
    size = f' font-size="{label.size}"' if label.size != 12 else ""
    bold = ' font-weight="bold"' if label.size > 12 else ""
    middle = ' text-anchor="middle"' if label.middle else ""
    colour = f' fill="{label.colour}"' if label.colour != INK else ""
    look = f"{size}{bold}{middle}{colour}"
    return f'<text x="{label.x}" y="{label.y}"{look}>{_text(label.text)}</text>'


def _text(text: str) -> str:
    return escape(UNPRINTABLE.sub(" ", text))
