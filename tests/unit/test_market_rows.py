"""What the market itself holds by an answer for all tickers."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pytest

from tests.kit import CALENDAR, answer, bar, market_call
from tickstock.loading.judge import judge
from tickstock.loading.targets import Target
from tickstock.model import MARKET, Gain
from tickstock.spans import ONE_DAY, Span
from tickstock.store.ledger import Lease
from tickstock.worker.fetched import Fetched
from tickstock.worker.market_rows import gains_of_markets

NOW = datetime(2025, 6, 2, 12, tzinfo=UTC)
DAYS = [date(2024, 7, 3), date(2024, 7, 5), date(2024, 7, 8)]
"""Around a holiday and a weekend."""


def gains(*closes: float) -> list[Gain]:
    """Of an answer a day, each with one bar; the newest answer first."""
    part = []
    for day, close in zip(DAYS, closes, strict=False):
        call = market_call(day)
        targets = {"A": Target(1, "A", call.span)}
        found = answer(call, [bar("A", day, close)])
        fetched = Fetched(
            Lease(1, 1, 1, call, 0), found, targets, market=Target(9, MARKET, call.span)
        )
        part.append((fetched, judge(found, targets, CALENDAR, NOW)))
    return gains_of_markets(part[::-1], CALENDAR)


def test_sessions_in_a_row_are_one_span_up_to_the_next_session() -> None:
    (gain,) = gains(10.0, 10.0, 10.0)
    assert (gain.instrument_id, gain.bars) == (9, 0)
    assert gain.held == (Span(DAYS[0], DAYS[-1] + ONE_DAY),)


@pytest.mark.parametrize("close", [-1.0, float("nan")])
def test_an_answer_without_a_bar_that_can_be_is_no_session(close: float) -> None:
    assert gains(close) == []
    (gain,) = gains(10.0, close, 10.0)
    assert gain.held == (Span(DAYS[0], DAYS[1]), Span(DAYS[2], DAYS[2] + ONE_DAY))
