"""Evaluate a universe expression against what is stored: which symbols, and what let them in."""

from __future__ import annotations

import fnmatch
import re
from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence, Set
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import date
from functools import cached_property
from typing import Protocol, TypeAlias, TypeVar

from tickstock.errors import (
    BadDates,
    BadExpression,
    EmptyUniverse,
    MalformedUniverse,
    UnknownUniverse,
)
from tickstock.model import UniverseRef
from tickstock.spans import ONE_DAY, Span, union
from tickstock.universes.identifiers import identified_note, is_identifier, unidentified_error
from tickstock.universes.names import Member, Names
from tickstock.universes.nodes import (
    AsOf,
    Bare,
    Both,
    Chain,
    ChainOperator,
    Glob,
    Node,
    Pick,
    Ref,
    Symbols,
    format_expression,
    format_when,
    references,
)
from tickstock.universes.parsing import parse
from tickstock.universes.rules import Rule
from tickstock.universes.suggest import did_you_mean, ref_meant, shown
from tickstock.universes.whole_market import MARKETS

MAX_STEPS = 50
"""Stored expressions that lead from one to the next; more is a mistake, not a universe."""


MAX_LEFT_OUT = 20
"""Universes that a glob went on without and that are named; the rest is counted."""


PickMembers: TypeAlias = Callable[
    [Rule, Mapping[Member, str], date | None], tuple[frozenset[Member], tuple[str, ...]]
]
"""See `Lookup.pick`."""


def no_picks(
    rule: Rule, called: Mapping[Member, str], day: date | None
) -> tuple[frozenset[Member], tuple[str, ...]]:
    """Where there are no bars to look at. Raises BadExpression."""
    del called, day
    raise BadExpression(
        f"The rule {rule} needs bars, and there are none here.",
        "Ask an installation with a database.",
    )


class Lookup(Protocol):
    """What evaluation asks of the store; all of one environment."""

    def refs(self) -> Iterable[UniverseRef]:
        """Every universe there is. A set is used as it is, anything else is copied."""

    def members(self, ref: UniverseRef, as_of: date | None) -> tuple[str, ...]:
        """The symbols of a list now, or on a day; asked only for a ref of `refs` that is no
        stored expression."""

    def expression(self, ref: UniverseRef) -> str | None:
        """The text of a stored expression, None for a list."""

    def change_days(self, ref: UniverseRef, span: Span) -> Iterable[date]:
        """The days in `span` on which the members of a list differ from the day before."""

    def names(self) -> Names:
        """Whose ticker a symbol is on a day."""

    def identified(self, texts: Sequence[str]) -> Mapping[str, str]:
        """Identifiers → the symbols of those that are known."""

    def pick(
        self, rule: Rule, called: Mapping[Member, str], day: date | None
    ) -> tuple[frozenset[Member], tuple[str, ...]]:
        """Those of some members (with their tickers) that a rule picks on a day, or now; and what
        has to be said of it, as gaps in their bars."""

    def last_day(self) -> date:
        """The last day that has come: of no later one it is known who will be a member."""


@dataclass(frozen=True, slots=True)
class Evaluation:
    """The symbols sorted, and for each the operands that let it in, as the expression names them.

    A date that an operand stands under is part of its name (`stock_universe:x @ 2020-01-02`).
    `left_out` are the universes that a glob matches and nobody can read, with what is wrong;
    `remarks` say of written symbols whom they were taken for. `members` are whom the symbols name.
    """

    symbols: tuple[str, ...]
    lineage: Mapping[str, tuple[str, ...]]
    left_out: Mapping[UniverseRef, str] = field(default_factory=dict)
    remarks: tuple[str, ...] = ()
    members: tuple[Member, ...] = ()

    @property
    def notes(self) -> list[str]:
        """For people: what it went on without, and whom symbols were taken for."""
        return [*left_out_notes(self.left_out), *self.remarks]


def evaluate(node: Node, lookup: Lookup) -> Evaluation:
    """The symbols that `node` stands for.

    Operators compare instruments: a rename makes no second member, and whoever has several tickers
    is answered by the one of the day that is asked for, or by today's. A list of today alone is
    answered as it is written.

    On a day, every list is read as it was on that day; stored expressions are taken as they are
    written now. Over a span, a symbol is in the answer when the expression holds it on any day
    of the span. A universe that is a stored expression alone is answered part by part.
    A glob inside a stored expression leaves out the universes that are built on that expression,
    so that a master can be `stock_universe:*` without containing itself. What a glob matches and
    nobody can read, a row that some program wrote, is left out and named in the answer; so is a
    stored expression that fails, and, on a past day, what was not known then.

    Raises UnknownUniverse for a part that does not exist, EmptyUniverse when no symbol is left,
    BadExpression for a cycle, an ambiguous key, a stored expression that cannot be read, or a rule
    under a span,
    BadDates for a day that has not come.
    """
    return _Evaluator(lookup).evaluate(node)


