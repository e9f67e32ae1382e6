"""Who was in a universe when, since when and through whom, and how a list differs from another."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from functools import cache, partial

from tickstock.config import Settings
from tickstock.errors import BadInput, BadSymbol, TickStockError, UnknownUniverse
from tickstock.model import UniverseRef
from tickstock.service.bounds import check_most
from tickstock.service.typed import read_one
from tickstock.spans import Span
from tickstock.store import history as store
from tickstock.store import instruments, listings
from tickstock.store.connection import Connection
from tickstock.store.database import Database
from tickstock.store.history import Blame, LogEntry
from tickstock.store.universe_lookup import PastLookup, ReadableFiles, StoreLookup, no_files
from tickstock.store.universes import exists, named
from tickstock.store.universes import get as get_universe
from tickstock.universes.expression import (
    AsOf,
    Evaluation,
    Node,
    asked_day,
    evaluate,
    parse,
    refuse_future,
    universes_under,
)
from tickstock.universes.suggest import did_you_mean, shown
from tickstock.universes.survivorship import Survivorship, Unlabelled, survivorship
from tickstock.universes.symbol import read_symbols
from tickstock.universes.validate import SIZES
from tickstock.universes.witnesses import witnesses


@dataclass(frozen=True, slots=True)
class View:
    """The symbols of an expression, perhaps on a day, perhaps as known at an instant.

    `lineage` names the parts that let each symbol in. `label` says how far today's list stands for
    that day; `notes` what has to be known about the sources.
    """

    symbols: tuple[str, ...]
    lineage: Mapping[str, tuple[str, ...]]
    label: Survivorship | None = None
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class UniverseDifference:
    """Symbols in the first of two lists alone, in the second alone, and in both."""

    only_first: tuple[str, ...]
    only_second: tuple[str, ...]
    common: tuple[str, ...]


class Histories:
    """Reads the past of universes."""

    def __init__(
        self, database: Database, settings: Settings, files: ReadableFiles = no_files
    ) -> None:
        self._database = database
        self._environment = settings.environment
        self._files = files

    def _lookup(self, conn: Connection) -> StoreLookup:
        return StoreLookup(conn, self._environment, files=self._files)

    def show(
        self, expression: str, as_of: date | None = None, known_at: datetime | None = None
    ) -> View:
        """The symbols of an expression now, on a day, or as this database said at an instant.

        With `as_of`, membership is that of the end of that day in New York, and the view has a
        label. With `known_at` (timezone-aware), universes, expressions and what was known of the
        past are those of that instant.

        Raises BadExpression, UnknownUniverse (also for a day of which nothing is known),
        EmptyUniverse, MalformedUniverse, BadInput for an instant without a zone.
        """
        if known_at is not None and known_at.tzinfo is None:
            raise BadInput(
                f"The time {known_at} has no zone.", "Write it like 2026-11-22T15:30:00+00:00."
            )
        if known_at is not None and not 1 < known_at.year < date.max.year:
            raise BadInput(f"Nothing was known at {known_at}.", "Give a time of this database.")
        tree = parse(expression)
        asked = tree if as_of is None else AsOf(tree, as_of)
        with self._database.transaction() as conn:
            label = None
            if known_at is None:
                lookup = self._lookup(conn)
                found = evaluate(asked, lookup)
                if as_of is not None:
                    label = self._labelled(conn, tree, found, as_of)
            else:
                lookup = PastLookup(conn, known_at, self._environment, self._files)
                found = _evaluate_then(asked, lookup, known_at)
        notes = (*_notes(lookup), *found.notes)
        return View(found.symbols, found.lineage, label, notes)

    def _labelled(
        self, conn: Connection, tree: Node, then: Evaluation, day: date
    ) -> Survivorship | None:
        """Today's list against the one of the day; None where there is none today."""
        try:
            now = evaluate(tree, self._lookup(conn))
        except TickStockError:
            return None
        return _label(conn, now, asked_day(tree), then.symbols, day)

    def survivorship(self, expression: str, day: date) -> Survivorship | Unlabelled:
        """How far today's list stands for the universe on `day`, or why nobody can say.

        Raises what evaluating the expression now raises.
        """
        tree = parse(expression)
        if isinstance(tree, AsOf) and isinstance(tree.when, Span):
            day = max(day, tree.when.start)  # a job may be padded
        with self._database.transaction() as conn:
            lookup = self._lookup(conn)
            used = evaluate(tree, lookup)
            under = universes_under(tree, lookup)
            if not under:
                return Unlabelled("Symbols named one by one have no past.", is_own=True)
            try:
                inner = tree.node if isinstance(tree, AsOf) else tree
                then = evaluate(AsOf(inner, day), self._lookup(conn))
            except TickStockError as error:
                has_past = self._has_past(conn, under)
                return Unlabelled(error.what, is_own=not has_past)
            return _label(conn, used, asked_day(tree), then.symbols, day)

    def _has_past(self, conn: Connection, refs: Iterable[UniverseRef]) -> bool:
        """Whether one of the universes has, or should have, a past that was told."""
        return any(
            ref.key.startswith("index_") or store.known_spans(conn, ref, self._environment)
            for ref in refs
        )

    def containing(self, symbol: str, as_of: date | None = None) -> dict[UniverseRef, str]:
        """The universes of all types that hold a symbol, now or on a day, and how they call it.

        A ticker stands for its instrument: FB on a day of 2015 is in the lists that name META.
        Raises BadSymbol, BadDates for a day that has not come.
        """
        with self._database.transaction() as conn:
            if as_of is not None:
                refuse_future(as_of, self._lookup(conn))
            written = read_one(conn, symbol)
            found = self._holding(conn, written, as_of)
            if not found:
                spelled = instruments.spelled(conn, [written])
                found = self._listing(conn, spelled.values(), as_of)
        return dict(sorted(found.items()))

    def once(self, symbol: str) -> dict[UniverseRef, date | None]:
        """The universes of all types that held a symbol, by any of its tickers, and do not now; and
        the last day on which they did, as far as changes and told histories say so.

        Raises BadSymbol.
        """
        with self._database.transaction() as conn:
            written = read_one(conn, symbol)
            names = instruments.read_names(conn)
            member = names.who(written, None)
            called = sorted({written, *names.tickers(member)})
            now = self._holding(conn, written, None)
            rows = store.containing_once(conn, called, self._environment)
        found: dict[UniverseRef, date | None] = {}
        for ref, name, until in rows:
            # A ticker that another firm had on that day is not this one's.
            if ref not in now and names.who(name, until) == member:
                known = found.get(ref)
                found[ref] = max(known, until) if known and until else known or until
        return dict(sorted(found.items()))

    def _holding(self, conn: Connection, written: str, day: date | None) -> dict[UniverseRef, str]:
        """The universes that hold whom a symbol names, by any of its tickers."""
        names = instruments.read_names(conn)
        member = names.who(written, day)
        called = [name for name in names.tickers(member) if names.who(name, day) == member]
        return self._listing(conn, dict.fromkeys([written, *sorted(called)]), day)

    def _listing(
        self, conn: Connection, names: Iterable[str], day: date | None
    ) -> dict[UniverseRef, str]:
        """The universes that list one of the names, and the first name under which each does."""
        found: dict[UniverseRef, str] = {}
        for name in names:
            for ref in store.containing(conn, name, self._environment, day):
                found.setdefault(ref, name)
        return found

    def diff(self, first: str, second: str) -> UniverseDifference:
        """Two expressions compared, also one on two days (`index_sp500 @ 2020-01-02`).

        Compared by instrument, each by its ticker of the day: a rename is no difference.
        """
        with self._database.transaction() as conn:
            one, other = (self._identified(conn, parse(text)) for text in (first, second))
        return UniverseDifference(
            tuple(sorted(one[key] for key in one.keys() - other.keys())),
            tuple(sorted(other[key] for key in other.keys() - one.keys())),
            tuple(sorted(other[key] for key in one.keys() & other.keys())),
        )

    def _identified(self, conn: Connection, tree: Node) -> dict[int | str, str]:
        """What an expression holds, by instrument; a symbol of none stands for itself."""
        symbols = evaluate(tree, self._lookup(conn)).symbols
        named = instruments.find_instruments(conn, symbols, _on(asked_day(tree)))
        return {named[s].id if s in named else s: s for s in symbols}

    def log(self, name: str, most: int = 100) -> list[LogEntry]:
        """The last changes of a universe and histories recorded of it, the latest first.

        None of a universe that is as another program left it before this database was ours.
        Raises UnknownUniverse where nothing was ever recorded, and nothing is there.
        """
        check_most(most)
        with self._database.transaction() as conn:
            ref = named(conn, name, self._environment)
            found = store.log(conn, ref, self._environment, most)
            is_there = bool(found) or exists(conn, ref, self._environment)
        if not is_there:
            raise UnknownUniverse(
                f"Nothing is recorded of {shown(name, 120)}.",
                "`tickstock universe list` shows what there is.",
            )
        return found

    def blame(self, name: str, *symbols: str) -> list[Blame]:
        """Since when, and through which change, each member (or each of `symbols`) is in it.

        Raises BadSymbol for one that is not in it.
        """
        with self._database.transaction() as conn:
            ref = named(conn, name, self._environment)
            members = get_universe(conn, ref, self._environment).symbols
            names = instruments.read_names(conn)
            held = {names.who(symbol): symbol for symbol in members}
            asked: dict[str, None] = {}
            for symbol in read_symbols(symbols, partial(listings.identified, conn)).symbols:
                meant = held.get(names.meant(symbol, held))
                if meant is None:
                    hint = did_you_mean(symbol, members) or _LOG.format(ref)
                    raise BadSymbol(f"{symbol} is not in {ref} now.", hint)
                asked[meant] = None
            return store.blame(conn, ref, asked or members, self._environment, names)


