"""Bars of one symbol: candles, what is missing between them and why, splits, doubtful bars."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlencode

import numpy as np
from starlette.responses import JSONResponse, Response

from tickstock.actions import Adjust
from tickstock.errors import TickStockError
from tickstock.loading.causes import CAUSES, OUTSIDE, Colour
from tickstock.loading.missing import Stretch
from tickstock.model import Ints, Timeframe, epoch_day
from tickstock.service.charts import Chart
from tickstock.spans import day_of
from tickstock.store.doubts import Doubted
from tickstock.vendors.newyork import dates_of, instants_of
from tickstock.web.answers import status_of
from tickstock.web.candles import draw
from tickstock.web.context import RequestContext
from tickstock.web.fields import one_of, span_of
from tickstock.web.render import time_mark

INTRADAY = (Timeframe.HOUR, Timeframe.MINUTE)
TIMEFRAMES = (("day", "Day"), ("hour", "Hour"), ("1min", "Minute"), ("week", "Week"),
              ("month", "Month"))  # fmt: skip
DURATIONS = (("", "All held"), ("1mo", "1 Month"), ("3mo", "3 Months"), ("6mo", "6 Months"),
             ("1y", "1 Year"), ("2y", "2 Years"), ("5y", "5 Years"))  # fmt: skip
ADJUSTMENTS = (("splits", "Splits"), ("total", "Splits and dividends"),
               ("raw", "Nothing"))  # fmt: skip
TABLE_LINES = 250
NUMBERS = ("open", "high", "low", "close", "volume", "vwap", "trades")
CHARTS_BY = "https://www.tradingview.com/"
"""Whose charts they are: a link on the page is what the licence of the library asks for."""


@dataclass(frozen=True, slots=True)
class ChartLine:
    """A line of the table: a bar (open, high, low, close, volume), or sessions that have none.

    `text` says what is doubtful about it, or why there is none; `bad` calls for somebody.
    """

    at: str
    numbers: tuple[float, ...]
    text: str = ""
    bad: bool = False


def show(ctx: RequestContext) -> Response:
    """The chart of one symbol, and the same as a table."""
    symbol = ctx.query("symbol").strip()
    context: dict[str, Any] = {
        "symbol": symbol, "timeframes": TIMEFRAMES, "durations": DURATIONS,
        "adjustments": ADJUSTMENTS, "timeframe": ctx.query("timeframe", "day"),
        "adjust": ctx.query("adjust", "splits"), "duration": ctx.query("for"),
        "first": ctx.query("from"), "last": ctx.query("to"), "charts_by": CHARTS_BY,
        "universe": ctx.query("universe"),
    }  # fmt: skip
    try:
        chart = _chart(ctx, symbol) if symbol else None
    except TickStockError as e:
        return ctx.page("bars.html", status_of(e), **context, view=None, error=e)
    return ctx.page("bars.html", **context, view=_view(chart) if chart else None, error=None)


def data(ctx: RequestContext) -> Response:
    """Bars of one symbol in columns, newest 5,000, with what is missing, splits and doubts."""
    return JSONResponse(_as_dict(_chart(ctx, ctx.query("symbol").strip())))


def _chart(ctx: RequestContext, symbol: str) -> Chart:
    return ctx.tick.charts.of(
        symbol,
        one_of(Timeframe, ctx.query("timeframe", "day"), "a timeframe"),
        span_of(ctx),
        adjust=one_of(Adjust, ctx.query("adjust", "splits"), "an adjustment"),
    )


# --- the page -------------------------------------------------------------------------------
def _view(chart: Chart) -> dict[str, Any]:
    bars, flagged = chart.reading.bars, {d.at: d for d in chart.doubtful}
    lines = list(_lines(chart, flagged))
    marks = [epoch_day(s.day) for s in chart.splits]
    marks += [_number(chart.reading.timeframe, d.at) for d in chart.doubtful]
    return {
        "chart": chart,
        "drawing": draw(bars, marks, _gaps(chart)),
        "lines": lines[:TABLE_LINES],
        "older": _older(chart) if len(lines) > TABLE_LINES else "",
        "count": len(bars),
        "lacking": [s for s in reversed(chart.stretches) if s.cause not in OUTSIDE],
        # Nobody expects bars of these days: told in words, not marked in the picture.
        "outside": [s for s in chart.stretches if s.cause in OUTSIDE],
        "causes": CAUSES,
        "intraday": chart.reading.timeframe in INTRADAY,
        "when": lambda at: _when(at, chart.reading.timeframe),
    }


def _gaps(chart: Chart) -> list[int]:
    """From when on bars are missing, in the unit of the table."""
    starts = [epoch_day(s.span.start) for s in chart.stretches if s.cause not in OUTSIDE]
    days = np.array(starts, np.int64)
    at = instants_of(days) if chart.reading.timeframe in INTRADAY else days
    return [int(a) for a in at]


def _older(chart: Chart) -> str:
    """The address of the same days up to the last line shown."""
    bars, timeframe = chart.reading.bars, chart.reading.timeframe
    days = bars.at if timeframe not in INTRADAY else dates_of(bars.at)
    last = day_of(int(days[max(0, len(days) - TABLE_LINES)]))
    fields = {"symbol": chart.symbol, "timeframe": timeframe, "adjust": chart.reading.adjust}
    dates = {"from": str(min(chart.span.start, last)), "to": str(last)}
    return f"/bars?{urlencode(fields | dates)}#table"


def _lines(chart: Chart, flagged: dict[datetime, Doubted]) -> Iterator[ChartLine]:
    """Bars and the sessions between them that have none, the newest first."""
    timeframe = chart.reading.timeframe
    lacking = [s for s in chart.stretches if s.cause not in OUTSIDE]
    rows = list(zip(*(c.tolist() for c in _columns(chart)), strict=True))
    days = _days(chart).tolist()
    for (at, *numbers), day in zip(reversed(rows), reversed(days), strict=True):
        while lacking and epoch_day(lacking[-1].span.start) > day:
            yield _lacking_line(lacking.pop())
        moment = datetime.fromtimestamp(at if timeframe in INTRADAY else at * 86_400, UTC)
        doubt = flagged.get(moment) if timeframe is timeframe.stored else None
        said = doubt.reason if doubt else ""
        yield ChartLine(_when(moment, timeframe), tuple(numbers[:5]), said, doubt is not None)
    yield from map(_lacking_line, reversed(lacking))


def _lacking_line(s: Stretch) -> ChartLine:
    facts = CAUSES[s.cause]
    return ChartLine(str(s.span), (), facts.text, facts.colour is Colour.BAD)


# --- the same for programs ------------------------------------------------------------------
def _as_dict(chart: Chart) -> dict[str, Any]:
    timeframe = chart.reading.timeframe
    at, *numbers = _columns(chart)
    return {
        "symbol": chart.symbol,
        "origin": chart.origin,
        "timeframe": timeframe,
        "adjust": chart.reading.adjust,
        "from": chart.span.start.isoformat(),
        "to": chart.span.last.isoformat(),
        "earlier": chart.earlier,
        "bars": {
            "at": [_time(a, timeframe) for a in at.tolist()],
            **{n: _plain(n, c.tolist()) for n, c in zip(NUMBERS, numbers, strict=True)},
        },
        "missing": [_stretch_as_dict(chart, s) for s in chart.stretches],
        "splits": [
            {"day": s.day.isoformat(), "from": s.split_from, "to": s.split_to, "kind": s.kind}
            for s in chart.splits
        ],
        "doubtful": [_doubt_as_dict(timeframe, d) for d in chart.doubtful],
        "quarantined": [_doubt_as_dict(timeframe, d) for d in chart.quarantined],
        "findings": [
            {"day": f.day.isoformat(), "doubt": f.doubt, "what": f.what, "do": f.do}
            for f in chart.reading.findings
        ],
    }


def _stretch_as_dict(chart: Chart, s: Stretch) -> dict[str, Any]:
    return {
        "from": s.span.start.isoformat(),
        "to": s.span.last.isoformat(),
        "sessions": s.sessions,
        "cause": s.cause,
        "text": CAUSES[s.cause].text,
        "colour": CAUSES[s.cause].colour,
        "detail": s.detail,
        "expires_at": s.expires_at.isoformat() if s.expires_at else None,
        "do": s.advice,
        "at": [] if s.cause in OUTSIDE else _places(chart, s),
    }


def _places(chart: Chart, s: Stretch) -> list[str]:
    """Where a chart shows the sessions of a stretch: their opens for bars of hours and minutes."""
    timeframe = chart.reading.timeframe
    if timeframe is not timeframe.stored:
        return []
    low, high = np.searchsorted(chart.sessions, [epoch_day(s.span.start), epoch_day(s.span.end)])
    days = chart.sessions[low:high]
    at = instants_of(days, 10) if timeframe in INTRADAY else days
    return [_time(a, timeframe) for a in at.tolist()]


def _doubt_as_dict(timeframe: Timeframe, doubted: Doubted) -> dict[str, Any]:
    at = _time(_number(timeframe, doubted.at), timeframe.stored)
    return {"at": at, "reason": doubted.reason, "detail": doubted.detail}


def _plain(name: str, values: list[float]) -> list[float | None]:
    if name == "trades":
        return [None if v < 0 else v for v in values]
    return [None if math.isnan(v) else v for v in values]


# --- times ----------------------------------------------------------------------------------
def _columns(chart: Chart) -> list[Any]:
    bars = chart.reading.bars
    return [bars.at, *(getattr(bars, name) for name in NUMBERS)]


def _days(chart: Chart) -> Ints:
    bars = chart.reading.bars
    return dates_of(bars.at) if chart.reading.timeframe in INTRADAY else bars.at


def _number(timeframe: Timeframe, at: datetime) -> int:
    """A moment in the unit of the table."""
    return int(at.timestamp()) if timeframe in INTRADAY else epoch_day(at.astimezone(UTC).date())


def _when(at: datetime, timeframe: Timeframe) -> str:
    """The time of a bar for people; bars of whole days have a date alone."""
    if timeframe in INTRADAY:
        return time_mark(at)
    return str(at.astimezone(UTC).date())


def _time(at: int, timeframe: Timeframe) -> str:
    if timeframe in INTRADAY:
        return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    return day_of(at).isoformat()
