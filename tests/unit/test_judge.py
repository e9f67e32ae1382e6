"""What an answer means: bars kept, sessions held, and a cause for every session that is not."""

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.kit import CALENDAR, answer, bar, day, market_call, sessions, span, ticker_call
from tickstock.loading.gains import Brought, Origins, gains_of
from tickstock.loading.judge import BLOCK, failure_gaps, judge, session_index
from tickstock.loading.targets import Target, WantedTargets, narrowed
from tickstock.model import GapCause, Timeframe
from tickstock.spans import Span

WEEK = span("2024-07-01", "2024-07-05")  # the 4th is a holiday
DAYS = sessions(WEEK)
NOW = datetime(2025, 6, 2, 12, tzinfo=UTC)
A, B = Target(1, "A", WEEK), Target(2, "B", WEEK)
BOTH = {"A": A, "B": B}


def gains(found, verdict):
    rows = verdict.order
    at = found.bars.at[rows]
    brought = Brought(verdict.instrument[rows], at, np.zeros_like(at), np.ones(len(at), np.bool_))
    origins = Origins.of([(found.origin, {})])
    return list(gains_of(brought, origins, found.call.timeframe, CALENDAR))


def held(found, verdict, instrument=1):
    return [s for g in gains(found, verdict) if g.instrument_id == instrument for s in g.held]


def gaps(verdict, instrument=1):
    return [(h.cause, str(h.span)) for h in verdict.gaps if h.instrument_id == instrument]


def test_a_full_answer_holds_every_session_and_leaves_no_gap():
    found = answer(ticker_call("A", WEEK), [bar("A", d) for d in DAYS])
    verdict = judge(found, BOTH, CALENDAR, NOW)
    assert (verdict.cells, gaps(verdict)) == (4, [])
    assert tuple(verdict.asked) == ((1, WEEK),)
    (gain,) = gains(found, verdict)
    assert gain.bars == 4
    assert gain.held == (Span(day("2024-07-01"), day("2024-07-08")),)  # to the next session
    assert datetime.fromtimestamp(gain.first, UTC) == datetime(2024, 7, 1, tzinfo=UTC)
    assert datetime.fromtimestamp(gain.last, UTC) == datetime(2024, 7, 5, tzinfo=UTC)


def test_an_empty_answer_is_never_coverage():
    found = answer(ticker_call("A", WEEK))
    verdict = judge(found, BOTH, CALENDAR, NOW)
    assert (gains(found, verdict), verdict.cells) == ([], 0)
    (gap,) = verdict.gaps
    assert (gap.cause, gap.span) == (GapCause.VENDOR_EMPTY, WEEK)
    assert "2025-06-02" in gap.detail


def test_a_gap_never_speaks_of_days_that_were_not_asked_for():
    friday = judge(answer(ticker_call("A", span("2024-07-05"))), BOTH, CALENDAR, NOW)
    assert gaps(friday) == [(GapCause.VENDOR_EMPTY, "2024-07-05")]


@pytest.mark.parametrize(("age", "stands"), [(3, timedelta(days=1)), (300, timedelta(days=30))])
def test_a_recent_empty_answer_expires_sooner(age, stands):
    now = datetime(2024, 7, 5, 22, tzinfo=UTC) + timedelta(days=age)
    (gap,) = judge(answer(ticker_call("A", span("2024-07-05"))), BOTH, CALENDAR, now).gaps
    assert gap.expires_at == now + stands


def test_sessions_between_bars_are_gaps():
    found = answer(ticker_call("A", WEEK), [bar("A", DAYS[0]), bar("A", DAYS[3])])
    verdict = judge(found, BOTH, CALENDAR, NOW)
    assert gaps(verdict) == [(GapCause.VENDOR_EMPTY, "2024-07-02..2024-07-03")]
    assert [str(s) for s in held(found, verdict)] == ["2024-07-01", "2024-07-05..2024-07-07"]


def test_a_whole_market_answer_speaks_of_wanted_symbols_alone():
    bars = [bar("X", DAYS[0]), bar("B", DAYS[0]), bar("Y", DAYS[0])]
    verdict = judge(answer(market_call(DAYS[0]), bars), BOTH, CALENDAR, NOW)
    assert verdict.instrument[verdict.order].tolist() == [2]
    assert verdict.instrument.tolist() == [-1, 2, -1]
    assert gaps(verdict, 1) == [(GapCause.VENDOR_EMPTY, "2024-07-01")]
    assert gaps(verdict, 2) == []
    assert {i for i, _ in verdict.asked} == {1, 2}


