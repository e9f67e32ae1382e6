"""How numbers and times are written, lists are searched, and pages are nudged."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from tickstock.model import UniverseRef
from tickstock.store.universes import Listed
from tickstock.web.context import local
from tickstock.web.live import Live, OpenPage
from tickstock.web.render import (
    ago,
    exchange_day,
    in_parts,
    marked,
    number,
    plural,
    price,
    size_text,
    spaced,
    time_mark,
)
from tickstock.web.universe_rows import UniverseRows, search
from tickstock.words import duration

NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "just now"),
        (-5, "just now"),
        (59, "just now"),
        (60, "1 min ago"),
        (3599, "59 min ago"),
        (3600, "1 h ago"),
        (86_400, "1 day ago"),
        (3 * 86_400, "3 days ago"),
        (200 * 86_400, "2025-08-14"),
    ],
)
def test_ago(seconds: int, text: str) -> None:
    assert ago(NOW - timedelta(seconds=seconds), NOW) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (None, "–"),
        (0, "0.0 s"),
        (9.94, "9.9 s"),
        (9.96, "10 s"),
        (89, "89 s"),
        (95, "2 min"),
        (9000, "2.5 h"),
    ],
)
def test_durations(seconds: float | None, text: str) -> None:
    assert duration(seconds) == text


def test_other_words() -> None:
    assert (number(None), number(1234567)) == ("–", "1,234,567")
    assert (plural(1, "symbol"), plural(1200, "symbol")) == ("1 symbol", "1,200 symbols")
    assert (size_text(999), size_text(1500), size_text(3e12)) == ("999 B", "1.5 kB", "3.0 TB")
    assert (ago(None), time_mark(None)) == ("–", "–")


def test_a_moment_is_told_by_the_exchanges_clock_and_in_utc_on_hover() -> None:
    assert time_mark(NOW) == (
        '<time datetime="2026-03-02T12:00:00+00:00" title="2026-03-02 12:00:00 UTC">'
        "2026-03-02 07:00:00 ET</time>"
    )
    # In summer the exchange is four hours behind; a day there may be another one.
    assert exchange_day(datetime(2026, 7, 1, 3, 59, tzinfo=UTC)) == "2026-06-30"


def listed(kind: str, key: str, symbols: int | None = 3) -> Listed:
    return Listed(UniverseRef(kind, key), f"Name of {key}", symbols, None, "", "", NOW)


ROWS = UniverseRows.of(
    [
        listed("etf_universe", "a"),
        listed("etf_universe", "b", 0),
        listed("stock_etf_combo", "c"),
        listed("stock_universe", "d", None),
    ]
)


def test_a_search_groups_by_type_and_tells_the_health() -> None:
    found = search(ROWS, "", 10)
    assert [(g.type, [line.key for line in g.lines]) for g in found.groups] == [
        ("etf_universe", ["a", "b"]),
        ("stock_etf_combo", ["c"]),
        ("stock_universe", ["d"]),
    ]
    health = [line.health for g in found.groups for line in g.lines]
    assert health == ["ok", "empty", "old type", "unreadable"]


@pytest.mark.parametrize(
    ("text", "found"),
    [("", 1), ("name", 1), ("NAME etf", 1), ("etf name", 1), ("bond", 0), ("name bond", 0)],
)
def test_every_word_of_a_search_has_to_be_somewhere(text: str, found: int) -> None:
    assert search(UniverseRows.of([listed("etf_universe", "a")]), text, 10).total == found


def test_a_search_shows_some_counts_all_and_keeps_the_picked_one() -> None:
    found = search(ROWS, "etf", 2, "stock_universe:d")
    assert (found.total, found.shown) == (3, 2)
    assert found.picked is not None
    assert found.picked.key == "d"
    assert search(ROWS, "", 10, "stock_universe:d").picked is None
    assert search(ROWS, "etf", 2, "stock_universe:gone").picked is None


@pytest.mark.parametrize(
    ("address", "led"),
    [("/jobs?q=1", "/jobs?q=1"), ("", "/"), ("//x", "/"), ("/\\x", "/"), ("https://x/y", "/")],
)
def test_only_addresses_of_the_page_are_followed(address: str, led: str) -> None:
    assert local(address) == led


def test_a_page_is_told_of_each_kind_once_and_never_misses_one() -> None:
    async def told() -> list[list[str]]:
        page = OpenPage()
        for _ in range(100):
            page.nudge(["universes"])
        page.nudge(["loads"])
        first = await page.next()
        waiting = asyncio.create_task(page.next())
        await asyncio.sleep(0)
        page.nudge(["loads"])
        return [first, await waiting]

    assert asyncio.run(told()) == [["loads", "universes"], ["loads"]]


def test_closing_ends_every_stream() -> None:
    async def streams() -> list[str]:
        live = Live("")
        stream = aiter(live.open("a session").body_iterator)
        said = [await anext(stream)]
        waiting = asyncio.create_task(anext(stream, "ended"))
        await asyncio.sleep(0)
        live.close()
        said.append(await waiting)
        said.append(await anext(stream, "ended"))
        return said

    assert asyncio.run(streams())[-1] == "ended"


@pytest.mark.parametrize(
    ("value", "text"),
    [(1, "1.00"), (1234.5, "1,234.50"), (0.0001, "0.0001"), (532.1729, "532.1729")],
)
def test_prices_keep_their_digits(value: float, text: str) -> None:
    assert price(value) == text


def test_names_of_classes_in_words() -> None:
    assert spaced("MixedOrigin") == "mixed origin"


def test_commands_in_messages_are_code_and_nothing_else_is_markup() -> None:
    assert marked("Run `a <b>` or <i>") == "Run <code>a &lt;b&gt;</code> or &lt;i&gt;"
    assert marked("one ` alone") == "one ` alone"


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("stock_universe:index_sp500", "stock_<wbr>universe:<wbr>index_<wbr>sp500"),
        ("unix:///run/a_", "unix:///<wbr>run/<wbr>a_"),
        ("_:<b>", "_:<wbr>&lt;b&gt;"),
        ("", ""),
    ],
)
def test_a_key_is_broken_after_its_marks_and_escaped(name: str, shown: str) -> None:
    assert in_parts(name) == shown