def evaluate_days(node: Node, days: Sequence[date], lookup: Lookup) -> Iterator[Evaluation]:
    """As `evaluate` on each of some days, which come in order. A list is read once for all days on
    which it stays the same; one after the other, as they are asked for."""
    evaluator = _Evaluator(lookup)
    if days:
        evaluator.find_changes(node, Span.inclusive(days[0], days[-1]))
    for day in days:
        yield evaluator.evaluate(AsOf(node, day))


def evaluate_intervals(node: Node, lookup: Lookup) -> dict[str, tuple[Span, ...]] | None:
    """The days on which each symbol is in an expression that stands under a span, in all; None for
    any other expression. Sorted by symbol, each the ticker of its days; raises as `evaluate`."""
    if not isinstance(node, AsOf) or not isinstance(node.when, Span):
        return None
    with _not_too_deep():
        found = _Evaluator(lookup).intervals(node.node, node.when)
    if not found:
        raise _no_symbol(node)
    return found


@contextmanager
def _not_too_deep() -> Iterator[None]:
    """Raises BadExpression for what Python cannot follow."""
    try:
        yield
    except RecursionError:
        raise BadExpression(
            "The expression and the stored ones that it names are nested too deeply.",
            "Name lists in place of expressions that are built on expressions.",
        ) from None


def asked_day(node: Node) -> date | None:
    """The day that an expression as a whole stands under, of a span the last; None: today."""
    day: date | None = None
    while isinstance(node, AsOf):
        day = node.when.last if isinstance(node.when, Span) else node.when
        node = node.node
    return day


def refuse_future(day: date, lookup: Lookup) -> None:
    """Raises BadDates for a day that has not come."""
    if day > lookup.last_day():
        raise BadDates(
            f"{day} has not come yet: who will be a member then is not known.",
            "Give an earlier day, or none for the list of today.",
        )


def universes_under(node: Node, lookup: Lookup) -> set[UniverseRef]:
    """All universes that the symbols of `node` depend on."""
    return _Evaluator(lookup).under(node)


def left_out_notes(left_out: Mapping[UniverseRef, str]) -> list[str]:
    """For people: what a glob matched and went on without."""
    notes = [f"{ref} is left out: {why}" for ref, why in sorted(left_out.items())]
    more = len(notes) - MAX_LEFT_OUT
    return [*notes[:MAX_LEFT_OUT], *([f"{more} more are left out."] if more > 0 else [])]


def _no_symbol(
    node: Node, left_out: Mapping[UniverseRef, str] | None = None, remarks: Iterable[str] = ()
) -> EmptyUniverse:
    notes = [*left_out_notes(left_out or {}), *remarks]
    return EmptyUniverse(
        " ".join([f"{shown(format_expression(node), 200)} names no symbol.", *notes[:5]]),
        "Check the parts one by one with `tickstock universe show`.",
    )


@dataclass(frozen=True, slots=True)
class _Scope:
    """Under which date a node stands (`label` as written), in whose stored expression; `in_span`,
    the date is one of those of a span. A market that a rule looks at is that `before` the day: who
    trades on a day is known at its end."""

    day: date | None = None
    label: str = ""
    owner: UniverseRef | None = None
    before: bool = False
    in_span: bool = False


@dataclass(frozen=True, slots=True)
class _Value:
    """What a node stands for. Credit for a member goes to `name`, or on to the parts that hold
    it, each without the members that were taken away after it."""

    members: frozenset[Member]
    name: str = ""
    parts: tuple[tuple[_Value, frozenset[Member]], ...] = ()


_NOTHING: frozenset[Member] = frozenset()
T = TypeVar("T")


