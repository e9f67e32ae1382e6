"""One symbol: candles, gaps, splits and dividends, its tickers, the universes it is and was in."""

from __future__ import annotations

from collections import Counter
from datetime import date
from itertools import islice
from typing import Any
from urllib.parse import quote

from starlette.responses import Response

from tickstock.actions import Dividend, Split
from tickstock.errors import TickStockError, UnknownUniverse
from tickstock.loading.causes import CAUSES, OUTSIDE
from tickstock.web.answers import status_of
from tickstock.web.candles import draw
from tickstock.web.context import RequestContext
from tickstock.web.load_form import LoadForm

MOST_ACTIONS = 12
MOST_GAPS = 8


def address_of(symbol: str) -> str:
    """The page of a symbol."""
    return f"/symbols/{quote(symbol, safe='')}"


def show(ctx: RequestContext) -> Response:
    """Everything that is known of one symbol."""
    symbol = ctx.tick.universes.read_symbol(ctx.path("symbol"))
    try:
        context = _known(ctx, symbol)
        status = 200
    except UnknownUniverse as e:
        context, status = {"chart": None, "error": e}, 200
    except TickStockError as e:
        context, status = {"chart": None, "error": e}, status_of(e)
    history = ctx.tick.history
    now, once = history.containing(symbol), history.once(symbol)
    names = ctx.tick.universes.names([str(ref) for ref in (*now, *once)])
    return ctx.page(
        "symbol.html", status, symbol=symbol, now=now, once=once, names=names, causes=CAUSES,
        form=LoadForm(expression="{" + symbol + "}"), **context,
    )  # fmt: skip


def _known(ctx: RequestContext, symbol: str) -> dict[str, Any]:
    chart = ctx.tick.charts.of(symbol)
    lacking = [s for s in reversed(chart.stretches) if s.cause not in OUTSIDE]
    counted: Counter[str] = Counter()
    for stretch in lacking:
        counted[stretch.cause] += stretch.sessions
    return {
        "chart": chart,
        "error": None,
        "drawing": draw(chart.reading.bars, (), ()),
        "held": len(chart.reading.bars) + chart.earlier,
        "lacking": lacking[:MOST_GAPS],
        "more": max(0, len(lacking) - MOST_GAPS),
        "counted": counted,
        "actions": list(islice(_actions(ctx, symbol), MOST_ACTIONS)),
        "instrument": ctx.tick.holdings.instrument(symbol),
        "first": date.min,
        "last": date.max,
    }


def _actions(ctx: RequestContext, symbol: str) -> list[tuple[date, str]]:
    """Splits and dividends in words, the newest first."""
    tick = ctx.tick
    found: list[Split | Dividend] = [*tick.actions.splits([symbol])]
    found += tick.actions.dividends([symbol])
    return sorted(((one.day, _said(one)) for one in found), reverse=True)


def _said(one: Split | Dividend) -> str:
    if isinstance(one, Split):
        return f"split {one.ratio}"
    return f"dividend {one.cash:g} {one.currency}".strip()
