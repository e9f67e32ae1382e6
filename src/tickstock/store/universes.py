"""Universes in the database: reading them, and performing plans on them.

`cache_entries` is a published table that other programs read and write too. Only the types of
universes are ever touched in it, and only one environment at a time.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, fields, replace
from datetime import date, datetime
from functools import cached_property
from typing import Any

import msgspec
import psycopg

from tickstock.errors import (
    BadKey,
    MalformedUniverse,
    StalePlan,
    TickStockError,
    UnknownUniverse,
)
from tickstock.failpoints import reach
from tickstock.model import READ_TYPES, UNIVERSE_TYPES, Universe, UniverseRef
from tickstock.spans import Span
from tickstock.store import history as past
from tickstock.store import locks
from tickstock.store.jsontext import decoded, shared
from tickstock.store.queries import load
from tickstock.universes.catalog import Definition, source_day
from tickstock.universes.edit import Wanted, edit_plan
from tickstock.universes.expression import Ref, evaluate, format_expression, parse
from tickstock.universes.guard import check_plan
from tickstock.universes.key import check_key, check_name, parse_ref, read_key
from tickstock.universes.organize import organize_plan
from tickstock.universes.plan import (
    Action,
    Change,
    Facts,
    Mode,
    OrganizePlan,
    StoredRow,
    Telling,
    state_of,
)
from tickstock.universes.spells import History
from tickstock.universes.suggest import ref_meant, shown
from tickstock.universes.validate import StoredUniverse
from tickstock.universes.value import read_value

QUERIES = load("universes.sql")
MANY_WRITES = 1_000
BATCH = 2_000
"""Rows sent in one statement, as one JSON text: arrays of texts are quoted element by element,
which for 10,000 universes of 500 symbols took longer than writing them."""
OUR_NAME = "tickstock"
"""How our own sessions are called, unless the address of the database calls them otherwise."""
MANY = 50
"""Rows that are read one by one before all of them are read at once."""

Connection = psycopg.Connection[Any]


@dataclass(frozen=True, slots=True)
class Listed:
    """One line of the list of universes.

    `symbols` is how many the stored row names, None where it cannot be read. Of a universe with
    an `expression` that is what it gave when it was written last.
    """

    ref: UniverseRef
    name: str
    symbols: int | None
    expression: str | None
    description: str
    source: str
    updated_at: datetime | None


# --- reading ------------------------------------------------------------------------------
def get(conn: Connection, ref: UniverseRef, environment: str = "DEFAULT") -> Universe:
    """The universe with its symbols: as stored, or what its expression gives now.

    Raises UnknownUniverse, MalformedUniverse, and what evaluating an expression raises.
    """
    _check_read(ref)
    row = conn.execute(QUERIES["fetch_one"], _named(ref, environment)).fetchone()
    if row is None:
        raise _unknown(conn, ref, environment)
    name, value, expression, description, source, created_at, updated_at = row
    if expression is None:
        symbols = _symbols(ref, environment, value)
    else:
        symbols = evaluate(Ref(ref), StoreLookup(conn, environment)).symbols
    return Universe(
        ref,
        name,
        symbols,
        environment,
        description,
        source,
        expression,
        created_at,
        updated_at,
    )


def members(conn: Connection, ref: UniverseRef, environment: str = "DEFAULT") -> tuple[str, ...]:
    """The symbols of a universe; see `get`."""
    return get(conn, ref, environment).symbols


def exists(conn: Connection, ref: UniverseRef, environment: str = "DEFAULT") -> bool:
    """Whether there is such a universe, readable or not."""
    if ref.type not in READ_TYPES:
        return False
    row = conn.execute(QUERIES["exists"], _named(ref, environment)).fetchone()
    return bool(row and row[0])


def list_universes(conn: Connection, environment: str = "DEFAULT") -> list[Listed]:
    """Every universe of an environment, by type, name and key.

    Counts the rows that have changed since they were last counted, and keeps the counts where
    this connection may write.
    """
    params = {"environment": environment, "types": list(READ_TYPES)}
    rows = conn.execute(QUERIES["list"], params).fetchall()
    counts = _count(conn, environment, [row[0] for row in rows if not row[5]])
    return [
        Listed(UniverseRef(kind, key), name, counts.get(row, kept), *rest)
        for row, kind, key, name, kept, _, *rest in rows
    ]


def _count(conn: Connection, environment: str, ids: list[int]) -> dict[int, int | None]:
    if not ids:
        return {}
    rows = conn.execute(QUERIES["values_to_count"], {"ids": ids}).fetchall()
    counts: dict[int, int | None] = {}
    for row, _, kind, key, value in rows:
        try:
            counts[row] = len(_symbols(UniverseRef(kind, key), environment, value))
        except MalformedUniverse:
            counts[row] = None
    versions = [row[1] for row in rows]
    _keep(conn, {"ids": list(counts), "versions": versions, "counts": list(counts.values())})
    return counts


def _keep(conn: Connection, counts: Mapping[str, object]) -> None:
    """A reader who may not write still gets the list, only not as quickly the next time."""
    try:
        with conn.transaction():
            conn.execute(QUERIES["keep_counts"], counts)
    except (psycopg.errors.InsufficientPrivilege, psycopg.errors.ReadOnlySqlTransaction):
        return


def stored(conn: Connection, environment: str = "DEFAULT") -> list[StoredUniverse]:
    """Every row as it is, readable or not, for `validate` to judge."""
    texts: dict[str, str] = {}
    return [
        StoredUniverse(
            UniverseRef(kind, key),
            environment,
            name,
            shared(decoded(value), texts),
            updated_at,
            description,
            source,
            expression,
            source_day(source),
        )
        for kind, key, name, value, _, _, expression, description, source, updated_at in (
            conn.execute(QUERIES["fetch"], _scope(environment, None))
        )
    ]


def evaluated(
    conn: Connection, environment: str = "DEFAULT"
) -> dict[UniverseRef, tuple[str, ...] | TickStockError]:
    """What each stored expression gives now, or why it gives nothing; for `validate` too."""
    lookup = StoreLookup(conn, environment)
    found: dict[UniverseRef, tuple[str, ...] | TickStockError] = {}
    for ref, expression in lookup.all_keys.items():
        if expression is not None:
            try:
                found[ref] = evaluate(Ref(ref), lookup).symbols
            except TickStockError as e:
                found[ref] = e
    return found


def _symbols(ref: UniverseRef, environment: str, value: str) -> tuple[str, ...]:
    return read_value(ref, environment, decoded(value))


def _named(ref: UniverseRef, environment: str) -> dict[str, object]:
    return {"environment": environment, "type": ref.type, "key": ref.key}


def _check_read(ref: UniverseRef) -> None:
    if ref.type not in READ_TYPES:
        raise UnknownUniverse(
            f"{shown(ref.type)} is no type of universe, so {shown(str(ref), 120)} is none.",
            f"Types are {', '.join(READ_TYPES)}.",
        )


def _unknown(conn: Connection, ref: UniverseRef, environment: str) -> UnknownUniverse:
    """The error with the best guess at what was meant: another environment, another key."""
    others = conn.execute(QUERIES["elsewhere"], _named(ref, environment)).fetchall()
    if others:
        hint = f"It exists in environment {', '.join(name for (name,) in others)}."
    else:
        known = StoreLookup(conn, environment).refs()
        hint = ref_meant(str(ref), known) or "`tickstock universe list` shows what there is."
    return UnknownUniverse(
        f"There is no universe {shown(str(ref), 120)} in environment {environment}.", hint
    )


def named(conn: Connection, text: str, environment: str = "DEFAULT") -> UniverseRef:
    """The universe that a person names: `type:key`, or a key that one type alone has.

    Raises BadKey for what names none, or more than one.
    """
    kind, colon, _ = text.strip().partition(":")
    if colon and kind in READ_TYPES:
        return parse_ref(text)
    refs = StoreLookup(conn, environment).refs()
    key = read_key(text.strip())
    found = sorted(ref for ref in refs if ref.key == key)
    if len(found) == 1:
        return found[0]
    if found:
        raise BadKey(
            f"{shown(text)} names more than one universe.",
            f"Write {' or '.join(map(str, found))}.",
        )
    if colon:
        return parse_ref(text)
    raise BadKey(
        f"{shown(text)} names no universe.",
        ref_meant(text, refs) or "Write it like etf_universe:core_etfs.",
    )


# --- what expressions ask -----------------------------------------------------------------
class StoreLookup:
    """Answers an evaluation from one connection, reading only what is asked for, and once.

    Membership on a day is what is known about the end of that day in New York, by the changes that
    this database records and the histories that it was told (see `history`). `proposed` are
    expressions to be taken for stored ones.
    """

    def __init__(
        self,
        conn: Connection,
        environment: str = "DEFAULT",
        proposed: Mapping[UniverseRef, str] | None = None,
        many: int = MANY,
    ) -> None:
        self._conn, self._environment, self._many = conn, environment, many
        self.dated: dict[tuple[UniverseRef, date], past.Membership] = {}
        """What was found out about past days, and who says so."""
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
        if as_of is not None:
            found = past.said_on(self._conn, ref, as_of, self._environment)
            self.dated[ref, as_of] = found
            return found.symbols
        row = self.row(ref)
        if row is None:
            raise _unknown(self._conn, ref, self._environment)
        return _symbols(ref, self._environment, row[0])

    def change_days(self, ref: UniverseRef, span: Span) -> list[date]:
        return past.change_days(self._conn, ref, span, self._environment)

    def row(self, ref: UniverseRef) -> tuple[str, str | None] | None:
        """The value as text and the expression in force."""
        if ref.type not in READ_TYPES:
            return None
        if self._knows_all and len(self._rows) == self._many:
            self._read_all()
        if ref not in self._rows:
            query = self._conn.execute(QUERIES["fetch_one"], _named(ref, self._environment))
            found = query.fetchone()
            self._rows[ref] = (found[1], found[2]) if found else None
        return self._rows[ref]

    def _read_all(self) -> None:
        """A glob over many universes is one long answer rather than thousands of questions."""
        for kind, key, _, value, _, _, expression, *_ in self._conn.execute(
            QUERIES["fetch"], _scope(self._environment, None)
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

    Universes, lists and stored expressions are those of then, and so is what was known about the
    days before. A list without a day is that of the day of `known`.
    """

    def __init__(self, conn: Connection, known: datetime, environment: str = "DEFAULT") -> None:
        super().__init__(conn, environment)
        self._known = known
        self._today = known.astimezone(past.NEW_YORK).date()

    def row(self, ref: UniverseRef) -> tuple[str, str | None] | None:
        if ref.type not in READ_TYPES:
            return None
        then = past.expression_at(self._conn, ref, self._known, self._environment)
        if then is None:  # a row older than our records
            return super().row(ref)
        return ("[]", then[1]) if then[0] else None

    def members(self, ref: UniverseRef, as_of: date | None) -> tuple[str, ...]:
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
        return isinstance(ref, UniverseRef) and self._lookup.row(ref) is not None

    def __iter__(self) -> Iterator[UniverseRef]:
        return iter(self._lookup.all_keys)

    def __len__(self) -> int:
        return len(self._lookup.all_keys)

    @classmethod
    def _from_iterable(cls, it: Iterable[Any]) -> AbstractSet[Any]:
        return frozenset(it)