class _Evaluator:
    """One evaluation: remembers what it has read, so that shared parts are read once."""

    def __init__(self, lookup: Lookup) -> None:
        self.lookup = lookup
        self.path: list[UniverseRef] = []
        self.trees: dict[UniverseRef, Node | None] = {}
        self.read: dict[tuple[UniverseRef, date | None], frozenset[str]] = {}
        self.expressions: dict[tuple[UniverseRef, date | None, bool, bool], frozenset[Member]] = {}
        self.renamed: set[str] = set()
        self.alone = False
        self.remarks: dict[str, None] = {}
        self.changes: dict[UniverseRef, tuple[Span, list[date]]] = {}
        self.expanded: dict[Glob, frozenset[UniverseRef]] = {}
        self.built: dict[UniverseRef, frozenset[UniverseRef]] = {}
        self.left_out: dict[UniverseRef, str] = {}
        self.unsound: set[UniverseRef] = set()

    @cached_property
    def names(self) -> Names:
        return self.lookup.names()

    def evaluate(self, node: Node) -> Evaluation:
        self.remarks, self.left_out = {}, {}
        with _not_too_deep():
            return self.whole(node)

    def find_changes(self, node: Node, span: Span) -> None:
        """Look up when the lists under `node` change. Not markets: a day that is not held of them
        is an error, and not a day without a change."""
        self._days(node, span, None)
        for ref in MARKETS:
            self.changes.pop(ref, None)

    def whole(self, node: Node) -> Evaluation:
        value, day = self._opened(node), asked_day(node)
        if not value.members:
            raise _no_symbol(node, self.left_out, self.remarks)
        remarks = tuple(self.remarks)
        called = [(self._called(member, day), member) for member in value.members]
        called.sort(key=lambda one: (one[0], str(one[1])))
        members = tuple(member for _, member in called)
        if not value.parts:  # one list or one set lets in all of them
            alone = dict.fromkeys(dict(called), (value.name,))
            return Evaluation(tuple(alone), alone, self.left_out, remarks, members)
        credited: dict[Member, list[str]] = {member: [] for _, member in called}
        _credit(value, value.members, credited)
        lineage: dict[str, dict[str, None]] = {}
        for symbol, member in called:
            lineage.setdefault(symbol, {}).update(dict.fromkeys(credited[member]))
        told = {symbol: tuple(parts) for symbol, parts in lineage.items()}
        return Evaluation(tuple(told), told, self.left_out, remarks, members)

    def _called(self, member: Member, day: date | None) -> str:
        return member if isinstance(member, str) else self.names.called(member, day)

    def _all_called(self, members: frozenset[Member], day: date | None) -> dict[Member, str]:
        """The same of many: ten thousand of them, for each day of a build."""
        names = self.names
        return {m: m if isinstance(m, str) else names.called(m, day) for m in members}

    def intervals(self, inner: Node, when: Span) -> dict[str, tuple[Span, ...]]:
        days = self._days(inner, when, None)
        held = self._by_day(days, when, lambda day: self._on_day(inner, day))
        days = sorted(held)
        found: dict[str, list[Span]] = {}
        for day, until in zip(days, [*days[1:], self._come(when).end], strict=True):
            for member in held[day]:
                for symbol, called in self.names.days_called(member, Span(day, until)):
                    found.setdefault(symbol, []).append(called)
        return {symbol: union(found[symbol]) for symbol in sorted(found)}

    def _by_day(
        self, days: Iterable[date], when: Span, found: Callable[[date], T]
    ) -> dict[date, T]:
        """What is found on the days on which lists change, and on those between them on which one
        of their tickers changes hands."""
        by_day = {day: found(day) for day in days}
        more = self.names.edges(self.renamed, self._come(when)) if self.renamed else set()
        return by_day | {day: found(day) for day in sorted(more - by_day.keys())}

    def _on_day(self, inner: Node, day: date) -> frozenset[Member]:
        return self._opened(AsOf(inner, day), whole=False, in_span=True).members

    def _opened(self, node: Node, *, whole: bool = True, in_span: bool = False) -> _Value:
        """The value of `node`; a lone stored expression, dated or not, is answered by its parts.

        A lone list of today is answered as it is written.
        """
        inner = node.node if isinstance(node, AsOf) else node
        if not isinstance(inner, Ref | Bare):
            self.alone = whole and isinstance(node, Symbols)
            return self._value(node, _Scope(in_span=in_span))
        ref = self._resolve(inner)
        tree = self._tree(ref)
        if tree is None:
            self.alone = whole and not isinstance(node, AsOf)
            return self._value(node, _Scope(in_span=in_span))
        self.path.append(ref)
        dated = replace(node, node=tree) if isinstance(node, AsOf) else tree
        value = self._value(dated, _Scope(owner=ref, in_span=in_span))
        self.path.pop()
        return value

    def _written(self, node: Symbols) -> tuple[str, ...]:
        """The symbols that are written out, identifiers among them read as the symbols they have.

        Raises BadExpression for an identifier that nobody here knows.
        """
        asked = [text for text in node.symbols if is_identifier(text)]
        if not asked:
            return node.symbols
        found = self.lookup.identified(asked)
        for text in asked:
            if text not in found:
                raise BadExpression(*unidentified_error(text))
            self.remarks[identified_note(text, found[text])] = None
        return tuple(dict.fromkeys(found.get(text, text) for text in node.symbols))

    def _whom(self, symbols: frozenset[str], day: date | None) -> frozenset[Member]:
        """Whom the symbols of a list name on a day."""
        if self.alone:
            return symbols
        self.renamed.update(self.names.symbols & symbols)
        return self.names.whole(symbols, day)

    # ------------------------------------------------------------------ nodes
    def _value(self, node: Node, scope: _Scope) -> _Value:
        match node:
            case Symbols():
                members = self._whom(frozenset(self._written(node)), scope.day)
                return _Value(members, format_expression(node))
            case Ref() | Bare():
                return self._universe(self._resolve(node), scope)
            case Glob():
                return _joined(self._readable(self._matches(node, scope), scope))
            case Both(parts):
                return self._both(parts, scope)
            case Chain():
                return self._chain(node, scope)
            case AsOf(inner, when):
                return self._dated(inner, when, scope)
            case Pick():
                return self._picked(node, scope)

    def _picked(self, node: Pick, scope: _Scope) -> _Value:
        if scope.in_span:  # a rule answers for each day: bars change by the session
            raise BadExpression(
                f"{shown(format_expression(node), 120)} picks by a rule, which has an answer for"
                " each day and none for a span.",
                "Give one day, or store what it picks: `tickstock universe build`.",
            )
        value = self._value(node.node, replace(scope, before=True))
        called = self._all_called(value.members, scope.day)
        members, remarks = self.lookup.pick(node.rule, called, scope.day)
        self.remarks.update(dict.fromkeys(remarks))
        return _Value(members, parts=((value, value.members - members),))

    def _readable(self, refs: Iterable[UniverseRef], scope: _Scope) -> Iterator[_Value]:
        """Nobody asked for one of these by name: one that cannot be read, or whose expression
        fails, stops none of the rest."""
        depth = len(self.path)
        for ref in refs:
            try:
                value = self._universe(ref, scope)
            except (MalformedUniverse, UnknownUniverse, BadExpression) as error:
                del self.path[depth:]
                self.left_out[ref] = error.what
            else:
                yield value

    def _both(self, parts: Sequence[Node], scope: _Scope) -> _Value:
        values = [self._value(part, scope) for part in parts]
        lists = [v.members for v, p in zip(values, parts, strict=True) if not _is_written(p)]
        held = frozenset.intersection(*lists) if lists else _NOTHING
        values = [
            replace(value, members=self._among(part, value, held, scope.day)) if lists else value
            for value, part in zip(values, parts, strict=True)
        ]
        common = frozenset.intersection(*(value.members for value in values))
        return _Value(common, parts=tuple((value, _NOTHING) for value in values))

    def _among(
        self, part: Node, value: _Value, held: frozenset[Member], day: date | None
    ) -> frozenset[Member]:
        """Whom the symbols written out beside members that are held mean: of FB and a list with
        META, Meta, though another has the ticker now."""
        if not isinstance(part, Symbols):
            return value.members
        found: set[Member] = set()
        for symbol in self._written(part):
            meant = self.names.meant(symbol, held, day)
            found.add(meant)
            if meant in held and (called := self._called(meant, day)) != symbol:
                self.remarks[taken_for(self.names, symbol, meant, called)] = None
        return frozenset(found)

    def _chain(self, node: Chain, scope: _Scope) -> _Value:
        first = self._value(node.first, scope)
        held = set(first.members)
        steps: list[tuple[ChainOperator, _Value]] = [("|", first)]
        for sign, part in node.rest:
            value = self._value(part, scope)
            if sign == "|":
                held |= value.members
            else:
                taken = self._among(part, value, frozenset(held), scope.day)
                value = replace(value, members=taken)
                held -= taken
            steps.append((sign, value))
        taken_later = _NOTHING
        parts = []
        for sign, value in reversed(steps):
            if sign == "|":
                parts.append((value, taken_later))
            else:
                taken_later |= value.members
        return _Value(frozenset(held), parts=tuple(reversed(parts)))

    def _dated(self, inner: Node, when: date | Span, scope: _Scope) -> _Value:
        dated = replace(scope, label=format_when(when))
        refuse_future(when.start if isinstance(when, Span) else when, self.lookup)
        if isinstance(when, date):
            return self._value(inner, replace(dated, day=when))
        days, dated = self._days(inner, when, scope.owner), replace(dated, in_span=True)
        values = self._by_day(days, when, lambda day: self._value(inner, replace(dated, day=day)))
        return _joined(values[day] for day in sorted(values))

    def _days(self, inner: Node, when: Span, owner: UniverseRef | None) -> list[date]:
        """The first day of the span, and those on which a list under `inner` changes."""
        refuse_future(when.start, self.lookup)
        when = self._come(when)
        days = {when.start}
        for ref in self._lists_under(inner, owner):
            changes = sorted(day for day in self.lookup.change_days(ref, when) if day in when)
            self.changes[ref] = (when, changes)
            days.update(changes)
        return sorted(days)

    def _come(self, when: Span) -> Span:
        """The days of a span that have come."""
        return when & Span(date.min, self.lookup.last_day() + ONE_DAY)

    def _universe(self, ref: UniverseRef, scope: _Scope) -> _Value:
        name = f"{ref} @ {scope.label}" if scope.label else str(ref)
        return _Value(self._members(ref, scope), name)

    def _members(self, ref: UniverseRef, scope: _Scope) -> frozenset[Member]:
        tree, day = self._tree(ref), scope.day
        if tree is None:
            is_earlier = scope.before and day is not None and ref in MARKETS
            return self._listed(ref, day - ONE_DAY if day and is_earlier else day)
        key = (ref, day, scope.before, scope.in_span)
        if key not in self.expressions:
            self.expressions[key] = self._stored(ref, tree, scope)
        return self.expressions[key]

    def _listed(self, ref: UniverseRef, day: date | None) -> frozenset[Member]:
        key = (ref, self._last_change(ref, day))
        if key not in self.read:
            self.read[key] = frozenset(self.lookup.members(*key))
        return self._whom(self.read[key], day)

    def _stored(self, ref: UniverseRef, tree: Node, scope: _Scope) -> frozenset[Member]:
        if ref in self.path:
            circle = [*self.path[self.path.index(ref) :], ref]
            raise BadExpression(
                f"{ref} is built on itself: {' -> '.join(map(str, circle))}.",
                "Take one of these steps out of the circle.",
            )
        if len(self.path) >= MAX_STEPS:
            raise BadExpression(
                f"{self.path[0]} leads through more than {MAX_STEPS} stored expressions.",
                "Name the lists at the end of the row directly.",
            )
        self.path.append(ref)
        members = self._value(tree, replace(scope, label="", owner=ref)).members
        self.path.pop()
        return members

    # ------------------------------------------------------------------ names
    @cached_property
    def known(self) -> Set[UniverseRef]:
        refs = self.lookup.refs()
        return refs if isinstance(refs, Set) else frozenset(refs)

    @cached_property
    def by_key(self) -> dict[str, list[UniverseRef]]:
        found: dict[str, list[UniverseRef]] = {}
        for ref in self.known:
            found.setdefault(ref.key, []).append(ref)
        for ref in MARKETS:
            found.setdefault(ref.key, [ref])
        return found

    def _resolve(self, node: Ref | Bare) -> UniverseRef:
        if isinstance(node, Ref):
            if node.ref not in self.known:
                guess = ref_meant(str(node.ref), self.known)
                raise self._unknown(str(node.ref), guess)
            return node.ref
        refs = sorted(self.by_key.get(node.key, []))
        if not refs:
            raise self._unknown(node.key, did_you_mean(node.key, self.by_key))
        if len(refs) > 1:
            raise BadExpression(
                f"{node.key} is the key of {len(refs)} universes{self._inside()}.",
                f"Write {' or '.join(map(str, refs))}.",
            )
        return refs[0]

    def _matches(self, glob: Glob, scope: _Scope) -> list[UniverseRef]:
        refs = self._expand(glob)
        if not refs and glob != Glob("*"):
            raise self._unknown(format_expression(glob), "Nothing matches the pattern.")
        left_out = self._built_on(scope.owner) if scope.owner else frozenset()
        return sorted(refs - left_out, key=str)

    def _unknown(self, name: str, hint: str) -> UnknownUniverse:
        return UnknownUniverse(
            f"There is no universe {shown(name, 120)}{self._inside()}.",
            hint or "`tickstock universe list` shows what there is.",
        )

    def _inside(self) -> str:
        return f" (named in the expression of {self.path[-1]})" if self.path else ""

    def _expand(self, glob: Glob) -> frozenset[UniverseRef]:
        if glob not in self.expanded:
            matches = re.compile(fnmatch.translate(glob.pattern)).match
            self.expanded[glob] = frozenset(
                ref for ref in self.known if glob.type in (None, ref.type) and matches(ref.key)
            )
        return self.expanded[glob]

    # ------------------------------------------------------------------ stored expressions
    def _tree(self, ref: UniverseRef) -> Node | None:
        if ref not in self.trees:
            text = self.lookup.expression(ref)
            try:
                self.trees[ref] = None if text is None else parse(text)
            except BadExpression as error:
                raise BadExpression(
                    f"The stored expression of {ref} cannot be read: {error.what}", error.hint
                ) from None
        return self.trees[ref]

    def _built_on(self, owner: UniverseRef) -> frozenset[UniverseRef]:
        """`owner` and every stored expression that leads to it, by name or by glob."""
        if owner not in self.built:
            found = {owner}
            waiting = {ref: self._uses(ref) for ref in self.known if ref != owner}
            waiting = {ref: uses for ref, uses in waiting.items() if uses}
            grown = True
            while grown:
                new = {r for r, u in waiting.items() if any(not found.isdisjoint(s) for s in u)}
                for ref in new:
                    del waiting[ref]
                found |= new
                grown = bool(new)
            self.built[owner] = frozenset(found)
        return self.built[owner]

    def _uses(self, ref: UniverseRef) -> list[frozenset[UniverseRef]]:
        """What a stored expression names, set by set; a faulty one leads nowhere."""
        tree = self._sound_tree(ref)
        return [] if tree is None else [self._named(part) for part in references(tree)]

    def _sound_tree(self, ref: UniverseRef) -> Node | None:
        """As `_tree`, and None too for one that cannot be read: whoever names it is told."""
        try:
            return self._tree(ref)
        except BadExpression:
            self.unsound.add(ref)
            return None

    def _named(self, part: Ref | Bare | Glob) -> frozenset[UniverseRef]:
        match part:
            case Ref(ref):
                return frozenset((ref,))
            case Bare(key):
                return frozenset(self.by_key.get(key, ()))
            case Glob():
                return self._expand(part)

    # ------------------------------------------------------------------ days
    def _lists_under(self, node: Node, owner: UniverseRef | None) -> set[UniverseRef]:
        """The lists that `node` reads, through stored expressions too."""
        found = {ref for ref in self.under(node, owner) if self._sound_tree(ref) is None}
        return found - self.unsound

    def under(self, node: Node, owner: UniverseRef | None = None) -> set[UniverseRef]:
        """All universes that `node` reads: lists, and stored expressions on the way to them."""
        found: set[UniverseRef] = set()
        seen: set[UniverseRef] = {owner} if owner else set()
        waiting = [node]
        while waiting:
            for part in references(waiting.pop()):
                for ref in self._named(part) - seen:
                    seen.add(ref)
                    if ref not in self.known:
                        continue
                    found.add(ref)
                    tree = self._sound_tree(ref)
                    if tree is not None:
                        waiting.append(tree)
        return found

    def _last_change(self, ref: UniverseRef, day: date | None) -> date | None:
        """The earliest known day with the same members, so that few days have to be read."""
        span, changes = self.changes.get(ref, (None, []))
        if day is None or span is None or day not in span:
            return day
        before = bisect_right(changes, day)
        return changes[before - 1] if before else span.start


def taken_for(names: Names, symbol: str, member: Member, called: str) -> str:
    """For people: whom a symbol was taken for that another has now, or nobody."""
    until = names.until(member, symbol)
    why = f"which had that ticker until {until}" if until else "which is the same instrument"
    return f"{symbol} is taken for {called}, {why}."


def _is_written(part: Node) -> bool:
    return isinstance(part, Symbols)


def _joined(values: Iterable[_Value]) -> _Value:
    parts = tuple((value, _NOTHING) for value in values)
    return _Value(frozenset().union(*(value.members for value, _ in parts)), parts=parts)


def _credit(value: _Value, wanted: frozenset[Member], credited: Mapping[Member, list[str]]) -> None:
    mine = wanted & value.members
    if value.name:
        for member in mine:
            credited[member].append(value.name)
    for part, taken_later in value.parts:
        _credit(part, mine - taken_later if taken_later else mine, credited)
