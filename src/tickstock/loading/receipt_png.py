"""A receipt as a PNG, for where no SVG is shown: chats, slides, mail. Pure.

Everything is drawn here, letters too: a map is squares, and a library that draws is larger than
TickStock. A character without a letter of its own is a frame; the SVG and the Markdown have it.
"""

from __future__ import annotations

import struct
import zlib
from functools import cache
from importlib.resources import files

import numpy as np
import numpy.typing as npt

from tickstock.loading.receipt import Receipt
from tickstock.loading.receipt_picture import PAPER, Box, Label, ReceiptDrawing, draw
from tickstock.words import cut

Pixels = npt.NDArray[np.uint8]
Shapes = npt.NDArray[np.bool_]
SCALE = 2
"""Pixels a side for one of the drawing: screens of today have as many."""
MOST_ROWS = 300
"""Symbols in it: more would be a picture that few programs open."""
GLYPH_WIDE, BASE, ADVANCE = 5, 7, 6
GLYPHS_A_LINE, FIRST = 16, ord(" ")
FRAME = 127 - FIRST
STAND_INS = str.maketrans({"–": "-", "—": "-", "…": "...", "\N{NO-BREAK SPACE}": " "})


def as_png(receipt: Receipt, most_rows: int = MOST_ROWS) -> bytes:
    """The picture; beyond `most_rows` symbols it says how many there are."""
    drawing = draw(receipt, most_rows)
    colours = _colours(drawing)
    return _encoded(_painted(drawing, colours), colours)


def _colours(drawing: ReceiptDrawing) -> dict[str, int]:
    """Every colour and its number, the paper first."""
    used = [PAPER, *(c for b in drawing.boxes for c in (b.look.fill, b.look.edge) if c)]
    used += [label.colour for label in drawing.labels]
    return {colour: number for number, colour in enumerate(dict.fromkeys(used))}


def _painted(drawing: ReceiptDrawing, colours: dict[str, int]) -> Pixels:
    paper = np.zeros((SCALE * drawing.height, SCALE * drawing.width), np.uint8)
    for box in drawing.boxes:
        _paint_box(paper, box, colours)
    for label in drawing.labels:
        _paint_words(paper, label, colours[label.colour])
    return paper


def _paint_box(paper: Pixels, box: Box, colours: dict[str, int]) -> None:
    x, y, look = SCALE * box.x, SCALE * box.y, box.look
    across, down, edge = SCALE * box.wide, SCALE * box.high, SCALE * look.wide
    if look.edge:
        paper[y : y + down, x : x + across] = colours[look.edge]
    paper[y + edge : y + down - edge, x + edge : x + across - edge] = colours[look.fill]


def _paint_words(paper: Pixels, label: Label, colour: int) -> None:
    """What does not fit on the paper is cut off, with a sign of it."""
    times = SCALE + (label.size > 12)
    text = label.text.translate(STAND_INS)
    x = SCALE * label.x - (len(text) * ADVANCE * times // 2 if label.middle else 0)
    text = cut(text, max(1, (paper.shape[1] - x) // (ADVANCE * times))).translate(STAND_INS)
    y = SCALE * label.y - BASE * times
    for number, character in enumerate(text):
        shape = _letter(character, times)
        at = x + number * ADVANCE * times
        part = paper[max(y, 0) : y + shape.shape[0], at : at + shape.shape[1]]
        part[shape[: part.shape[0], : part.shape[1]]] = colour


@cache
def _letters() -> Shapes:
    """The shapes of the characters from the blank on, and of the frame."""
    drawn = files("tickstock").joinpath("data/letters.txt").read_text("ascii").split("\n\n")
    rows = [[list(line) for line in block.splitlines()] for block in drawn]
    shapes: Shapes = (
        np.array(
            [
                [line[ADVANCE * n : ADVANCE * n + GLYPH_WIDE] for line in block]
                for block in rows
                for n in range(GLYPHS_A_LINE)
            ]
        )
        == "#"
    )
    return shapes


def _letter(character: str, times: int = 1) -> Shapes:
    """Its shape, so many times as large."""
    number = ord(character) - FIRST
    return _enlarged(number if 0 <= number < FRAME else FRAME, times)


@cache
def _enlarged(number: int, times: int) -> Shapes:
    return np.kron(_letters()[number], np.ones((times, times), np.bool_))


def _encoded(pixels: Pixels, colours: dict[str, int]) -> bytes:
    """As PNG with a palette: signature, size, colours, pixels (no row filtered), end."""
    high, wide = pixels.shape
    rows = np.zeros((high, wide + 1), np.uint8)
    rows[:, 1:] = pixels
    palette = b"".join(bytes.fromhex(colour[1:]) for colour in colours)
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        _chunk(kind, data)
        for kind, data in (
            (b"IHDR", struct.pack(">IIBBBBB", wide, high, 8, 3, 0, 0, 0)),
            (b"PLTE", palette),
            (b"IDAT", zlib.compress(rows.tobytes())),
            (b"IEND", b""),
        )
    )


def _chunk(kind: bytes, data: bytes) -> bytes:
    body = kind + data
    return struct.pack(">I", len(data)) + body + struct.pack(">I", zlib.crc32(body))