def test_nothing_is_said_about_a_target_whose_span_was_not_asked():
    elsewhere = Target(3, "C", span("2023-01-03", "2023-01-31"))
    verdict = judge(answer(market_call(DAYS[0])), {"A": A, "C": elsewhere}, CALENDAR, NOW)
    assert {h.instrument_id for h in verdict.gaps} == {1}


def test_impossible_bars_are_put_aside_with_a_reason_and_a_gap():
    bars = [bar("A", DAYS[0]), bar("A", DAYS[1], low=-1.0), bar("A", DAYS[2], volume=np.nan)]
    verdict = judge(answer(ticker_call("A", WEEK), bars), BOTH, CALENDAR, NOW)
    assert verdict.quarantined.tolist() == [1, 2]
    assert verdict.reasons == ("low is not above zero", "not a finite number")
    assert verdict.order.tolist() == [0]
    assert sorted(gaps(verdict)) == [
        (GapCause.QUARANTINED, "2024-07-02..2024-07-03"),
        (GapCause.VENDOR_EMPTY, "2024-07-05"),
    ]


def test_impossible_bars_of_others_are_nobodys_business():
    bars = [bar("X", DAYS[0], low=-1.0), bar("A", DAYS[0], high=1.0)]
    verdict = judge(answer(market_call(DAYS[0]), bars), BOTH, CALENDAR, NOW)
    assert verdict.quarantined.tolist() == [1]
    assert verdict.reasons == ("high is below low",)


def test_bars_on_days_without_a_session_are_counted_and_left_out():
    bars = [bar("A", day("2024-07-04")), bar("A", DAYS[3]), bar("X", day("2024-07-04"))]
    verdict = judge(answer(ticker_call("A", WEEK), bars), BOTH, CALENDAR, NOW)
    assert (verdict.off_session, verdict.order.tolist()) == (1, [1])


def test_rows_are_ordered_by_instrument_and_time():
    bars = [bar("B", DAYS[0]), bar("A", DAYS[0])]
    verdict = judge(answer(market_call(DAYS[0]), bars), BOTH, CALENDAR, NOW)
    assert verdict.order.tolist() == [1, 0]
    shuffled = judge(answer(ticker_call("A", WEEK), [bar("A", d) for d in reversed(DAYS)]),
                     BOTH, CALENDAR, NOW)  # fmt: skip
    assert shuffled.order.tolist() == [3, 2, 1, 0]


def test_each_instrument_gains_what_came_for_it():
    bars = [bar("A", DAYS[0]), bar("B", DAYS[0]), bar("B", DAYS[1]), bar("B", DAYS[3])]
    found = answer(market_call(DAYS[0]), bars)
    one, two = gains(found, judge(found, BOTH, CALENDAR, NOW))
    assert (one.instrument_id, one.bars, [str(s) for s in one.held]) == (1, 1, ["2024-07-01"])
    assert (two.instrument_id, two.bars) == (2, 3)
    assert [str(s) for s in two.held] == ["2024-07-01..2024-07-02", "2024-07-05..2024-07-07"]


def test_minute_bars_before_the_open_and_after_the_close_belong_to_their_session():
    call = ticker_call("A", WEEK, Timeframe.MINUTE)
    early = int(datetime(2024, 7, 2, 8, 0, tzinfo=UTC).timestamp())  # 4:00 in New York
    late = int(datetime(2024, 7, 3, 23, 59, tzinfo=UTC).timestamp())  # 19:59 in New York
    found = answer(call, [bar("A", early), bar("A", late)])
    verdict = judge(found, BOTH, CALENDAR, NOW)
    assert verdict.cells == 2
    assert gaps(verdict) == [
        (GapCause.VENDOR_EMPTY, "2024-07-01"),
        (GapCause.VENDOR_EMPTY, "2024-07-05"),
    ]
    (gain,) = gains(found, verdict)
    assert (gain.first, gain.last) == (early, late)


def test_the_calendars_last_session_has_an_end():
    last = CALENDAR.day(len(CALENDAR) - 1)
    targets = {"A": Target(1, "A", Span.inclusive(last, last))}
    found = answer(ticker_call("A", targets["A"].span), [bar("A", last)])
    assert held(found, judge(found, targets, CALENDAR, NOW)) == [Span.inclusive(last, last)]


