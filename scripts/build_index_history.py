"""Make the shipped index histories and changes of tickers, by the vote of several sources.

    python scripts/build_index_history.py SOURCES [DATA]

`SOURCES` is a folder with the published files, as their authors name them:

    index_constitution_pypi_1.0.1/history_{sp500,nasdaq100,dow30}.csv   symbol,name,opt-in,opt-out
    index_constitution_pypi_1.0.1/event_us.csv
    fja05680_sp500/sp500_ticker_start_end.csv                           ticker,start_date,end_date
    datasets_sp500_revisions/revisions.csv                              date,change,symbol,cik
    n100tickers/n100-ticker-changes-YEAR.yaml

Run on a developer's machine when a source has a newer release; what it writes is reviewed as a diff
and shipped. It ends with an error where the sources contradict what is written by hand here.

How the S&P 500 is settled:

- `fja05680` names every member with its ticker from 1996-01-02 up to BASE_ENDS and has no
  placeholder dates: it is the base. From then on index-constitution is, whose days agree with the
  published lists of the revisions. Before 1996 nobody names all members: that is unknown.
- The base writes some firms under tickers that they got later, or in bankruptcy. RENAMES and
  LATER put that right, so that each interval carries the ticker of its days. Each change of a
  ticker is held against every published list: before it only the old one may stand there, after it
  only the new one.
- Each interval says which sources know it; the member-days on which base and index-constitution
  disagree are counted by year.
"""

from __future__ import annotations

import csv
import re
import sys
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from pathlib import Path

DATA = Path(__file__).parents[1] / "src" / "tickstock" / "data"
OPEN = date.max
BEGINS = date(1996, 1, 2)
BASE_ENDS = date(2025, 7, 9)
PLACEHOLDER = date(1976, 7, 1)
"""The day on which index-constitution lets members begin whose day it does not know."""
BASE, OTHER, NASDAQ = "fja05680", "index-constitution", "n100tickers"
DOTLESS = frozenset({"BRK.B", "BF.B", "BRKB", "BFB"})
"""The published lists leave tickers with a dot out."""

RENAMES = """
2005-12-01 SBC T             | SBC Communications, which bought AT&T and took its ticker
2008-10-01 WMI WM            | Waste Management; at the earliest, when Washington Mutual was gone
2012-10-02 KFT MDLZ          | Kraft Foods
2013-01-24 WPI ACT           | Watson, then Actavis
2013-05-14 MHP MHFI          | McGraw-Hill
2013-07-01 NWSA FOXA         | News Corporation, when it spun off the new News Corp
2013-09-30 SAI LDOS          | SAIC
2013-11-29 WPO GHC           | Washington Post
2013-12-18 LTD LB            | Limited Brands
2014-04-03 GOOG GOOGL        | Google class A
2014-12-03 WLP ANTM          | WellPoint
2014-12-31 WAG WBA           | Walgreen
2015-02-19 NU ES             | Northeast Utilities
2015-06-15 ACT AGN           | Actavis
2015-06-29 GCI TGNA          | Gannett
2015-06-29 ZMH ZBH           | Zimmer
2015-08-04 JDSU VIAV         | JDS Uniphase
2016-01-15 ACE CB            | ACE, which bought Chubb
2016-04-28 MHFI SPGI         | McGraw Hill Financial
2016-11-01 AA ARNC           | Alcoa, which spun off the new Alcoa
2016-12-07 UA UAA            | Under Armour class A
2017-04-03 CSC DXC           | Computer Sciences
2017-05-24 DV ATGE           | DeVry
2017-06-19 YHOO AABA         | Yahoo
2017-07-05 BHI BHGE          | Baker Hughes
2017-08-01 TSO ANDV          | Tesoro
2017-10-31 COH TPR           | Coach
2017-12-05 DLPH APTV         | Delphi Automotive
2018-02-27 PCLN BKNG         | Priceline
2018-02-28 HCN WELL          | Health Care REIT, Welltower
2018-03-20 CBG CBRE          | CBRE
2018-05-24 LUK JEF           | Leucadia
2018-06-01 WYN WYND          | Wyndham Worldwide
2018-07-10 DPS KDP           | Dr Pepper Snapple
2018-12-31 KORS CPRI         | Michael Kors
2019-06-03 DWDP DD           | DowDuPont
2019-07-01 HRS LHX           | Harris, which merged with L3
2019-08-08 TMK GL            |
2019-10-18 BHGE BKR          |
2019-11-05 HCP PEAK          |
2019-11-05 SYMC NLOK         |
2019-12-05 CBS VIAC          | ViacomCBS
2019-12-09 BBT TFC           |
2019-12-10 JEC J             |
2020-03-03 IR TT             | Ingersoll-Rand plc, when Gardner Denver took its ticker
2020-04-01 ARNC HWM          | Arconic, which spun off the new Arconic
2020-04-03 UTX RTX           |
2020-09-18 CTL LUMN          |
2020-11-17 MYL VTRS          |
2021-08-03 LB BBWI           |
2021-10-04 COG CTRA          |
2022-01-10 WLTW WTW          |
2022-02-17 VIAC PARA         |
2022-04-11 DISCA WBD         |
2022-05-10 BLL BALL          |
2022-06-09 FB META           |
2022-06-28 ANTM ELV          |
2022-11-08 NLOK GEN          |
2023-05-16 PKI RVTY          |
2023-06-07 FISV FI           |
2023-07-10 RE EG             |
2023-08-30 ABC COR           |
2024-02-01 CDAY DAY          |
2024-03-04 PEAK DOC          |
2024-03-25 FLT CPAY          |
2024-07-08 WRK SW            | WestRock, Smurfit Westrock
2025-08-08 PARA PSKY         |
2025-11-11 FI FISV           |
2026-01-14 MMC MRSH          |
2026-04-17 PSTG P            |
2026-05-21 BK BNY            |
2026-06-24 SATS ECHO         |
2026-10-06 PSKY SKYD         |
"""
"""Day, old ticker, new one; whose, where the letters do not say it. From the firms' announcements;
where the base or another source has the day, it is theirs."""

