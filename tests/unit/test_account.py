"""What an account includes, learned from refusals: how many questions that takes, what it says."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.kit import CALENDAR, span
from tickstock.loading.account import (
    NAMES,
    STANDS,
    AccountLimit,
    Met,
    account_text,
    gaps_of_account,
    learned_on,
    limit_of,
    met_of,
    parts_of_refused,
    plan_edges,
    published_to,
    within_account,
)
from tickstock.model import Call, CallKind, Gap, GapCause, Limits, Timeframe
from tickstock.spans import Span

NOW = datetime(2026, 11, 28, 15, tzinfo=UTC)
TODAY = NOW.date()
NEWEST = CALENDAR.published(NOW, timedelta(hours=8))
PROBES = (NEWEST - 5,)
EDGES = plan_edges(TODAY, CALENDAR)
TICKER, MARKET, FILE = CallKind.TICKER, CallKind.MARKET_DAY, CallKind.FLAT_DAY
DAY, HOUR, MINUTE = Timeframe.DAY, Timeframe.HOUR, Timeframe.MINUTE
Includes = Callable[[int], bool]


def session(day: str | date) -> int:
    on = date.fromisoformat(str(day))
    return CALENDAR.between(Span.inclusive(on, on))[0]


def explained(met: Met, includes: Includes, start: int, end: int, ticker: str = "A") -> int:
    """How many questions it takes to find out why a range was refused, by an account that includes
    some sessions."""
    for count in range(40):
        asked = met.question(start, end, ticker)
        if asked is None:
            return count
        if includes(asked):
            met.was_answered(asked, asked + 1, ticker)
        else:
            met.was_refused(asked, ticker)
    raise AssertionError("does not end")


@pytest.mark.parametrize(
    ("since", "most"),
    [
        (TODAY - timedelta(days=730), 2),  # as free accounts have it
        (TODAY.replace(year=2021), 2),
        (TODAY.replace(year=2016), 2),
        (TODAY.replace(year=2006), 2),
        (date(2023, 5, 9), 16),  # no plan of whole years
        (date(2025, 12, 3), 16),
    ],
)
@pytest.mark.parametrize("asked", ["2003-09-10", "2010-01-04", "2021-12-01", "2015-03-02"])
def test_the_edge_is_found_by_few_questions(since: date, most: int, asked: str) -> None:
    edge, start = (
        session(since + timedelta((7 - since.weekday()) % 7 if since.weekday() > 4 else 0)),
        session(asked),
    )
    if CALENDAR.day(edge) < since:
        edge += 1
    if start >= edge:
        return
    met = Met(PROBES, EDGES)
    wrong = sum(start < e < edge for e in EDGES)  # plans with more that are tried before
    assert explained(met, lambda s: s >= edge, start, NEWEST) <= most + wrong + 1
    assert met.since == edge
    assert met.left(start, NEWEST, "B") == (edge, NEWEST)
    # Nothing of it is asked again, for whichever ticker and range.
    assert met.left(start, edge, "C") == (start, start)
    assert met.question(start, NEWEST, "A") is None


@given(
    st.integers(NEWEST - 3000, NEWEST - 30),
    st.integers(0, 4),
    st.integers(NEWEST - 3000, NEWEST - 40),
    st.integers(10, 3000),
)
def test_whatever_is_included_is_found(edge: int, lacking: int, start: int, length: int) -> None:
    end, late = min(start + length, NEWEST), NEWEST - lacking
    probes = tuple(dict.fromkeys((end - 5, NEWEST - 5)))
    met = Met(probes, EDGES)

    def includes(session: int) -> bool:
        return edge <= session < late

    low, high = max(start, edge), min(end, late)
    left = start, end
    for _ in range(3):  # for its beginning, for its end, and then it is answered
        if left[0] == left[1] or (includes(left[0]) and includes(left[1] - 1)):
            break
        explained(met, includes, *left)
        left = met.left(*left, "A")
    assert left == ((low, high) if low < high else (left[0], left[0]))
    assert not met.excludes


def test_a_timeframe_refused_for_two_names_is_refused_for_all() -> None:
    met, nothing = Met(PROBES, EDGES), lambda _: False
    explained(met, nothing, NEWEST - 500, NEWEST, "A")
    assert met.left(0, NEWEST, "A") == (0, 0)
    assert met.left(0, NEWEST, "B") == (0, NEWEST)
    assert met.question_first(0, "B", is_known=True) == PROBES[0]
    met.was_refused(PROBES[0], "B")
    assert met.excludes
    assert met.left(0, NEWEST, "C") == (0, 0)
    assert met.question_first(0, "C", is_known=True) is None
    kept = limit_of((TICKER, MINUTE), met, CALENDAR, NOW)
    assert kept == AccountLimit(TICKER, MINUTE, None, timedelta(0), ("A", "B"), True, NOW)
    assert met_of(kept, PROBES, EDGES, CALENDAR).excludes


def test_one_ticker_refused_among_others_is_its_own_matter() -> None:
    met = Met(PROBES, EDGES)
    met.was_answered(NEWEST - 1000, NEWEST, "B")
    explained(met, lambda _: False, NEWEST - 500, NEWEST, "A")
    assert not met.excludes
    assert met.left(NEWEST - 500, NEWEST, "A") == (NEWEST - 500, NEWEST - 500)
    assert met.left(NEWEST - 500, NEWEST, "C") == (NEWEST - 500, NEWEST)


def test_one_market_refused_is_enough() -> None:
    met = Met(PROBES, EDGES)
    explained(met, lambda _: False, NEWEST - 500, NEWEST - 499, "")
    assert met.excludes
    assert NAMES == 2


def test_another_timeframe_says_where_to_look() -> None:
    edge = session("2024-11-29")
    met = Met(PROBES, EDGES, edge)
    assert met.question_first(NEWEST - 1000, "A", is_known=False) is None
    assert met.question_first(NEWEST - 1000, "A", is_known=True) == edge - 1
    met.was_refused(edge - 1, "A")
    assert met.question_first(NEWEST - 900, "A", is_known=True) is None
    assert met.left(NEWEST - 1000, NEWEST, "B") == (edge, NEWEST)


def test_an_answer_beyond_what_was_known_takes_it_back() -> None:
    kept = AccountLimit(TICKER, DAY, date(2024, 11, 29), timedelta(0), (), False, NOW)
    met = met_of(kept, PROBES, EDGES, CALENDAR)
    assert met.left(0, NEWEST, "A")[0] == session("2024-11-29")
    met.was_answered(session("2019-01-02"), NEWEST, "A")
    assert met.left(0, NEWEST, "A") == (0, NEWEST)
    assert limit_of((TICKER, DAY), met, CALENDAR, NOW) is None


def test_what_is_too_new_is_kept_as_an_age() -> None:
    met = Met(PROBES, EDGES)
    explained(met, lambda s: s < NEWEST - 1, NEWEST - 100, NEWEST)
    kept = limit_of((TICKER, DAY), met, CALENDAR, NOW)
    assert kept is not None
    assert kept.since is None
    assert kept.lag == timedelta(hours=21)  # it closed at 13:00 in New York
    monday = datetime(2026, 11, 30, 21, tzinfo=UTC)  # its close
    for age, one_less in ((9, 1), (20, 1), (21, 0)):
        now, limits = monday + timedelta(hours=age), Limits()
        usual = published_to(DAY, CALENDAR, limits, [], now)
        assert published_to(DAY, CALENDAR, limits, [kept], now) == usual - one_less
        assert published_to(HOUR, CALENDAR, limits, [kept], now) == usual
    assert account_text([kept]) == "no days newer than 21 hours"


def test_what_is_refused_of_long_ago_is_not_refused_for_being_new() -> None:
    met = Met((NEWEST - 500,), EDGES)
    explained(met, lambda s: s < NEWEST - 497, NEWEST - 600, NEWEST - 490)
    assert met.left(NEWEST - 600, NEWEST - 490, "B") == (NEWEST - 600, NEWEST - 497)
    assert limit_of((TICKER, DAY), met, CALENDAR, NOW) is None


def test_a_call_is_cut_to_what_is_included() -> None:
    met = Met(PROBES, EDGES, too_early=session("2024-11-27"))
    call = Call(TICKER, DAY, span("2021-12-01", "2026-11-27"), "A")
    (part,) = parts_of_refused(call, met, CALENDAR)
    assert part.span == span("2024-11-29", "2026-11-27")
    assert parts_of_refused(part, met, CALENDAR) == ()
    early = Call(TICKER, DAY, span("2021-12-01", "2022-11-25"), "A")
    assert parts_of_refused(early, met, CALENDAR) == ()


# --- plans ---------------------------------------------------------------------------------
def limit(
    kind: CallKind, timeframe: Timeframe, since: str = "", *, excludes: bool = False
) -> AccountLimit:
    on = date.fromisoformat(since) if since else None
    return AccountLimit(kind, timeframe, on, timedelta(0), (), excludes, NOW)


FILES = span("2020-01-02", "2026-11-27")
TWO_YEARS = limit(TICKER, DAY, "2024-11-29")


@pytest.mark.parametrize(
    ("timeframe", "known", "files", "left_out"),
    [
        (DAY, [], None, None),
        (DAY, [TWO_YEARS], None, span("2021-12-01", "2024-11-28")),
        (HOUR, [TWO_YEARS], None, None),  # it is not known of these
        (MINUTE, [limit(TICKER, MINUTE, excludes=True)], None, span("2021-12-01", "2026-11-27")),
        (MINUTE, [limit(TICKER, MINUTE, excludes=True)], FILES, None),  # there are files
        (DAY, [TWO_YEARS, limit(MARKET, DAY, "2021-11-29")], None, None),  # by market day, more
        (
            DAY,
            [TWO_YEARS, limit(MARKET, DAY, excludes=True)],
            None,
            span("2021-12-01", "2024-11-28"),
        ),
        (DAY, [limit(MARKET, DAY, excludes=True)], None, None),
    ],
)
def test_plans_leave_out_what_is_not_included(
    timeframe: Timeframe, known: Sequence[AccountLimit], files: Span | None, left_out: Span | None
) -> None:
    wanted, limits = span("2021-12-01", "2026-11-27"), Limits(flat_days=files)
    found = list(gaps_of_account(timeframe, [1, 2], wanted, limits, known, []))
    assert [h.span for h in found] == ([left_out] * 2 if left_out else [])
    assert {h.cause for h in found} <= {GapCause.NOT_ENTITLED}
    assert {h.expires_at for h in found} <= {NOW + STANDS}


def test_what_was_told_of_an_instrument_is_not_told_twice() -> None:
    said = Gap(1, span("2022-01-03", "2022-12-30"), GapCause.NOT_ENTITLED, "no", NOW, NOW)
    wanted = span("2021-12-01", "2026-11-27")
    found = list(gaps_of_account(DAY, [1], wanted, Limits(), [TWO_YEARS], [said]))
    assert [h.span for h in found] == [
        span("2021-12-01", "2022-01-02"), span("2022-12-31", "2024-11-28")
    ]  # fmt: skip


def test_ways_that_are_refused_are_no_ways() -> None:
    limits = Limits(flat_days=FILES)
    refused = [limit(MARKET, DAY, excludes=True), limit(FILE, MINUTE, excludes=True)]
    assert within_account(limits, []) == limits
    assert within_account(limits, refused[:1]).market_day is False
    assert within_account(limits, refused).flat_days is None
    no_minutes = within_account(limits, [limit(TICKER, MINUTE, excludes=True)])
    assert no_minutes.timeframes == (DAY, HOUR)  # by file alone
    assert within_account(Limits(), [limit(TICKER, MINUTE, excludes=True)]).timeframes == (
        DAY, HOUR, MINUTE,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("known", "said"),
    [
        ([], ""),
        ([TWO_YEARS], "2 years of days"),
        ([TWO_YEARS, limit(TICKER, HOUR, "2024-11-29"), limit(TICKER, MINUTE, excludes=True)],
         "2 years of days and hours, no minutes"),
        ([TWO_YEARS, limit(TICKER, HOUR, "2025-11-28")], "1 year of hours, 2 years of days"),
        ([limit(TICKER, DAY, "2023-05-09")], "what is since 2023-05-09 of days"),
        ([limit(MARKET, DAY, excludes=True)], "no whole-market calls of days"),
        ([limit(FILE, MINUTE, "2016-11-28")], "10 years of files of minutes"),
    ],
)  # fmt: skip
def test_it_is_told_in_a_few_words(known: list[AccountLimit], said: str) -> None:
    assert account_text(known) == said
    assert (learned_on(known) == TODAY) == bool(known)


def test_what_is_known_stands_for_a_while() -> None:
    assert TWO_YEARS.stands(NOW + timedelta(days=29))
    assert not TWO_YEARS.stands(NOW + STANDS)