# --- plans --------------------------------------------------------------------------------
def fetch_rows(
    conn: Connection, environment: str, refs: Collection[UniverseRef] | None = None
) -> list[StoredRow]:
    """Rows as plans are made from them: all of the environment, or those of `refs`."""
    rows = conn.execute(QUERIES["fetch"], _scope(environment, refs))
    return [
        StoredRow(UniverseRef(kind, key), name, decoded(value), version, facts_version)
        for kind, key, name, value, version, facts_version, *_ in rows
    ]


def fetch_facts(
    conn: Connection, environment: str, refs: Collection[UniverseRef] | None = None
) -> dict[UniverseRef, Facts]:
    """What is kept beside rows, also beside deleted ones."""
    return {
        UniverseRef(kind, key): Facts(
            description,
            source,
            expression,
            None if base is None else tuple(msgspec.json.decode(base)),
            base_name,
            base_expression,
        )
        for kind, key, description, source, expression, base, base_name, base_expression in (
            conn.execute(QUERIES["fetch_facts"], _scope(environment, refs))
        )
    }


def fetch_foreign(conn: Connection, environment: str) -> set[UniverseRef]:
    """The rows that another program made and TickStock never wrote."""
    params = {"environment": environment, "types": list(READ_TYPES), "ours": OUR_NAME}
    return {UniverseRef(kind, key) for kind, key in conn.execute(QUERIES["foreign"], params)}