LATER = """
AABA YHOO, AAMRQ AMR, ABKFQ ABK, ANRZQ ANR, ATGE DV, BHMSQ BS, BTUUQ BTU, CCTYQ CC, CITGQ CIT
CPNLQ CPN, DALRQ DAL, DCNAQ DCN, DPHIQ DPH, EKDKQ EK, ENRNQ ENE, FLMIQ FLM, FMCC FRE, FNMA FNM
GAPTQ GAP, HSH SLE, INCLF N, KATE LIZ, LEHMQ LEH, NRTLQ NT, OWENQ OWC, RSHCQ RSH, SUNEQ WFR
UAWGQ U, VSTNQ VC, WAMUQ WM, WCOEQ WCOM, WNDXQ WIN, VIAV JDSU
"""
"""Tickers of the base that the firm got after it had left the index, and what it had in it."""

RIGHT_SINCE = date(2019, 6, 1)
"""From here on the base writes each ticker on its own days."""

MORE = (
    # The base takes two firms that had one ticker after each other for one.
    ("SBC", BEGINS, date(2005, 12, 1)),
    ("WPI", date(1999, 4, 12), date(2013, 1, 24)),
    ("ACT", date(2013, 1, 24), date(2015, 6, 15)),
    ("ACE", date(2010, 7, 15), date(2016, 1, 15)),
    ("TYC", date(2010, 8, 27), date(2016, 9, 6)),
)
"""Intervals that the base lacks, by index-constitution and the published lists."""


@dataclass(frozen=True, slots=True, order=True)
class Interval:
    """`symbol` was a member from `start` up to `end`, without it; `known` names who says so."""

    symbol: str
    start: date
    end: date
    name: str = ""
    known: tuple[str, ...] = ()

    def __contains__(self, day: date) -> bool:
        return self.start <= day < self.end


@dataclass(frozen=True, slots=True)
class Rename:
    day: date
    old: str
    new: str
    name: str


# --- reading the sources ------------------------------------------------------------------
def rows(file: Path) -> list[dict[str, str]]:
    with file.open(encoding="utf-8-sig", newline="") as lines:
        return list(csv.DictReader(lines))


def dotted(symbol: str) -> str:
    return symbol.strip().replace("-", ".")


def day_of(text: str) -> date:
    return date.fromisoformat(text) if text else OPEN


def intervals(file: Path, symbol: str, start: str, end: str, known: str) -> list[Interval]:
    return [
        Interval(dotted(r[symbol]), day_of(r[start]), day_of(r[end]), r.get("name", ""), (known,))
        for r in rows(file)
    ]


