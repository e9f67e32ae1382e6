"""Whose a ticker is where nobody says so: by the sessions in which nobody traded under it."""

from __future__ import annotations

import random
from datetime import date, timedelta
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.kit import CALENDAR
from tickstock.loading.ticker_owner import TickerOwner
from tickstock.loading.whose import HeldSessions, Whose, sessions_in
from tickstock.spans import ONE_DAY, Span

FIRST = CALENDAR.index(date(2015, 1, 2))
APART = 20
"""Sessions after which a ticker is another's, here."""


def day(session: int) -> date:
    return CALENDAR.day(FIRST + session)


def whose(held: list[int], *owners: TickerOwner) -> Whose:
    days = np.array([CALENDAR.days[FIRST + s] for s in sorted(held)], np.int64)
    found = Whose(HeldSessions(days), another_after=APART)
    found.know(owners)
    return found


def test_a_year_of_held_sessions_makes_another_instrument() -> None:
    """With the real bound, at its edge."""
    days = CALENDAR.days[FIRST : FIRST + 600]
    for gap, is_other in ((251, False), (252, True)):
        tells = Whose(HeldSessions(days))
        first = tells.of("ACME", day(0))
        assert (tells.of("ACME", day(gap + 1)) is not first) == is_other


def test_sessions_that_are_not_held_say_nothing() -> None:
    """Two jobs with years between them are of one firm, as far as anybody can know."""
    tells = whose([0, 1, 500])
    assert tells.of("ACME", day(0)) is tells.of("ACME", day(500))


def test_tickers_have_no_day_twice() -> None:
    tells = whose(list(range(200)))
    old, new = tells.of("ACME", day(3)), tells.of("ACME", day(100))
    assert (old.since, old.until) == (date.min, day(100))
    assert (new.since, new.until) == (day(100), date.max)
    assert tells.of("ACME", day(90)) is new  # near the new one, far from the old one
    assert (old.until, new.since) == (day(90), day(90))


def test_what_was_told_goes_before_what_can_be_seen() -> None:
    told = TickerOwner(7, "META", day(50), date.max, is_recorded=True, first=day(60), end=day(61))
    other = TickerOwner(8, "META", date.min, day(50), is_recorded=True, first=day(0), end=day(49))
    tells = whose(list(range(200)), told, other)
    assert tells.of("META", day(51)) is told
    assert tells.of("META", day(199)) is told  # told, however long nobody traded
    assert tells.of("META", day(49)) is other
    assert not tells.fresh


def test_a_list_that_tells_no_first_day_leaves_it_to_the_bars() -> None:
    """ACME is listed now, by a list that knows no first day; long before, another one had it."""
    listed = TickerOwner(7, "ACME", is_recorded=True, first=day(150), end=day(160))
    tells = whose(list(range(200)), listed)
    earlier = tells.of("ACME", day(3))
    assert earlier is not listed
    assert (earlier.since, earlier.until) == (date.min, day(150))
    assert (listed.since, listed.until) == (day(150), date.max)
    assert tells.changed == {7: listed}


def test_one_without_bars_has_any_on_its_days() -> None:
    known = TickerOwner(7, "ACME")
    assert whose([0], known).of("ACME", day(0)) is known


@pytest.mark.parametrize("seed", range(20))
def test_in_any_order_the_same_firms_are_told_apart(seed: int) -> None:
    """Days that arrive in another order (as answers do) make no other instruments, as long as the
    sessions between are held."""
    chance = random.Random(seed)
    firms: list[list[int]] = []
    session = 0
    for _ in range(chance.randint(1, 4)):
        length = chance.randint(1, 60)
        firms.append(sorted(s for s in range(session, session + length) if chance.random() < 0.7))
        session += length + APART + 12 + chance.randint(0, 40)
    firms = [firm for firm in firms if firm]
    held = list(range(session))
    # Near each other, as the answers of a worker are: never by more than a few sessions.
    days = sorted(
        ((s, number) for number, firm in enumerate(firms) for s in firm),
        key=lambda one: one[0] + chance.uniform(0, 8),
    )
    tells = whose(held)
    found: dict[int, set[int]] = {}
    for s, number in days:
        found.setdefault(number, set()).add(id(tells.of("ACME", day(s))))
    assert all(len(ids) == 1 for ids in found.values())
    assert len(set.union(*found.values())) == len(firms)
    spans = sorted((o.since, o.until) for o in tells.owners["ACME"])
    assert spans[0][0] == date.min
    assert spans[-1][1] == date.max
    assert all(a[1] == b[0] for a, b in pairwise(spans))


@settings(max_examples=30)
@given(st.lists(st.tuples(st.integers(0, 300), st.integers(1, 60)), max_size=5))
def test_sessions_are_counted_as_by_hand(parts: list[tuple[int, int]]) -> None:
    spans = [Span(day(a), day(a) + timedelta(n)) for a, n in parts]
    days = sessions_in(spans, CALENDAR.days[FIRST : FIRST + 400])
    held = set(days.tolist())
    counted = HeldSessions(np.unique(days)).between(day(10), day(200))
    inside = [day(s) for s in range(11, 200)]
    assert counted == sum((d - date(1970, 1, 1)).days in held for d in inside)
    assert HeldSessions(np.unique(days)).between(day(10), day(10) + ONE_DAY) == 0
