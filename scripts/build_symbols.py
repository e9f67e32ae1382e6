"""Builds the shipped list of US symbols from the two ticker files of the US regulator.

    python scripts/build_symbols.py FOLDER AS_OF

FOLDER holds `company_tickers_exchange.json` (companies, with the exchange) and
`company_tickers_mf.json` (funds), as https://www.sec.gov/file/company-tickers describes them;
AS_OF is the month of the newer one, as YYYY-MM. Both are works of the US government and in the
public domain. Written is `src/tickstock/data/symbols/us_symbols.csv`: symbol in the vendor's
spelling, kind, exchange.

Mutual funds, whose symbols have five letters and end with X, are told by that shape and left out.
"""

from __future__ import annotations

import csv
import json
import re
import sys
from collections import Counter
from pathlib import Path

TARGET = Path(__file__).parents[1] / "src" / "tickstock" / "data" / "symbols" / "us_symbols.csv"
# The regulator's spelling: a dash before everything that follows the root.
_SPELLINGS = (
    (re.compile(r"([A-Z]+)-P([A-Z])"), r"\1p\2", "preferred"),
    (re.compile(r"([A-Z]+)-P"), r"\1p", "preferred"),
    (re.compile(r"([A-Z]+)-WT"), r"\1.WS", "warrant"),
    (re.compile(r"([A-Z]+)-WT?([A-Z])"), r"\1.WS.\2", "warrant"),
    (re.compile(r"([A-Z]+)-U(?:N)?"), r"\1.U", "unit"),
    (re.compile(r"([A-Z]+)-RI?"), r"\1r", "right"),
    (re.compile(r"([A-Z]+)-([A-Z])"), r"\1.\2", "company"),
    (re.compile(r"([A-Z]{1,6})"), r"\1", "company"),
)
_MUTUAL_FUND = re.compile(r"[A-Z]{4}X")


def spelled(ticker: str) -> tuple[str, str] | None:
    """The vendor's spelling and the kind that it tells; None for what is no ticker."""
    for written, symbol, kind in _SPELLINGS:
        if match := written.fullmatch(ticker):
            return match.expand(symbol), kind
    return None


def records(path: Path) -> list[dict[str, object]]:
    document = json.loads(path.read_text(encoding="utf-8"))
    return [dict(zip(document["fields"], row, strict=True)) for row in document["data"]]


def rows(folder: Path, counts: Counter[str]) -> dict[str, tuple[str, str]]:
    """Symbol to kind and exchange; what both files name is a company."""
    found: dict[str, tuple[str, str]] = {}
    for record in records(folder / "company_tickers_exchange.json"):
        if (read := spelled(str(record["ticker"]))) is None:
            counts["no ticker"] += 1
            continue
        found[read[0]] = (read[1], str(record["exchange"] or ""))
    for record in records(folder / "company_tickers_mf.json"):
        ticker = str(record["symbol"])
        if _MUTUAL_FUND.fullmatch(ticker):
            counts["mutual fund"] += 1
        elif re.fullmatch(r"[A-Z]{1,5}", ticker):
            found.setdefault(ticker, ("fund", ""))
        else:
            counts["no ticker"] += 1
    return found


def main(folder: str, as_of: str) -> None:
    counts: Counter[str] = Counter()
    found = rows(Path(folder), counts)
    TARGET.parent.mkdir(exist_ok=True)
    with TARGET.open("w", encoding="utf-8", newline="") as stream:
        stream.write(f"# The US regulator's ticker files, public domain, as of {as_of}\n")
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(["symbol", "kind", "exchange"])
        writer.writerows((symbol, *found[symbol]) for symbol in sorted(found))
    counts.update(kind for kind, _ in found.values())
    print(f"{TARGET.name}: {len(found):,} symbols; {dict(counts)}")


if __name__ == "__main__":
    main(*sys.argv[1:])
