"""What expressions ask of the database: lists, expressions, membership on a day."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from datetime import date, datetime
from functools import cached_property
from typing import TYPE_CHECKING, Any, TypeAlias

from tickstock.clock import Clock, new_york_date, utc_now
from tickstock.errors import UnknownUniverse
from tickstock.model import MARKET, READ_TYPES, UniverseRef
from tickstock.spans import Span
from tickstock.store import history as past
from tickstock.store import instruments, listings, whole_market
from tickstock.store.connection import Connection
from tickstock.store.jsontext import decoded
from tickstock.store.queries import load
from tickstock.universes.names import Member, Names
from tickstock.universes.rules import Rule
from tickstock.universes.suggest import ref_meant, shown
from tickstock.universes.value import read_value
from tickstock.universes.whole_market import MARKETS
from tickstock.words import plural

if TYPE_CHECKING:
    from tickstock.sessions import Calendar
    from tickstock.store.bar_files import BarFiles
    from tickstock.store.picks import Picks

QUERIES = load("universes.sql")

_KINDS_NOW = "`tickstock instruments refresh` reads the kinds"
_KINDS_THEN = "no list that was read by then has their kinds"
MANY = 50
"""Rows that are read one by one before all of them are read at once."""


ReadableFiles: TypeAlias = "Callable[[], BarFiles | None]"
"""What bars may be read by way of, asked for when a rule wants bars."""


def no_files() -> None:
    """Where all is read from the database."""


def symbols_of(ref: UniverseRef, environment: str, value: str) -> tuple[str, ...]:
    return read_value(ref, environment, decoded(value))


def of_ref(ref: UniverseRef, environment: str) -> dict[str, object]:
    return {"environment": environment, "type": ref.type, "key": ref.key}


def unknown(conn: Connection, ref: UniverseRef, environment: str) -> UnknownUniverse:
    """The error with the best guess at what was meant: another environment, another key."""
    others = conn.execute(QUERIES["elsewhere"], of_ref(ref, environment)).fetchall()
    if others:
        hint = f"It exists in environment {', '.join(name for (name,) in others)}."
    else:
        known = StoreLookup(conn, environment).refs()
        hint = ref_meant(str(ref), known) or "`tickstock universe list` shows what there is."
    return UnknownUniverse(
        f"There is no universe {shown(str(ref), 120)} in environment {environment}.", hint
    )


class StoreLookup:
    """Answers an evaluation from one connection, reading only what is asked for, and once.

    Membership on a day is what is known about the end of that day in New York, by the changes that
    this database records and the histories that it was told (see `history`). `proposed` are
    expressions to be taken for stored ones. A day has come when it has by `clock` or by the
    clock of the database.
    """

    def __init__(
        self,
        conn: Connection,
        environment: str = "DEFAULT",
        proposed: Mapping[UniverseRef, str] | None = None,
        many: int = MANY,
        clock: Clock = utc_now,
        ahead: int = 0,
        files: ReadableFiles = no_files,
    ) -> None:
        self._files = files
        self._clock = clock
        self._known_at: datetime | None = None
        self._ahead = ahead
        self._conn, self._environment, self._many = conn, environment, many
        self.dated: dict[tuple[UniverseRef, date], past.Membership] = {}
        """What was found out about past days, and who says so."""
        self.market_notes: dict[str, None] = {}
        """What has to be said of markets that were read."""
        self._proposed = dict(proposed or {})
        self._rows: dict[UniverseRef, tuple[str, str | None] | None] = {
            ref: ("[]", text) for ref, text in self._proposed.items()
        }

    def refs(self) -> AbstractSet[UniverseRef]:
        return _Refs(self)

    def expression(self, ref: UniverseRef) -> str | None:
        if self._knows_all:
            return self.all_keys.get(ref)
        row = self.row(ref)
        return row[1] if row else None

    def members(self, ref: UniverseRef, as_of: date | None) -> tuple[str, ...]:
        if ref in MARKETS and self.row(ref) is None:
            return self._market(ref, as_of)
        if as_of is not None:
            found = past.said_on(self._conn, ref, as_of, self._environment)
            self.dated[ref, as_of] = found
            return found.symbols
        row = self.row(ref)
        if row is None:
            raise unknown(self._conn, ref, self._environment)
        return symbols_of(ref, self._environment, row[0])

    def _market(self, ref: UniverseRef, day: date | None) -> tuple[str, ...]:
        """Who traded on a day, or in the newest session that is held of the whole market."""
        found = whole_market.members(
            self._conn, MARKETS[ref], self._calendar.days, day, self._known_at
        )
        if found.session is None:
            when = f"The whole market of {day} is not held" if day else "No whole market is held"
            raise UnknownUniverse(
                f"{when}: who was in {ref} is not known.",
                f"Load it: `tickstock load {MARKET} --for 1mo`, a call a session.",
            )
        if found.strangers and not found.symbols:
            raise UnknownUniverse(
                f"Of what kind the {plural(found.strangers, 'ticker')} of {found.session} are is"
                f" not known, so who was in {ref} is not either.",
                "Read it from the vendor: `tickstock instruments refresh`.",
            )
        if found.strangers:
            then = self._known_at is not None
            self.market_notes[
                f"{ref} @ {found.session}: {plural(found.strangers, 'ticker')} of unknown kind are"
                f" left out; {_KINDS_THEN if then else _KINDS_NOW}."
            ] = None
        return found.symbols

    def change_days(self, ref: UniverseRef, span: Span) -> list[date]:
        if ref in MARKETS and self.row(ref) is None:
            return self._market_days(span)
        return past.change_days(self._conn, ref, span, self._environment)

    def _market_days(self, span: Span) -> list[date]:
        calendar = self._calendar
        held_days = whole_market.held_days(self._conn, known_at=self._known_at)
        found = [part for held in held_days if (part := held & span)]
        edges = [calendar.between(part) for part in found]
        return [calendar.day(i) for start, end in edges for i in range(start, end)]

    @cached_property
    def _calendar(self) -> Calendar:
        """Read once, however many days of a market are asked about."""
        from tickstock.store.calendar import read_calendar

        return read_calendar(self._conn)

    def names(self) -> Names:
        return self._names

    @cached_property
    def _names(self) -> Names:
        """Read once, however many days are asked about."""
        return instruments.read_names(self._conn)

    def identified(self, texts: Sequence[str]) -> Mapping[str, str]:
        return listings.identified(self._conn, texts)

    def pick(
        self, rule: Rule, called: Mapping[Member, str], day: date | None
    ) -> tuple[frozenset[Member], tuple[str, ...]]:
        return self._picks.pick(rule, called, day)

    @cached_property
    def _picks(self) -> Picks:
        from tickstock.store.picks import Picks  # with numpy, for rules alone

        return Picks(self._conn, self._ahead, self._known_at, self._files())

    def last_day(self) -> date:
        return max(past.today(self._conn), new_york_date(self._clock()))

    def row(self, ref: UniverseRef) -> tuple[str, str | None] | None:
        """The value as text and the expression in force."""
        if ref.type not in READ_TYPES:
            return None
        if self._knows_all and len(self._rows) == self._many:
            self._read_all()
        if ref not in self._rows:
            query = self._conn.execute(QUERIES["fetch_one"], of_ref(ref, self._environment))
            found = query.fetchone()
            self._rows[ref] = (found[1], found[2]) if found else None
        return self._rows[ref]

    def _read_all(self) -> None:
        """A glob over many universes is one long answer rather than thousands of questions."""
        for kind, key, _, value, _, _, expression, *_ in self._conn.execute(
            QUERIES["fetch"], scope(self._environment, None)
        ):
            self._rows.setdefault(UniverseRef(kind, key), (value, expression))

    @property
    def _knows_all(self) -> bool:
        """Whether `all_keys` was needed, which only a glob, a bare key and a bad guess do."""
        return "all_keys" in self.__dict__

    @cached_property
    def all_keys(self) -> dict[UniverseRef, str | None]:
        """Every universe with its expression, if it is one."""
        params = {"environment": self._environment, "types": list(READ_TYPES)}
        rows = self._conn.execute(QUERIES["keys"], params)
        found = {UniverseRef(kind, key): expression for kind, key, expression in rows}
        return found | self._proposed


class PastLookup(StoreLookup):
    """The same as this database would have answered at the instant `known`.

    Universes, lists and stored expressions are those of then, and so are what was known about the
    days before and the bars that rules look at. A list without a day is that of the day of `known`.
    """

    def __init__(
        self,
        conn: Connection,
        known: datetime,
        environment: str = "DEFAULT",
        files: ReadableFiles = no_files,
    ) -> None:
        super().__init__(conn, environment, files=files)
        self._known = self._known_at = known
        self._today = new_york_date(known)

    def row(self, ref: UniverseRef) -> tuple[str, str | None] | None:
        if ref.type not in READ_TYPES:
            return None
        then = past.expression_at(self._conn, ref, self._known, self._environment)
        if then is None:  # a row older than our records
            return super().row(ref)
        return ("[]", then[1]) if then[0] else None

    def members(self, ref: UniverseRef, as_of: date | None) -> tuple[str, ...]:
        if ref in MARKETS and self.row(ref) is None:
            return self._market(ref, as_of)
        day = as_of or self._today
        found = past.said_on(self._conn, ref, day, self._environment, self._known)
        self.dated[ref, day] = found
        return found.symbols

    @cached_property
    def all_keys(self) -> dict[UniverseRef, str | None]:
        return past.keys_at(self._conn, self._known, self._environment)


class _Refs(AbstractSet[UniverseRef]):
    """All refs, as a set that does not read them all to tell whether it holds one."""

    def __init__(self, lookup: StoreLookup) -> None:
        self._lookup = lookup

    def __contains__(self, ref: object) -> bool:
        if not isinstance(ref, UniverseRef):
            return False
        return self._lookup.row(ref) is not None or ref in MARKETS

    def __iter__(self) -> Iterator[UniverseRef]:
        return iter(self._lookup.all_keys)

    def __len__(self) -> int:
        return len(self._lookup.all_keys)

    @classmethod
    def _from_iterable(cls, it: Iterable[Any]) -> AbstractSet[Any]:
        return frozenset(it)


def scope(environment: str, refs: Collection[UniverseRef] | None) -> dict[str, object]:
    names = None if refs is None else [ref.joined for ref in refs]
    return {"environment": environment, "types": list(READ_TYPES), "refs": names}
