"""From definitions and stored rows to a plan. All here is pure."""

from __future__ import annotations

import contextlib
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date

from tickstock.errors import BadExpression, MalformedUniverse, TickStockError
from tickstock.model import UNIVERSE_TYPES, UniverseRef
from tickstock.spans import Span
from tickstock.universes.catalog import Definition
from tickstock.universes.expression import (
    Chain,
    PickMembers,
    Ref,
    Symbols,
    evaluate,
    format_expression,
    no_picks,
    parse,
)
from tickstock.universes.identifiers import Identify, nobody_knows
from tickstock.universes.merge import (
    Content,
    Draft,
    Fate,
    HeldList,
    content_of,
    preserved,
    replaced,
)
from tickstock.universes.names import NO_NAMES, Names
from tickstock.universes.nodes import ChainOperator
from tickstock.universes.parsing import MAX_LENGTH
from tickstock.universes.plan import (
    NO_FACTS,
    Action,
    Before,
    Change,
    Facts,
    Mode,
    OrganizePlan,
    StoredRow,
    state_of,
    without,
)
from tickstock.universes.symbol import SYMBOL
from tickstock.universes.value import read_value


def organize_plan(
    definitions: Iterable[Definition],
    rows: Iterable[StoredRow],
    facts: Mapping[UniverseRef, Facts],
    *,
    mode: Mode,
    environment: str,
    types: Collection[str] = UNIVERSE_TYPES,
    foreign: Collection[UniverseRef] = (),
    names: Names = NO_NAMES,
    pick: PickMembers = no_picks,
    identify: Identify = nobody_knows,
) -> OrganizePlan:
    """What bringing the stored universes of one environment to `definitions` would do.

    Args:
        rows: every row of the types that are read, of this environment and no other.
        types: what is organized; rows and definitions of other types are left out of it, and
            the rows still are what expressions may name.
        facts: what is kept beside rows, also beside rows that have been deleted.
        foreign: the rows that another program made and TickStock never wrote.
        names: whose tickers symbols are, for expressions.
        pick: applies the rules of expressions to the bars that are held.
        identify: tells of identifiers in expressions which symbols they have.
        mode: `REPLACE`, or `PRESERVE` to merge with what people changed (see `merge`).

    Raises:
        BadExpression: one or more definitions whose expression cannot be evaluated over the
            universes as they would be; all of them are named.
    """
    held = {
        r.ref: replace(
            read_row(r, environment, facts.get(r.ref, NO_FACTS)), is_foreign=r.ref in foreign
        )
        for r in rows
    }
    defined = {d.ref: d for d in definitions if d.ref.type in types}
    refs = sorted({*defined, *(ref for ref in held if ref.type in types)})
    drafts = [
        preserved(ref, defined.get(ref), held.get(ref), facts.get(ref, NO_FACTS))
        if mode is Mode.PRESERVE
        else replaced(ref, defined.get(ref), held.get(ref))
        for ref in refs
    ]
    changes, failed = _settle(drafts, held, facts, _Asked(names, pick, identify))
    return OrganizePlan(
        environment=environment,
        mode=mode,
        changes=changes,
        state=state_of((r.row.ref, r.row.version, r.row.facts_version) for r in held.values()),
        conflicts=tuple(conflict for draft in drafts for conflict in draft.conflicts),
        problems=(*_unreadable(drafts, held), *failed),
        notes=tuple(n for draft in drafts if draft.fate is Fate.ABSENT for n in draft.notes),
    )


def read_row(row: StoredRow, environment: str, facts: Facts) -> HeldList:
    """The row with its symbols, or with what is wrong with them.

    A row that is what organize wrote is not checked element by element again: of 10,000 universes
    of 500 symbols that takes as long as all the rest of a plan.
    """
    if facts.base is not None and row.value == list(facts.base):
        return HeldList(row, facts.base, facts)
    try:
        return HeldList(row, read_value(row.ref, environment, row.value), facts)
    except MalformedUniverse as e:
        return HeldList(row, None, facts, str(e))


