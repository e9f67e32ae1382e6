"""Bars of one symbol on the page: candles, gaps and their causes, splits, doubtful bars."""

from __future__ import annotations

import re
from collections.abc import Iterator
from html import unescape
from pathlib import Path
from urllib.parse import urlencode

import numpy as np
import pytest

from tests.conftest import Cluster
from tests.web_kit import Client, Running, organized, running, settings_for
from tickstock.model import BarTable
from tickstock.web.candles import draw

DAYS = [f"2024-01-{day:02}" for day in (2, 3, 4, 5, 8, 9, 10, 11, 12)]
HELD = "{[2024-01-02,2024-01-05),[2024-01-10,2024-01-13)}"


@pytest.fixture(scope="module")
def page(cluster: Cluster, template: str, home: Path) -> Iterator[Running]:
    with organized(cluster, template, home) as database:
        with database.transaction() as connection:
            row = connection.execute(
                "INSERT INTO tickstock.instruments (symbol) VALUES ('TST') RETURNING id"
            ).fetchone()
            assert row
            one = {"id": row[0]}
            connection.execute(
                "INSERT INTO tickstock.tickers (instrument_id, symbol) VALUES (%(id)s, 'TST')", one
            )
            connection.execute(
                "INSERT INTO tickstock.bars_day (instrument_id, at, open, high, low, close, volume)"
                " SELECT %(id)s, day::date, 100, 110, 90, 105, 1000"
                " FROM unnest(%(days)s::text[]) AS day",
                one | {"days": DAYS[:3] + DAYS[6:]},
            )
            connection.execute(
                "INSERT INTO tickstock.coverage (instrument_id, timeframe, origin, held, bars,"
                " first_at, last_at) VALUES (%(id)s, 'day', 'synthetic', %(held)s, 6,"
                " '2024-01-02Z', '2024-01-12Z')",
                one | {"held": HELD},
            )
            connection.execute(
                "INSERT INTO tickstock.holes (instrument_id, timeframe, span, cause, detail)"
                " VALUES (%(id)s, 'day', '[2024-01-05,2024-01-09)', 'failed', 'timed out <b>'),"
                " (%(id)s, 'day', '[2024-01-09,2024-01-10)', 'vendor_empty', '')",
                one,
            )
            connection.execute(
                "INSERT INTO tickstock.splits (instrument_id, vendor_id, origin, ticker,"
                " execution_date, split_from, split_to) VALUES"
                " (%(id)s, 's1', 'synthetic', 'TST', '2024-01-10', 20, 21)",
                one,
            )
            connection.execute(
                "INSERT INTO tickstock.doubts (instrument_id, timeframe, at, reason) VALUES"
                " (%(id)s, 'day', '2024-01-11Z', 'repeats the bar before')",
                one,
            )
            connection.execute(
                "INSERT INTO tickstock.quarantine (instrument_id, timeframe, at, reason, bar)"
                " VALUES (%(id)s, 'day', '2024-01-08Z', 'close is not above zero', '{}')",
                one,
            )
            connection.execute(
                "INSERT INTO cache_entries (type, name, key, value)"
                " VALUES ('stock_universe', 'Test', 'theme_test', '[\"TST\"]')"
            )
        with running(database, settings_for(home), worker=False) as found:
            yield found


@pytest.fixture
def client(page: Running) -> Client:
    return page.client()


def test_a_gap_is_told_with_its_cause_and_what_to_do(client: Client) -> None:
    text = unescape(client.get("/bars?symbol=TST").text)
    assert "6 bars, 2024-01-02 – 2024-01-12" in text
    assert "2024-01-05..2024-01-08" in text
    assert "timed out <b>" in text
    assert "Load again: <code>tickstock load</code> asks for these." in text
    assert "the vendor says that there is none" in text
    assert "split 21-for-20" in text
    assert "repeats the bar before" in text
    assert "close is not above zero" in text
    assert "Synthetic bars:" in text


def test_markup_in_what_was_said_is_text(client: Client) -> None:
    assert "<b>" not in client.get("/bars?symbol=TST").text


