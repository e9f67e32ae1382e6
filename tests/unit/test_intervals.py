"""Dated membership read from files, and who was a member on which day."""

from __future__ import annotations

import csv
import random
from datetime import date, timedelta
from importlib import resources

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tickstock.errors import BadDates, BadFile
from tickstock.spans import ONE_DAY, Span
from tickstock.universes.catalog import shipped
from tickstock.universes.files import read_history
from tickstock.universes.membership import FOREVER, History, Interval, make_history

START = date(2020, 1, 1)
THROUGH = date(2020, 12, 31)
DAYS = Span.inclusive(START, THROUGH)
SYMBOLS = ("A", "B", "BRK.B", "KIMpL")


def day(number: int) -> date:
    return START + timedelta(days=number)


def read(text: str, **options: object) -> History:
    return read_history("list.csv", text.encode(), **options).history  # type: ignore[arg-type]


# --- the shipped ones -------------------------------------------------------------------------
@pytest.mark.parametrize("key", ["index_sp500", "index_nasdaq100", "index_dow30"])
def test_shipped_histories_give_the_members_that_their_files_give(key: str) -> None:
    definition = next(d for d in shipped().definitions if d.ref.key == key)
    history = definition.history
    assert history is not None
    file = resources.files("tickstock") / "data" / "catalog" / "history" / f"{key}.csv"
    rows = list(csv.DictReader(file.read_text(encoding="utf-8").splitlines()))
    dice = random.Random(key)
    for _ in range(200):
        on = history.days.start + timedelta(days=dice.randrange(history.days.days))
        text = on.isoformat()
        members = {
            r["symbol"]
            for r in rows
            if r["opt-in"] <= text and (not r["opt-out"] or text < r["opt-out"])
        }
        assert set(history.members(on)) == members
    assert history.members(history.days.last) == tuple(sorted(definition.symbols))


def test_the_day_before_the_first_is_unknown_and_not_empty() -> None:
    definition = next(d for d in shipped().definitions if d.ref.key == "index_nasdaq100")
    assert definition.history is not None
    with pytest.raises(BadDates, match="does not say who was in it on 2005-12-31"):
        definition.history.members(date(2005, 12, 31))


# --- the three forms --------------------------------------------------------------------------
def test_intervals_with_an_end_outside_or_inside() -> None:
    outside = read("symbol,name,opt-in,opt-out\nA,Aye,2020-01-01,2020-03-01\nB,Bee,2020-02-01,\n")
    inside = read("Symbol,From,To\nA,2020-01-01,2020-02-29\nB,2020-02-01,\n")
    assert outside.intervals == inside.intervals
    assert inside.members(date(2020, 2, 29)) == ("A", "B")
    assert outside.members(date(2020, 3, 1)) == ("B",)


def test_snapshots_stand_until_the_next_one() -> None:
    found = read("date,symbol\n2020-01-01,A\n2020-01-01,B\n2020-06-01,B\n2020-06-01,C\n")
    assert found.members(date(2020, 5, 31)) == ("A", "B")
    assert found.members(date(2020, 6, 1)) == ("B", "C")


def test_changes_forwards_and_back_from_today() -> None:
    text = "date,action,symbol\n2020-02-01,add,A\n2020-03-01,+,B\n2020-04-01,remove,A\n"
    forwards = read(text)
    assert forwards.members(date(2020, 3, 31)) == ("A", "B")
    assert forwards.members(date(2020, 4, 1)) == ("B",)
    back = read(text, back_from=["B", "OLD"])
    assert back.members(date(2020, 2, 1)) == ("A", "OLD")
    assert back.members(date(2020, 4, 1)) == ("B", "OLD")


def test_symbols_are_read_in_any_spelling_and_other_columns_are_ignored() -> None:
    found = read(
        "\ufeffsymbol,starts,ends,weight\r\nBRK-B,2020-01-01,,3\r\nKIMpL,2020-01-01,,1\r\n"
    )
    assert found.members(START) == ("BRK.B", "KIMpL")


