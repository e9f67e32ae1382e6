"""Changes of single universes by a person: each is a plan first, to be looked at, then performed.

plan = tick.edits.add("etf_universe:core_etfs", ["VTI"])
tick.edits.apply(plan, reason="asked for by Ann")
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace
from datetime import date, datetime
from functools import partial

from tickstock.config import Settings
from tickstock.errors import BadInput, BadSymbol
from tickstock.model import UniverseRef
from tickstock.service.dependents import effects
from tickstock.service.typed import read_typed
from tickstock.store import instruments, listings, universe_lookup, universe_plans, universe_writes
from tickstock.store import universes as store
from tickstock.store.connection import Connection
from tickstock.store.database import Database
from tickstock.universes.expression import (
    Chain,
    Symbols,
    format_expression,
    parse,
    refuse_future,
    taken_for,
)
from tickstock.universes.files import RecordedHistory, left_out_words, read_history
from tickstock.universes.files.words import words_of
from tickstock.universes.key import check_key, parse_ref
from tickstock.universes.known import judge
from tickstock.universes.names import Names
from tickstock.universes.nodes import ChainOperator
from tickstock.universes.plan import OrganizePlan, judged
from tickstock.universes.suggest import did_you_mean, shown
from tickstock.universes.validate import safe_symbols

SHOWN = 10
_SIGNS = frozenset("|&{}@(;")
"""Stand in expressions, and in no symbol."""


class Edits:
    """Plans for changes, and their performance. Universes are named `type:key`, and those that
    exist also by a key that one type alone has.

    Symbols are understood in other spellings than the vendor's; what was respelled, repeated or
    left out is among the notes of the plan.
    """

    def __init__(self, database: Database, settings: Settings) -> None:
        self._database = database
        self._environment = settings.environment

    def set(
        self,
        name: str,
        symbols: Sequence[str] = (),
        *,
        expression: str | None = None,
        title: str | None = None,
        description: str | None = None,
    ) -> OrganizePlan:
        """Make a universe, or replace its members by a list or by a stored expression.

        With neither, only the `title` (its name for people) or the description change.
        Raises BadInput for both at once, BadSymbol, BadKey, and what an expression may raise.
        """
        if symbols and expression is not None:
            raise BadInput("Both symbols and an expression were given.", "Give one of them.")
        if not symbols and expression is None and title is None and description is None:
            raise BadInput("Nothing to set was given.", "Give symbols, or --expression.")
        with self._database.transaction() as conn:
            ref = store.named(conn, name, self._environment)
            read, notes = self._read(conn, symbols)
            is_new = not store.exists(conn, ref, self._environment)
            plan = universe_plans.plan_set(
                conn,
                ref,
                read or None,
                expression=expression,
                name=title,
                description=description,
                environment=self._environment,
            )
            plan = _judged(conn, plan)
            if is_new:
                notes += effects(conn, self._environment, new=[ref])
        warning = check_key(ref.key) if is_new else None
        return _noted(plan, [*notes, *([warning] if warning else [])])

    def add(self, name: str, symbols: Sequence[str]) -> OrganizePlan:
        """Put symbols at the end of a list, or join them to a stored expression."""
        return self._amend(name, symbols, "|")

    def remove(self, name: str, symbols: Sequence[str]) -> OrganizePlan:
        """Take symbols out. Raises BadSymbol, naming each, for symbols that are not in it."""
        return self._amend(name, symbols, "-")

    def _amend(self, name: str, symbols: Sequence[str], sign: ChainOperator) -> OrganizePlan:
        with self._database.transaction() as conn:
            ref = store.named(conn, name, self._environment)
            read, notes = self._read(conn, symbols)
            held = store.get(conn, ref, self._environment)
            names = instruments.read_names(conn)
            if sign == "-":
                moved, more = _leaving(ref, read, held.symbols, names)
            else:
                moved, more = _joining(read, held.symbols, names)
            notes += more
            if held.expression is None:
                after = (*held.symbols, *moved)
                kept = tuple(s for s in after if sign == "|" or s not in moved)
                plan = universe_plans.plan_set(conn, ref, kept, environment=self._environment)
            else:
                text = _amended(held.expression, sign, moved)
                plan = universe_plans.plan_set(
                    conn, ref, expression=text, environment=self._environment
                )
            plan = _judged(conn, plan)
        return _noted(plan, notes)

    def _read(self, conn: Connection, symbols: Sequence[str]) -> tuple[tuple[str, ...], list[str]]:
        """Symbols in the vendor's spelling, and notes on what was respelled or repeated."""
        try:
            found = read_typed(conn, words_of(symbols))
        except BadSymbol as error:
            if not any(sign in text for text in symbols for sign in _SIGNS):
                raise
            hint = f"If an expression is meant: --expression {' '.join(symbols)!r}."
            raise BadSymbol(error.what, hint) from None
        notes = [*found.notes, *(f"{s} was given more than once." for s in found.duplicates)]
        return found.symbols, notes

    def rename(self, name: str, new: str, *, title: str | None = None) -> OrganizePlan:
        """Give a universe another key. What is known of its past goes with it."""
        with self._database.transaction() as conn:
            ref = store.named(conn, name, self._environment)
            plan = universe_plans.plan_rename(
                conn, ref, parse_ref(new), name=title, environment=self._environment
            )
            return _noted(plan, effects(conn, self._environment, gone=[ref], new=[parse_ref(new)]))

    def delete(self, *names: str) -> OrganizePlan:
        """Delete universes. Their history stays, and `revert` brings them back."""
        with self._database.transaction() as conn:
            refs = [store.named(conn, name, self._environment) for name in names]
            plan = universe_plans.plan_delete(conn, refs, self._environment)
            return _noted(plan, effects(conn, self._environment, gone=refs))

    def revert(
        self, name: str, *, revision: int | None = None, at: datetime | None = None
    ) -> OrganizePlan:
        """Bring back what `revision` left, what was there at `at`, or undo the last change."""
        if revision is not None and at is not None:
            raise BadInput("Both a revision and a time were given.", "Give one of them.")
        with self._database.transaction() as conn:
            ref = store.named(conn, name, self._environment)
            return universe_plans.plan_revert(
                conn, ref, revision=revision, at=at, environment=self._environment
            )

    def record(
        self,
        name: str,
        file: str,
        data: bytes,
        *,
        source: str,
        through: date | None = None,
        backwards: bool = False,
        column: str = "",
    ) -> OrganizePlan:
        """Tell the dated membership of a universe: the content of `file` (see `files.dated`).

        `through` is the last day that the source speaks about. With `backwards` a stream of changes
        is read from the present members back. The list of today stays as it is.
        """
        with self._database.transaction() as conn:
            lookup = universe_lookup.StoreLookup(conn, self._environment)
            if through is not None:
                refuse_future(through, lookup)
            ref = store.named(conn, name, self._environment)
            told = read_history(
                file,
                data,
                through=through,
                source=source,
                back_from=self._present(conn, ref) if backwards else None,
                identify=partial(listings.identified, conn),
                column=column,
                today=lookup.last_day(),
            )
            plan = universe_plans.plan_history(conn, ref, told.history, self._environment)
            symbols = tuple(dict.fromkeys(interval.symbol for interval in told.history.intervals))
            verdict = judge(symbols, partial(instruments.traded, conn))
        return _noted(plan, [*_about(told), *([str(verdict)] if verdict.unknown else [])])

    def _present(self, conn: Connection, ref: UniverseRef) -> tuple[str, ...]:
        """The members of today, of whom there must be some."""
        if members := store.members(conn, ref, self._environment):
            return members
        raise BadInput(
            f"{ref} has no members today, from whom changes could be read back.",
            "Set the list of today first, or leave out --backwards.",
        )

    def fix(self) -> OrganizePlan:
        """What `validate --fix` would do: everything that is safe to fix (see `safe_symbols`)."""
        with self._database.transaction() as conn:
            rows = store.stored(conn, self._environment)
            identify = partial(listings.identified, conn)
            found = {row.ref: safe_symbols(row, identify) for row in rows}
            fixed = {ref: symbols for ref, symbols in found.items() if symbols is not None}
            return universe_plans.plan_lists(conn, fixed, self._environment)

    def apply(
        self,
        plan: OrganizePlan,
        *,
        reason: str,
        source: str = "",
        allow: Collection[str] = (),
    ) -> None:
        """Do exactly what the plan says, or refuse and change nothing.

        Raises StalePlan when the state has moved, GuardRefused when a change loses too much.
        """
        with self._database.transaction() as conn:
            universe_writes.apply(conn, plan, allow=allow, source=source, reason=reason)


