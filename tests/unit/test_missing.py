"""What is missing, by cause and by reason."""

from __future__ import annotations

import itertools
from collections import Counter
from datetime import UTC, date, datetime, timedelta

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from tests.kit import CALENDAR, sessions, span
from tickstock.loading.grid import HeldSpans, build_grid
from tickstock.loading.missing import gap_groups
from tickstock.model import Gap, GapCause, Instrument, Timeframe, epoch_day
from tickstock.spans import Span

NOW = datetime(2024, 7, 1, tzinfo=UTC)
WEEKS = span("2024-03-04", "2024-04-12")
SESSIONS = sessions(WEEKS)
FEW = st.integers(0, len(SESSIONS) - 1)


@st.composite
def stated(draw: st.DrawFn) -> tuple[list[Gap], list[tuple[int, int, int]]]:
    """Reasons given for stretches of three instruments, none twice for a day; and what is held."""
    reason = st.sampled_from(["no answer", "status 502", "cut off", ""])
    gaps, held = [], []
    for row in range(3):
        edges = sorted(draw(st.sets(FEW, max_size=8)))
        for first, last in itertools.pairwise(edges):
            if draw(st.booleans()):
                days = Span(SESSIONS[first], SESSIONS[last])
                gaps.append(Gap(row + 1, days, GapCause.FAILED, draw(reason), NOW))
        days_held = draw(st.sets(st.sampled_from(SESSIONS), max_size=5))
        held += [(row + 1, epoch_day(day), epoch_day(day) + 1) for day in days_held]
    return gaps, held


@given(stated())
def test_each_reason_has_its_own_count(
    given: tuple[list[Gap], list[tuple[int, int, int]]],
) -> None:
    gaps, held = given
    three = [Instrument(i + 1, "ABC"[i]) for i in range(3)]
    columns = np.array(held, np.int64).reshape(-1, 3).T
    grid = build_grid(
        Timeframe.DAY, three, WEEKS, CALENDAR, len(CALENDAR), HeldSpans(*columns), gaps
    )
    held_days = {(i, d) for i, d, _ in held}
    wanted: Counter[str] = Counter()
    for gap in gaps:
        days = [d for d in SESSIONS if gap.span.start <= d < gap.span.end]
        wanted[gap.detail] += sum((gap.instrument_id, epoch_day(d)) not in held_days for d in days)
    wanted.pop("", None)
    found = {gap.cause: gap for gap in gap_groups(grid, gaps, NOW)}
    reasons = found[GapCause.FAILED].reasons if GapCause.FAILED in found else ()
    assert dict(reasons) == {text: count for text, count in wanted.items() if count}
    assert [count for _, count in reasons] == sorted(dict(reasons).values(), reverse=True)


def test_a_reason_for_days_without_a_session_counts_none_of_them() -> None:
    weekend = Span(date(2024, 3, 8), date(2024, 3, 8) + timedelta(4))  # Friday to Monday
    gap = Gap(1, weekend, GapCause.FAILED, "no answer", NOW)
    nothing = HeldSpans(*np.empty((3, 0), np.int64))
    grid = build_grid(
        Timeframe.DAY, [Instrument(1, "A")], WEEKS, CALENDAR, len(CALENDAR), nothing, [gap]
    )
    gap = next(g for g in gap_groups(grid, [gap], NOW) if g.cause is GapCause.FAILED)
    assert gap.reasons == (("no answer", 2),)
