"""A job that asks for one bar in two ways compares what it is told."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from tests.contract.test_account import load
from tests.contract.test_belief import NAMES, ODD, WEEK, World, page, row, stamp
from tests.kit import sessions
from tests.loading_rig import QUICK, Rig, rig, stored
from tickstock.bars import DISAGREE, REPEATED, disagreement
from tickstock.loading.plan import Plan, PlannedCall
from tickstock.model import Call, CallKind, Timeframe
from tickstock.spans import ONE_DAY, Span
from tickstock.store.database import Database

BAR = (10.0, 11.0, 9.0, 10.5, 1000.0)


@pytest.mark.parametrize(
    ("other", "told"),
    [
        (BAR, ""),
        ((10.0, 11.0, 9.0, 10.5 + 1e-8, 1000.0), ""),
        ((10.0, 11.0, 9.0, 10.5, 1009.0), ""),
        ((10.0, 11.0, 9.0, 10.25, 1000.0), "close 10.5 and 10.25"),
        ((10.1, 11.0, 9.0, 10.5, 1200.0), "open 10 and 10.1, volume 1000 and 1200"),
    ],
)
def test_what_differs_is_told(other: tuple[float, ...], told: str) -> None:
    assert disagreement(BAR, other) == told


class Two(World):
    """The whole market closes at 10.5, and the first ticker by itself, on one day, at `close`."""

    def __init__(self, close: float) -> None:
        super().__init__(self._close)
        self.close = close

    def _close(self, request: web.Request, rows: list[dict[str, Any]]) -> web.Response | None:
        if NAMES[0] not in request.path.split("/"):
            return None
        return page([row(d, t=stamp(d), c=self.close if d == ODD else 10.5) for d in self._days()])

    def _days(self) -> list[date]:
        return sessions(WEEK)


def both_ways(here: Rig) -> Plan:
    """A market day in the middle of a ticker's range, as where a range spans a day that others
    need too."""
    asked = here.plan(symbols=tuple(NAMES), first=WEEK.start, last=WEEK.last)
    market = Call(CallKind.MARKET_DAY, Timeframe.DAY, Span(ODD, ODD + ONE_DAY))
    ticker = Call(CallKind.TICKER, Timeframe.DAY, WEEK, NAMES[0])
    return replace(asked, calls=(PlannedCall(market, 10), PlannedCall(ticker, 4)))


@pytest.mark.parametrize("at_once", [1, 64])
@pytest.mark.parametrize("close", [10.5, 10.25])
def test_two_answers_for_one_bar_are_compared(
    database: Database, tmp_path: Path, close: float, at_once: int
) -> None:
    policy = replace(QUICK, concurrency=at_once, batch=at_once)
    here = rig(database, tmp_path, policy=policy)
    ended = load(here, Two(close), both_ways(here))
    (found,) = here.tick.missing.find(NAMES, (Timeframe.DAY,), WEEK).suspects
    said = [(d.symbol, d.at.date(), d.detail) for d in found.doubtful if d.reason == DISAGREE]
    told = "close 10.5 and 10.25, by whole market and by ticker"
    assert said == ([] if close == 10.5 else [(NAMES[0], ODD, told)])
    assert ended.load.report["doubts"]["bars"] == len(found.doubtful)
    assert len(stored(database)) == 14


def test_a_bar_that_came_in_another_load_may_be_corrected(
    database: Database, tmp_path: Path
) -> None:
    here = rig(database, tmp_path)
    load(here, Two(10.5), both_ways(here))
    asked = here.plan(symbols=NAMES[:1], first=WEEK.start, last=WEEK.last, refresh=True)
    ended = load(here, Two(10.25), asked)
    assert ended.rows_changed == 1
    (found,) = here.tick.missing.find(NAMES, (Timeframe.DAY,), WEEK).suspects
    assert {d.reason for d in found.doubtful} == {REPEATED}


def test_a_disagreement_stays_when_the_day_before_is_written(
    database: Database, tmp_path: Path
) -> None:
    """The bar itself is then judged by its neighbours, which cannot tell what two answers said."""
    here = rig(database, tmp_path)
    load(here, Two(10.25), both_ways(here))
    before = max(day for day in sessions(WEEK) if day < ODD)

    class Corrected(Two):
        def _close(self, request: web.Request, rows: list[dict[str, Any]]) -> web.Response | None:
            return page([row(before, t=stamp(before), c=10.6)])

    asked = here.plan(symbols=NAMES[:1], first=before, last=before, refresh=True)
    assert load(here, Corrected(10.25), asked).rows_changed == 1
    (found,) = here.tick.missing.find(NAMES, (Timeframe.DAY,), WEEK).suspects
    assert [d.at.date() for d in found.doubtful if d.reason == DISAGREE] == [ODD]
