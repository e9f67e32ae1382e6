"""Finding symbols, universes, jobs and days by what somebody types; Ctrl-K on every view."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from typing import Any
from urllib.parse import urlencode

from starlette.responses import Response

from tickstock.errors import TickStockError
from tickstock.loading.causes import CAUSES
from tickstock.model import JobState
from tickstock.universes.days import day_in
from tickstock.web.context import RequestContext
from tickstock.web.fields import address_of
from tickstock.web.jobs import names_of
from tickstock.web.render import exchange_time, words
from tickstock.web.symbols import address_of as address_of_symbol
from tickstock.web.universe_rows import search

MOST = 6
"""Of each kind; the views of the kinds show the rest."""
SYMBOL = re.compile(r"[A-Za-z][A-Za-z0-9.\-/]{0,14}")
AT = re.compile(r"(.*?)\s*@\s*(\d{4}-\d{2}-\d{2})")
VIEWS = {
    "Overview": "/", "Historical Data": "/admin/historical-data", "Jobs": "/jobs",
    "Universes": "/universes", "Coverage": "/coverage", "Receipts": "/receipts",
    "System": "/system", "Compare universes": "/universes/diff",
}  # fmt: skip
HELP = (
    ("AAPL", "a symbol: its candles, gaps, splits, universes"),
    ("sp500", "a universe, by name or key"),
    ("sp500 @ 2012-03-01", "who was in it on a day"),
    ("AAPL @ 2020-08-31", "the bars of a symbol around a day"),
    ("failed", "jobs by state; also by universe, person, or the start of the id"),
    ("system", "a view"),
)
KEYS = (
    ("Ctrl K", "find, from every view"),
    ("?", "this help"),
    ("Up, Down, Enter, Esc", "in what was found; in the list of universes"),
    ("Arrows", "from cell to cell of a map"),
    ("Space, Shift and arrows", "mark cells of a map: their plan comes beside it"),
)


@dataclass(frozen=True, slots=True)
class Found:
    """Something that was meant, perhaps."""

    name: str
    about: str
    address: str


def show(ctx: RequestContext) -> Response:
    """What a text may mean, as a view."""
    return ctx.page("find.html", **_context(ctx))


def rows(ctx: RequestContext) -> Response:
    """The same as a part."""
    return ctx.page("find_rows.html", **_context(ctx))


def _context(ctx: RequestContext) -> dict[str, Any]:
    text = ctx.query("q").strip()
    groups = [] if text in ("", "?") else [(n, of) for n, of in _groups(ctx, text) if of]
    return {"text": text, "groups": groups, "help": HELP, "keys": KEYS}


def _groups(ctx: RequestContext, text: str) -> Iterator[tuple[str, list[Found]]]:
    dated = AT.fullmatch(text)
    if dated:
        what, day = dated[1], day_in(dated[2])
        yield "On that day", _on(ctx, what, day) if day else []
        return
    yield "Symbols", _symbols(ctx, text)
    yield "Universes", _universes(ctx, text)
    yield "Jobs", _jobs(ctx, text)
    low = text.lower()
    yield "Views", [Found(n, "", at) for n, at in VIEWS.items() if low in n.lower()]


def _on(ctx: RequestContext, what: str, day: date) -> list[Found]:
    found = [
        Found(f"{one.name} @ {day}", one.about, f"{one.address}?as_of={day}")
        for one in _universes(ctx, what)
    ]
    for symbol in _starting(ctx, what)[:1]:
        around = {"symbol": symbol, "from": str(day), "to": str(day)}
        found.insert(0, Found(f"{symbol} @ {day}", "bars", f"/bars?{urlencode(around)}"))
    return found


def _symbols(ctx: RequestContext, text: str) -> list[Found]:
    return [Found(s, "", address_of_symbol(s)) for s in _starting(ctx, text)]


def _starting(ctx: RequestContext, text: str) -> list[str]:
    if not SYMBOL.fullmatch(text):
        return []
    found = ctx.tick.holdings.starting(text.upper(), MOST)
    return found or ctx.tick.holdings.starting(text, MOST)


def _universes(ctx: RequestContext, text: str) -> list[Found]:
    found = search(ctx.services.shelf.rows(), text, MOST)
    lines = [line for group in found.groups for line in group.lines]
    return [Found(line.name, line.ref, address_of(line.ref)) for line in lines]


def _jobs(ctx: RequestContext, text: str) -> list[Found]:
    asked = text.lower().replace(" ", "_")
    states = [s for s in JobState if asked and s.value.startswith(asked)]
    found = [Found(f"{words(s)} jobs", "", f"/jobs?state={s.value}") for s in states]
    found += [
        Found(f"Universes with sessions {words(cause)}", CAUSES[cause].text, "/?need=hand")
        for cause in CAUSES
        if cause.value == asked and CAUSES[cause].colour == "bad"
    ]
    jobs = ctx.tick.jobs
    at_hand = jobs.newest(MOST, text=text)
    if not at_hand and re.fullmatch(r"[0-9a-f-]{4,36}", text):
        try:
            at_hand = [jobs.progress(jobs.find(text))]
        except TickStockError:
            at_hand = []
    names = names_of(ctx, at_hand)
    return found + [
        Found(
            names[load.title],
            f"{words(load.state)}, {exchange_time(load.created_at)}",
            f"/jobs/{load.id}",
        )
        for load in (progress.load for progress in at_hand)
    ]
