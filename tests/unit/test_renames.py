"""What the vendor's ticker events tell of the instruments that there are, and what they may not."""

from __future__ import annotations

import json
from datetime import date, timedelta
from typing import Any

import pytest

from tickstock.errors import NotEntitled, VendorUnreadable
from tickstock.loading.renames import (
    NEAR,
    EventSubject,
    TickerHistory,
    TickerOwnership,
    judge_history,
    whom_to_ask,
)
from tickstock.model import Ticker
from tickstock.spans import Span
from tickstock.vendors.massive.ticker_events import EventsCall, read_ticker_events

EVER = Span(date.min, date.max)
FIGI = "BBG000MM2P62"
TOLD = date(2022, 6, 11)
"""The vendor's own example has this Saturday; the change was on the Thursday before."""
CHANGED = date(2022, 6, 9)
META = TickerHistory("META", ((date(2012, 5, 18), "FB"), (TOLD, "META")), cik="0001326801")


def first_session(day: date) -> date:
    return day + timedelta(days=max(7 - day.isoweekday(), 0) + 1 if day.isoweekday() > 5 else 0)


def own(
    id_: int, symbol: str, first: date | None, end: date | None, **other: Any
) -> TickerOwnership:
    return TickerOwnership(id_, symbol, other.pop("days", EVER), first=first, end=end, **other)


def told(history: TickerHistory, *owners: TickerOwnership, **other: bool) -> Any:
    return judge_history(history, owners, first_session, **other)


def spans(verdict: Any) -> list[tuple[str, date, date]]:
    assert verdict.identity is not None, verdict.doubts
    return [(t.symbol, t.span.start, t.span.end) for t in verdict.identity.tickers]


def test_a_chain_of_tickers_is_one_instrument() -> None:
    found = told(META)
    monday = date(2022, 6, 13)
    assert spans(found) == [("FB", date.min, monday), ("META", monday, date.max)]
    assert found.doubts == ()


def test_bars_put_a_day_right_that_the_vendor_has_wrong() -> None:
    before = told(META, own(1, "META", CHANGED, date(2024, 1, 1)))
    assert spans(before)[1] == ("META", CHANGED, date.max)
    late = date(2022, 6, 16)
    after = told(META, own(1, "FB", date(2020, 1, 2), late))
    assert spans(after)[0] == ("FB", date.min, late)
    far = told(META, own(1, "FB", date(2020, 1, 2), TOLD + NEAR + timedelta(days=1)))
    assert far.identity is None
    assert "perhaps of two firms" in far.doubts[0]


def test_a_ticker_that_another_firm_had_or_got_stays_that_ones() -> None:
    """FB before Facebook, and the fund that has FB since."""
    earlier = own(1, "FB", date(2005, 1, 3), date(2008, 1, 3))
    fund = own(3, "FB", date(2025, 5, 1), date(2026, 1, 1))
    found = told(META, earlier, own(2, "META", CHANGED, date(2026, 1, 1)), fund)
    assert spans(found) == [("FB", date(2012, 5, 18), CHANGED), ("META", CHANGED, date.max)]
    assert {(o.id, o.days.start, o.days.end) for o in found.others} == {
        (1, date.min, date(2012, 5, 18)),
        (3, CHANGED, date.max),
    }


def test_other_numbers_ask_before_anything_is_spliced() -> None:
    other = own(1, "FB", date(2020, 1, 2), CHANGED, cik="0000000007")
    found = told(META, other)
    assert found.identity is None
    assert "perhaps another firm" in found.doubts[0]
    assert "--accept META" in found.doubts[0]
    assert spans(told(META, other, is_accepted=True))
    same = own(1, "FB", date(2020, 1, 2), CHANGED, cik=META.cik, figi="another")
    assert spans(told(META, same))  # another form of listing of the same firm
    by_figi = TickerHistory(FIGI, META.changes, figi=FIGI)
    assert told(by_figi, own(1, "FB", None, None, figi="BBG00ANOTHER")).identity is None


def test_bars_under_both_stay_two_instruments_with_their_days() -> None:
    old = own(1, "FB", date(2020, 1, 2), CHANGED)
    new = own(2, "META", CHANGED, date(2024, 1, 1))
    found = told(META, old, new)
    assert found.identity is None
    assert "stay two" in found.doubts[0]
    assert {(o.id, o.days) for o in found.others} == {
        (1, Span(date.min, CHANGED)),
        (2, Span(CHANGED, date.max)),
    }