def other(sources: Path, index: str) -> list[Interval]:
    file = sources / "index_constitution_pypi_1.0.1" / f"history_{index}.csv"
    return intervals(file, "symbol", "opt-in", "opt-out", OTHER)


def published_lists(sources: Path) -> dict[date, frozenset[str]]:
    """The lists as published, by day."""
    changes = defaultdict(list)
    for row in rows(sources / "datasets_sp500_revisions" / "revisions.csv"):
        key = dotted(row["symbol"]), row["cik"]
        changes[day_of(row["date"])].append((row["change"] == "+", key))
    found, now = {}, set[tuple[str, str]]()
    for day in sorted(changes):
        for joins, key in changes[day]:
            (now.add if joins else now.discard)(key)
        found[day] = frozenset(symbol for symbol, _ in now)
    return found


def renames() -> list[Rename]:
    found = []
    for line in filter(None, RENAMES.splitlines()):
        facts, _, name = line.partition("|")
        day, old, new = facts.split()
        found.append(Rename(day_of(day), old, new, name.strip()))
    return found


# --- the S&P 500 --------------------------------------------------------------------------
APART = {
    "T": (date(2005, 11, 21), date(2005, 12, 1)),
    "AGN": (date(2015, 3, 23), date(2015, 6, 15)),
    "CB": (date(2016, 1, 15), date(2016, 1, 15)),
}
"""When one firm left under a ticker, and the next one had it; the base takes them for one."""


def sp500(sources: Path) -> list[Interval]:
    changed = renames()
    file = sources / "fja05680_sp500" / "sp500_ticker_start_end.csv"
    base = intervals(file, "ticker", "start_date", "end_date", BASE)
    later = dict(pair.split() for line in LATER.split("\n") for pair in line.split(",") if pair)
    base = on_their_days(base, changed)
    early = [part for one in base if one.start < BASE_ENDS for part in apart(one)]
    early += [Interval(*facts, known=(OTHER,)) for facts in MORE]
    dated = [part for one in early for part in backwards(one, changed)]
    dated = [replace(i, symbol=later.get(i.symbol, i.symbol)) for i in dated]
    since = other(sources, "sp500")
    found = [part for one in dated for part in forwards(one, changed, since)]
    fresh = [
        i
        for i in since
        if i.start >= BASE_ENDS and not any(i.symbol == f.symbol and f.end > i.start for f in found)
    ]
    found += [part for one in fresh for part in backwards(one, changed, since=BASE_ENDS)]
    return joined(named(found, since, changed))


def on_their_days(base: Iterable[Interval], changed: Iterable[Rename]) -> list[Interval]:
    """The base with each ticker given up on the settled day, where it has one near to it."""
    day_of_ = {(r.old, r.new, near): r.day for r in changed for near in weeks_around(r.day)}
    ends = {(one.symbol, one.end) for one in base}
    olds = {(r.old, r.new) for r in changed}
    moved_ends, moved_starts = {}, {}
    for one in base:
        for old, new in olds:
            day = day_of_.get((old, new, one.start)) if one.symbol == new else None
            if day and (old, one.start) in ends:
                moved_ends[old, one.start] = moved_starts[new, one.start] = day
    return [
        replace(
            one,
            start=moved_starts.get((one.symbol, one.start), one.start),
            end=moved_ends.get((one.symbol, one.end), one.end),
        )
        for one in base
    ]


def weeks_around(day: date) -> Iterator[date]:
    return (day + timedelta(n) for n in range(-35, 36))


def apart(one: Interval) -> Iterator[Interval]:
    left, begins = APART.get(one.symbol, (OPEN, OPEN))
    if begins not in one or begins == OPEN:
        yield one
    else:
        yield replace(one, end=left)
        yield replace(one, start=begins)


def backwards(one: Interval, changed: Iterable[Rename], since: date = date.min) -> list[Interval]:
    """An interval written under its last ticker, by the tickers of its days."""
    found = [one]
    for rename in sorted(changed, key=lambda r: r.day, reverse=True):
        first = found[-1]
        right = RIGHT_SINCE <= rename.day < BASE_ENDS or rename.day < since
        if rename.new != first.symbol or right or rename.new in APART:
            continue
        if first.start < rename.day:
            found.pop()
            if rename.day < first.end:
                found.append(replace(first, start=rename.day))
            found.append(replace(first, symbol=rename.old, end=min(first.end, rename.day)))
    return found