def _scope(environment: str, refs: Collection[UniverseRef] | None) -> dict[str, object]:
    names = None if refs is None else [ref.joined for ref in refs]
    return {"environment": environment, "types": list(READ_TYPES), "refs": names}


def plan_organize(
    conn: Connection,
    definitions: Iterable[Definition],
    mode: Mode = Mode.REPLACE,
    environment: str = "DEFAULT",
    types: Collection[str] = UNIVERSE_TYPES,
) -> OrganizePlan:
    """What bringing an environment to `definitions` would do; see `organize.organize_plan`."""
    definitions = [d for d in definitions if d.ref.type in types]
    rows, facts = fetch_rows(conn, environment), fetch_facts(conn, environment)
    plan = organize_plan(
        definitions,
        rows,
        facts,
        mode=mode,
        environment=environment,
        types=types,
        foreign=fetch_foreign(conn, environment),
    )
    kept = {c.ref for c in plan.changes if c.action is not Action.REMOVE}
    told = {d.ref: d.history for d in definitions if d.history and d.ref in kept}
    return replace(plan, tellings=past.untold(conn, told, environment))


def plan_set(
    conn: Connection,
    ref: UniverseRef,
    symbols: Sequence[str] | None = None,
    *,
    expression: str | None = None,
    name: str | None = None,
    description: str | None = None,
    source: str | None = None,
    environment: str = "DEFAULT",
) -> OrganizePlan:
    """What making `ref` this list, or this stored expression, would do.

    With neither, what is there stays and only name, description or source change. A new universe
    without a name is named after its key.

    Raises:
        BadKey: a type that is never written, a new key or a name that breaks the convention.
        UnknownUniverse: neither symbols nor expression for a universe that does not exist.
    """
    _check_write(ref)
    rows, facts = fetch_rows(conn, environment, [ref]), fetch_facts(conn, environment, [ref])
    held = rows[0] if rows else None
    if held is None:
        check_key(ref.key)
    if symbols is None and expression is None:
        if held is None:
            raise _unknown(conn, ref, environment)
        symbols = read_value(ref, environment, held.value)
        expression = facts[ref].expression if ref in facts else None
    elif expression is not None:
        expression = format_expression(parse(expression))
        lookup = StoreLookup(conn, environment, {ref: expression})
        symbols = evaluate(Ref(ref), lookup).symbols
    shown_name = held.name if held else ref.key.replace("_", " ").capitalize()
    wanted = Wanted(
        shown_name if name is None else check_name(name),
        tuple(dict.fromkeys(symbols or ())),
        expression,
        description,
        source,
    )
    return edit_plan({ref: wanted}, rows, facts, environment)