def _unreadable(drafts: Iterable[Draft], held: Mapping[UniverseRef, HeldList]) -> Iterable[str]:
    fates = {
        Fate.WRITE: "This plan replaces it.",
        Fate.REMOVE: "This plan removes it.",
        Fate.KEEP: "It is left as it is.",
    }
    for draft in drafts:
        row = held.get(draft.ref)
        if row and row.problem:
            yield f"{row.problem} {fates[draft.fate]}"


# --- the universes as they will be --------------------------------------------------------
@dataclass(frozen=True, slots=True)
class _Asked:
    """Of what expressions ask, that which the universes do not tell."""

    names: Names
    pick: PickMembers
    identify: Identify


class _Result:
    """What expressions in definitions are evaluated over (`evaluate.Lookup`).

    Rows that cannot be read are no part of it; the plan names them.
    """

    def __init__(self, contents: dict[UniverseRef, Content], asked: _Asked) -> None:
        self._contents, self._asked = contents, asked
        self.pick, self.identified = asked.pick, asked.identify

    @classmethod
    def of(
        cls,
        drafts: Iterable[Draft],
        held: Mapping[UniverseRef, HeldList],
        asked: _Asked,
    ) -> _Result:
        contents = {
            ref: Content(row.symbols, row.facts.expression)
            for ref, row in held.items()
            if row.symbols is not None
        }
        for draft in drafts:
            if draft.fate is Fate.WRITE:
                contents[draft.ref] = draft.content
            elif draft.fate is Fate.REMOVE:
                contents.pop(draft.ref, None)
        return cls(contents, asked)

    def having(self, ref: UniverseRef, content: Content) -> _Result:
        """The same universes, but for one."""
        return _Result({**self._contents, ref: content}, self._asked)

    def write_edits(self, drafts: Iterable[Draft], held: Mapping[UniverseRef, HeldList]) -> None:
        """Turn expressions that people edited as lists into expressions that say so."""
        for draft in drafts:
            text = draft.content.expression
            if text is not None and (draft.content.extra or draft.content.less):
                # A definition that fails here fails again when it is written, and is named there.
                with contextlib.suppress(TickStockError):
                    given = self.symbols(draft.ref)
                    theirs = held[draft.ref].symbols or ()
                    self._contents[draft.ref] = _with_edits(draft.content, text, given, theirs)

    def refs(self) -> Collection[UniverseRef]:
        return self._contents.keys()

    def expression(self, ref: UniverseRef) -> str | None:
        return self._contents[ref].expression

    def members(self, ref: UniverseRef, as_of: date | None) -> tuple[str, ...]:
        if as_of is not None:
            raise _no_history(ref)
        return self._contents[ref].symbols

    def change_days(self, ref: UniverseRef, span: Span) -> Iterable[date]:
        raise _no_history(ref)

    def names(self) -> Names:
        return self._asked.names

    def last_day(self) -> date:
        return date.max

    def symbols(self, ref: UniverseRef) -> tuple[str, ...]:
        """What the universe holds, its expression evaluated."""
        if self.expression(ref) is None:
            return self._contents[ref].symbols
        return evaluate(Ref(ref), self).symbols


def _no_history(ref: UniverseRef) -> BadExpression:
    return BadExpression(
        f"A definition asks for {ref} on a day, and definitions have no history.",
        "Store that expression with `tickstock universe set` instead.",
    )


def _with_edits(
    content: Content, expression: str, given: tuple[str, ...], theirs: tuple[str, ...]
) -> Content:
    """The expression with a person's additions and removals written into it.

    `given` is what the bare expression gives, `theirs` the row. A list, where the edits cannot be
    written: too many for the longest text, or symbols that the grammar would read otherwise.
    """
    extra = without(content.extra, given)
    if not all(map(SYMBOL.fullmatch, (*extra, *content.less))):
        return _as_list(given, extra, content.less, theirs)
    edits: tuple[tuple[ChainOperator, tuple[str, ...]], ...]
    edits = (("|", extra), ("-", content.less))
    steps = tuple((sign, Symbols(tuple(sorted(s)))) for sign, s in edits if s)
    if not steps:
        return Content(expression=expression)
    text = format_expression(Chain(parse(expression), steps))
    if len(text) > MAX_LENGTH:
        return _as_list(given, extra, content.less, theirs)
    return Content(expression=text)


