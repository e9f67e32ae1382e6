"""Durations, years of existing clients, timeframes: what people type and what it means."""

import math
from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tickstock.errors import BadDates, BadInput, EmptyUniverse
from tickstock.loading.request import (
    LoadRequest,
    duration_span,
    months_before,
    parse_duration,
    parse_timeframes,
    years_to_duration,
)
from tickstock.model import Timeframe
from tickstock.sessions import shipped_calendar
from tickstock.spans import Span

CALENDAR = shipped_calendar()
LAG = timedelta(hours=8)
DAY, HOUR, MINUTE = Timeframe.DAY, Timeframe.HOUR, Timeframe.MINUTE


def span(duration: str, now: datetime) -> str:
    return str(duration_span(duration, CALENDAR, now, LAG))


@pytest.mark.parametrize(
    ("duration", "expected"),
    [
        ("1d", "2026-11-19"),
        ("2d", "2026-11-18..2026-11-19"),
        ("1w", "2026-11-13..2026-11-19"),
        ("1mo", "2026-10-20..2026-11-19"),
        ("3mo", "2026-08-20..2026-11-19"),
        ("6mo", "2026-05-20..2026-11-19"),
        ("1y", "2025-11-20..2026-11-19"),
        ("2y", "2024-11-20..2026-11-19"),
        ("5y", "2021-11-20..2026-11-19"),
        ("all", "2003-09-10..2026-11-19"),
    ],
)
def test_durations_end_with_the_last_published_session(duration: str, expected: str) -> None:
    assert span(duration, datetime(2026, 11, 20, 15, tzinfo=UTC)) == expected


@pytest.mark.parametrize(
    ("now", "expected"),
    [
        (datetime(2026, 11, 23, 4, tzinfo=UTC), "2026-11-19..2026-11-20"),  # Sunday evening
        (datetime(2026, 11, 27, 4, 59, tzinfo=UTC), "2026-11-24..2026-11-25"),  # Thanksgiving
        (datetime(2026, 11, 28, 1, 59, tzinfo=UTC), "2026-11-24..2026-11-25"),  # half day, early
        (datetime(2026, 11, 28, 2, 0, tzinfo=UTC), "2026-11-25..2026-11-27"),  # half day, final
        (datetime(2025, 1, 10, 4, tzinfo=UTC), "2025-01-07..2025-01-08"),  # day of mourning
    ],
)
def test_two_days_are_two_sessions_over_weekends_and_holidays(now: datetime, expected: str) -> None:
    assert span("2d", now) == expected
    assert span("2 Days", now) == expected


@pytest.mark.parametrize(
    ("day", "months", "expected"),
    [
        (date(2024, 3, 31), 1, date(2024, 2, 29)),
        (date(2023, 3, 31), 1, date(2023, 2, 28)),
        (date(2024, 2, 29), 12, date(2023, 2, 28)),
        (date(2024, 2, 29), 48, date(2020, 2, 29)),
        (date(2024, 1, 15), 1, date(2023, 12, 15)),
        (date(2024, 12, 31), 3, date(2024, 9, 30)),
    ],
)
def test_months_are_clipped_at_their_end(day: date, months: int, expected: date) -> None:
    assert months_before(day, months) == expected


def test_a_year_from_a_leap_day_holds_every_day_after_the_clipped_date() -> None:
    assert span("1y", datetime(2024, 3, 1, 12, tzinfo=UTC)) == "2023-03-01..2024-02-29"


def test_no_duration_begins_before_the_calendar() -> None:
    assert span("50y", datetime(2026, 11, 20, 15, tzinfo=UTC)).startswith("1990-01-01..")
    assert span("900d", datetime(1990, 1, 5, 15, tzinfo=UTC)) == "1990-01-02..1990-01-04"
    assert span("all", datetime(1990, 1, 5, 15, tzinfo=UTC)) == "1990-01-04"


@pytest.mark.parametrize(
    ("words", "short"),
    [
        ("1 Day", "1d"),
        ("2 Days", "2d"),
        ("1 Week", "1w"),
        ("1 Month", "1mo"),
        ("3 Months", "3mo"),
        ("6 Months", "6mo"),
        ("1 Year", "1y"),
        ("2 Years", "2y"),
        ("5 Years", "5y"),
        (" ALL ", "all"),
        ("12mo", "1y"),
    ],
)
def test_words_mean_the_same_as_letters(words: str, short: str) -> None:
    assert parse_duration(words) == parse_duration(short)


@pytest.mark.parametrize(
    "text",
    ["", "1", "d", "0d", "-1d", "1.5y", "1 fortnight", "51y", "601mo", "99999d", "١d\x1b", "1m"],
)
def test_other_durations_are_refused_with_examples(text: str) -> None:
    with pytest.raises(BadDates, match=r"is not a duration .* Write it like 1d, 2d") as caught:
        parse_duration(text)
    assert "\x1b" not in str(caught.value)


@pytest.mark.parametrize(
    ("years", "duration"),
    [
        (0.003, "1d"),
        (0.005, "2d"),
        (0.02, "1w"),
        (0.08, "1mo"),
        (0.25, "3mo"),
        (0.5, "6mo"),
        (1, "1y"),
        (2, "2y"),
        (5.0, "5y"),
        (10, "10y"),
    ],
)
def test_clients_years_are_their_choices(years: float, duration: str) -> None:
    assert years_to_duration(years) == parse_duration(duration)


@given(st.floats(0, 30, exclude_min=True))
def test_other_years_are_as_many_days_and_at_least_one_session(years: float) -> None:
    now = datetime(2026, 11, 20, 15, tzinfo=UTC)
    found = duration_span(years_to_duration(years), CALENDAR, now, LAG)
    first, stop = CALENDAR.between(found)
    assert stop - first >= 1
    assert found.last == date(2026, 11, 19)
    assert abs(found.days - years * 365.2425) <= 3


@pytest.mark.parametrize("years", [0, -1, 50.1, math.nan, math.inf, -math.inf])
def test_impossible_years_are_refused(years: float) -> None:
    with pytest.raises(BadDates, match=r"years is not possible\. Give more than 0, up to 50\."):
        years_to_duration(years)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("day", (DAY,)),
        ("day,hour,1min", (DAY, HOUR, MINUTE)),
        (" Minute, DAY ", (MINUTE, DAY)),
        ("week month day", (DAY,)),
        ("1min,minute", (MINUTE,)),
    ],
)
def test_timeframes_are_read_once_each(text: str, expected: tuple[Timeframe, ...]) -> None:
    assert parse_timeframes(text) == expected


def test_a_word_that_is_no_timeframe_gets_a_suggestion() -> None:
    with pytest.raises(BadInput, match=r"'hous' is not a timeframe\. Did you mean 'hour'\? Give"):
        parse_timeframes("day,hous")
    with pytest.raises(BadInput, match=r"'5x' is not a timeframe\. Give some of"):
        parse_timeframes("5x")
    with pytest.raises(BadInput, match="No timeframe"):
        parse_timeframes(" , ")


def test_a_request_names_something() -> None:
    day = Span.inclusive(date(2024, 1, 2), date(2024, 1, 2))
    LoadRequest("SPY", ("SPY",), (DAY,), day)
    with pytest.raises(EmptyUniverse, match="'SPY' names no symbol"):
        LoadRequest("SPY", (), (DAY,), day)
    with pytest.raises(BadInput, match="No timeframe"):
        LoadRequest("SPY", ("SPY",), (), day)
    with pytest.raises(BadDates, match="holds no day"):
        LoadRequest("SPY", ("SPY",), (DAY,), Span(day.start, day.start))
