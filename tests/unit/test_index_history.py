"""The shipped index histories against lists that others published, and against what an index is."""

from __future__ import annotations

import csv
from collections import Counter
from datetime import date, timedelta
from importlib import resources
from itertools import pairwise
from pathlib import Path

import pytest

from tickstock.identity import identities, shipped_events
from tickstock.universes.catalog import shipped
from tickstock.universes.known import us_symbols
from tickstock.universes.membership import FOREVER, History

DATA = resources.files("tickstock") / "data"
PUBLISHED = Path(__file__).parents[1] / "data" / "sp500_published.csv"
"""The S&P 500 as published on ten days (PDDL), tickers with a point left out."""
DOTTED = {"BRK.B", "BF.B"}
MOST_JOIN = 8
"""Members that join on one day: 8 on 2002-07-22, when foreign ones left the S&P 500."""


def history(key: str) -> History:
    found = next(d.history for d in shipped().definitions if d.ref.key == key)
    assert found is not None
    return found


def published() -> list[tuple[date, set[str]]]:
    with PUBLISHED.open(encoding="utf-8", newline="") as lines:
        rows = list(csv.DictReader(lines))
    return [(date.fromisoformat(r["date"]), set(r["symbols"].split())) for r in rows]


@pytest.mark.parametrize(
    ("key", "begins", "least", "most"),
    [
        ("index_sp500", date(1996, 1, 2), 487, 507),
        ("index_nasdaq100", date(2015, 1, 1), 100, 107),
        ("index_dow30", date(1991, 5, 6), 30, 30),
    ],
)
def test_an_index_has_its_size_on_every_day(key: str, begins: date, least: int, most: int) -> None:
    found = history(key)
    assert found.days.start == begins
    change = Counter[date]()
    for interval in found.intervals:
        change[interval.span.start] += 1
        change[interval.span.end] -= 1
    size, sizes = 0, {}
    for day in sorted(change):
        size += change[day]
        sizes[day] = size
    sizes.pop(FOREVER)
    # Some changes of one day are dated a few days apart.
    wrong = {d: n for d, n in sizes.items() if not least <= n <= most}
    assert not wrong


@pytest.mark.parametrize("key", ["index_sp500", "index_nasdaq100"])
def test_no_day_stands_for_days_that_nobody_knows(key: str) -> None:
    found = history(key)
    joined = Counter(interval.span.start for interval in found.intervals)
    del joined[found.days.start]
    assert max(joined.values()) <= (MOST_JOIN if key == "index_sp500" else 14)


@pytest.mark.parametrize(("day", "theirs"), published(), ids=[str(d) for d, _ in published()])
def test_the_sp500_is_the_one_that_was_published(day: date, theirs: set[str]) -> None:
    ours = set(history("index_sp500").members(day)) - DOTTED
    assert len(ours ^ theirs) <= 2


def test_what_is_disputed_is_little_and_told() -> None:
    text = (DATA / "catalog" / "history" / "index_sp500.votes.csv").read_text(encoding="utf-8")
    years = {int(r["year"]): r for r in csv.DictReader(text.splitlines())}
    assert sorted(years) == list(range(1996, 2027))
    shares = {
        y: int(r["disputed"]) / sum(int(r[c]) for c in ("both", "one", "disputed"))
        for y, r in years.items()
    }
    assert all(share <= 0.08 for share in shares.values())
    assert all(share <= 0.03 for year, share in shares.items() if year >= 2009)


@pytest.mark.parametrize(
    ("day", "members", "strangers"),
    [
        # Firms that came to have a ticker later, under the one that they had.
        ("2012-06-01", "ABC SYMC HCP IR LTD WLP WAG COH", "COR GEN DOC TT BBWI ELV WBA TPR"),
        ("2004-06-01", "T SBC WM WMI", "WAMUQ"),
        ("2009-06-01", "WM AGN", "WAMUQ ACT"),
        ("2018-06-01", "FB UTX HRS BHGE DWDP", "META RTX LHX BKR DD"),
        # Not ten years before they were founded or listed.
        ("1996-06-03", "INTC IBM GE", "CELG BIG ANF BBBY UAA FSLR TWC"),
        ("2016-06-01", "AGN CB CTL", "ACT ACE LUMN"),
        ("2023-07-01", "RE FI", "EG FISV"),
        ("2024-03-15", "DAY DOC", "CDAY PEAK SMCI"),
        ("2020-06-01", "HWM TT CTL RTX", "ARNC LUMN UTX"),
        ("2026-10-08", "BNY SKYD ECHO", "BK PSKY SATS"),
    ],
)  # fmt: skip
def test_cases_that_are_often_told_wrong(day: str, members: str, strangers: str) -> None:
    found = set(history("index_sp500").members(date.fromisoformat(day)))
    assert set(members.split()) <= found
    assert not set(strangers.split()) & found


def test_a_member_goes_on_under_its_new_ticker_on_the_same_day() -> None:
    text = (DATA / "instruments" / "renames.csv").read_text(encoding="utf-8")
    found = history("index_sp500")
    broken = set()
    for row in csv.DictReader(text.splitlines()):
        day, old, new = date.fromisoformat(row["date"]), row["symbol"], row["new_symbol"]
        before, after = (set(found.members(d)) for d in (day - timedelta(1), day))
        if old in before and new not in after:
            broken.add(old)
    # Yahoo left on the day on which it was renamed.
    assert broken == {"YHOO"}


def test_tickers_that_two_firms_had_name_two_instruments() -> None:
    found = identities(shipped_events())
    for ticker in ("T", "CB", "AGN", "DD", "TT", "WM", "Q", "AA", "ARNC", "FOXA", "NWSA", "IR"):
        owners = [one for one in found if any(t.symbol == ticker for t in one.tickers)]
        assert len(owners) >= 2, ticker
        days = sorted(t.span for one in owners for t in one.tickers if t.symbol == ticker)
        assert all(a.end <= b.start for a, b in pairwise(days)), ticker


def test_a_ticker_that_is_listed_long_after_it_was_given_up_is_another_firms() -> None:
    """Else the firm that has it now would be taken for the one that gave it up: BBT for Truist."""
    listed_by = {symbol: date(2025, 8, 31) for symbol in us_symbols()}
    for definition in shipped().definitions:
        if definition.expression is None and definition.ref.key.startswith(("index_", "sector_")):
            day = definition.history.days.last if definition.history else date(2026, 1, 31)
            for symbol in definition.symbols or ():
                listed_by[symbol] = max(day, listed_by.get(symbol, day))
    tickers = [ticker for one in identities(shipped_events()) for ticker in one.tickers]
    last = {t.symbol: t.span.end for t in sorted(tickers, key=lambda t: t.span.end)}
    year = timedelta(days=365)
    assert {s for s, day in listed_by.items() if last.get(s, day) < day - year} == set()