def plan_lists(
    conn: Connection, lists: Mapping[UniverseRef, tuple[str, ...]], environment: str = "DEFAULT"
) -> OrganizePlan:
    """What storing these symbols of universes that exist as plain lists would do; everything else
    stays. Types that are never written are left out."""
    refs = [ref for ref in lists if ref.type in UNIVERSE_TYPES]
    rows, facts = fetch_rows(conn, environment, refs), fetch_facts(conn, environment, refs)
    wanted = {
        row.ref: Wanted(
            row.name, lists[row.ref], facts.get(row.ref, Facts()).expression, plain=True
        )
        for row in rows
    }
    return edit_plan(wanted, rows, facts, environment)


def plan_delete(
    conn: Connection, refs: Collection[UniverseRef], environment: str = "DEFAULT"
) -> OrganizePlan:
    """What deleting universes would do. Raises UnknownUniverse for one that does not exist."""
    for ref in refs:
        _check_write(ref)
    rows, facts = fetch_rows(conn, environment, refs), fetch_facts(conn, environment, refs)
    for missing in set(refs).difference(row.ref for row in rows):
        raise _unknown(conn, missing, environment)
    return edit_plan(dict.fromkeys(refs), rows, facts, environment)


def plan_rename(
    conn: Connection,
    ref: UniverseRef,
    new: UniverseRef,
    *,
    name: str | None = None,
    environment: str = "DEFAULT",
) -> OrganizePlan:
    """What giving a universe another key (and, if given, another name) would do.

    Expressions that name the old key are not rewritten; they fail by name until they are.
    Raises BadKey where `new` exists or breaks the convention, UnknownUniverse, MalformedUniverse.
    """
    _check_write(ref)
    _check_write(new)
    check_key(new.key)
    both = (ref, new)
    rows, facts = fetch_rows(conn, environment, both), fetch_facts(conn, environment, both)
    by_ref = {row.ref: row for row in rows}
    if ref not in by_ref:
        raise _unknown(conn, ref, environment)
    if new in by_ref:
        raise BadKey(f"{new} exists already.", "Delete it first, or choose another key.")
    row, kept = by_ref[ref], facts.get(ref, Facts())
    wanted = Wanted(
        row.name if name is None else check_name(name),
        read_value(ref, environment, row.value),
        kept.expression,
        kept.description,
        kept.source,
    )
    plan = edit_plan({ref: None, new: wanted}, rows, facts, environment)
    known = past.all_known(conn, ref, environment, f"renamed from {ref}")
    return replace(plan, tellings=(Telling(new, known),) if known else ())