def test_what_was_told_with_better_evidence_goes_before() -> None:
    days = {"FB": Span(date.min, CHANGED), "META": Span(CHANGED, date.max)}
    shipped = [own(1, s, None, None, days=d, source="shipped") for s, d in days.items()]
    assert told(META, *shipped) == told(TickerHistory("META", META.changes[:1]))
    far = TickerHistory("META", (META.changes[0], (date(2021, 1, 4), "META")))
    found = told(far, *shipped)
    assert found.identity is None
    assert "shipped tells it otherwise" in found.doubts[0]


def test_a_history_that_cannot_be_is_left_alone() -> None:
    back = TickerHistory(
        "A", ((date(2000, 1, 3), "A"), (date(2001, 1, 3), "B"), (date(2002, 1, 3), "A"))
    )
    assert "comes twice" in told(back).doubts[0]
    assert "ends with META" in told(TickerHistory("MVRS", META.changes)).doubts[0]
    at_once = TickerHistory("C", ((date(2000, 1, 3), "A"), (TOLD, "B"), (TOLD, "C")))
    assert "out of order" in told(at_once).doubts[0]
    one = TickerHistory("A", ((date(2000, 1, 3), "A"), (date(2001, 1, 3), "A")))
    assert told(one).identity is None
    assert told(one).doubts == ()


def test_a_delisted_one_has_its_last_ticker_up_to_its_last_day() -> None:
    last = date(2023, 5, 1)
    found = told(META, own(1, "META", CHANGED, date(2023, 5, 2), delisted=last))
    assert found.identity is not None
    assert found.identity.delisted == last
    assert found.identity.tickers[-1] == Ticker("META", Span(CHANGED, date(2023, 5, 2)))


def test_whom_to_ask() -> None:
    """By FIGI, which nobody else gets; a ticker only of one that has it now."""
    subjects = [
        EventSubject("A", "F1"), EventSubject("B"), EventSubject("C", is_listed=False),
        EventSubject("D", "F2", is_listed=False), EventSubject("E", "F1"),
    ]  # fmt: skip
    assert whom_to_ask(subjects, frozenset({"B"})) == (["F1", "F2"], 1, 1)


# --- as it stands on the wire -----------------------------------------------------------------
def body(events: Any, **more: Any) -> bytes:
    results = {"name": "Meta\nPlatforms", "events": events} | more
    return json.dumps({"status": "OK", "request_id": "1", "results": results}).encode()


def change(day: str, ticker: str) -> dict[str, Any]:
    return {"type": "ticker_change", "date": day, "ticker_change": {"ticker": ticker}}


CALL = EventsCall("META")
BOTH = [change("2022-06-11", "META"), change("2012-05-18", "FB")]


def test_it_is_asked_as_documented() -> None:
    assert CALL.question.target == "/vX/reference/tickers/META/events?types=ticker_change"
    assert EventsCall("BRK/A").question.segments[3] == "BRK/A"
    assert "BRK%2FA" in EventsCall("BRK/A").question.target


def test_an_answer_is_read_oldest_first() -> None:
    found = read_ticker_events(body([*BOTH, {"type": "other", "date": "2020-01-02"}]), CALL)
    assert found.changes == META.changes
    assert (found.name, found.figi, found.cik) == ("Meta Platforms", "", "")
    assert read_ticker_events(body([]), CALL).changes == ()


@pytest.mark.parametrize(
    "spoilt",
    [
        b"<html>",
        b'{"status":"OK"}',
        b'{"status":"OK","results":[]}',
        b'{"status":"OK","results":{"name":"no events"}}',
        body([{"type": "ticker_change", "date": "2020-01-02"}]),
        body([change("2020-01-02", "")]),
        body([change("2020-01-02", "A" * 40)]),
        body([change("2020-02-31", "A")]),
        body([change("0001-01-01", "A")]),
        b'{"status":"ERROR","results":{"events":[]}}',
    ],
)
def test_what_cannot_be_read_is_never_no_rename(spoilt: bytes) -> None:
    with pytest.raises(VendorUnreadable):
        read_ticker_events(spoilt, CALL)


def test_an_answer_of_another_firm_is_refused() -> None:
    other = body(BOTH, composite_figi="BBG000B9XRY4")
    assert read_ticker_events(other, CALL).figi == "BBG000B9XRY4"
    with pytest.raises(VendorUnreadable, match="is of"):
        read_ticker_events(other, EventsCall(FIGI))


def test_a_refusal_inside_an_answer_is_one() -> None:
    with pytest.raises(NotEntitled):
        read_ticker_events(b'{"status":"NOT_AUTHORIZED","message":"upgrade"}', CALL)