def test_the_table_has_bars_and_gaps_in_order_the_newest_first(client: Client) -> None:
    table = client.get("/bars?symbol=TST").text.rpartition("The same as a table")[2]
    lines = re.findall(r'<td class="main">([^<]+)</td>', table)
    assert lines == [
        *DAYS[:5:-1], "2024-01-09", "2024-01-05..2024-01-08", *DAYS[2::-1],
    ]  # fmt: skip


def test_the_same_for_programs(client: Client) -> None:
    found = client.get("/api/bars?symbol=TST&adjust=raw").json
    assert found["bars"]["at"] == DAYS[:3] + DAYS[6:]
    assert found["bars"]["close"] == [105.0] * 6
    assert found["bars"]["vwap"] == [None] * 6
    assert [(m["cause"], m["sessions"], m["at"]) for m in found["missing"]] == [
        ("failed", 2, ["2024-01-05", "2024-01-08"]),
        ("vendor_empty", 1, ["2024-01-09"]),
    ]
    assert [(m["colour"], m["text"]) for m in found["missing"]] == [
        ("bad", "the call failed"),
        ("gap", "the vendor says that there is none"),
    ]
    assert [s["day"] for s in found["splits"]] == ["2024-01-10"]
    assert [(d["at"], d["reason"]) for d in found["doubtful"]] == [
        ("2024-01-11", "repeats the bar before")
    ]
    assert found["quarantined"][0]["at"] == "2024-01-08"
    adjusted = client.get("/api/bars?symbol=TST").json["bars"]["close"]
    assert adjusted == [pytest.approx(100.0)] * 3 + [105.0] * 3
    week = client.get("/api/bars?symbol=TST&timeframe=week&adjust=raw").json
    assert week["bars"]["volume"] == [3000.0, 3000.0]
    assert {tuple(m["at"]) for m in week["missing"]} == {()}


@pytest.mark.parametrize(
    ("query", "status", "says"),
    [
        ("symbol=NOPE", 404, "Nothing was ever loaded"),
        ("symbol=TST&timeframe=year", 422, "is not a timeframe"),
        ("symbol=TST&adjust=up", 422, "is not an adjustment"),
        ("symbol=TST&from=yesterday", 422, "is not a date"),
        ("symbol=TST&from=2024-02-01&to=2024-01-01", 422, "before"),
    ],
)
def test_what_cannot_be_shown_says_why(client: Client, query: str, status: int, says: str) -> None:
    answer = client.get(f"/api/bars?{query}")
    assert answer.status == status
    assert says in answer.json["message"]
    shown = client.get(f"/bars?{query}")
    assert (shown.status, says in unescape(shown.text)) == (status, True)


def test_every_cell_of_the_heat_map_leads_to_its_bars(client: Client) -> None:
    by_session = client.get("/coverage?universe=stock_universe:theme_test").text
    links = re.findall(r'<a class="([\w ]+)" href="([^"]+)" title="([^"]+)"', by_session)
    assert [(shade, text.partition(": ")[0]) for shade, _, text in links] == [
        ("bad l0" if day in DAYS[3:5] else "gap l0" if day == DAYS[5] else "full", f"TST {day}")
        for day in DAYS
    ]
    gap = unescape(links[3][1])
    assert "from=2024-01-05&to=2024-01-05" in gap
    text = client.get(gap).text
    assert "the call failed" in text
    assert "Coverage of stock_universe:theme_test" in text
    assert "Next" not in by_session
    beyond = client.get("/coverage?universe=stock_universe:theme_test&start=1").text
    assert "symbols 2 to 1 of 1" in beyond
    assert client.get("/coverage?universe=stock_universe:theme_test&start=-1").status == 422
    by_month = client.get("/coverage?universe=stock_universe:theme_test&for=5y").text
    assert "by month" in by_month


def test_members_lead_to_their_bars(client: Client) -> None:
    text = client.get("/universes/stock_universe:theme_test").text
    assert "/bars?symbol=TST&amp;universe=stock_universe%3Atheme_test" in text