def plan_revert(
    conn: Connection,
    ref: UniverseRef,
    *,
    revision: int | None = None,
    at: datetime | None = None,
    environment: str = "DEFAULT",
) -> OrganizePlan:
    """What bringing a universe back to an earlier state would do: the one that `revision` left,
    the one at `at`, or, with neither, the one before its last change. A deleted universe comes
    back, and one that was not there then is deleted.

    Raises:
        BadInput: a revision that is not of this universe.
        UnknownUniverse: nothing is recorded of it (by then).
        MalformedUniverse: the row could not be read then.
    """
    _check_write(ref)
    then = past.state(conn, ref, environment, revision=revision, at=at)
    rows, facts = fetch_rows(conn, environment, [ref]), fetch_facts(conn, environment, [ref])
    if then.name is None or then.symbols is None:
        return edit_plan({ref: None}, rows, facts, environment)
    symbols = then.symbols
    if then.expression is not None:
        lookup = StoreLookup(conn, environment, {ref: then.expression})
        symbols = evaluate(Ref(ref), lookup).symbols
    wanted = Wanted(then.name, symbols, then.expression)
    return edit_plan({ref: wanted}, rows, facts, environment)


def plan_history(
    conn: Connection, ref: UniverseRef, history: History, environment: str = "DEFAULT"
) -> OrganizePlan:
    """What telling the history of a universe would do; the row itself stays as it is.

    Raises UnknownUniverse for one that does not exist: a history belongs to a universe.
    """
    _check_write(ref)
    rows = fetch_rows(conn, environment, [ref])
    if not rows:
        raise _unknown(conn, ref, environment)
    facts = fetch_facts(conn, environment, [ref])
    plan = edit_plan({}, rows, facts, environment)
    tellings = past.untold(conn, {ref: history}, environment)
    return replace(plan, scope=(ref,), tellings=tellings)


def _check_write(ref: UniverseRef) -> None:
    if ref.type not in UNIVERSE_TYPES:
        raise BadKey(
            f"{shown(str(ref), 120)} is of a type that is not written.",
            f"Types that are: {', '.join(UNIVERSE_TYPES)}.",
        )


