"""Instruments under changing tickers, from events to what a vendor is to be asked."""

from __future__ import annotations

from datetime import date
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tickstock.errors import BadFile
from tickstock.identity import Event, EventKind, Identity, identities, read_events, shipped_events
from tickstock.model import Instrument, Ticker
from tickstock.spans import ONE_DAY, Span, union

HEADER = "date,event,symbol,new_symbol,name\n"
RENAME = date(2022, 6, 9)
META = Instrument(
    1,
    "META",
    tickers=(Ticker("FB", Span(date.min, RENAME)), Ticker("META", Span(RENAME, date.max))),
)


def known(*lines: str) -> tuple[Identity, ...]:
    return identities(read_events("events.csv", HEADER + "\n".join(lines)))


def symbols(one: Identity) -> list[str]:
    return [ticker.symbol for ticker in one.tickers]


# --- events to identities ---------------------------------------------------------------------
def test_a_chain_of_renames_is_one_instrument() -> None:
    (one,) = known("2022-06-28,ticker_change,ANTM,ELV,", "2014-12-03,ticker_change,WLP,ANTM,")
    assert symbols(one) == ["WLP", "ANTM", "ELV"]
    assert one.tickers[1].span == Span(date(2014, 12, 3), date(2022, 6, 28))


def test_a_ticker_may_come_back_to_the_same_instrument() -> None:
    (one,) = known("2023-06-07,ticker_change,FISV,FI,", "2025-11-11,ticker_change,FI,FISV,")
    assert symbols(one) == ["FISV", "FI", "FISV"]


def test_a_reused_ticker_is_two_instruments() -> None:
    old, new = known("2015-03-17,delisting,AGN,,", "2015-06-15,ticker_change,ACT,AGN,")
    assert (symbols(old), old.delisted) == (["AGN"], date(2015, 3, 17))
    assert old.tickers[0].span.last == date(2015, 3, 17)
    assert symbols(new) == ["ACT", "AGN"]


def test_a_class_that_takes_over_the_ticker_of_another() -> None:
    class_c, class_a = known("2014-04-03,listing,GOOG,,", "2014-04-03,ticker_change,GOOG,GOOGL,")
    assert (symbols(class_c), class_c.listed) == (["GOOG"], date(2014, 4, 3))
    assert symbols(class_a) == ["GOOG", "GOOGL"]


def test_a_ticker_found_with_another_firm_is_that_firms_since_it_was_free() -> None:
    fund, meta = known("2022-06-09,ticker_change,FB,META,", "2025-07-21,reused,FB,,")
    assert (fund.listed, fund.tickers[0].span.start) == (RENAME, RENAME)
    assert symbols(meta) == ["FB", "META"]


def test_gone_without_a_last_day() -> None:
    (one,) = known("2026-10-09,gone,CELG,,")
    assert (one.delisted, one.delisted_before) == (None, date(2026, 10, 9))
    assert one.tickers[0].span.end == date.max


def test_all_faulty_lines_are_named() -> None:
    with pytest.raises(BadFile) as caught:
        known("2022-06-31,gone,A,,", "2022-06-30,gone,<b>,,", "2022-06-30,merged,A,,")
    assert all(f"events.csv:{line}" in str(caught.value) for line in (2, 3, 4))


def test_no_ticker_of_the_shipped_events_names_two_instruments_on_a_day() -> None:
    held: dict[str, list[Span]] = {}
    for one in identities(shipped_events()):
        for ticker in one.tickers:
            held.setdefault(ticker.symbol, []).append(ticker.span)
    assert len(held) > 150
    for symbol, spans in held.items():
        assert sum(s.days for s in spans) == sum(s.days for s in union(spans)), symbol
    assert held["META"][0].start == RENAME


dates = st.dates(date(2000, 1, 1), date(2026, 1, 1))
events = st.lists(
    st.one_of(
        st.builds(
            Event, dates, st.just(EventKind.TICKER_CHANGE), st.sampled_from("ABC"), st.just("D")
        ),
        st.builds(
            Event, dates, st.just(EventKind.TICKER_CHANGE), st.just("D"), st.sampled_from("ABC")
        ),
        st.builds(
            Event,
            dates,
            st.sampled_from(
                [EventKind.LISTING, EventKind.REUSED, EventKind.DELISTING, EventKind.GONE]
            ),
            st.sampled_from("ABCD"),
        ),
    ),
    max_size=12,
)


@given(events)
def test_whatever_is_told_no_ticker_names_two_instruments_on_a_day(told: list[Event]) -> None:
    held: dict[str, list[Span]] = {}
    for one in identities(told):
        for ticker in one.tickers:
            held.setdefault(ticker.symbol, []).append(ticker.span)
    for spans in held.values():
        assert sum(s.days for s in spans) == sum(s.days for s in union(spans))


# --- what to ask for ----------------------------------------------------------------------
def test_a_span_over_a_rename_is_asked_for_under_both_tickers() -> None:
    span = Span(date(2022, 1, 1), date(2023, 1, 1))
    assert META.called(span) == (
        Ticker("FB", Span(date(2022, 1, 1), RENAME)),
        Ticker("META", Span(RENAME, date(2023, 1, 1))),
    )
    assert META.called(Span(date(2021, 1, 1), RENAME))[0].symbol == "FB"
    assert META.called(Span(RENAME, RENAME + ONE_DAY)) == (
        Ticker("META", Span(RENAME, RENAME + ONE_DAY)),
    )


def test_an_instrument_without_dated_tickers_is_called_by_its_symbol() -> None:
    span = Span(date(2022, 1, 1), date(2023, 1, 1))
    assert Instrument(1, "SPY").called(span) == (Ticker("SPY", span),)


@given(events, dates, dates)
def test_the_tickers_of_a_span_cover_it_without_overlap(
    told: list[Event], one: date, other: date
) -> None:
    span = Span(min(one, other), max(one, other) + ONE_DAY)
    for identity in identities(told):
        parts = Instrument(1, "X", tickers=identity.tickers).called(span)
        assert parts[0].span.start == span.start
        assert parts[-1].span.end == span.end
        assert all(a.span.end == b.span.start for a, b in pairwise(parts))