def _about(told: RecordedHistory) -> list[str]:
    """What a person should know of a file with a history: what was left out, what was respelled."""
    out = left_out_words(told.rows)
    more = len(told.remarks) - SHOWN
    return [
        *([f"Left out: {out}."] if out else []),
        *map(str, told.remarks[:SHOWN]),
        *([f"and {more} more remarks."] if more > 0 else []),
    ]


def _leaving(
    ref: UniverseRef, symbols: Sequence[str], held: Sequence[str], names: Names
) -> tuple[tuple[str, ...], list[str]]:
    """The members that leave, whatever the list calls them, and notes on whom symbols mean."""
    members = {names.who(symbol): symbol for symbol in held}
    meant = {symbol: names.meant(symbol, members) for symbol in symbols}
    _refuse_strangers(ref, [s for s, member in meant.items() if member not in members], held)
    gone = set(meant.values())
    notes = [
        taken_for(names, symbol, member, members[member])
        for symbol, member in meant.items()
        if symbol not in held
    ]
    return tuple(symbol for symbol in held if names.who(symbol) in gone), notes


def _joining(
    symbols: Sequence[str], held: Sequence[str], names: Names
) -> tuple[tuple[str, ...], list[str]]:
    """The tickers of today of whoever is not in a list, and notes on whom symbols mean."""
    members = {names.who(symbol): symbol for symbol in held}
    joining: dict[str, None] = {}
    notes: list[str] = []
    for symbol in symbols:
        member = names.who(symbol)
        called = names.called(member)
        if member in members:
            as_what = f", as {members[member]}" if members[member] != symbol else ""
            notes.append(f"{symbol} is in it already{as_what}.")
            continue
        joining[called] = None
        if called != symbol:
            notes.append(taken_for(names, symbol, member, called))
        notes += [
            f"{symbol} is not {members[one]}, which had that ticker before."
            for one in names.owners(symbol)
            if one in members
        ]
    return tuple(joining), notes


def _refuse_strangers(ref: UniverseRef, strangers: Sequence[str], held: Collection[str]) -> None:
    if strangers:
        raise BadSymbol(
            f"{', '.join(map(shown, strangers[:10]))} {'is' if len(strangers) == 1 else 'are'}"
            f" not in {ref}.",
            did_you_mean(strangers[0], held) or f"`tickstock universe show {ref}` lists it.",
        )


def _amended(expression: str, sign: ChainOperator, symbols: tuple[str, ...]) -> str:
    if not symbols:
        return expression
    tree, step = parse(expression), (sign, Symbols(tuple(sorted(symbols))))
    if isinstance(tree, Chain):
        return format_expression(Chain(tree.first, (*tree.rest, step)))
    return format_expression(Chain(tree, (step,)))


def _judged(conn: Connection, plan: OrganizePlan) -> OrganizePlan:
    return judged(plan, partial(instruments.traded, conn))


def _noted(plan: OrganizePlan, notes: Sequence[str]) -> OrganizePlan:
    return replace(plan, notes=(*plan.notes, *notes))