def _as_list(
    given: tuple[str, ...], extra: tuple[str, ...], less: tuple[str, ...], theirs: tuple[str, ...]
) -> Content:
    """The edited members in the row's order, then those that are new."""
    members = without((*given, *extra), less)
    order = {symbol: place for place, symbol in enumerate(theirs)}
    return Content(tuple(sorted(members, key=lambda s: order.get(s, len(order)))))


# --- from drafts to changes ---------------------------------------------------------------
def _settle(
    drafts: Sequence[Draft],
    held: Mapping[UniverseRef, HeldList],
    facts: Mapping[UniverseRef, Facts],
    asked: _Asked,
) -> tuple[tuple[Change, ...], tuple[str, ...]]:
    """The changes, and the rows whose own expression fails; those stay as they are.

    A definition whose expression fails refuses the whole plan.
    """
    result = _Result.of(drafts, held, asked)
    result.write_edits(drafts, held)
    changes: list[Change] = []
    failed: list[str] = []
    refused: list[TickStockError] = []
    for draft in drafts:
        row, known = held.get(draft.ref), facts.get(draft.ref, NO_FACTS)
        try:
            changes += _changes(draft, row.before if row else None, known, result)
        except TickStockError as e:
            if draft.definition and draft.definition.expression == draft.content.expression:
                refused.append(e)
            else:
                failed.append(f"{draft.ref}: {e} It is left as it is.")
    if refused:
        raise BadExpression(
            "Definitions cannot be evaluated: " + " ".join(map(str, refused)),
            "Nothing was planned.",
        )
    return tuple(changes), tuple(failed)


def _changes(
    draft: Draft, before: Before | None, facts: Facts, result: _Result
) -> Iterator[Change]:
    ref, name = draft.ref, draft.name
    if draft.fate is Fate.REMOVE:
        after = replace(facts, base=None, base_name=None, base_expression=None)
        notes = ("TickStock never wrote it",) if before and before.is_foreign else ()
        yield Change(Action.REMOVE, ref, name, (), after, facts, before, notes)
    elif draft.fate is Fate.KEEP:
        symbols = draft.content.symbols
        yield Change(Action.SAME, ref, name, symbols, facts, facts, before, draft.notes)
    elif draft.definition is not None:
        symbols = result.symbols(ref)
        after = _facts_after(draft.definition, symbols, result)
        yield change_to(ref, name, symbols, after, before, facts)


def _facts_after(definition: Definition, symbols: tuple[str, ...], result: _Result) -> Facts:
    expression = result.expression(definition.ref)
    if definition.expression is None:
        base = definition.symbols
    elif definition.expression == expression:
        base = symbols
    else:
        base = result.having(definition.ref, content_of(definition)).symbols(definition.ref)
    return Facts(
        definition.description,
        definition.provenance,
        expression,
        base,
        definition.name,
        definition.expression,
    )


def change_to(
    ref: UniverseRef,
    name: str,
    symbols: tuple[str, ...],
    facts: Facts,
    before: Before | None,
    facts_before: Facts,
) -> Change:
    """The change that leaves a universe with this name, these symbols and these facts."""
    action = _action(before, name, symbols, facts.expression is not None)
    notes = _notes(before, name, symbols) if action is Action.CHANGE else ()
    if before and facts.expression != facts_before.expression:
        text = facts.expression
        notes += (f"now the expression {text}" if text else "a list instead of an expression",)
    return Change(action, ref, name, symbols, facts, facts_before, before, tuple(notes))


def _action(before: Before | None, name: str, symbols: tuple[str, ...], evaluated: bool) -> Action:
    """What an expression gives has no order of its own, so a row in any order holds it."""
    if before is None:
        return Action.ADD
    held = before.symbols
    if evaluated and held is not None:
        held = tuple(sorted(held))
    return Action.SAME if (before.name, held) == (name, symbols) else Action.CHANGE


def _notes(before: Before | None, name: str, symbols: tuple[str, ...]) -> tuple[str, ...]:
    if before is None:
        return ()
    notes = []
    if before.symbols is None:
        notes.append("malformed value replaced")
    elif before.symbols != symbols and set(before.symbols) == set(symbols):
        notes.append("another order")
    if before.name != name:
        notes.append(f'name was "{before.name}"')
    return tuple(notes)