def _on(day: date | None) -> Span | None:
    return Span.inclusive(day, day) if day else None


def _label(
    conn: Connection, used: Evaluation, of: date | None, then: Sequence[str], day: date
) -> Survivorship:
    """The label of the list used, whose symbols are tickers of a day, or of today."""
    now_named = instruments.find_instruments(conn, used.symbols, _on(of))
    then_named = instruments.find_instruments(conn, then, _on(day))
    return survivorship(used.members, then, day, now_named, then_named)


_LOG = "`tickstock universe log {}` shows who joined and left."


def _evaluate_then(asked: Node, lookup: PastLookup, known_at: datetime) -> Evaluation:
    try:
        return evaluate(asked, lookup)
    except UnknownUniverse as e:
        raise UnknownUniverse(
            f"At {known_at:%Y-%m-%d %H:%M:%S %Z} this database knew no answer: {e.what}",
            "`tickstock universe log REF` shows since when it knows a universe.",
        ) from None


def _notes(lookup: StoreLookup) -> list[str]:
    """What the reader of a past list has to know: who says so, and what is doubtful about it."""
    notes = [*lookup.market_notes]
    one_day = len({day for _, day in lookup.dated}) == 1  # of a span there would be a line a change
    for (ref, day), found in lookup.dated.items():
        if found.through is not None:
            notes.append(
                f"{ref} @ {day}: {found.source or 'the source'} is good up to {found.through}; its"
                " last list is carried on."
            )
        least, most = SIZES.get(ref, (0, len(found.symbols)))
        if not least <= len(found.symbols) <= most:
            notes.append(
                f"{ref} @ {day}: the source names {len(found.symbols)} members, an index of this"
                f" name has {least} to {most}."
            )
        if one_day and (ref, found.source) in _shipped_sources():
            notes += filter(None, [witnesses(ref, day, found.symbols)])
    return notes


@cache
def _shipped_sources() -> frozenset[tuple[UniverseRef, str]]:
    """Who tells the shipped histories: what others tell of the same universe is their own."""
    from tickstock.universes.catalog import shipped

    return frozenset((d.ref, d.history.source) for d in shipped().definitions if d.history)