def forwards(
    one: Interval,
    changed: Iterable[Rename],
    since: Sequence[Interval],
    base_ends: date = BASE_ENDS,
) -> list[Interval]:
    """An interval that the base leaves open: its end, and its tickers up to then."""
    if one.end != OPEN:
        return [one]
    found = [one]
    for rename in changed:
        if rename.day >= base_ends and rename.old == found[-1].symbol:
            found[-1] = replace(found[-1], end=rename.day)
            found.append(replace(one, symbol=rename.new, start=rename.day))
    ends = [i.end for i in since if i.symbol == found[-1].symbol and i.end > base_ends]
    if not ends:
        raise SystemExit(f"{found[-1]} is open, and {OTHER} does not know it.")
    found[-1] = replace(found[-1], end=max(ends))
    return [part for part in found if part.start < part.end]


def joined(found: Iterable[Interval]) -> list[Interval]:
    """Intervals of one symbol that overlap or touch, as one."""
    out: list[Interval] = []
    for one in sorted(found):
        last = out[-1] if out else None
        if last and last.symbol == one.symbol and one.start <= last.end:
            known = tuple(dict.fromkeys((*last.known, *one.known)))
            out[-1] = replace(last, end=max(last.end, one.end), known=known)
        else:
            out.append(one)
    return out


def named(
    found: Iterable[Interval], since: Sequence[Interval], changed: Sequence[Rename]
) -> list[Interval]:
    """With the name that the other source has, and that it knows the interval."""
    by_firm = defaultdict(list)
    for one in since:
        by_firm[firm(one, changed)].append(one)
    out = []
    for one in found:
        same = [i for i in by_firm[firm(one, changed)] if i.start < one.end and one.start < i.end]
        known = tuple(dict.fromkeys((*one.known, *(OTHER for _ in same[:1]))))
        out.append(replace(one, name=same[0].name if same else "", known=known))
    return out


def firm(one: Interval, changed: Sequence[Rename]) -> str:
    """The last ticker that the firm came to have after the interval began."""
    symbol, day = one.symbol, one.start
    for rename in changed:
        if rename.old == symbol and rename.day > day:
            symbol, day = rename.new, rename.day
    return symbol


# --- what the sources disagree about ------------------------------------------------------
ENDS = date(2026, 10, 10)
"""The day after the last one that index-constitution speaks of."""


@dataclass(frozen=True, slots=True)
class Year:
    """Days of members in one year: known to both sources, to one that the other does not
    contradict, and disputed."""

    year: int
    both: int
    one: int
    disputed: int


def votes(
    found: Sequence[Interval], since: Sequence[Interval], changed: Sequence[Rename]
) -> list[Year]:
    """The index as it is shipped against index-constitution, firm by firm.

    Of a firm that index-constitution does not have at all it says nothing; nor does it before the
    first day of one that it lets begin on a placeholder.
    """
    ours, theirs = days_of_firms(found, changed), days_of_firms(since, changed)
    vague = {firm(i, changed) for i in since if i.start <= PLACEHOLDER}
    both, one, disputed = [], [], []
    for key in ours.keys() | theirs.keys():
        mine, other_ = ours.get(key, 0), theirs.get(key, 0)
        if key in vague and mine:
            other_ &= ~((mine & -mine) - 1)
        both.append(mine & other_)
        one.append(0 if other_ else mine)
        disputed.append(mine ^ other_ if other_ else 0)

    def of_year(year: int) -> Year:
        mask = days(date(year, 1, 1), date(year + 1, 1, 1))
        counts = (sum((m & mask).bit_count() for m in part) for part in (both, one, disputed))
        return Year(year, *counts)

    return [of_year(year) for year in range(BEGINS.year, ENDS.year + 1)]


def days_of_firms(found: Iterable[Interval], changed: Sequence[Rename]) -> dict[str, int]:
    """The days of each firm's membership, a bit a day."""
    out: dict[str, int] = defaultdict(int)
    for one in found:
        out[firm(one, changed)] |= days(one.start, one.end)
    return out


def days(start: date, end: date) -> int:
    first, last = (
        min(max(day, BEGINS), ENDS).toordinal() - BEGINS.toordinal() for day in (start, end)
    )
    return (1 << last) - (1 << first)


