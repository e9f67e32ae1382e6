"""The label of a list that is used for the past."""

from __future__ import annotations

from datetime import date

from hypothesis import given
from hypothesis import strategies as st

from tickstock.identity import identities, shipped_events
from tickstock.model import Instrument
from tickstock.universes.catalog import shipped
from tickstock.universes.survivorship import survivorship

DAY = date(2010, 1, 4)


def test_of_the_sp500_of_2010_only_57_percent_are_left() -> None:
    history = next(d.history for d in shipped().definitions if d.ref.key == "index_sp500")
    assert history is not None
    today, then = history.members(history.days.last), history.members(DAY)
    label = survivorship(today, then, DAY, on_day(date(2026, 10, 9)), on_day(DAY))
    assert (label.then, label.used, label.stayed) == (500, 503, 284)
    assert "284 (57%)" in str(label)
    by_ticker = survivorship(today, then, DAY, {}, {})
    assert by_ticker.stayed == 262, "the others were renamed"


def on_day(day: date) -> dict[str, Instrument]:
    """The shipped instruments by the ticker that each has on a day."""
    return {
        ticker.symbol: Instrument(number, ticker.symbol)
        for number, one in enumerate(identities(shipped_events()))
        for ticker in one.tickers
        if day in ticker.span
    }


def test_a_rename_is_no_loss_and_a_delisting_is_named() -> None:
    meta, gone = Instrument(1, "META"), Instrument(2, "CELG", delisted_before=date(2026, 10, 9))
    label = survivorship(
        ["META", "NEW"], ["FB", "CELG", "XYZ"], DAY, {"META": meta}, {"FB": meta, "CELG": gone}
    )
    assert (label.stayed, label.newcomers) == (1, 1)
    assert (label.delisted, label.unresolved) == (("CELG",), ("XYZ",))


def test_a_reused_ticker_is_another_member() -> None:
    old, new = Instrument(1, "AGN"), Instrument(2, "AGN")
    label = survivorship(["AGN"], ["AGN"], DAY, {"AGN": new}, {"AGN": old})
    assert (label.stayed, label.newcomers) == (0, 1)


def test_the_members_of_then_need_no_warning() -> None:
    label = survivorship("AB", "BA", DAY, {}, {})
    assert str(label) == "survivorship: the members of 2010-01-04, all 2 of them"


lists = st.sets(st.sampled_from("ABCDEFGH"))


@given(lists, lists)
def test_the_numbers_add_up(used: set[str], then: set[str]) -> None:
    label = survivorship(used, then, DAY, {}, {})
    assert label.stayed == len(used & then)
    assert label.stayed + label.newcomers == label.used == len(used)
    assert label.stayed + len(label.delisted) + len(label.unresolved) == label.then == len(then)
    assert 0 <= label.share_stayed <= 1
    assert 0 <= label.share_newcomers <= 1
