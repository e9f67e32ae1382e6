"""A receipt as Markdown and as a picture, whatever stands in it."""

from __future__ import annotations

import re
import struct
import zlib
from datetime import UTC, date, datetime
from xml.etree import ElementTree

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from tickstock.loading.causes import Colour
from tickstock.loading.coverage_rows import CoverageChoice, CoverageOrder
from tickstock.loading.grid import Grid, HeldSpans, build_grid
from tickstock.loading.receipt import (
    HeldContent,
    Receipt,
    Surroundings,
    as_text,
    from_text,
    make_receipt,
    share,
)
from tickstock.loading.receipt_forms import as_markdown
from tickstock.loading.receipt_picture import FULL, HEAD, NAME, STEP, TONES, draw
from tickstock.loading.receipt_png import _letter, _letters, as_png
from tickstock.loading.receipt_svg import as_svg
from tickstock.model import Gap, GapCause, Instrument, Timeframe, epoch_day
from tickstock.sessions import shipped_calendar
from tickstock.spans import Span

CALENDAR = shipped_calendar()
YEAR = Span.inclusive(date(2024, 1, 2), date(2024, 12, 31))
HELD = HeldSpans(np.array([1]), np.array([epoch_day(YEAR.start)]), np.array([epoch_day(YEAR.end)]))
GAPS = [
    Gap(2, Span.inclusive(date(2024, 3, 4), date(2024, 3, 8)), GapCause.FAILED),
    Gap(3, YEAR, GapCause.VENDOR_EMPTY),
]
ALL = CoverageChoice()
EVERYBODY = [Instrument(n, symbol) for n, symbol in ((1, "AAA"), (2, "BBB"), (3, "CCC"))]


def grid(span: Span = YEAR, everybody: list[Instrument] = EVERYBODY) -> Grid:
    return build_grid(Timeframe.DAY, everybody, span, CALENDAR, len(CALENDAR), HELD, GAPS)


def receipt(of: Grid, choice: CoverageChoice = ALL, **other: object) -> Receipt:
    around = {
        "universe": "stock_universe:theme", "made_at": datetime(2025, 1, 2, 3, 4, 5, tzinfo=UTC),
        "unknown": ("ZZZ",), "unasked": 252, "synthetic": 0, "survivorship": "unknown",
        "content": HeldContent(252, "ab" * 32),
    }  # fmt: skip
    return make_receipt(of, choice, Surroundings(**around | other))  # type: ignore[arg-type]


def test_the_figures_are_those_of_the_view() -> None:
    made = receipt(grid())
    assert (made.held, made.expected) == (252, 4 * 252)
    assert [row.name for row in made.rows] == ["BBB", "CCC", "AAA"]  # what failed comes first
    assert [(line.cause, line.sessions) for line in made.causes] == [
        (GapCause.VENDOR_EMPTY, 252), (GapCause.FAILED, 5), (GapCause.NEVER_ASKED, 247),
    ]  # fmt: skip
    assert [len(row.cells) for row in made.rows] == [12] * 3
    assert (made.first, made.last, made.by_session) == (YEAR.start, YEAR.last, False)
    only = receipt(grid(), CoverageChoice(CoverageOrder.LISTED, GapCause.FAILED, "b"))
    assert ([r.name for r in only.rows], only.symbols) == (["BBB"], 1)
    assert only.chosen == "with gaps: failed, with 'b' in the name"
    assert from_text(as_text(made)) == made


def test_of_many_symbols_one_page_is_shown() -> None:
    many = [Instrument(n, f"S{n:03}") for n in range(10, 410)]
    made = receipt(grid(everybody=many), CoverageChoice(CoverageOrder.LISTED, start=200))
    assert len(made.rows) == 2_000 // 12
    assert (made.first_row, made.rows[0].name, made.symbols) == (201, "S210", 400)
    assert "Symbols 201 to 366 of 400" in as_markdown(made)
    assert made.total.expected == 400 * 252


def test_sessions_are_shown_one_by_one_where_they_are_few() -> None:
    week = receipt(grid(Span.inclusive(date(2024, 3, 4), date(2024, 3, 8))))
    assert (week.by_session, len(week.columns)) == (True, 5)
    weekend = receipt(grid(Span.inclusive(date(2024, 3, 9), date(2024, 3, 10))))
    assert "no session" in as_markdown(weekend)
    ElementTree.fromstring(as_svg(weekend))


def test_a_hundred_percent_is_said_only_where_all_is_held() -> None:
    assert [share(h, e) for h, e in ((0, 0), (10**6 - 1, 10**6), (5, 5), (1, 3))] == [
        "–", "99.9 %", "100 %", "33.3 %",
    ]  # fmt: skip


def test_what_is_too_much_to_hash_is_said() -> None:
    assert "none: 9,000,000 bars are more than" in as_markdown(
        receipt(grid(), content=HeldContent(9_000_000))
    )
    assert f"sha256:{'ab' * 32} of 252 bars" in as_markdown(receipt(grid()))


# --- the picture ----------------------------------------------------------------------------
def test_the_drawing_has_a_box_for_each_cell_and_says_what_boxes_mean() -> None:
    made = receipt(grid())
    drawing = draw(made)
    at = {(box.x, box.y): box for box in reversed(drawing.boxes)}
    march = NAME + 2 * STEP
    assert at[march, HEAD + STEP].look.edge == TONES[Colour.BAD]  # BBB
    assert at[march, HEAD + 3 * STEP].look.fill == FULL  # AAA
    said = [label.text for label in drawing.labels]
    for wanted in ("all held", "nothing expected", "made: 2025-01-02 03:04:05 UTC",
                   "survivorship: unknown", f"content hash: sha256:{'ab' * 32} of 252 bars, raw",
                   "failed 5: the call failed: BBB 2024-03-04..", "never heard of"):  # fmt: skip
        assert any(text.startswith(wanted) for text in said), wanted
    assert all(box.y >= 0 and box.y + box.high <= drawing.height for box in drawing.boxes)
    assert all(0 < label.y < drawing.height for label in drawing.labels)


