"""The start page: the whole house at a glance, what needs a hand first."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime
from urllib.parse import urlencode

from starlette.responses import Response

from tickstock.loading.causes import CAUSES, Colour
from tickstock.loading.house import Need
from tickstock.loading.strip import Cell
from tickstock.model import GapCause
from tickstock.service.house import House, HouseLine
from tickstock.universes.key import parse_alone
from tickstock.web.context import RequestContext
from tickstock.web.fields import one_of, place_in_list
from tickstock.web.squares import Square, square

PAGE_LINES = 50
NEEDS = {
    Need.HAND: "need a hand",
    Need.GAPS: "have gaps",
    Need.COMPLETE: "complete",
    Need.UNTOUCHED: "nothing held",
}


@dataclass(frozen=True, slots=True)
class Part:
    """Which part of the house is looked at, as the address says."""

    text: str
    need: str
    start: int

    @classmethod
    def read(cls, ctx: RequestContext) -> Part:
        need = ctx.query("need")
        if need:
            one_of(Need, need, "a state of a universe")
        return cls(ctx.query("q").strip(), need, place_in_list(ctx.query("start")))

    def at(self, path: str = "/", **other: object) -> str:
        fields = {"q": self.text, "need": self.need, "start": self.start or ""} | other
        query = urlencode({name: value for name, value in fields.items() if value})
        return f"{path}?{query}" if query else path

    def found(self, lines: Iterable[HouseLine]) -> list[HouseLine]:
        """The universes whose name or key holds every word."""
        words = self.text.lower().split()
        return [line for line in lines if all(word in line.said for word in words)]


@dataclass(frozen=True, slots=True)
class HouseRow:
    """A universe for people: `behind` is how many sessions its newest one is old, `gaps` are
    sessions by cause with the class that colours them."""

    line: HouseLine
    squares: tuple[Square, ...]
    gaps: tuple[tuple[GapCause, int, str], ...]
    next: datetime | None
    stale: bool


def show(ctx: RequestContext) -> Response:
    """A row a universe: what is held of the last year, and why the rest is not."""
    return _show(ctx, "house.html")


def rows(ctx: RequestContext) -> Response:
    """The same as a part."""
    return _show(ctx, "house_rows.html")


def _show(ctx: RequestContext, template: str) -> Response:
    part, house = Part.read(ctx), ctx.tick.house.look()
    found = part.found(house.lines)
    counts = Counter(line.need for line in found)
    if part.need:
        found = [line for line in found if line.need == part.need]
    due = _due(ctx)
    return ctx.page(
        template,
        part=part,
        house=house,
        needs=[(need, name, counts[need]) for need, name in NEEDS.items()],
        rows=[_row(line, house, due) for line in found[part.start : part.start + PAGE_LINES]],
        found=len(found),
        next=part.at(start=part.start + PAGE_LINES) if part.start + PAGE_LINES < len(found) else "",
        previous=part.at(start=max(0, part.start - PAGE_LINES)) if part.start else "",
    )


def _due(ctx: RequestContext) -> dict[str, datetime]:
    """When a schedule next jobs each universe."""
    due: dict[str, datetime] = {}
    for planned in ctx.tick.schedules.planned():
        ref = str(parse_alone(planned.schedule.universe) or planned.schedule.universe)
        if planned.next and (ref not in due or planned.next < due[ref]):
            due[ref] = planned.next
    return due


def _row(line: HouseLine, house: House, due: dict[str, datetime]) -> HouseRow:
    stand, at = line.stand, due.get(str(line.ref))
    if stand is None:
        return HouseRow(line, (), (), at, stale=False)
    months = stand.months
    squares = tuple(_named(c, m) for c, m in zip(months, house.months, strict=True) if months)
    gaps = tuple((c, n, "bad-text" if CAUSES[c].colour is Colour.BAD else "muted")
                 for c, n in stand.gaps.items())  # fmt: skip
    stale = stand.newest is not None and stand.newest < house.published
    return HouseRow(line, squares, gaps, at, stale)


def _named(cell: Cell, month: date) -> Square:
    found = square(cell, "")
    return Square(found.shade, f"{month:%Y-%m}: {found.text}", "")