# --- the picture without scripts ------------------------------------------------------------
def bars(prices: list[tuple[float, float, float, float]]) -> BarTable:
    o, h, low, c = (np.array(column, float) for column in zip(*prices, strict=True))
    n = len(prices)
    none = np.full(n, np.nan)
    at = np.arange(n, dtype=np.int64)
    return BarTable(("A",), np.zeros(n, np.int64), at, o, h, low, c, none, none, at)


def test_candles_rise_and_fall() -> None:
    made = draw(bars([(1, 3, 1, 2), (2, 2, 1, 1)]), marks=[1], gaps=[-5, 1, 9])
    assert made
    assert (made.rising.count("z"), made.falling.count("z"), made.count) == (1, 1, 2)
    assert made.marked == (705.0,)
    assert made.breaks == (0.0, 470.0, 940.0)
    assert (made.scale[0].text, made.scale[-1].text) == ("1.00", "3.00")
    assert made.scale[0].y > made.scale[-1].y


def test_one_price_and_none_at_all_can_be_drawn() -> None:
    assert draw(BarTable.empty()) is None
    made = draw(bars([(5, 5, 5, 5)]))
    assert made
    assert "nan" not in made.rising


# --- marks on the map of a universe over a past span ----------------------------------------------
DOW = "stock_universe:index_dow30 @ 2020-08-03..2020-09-30"
BOTH = "(stock_universe:index_dow30 & {CRM, XOM}) @ 2020-08-27..2020-09-02"


def marked(client: Client, **marks: str) -> str:
    query = urlencode({"universe": DOW, "timeframe": "day"} | marks)
    return unescape(client.get(f"/coverage/plan?{query}").text)


def test_what_is_marked_of_a_past_span_asks_for_the_days_of_members_alone(client: Client) -> None:
    """XOM left on 31 August 2020, when CRM came."""
    text = marked(client, **{"from": "2020-08-27", "to": "2020-09-02"})
    assert "<h2>Plan</h2>" in text
    assert "stock_universe:index_dow30 @ 2020-08-27..2020-09-02" in text
    assert "30 symbols" not in text  # those that left and those that came besides
    assert "33 symbols" in text
    # Whoever is marked is asked for on days inside the index.
    text = marked(client, pick="XOM CRM", **{"from": "2020-08-27", "to": "2020-09-02"})
    assert BOTH in text
    assert ">5<" in re.sub(r"\s", "", figure(text, "plan-missing"))  # 2 of XOM and 3 of CRM
    words = re.sub("<[^>]*>", "", text)
    assert f"tickstock load '{BOTH}'\n" in words  # and no other days


def test_without_a_last_day_what_is_marked_goes_on_to_the_end_of_the_span(client: Client) -> None:
    assert "index_dow30 @ 2020-09-28..2020-09-30" in marked(client, **{"from": "2020-09-28"})


def test_a_cause_chosen_of_a_past_span_has_a_plan(client: Client) -> None:
    text = marked(client, cause="never_asked")
    assert '<input type="hidden" name="digest"' in text
    assert '<input type="hidden" name="duration" value="own">' in text
    assert "@ 2020-08-03..2020-09-30" in text


def test_days_that_are_no_days_are_told_on_the_card(client: Client) -> None:
    assert "is not a date" in marked(client, **{"from": "2020-13-45"})


def figure(text: str, name: str) -> str:
    """The element with that id."""
    found = re.search(rf'id="{name}"[^<]*<', text)
    assert found, text
    return found[0]


def test_the_form_takes_a_past_span_and_what_was_loaded_fills_it_again(client: Client) -> None:
    fields = {"form": "1", "expression": DOW, "duration": "own", "timeframes": "day"}
    fields["missing_only"] = "1"
    text = unescape(client.get(f"/admin/historical-data/plan?{urlencode(fields)}").text)
    assert f"tickstock load '{DOW}'" in re.sub("<[^>]*>", "", text)
    assert '<input type="hidden" name="digest"' in text
    done = client.post("/admin/historical-data/load", fields)
    page = unescape(client.get(done.headers["location"]).text)
    again = re.search(r'href="(/admin/historical-data\?[^"]*)"', page)
    assert again
    assert "duration=own" in again[1]
    assert '<input type="hidden" name="digest"' in client.get(again[1]).text
