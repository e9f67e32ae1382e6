"""Splits and dividends over the wire: real requests to the replay vendor, read with care."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import parse_qs

import pytest

from tests.kit import day
from tickstock.actions import ActionAnswer, ActionCall, ActionKind, Dividend, Split
from tickstock.errors import (
    BadFile,
    CredentialsRefused,
    NotEntitled,
    VendorUnavailable,
    VendorUnreadable,
)
from tickstock.service.vendor import vendor_has
from tickstock.testing import open_source
from tickstock.vendors import ActionSource, OpenGate
from tickstock.vendors.massive.actions import read_page
from tickstock.vendors.massive.source import MassiveSource
from tickstock.vendors.replay.faults import Fault, What
from tickstock.vendors.replay.recorded_actions import read_actions
from tickstock.vendors.replay.server import ReplayVendor
from tickstock.vendors.spec import Capability

SPLITS, DIVIDENDS = ActionKind.SPLITS, ActionKind.DIVIDENDS
ALL_SPLITS = ActionCall(SPLITS)
MANY = [Split(f"s{n}", f"T{n:02}", day("2014-06-09"), 1, 2 + n) for n in range(30)]


class CountingGate(OpenGate):
    def __init__(self) -> None:
        self.passed = 0

    async def enter(self) -> None:
        self.passed += 1


def ask(
    *calls: ActionCall,
    splits: Sequence[Split] = (),
    dividends: Sequence[Dividend] = (),
    faults: Sequence[Fault] = (),
    key: str = "sesame",
    page: int = 5_000,
) -> tuple[list[ActionAnswer], ReplayVendor, CountingGate]:
    async def run() -> tuple[list[ActionAnswer], ReplayVendor, CountingGate]:
        gate = CountingGate()
        async with ReplayVendor(
            splits=splits, dividends=dividends, faults=faults, key="sesame", page_bars=page
        ) as vendor:
            source = MassiveSource(vendor.url, key)
            try:
                answers = [await source.fetch_actions(call, gate) for call in calls]
            finally:
                await source.close()
            return answers, vendor, gate

    return asyncio.run(run())


def test_the_shipped_splits() -> None:
    (answer,), vendor, gate = ask(ActionCall(SPLITS, ("AAPL", "IBM", "MSFT")))
    assert [(r.ticker, r.day, r.ratio) for r in answer.records if isinstance(r, Split)] == [
        ("AAPL", day("2000-06-21"), "2-for-1"),
        ("MSFT", day("2003-02-18"), "2-for-1"),
        ("AAPL", day("2005-02-28"), "2-for-1"),
    ]
    assert (answer.origin, answer.pages, gate.passed) == ("recorded", 1, 1)
    (seen,) = vendor.requests
    assert seen.path == "/stocks/v1/splits"
    assert seen.keyed
    assert not seen.exposed
    assert parse_qs(seen.query) == {
        "limit": ["5000"],
        "sort": ["execution_date.asc"],
        "ticker.any_of": ["AAPL,IBM,MSFT"],
    }


def test_of_chosen_tickers_or_of_all_since_a_day() -> None:
    since = day("2003-02-18")
    found, _, _ = ask(
        ActionCall(SPLITS, ("AAPL",), since), ActionCall(SPLITS, (), since), ActionCall(DIVIDENDS)
    )
    assert [[r.ticker for r in a.records] for a in found] == [["AAPL"], ["MSFT", "AAPL"], []]


def test_a_dividend_with_all_that_is_said_of_it() -> None:
    given = Dividend(
        "d1", "KO", day("2012-11-28"), 0.255, "USD", "recurring", day("2012-10-18"),
        day("2012-11-30"), day("2012-12-15"),
    )  # fmt: skip
    (answer,), _, _ = ask(ActionCall(DIVIDENDS, ("KO",)), dividends=[given])
    assert answer.records == (given,)


def test_pages_are_followed_each_through_the_gate() -> None:
    (answer,), vendor, gate = ask(ALL_SPLITS, splits=MANY, page=8)
    assert (answer.pages, gate.passed, len(vendor.requests)) == (5, 5, 5)
    assert len({r.id for r in answer.records}) == 33


@pytest.mark.parametrize("what", [What.DUPLICATES, What.DELAYED, What.NEXT_FOREIGN_HOST])
def test_what_is_harmless(what: What) -> None:
    (answer,), vendor, _ = ask(ALL_SPLITS, splits=MANY, page=8, faults=[Fault(what, nth=(1, 2))])
    assert len(answer.records) == 33
    assert not any(seen.exposed for seen in vendor.requests)


@pytest.mark.parametrize(
    ("what", "error"),
    [
        (What.UNKNOWN_STATUS, VendorUnreadable),
        (What.NEXT_LOOP, VendorUnreadable),
        (What.NEXT_FOREIGN_PATH, VendorUnreadable),
        (What.WEB_PAGE, VendorUnreadable),
        (What.CUT_JSON, VendorUnreadable),
        (What.BAD_GZIP, VendorUnreadable),
        (What.GZIP_BOMB, VendorUnreadable),
        (What.REFUSED_INSIDE, NotEntitled),
        (What.NOT_ENTITLED, NotEntitled),
        (What.BAD_GATEWAY, VendorUnavailable),
        (What.RESET, VendorUnavailable),
    ],
)
def test_what_is_never_taken_for_no_splits(what: What, error: type[Exception]) -> None:
    with pytest.raises(error):
        ask(ALL_SPLITS, splits=MANY, page=8, faults=[Fault(what, nth=(2, 3), megabytes=80)])


def test_a_wrong_key_is_refused() -> None:
    with pytest.raises(CredentialsRefused):
        ask(ALL_SPLITS, key="guess")


# --- bodies -----------------------------------------------------------------------------------
def body(*results: object, status: str = "OK", **other: object) -> bytes:
    return json.dumps({"status": status, "request_id": 1, "results": results, **other}).encode()


SPLIT = {"ticker": "AAPL", "execution_date": "2005-02-28", "split_from": 1, "split_to": 2}


def test_the_documented_form_is_read() -> None:
    documented = SPLIT | {
        "adjustment_type": "forward_split",
        "historical_adjustment_factor": 0.017857,
        "id": "E90a77bdf742661741ed7c8fc086415f",
    }
    (record,) = read_page(body(documented), ALL_SPLITS).actions
    assert record == Split(
        "E90a77bdf742661741ed7c8fc086415f", "AAPL", day("2005-02-28"), 1, 2, "forward_split"
    )


@pytest.mark.parametrize("text", ['{"status":"OK"}', '{"status":"OK","results":null}'])
def test_no_results_are_no_records(text: str) -> None:
    assert read_page(text.encode(), ALL_SPLITS).actions == ()


def test_a_record_without_an_id_has_one_made_of_what_it_says() -> None:
    one, two = (read_page(body(SPLIT), ALL_SPLITS).actions[0] for _ in range(2))
    other = read_page(body(SPLIT | {"split_to": 3}), ALL_SPLITS).actions[0]
    assert one.id == two.id != other.id


def test_numbers_that_cannot_be_true_are_kept_as_the_vendors_facts() -> None:
    (record,) = read_page(body(SPLIT | {"split_from": 0}), ALL_SPLITS).actions
    assert isinstance(record, Split)
    assert record.split_from == 0


@pytest.mark.parametrize(
    "record",
    [
        SPLIT | {"execution_date": "2005-02-30"},
        SPLIT | {"execution_date": None},
        SPLIT | {"split_to": "two"},
        SPLIT | {"ticker": ""},
        SPLIT | {"ticker": "MSFT"},
        SPLIT | {"execution_date": "1999-12-31"},
        SPLIT | {"id": "x" * 500},
        {"ticker": "AAPL"},
        "AAPL",
        None,
    ],
)
def test_a_record_in_another_form_or_not_asked_for_is_put_aside(record: object) -> None:
    call = ActionCall(SPLITS, ("AAPL",), day("2000-01-01"))
    found = read_page(body(SPLIT, record), call)
    assert found.actions == read_page(body(SPLIT), call).actions
    (row,) = found.aside
    named = record.get("ticker", "") if isinstance(record, dict) else ""
    assert (row.place, row.ticker) == ("record 2", named)
    assert row.why
    for many in ([record], [SPLIT, *[record] * 6]):  # where it is not a single one
        with pytest.raises(VendorUnreadable, match=re.escape(str(call))):
            read_page(body(*many), call)


@pytest.mark.parametrize("text", [b"", b"[]", b"null", b'{"results":[]}', b'{"status":"ERROR"}'])
def test_an_answer_in_another_form_is_unreadable(text: bytes) -> None:
    with pytest.raises(VendorUnreadable):
        read_page(text, ALL_SPLITS)


# --- which sources --------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("vendor", "has"), [("massive", True), ("replay", True), ("synthetic", False)]
)
def test_which_sources_have_them(vendor: str, has: bool) -> None:
    source = open_source(vendor, api_key="k", base_url="http://127.0.0.1:9", symbols=["SPY"])
    assert isinstance(source, ActionSource) is has
    assert vendor_has(vendor, Capability.ACTIONS) is has


def test_a_folder_of_ones_own(tmp_path: Path) -> None:
    (tmp_path / "actions").mkdir()
    (tmp_path / "actions" / "splits.csv").write_text(
        "ticker,execution_date,split_from,split_to\nNVDA,2024-06-10,1,10\n"
    )
    (record,) = read_actions(tmp_path).splits
    assert record.action().ratio == "10-for-1"
    (tmp_path / "actions" / "dividends.csv").write_text(
        "ticker,ex_dividend_date\nNVDA,2024-06-11\n"
    )
    with pytest.raises(BadFile, match=r"dividends\.csv:2"):
        read_actions(tmp_path)
