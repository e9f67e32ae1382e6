"""Make the shipped lists from two packages: index and sector definitions with their members, and
the changes of tickers. The histories of the indexes are made by build_index_history.py.

    uv run --no-project --with index-constitution==1.0.1 --with pytickersymbols==1.17.10 \
        scripts/build_catalog.py [FOLDER]

Neither package is a dependency of TickStock: this runs on a developer's machine when a newer
release of them is wanted. What it writes is reviewed as a diff and shipped.

pytickersymbols does not say of which day its lists are. The day is found by comparing its
S&P 500 with the dated one of index-constitution: the first day of the span in which they differ
least. Tickers that changed since then are written in their present form.
"""

from __future__ import annotations

import csv
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from importlib.metadata import version
from pathlib import Path

import index_constitution
from pytickersymbols.indices_data import INDICES

DATA = Path(__file__).parents[1] / "src" / "tickstock" / "data"
NOT_SO = {("2016-01-14", "ACE"): "ACE went on as CB"}
"""Delistings of the package that other sources contradict."""
GONE = "Symbol no longer queryable"
"""How the package notes a symbol that is no longer listed when it does not know since when: the
date beside it is the one on which the symbol left an index, often years before."""

DATED = {"index_sp500": "sp500", "index_nasdaq100": "nasdaq100", "index_dow30": "dow30"}
WITH = {
    "index_sp500": ", fja05680/sp500 (MIT), published lists (PDDL)",
    "index_nasdaq100": ", n100tickers (MIT)",
    "index_dow30": "",
}
"""The sources of the histories besides; see build_index_history.py."""
NAMES = {
    "index_sp500": ("S&P 500", "S&P 500 index components"),
    "index_nasdaq100": ("NASDAQ 100", "NASDAQ 100 index components"),
    "index_dow30": ("Dow Jones 30", "Dow Jones Industrial Average components"),
    "index_sp100": ("S&P 100", "S&P 100 index components"),
    "index_sp600": ("S&P SmallCap 600", "S&P SmallCap 600 index components"),
}
SNAPSHOTS = {"index_sp100": "S&P 100", "index_sp600": "S&P 600"}

SECTORS = (
    "Real Estate",
    "Health Care",
    "Utilities",
    "Financials",
    "Consumer Discretionary",
    "Industrials",
    "Energy",
    "Communication Services",
    "Consumer Staples",
    "Information Technology",
    "Materials",
)
"""The eleven GICS sectors. Where the package tags one name with two of them, the one that stands
first here holds. The package mixes GICS with an older scheme that puts REITs under Financials,
power companies under Energy and data firms under Industrials; this order undoes that."""


@dataclass(frozen=True)
class Listing:
    """One universe to write: `members` is symbol → company name."""

    key: str
    name: str
    description: str
    members: Mapping[str, str]
    source: str
    as_of: date
    has_history: bool = False


def dated_indexes() -> list[Listing]:
    """The members that index-constitution gives last, as of the last change it knows of."""
    as_of = max(last_change(index) for index in DATED.values())
    return [
        Listing(
            key, *NAMES[key], latest(index), f"{dated_source()}{WITH[key]}", as_of, has_history=True
        )
        for key, index in DATED.items()
    ]


def dated_source() -> str:
    return f"index-constitution {version('index-constitution')} (MIT)"


def events() -> list[tuple[str, str, str, str, str]]:
    """Day, kind, old ticker, new ticker, what happened; by day.

    A delisting whose day is not known is `gone` by the last day that the package knows of.
    """
    found = index_constitution.events(region="us").fillna("")
    last = max(last_change(index) for index in DATED.values()).isoformat()
    rows = []
    settled = settled_renames()
    for _, row in found.iterrows():
        day, kind = row["event_date"].date().isoformat(), row["event_type"]
        if kind == "delisting" and row["notes"].startswith(GONE):
            day, kind = last, "gone"
        if (row["old_symbol"], row["new_symbol"]) in settled or (day, row["old_symbol"]) in NOT_SO:
            continue
        if kind in ("delisting", "gone", "ticker_change"):
            new = row["new_symbol"] if kind == "ticker_change" else ""
            rows.append((day, kind, row["old_symbol"], new, row["old_name"]))
    return sorted(set(rows))


def settled_renames() -> set[tuple[str, str]]:
    """Changes of tickers whose day was settled by a vote: renames.csv has them."""
    with (DATA / "instruments" / "renames.csv").open(encoding="utf-8", newline="") as lines:
        return {(row["symbol"], row["new_symbol"]) for row in csv.DictReader(lines)}


