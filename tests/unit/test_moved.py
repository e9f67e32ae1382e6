"""What has moved since a plan was shown, and gaps by cause."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from tests.kit import CALENDAR, span
from tests.unit.test_planner import BASIC, every, plan_for
from tickstock.loading.causes import CAUSES
from tickstock.loading.grid import HeldSpans, build_grid
from tickstock.loading.missing import gap_groups
from tickstock.loading.moved import state_of, what_moved
from tickstock.model import Gap, GapCause, Instrument, Timeframe

BEFORE = {
    "vendor": "massive",
    "calls": 3,
    "expected": {"day": 10},
    "held": {"day": 4},
    "skipped": {"day vendor_empty": 5, "day not_listed": 7},
}
SYMBOLS = (("A", "B"), ("A", "B"))


def moved(symbols: tuple = SYMBOLS, revisions: tuple = ("1.0", "1.0"), **now: object) -> list[str]:
    return what_moved(BEFORE, BEFORE | now, symbols, revisions)


@pytest.mark.parametrize(
    ("now", "told"),
    [
        ({"held": {"day": 6}}, ["bars arrived for 2 sessions (day bars)"]),
        ({"held": {"day": 1}}, ["bars are gone for 3 sessions (day bars)"]),
        ({"expected": {"day": 12}}, ["2 more sessions were published (day bars)"]),
        ({"expected": {"day": 9}}, ["1 sessions fewer are expected (day bars)"]),
        ({"vendor": "replay"}, ["the vendor is replay now, and was massive"]),
        ({"calls": 4}, ["the plan needs 4 calls now, and needed 3"]),
        (
            {"skipped": {"day not_listed": 9}},
            ["answers about 5 sessions have expired (day, vendor empty)"],
        ),
        (
            {"skipped": {"day vendor_empty": 5, "hour quarantined": 2}},
            ["the vendor has answered about 2 sessions (hour, quarantined)"],
        ),
        ({}, ["other sessions are held or missing than were"]),
    ],
)
def test_each_cause_has_its_sentence(now: dict, told: list[str]) -> None:
    assert moved(**now) == told


def test_the_universe_comes_first() -> None:
    many = tuple(f"N{i}" for i in range(7))
    assert moved((("A", "B"), ("A", *many)), ("1.0", "2.0"), held={"day": 6}) == [
        "the universe has changed: new N0, N1, N2, N3, N4 and 2 more, gone B",
        "bars arrived for 2 sessions (day bars)",
    ]
    assert moved(SYMBOLS, ("1.0", "2.0")) == [
        "the universe was changed, and names the same symbols"
    ]


def test_a_state_is_in_figures() -> None:
    missing = every(2, 3)
    missing[0, 1] = False
    assert state_of(plan_for(missing, BASIC), "massive") == {
        "vendor": "massive",
        "calls": 2,
        "expected": {"day": 6},
        "held": {"day": 1},
        "skipped": {},
    }


def test_gaps_tell_how_long_they_stand() -> None:
    now = datetime(2024, 7, 1, tzinfo=UTC)
    week = span("2024-03-04", "2024-03-08")
    one = Instrument(1, "A", listed=week.start + timedelta(1))
    told = [
        Gap(1, span("2024-03-05"), GapCause.VENDOR_EMPTY, "empty", now, now + timedelta(5)),
        Gap(1, span("2024-03-06"), GapCause.FAILED, "no answer", now),
        Gap(1, span("2024-03-07"), GapCause.QUARANTINED, "odd", now, now - timedelta(5)),
    ]
    nothing = HeldSpans(*np.empty((3, 0), np.int64))
    grid = build_grid(Timeframe.DAY, [one], week, CALENDAR, len(CALENDAR), nothing, told)
    found = {gap.cause: gap for gap in gap_groups(grid, told, now)}
    assert list(found) == ["failed", "quarantined", "vendor_empty", "never_asked", "not_listed"]
    assert all((gap.cells, gap.symbols) == (1, 1) for gap in found.values())
    assert found[GapCause.VENDOR_EMPTY].expires == (now + timedelta(5),) * 2
    assert found[GapCause.VENDOR_EMPTY].advice == CAUSES[GapCause.VENDOR_EMPTY].advice
    expired = found[GapCause.QUARANTINED]
    assert expired.advice == CAUSES[GapCause.NEVER_ASKED].advice
    assert found[GapCause.FAILED].reasons == (("no answer", 1),)
    assert found[GapCause.NEVER_ASKED].reasons == ()
    assert found[GapCause.NEVER_ASKED].examples == (("A", span("2024-03-08")),)


def test_a_grid_of_intervals_expects_nothing_else() -> None:
    week = span("2024-03-04", "2024-03-08")
    two = [Instrument(1, "A"), Instrument(2, "B")]
    intervals = [(span("2024-03-05", "2024-03-06"),), (span("2024-03-04"), span("2024-03-08"))]
    held = HeldSpans(*(np.array([n]) for n in (2, 19_786, 19_787)))  # B on the 4th
    grid = build_grid(
        Timeframe.DAY, two, week, CALENDAR, CALENDAR.index(week.last), held, intervals=intervals
    )
    assert grid.expected.unpack().tolist() == [
        [False, True, True, False, False],
        [True, False, False, False, False],
    ]
    assert grid.held.count() == 1
    assert grid.missing.unpack().tolist() == [
        [False, True, True, False, False],
        [False] * 5,
    ]
    assert grid.counts() == {GapCause.NOT_PUBLISHED: 1, GapCause.NEVER_ASKED: 2}