@pytest.mark.parametrize(
    "text",
    [
        "ticker,from,to\nPEP,2015-01-02,\nKO,2015-01-02,2019-12-31\n",
        "Ticker symbol;From;To\nPEP;2015-01-02;\nKO;2015-01-02;2019-12-31\n",
        "symbol,from,to\nPEP,2015-01-02 00:00:00,NaT\nKO,2015-01-02T00:00:00,2019-12-31 00:00:00\n",
        "symbol,from,to\nPEP,2015-01-02,2099-12-31\nKO,2015-01-02,2019-12-31\n",
        "symbol,from,to\nPEP,2015-01-02,9999-12-31\nKO,20150102,20191231\n",
        "PEP\t2015-01-02\t2050-12-31\nKO\t2015-01-02\t2019-12-31\n",
        "ticker,start_date,end_date\nPEP,2015-01-02,\nKO,2015-01-02,2020-01-01\n",
        "# ours\nsymbol,first,last\nPEP,2015-01-02,nan\nKO,2015-01-02,2019-12-31\n",
    ],
)
def test_intervals_as_data_frames_and_data_sets_write_them(text: str) -> None:
    found = read(text)
    assert found.days == Span(date(2015, 1, 2), date(2020, 1, 2))
    assert found.intervals == (
        Interval("KO", Span(date(2015, 1, 2), date(2020, 1, 1))),
        Interval("PEP", Span(date(2015, 1, 2), FOREVER)),
    )


def test_who_is_in_at_the_end_of_what_is_said_has_not_left() -> None:
    days = Span(date(2015, 1, 2), date(2020, 1, 2))
    left, stays = (Span(days.start, date(2020, 1, end)) for end in (1, 2))
    found = make_history([Interval("KO", left), Interval("PEP", stays)], days)
    assert found.intervals == (
        Interval("KO", left), Interval("PEP", Span(days.start, FOREVER)),
    )  # fmt: skip


CHANGES = (
    'date~add~remove\n2020-03-22~"A,GNRC,KO"~"VNT,XRX"\n2020-05-14~PEP~\n2020-06-04~~A\n'
    '2020-06-08~"A;XRX"~KO\n'
)


@pytest.mark.parametrize("gap", [",", ";", "\t", "|"])
@pytest.mark.parametrize("head", ["date~add~remove", "Date~Added Tickers~Removed Tickers"])
def test_changes_with_several_symbols_in_a_cell(gap: str, head: str) -> None:
    text = CHANGES.replace("date~add~remove", head)
    back = read(text.replace("~", gap), back_from=["A", "GNRC", "PEP", "XRX"])
    assert back.days == Span.inclusive(date(2020, 3, 22), date(2020, 6, 8))
    assert back.members(date(2020, 6, 7)) == ("GNRC", "KO", "PEP")
    assert back.members(date(2020, 6, 8)) == ("A", "GNRC", "PEP", "XRX")
    first = f'{head}\n2020-01-02~"VNT,XRX"~'
    forwards = read(text.replace(head, first).replace("~", gap))
    assert forwards.members(date(2020, 3, 21)) == ("VNT", "XRX")
    assert forwards.members(date(2020, 6, 8)) == back.members(date(2020, 6, 8))


def test_a_whole_list_in_a_cell_stands_until_the_next() -> None:
    found = read('date,tickers\n2020-01-02,"A,BRK-B,KO"\n2020-02-03,"A,PEP"\n2020-03-02,A\n')
    assert found.members(date(2020, 2, 2)) == ("A", "BRK.B", "KO")
    assert found.members(date(2020, 2, 3)) == ("A", "PEP")
    assert found.members(date(2020, 3, 2)) == ("A",)


@pytest.mark.parametrize("text", ["symbol,from,to\nA,2020-01-02,\n", "date,symbol\n2020-01-02,A\n"])
def test_only_changes_are_read_back(text: str) -> None:
    with pytest.raises(BadFile, match="holds no changes"):
        read(text, back_from=["A"])


def test_two_columns_of_symbols_are_no_history() -> None:
    with pytest.raises(BadFile, match="two columns of symbols"):
        read("symbol,ticker,from,to\nFB,META,2015-01-02,\n")


