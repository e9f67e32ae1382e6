"""What is wrong with stored universes: pure checks over rows, and what to do about each finding."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta

from tickstock.errors import BadKey, BadSymbol, MalformedUniverse, TickStockError
from tickstock.model import UNIVERSE_TYPES, Instrument, UniverseRef
from tickstock.universes.findings import Finding, Severity, UniverseCheck, exit_code, order, render
from tickstock.universes.identifiers import (
    IDENTIFIERS,
    Identify,
    bare_identifier,
    nobody_knows,
)
from tickstock.universes.key import check_key, check_name
from tickstock.universes.known import is_known
from tickstock.universes.suggest import shown, visible
from tickstock.universes.symbol import SYMBOL, read_symbol
from tickstock.universes.value import DOUBLE_ENCODED, ValueReport, read_value_report

__all__ = [
    "Context",
    "Finding",
    "Severity",
    "StoredUniverse",
    "UniverseCheck",
    "exit_code",
    "render",
    "safe_symbols",
    "validate",
]

MASTERS = frozenset(
    {
        UniverseRef("stock_universe", "master_all_stocks"),
        UniverseRef("etf_universe", "master_all_etfs"),
    }
)
SIZES: Mapping[UniverseRef, tuple[int, int]] = {
    UniverseRef("stock_universe", "index_dow30"): (30, 30),
    UniverseRef("stock_universe", "index_nasdaq100"): (95, 110),
    UniverseRef("stock_universe", "index_sp100"): (99, 103),
    UniverseRef("stock_universe", "index_sp500"): (495, 510),
    UniverseRef("stock_universe", "index_sp600"): (595, 610),
    UniverseRef("stock_universe", "index_russell3000"): (2500, 3200),
}
"""How many symbols an index may have, both ends included: companies with two share classes and
changes under way make the number differ from the name."""
SECTOR_SCHEMES = ("gics", "icb", "sic", "naics", "trbc")
"""`sector_gics_energy` belongs to the scheme gics; `sector_energy` to the one without a name."""
NEAR_DUPLICATE = 0.95
CLOCK_SKEW = timedelta(minutes=5)


_NAMES_MATTER = "People choose universes by their names."
_BY_FIX = "`tickstock universe validate --fix` does it."


@dataclass(frozen=True, slots=True)
class StoredUniverse:
    """A row as it is stored; `value` is JSON as Python holds it. `source_date` is the day for
    which the source of the members is good, where it is known."""

    ref: UniverseRef
    environment: str
    name: str
    value: object
    updated_at: datetime | None = None
    description: str = ""
    source: str = ""
    expression: str | None = None
    source_date: date | None = None


@dataclass(frozen=True, slots=True)
class Context:
    """What the checks have to know besides the rows.

    `evaluated` gives, by environment and universe, what each stored expression gives now: its
    symbols, or the error; expressions without an entry are not checked. `instruments` are those
    that are known, by every ticker that they have or had; `is_known` tells of other symbols whether
    somebody knows them, and `identify` of identifiers which symbols they have. Sources are dated
    by `now`; rows by the database's clock, which says `database_now`.
    """

    now: datetime
    database_now: datetime | None = None
    max_source_age: timedelta = timedelta(days=365)
    masters: Collection[UniverseRef] = MASTERS
    sizes: Mapping[UniverseRef, tuple[int, int]] = field(default_factory=lambda: SIZES)
    evaluated: Mapping[tuple[str, UniverseRef], tuple[str, ...] | TickStockError] = field(
        default_factory=dict
    )
    instruments: Mapping[str, Instrument] = field(default_factory=dict)
    is_known: Callable[[str], bool] = is_known
    identify: Identify = nobody_knows

    def who(self, symbol: str) -> int | str:
        """Whom a symbol names: an instrument, or itself."""
        found = self.instruments.get(symbol)
        return symbol if found is None else found.id


@dataclass(frozen=True, slots=True)
class _Read:
    """A row whose value could be read; `symbols` are what readers get, live for expressions."""

    row: StoredUniverse
    report: ValueReport
    symbols: tuple[str, ...]
    members: frozenset[str]


def validate(rows: Iterable[StoredUniverse], context: Context) -> list[Finding]:
    """Everything that is wrong with the rows, errors first, then by environment and universe.

    Universes are compared with each other inside one environment only. Reads nothing but its
    arguments and never raises on what a row holds.
    """
    findings: list[Finding] = []
    spelling = _SymbolJudge(context.identify)
    by_environment: dict[str, list[StoredUniverse]] = {}
    for row in rows:
        by_environment.setdefault(row.environment, []).append(row)
    for group in by_environment.values():
        read: list[_Read] = []
        for row in group:
            findings += _row_findings(row, context)
            findings += _read_into(read, row, context)
        for one in read:
            findings += spelling.findings(one)
        for check in _TOGETHER:
            findings += check(read, context)
    return sorted(findings, key=order)


def safe_symbols(row: StoredUniverse, identify: Identify = nobody_knows) -> tuple[str, ...] | None:
    """The row's symbols with everything fixed that is safe to fix, None when nothing is.

    Safe are: dropping repeats, respelling into the vendor's spelling (of an identifier
    that `identify` knows, its symbol), and turning a list that is
    encoded twice into a plain one. Values that hold more than symbols are left to a person.
    """
    try:
        report = read_value_report(row.ref, row.environment, row.value)
    except MalformedUniverse:
        return None
    if row.expression is not None or _holds_more(row.value):
        return None
    fixed = tuple(dict.fromkeys(_respelled(symbol, identify) for symbol in report.symbols))
    unchanged = fixed == report.symbols and not report.duplicates
    return None if unchanged and report.shape != DOUBLE_ENCODED else fixed


def _respelled(symbol: str, identify: Identify) -> str:
    try:
        return read_symbol(symbol)[0]
    except BadSymbol as fault:
        return (_identified(symbol, identify) if fault.kind in IDENTIFIERS else "") or symbol


def _holds_more(value: object) -> bool:
    """Whether an element is an object, whose other fields a plain list would lose."""
    lists = [value] if isinstance(value, list) else []
    if isinstance(value, dict):
        lists = [items for items in value.values() if isinstance(items, list)]
    return any(isinstance(item, dict) for items in lists for item in items)


# ---------------------------------------------------------------------- one row
def _found(
    check: UniverseCheck, row: StoredUniverse, what: str, why: str, fix: str, symbol: str = ""
) -> Finding:
    return Finding(check.severity, row.ref, row.environment, symbol, what, why, fix, check)


def _row_findings(row: StoredUniverse, context: Context) -> Iterator[Finding]:
    """What can be said without the value of the row."""
    yield from _naming(row)
    yield from _times(row, context)
    if row.ref.type not in UNIVERSE_TYPES:
        yield _found(
            UniverseCheck.COMBO,
            row,
            f"The type {visible(row.ref.type)} is no longer written.",
            "It is still read; programs that list stock and ETF universes do not see it.",
            "Store the union of both parts as an expression and delete this row.",
        )
    outcome = context.evaluated.get((row.environment, row.ref))
    if isinstance(outcome, TickStockError):
        yield _broken_expression(row, outcome)


def _naming(row: StoredUniverse) -> Iterator[Finding]:
    try:
        warning = check_key(row.ref.key)
    except BadKey as error:
        why = "Expressions name it in quotes only, and other programs may not be able to."
        command = f"`tickstock universe rename {shlex.quote(str(row.ref))} {row.ref.type}:NEW_KEY`"
        yield _found(UniverseCheck.KEY, row, error.what, why, f"Rename it: {command}. {error.hint}")
    else:
        if warning:
            why = "The prefix tells lists of the market, indexes, sectors and themes apart."
            yield _found(
                UniverseCheck.PREFIX, row, warning, why, "Rename it, or leave it as it is."
            )
    try:
        has_blanks = check_name(row.name) != row.name
    except BadKey as error:
        yield _found(UniverseCheck.NAME, row, error.what, _NAMES_MATTER, error.hint)
    else:
        if has_blanks:
            what = f"The name {shown(row.name)} has blanks around it."
            yield _found(UniverseCheck.NAME, row, what, _NAMES_MATTER, "Remove them.")


def _times(row: StoredUniverse, context: Context) -> Iterator[Finding]:
    why = "Nobody can tell how old the universe is."
    if row.updated_at is None:
        what = "updated_at is not set."
        yield _found(
            UniverseCheck.UPDATED, row, what, why, "Write the row again; the database sets it."
        )
    elif row.updated_at > (context.database_now or context.now) + CLOCK_SKEW:
        what = f"updated_at lies in the future ({row.updated_at:%Y-%m-%d %H:%M %Z})."
        yield _found(
            UniverseCheck.UPDATED, row, what, why, "Write the row again; check who sets it."
        )
    if row.source_date and context.now.date() - row.source_date > context.max_source_age:
        yield _found(
            UniverseCheck.SOURCE_AGE,
            row,
            f"The members are those of {row.source_date}.",
            f"That is more than {context.max_source_age.days} days ago; members have changed.",
            f"Import a newer list{f' from {visible(row.source)}' if row.source else ''}.",
        )


def _broken_expression(row: StoredUniverse, error: TickStockError) -> Finding:
    return _found(
        UniverseCheck.EXPRESSION,
        row,
        f"The expression {shown(row.expression or '', 120)} no longer resolves: {error.what}",
        "Whoever asks for this universe gets an error.",
        error.hint or "Correct the expression, or the universes that it names.",
    )


def _read_into(read: list[_Read], row: StoredUniverse, context: Context) -> Iterator[Finding]:
    """Read the value of a row; what can be read goes to the checks that compare rows."""
    try:
        report = read_value_report(row.ref, row.environment, row.value)
    except MalformedUniverse as error:
        why = "No program can read the universe."
        yield _found(UniverseCheck.SHAPE, row, error.what, why, error.hint)
        return
    live = context.evaluated.get((row.environment, row.ref), report.symbols)
    symbols = live if isinstance(live, tuple) else report.symbols
    read.append(_Read(row, report, symbols, frozenset(symbols)))
    yield from _of_report(row, report)
    if row.expression is not None and set(symbols) != set(report.symbols):
        yield _out_of_date(row, set(report.symbols), set(symbols))


def _of_report(row: StoredUniverse, report: ValueReport) -> Iterator[Finding]:
    if not report.symbols:
        yield _found(
            UniverseCheck.EMPTY,
            row,
            "The universe names no symbol.",
            "A job of it would do nothing.",
            "Add symbols, or delete the universe.",
        )
    for symbol in report.duplicates:
        what = f"{visible(symbol)} is listed more than once."
        why = "Programs that count the list get a wrong number."
        yield _found(UniverseCheck.DUPLICATE, row, what, why, _BY_FIX, symbol)
    if report.shape == DOUBLE_ENCODED:
        what = "The list is stored as text inside JSON."
        why = "Most programs that read the table take it for no list at all."
        yield _found(UniverseCheck.ENCODING, row, what, why, _BY_FIX)
    for note in report.count_notes:
        why = "Somebody changed the list and not the number, or the list was cut."
        yield _found(UniverseCheck.COUNT, row, note, why, "Compare the list with its source.")


def _out_of_date(row: StoredUniverse, stored: set[str], live: set[str]) -> Finding:
    return _found(
        UniverseCheck.OUT_OF_DATE,
        row,
        f"The stored list lacks {len(live - stored)} symbols that its expression gives now and"
        f" holds {len(stored - live)} that it no longer gives.",
        "Programs that read the table by SQL see the old list.",
        "Run `tickstock universe organize`, or set the expression again.",
    )


class _SymbolJudge:
    """Judges every distinct symbol once, however many universes hold it."""

    def __init__(self, identify: Identify) -> None:
        self.good: set[str] = set()
        self._identify = identify

    def findings(self, read: _Read) -> Iterator[Finding]:
        for symbol in sorted(set(read.report.symbols) - self.good):
            try:
                spelled, _ = read_symbol(symbol)
            except BadSymbol as error:
                if error.kind in IDENTIFIERS and (meant := _identified(symbol, self._identify)):
                    yield self._misspelt(read, symbol, meant)
                    continue
                why = "No vendor knows it; every job of the universe will miss it."
                yield _found(UniverseCheck.SYMBOL, read.row, error.what, why, error.hint, symbol)
                continue
            if spelled == symbol:
                self.good.add(symbol)
                continue
            yield self._misspelt(read, symbol, spelled)

    def _misspelt(self, read: _Read, symbol: str, spelled: str) -> Finding:
        what = f"{shown(symbol)} is not the vendor's spelling, which is {spelled}."
        why = "Symbols are compared letter by letter; the vendor does not know this one."
        return _found(UniverseCheck.SPELLING, read.row, what, why, _BY_FIX, symbol)


def _identified(text: str, identify: Identify) -> str:
    """The symbol that an identifier has, empty where nobody here knows it."""
    given = bare_identifier(text)
    return identify([given]).get(given, "")


# ---------------------------------------------------------------------- rows of one environment
def _masters(read: Sequence[_Read], context: Context) -> Iterator[Finding]:
    for master in read:
        if master.row.ref not in context.masters:
            continue
        if isinstance(context.evaluated.get((master.row.environment, master.row.ref)), Exception):
            continue  # its stored list says nothing about what it should be now
        holders: dict[str, list[UniverseRef]] = {}
        held = {context.who(symbol) for symbol in master.members}
        for one in read:
            if one.row.ref.type == master.row.ref.type:
                for symbol in one.members - master.members:
                    if context.who(symbol) not in held:
                        holders.setdefault(symbol, []).append(one.row.ref)
        for symbol, refs in holders.items():
            more = f" and {len(refs) - 1} more" if len(refs) > 1 else ""
            yield _found(
                UniverseCheck.MASTER,
                master.row,
                f"{visible(symbol)} is in {min(refs)}{more}, and not in the master list.",
                "A master holds every symbol of its type.",
                f"Store the master as the expression {master.row.ref.type}:*.",
                symbol,
            )


def _index_sizes(read: Sequence[_Read], context: Context) -> Iterator[Finding]:
    for one in read:
        least, most = context.sizes.get(one.row.ref, (0, len(one.members)))
        if not least <= len(one.members) <= most:
            expected = str(least) if least == most else f"{least} to {most}"
            yield _found(
                UniverseCheck.SIZE,
                one.row,
                f"The index has {len(one.members)} symbols, expected are {expected}.",
                "A list was cut short, or holds rows that are not members.",
                "Import the members again from a dated source.",
            )


def _sectors(read: Sequence[_Read], _: Context) -> Iterator[Finding]:
    schemes: dict[str, dict[str, list[_Read]]] = {}
    for one in read:
        scheme = _scheme(one.row.ref)
        if scheme is not None:
            sectors_of = schemes.setdefault(scheme, {})
            for symbol in one.members:
                sectors_of.setdefault(symbol, []).append(one)
    for sectors_of in schemes.values():
        for symbol, sectors in sectors_of.items():
            if len(sectors) > 1:
                keys = " and ".join(sorted(one.row.ref.key for one in sectors))
                yield _found(
                    UniverseCheck.SECTORS,
                    sectors[0].row,
                    f"{visible(symbol)} is in {len(sectors)} sectors of one scheme: {keys}.",
                    "Sums over sectors count it more than once.",
                    "Keep it in the sector that the source of the scheme names.",
                    symbol,
                )


def _scheme(ref: UniverseRef) -> str | None:
    """The classification that a sector belongs to, None where it is no sector of stocks."""
    if ref.type != "stock_universe" or not ref.key.startswith("sector_"):
        return None
    named = ref.key.split("_")[1]
    return named if named in SECTOR_SCHEMES else ""


def _same_names(read: Sequence[_Read], _: Context) -> Iterator[Finding]:
    first: dict[tuple[str, str], _Read] = {}
    for one in read:
        earlier = first.setdefault((one.row.ref.type, one.row.name), one)
        if earlier is not one:
            what = f"{earlier.row.ref} has the same name, {shown(one.row.name)}."
            why = "People cannot tell them apart in a list."
            yield _found(UniverseCheck.NAME, one.row, what, why, "Rename one of them.")


def _lookalikes(read: Sequence[_Read], _: Context) -> Iterator[Finding]:
    """Symbols that differ in case and points alone; some are right (BCPC and BCpC are)."""
    folded: dict[str, list[str]] = {}
    for symbol in sorted(frozenset[str]().union(*(one.members for one in read))):
        folded.setdefault(symbol.replace(".", "").lower(), []).append(symbol)
    alike = {symbol: group for group in folded.values() if group[1:] for symbol in group}
    for one in read:
        for symbol in sorted(alike.keys() & one.members):
            others = ", ".join(visible(other) for other in alike[symbol] if other != symbol)
            what = f"{visible(symbol)} is also written {others} in this environment."
            why = "One may be a misspelling: BRKB for BRK.B, KIMPL for KIMpL."
            fix = "Look both up; replace the wrong one."
            yield _found(UniverseCheck.LOOKALIKE, one.row, what, why, fix, symbol)


def _identities(read: Sequence[_Read], context: Context) -> Iterator[Finding]:
    """Symbols that are no longer what they were, by what is known of instruments."""
    for one in read:
        if one.row.expression is not None:
            continue  # its parts are told
        known = context.instruments.keys() & one.members
        for symbol in sorted(known):
            yield from _identity(one.row, symbol, context.instruments[symbol])
        strangers = filter(SYMBOL.fullmatch, one.members - known)
        unknown = sorted(s for s in strangers if not context.is_known(s))
        if unknown:
            yield _found(
                UniverseCheck.UNKNOWN,
                one.row,
                f"{len(unknown)} of {len(one.members)} symbols are known to nobody:"
                f" {', '.join(map(visible, unknown[:5]))}{' ...' if len(unknown) > 5 else ''}.",
                "They may be words, misspelled, listed elsewhere, or newer than the shipped list.",
                "Look them up; a job that finds bars makes a symbol known.",
            )


def _identity(row: StoredUniverse, symbol: str, instrument: Instrument) -> Iterator[Finding]:
    now = instrument.tickers[-1] if instrument.tickers else None
    if instrument.is_gone:
        when = (
            f"since {instrument.delisted}"
            if instrument.delisted
            else f"by {instrument.delisted_before}"
        )
        what = f"{visible(symbol)} is no longer listed {when}."
        why = "No new bars will come; as a list of today it is out of date."
        yield _found(UniverseCheck.DELISTED, row, what, why, "Remove it.", symbol)
    elif now is not None and now.symbol != symbol:
        what = f"{visible(symbol)} was renamed: since {now.span.start} it is {now.symbol}."
        why = "The vendor knows the old ticker for the days before alone."
        yield _found(UniverseCheck.RENAMED, row, what, why, f"Replace it by {now.symbol}.", symbol)


def _near_duplicates(read: Sequence[_Read], _: Context) -> Iterator[Finding]:
    from tickstock.universes.similar import near_duplicates  # with numpy, for this check alone

    lists = [one for one in read if one.row.expression is None]
    for twin in near_duplicates([one.members for one in lists], NEAR_DUPLICATE):
        one, other = lists[twin.index].row, lists[twin.other].row
        share = "the same list as" if twin.share == 1 else f"{twin.share:.1%} the same as"
        yield _found(
            UniverseCheck.NEAR_DUPLICATE,
            one,
            f"It is {share} {other.ref}.",
            "Two copies of one list drift apart.",
            f"Delete one, or store this one as an expression over {other.ref}.",
        )


_TOGETHER: tuple[Callable[[Sequence[_Read], Context], Iterator[Finding]], ...] = (
    _masters,
    _index_sizes,
    _sectors,
    _same_names,
    _lookalikes,
    _identities,
    _near_duplicates,
)
