"""When schedules are due: in New York time, after sessions, over changed clocks and half days."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.kit import CALENDAR, day
from tickstock.clock import NEW_YORK
from tickstock.errors import BadInput
from tickstock.loading.due import DueRule, due_times, next_due, parse_time
from tickstock.sessions import CLOSES, OPENS

YEARS = st.datetimes(datetime(2018, 1, 1), datetime(2026, 12, 1), timezones=st.just(UTC))
LENGTHS = st.timedeltas(timedelta(0), timedelta(days=40))
MINUTES = st.builds(time, st.integers(0, 23), st.integers(0, 59))
AFTER = MINUTES.filter(lambda t: not OPENS <= t < CLOSES)
RULES = st.builds(DueRule, MINUTES) | st.builds(DueRule, AFTER, st.just(True))


def here(text: str, hour: int, minute: int = 0) -> datetime:
    return datetime.combine(day(text), time(hour, minute), NEW_YORK).astimezone(UTC)


def due(rule: DueRule, first: str, last: str) -> list[str]:
    """Due times from the morning of one day to the end of another, in New York time."""
    found = due_times(rule, here(first, 0), here(last, 23, 59), CALENDAR)
    return [at.astimezone(NEW_YORK).strftime("%m-%d %H:%M") for at in found]


def test_after_the_close_means_earlier_on_a_half_day_and_never_without_a_session() -> None:
    rule = DueRule(time(18, 30), after_close=True)
    # Thanksgiving 2025 was the 27th; the day after closed at 13:00.
    assert due(rule, "2025-11-26", "2025-12-01") == ["11-26 18:30", "11-28 15:30", "12-01 18:30"]


def test_a_time_before_the_open_is_on_the_day_after_the_session() -> None:
    rule = DueRule(time(0, 30), after_close=True)
    assert due(rule, "2025-11-28", "2025-12-01") == ["11-28 21:30"]
    assert due(rule, "2025-12-02", "2025-12-03") == ["12-02 00:30", "12-03 00:30"]


def test_by_the_clock_it_is_due_every_day_whatever_the_exchange_does() -> None:
    assert due(DueRule(time(18, 30)), "2025-11-27", "2025-11-29") == [
        "11-27 18:30", "11-28 18:30", "11-29 18:30",
    ]  # fmt: skip


def test_a_time_that_the_clock_leaves_out_is_due_once_and_so_is_one_that_comes_twice() -> None:
    assert due(DueRule(time(2, 30)), "2026-03-07", "2026-03-09") == [
        "03-07 02:30", "03-08 03:30", "03-09 02:30",
    ]  # fmt: skip
    assert due(DueRule(time(1, 30)), "2026-11-01", "2026-11-01") == ["11-01 01:30"]
    assert due_times(
        DueRule(time(1, 30)), here("2026-11-01", 0), here("2026-11-01", 5), CALENDAR
    ) == [datetime(2026, 11, 1, 5, 30, tzinfo=UTC)]


@pytest.mark.parametrize("text", ["09:30", "12:00", "15:59"])
def test_a_time_within_the_session_is_not_after_it(text: str) -> None:
    with pytest.raises(BadInput, match="after the close"):
        DueRule(parse_time(text), after_close=True)


@pytest.mark.parametrize("text", ["", "25:00", "18", "18:60", "noon", "18:30:00"])
def test_what_is_no_time_of_day_is_refused(text: str) -> None:
    with pytest.raises(BadInput, match="time of day"):
        parse_time(text)


@given(RULES, YEARS, LENGTHS, LENGTHS)
def test_windows_side_by_side_give_what_one_window_gives(
    rule: DueRule, start: datetime, first: timedelta, second: timedelta
) -> None:
    middle, end = start + first, start + first + second
    parts = due_times(rule, start, middle, CALENDAR) + due_times(rule, middle, end, CALENDAR)
    assert parts == due_times(rule, start, end, CALENDAR)
    assert parts == sorted(set(parts))


@given(RULES, YEARS)
def test_the_next_one_is_the_first_of_all(rule: DueRule, start: datetime) -> None:
    following = next_due(rule, start, CALENDAR)
    assert following is not None
    assert start < following
    assert due_times(rule, start, following, CALENDAR) == [following]


@given(MINUTES, YEARS)
def test_by_the_clock_it_is_due_once_on_each_day(at: time, start: datetime) -> None:
    noon = start.astimezone(NEW_YORK).date()
    begin = datetime.combine(noon, time(0), NEW_YORK).astimezone(UTC) - timedelta(seconds=1)
    end = datetime.combine(noon + timedelta(days=10), time(0), NEW_YORK).astimezone(UTC)
    found = due_times(DueRule(at), begin, end - timedelta(seconds=1), CALENDAR)
    assert [t.astimezone(NEW_YORK).date() for t in found] == [
        noon + timedelta(days=n) for n in range(10)
    ]


@given(AFTER, YEARS, LENGTHS)
def test_after_the_close_it_is_due_as_often_as_sessions_close(
    at: time, start: datetime, length: timedelta
) -> None:
    rule = DueRule(at, after_close=True)
    found = due_times(rule, start, start + length, CALENDAR)
    closes = {t - rule.delay for t in found}
    begin, end = (int((t - rule.delay).timestamp()) for t in (start, start + length))
    expected = CALENDAR.closes[(CALENDAR.closes > begin) & (CALENDAR.closes <= end)]
    assert {int(c.timestamp()) for c in closes} == set(expected.tolist())


def test_past_the_end_of_the_calendar_nothing_is_due() -> None:
    end = datetime.combine(CALENDAR.known.last + timedelta(days=3), time(0), NEW_YORK)
    assert next_due(DueRule(time(18, 30), after_close=True), end, CALENDAR) is None


@pytest.mark.parametrize("rule", [DueRule(time(18, 30)), DueRule(time(18, 30), after_close=True)])
def test_a_due_time_belongs_to_the_window_that_ends_with_it(rule: DueRule) -> None:
    at = here("2025-11-26", 18, 30)
    day_long = timedelta(hours=20)
    assert due_times(rule, at - day_long, at, CALENDAR) == [at]
    assert due_times(rule, at, at + day_long, CALENDAR) == []
    assert next_due(rule, at, CALENDAR) != at
