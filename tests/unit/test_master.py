"""Lists of who is listed and who no longer is, and the instruments that there are."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

from tickstock.loading.master import ListingRecord, lifetimes, match
from tickstock.loading.ticker_owner import TickerOwner

NOW = ListingRecord("ACME", True, "CS", figi="F3")
LATER = ListingRecord("ACME", False, "CS", figi="F2", delisted=date(2020, 6, 30))
FIRST = ListingRecord("ACME", False, "CS", figi="F1", delisted=date(2010, 3, 1))
UNDATED = ListingRecord("ACME", False, "CS", figi="F0")


def owner(id_: int, first: date | None, end: date | None, **other: object) -> TickerOwner:
    return TickerOwner(id_, "ACME", first=first, end=end, **other)  # type: ignore[arg-type]


def test_a_ticker_is_had_by_one_after_the_other() -> None:
    found = [(x.record, x.since, x.until) for x in lifetimes([NOW, UNDATED, FIRST, LATER])]
    assert found == [
        (FIRST, date.min, date(2010, 3, 2)),
        (LATER, date(2010, 3, 2), date(2020, 7, 1)),
        (NOW, date(2020, 7, 1), date.max),
    ]


def test_of_two_that_say_the_same_the_last_counts() -> None:
    """The vendor repeats some tickers, with another CIK."""
    again = ListingRecord("ACME", True, "CS", figi="F3", cik="7")
    assert [x.record for x in lifetimes([NOW, again])] == [again]


def test_bars_say_whose_they_are() -> None:
    told = list(lifetimes([NOW, LATER]))
    old = owner(1, date(2015, 1, 2), date(2020, 7, 1))
    new = owner(2, date(2022, 1, 3), date(2026, 1, 1))
    for owners in ([old, new], [new, old]):
        found = match(told, owners)
        assert {(x.record.figi, o.id) for x, o in found.known} == {("F2", 1), ("F3", 2)}
        assert found.fresh == found.apart == ()


def test_one_without_bars_is_the_one_that_is_listed_now() -> None:
    found = match(lifetimes([NOW, LATER]), [owner(1, None, None)])
    assert [(x.record, o.id) for x, o in found.known] == [(NOW, 1)]
    assert [x.record for x in found.fresh] == [LATER]


def test_bars_over_two_lifetimes_are_said_and_left_alone() -> None:
    spliced = owner(1, date(2019, 1, 2), date(2026, 1, 1))
    found = match(lifetimes([NOW, LATER]), [spliced])
    assert found.known == found.fresh == ()
    assert len(found.apart) == 2
    assert all("perhaps of two" in text for text in found.apart)


def test_what_was_told_otherwise_is_another() -> None:
    told = owner(1, None, None, since=date(2021, 1, 4), until=date.max, is_recorded=True)
    found = match(lifetimes([LATER]), [told])
    assert found.known == ()
    assert [x.record for x in found.fresh] == [LATER]


def test_other_numbers_are_another_firm_and_nothing_is_spliced() -> None:
    """The firm was renamed or has vanished from the lists, and its ticker is listed for another."""
    old = owner(1, date(2019, 1, 2), date(2021, 3, 1), figi="F1")
    found = match(lifetimes([NOW]), [old])
    assert found.known == ()
    assert [(x.record.figi, x.since, x.until) for x in found.fresh] == [
        ("F3", date(2021, 3, 1), date.max)
    ]
    assert [(o.id, o.since, o.until) for o in found.closed] == [(1, date.min, date(2021, 3, 1))]
    assert "--same ACME" in found.apart[0]
    assert [o.id for _, o in match(lifetimes([NOW]), [old], same={"ACME"}).known] == [1]


def test_the_number_of_the_firm_goes_before_that_of_its_listing() -> None:
    listed = replace(NOW, cik="7")
    same_firm = owner(1, date(2019, 1, 2), date(2021, 3, 1), figi="F1", cik="7")
    assert [o.id for _, o in match(lifetimes([listed]), [same_firm]).known] == [1]
    other_firm = owner(1, date(2019, 1, 2), date(2021, 3, 1), figi="F3", cik="8")
    assert match(lifetimes([listed]), [other_firm]).known == ()
    without_bars = owner(1, None, None, figi="F1")
    assert [o.id for _, o in match(lifetimes([NOW]), [without_bars]).known] == [1]
