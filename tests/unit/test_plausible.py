"""Which answers are believed: by mass, by what lies beside them, by a second asking."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.kit import CALENDAR, answer, bar, market_call, sessions, span, ticker_call
from tickstock.loading.judge import judge
from tickstock.loading.lengths import SHORTEST, Lengths
from tickstock.loading.plausible import (
    CONFIRMATIONS,
    Empties,
    full_lengths,
    half_sessions,
    is_cut_short,
    lacking_names,
    names_beside,
    small_markets,
)
from tickstock.loading.targets import Target, narrowed
from tickstock.model import Aside, Call, CallKind, GapCause, Timeframe, epoch_day
from tickstock.spans import Span

NONE = np.empty(0, np.float64)
MINUTE, HOUR = Timeframe.MINUTE, Timeframe.HOUR
WEEK = span("2024-07-01", "2024-07-05")
DAYS = sessions(WEEK)
NOW = datetime(2025, 6, 2, 12, tzinfo=UTC)
A, B = Target(1, "A", WEEK), Target(2, "B", WEEK)
BOTH = {"A": A, "B": B}


# --- a whole market ------------------------------------------------------------------------
def everywhere(names: int, columns: int = 30) -> np.ndarray:
    return np.ones((names, columns), np.bool_)


@pytest.mark.parametrize("names", [3, 10, 52, 3000])
@pytest.mark.parametrize("share", [0.3, 0.5, 1.0])
@pytest.mark.parametrize("column", [0, 12, 29])
def test_a_session_that_lacks_a_share_of_the_names_around_it_is_doubted(
    names: int, share: float, column: int
) -> None:
    held = everywhere(names)
    lost = max(3, int(share * names))
    held[:lost, column] = False
    if lost == names:
        return  # without any row, it is judged when it comes
    found = lacking_names(held, range(30))
    assert list(found) == [column]
    assert found[column].tolist() == list(range(lost))


def test_sessions_lost_in_a_row_are_all_doubted() -> None:
    held = everywhere(52)
    held[26:, 10:13] = False
    held[:, 13] = False  # and one without any row, which has been judged
    assert list(lacking_names(held, [*range(13), *range(14, 30)])) == [10, 11, 12]


@given(st.integers(0, 2**32), st.floats(0.05, 0.95))
def test_thin_names_are_thin_always(seed: int, density: float) -> None:
    rng = np.random.default_rng(seed)
    held = rng.random((60, 60)) < density
    assert len(lacking_names(held, range(60))) <= 1  # by chance, where one in 10,000 is expected


def test_names_that_come_and_go_are_no_doubt() -> None:
    held = everywhere(60, 120)
    for name in range(60):
        held[name, : 2 * name] = False
        held[name, 2 * name + 40 :] = False
    assert not lacking_names(held, range(120))
    assert names_beside(held, 60).size  # some have ended, or begin soon
    held[:3, 5] = False  # of one or two halted names nothing follows
    assert len(lacking_names(held, [5])) <= 1


def test_a_market_has_a_usual_size() -> None:
    sizes = {i: 8000 + 10 * i for i in range(40)}
    assert not small_markets(sizes)
    assert small_markets(sizes | {7: 4000, 8: 3900}) == {7: 8090, 8: 8095}
    assert not small_markets({1: 8000, 2: 4000})  # one other tells nothing
    assert not small_markets(dict.fromkeys(range(20), 10) | {3: 2})  # nor does a handful of names
    assert not small_markets(dict.fromkeys(range(20), 0) | {3: 8000})


def test_a_whole_market_without_a_row_is_no_answer() -> None:
    found = answer(market_call(DAYS[0]))
    (a, b) = judge(found, BOTH, CALENDAR, NOW).gaps
    assert {a.cause, b.cause} == {GapCause.FAILED}
    assert a.expires_at is None
    assert "though the exchange was open" in a.detail
    others = narrowed(answer(market_call(DAYS[0]), [bar("X", DAYS[0])]), BOTH)
    assert {h.cause for h in judge(others, BOTH, CALENDAR, NOW).gaps} == {GapCause.VENDOR_EMPTY}


def test_the_newest_session_may_not_be_published_yet() -> None:
    evening = datetime(2024, 7, 5, 23, tzinfo=UTC)
    for day, cause in ((DAYS[3], GapCause.NOT_PUBLISHED), (DAYS[2], GapCause.FAILED)):
        gaps = judge(answer(market_call(day)), BOTH, CALENDAR, evening).gaps
        assert {h.cause for h in gaps} == {cause}
        assert {h.expires_at for h in gaps} == {None}


# --- an intraday session -------------------------------------------------------------------
def counts(*bars: int) -> np.ndarray:
    return np.array(bars, np.int64)


def full(*bars: int) -> np.ndarray:
    return np.full(len(bars), 390)


@pytest.mark.parametrize(
    ("bars", "flagged"),
    [
        ((390, 2, 390, 390), [1]),
        ((390, 195, 388, 390, 371), [1]),
        ((700, 820, 330, 760, 905, 655, 310), [2, 6]),
        ((390, 390, 300, 390), []),  # a listing at eleven
        ((20, 3, 60, 11, 35, 7, 2), []),  # thin, always
        ((300, 90, 220, 160, 80, 280), []),  # now thin, now not
        ((390, 200), []),  # of one other session nobody knows how much it varies
        ((390, 2), [1]),
    ],
)
def test_half_a_session_is_no_session(bars: tuple[int, ...], flagged: list[int]) -> None:
    found = half_sessions(counts(*bars), full(*bars), MINUTE, NONE)
    assert np.flatnonzero(found).tolist() == flagged


def test_a_short_session_is_whole_with_fewer_bars_and_others_beside_it_count() -> None:
    bars, minutes = counts(390, 390, 210, 390), np.array([390, 390, 210, 390])
    assert not half_sessions(bars, minutes, MINUTE, NONE).any()
    assert half_sessions(counts(2), full(2), MINUTE, np.array([390.0] * 4)).all()
    assert not half_sessions(counts(2), full(2), MINUTE, NONE).any()
    assert half_sessions(counts(3), full(3), HOUR, np.array([7.0, 8, 7, 8])).all()
    early = {date(2024, 7, 3): 210, date(2024, 7, 5): 390}
    assert full_lengths(early, CALENDAR).tolist() == [390, 390]


@pytest.mark.parametrize(
    ("bars", "first", "last", "is_cut"),
    [
        ([390, 390], 0, 389, False),
        ([195, 195], 0, 194, True),
        ([195, 195], 195, 389, True),
        ([195], 0, 194, False),  # perhaps halted for the rest of the day
        ([380, 375, 380], 0, 379, True),  # nobody trades in the last ten minutes
        ([20, 18], 0, 385, False),
        ([2] * 8, 100, 101, True),
        ([2] * 3, 0, 1, False),  # thin ones, which trade in the opening auction alone
        ([1] * 14, 10, 190, True),
        ([1] * 6, 10, 190, False),
        ([6, 5, 4], 0, 200, False),
        ([], 0, 0, False),
    ],
)
def test_a_file_that_holds_a_part_of_its_session_is_told(
    bars: list[int], first: int, last: int, is_cut: bool
) -> None:
    assert is_cut_short(np.array(bars, np.int64), first, last, 390) is is_cut


@pytest.mark.parametrize("kept", [390, 195, 2])
def test_half_a_session_in_a_file_is_not_held(kept: int) -> None:
    on = date(2024, 7, 10)
    opens = int(datetime(2024, 7, 10, 13, 30, tzinfo=UTC).timestamp())
    names = [f"N{n}" for n in range(5)]
    bars = [bar(name, opens + 60 * i) for name in names for i in range(kept)]
    week = span("2024-07-08", "2024-07-12")
    targets = {name: Target(n, name, week) for n, name in enumerate(names)}
    call = Call(CallKind.FLAT_DAY, MINUTE, Span(on, on + timedelta(days=1)))
    verdict = judge(answer(call, bars), targets, CALENDAR, NOW)
    if kept == 390:
        assert (verdict.cells, verdict.gaps, verdict.again) == (5, (), ())
        return
    assert (verdict.cells, len(verdict.order)) == (0, 0)
    assert {h.cause for h in verdict.gaps} == {GapCause.FAILED}
    assert {h.instrument_id for h in verdict.gaps} == set(range(5))
    assert f"{kept} bars of this session, where 390 are usual" in verdict.gaps[0].detail
    assert verdict.again == (call,)


def test_a_half_session_is_not_held_and_asked_for_again() -> None:
    within = span("2024-07-08", "2024-07-12")
    opens = {d: int(datetime(d.year, d.month, d.day, 14, tzinfo=UTC).timestamp())
             for d in sessions(within)}  # fmt: skip
    few = sessions(within)[2]
    bars = [bar("A", at + 60 * i) for d, at in opens.items() for i in range(2 if d == few else 350)]
    call = ticker_call("A", within, MINUTE)
    targets = {"A": Target(1, "A", within)}
    verdict = judge(answer(call, bars), targets, CALENDAR, NOW)
    assert verdict.cells == 4
    assert len(verdict.order) == 4 * 350
    (gap,) = verdict.gaps
    assert (gap.cause, gap.span) == (GapCause.FAILED, span(str(few)))
    assert "holds 2 bars of this session, where 350 are usual" in gap.detail
    assert [c.span for c in verdict.again] == [gap.span]
    beside = np.full(4, 350.0)
    again = judge(answer(verdict.again[0], bars[700:702]), targets, CALENDAR, NOW, beside)
    assert ([h.cause for h in again.gaps], again.cells) == ([GapCause.FAILED], 0)


# --- rows put aside ------------------------------------------------------------------------
def test_a_row_that_was_put_aside_leaves_a_gap_that_names_it() -> None:
    spoilt = Aside("line 17 of some.csv.gz", "B", "no number", epoch_day(DAYS[0]))
    stray = Aside("line 18 of some.csv.gz", "", "no ticker", epoch_day(DAYS[0]))
    found = answer(market_call(DAYS[0]), [bar("A", DAYS[0])], aside=(spoilt, stray))
    (gap,) = judge(found, BOTH, CALENDAR, NOW).gaps
    assert (gap.instrument_id, gap.cause) == (2, GapCause.QUARANTINED)
    assert "line 17 of some.csv.gz (B): no number" in gap.detail


# --- an empty answer -----------------------------------------------------------------------
def test_an_empty_answer_within_what_is_held_is_always_asked_again() -> None:
    empties = Empties.none()
    holds = span("2024-01-02", "2024-12-31")
    for n in range(3 * CONFIRMATIONS):
        empties.asked_again += 1
        assert empties.is_doubtful(ticker_call(f"S{n}", WEEK), holds)


def test_delisted_names_do_not_cost_twice_the_calls() -> None:
    empties, twice = Empties.none(), 0
    for n in range(500):
        call = ticker_call(f"S{n}", WEEK)
        if empties.is_doubtful(call, None):
            empties.asked_again += 1
            twice += 1
        empties.note(call)
    assert twice == CONFIRMATIONS
    empties.prove_wrong(ticker_call("S3", WEEK))  # then none is believed any more
    assert empties.is_doubtful(ticker_call("S501", WEEK), None)


def test_one_empty_answer_explains_the_next_of_the_same_symbol() -> None:
    empties = Empties.none()
    first, next_ = ticker_call("A", WEEK), ticker_call("A", span("2024-07-08", "2024-07-12"))
    assert empties.is_doubtful(first, None)
    empties.note(first)
    assert empties.is_doubtful(first, None)  # not by itself
    assert not empties.is_doubtful(next_, None)
    assert empties.is_doubtful(ticker_call("B", WEEK), None)
    assert empties.is_doubtful(ticker_call("A", span("2025-03-03", "2025-03-07")), None)


@pytest.mark.parametrize(
    ("known", "sure", "days"), [(True, True, 30), (True, False, 1), (False, True, 1)]
)
def test_an_empty_answer_stands_shortly_where_little_speaks_for_it(
    known: bool, sure: bool, days: int
) -> None:
    targets = {"A": Target(1, "A", WEEK, is_known=known)}
    found = answer(ticker_call("A", WEEK), is_sure=sure)
    (gap,) = judge(found, targets, CALENDAR, NOW).gaps
    assert (gap.cause, gap.expires_at) == (GapCause.VENDOR_EMPTY, NOW + timedelta(days=days))


# --- ranges that are too long --------------------------------------------------------------
def test_a_range_that_takes_too_long_twice_is_cut_and_what_works_is_remembered() -> None:
    year = ticker_call("A", span("2023-08-02", "2024-08-01"), MINUTE)
    lengths = Lengths()
    lengths.not_in_time(year.span.days)
    assert not lengths.parts(year, CALENDAR)  # once may be a mishap
    lengths.not_in_time(year.span.days)
    halves = lengths.parts(year, CALENDAR)
    assert len(halves) == 2
    days = [d for half in halves for d in sessions(half.span)]
    assert days == sessions(year.span)
    assert lengths.is_probing
    lengths.answered(60)
    assert not lengths.is_probing
    pieces = lengths.parts(year, CALENDAR)
    assert [d for p in pieces for d in sessions(p.span)] == days
    assert len(pieces) == 7
    assert not lengths.parts(pieces[0], CALENDAR)
    assert not lengths.parts(market_call(DAYS[0]), CALENDAR)


@pytest.mark.parametrize(("before", "pieces"), [(74, 3), (75, 3), (91, 3), (92, 0)])
def test_ranges_of_about_one_length_are_known_together(before: int, pieces: int) -> None:
    call = ticker_call("A", span("2024-01-02", "2024-03-14"), MINUTE)
    lengths = Lengths()
    lengths.not_in_time(before)
    lengths.not_in_time(call.span.days)
    assert (call.span.days, len(lengths.parts(call, CALENDAR))) == (73, pieces)


@given(st.integers(1, 800))
def test_where_nothing_works_the_cutting_comes_to_an_end(days: int) -> None:
    first = date(2022, 1, 3)
    call = ticker_call("A", span(str(first), str(first + timedelta(days=days))), MINUTE)
    lengths, rounds = Lengths(), 0
    while True:
        lengths.not_in_time(call.span.days)
        lengths.not_in_time(call.span.days)
        parts = lengths.parts(call, CALENDAR)
        if not parts:
            break
        call, rounds = max(parts, key=lambda c: c.span.days), rounds + 1
    assert rounds <= 8
    assert call.span.days < 4 * SHORTEST or not rounds
    assert lengths.is_hopeless == (rounds > 0)
