"""The shipped sessions against exchange-calendars, and the clock against the zone database."""

import subprocess
import sys
from datetime import UTC, date, datetime, timedelta
from importlib.resources import files
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tickstock.errors import BadDates, BadFile
from tickstock.model import epoch_day
from tickstock.sessions import Calendar, read_calendar, shipped_calendar
from tickstock.spans import Span

NEW_YORK = ZoneInfo("America/New_York")
CALENDAR = shipped_calendar()
LAG = timedelta(hours=8)
# exchange-calendars still calls what the next pandas will drop.
not_our_warning = pytest.mark.filterwarnings("ignore:Series.values:DeprecationWarning")


@pytest.fixture(scope="module")
def reference() -> Any:
    import exchange_calendars  # takes two seconds, and only these tests need it

    known = CALENDAR.known
    return exchange_calendars.get_calendar("XNYS", start=known.start, end=known.last)


def seconds(stamps: Any) -> list[int]:
    return [int(stamp.timestamp()) for stamp in stamps]


@not_our_warning
def test_every_session_and_its_bounds_are_those_of_exchange_calendars(reference: Any) -> None:
    theirs = [epoch_day(stamp.date()) for stamp in reference.sessions]
    assert CALENDAR.days.tolist() == theirs
    assert CALENDAR.opens.tolist() == seconds(reference.opens)
    assert CALENDAR.closes.tolist() == seconds(reference.closes)


@not_our_warning
def test_the_script_writes_the_shipped_file_again(reference: Any) -> None:
    sys.path.insert(0, str(Path(__file__).parents[2] / "scripts"))
    try:
        from generate_sessions import document
    finally:
        sys.path.pop(0)
    shipped = files("tickstock").joinpath("data/xnys.csv").read_text(encoding="utf-8")
    written = document(CALENDAR.known.last, date(2026, 11, 28))
    assert listed(written) == listed(shipped)


def listed(text: str) -> list[str]:
    return [line for line in text.splitlines() if not line.startswith("#")]