# --- the other two ------------------------------------------------------------------------
def nasdaq100(sources: Path) -> list[Interval]:
    """By n100tickers, which has each year's members and the days on which they changed."""
    files = sorted((sources / "n100tickers").glob("*.yaml"))
    since: dict[str, date] = {}
    found: list[Interval] = []
    for file in files:
        year, first, changes = read_year(file)
        if not since:
            since = dict.fromkeys(first, date(year, 1, 1))
        elif set(since) != set(first):
            raise SystemExit(f"{file.name} does not begin as the year before ends.")
        for day in sorted(changes):
            joins, leaves = changes[day]
            found += [Interval(s, since.pop(s), day, "", (NASDAQ,)) for s in sorted(leaves)]
            since |= dict.fromkeys(joins - set(since), day)
    found += [Interval(s, start, OPEN, "", (NASDAQ,)) for s, start in since.items()]
    since_then = other(sources, "nasdaq100")
    found = [part for one in found for part in forwards(one, (), since_then, day)]
    found += [i for i in since_then if i.start > day]
    return joined(named(found, since_then, renames()))


def read_year(file: Path) -> tuple[int, set[str], dict[date, tuple[set[str], set[str]]]]:
    """The year, its first members, and by day who joined and who left. The files are of one plain
    form, which this reads, comments left out."""
    year, first, changes, into = 0, set[str](), {}, set[str]()
    for line in file.read_text(encoding="utf-8").splitlines():
        text = line.partition("#")[0].strip().strip("'\"")
        if text.startswith("year:"):
            year = int(text.partition(":")[2])
        elif text == "tickers_on_Jan_1:":
            into = first
        elif found := re.match(r"(\d{4}-\d\d-\d\d)['\"]?:", text):
            changes[day := day_of(found[1])] = (set[str](), set[str]())
        elif text in ("union:", "difference:"):
            into = changes[day][text == "difference:"]
        elif text.startswith("- "):
            into.add(dotted(text[2:].strip("'\"").upper()))
        elif text not in ("", "---", "changes:"):
            raise SystemExit(f"{file.name}: {line!r} is not understood.")
    return year, first, changes


DOW_BEGINS = date(1991, 5, 6)
"""From here on index-constitution names thirty members every day."""


def dow30(sources: Path) -> list[Interval]:
    """By index-constitution alone, whose intervals carry the ticker of their days but for a few."""
    found = [replace(i, start=max(i.start, DOW_BEGINS)) for i in other(sources, "dow30")]
    return joined(i for i in found if i.start < i.end)


# --- writing ------------------------------------------------------------------------------
def write(file: Path, header: Sequence[str], lines: Iterable[Sequence[object]]) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    with file.open("w", encoding="utf-8", newline="") as out:
        writer = csv.writer(out, lineterminator="\n")
        writer.writerow(header)
        writer.writerows(lines)
    print(f"{file.name}: written")


def iso(day: date) -> str:
    return "" if day == OPEN else day.isoformat()


def check_lists(found: Sequence[Interval], sources: Path) -> None:
    """Hold the index against every list that was published, and each rename too."""
    lists = published_lists(sources)
    wrong = 0
    for day, theirs in lists.items():
        ours = {i.symbol for i in found if day in i}
        differ = (ours ^ theirs) - DOTLESS
        wrong += len(differ)
        print(day, len(ours), " ".join(sorted(differ)))
    print(f"{wrong} of {sum(map(len, lists.values()))} entries differ")


def main() -> None:
    sources = Path(sys.argv[1])
    data = Path(sys.argv[2]) if len(sys.argv) > 2 else DATA
    found = {"sp500": sp500(sources), "nasdaq100": nasdaq100(sources), "dow30": dow30(sources)}
    check_lists(found["sp500"], sources)
    header = ("symbol", "name", "opt-in", "opt-out", "known")
    for index, rows_ in found.items():
        write(
            data / "catalog" / "history" / f"index_{index}.csv",
            header,
            [(i.symbol, i.name, iso(i.start), iso(i.end), "; ".join(i.known)) for i in rows_],
        )
    years = votes(found["sp500"], other(sources, "sp500"), renames())
    write(
        data / "catalog" / "history" / "index_sp500.votes.csv",
        ("year", "both", "one", "disputed"),
        [(y.year, y.both, y.one, y.disputed) for y in years],
    )
    write(
        data / "instruments" / "renames.csv",
        ("date", "event", "symbol", "new_symbol", "name"),
        [(iso(r.day), "ticker_change", r.old, r.new, r.name) for r in renames()],
    )


if __name__ == "__main__":
    main()
