"""Universes, as a person asks for them: members of anything that names symbols, lists, plans."""

from __future__ import annotations

import logging
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from functools import partial
from pathlib import Path

from tickstock.clock import Clock, new_york_date
from tickstock.config import Settings
from tickstock.errors import BadFile, EmptyUniverse, TickStockError
from tickstock.model import MARKET, PLAIN_KEY, Universe, UniverseRef
from tickstock.service.typed import read_one, read_typed
from tickstock.spans import Span
from tickstock.store import instruments, listings, universe_plans, universe_writes
from tickstock.store import universes as store
from tickstock.store.connection import Connection
from tickstock.store.database import Database
from tickstock.store.moment import database_now
from tickstock.store.plans import universe_revision
from tickstock.store.universe_lookup import ReadableFiles, StoreLookup, no_files
from tickstock.store.universes import Listed
from tickstock.universes.catalog import Catalog, catalog
from tickstock.universes.expression import (
    AsOf,
    Evaluation,
    Node,
    Ref,
    asked_day,
    evaluate,
    evaluate_intervals,
    parse,
    universes_under,
)
from tickstock.universes.files import MAX_HISTORY_BYTES, Imported, read_file
from tickstock.universes.key import PREFIXES, parse_alone, parse_ref
from tickstock.universes.known import SymbolVerdict, is_known, judge
from tickstock.universes.parsing import parse_client_universe
from tickstock.universes.plan import Mode, OrganizePlan, judged
from tickstock.universes.validate import Context, Finding, validate
from tickstock.universes.whole_market import AskedMarket, loaded_as_market

log = logging.getLogger("tickstock.universes")


@dataclass(frozen=True, slots=True)
class Resolved:
    """What a universe or an expression stands for: its symbols, and a text that changes with any
    universe that was read for it. `intervals`, over a past span: the days on which each was in."""

    symbols: tuple[str, ...]
    revision: str
    intervals: tuple[tuple[Span, ...], ...] = ()


