"""Each recognised source, read from a sample of its real shape: what is kept, left out, and why."""

import tomllib
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from tickstock.universes.files import read_file
from tickstock.universes.files.sources import all_sources

FOLDER = Path(__file__).parents[1] / "data" / "list_sources"
OTHERS = FOLDER.parent / "lists"
"""Samples of issuers that have tests of their own."""
EXPECTED: dict[str, dict[str, Any]] = tomllib.loads((FOLDER / "expected.toml").read_text())
FILES = sorted(f.name for f in FOLDER.iterdir() if f.name != "expected.toml")
TODAY = date(2026, 11, 20)


def test_each_file_has_its_expectation() -> None:
    assert sorted(EXPECTED) == FILES


@pytest.mark.parametrize("name", FILES)
def test_source(name: str) -> None:
    expected = EXPECTED[name]
    found = read_file(name, (FOLDER / name).read_bytes(), today=TODAY)
    assert found.form == expected["form"]
    assert list(found.symbols) == expected["symbols"]
    assert found.left_out == expected.get("left_out", {})
    assert found.as_of == expected.get("as_of")
    remarks = [str(remark) for remark in found.remarks]
    for words in expected.get("remarks", []):
        assert any(remark.startswith(words) for remark in remarks), remarks


def test_the_vendors_answer_gives_what_fits_the_type_of_the_universe() -> None:
    data = (FOLDER / "massive_tickers.json").read_bytes()
    assert read_file("x", data, etfs=True).symbols == ("SPY",)
    stocks = read_file("x", data, etfs=False)
    assert stocks.symbols == ("PEP", "BACpL")
    assert stocks.left_out == {"ETF": 1, "delisted": 1, "indices": 1}


def test_every_source_has_a_sample() -> None:
    cases = FOLDER.parent / "list_cases"
    files = [f for folder in (FOLDER, OTHERS, cases) for f in folder.iterdir()]
    forms = set()
    for file in files:
        try:
            forms.add(read_file(file.name, file.read_bytes(), today=TODAY).form)
        except Exception:
            continue
    read = {form.rpartition(", ")[2] for form in forms}
    assert {source.name for source in all_sources()} <= read