def test_what_of_a_cell_is_held_is_drawn_upon_it() -> None:
    drawing = draw(receipt(grid()))
    parts = [box for box in drawing.boxes if box.wide < 14]
    assert parts
    for part in parts:  # within the edge of a cell that comes before it
        under = [b for b in drawing.boxes if b.wide == 14 and b.x + 2 == part.x]
        assert any(b.y + 2 < part.y and b.y + 12 == part.y + part.high for b in under)
    drawn = as_svg(receipt(grid()))
    paths = re.findall(r'<path fill="(#\w+)"( stroke)?', drawn)
    assert [edge for _, edge in paths] == sorted((edge for _, edge in paths), reverse=True)
    assert (FULL, "") in paths


def pixels(data: bytes) -> np.ndarray:
    """A PNG as colours, read by what the format says."""
    assert data.startswith(b"\x89PNG\r\n\x1a\n")
    chunks, at = {}, 8
    while at < len(data):
        (size,) = struct.unpack(">I", data[at : at + 4])
        body = data[at + 4 : at + 8 + size]
        assert struct.unpack(">I", data[at + 8 + size : at + 12 + size]) == (zlib.crc32(body),)
        chunks[body[:4].decode()] = body[4:]
        at += 12 + size
    assert [*chunks] == ["IHDR", "PLTE", "IDAT", "IEND"]
    wide, high, *form = struct.unpack(">IIBBBBB", chunks["IHDR"])
    assert form == [8, 3, 0, 0, 0]
    rows = np.frombuffer(zlib.decompress(chunks["IDAT"]), np.uint8).reshape(high, wide + 1)
    assert not rows[:, 0].any()
    return np.frombuffer(chunks["PLTE"], np.uint8).reshape(-1, 3)[rows[:, 1:]]


def colour(text: str) -> list[int]:
    return list(bytes.fromhex(text[1:]))


def test_the_png_is_the_drawing_twice_as_large() -> None:
    made = receipt(grid())
    drawing, drawn = draw(made), pixels(as_png(made))
    assert drawn.shape == (2 * drawing.height, 2 * drawing.width, 3)
    for box in drawing.boxes:
        top = drawn[2 * (box.y + box.look.wide), 2 * box.x + 14]
        assert top.tolist() == colour(box.look.fill)
        if box.look.edge:
            assert drawn[2 * box.y, 2 * box.x].tolist() == colour(box.look.edge)
    # The last line is there, letter by letter.
    last = drawing.labels[-1]
    for number, character in enumerate(last.text):
        top, left = 2 * last.y - 14, 2 * last.x + 12 * number
        ink = (drawn[top : top + 18 : 2, left : left + 10 : 2] != 255).any(axis=2)
        assert (ink == _letter(character)).all(), character


def test_every_character_has_a_letter_of_its_own() -> None:
    shapes = _letters()
    assert shapes.shape == (96, 9, 5)
    assert len({shape.tobytes() for shape in shapes}) == 96
    assert not shapes[0].any()
    assert (_letter("é") == _letter("\x7f")).all()
    assert all(_letter(chr(n)).any() for n in range(33, 127))


def test_a_png_of_many_symbols_says_that_there_are_more() -> None:
    many = [Instrument(n, f"S{n:03}") for n in range(10, 410)]
    made = receipt(grid(Span.inclusive(date(2024, 3, 4), date(2024, 3, 8)), many))
    assert len(made.rows) == 400
    tall, short = pixels(as_png(made)), pixels(as_png(made, 2))
    assert tall.shape[0] - short.shape[0] == 298 * STEP * 2
    assert "of 400 symbols the first 2 are drawn" in [x.text for x in draw(made, 2).labels]
    assert "drawn" not in str(draw(made).labels)
    assert "S409" in as_svg(made)


@given(st.text(), st.text(max_size=200))
def test_a_png_takes_whatever_stands_in_it(universe: str, symbol: str) -> None:
    strange = [Instrument(1, symbol), Instrument(2, "BBB")]
    for span in (YEAR, Span.inclusive(date(2024, 3, 9), date(2024, 3, 10))):
        made = receipt(grid(span, strange), universe=universe, survivorship=universe)
        pixels(as_png(made))


@given(st.text(), st.text())
def test_names_of_others_mean_nothing_in_either_form(universe: str, symbol: str) -> None:
    strange = [Instrument(1, symbol), Instrument(2, "BBB")]
    made = receipt(grid(everybody=strange), universe=universe, survivorship=universe)
    plain, clean = as_markdown(made), as_markdown(receipt(grid(everybody=strange[1:])))
    assert plain.count("\n") == clean.count("\n") + 1  # a line for the other symbol
    for line in plain.splitlines():
        bare = line.replace("\\\\", "").replace("\\|", "").replace("\\<", "").replace("\\`", "")
        assert not {"<", "`"} & {*bare}
        assert bare.count("|") in (0, 4, 5)
    drawn = ElementTree.fromstring(as_svg(made).encode())
    kinds = {element.tag.rpartition("}")[2] for element in drawn.iter()}
    assert kinds <= {"svg", "title", "rect", "text", "path"}
    assert not {"style", "onload", "href"} & {name for e in drawn.iter() for name in e.attrib}