class Universes:
    """Lists, members, definitions."""

    def __init__(
        self, database: Database, settings: Settings, clock: Clock, files: ReadableFiles = no_files
    ) -> None:
        self._database = database
        self._files = files
        self._clock = clock
        self._environment = settings.environment
        self._folder = settings.universes
        self._csv_dir = settings.csv_dir

    def _lookup(self, connection: Connection) -> StoreLookup:
        return StoreLookup(connection, self._environment, files=self._files)

    def list(self) -> list[Listed]:
        """Every universe of this environment, with counts."""
        with self._database.transaction() as connection:
            return [*self._listed(connection)]

    def _listed(self, connection: Connection) -> Sequence[Listed]:
        stored = store.list_universes(connection, self._environment)
        return [*stored, *store.list_markets(connection, self._environment)]

    def list_if_changed(
        self, known: tuple[int | None, ...] | None
    ) -> tuple[tuple[int | None, ...], Sequence[Listed] | None]:
        """The fingerprint of the list, and the list where it is another one than is `known`."""
        with self._database.transaction() as connection:
            now = (*store.fingerprint(connection), store.market_through(connection))
            return now, None if now == known else self._listed(connection)

    def names(self, refs: Sequence[str]) -> dict[str, str]:
        """What people call those of the universes that there are and that have a name."""
        with self._database.transaction() as connection:
            return store.names(connection, self._environment, refs)

    def get(self, text: str) -> Universe:
        """One universe by its name `type:key`."""
        with self._database.transaction() as connection:
            return store.get(connection, parse_ref(text), self._environment)

    def named(self, text: str) -> UniverseRef:
        """The universe that `type:key`, or a key that one type alone has, names. Raises BadKey."""
        with self._database.transaction() as connection:
            return store.named(connection, text, self._environment)

    def evaluate(self, expression: str) -> Evaluation:
        """The symbols of a universe or an expression, and which part let each of them in.

        Raises BadExpression, UnknownUniverse, EmptyUniverse, MalformedUniverse.
        """
        with self._database.transaction() as connection:
            return evaluate(parse(expression), self._lookup(connection))

    def members(self, expression: str) -> tuple[str, ...]:
        """The symbols to load or read: of a single universe in stored order, else sorted.

        Those of a past day are the tickers of today of whoever was in it: on the days that are to
        be read, another may have the ticker of that day.
        """
        log.info("Loading from cache: %s", expression)
        node = parse(expression)
        with self._database.transaction() as connection:
            if isinstance(node, Ref):
                symbols = store.members(connection, node.ref, self._environment)
            else:
                lookup = self._lookup(connection)
                found = evaluate(node, lookup)
                symbols = found.symbols
                if day := asked_day(node):
                    names = lookup.names()
                    symbols = tuple(sorted({names.now(symbol, day) for symbol in symbols}))
                _warn(found)
        if not symbols:
            raise EmptyUniverse(f"{expression} holds no symbol.", "Add some, or load another one.")
        log.info("Loaded %d symbols from cache: %s", len(symbols), expression)
        return symbols

    def resolve(self, expression: str) -> Resolved:
        """What a universe or an expression stands for now: as `members`, and over a past span also
        the days on which each symbol was in it."""
        with self._database.transaction() as connection:
            node, lookup = parse(expression), self._lookup(connection)
            market = self._as_market(node, lookup)
            if market is not None:
                return Resolved((MARKET,), market.ref.joined, market.intervals)
            intervals = evaluate_intervals(node, lookup)
            symbols = self.members(expression) if intervals is None else tuple(intervals)
            refs = universes_under(node, lookup)
            revision = universe_revision(connection, refs, self._environment)
        return Resolved(symbols, revision, tuple(intervals.values()) if intervals else ())

    def _as_market(self, node: Node, lookup: StoreLookup) -> AskedMarket | None:
        """The market that is asked for as a whole; a stored universe of that name goes before."""
        found = loaded_as_market(node)
        return None if found is None or lookup.row(found.ref) is not None else found

    def client_members(self, text: str) -> tuple[str, ...]:
        """The symbols of what existing clients write: `type:key`, a key, a union `SPY:nasdaq100`.

        A part that is no key is taken for the one key that it is without the prefix:
        `nasdaq100` is `index_nasdaq100` where nothing else ends so. A key may have colons and
        anything else in it, where there is such a universe.
        """
        log.info("Loading from cache: %s", text)
        with self._database.transaction() as connection:
            lookup = self._lookup(connection)
            alone = parse_alone(text)
            if alone is not None and (PLAIN_KEY.fullmatch(alone.key) or alone in lookup.refs()):
                return self.members(str(alone))
            known = {ref.key for ref in lookup.refs()}
            whole = ":".join(_with_prefix(word.strip(), known) for word in text.split(":"))
            found = evaluate(parse_client_universe(whole, known), lookup)
            symbols = found.symbols
            _warn(found)
        log.info("Loaded %d symbols from cache: %s", len(symbols), text)
        return symbols

    def left_out(self, expression: str) -> Sequence[str]:
        """Of an expression that was resolved, for people: what its globs match and nobody can read,
        and whom symbols were taken for.

        Over a past span, which takes long to evaluate, that of its first day.
        """
        try:
            node = parse(expression)
            if isinstance(node, AsOf) and isinstance(node.when, Span):
                node = replace(node, when=node.when.start)
            with self._database.transaction() as connection:
                return evaluate(node, self._lookup(connection)).notes
        except TickStockError:
            return ()

    def csv_symbols(self, name: str) -> tuple[str, ...]:
        """The symbols of a file in the configured folder, and nowhere else.

        Raises BadFile, also for a name that leads out of the folder; the message does not tell
        whether such a file exists.
        """
        log.info("Loading from file: %s", name)
        found = self.read_csv(name)
        for remark in found.remarks:
            log.info("%s", remark)
        log.info("Loaded %d symbols from file: %s", len(found.symbols), name)
        if found.verdict.unknown:
            log.warning("%s: %s", name, found.verdict)
        return found.symbols

    def read_csv(self, name: str) -> Imported:
        """What a file in the configured folder holds; raises as `csv_symbols`."""
        content = read_confined(self._csv_dir, name)
        with self._database.transaction() as conn:
            return read_file(
                name,
                content,
                resolve=partial(instruments.spelled, conn),
                traded=partial(instruments.traded, conn),
                identify=partial(listings.identified, conn),
                today=self._today(),
            )

    def read_symbols(self, texts: Sequence[str]) -> tuple[str, ...]:
        """The symbols that texts mean, a text a symbol. Raises BadSymbol naming all that mean
        none."""
        with self._database.transaction() as conn:
            found = read_typed(conn, texts)
        for note in found.notes:
            log.warning("%s", note)
        return found.symbols

    def read_symbol(self, text: str) -> str:
        """The one symbol that a text means. Raises BadSymbol."""
        with self._database.transaction() as conn:
            return read_one(conn, text)

    def judge(self, symbols: Sequence[str]) -> SymbolVerdict:
        """How many of some symbols the shipped list knows, or bars are held of."""
        with self._database.transaction() as conn:
            return judge(symbols, partial(instruments.traded, conn))

    def csv_files(self) -> tuple[str, ...]:
        """The CSV files that may be loaded from."""
        try:
            found = [p.name for p in self._csv_dir.iterdir() if p.suffix.lower() == ".csv"]
        except OSError:
            return ()
        return tuple(sorted(found))

    def validate(self) -> Sequence[Finding]:
        """Everything that is wrong with the stored universes of this environment."""
        with self._database.transaction() as connection:
            rows = store.stored(connection, self._environment)
            live = store.evaluated(connection, self._environment)
            named = instruments.all_instruments(connection)
            listed = listings.listed_symbols(connection)
            kept_now = database_now(connection)
        known = {(self._environment, ref): symbols for ref, symbols in live.items()}
        context = Context(
            self._clock(),
            kept_now,
            evaluated=known,
            instruments=named,
            is_known=lambda symbol: symbol in listed or is_known(symbol),
            identify=self._identified,
        )
        return validate(rows, context)

    def _identified(self, texts: Sequence[str]) -> Mapping[str, str]:
        with self._database.transaction() as connection:
            return listings.identified(connection, texts)

    # -- definitions -------------------------------------------------------------------------
    def definitions(self) -> Catalog:
        """The shipped definitions and the user's own."""
        return catalog(self._folder, self._identified, self._today())

    def _today(self) -> date:
        return new_york_date(self._clock())

    def plan_organize(self, mode: Mode = Mode.REPLACE) -> OrganizePlan:
        """What bringing the stored universes to their definitions would do."""
        definitions = self.definitions().definitions
        with self._database.transaction() as connection:
            plan = universe_plans.plan_organize(connection, definitions, mode, self._environment)
            return judged(plan, partial(instruments.traded, connection))

    def apply(self, plan: OrganizePlan, *, reason: str, allow: Collection[str] = ()) -> None:
        """Do exactly what the plan says, or refuse and change nothing.

        Raises StalePlan when the state has moved, GuardRefused when a change loses too much.
        """
        with self._database.transaction() as connection:
            universe_writes.apply(connection, plan, allow=allow, reason=reason)


def _warn(found: Evaluation) -> None:
    for note in found.notes:
        log.warning("%s", note)


def _with_prefix(word: str, known: Collection[str]) -> str:
    if word in known:
        return word
    found = [prefix + word for prefix in PREFIXES if prefix + word in known]
    return found[0] if len(found) == 1 else word


def read_confined(folder: Path, name: str) -> bytes:
    """A file by its bare name inside `folder`; symbolic links may not lead out of it."""
    refused = BadFile(
        f"{name[:200]!r} is not the name of a CSV file in the folder for universes.",
        f"Give the bare name of a .csv file in {folder}.",
    )
    if not name or name != Path(name).name or any(c in name for c in "/\\:\x00"):
        raise refused
    if name.startswith(".") or not name.lower().endswith(".csv"):
        raise refused
    try:
        root = folder.resolve(strict=True)
        file = (root / name).resolve(strict=True)
        if file.parent != root or not file.is_file():
            raise refused
        with file.open("rb") as stream:
            return stream.read(MAX_HISTORY_BYTES + 1)
    except FileNotFoundError:
        raise refused from None
    except OSError as e:
        raise BadFile(f"The file {name} cannot be read: {e.strerror}.", "Check it.") from e
