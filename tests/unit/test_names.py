"""Whose ticker a symbol is on a day: renames, tickers that two had, and whom a person means."""

from __future__ import annotations

from datetime import date

import pytest

from tickstock.model import Ticker
from tickstock.spans import Span
from tickstock.universes.names import EVER, NO_NAMES, Names

META, FUND, OLD_T, SBC, ELV = 1, 2, 3, 4, 5
RENAMED = date(2022, 6, 9)
BOUGHT, TAKEN = date(2005, 11, 19), date(2005, 12, 1)
NAMES = Names(
    {
        META: (Ticker("FB", Span(EVER.start, RENAMED)), Ticker("META", Span(RENAMED, EVER.end))),
        FUND: (Ticker("FB", Span(date(2025, 7, 21), EVER.end)),),
        OLD_T: (Ticker("T", Span(EVER.start, BOUGHT)),),
        SBC: (Ticker("SBC", Span(EVER.start, TAKEN)), Ticker("T", Span(TAKEN, EVER.end))),
        ELV: (
            Ticker("WLP", Span(EVER.start, date(2014, 12, 3))),
            Ticker("ANTM", Span(date(2014, 12, 3), date(2022, 6, 28))),
            Ticker("ELV", Span(date(2022, 6, 28), EVER.end)),
        ),
    }
)


@pytest.mark.parametrize(
    ("symbol", "day", "member"),
    [
        ("FB", date(2015, 1, 2), META),
        ("META", date(2015, 1, 2), META),  # comes to have it
        ("FB", date(2022, 6, 8), META),
        ("FB", date(2026, 1, 2), FUND),
        ("FB", None, FUND),
        ("T", date(2004, 6, 1), OLD_T),
        ("T", date(2006, 1, 3), SBC),
        ("ANTM", None, ELV),  # nobody's now: whoever had it last
        ("ANTM", date(2024, 1, 2), "ANTM"),  # given up before the day
        ("KO", date(2015, 1, 2), "KO"),
    ],
)
def test_whom_a_symbol_names(symbol: str, day: date | None, member: int | str) -> None:
    assert NAMES.who(symbol, day) == member
    assert NAMES.whole(["KO", symbol], day) == {"KO", member}
    assert NO_NAMES.who(symbol, day) == symbol


def test_a_member_is_called_by_its_ticker_of_the_day() -> None:
    days = (date(2010, 1, 4), date(2014, 12, 3), date(2022, 6, 27), date(2022, 6, 28), None)
    assert [NAMES.called(ELV, d) for d in days] == ["WLP", "ANTM", "ANTM", "ELV", "ELV"]
    assert NAMES.called("KO", days[0]) == "KO"
    span = Span(date(2014, 12, 1), date(2023, 1, 1))
    assert list(NAMES.days_called(ELV, span)) == [
        ("WLP", Span(date(2014, 12, 1), date(2014, 12, 3))),
        ("ANTM", Span(date(2014, 12, 3), date(2022, 6, 28))),
        ("ELV", Span(date(2022, 6, 28), date(2023, 1, 1))),
    ]
    assert list(NAMES.days_called(FUND, Span(date(2020, 1, 1), date(2021, 1, 1)))) == [
        ("FB", Span(date(2020, 1, 1), date(2021, 1, 1)))
    ]


@pytest.mark.parametrize(
    ("symbol", "day", "now"),
    [
        ("FB", date(2015, 1, 2), "META"),
        ("FB", date(2026, 1, 2), "FB"),
        ("T", date(2004, 6, 1), "T"),  # its ticker is another's now: nothing better is known
        ("KO", date(2015, 1, 2), "KO"),
    ],
)
def test_what_somebody_of_a_past_day_is_called_now(symbol: str, day: date, now: str) -> None:
    assert NAMES.now(symbol, day) == now


def test_beside_a_list_a_symbol_means_whoever_in_it_had_the_ticker() -> None:
    assert NAMES.meant("FB", {META, "KO"}) == META
    assert NAMES.meant("FB", {META, FUND}) == FUND
    assert NAMES.meant("FB", {"KO"}) == FUND
    assert NAMES.meant("T", {SBC}, date(2004, 6, 1)) == OLD_T, "nobody before its time"
    assert NAMES.meant("ANTM", {"ANTM"}, date(2024, 1, 2)) == "ANTM"
    assert NAMES.owners("FB") == (FUND, META)
    assert NAMES.owners("FB", date(2015, 1, 2)) == (META,)


def test_how_lists_of_the_past_name_a_member() -> None:
    assert NAMES.lists("KO") == (("KO", EVER),)
    # A list that names FB is about Meta until the fund comes: lists are late.
    assert NAMES.lists("META") == (
        ("FB", Span(EVER.start, date(2025, 7, 21))),
        ("META", EVER),
    )
    assert NAMES.lists("FB") == (("FB", Span(date(2025, 7, 21), EVER.end)),)
    assert NAMES.lists("T") == (("SBC", EVER), ("T", Span(TAKEN, EVER.end)))


def test_the_days_on_which_tickers_change_hands() -> None:
    span = Span(date(2022, 1, 1), date(2026, 1, 1))
    assert NAMES.edges(["FB", "KO"], span) == {RENAMED, date(2025, 7, 21)}
    assert NAMES.edges(["ELV"], span) == {date(2022, 6, 28)}


def test_until_when_a_member_had_a_ticker() -> None:
    assert NAMES.until(META, "FB") == date(2022, 6, 8)
    assert NAMES.until(META, "META") is None
    assert NAMES.until("KO", "KO") is None
