"""Judging by columns says of each name what would be said of it alone."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from tests.kit import CALENDAR, answer, bar, day, market_call, sessions, span
from tickstock.loading.gains import Origins
from tickstock.loading.judge import (
    OLD_EMPTY_STANDS,
    QUARANTINE_STANDS,
    RECENT_EMPTY_STANDS,
    AnswerVerdict,
    judge,
)
from tickstock.loading.targets import AskedSpans, Target, WantedTargets, narrowed
from tickstock.loading.truncation import FEW, MANY
from tickstock.loading.unheld import GapColumns, SharedGap
from tickstock.model import Answer, Aside, Gap, GapCause, epoch_day
from tickstock.spans import ONE_DAY, Span, days_of, union

WEEKS = span("2024-06-24", "2024-07-12")  # the 4th of July is a holiday
DAYS = sessions(WEEKS)
ON = day("2024-07-03")
OLD, FRESH = datetime(2025, 6, 2, 12, tzinfo=UTC), datetime(2024, 7, 6, 12, tzinfo=UTC)
NAMES = [f"N{i}" for i in range(40)]
spans = st.builds(
    lambda a, b: Span(min(a, b), max(a, b) + ONE_DAY),
    st.sampled_from([*days_of(WEEKS)]),
    st.sampled_from([*days_of(WEEKS)]),
)
lives = st.none() | st.sampled_from([*days_of(WEEKS)])


@st.composite
def targets(draw: st.DrawFn) -> list[Target]:
    found = []
    for number, name in enumerate(draw(st.lists(st.sampled_from(NAMES), unique=True)), 1):
        target = Target(number * 7, name, draw(spans), listed=draw(lives), delisted=draw(lives))
        if draw(st.booleans()):
            intervals = draw(st.lists(spans, min_size=1, max_size=3))
            target = replace(target, intervals=tuple(intervals))
        found.append(target)
    return found


@st.composite
def answers(draw: st.DrawFn) -> Answer:
    rows: list[Any] = []
    for name in draw(st.lists(st.sampled_from([*NAMES, "OTHER"]), unique=True)):
        kind = draw(st.sampled_from(["good", "good", "good", "bad"]))
        rows.append(bar(name, ON, **({"low": -1.0} if kind == "bad" else {})))
    aside = tuple(
        Aside("row 3", name, "no number", epoch_day(ON))
        for name in draw(st.lists(st.sampled_from(NAMES), unique=True, max_size=2))
    )
    tickers = draw(st.sampled_from([-1, 7])) if rows else -1
    return answer(market_call(ON), rows, aside=aside, tickers=tickers)


def alone(found: Answer, target: Target, now: datetime) -> list[Any]:
    """Cause, day and expiry of what one name lacks on the day of the call."""
    days = [d for d in (ON,) if d in target.span]
    days = [d for d in days if not target.intervals or any(d in s for s in target.intervals)]
    mine = [i for i, t in enumerate(found.bars.tickers) if t == target.symbol]
    low = [found.bars.low[i] for i in np.flatnonzero(np.isin(found.bars.owner, mine))]
    if not days or (low and low[0] > 0):
        return []
    spoilt = bool(low) or target.symbol in {row.ticker for row in found.aside}
    if spoilt:
        return [(GapCause.QUARANTINED, ON, now + QUARANTINE_STANDS)]
    if not found.spoke_of:
        return [(GapCause.FAILED, ON, None)]
    fresh = now - datetime(ON.year, ON.month, ON.day, tzinfo=UTC) < timedelta(days=7)
    stands = RECENT_EMPTY_STANDS if fresh else OLD_EMPTY_STANDS
    return [(GapCause.VENDOR_EMPTY, ON, now + stands)]


def said(verdict: AnswerVerdict) -> dict[int, list[Any]]:
    out: dict[int, list[Any]] = {}
    for gap in verdict.gaps:
        assert gap.span == Span(ON, ON + ONE_DAY)
        out.setdefault(gap.instrument_id, []).append((gap.cause, ON, gap.expires_at))
    return out


@given(targets(), answers(), st.sampled_from([OLD, FRESH]))
def test_of_a_market_each_name_is_told_as_if_alone(
    wanted: list[Target], found: Answer, now: datetime
) -> None:
    mine = WantedTargets(wanted).of(found.call)
    assert mine == {t.symbol: t for t in wanted if ON in t.span}
    few = narrowed(found, mine)
    verdict = judge(few, mine, CALENDAR, now)
    expected = {t.instrument_id: alone(found, t, now) for t in mine.values()}
    assert said(verdict) == {i: gaps for i, gaps in expected.items() if gaps}
    inside = [t for t in mine.values() if any(t.within(found.call.span))]
    assert sorted(verdict.asked) == sorted(
        (t.instrument_id, Span(ON, ON + ONE_DAY)) for t in inside
    )
    good = set(np.array(found.bars.tickers)[found.bars.owner[found.bars.low > 0]].tolist())
    held = {t.instrument_id for t in inside if t.symbol in good}
    assert set(verdict.instrument[verdict.order].tolist()) == held
    listed = [t for t in inside if t.listed is not None]
    alive = [t for t in listed if (t.listed or ON) <= ON <= (t.delisted or date.max)]
    is_thin = len(alive) >= MANY and len(held & {t.instrument_id for t in listed}) < FEW * len(
        alive
    )
    assert verdict.again == ((found.call,) if is_thin and found.spoke_of else ())
    # By symbol, or in columns that answers share, it is the same.
    plain = judge(narrowed(found, dict(mine)), dict(mine), CALENDAR, now)
    assert (said(plain), tuple(plain.asked)) == (said(verdict), tuple(verdict.asked))
    assert (plain.cells, plain.again, plain.reasons) == (
        verdict.cells, verdict.again, verdict.reasons,
    )  # fmt: skip


@given(st.lists(st.lists(st.tuples(st.integers(1, 3), spans), max_size=6), max_size=4))
def test_what_was_asked_is_put_together_by_instrument(parts: list[list[tuple[int, Span]]]) -> None:
    asked = AskedSpans.union([AskedSpans.of(part) for part in parts])
    ids = sorted({i for part in parts for i, _ in part})
    expected = [(i, s) for i in ids for s in union(s for p in parts for j, s in p if j == i)]
    assert list(asked) == expected


@given(
    st.lists(
        st.tuples(
            st.lists(st.integers(1, 4), unique=True), spans,
            st.sampled_from([GapCause.FAILED, GapCause.VENDOR_EMPTY]),
        )
    )
)  # fmt: skip
def test_of_gaps_that_say_the_same_the_last_one_counts(found: list[Any]) -> None:
    shared = [
        SharedGap(np.array(ids, np.int64), Gap(0, where, cause, str(number)))
        for number, (ids, where, cause) in enumerate(found)
    ]
    gaps = GapColumns.shared(shared)
    expected = {
        (i, epoch_day(where.start), epoch_day(where.end), cause): str(number)
        for number, (ids, where, cause) in enumerate(found)
        for i in ids
    }
    told = {
        (i, start, end, gaps.kinds[kind].cause): gaps.kinds[kind].detail
        for i, start, end, kind in zip(
            gaps.instrument.tolist(), gaps.start.tolist(), gaps.end.tolist(),
            gaps.kind.tolist(), strict=True,
        )
    }  # fmt: skip
    assert (told, len(gaps)) == (expected, len(expected))


def test_an_instrument_of_an_answer_may_come_from_elsewhere() -> None:
    origins = Origins.of([("vendor", {}), ("recorded", {7: "synthetic", 9: "vendor"})])
    answer, instrument = np.array([0, 0, 1, 1, 1]), np.array([7, 8, 7, 8, 9])
    codes = [origins.names[c] for c in origins.codes(answer, instrument)]
    assert codes == ["vendor", "vendor", "synthetic", "recorded", "vendor"]
    whose, which = origins.pairs(np.array([0, 0, 0, 1]), np.array([7, 7, 8, 8]))
    pairs = [*zip(whose.tolist(), [origins.names[c] for c in which], strict=True)]
    assert pairs == [(7, "vendor"), (8, "vendor"), (8, "recorded")]