def test_reading_the_calendar_needs_neither_pandas_nor_exchange_calendars() -> None:
    code = (
        "import sys, tickstock.sessions as s; s.shipped_calendar();"
        "print({'pandas', 'exchange_calendars', 'scipy'} & set(sys.modules))"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout == "set()\n"


def hours(day: date) -> tuple[str, str]:
    at = CALENDAR.index(day)
    opens, closes = int(CALENDAR.opens[at]), int(CALENDAR.closes[at])
    return tuple(f"{datetime.fromtimestamp(s, NEW_YORK):%H:%M}" for s in (opens, closes))  # type: ignore[return-value]


@pytest.mark.parametrize("day", [date(2025, 7, 3), date(2025, 11, 28), date(2026, 11, 27)])
def test_half_days_close_at_one(day: date) -> None:
    assert hours(day) == ("09:30", "13:00")


@pytest.mark.parametrize("day", [date(2026, 3, 6), date(2026, 3, 9), date(2026, 10, 30)])
def test_full_days_keep_new_york_hours_on_both_sides_of_a_clock_change(day: date) -> None:
    assert hours(day) == ("09:30", "16:00")


def test_the_exchange_was_closed_at_short_notice_on_9_january_2025() -> None:
    with pytest.raises(BadDates, match=r"closed on Thursday, 2025-01-09\. .* is 2025-01-08\.$"):
        CALENDAR.index(date(2025, 1, 9))


@pytest.mark.parametrize("day", [date(1989, 12, 29), date(2029, 1, 2)])
def test_days_outside_the_list_are_not_guessed(day: date) -> None:
    with pytest.raises(BadDates, match=r"outside the list of sessions\. It covers 1990-01-01\.\."):
        CALENDAR.index(day)
    with pytest.raises(BadDates, match="outside the list"):
        CALENDAR.between(Span.inclusive(day, day))


def test_index_and_day_are_inverse() -> None:
    assert all(CALENDAR.index(CALENDAR.day(i)) == i for i in range(len(CALENDAR)))


@given(st.dates(date(1990, 1, 1), date(2028, 12, 31)), st.integers(0, 400))
def test_between_holds_the_sessions_of_the_span(start: date, length: int) -> None:
    span = Span(start, min(start + timedelta(days=length), CALENDAR.known.end))
    first, stop = CALENDAR.between(span)
    inside = [n for n in range(len(CALENDAR)) if CALENDAR.day(n) in span] if length < 9 else None
    if inside is not None:
        assert inside == list(range(first, stop))
    assert stop == len(CALENDAR) or CALENDAR.day(stop) >= span.end
    assert first == 0 or CALENDAR.day(first - 1) < span.start
    assert all(CALENDAR.day(n) in span for n in {first, stop - 1} if first < stop)


def test_a_closure_by_hand_removes_its_session_and_only_that() -> None:
    closed = date(2026, 11, 24)
    fewer = CALENDAR.with_closures([closed, date(2026, 11, 22)])  # a Sunday: closed anyway
    assert len(fewer) == len(CALENDAR) - 1
    with pytest.raises(BadDates, match="closed on Tuesday"):
        fewer.index(closed)
    assert fewer.index(date(2026, 11, 25)) == CALENDAR.index(closed)
    assert fewer.sessions_of(np.array([at(2026, 11, 24, 12)])).tolist() == [-1]


def at(*when: int) -> int:
    """Epoch seconds of a time on New York's clocks."""
    return int(datetime(*when, tzinfo=NEW_YORK).timestamp())  # type: ignore[misc,arg-type]


def test_a_session_is_published_when_the_lag_has_passed_since_its_close() -> None:
    close = datetime(2026, 11, 27, 18, tzinfo=UTC)  # 13:00 in New York, a half day
    before = CALENDAR.index(date(2026, 11, 27))
    assert CALENDAR.published(close + LAG - timedelta(seconds=1), LAG) == before
    assert CALENDAR.published(close + LAG, LAG) == before + 1
    assert CALENDAR.last_published(close + LAG, LAG) == date(2026, 11, 27)
    assert CALENDAR.last_published(close, LAG) == date(2026, 11, 25)


def test_the_machines_zone_does_not_matter() -> None:
    moment = datetime(2026, 11, 20, 12, tzinfo=UTC)
    counts = {
        CALENDAR.published(moment.astimezone(ZoneInfo(zone)), LAG)
        for zone in ("UTC", "Asia/Tokyo", "America/Los_Angeles")
    }
    assert counts == {CALENDAR.index(date(2026, 11, 19)) + 1}


def test_the_end_of_the_list_is_told_a_year_ahead_and_stops_nothing() -> None:
    end = CALENDAR.known.last
    noon = datetime(end.year, end.month, end.day, 17, tzinfo=UTC)
    assert CALENDAR.ending(noon - timedelta(days=366)) is None
    for days, word in ((365, "ends"), (1, "ends"), (0, "ends"), (-1, "ended"), (-900, "ended")):
        told = CALENDAR.ending(noon - timedelta(days=days))
        assert told is not None
        assert f"{word} on {end}" in told
    for days in (3, 400):
        assert CALENDAR.published(noon + timedelta(days=days), LAG) == len(CALENDAR)
        last = CALENDAR.last_published(noon + timedelta(days=days), LAG)
        assert last == CALENDAR.day(len(CALENDAR) - 1)


def test_moments_need_a_zone_and_a_closed_session() -> None:
    with pytest.raises(BadDates, match="no time zone"):
        CALENDAR.published(datetime(2026, 1, 5), LAG)  # the mistake
    with pytest.raises(BadDates, match="No session is closed"):
        CALENDAR.last_published(datetime(1990, 1, 2, tzinfo=UTC), LAG)


@pytest.mark.parametrize(
    ("when", "session"),
    [
        ((2026, 3, 6, 4, 0), date(2026, 3, 6)),  # first minute before the open, winter
        ((2026, 3, 6, 19, 59), date(2026, 3, 6)),  # after midnight in UTC
        ((2026, 3, 9, 4, 0), date(2026, 3, 9)),  # summer time since the day before
        ((2026, 3, 9, 19, 59), date(2026, 3, 9)),
        ((2026, 3, 9, 0, 0), date(2026, 3, 9)),
        ((2026, 3, 9, 23, 59), date(2026, 3, 9)),
        ((2026, 3, 8, 12, 0), None),  # Sunday of the clock change
        ((2026, 11, 26, 12, 0), None),  # Thanksgiving
        ((1989, 12, 29, 12, 0), None),
        ((2029, 1, 2, 12, 0), None),
    ],
)
def test_instants_belong_to_the_session_of_their_new_york_date(
    when: tuple[int, ...], session: date | None
) -> None:
    expected = -1 if session is None else CALENDAR.index(session)
    assert CALENDAR.sessions_of(np.array([at(*when)])).tolist() == [expected]


SESSION_BY_DAY = {CALENDAR.day(i): i for i in range(len(CALENDAR))}


@given(st.lists(st.integers(620_000_000, 1_830_000_000), max_size=50))
def test_sessions_of_agrees_with_the_zone_database(instants: list[int]) -> None:
    expected = [
        SESSION_BY_DAY.get(datetime.fromtimestamp(s, NEW_YORK).date(), -1) for s in instants
    ]
    assert CALENDAR.sessions_of(np.array(instants, np.int64)).tolist() == expected


def test_the_columns_cannot_be_changed_by_accident() -> None:
    with pytest.raises(ValueError, match="read-only"):
        CALENDAR.days[0] = 0


def test_sessions_out_of_order_are_refused() -> None:
    column = np.array([2, 1])
    with pytest.raises(BadDates, match="not in order"):
        Calendar(CALENDAR.known, column, column, column)


GOOD = "date,kind,opens,closes,note\n2024-07-01,from,,,\n2024-07-05,through,,,\n"


def test_a_small_list_is_read() -> None:
    text = GOOD + "2024-07-04,closed,,,Independence Day\n2024-07-03,hours,09:30,13:00,\n"
    small = read_calendar("# comment\n" + text)
    assert [small.day(i).day for i in range(len(small))] == [1, 2, 3, 5]
    assert ((small.closes - small.opens) / 3600).tolist() == [6.5, 6.5, 3.5, 6.5]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "<html>",
        GOOD.replace("through", "until"),
        GOOD.replace("07-05", "06-05"),
        GOOD + "2024-07-06,hours,09:30,13:00,a Saturday\n",
        GOOD + "2024-07-03,hours,half past,13:00,\n",
        GOOD + "3 July,closed,,,\n",
    ],
)
def test_a_list_that_cannot_be_read_is_refused(text: str) -> None:
    with pytest.raises(BadFile, match="list of sessions cannot be read"):
        read_calendar(text)