def test_a_failed_call_leaves_a_gap_that_is_asked_again_and_a_refusal_one_that_stands():
    wanted = WantedTargets(list(BOTH.values()))
    (failed,) = failure_gaps(wanted.under("A"), [WEEK], GapCause.FAILED, "why", NOW)
    stands = timedelta(days=30)
    (refused,) = failure_gaps(wanted.under("A"), [WEEK], GapCause.NOT_ENTITLED, "why", NOW, stands)
    assert (failed.span, failed.expires_at) == (WEEK, None)
    assert refused.expires_at == NOW + timedelta(days=30)
    assert failure_gaps(wanted.under("X"), [WEEK], GapCause.FAILED, "why", NOW) == ()
    monday = market_call(DAYS[0]).span
    assert len(failure_gaps(wanted.under(""), [monday], GapCause.FAILED, "why", NOW)) == 2


@given(
    kinds=st.lists(st.sampled_from(["good", "bad", "none"]), min_size=4, max_size=4),
    order=st.permutations(range(4)),
)
def test_every_session_that_was_asked_for_is_held_or_has_one_cause(kinds, order):
    given_ = {"good": {}, "bad": {"low": 0.0}}
    bars = [bar("A", DAYS[i], **given_[kinds[i]]) for i in order if kinds[i] != "none"]
    found = answer(ticker_call("A", WEEK), bars)
    verdict = judge(found, BOTH, CALENDAR, NOW)
    expected = {"bad": GapCause.QUARANTINED, "none": GapCause.VENDOR_EMPTY}
    for kind, session in zip(kinds, DAYS, strict=True):
        causes = [h.cause for h in verdict.gaps if session in h.span]
        assert any(session in s for s in held(found, verdict)) == (kind == "good")
        assert causes == ([] if kind == "good" else [expected[kind]])


def test_an_answer_narrowed_to_what_is_wanted_means_the_same():
    names = ("X", "B", "Y", "A")
    bars = [bar(name, DAYS[0], close) for close, name in enumerate(names, 10)]
    whole = answer(market_call(DAYS[0]), bars, origins=(("X", "recorded"), ("A", "recorded")))
    few = narrowed(whole, BOTH)
    assert few.bars.tickers == ("B", "A")
    assert [few.bars.tickers[i] for i in few.bars.owner] == ["B", "A"]
    assert few.bars.close.tolist() == [11.0, 13.0]
    assert few.origins == (("A", "recorded"),)
    before, after = (judge(a, BOTH, CALENDAR, NOW) for a in (whole, few))
    assert tuple(before.asked) == tuple(after.asked)
    assert (before.gaps, before.cells) == (after.gaps, after.cells)
    assert narrowed(few, BOTH).bars.tickers == few.bars.tickers
    assert len(narrowed(whole, {}).bars) == 0


def test_a_call_speaks_of_the_targets_of_its_days():
    old, new = span("2024-07-01", "2024-07-02"), span("2024-07-03", "2024-07-05")
    targets = (A, Target(2, "OLD", old), Target(2, "NEW", new), Target(3, "OLD", new))
    wanted = WantedTargets(targets)
    for call in (*map(market_call, (*DAYS, *reversed(DAYS))), ticker_call("OLD", new),
                 ticker_call("NEW", WEEK), ticker_call("NONE", WEEK)):  # fmt: skip
        named = [t for t in targets if not call.symbol or t.symbol == call.symbol]
        assert wanted.of(call) == {t.symbol: t for t in named if t.span & call.span}


@pytest.mark.parametrize("block", [2, 3, BLOCK])
def test_sessions_are_looked_up_in_blocks(block):
    moments = CALENDAR.opens[-4:, None] + np.array([-86_400, 0, 60, 7 * 86_400])
    for timeframe in (Timeframe.MINUTE, Timeframe.HOUR):
        found = session_index(moments.ravel(), timeframe, CALENDAR, block=block)
        assert found.tolist() == CALENDAR.sessions_of(moments.ravel()).tolist()
    assert len(session_index(moments[:0].ravel(), Timeframe.HOUR, CALENDAR, block=block)) == 0


def test_bars_of_days_that_are_not_wanted_are_not_kept():
    monday, tuesday = DAYS[0], DAYS[1]
    wanted = {"A": Target(1, "A", WEEK, (Span.inclusive(monday, monday),))}
    verdict = judge(
        answer(ticker_call("A", WEEK), [bar("A", monday), bar("A", tuesday)]), wanted, CALENDAR, NOW
    )
    assert verdict.order.tolist() == [0]
    assert verdict.cells == 1


def test_a_call_speaks_of_those_alone_who_are_wanted_on_its_days():
    early, late = Span(DAYS[0], DAYS[1]), Span(DAYS[1], WEEK.end)
    wanted = WantedTargets([Target(1, "T", early), Target(2, "T", late)])
    assert [t.instrument_id for t in wanted.of(ticker_call("T", early)).values()] == [1]
    assert [t.instrument_id for t in wanted.of(ticker_call("T", late)).values()] == [2]