# --- the reader of a plan that performs it ------------------------------------------------
def apply(
    conn: Connection,
    plan: OrganizePlan,
    *,
    allow: Collection[str] = (),
    source: str = "",
    reason: str = "",
    batch: int = BATCH,
    many: int = MANY_WRITES,
) -> None:
    """Do what `plan` says: all of it or, on any exception, nothing.

    Runs in the caller's transaction, which has to end soon: other writers wait for it. Rows that
    the plan leaves as they are are not written at all.

    Args:
        allow: keys of changes that the change guard is to let through.
        source, reason: what the history will say about every row that changes.
        batch: rows sent in one statement. From `many` rows on, the server is told to expect them.

    Raises:
        GuardRefused: the plan loses too much; see `guard.objections`.
        StalePlan: a row that the plan was made from has changed since.
    """
    check_plan(plan, allow)
    with conn.transaction():
        conn.execute(QUERIES["lock"], {"space": locks.UNIVERSES, "environment": plan.environment})
        if _state_now(conn, plan) != plan.state:
            raise _stale()
        reach("universes.locked")
        conn.execute(QUERIES["say_why"], {"source": source, "reason": reason})
        has_many = len(plan.writes) >= many
        if has_many:
            conn.execute(QUERIES["expect_many"])
        for action, query in _ROW_QUERIES:
            _write(conn, plan, query, [c for c in plan.changes if c.action is action], batch)
            reach("universes.rows")
        _write_facts(conn, plan, batch)
        reach("universes.facts")
        past.tell(conn, plan.tellings, plan.environment, reason)
        if has_many:
            conn.execute(QUERIES["sort_in"])
            # Until the server has looked by itself, it plans for the rows that there were before.
            conn.execute(QUERIES["count_rows"])


_ROW_QUERIES = (
    (Action.REMOVE, "delete_rows"),
    (Action.CHANGE, "update_rows"),
    (Action.ADD, "insert_rows"),
)


def _state_now(conn: Connection, plan: OrganizePlan) -> str:
    rows = conn.execute(QUERIES["versions"], _scope(plan.environment, plan.scope))
    return state_of((UniverseRef(kind, key), v, facts) for kind, key, v, facts in rows)


def _stale() -> StalePlan:
    return StalePlan(
        "The universes have changed since this plan was made; nothing was written.",
        "Make the plan anew and look at it again.",
    )


def _write(
    conn: Connection, plan: OrganizePlan, query: str, changes: Sequence[Change], size: int
) -> None:
    """Perform the changes of one action. A row that moved since the state was checked, by a writer
    who does not know our lock, is not met by the query and shows in its count."""
    for batch in _batches(changes, size):
        rows = [
            {
                "type": c.ref.type,
                "key": c.ref.key,
                "name": c.name,
                "value": c.symbols,
                "symbols": len(c.symbols),
                "version": c.before.version if c.before else None,
            }
            for c in batch
        ]
        done = conn.execute(QUERIES[query], _rows(plan, rows)).fetchone()
        if done is None or done[0] != len(batch):
            raise _stale()


def _write_facts(conn: Connection, plan: OrganizePlan, size: int) -> None:
    """After the rows: an expression is tied to the value that was just written."""
    changes = [c for c in plan.writes if c.facts != c.facts_before or c.facts.expression]
    for batch in _batches(changes, size):
        rows = [{"type": c.ref.type, "key": c.ref.key, **_shallow(c.facts)} for c in batch]
        conn.execute(QUERIES["write_facts"], _rows(plan, rows))


def _shallow(facts: Facts) -> dict[str, object]:
    return {field.name: getattr(facts, field.name) for field in fields(facts)}


def _batches(changes: Sequence[Change], size: int) -> Iterator[Sequence[Change]]:
    for start in range(0, len(changes), size):
        yield changes[start : start + size]


def _rows(plan: OrganizePlan, rows: list[dict[str, Any]]) -> dict[str, object]:
    return {"environment": plan.environment, "rows": msgspec.json.encode(rows).decode()}