def test_all_mistakes_come_at_once_with_their_lines() -> None:
    text = "symbol,starts,ends\nA,2020-13-01,\n<html>,2020-01-01,\nB,2020-05-01,2020-01-01\n"
    with pytest.raises(BadFile) as caught:
        read(text)
    for line in ("list.csv:2", "list.csv:3", "list.csv:4"):
        assert line in str(caught.value)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("ticker,weight\nA,1\n", "has the columns"),
        ("symbol,starts,ends\n", "names no member"),
        ("date,action,symbol\n2020-01-01,bought,A\n", "neither add nor remove"),
        ("date,action,symbol\n2020-01-01,remove,A\n", "was not in it already"),
        ("date,action,symbol\n2020-01-01,add,A\n2020-01-02,add,A\n", "was in it already"),
        ('symbol,starts,ends\n"A,2020-01-01,\n', "not CSV"),
        ("<!doctype html><html>", "is a web page"),
        ("date,symbol\n01/02/2020,A\n02/02/2020,A\n", "'01/02/2020' is not a date"),
        ("date,add,remove\n01/02/2020,A,B\n", "'01/02/2020' is not a date"),
        ("AAPL MSFT\nKO\n", "has the columns"),
        ("US0378331005,2020-01-02,\n", "ISIN"),
    ],
)
def test_what_is_no_history_is_refused(text: str, why: str) -> None:
    with pytest.raises(BadFile, match=why):
        read(text)


def test_a_last_day_before_the_first_is_refused() -> None:
    with pytest.raises(BadFile, match="after the last day"):
        read("symbol,starts,ends\nA,2020-01-01,\n", through=date(2019, 1, 1))


# --- properties -------------------------------------------------------------------------------
numbers = st.integers(0, DAYS.days - 1)
intervals = st.lists(
    st.builds(
        lambda symbol, a, b: Interval(symbol, Span(day(min(a, b)), day(max(a, b)))),
        st.sampled_from(SYMBOLS),
        numbers,
        numbers,
    ),
    max_size=12,
)


@given(intervals)
def test_a_history_holds_the_days_of_its_intervals_and_no_more(
    given_intervals: list[Interval],
) -> None:
    history = make_history(given_intervals, DAYS)
    for number in range(0, DAYS.days, 7):
        on = day(number)
        assert set(history.members(on)) == {s.symbol for s in given_intervals if on in s.span}
    for one, two in zip(history.intervals, history.intervals[1:], strict=False):
        assert one.symbol < two.symbol or one.span.end < two.span.start


@given(intervals)
def test_the_same_content_has_the_same_digest_in_any_order(given_intervals: list[Interval]) -> None:
    one = make_history(given_intervals, DAYS, "here")
    other = make_history([*reversed(given_intervals), *given_intervals], DAYS, "there")
    assert one.digest == other.digest
    assert make_history(given_intervals, Span(START, THROUGH)).digest != one.digest


@given(st.lists(st.sets(st.sampled_from(SYMBOLS), min_size=1), min_size=1, max_size=6))
def test_every_form_says_the_same(lists: list[set[str]]) -> None:
    """Lists that change every tenth day, as snapshots, as intervals, and as changes read both
    ways."""
    days = [day(10 * n) for n in range(len(lists))]
    through = days[-1] + ONE_DAY
    snapshots = [f"{d},{s}" for d, members in zip(days, lists, strict=True) for s in members]
    truth = read("date,symbol\n" + "\n".join(snapshots), through=through)
    rows = [
        f"{s.symbol},{s.span.start},{'' if s.span.end == FOREVER else s.span.end}"
        for s in truth.intervals
    ]
    assert read("symbol,starts,ends\n" + "\n".join(rows), through=through) == truth
    changes = []
    for before, after, when in zip([set(), *lists], lists, days, strict=False):
        changes += [f"{when},remove,{s}" for s in before - after]
        changes += [f"{when},add,{s}" for s in after - before]
    text = "date,action,symbol\n" + "\n".join(changes)
    assert read(text, through=through) == truth
    assert read(text, through=through, back_from=sorted(lists[-1])) == truth