def latest(index: str) -> dict[str, str]:
    return {row["symbol"]: row["name"] for _, row in index_constitution.latest(index).iterrows()}


def last_change(index: str) -> date:
    history = index_constitution.history(index)
    days = [*history["opt-in"].dropna(), *history["opt-out"].dropna()]
    day: date = max(days).date()
    return day


def snapshot_indexes(as_of: date, rename: Callable[[str], str]) -> list[Listing]:
    return [
        Listing(key, *NAMES[key], snapshot(index, rename), snapshot_source(), as_of)
        for key, index in SNAPSHOTS.items()
    ]


def snapshot(index: str, rename: Callable[[str], str] = str) -> dict[str, str]:
    return {rename(c["symbol"]): c["name"] for c in INDICES[index]["companies"]}


def snapshot_source() -> str:
    return f"pytickersymbols {version('pytickersymbols')} (MIT)"


def sectors(as_of: date, rename: Callable[[str], str]) -> list[Listing]:
    """The S&P 500 split by GICS sector; every member in exactly one."""
    members: dict[str, dict[str, str]] = {sector: {} for sector in sorted(SECTORS)}
    for company in INDICES["S&P 500"]["companies"]:
        tags = [s for s in SECTORS if s in company["industries"]]
        if len(tags) > 1:
            print(f"{company['symbol']}: {' and '.join(tags)}, taken as {tags[0]}")
        members[tags[0]][rename(company["symbol"])] = company["name"]
    return [
        Listing(
            f"sector_gics_{sector.lower().replace(' ', '_')}",
            f"{sector} (GICS, S&P 500)",
            f"S&P 500 members of the GICS sector {sector}",
            found,
            snapshot_source(),
            as_of,
        )
        for sector, found in members.items()
    ]


def snapshot_day() -> date:
    """The first day of the span in which the dated S&P 500 differs least from the undated one."""
    end = last_change("sp500")
    days = [end - timedelta(days=n) for n in range(730, -1, -1)]
    renames = renames_since(days[0])
    undated = {renames.get(s, s) for s in snapshot("S&P 500")}

    def difference(day: date) -> int:
        return len(undated ^ set(index_constitution.constituents_at("sp500", day)["symbol"]))

    return min(days, key=difference)


def renames_since(day: date) -> dict[str, str]:
    """Old ticker → new ticker, for changes after `day`."""
    events = index_constitution.events(region="us")
    changes = events[events["event_type"] == "ticker_change"]
    return {
        row["old_symbol"]: row["new_symbol"]
        for _, row in changes.iterrows()
        if row["event_date"].date() > day
    }


def write(folder: Path, file: str, listings: Iterable[Listing]) -> None:
    lines = [
        "# Written by scripts/build_catalog.py from the packages named in each entry; notices in",
        "# NOTICES.md. Do not edit by hand: copy an entry to a folder of your own instead.",
    ]
    for listing in listings:
        members = f"members/{listing.key}.csv"
        lines += [
            "",
            f"[stock_universe.{listing.key}]",
            f'name = "{listing.name}"',
            f'description = "{listing.description}"',
            f'members = "{members}"',
            f'source = "{listing.source}"',
            f"as_of = {listing.as_of}",
        ]
        if listing.has_history:
            lines.append(f'history = "history/{listing.key}.csv"')
        write_csv(folder / members, ("symbol", "name"), sorted(listing.members.items()))
        print(f"{listing.key}: {len(listing.members)} members as of {listing.as_of}")
    (folder / file).write_text("\n".join(lines) + "\n", encoding="utf-8")


def write_csv(file: Path, header: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    with file.open("w", encoding="utf-8", newline="") as out:
        writer = csv.writer(out, lineterminator="\n")
        writer.writerow(header)
        writer.writerows(rows)


def main() -> None:
    data = Path(sys.argv[1]) if len(sys.argv) > 1 else DATA
    folder = data / "catalog"
    day = snapshot_day()
    renames = renames_since(day)

    def rename(symbol: str) -> str:
        return renames.get(symbol, symbol)

    write(folder, "stock_indexes.toml", [*dated_indexes(), *snapshot_indexes(day, rename)])
    write(folder, "stock_gics_sectors.toml", sectors(day, rename))
    header = ("date", "event", "symbol", "new_symbol", "name")
    write_csv(data / "instruments" / "us_events.csv", header, events())


if __name__ == "__main__":
    main()
