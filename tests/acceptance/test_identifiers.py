"""Identifiers in the place of symbols (ISIN, CUSIP, FIGI): read as their symbols by every door that
takes symbols where they are known here, and refused by name where not."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from tickstock.bridge.accept import accept
from tickstock.bridge.messages import Refusal, read_job
from tickstock.config import read_settings
from tickstock.errors import BadExpression, BadInput
from tickstock.loading.master import ListingRecord
from tickstock.model import UniverseRef
from tickstock.service import TickStock
from tickstock.store import listings
from tickstock.store.database import Database
from tickstock.store.reference import fill_reference
from tickstock.universes.findings import UniverseCheck
from tickstock.universes.plan import OrganizePlan

NOW = datetime(2026, 11, 22, 15, tzinfo=UTC)
X = "stock_universe:theme_x"
PEPSI = {"ISIN": "US7134481081", "CUSIP": "713448108", "FIGI": "BBG000DH7JK6"}
NOBODYS = ("US0378331005", "037833100", "BBG000B9XRY4", "2679204", "B0YBKJ7")
"""Right identifiers that nobody told us of."""
TYPED_WRONG = ("US7134481082", "BBG000DH7JK7")
NAMED = re.compile("a symbol: it (is|looks like) an? (ISIN|CUSIP|FIGI|SEDOL)")
OPTION = "AAPL  270115C00160000"
DEFINED = """[stock_universe.theme_listed]
name = "Listed"
symbols = ["KO", "US7134481081"]
[stock_universe.theme_beside]
name = "Beside"
members = "beside.csv"
[stock_universe.theme_asked]
name = "Asked"
expression = "stock_universe:theme_listed - {BBG000DH7JK6}"
"""


@pytest.fixture
def tick(database: Database, tmp_path: Path) -> TickStock:
    with database.transaction() as conn:
        fill_reference(conn)
        pepsi = ListingRecord("PEP", True, "CS", "XNAS", "PepsiCo", PEPSI["FIGI"])
        listings.replace_listings(conn, [pepsi], "massive")
        listings.note_cusips(conn, {PEPSI["CUSIP"]: "PEP"}, "massive")
    given = {
        "TICKSTOCK_VENDOR": "synthetic",
        "TICKSTOCK_CSV_DIR": str(tmp_path),
        "TICKSTOCK_UNIVERSES": str(tmp_path),
    }
    return TickStock(read_settings(given, cwd=tmp_path, home=tmp_path), database, lambda: NOW)


def do(tick: TickStock, plan: OrganizePlan) -> tuple[str, ...]:
    tick.edits.apply(plan, reason="test")
    return tick.universes.get(X).symbols


def sent(tick: TickStock, text: str) -> tuple[str, ...]:
    """The symbols of a job that a Redis client asks for."""
    message = {
        "job_id": f"job-{text}", "job_type": "csv_universe_load", "symbols": [text], "years": 0.1,
    }  # fmt: skip
    job = read_job(json.dumps(message).encode())
    if isinstance(job, Refusal):
        raise BadInput(job.reason)
    return tick.jobs.progress(accept(tick, job)).load.asked.symbols


DOORS: dict[str, Callable[[TickStock, str], Any]] = {
    "set": lambda tick, text: do(tick, tick.edits.set(X, [text])),
    "add": lambda tick, text: do(tick, tick.edits.add(X, [text])),
    "several in one": lambda tick, text: do(tick, tick.edits.set(X, [f"['{text}', 'PEP US']"])),
    "braces": lambda tick, text: tick.universes.members(f"{{{text}}}"),
    "meet": lambda tick, text: tick.history.show(f"{{PEP, KO}} & {{{text}}}").symbols,
    "client": lambda tick, text: tick.universes.client_members(text),
    "list": lambda tick, text: tick.requests.resolve(symbols=[text], duration="5d").symbols,
    "page": lambda tick, text: (tick.universes.read_symbol(f" {text} "),),
    "bus": sent,
}


def test_every_door_reads_an_identifier_that_is_known(tick: TickStock) -> None:
    do(tick, tick.edits.set(X, ["PEP"]))
    found = {(d, text): ask(tick, text) for d, ask in DOORS.items() for text in PEPSI.values()}
    assert found == dict.fromkeys(found, ("PEP",))


def test_every_door_refuses_by_name_what_is_no_symbol(tick: TickStock) -> None:
    do(tick, tick.edits.set(X, ["PEP"]))
    said = {(d, text): refusal(tick, d, text) for d in DOORS for text in (*NOBODYS, *TYPED_WRONG)}
    assert {pair: what for pair, what in said.items() if not NAMED.search(what)} == {}
    assert tick.universes.get(X).symbols == ("PEP",)


def refusal(tick: TickStock, door: str, text: str) -> str:
    """What a door says that refuses a text; what it took it for, where it does not."""
    try:
        return f"taken for {DOORS[door](tick, text)}"
    except (BadInput, BadExpression) as error:
        return error.what


def test_members_are_named_by_identifiers_too(tick: TickStock) -> None:
    do(tick, tick.edits.set(X, ["PEP", "KO"]))
    isin = PEPSI["ISIN"]
    assert tick.history.containing(isin) == {UniverseRef(*X.split(":")): "PEP"}
    assert [found.symbol for found in tick.history.blame(X, isin)] == ["PEP"]
    plan = tick.edits.remove(X, [isin])
    assert f"{isin} is read as PEP (by its identifier)." in plan.notes
    assert do(tick, plan) == ("KO",)
    assert set(tick.history.once(isin)) == {UniverseRef(*X.split(":"))}


def test_a_stored_expression_and_definitions_name_them(tick: TickStock, tmp_path: Path) -> None:
    plan = tick.edits.set(X, expression="{KO} | {713448108}")
    assert do(tick, plan) == ("KO", "PEP")
    tmp_path.joinpath("defined.toml").write_text(DEFINED)
    tmp_path.joinpath("beside.csv").write_text("isin,name\nUS7134481081,PepsiCo\n")
    found = {c.ref.key: c.symbols for c in tick.universes.plan_organize().changes}
    assert found["theme_listed"] == ("KO", "PEP")
    assert found["theme_beside"] == ("PEP",)
    assert found["theme_asked"] == ("KO",)
    assert tick.universes.csv_symbols("beside.csv") == ("PEP",)
    tmp_path.joinpath("beside.csv").write_text("isin\nUS0378331005\n")
    with pytest.raises(BadInput, match=r"beside.csv:2: 'US0378331005' is not a symbol: it is an"):
        tick.universes.plan_organize()


def test_a_row_of_others_is_told_whose_they_are_and_fixed(
    tick: TickStock, database: Database
) -> None:
    do(tick, tick.edits.set(X, ["KO"]))
    held = ["KO", PEPSI["ISIN"], "US0378331005", OPTION, "TICKER"]
    with database.transaction() as conn:
        conn.execute(
            "UPDATE cache_entries SET value = %s WHERE key = 'theme_x'", [json.dumps(held)]
        )
    said = {f.symbol: (f.check, f.what) for f in tick.universes.validate() if f.symbol}
    assert said[PEPSI["ISIN"]][0] is UniverseCheck.SPELLING
    assert said["US0378331005"][0] is UniverseCheck.SYMBOL
    assert "it is an option" in said[OPTION][1]
    assert "heading" in said["TICKER"][1]
    assert do(tick, tick.edits.fix()) == ("KO", "PEP", "US0378331005", OPTION, "TICKER")
