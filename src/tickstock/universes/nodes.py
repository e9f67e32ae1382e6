"""The parsed form of a universe expression: frozen nodes, their canonical text, what they name."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date
from typing import Literal as OneOf
from typing import TypeAlias

from tickstock.model import UniverseRef, quoted
from tickstock.spans import Span
from tickstock.universes.rules import Rule
from tickstock.universes.symbol import SYMBOL

ChainOperator: TypeAlias = OneOf["|", "-"]


@dataclass(frozen=True, slots=True)
class Ref:
    """One universe, named in full."""

    ref: UniverseRef


@dataclass(frozen=True, slots=True)
class Bare:
    """A key without its type: stands for the one universe that has this key."""

    key: str


@dataclass(frozen=True, slots=True)
class Glob:
    """All universes whose key matches; `type` None for those of every type. `*` is all of them."""

    pattern: str
    type: str | None = None


@dataclass(frozen=True, slots=True)
class Symbols:
    """Symbols written out in braces: sorted, each once. `notes` says which were respelled."""

    symbols: tuple[str, ...]
    notes: tuple[str, ...] = field(default=(), compare=False)


@dataclass(frozen=True, slots=True)
class Both:
    """The symbols that are in every one of two or more parts (`&`)."""

    parts: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Chain:
    """Joined (`|`) and taken away (`-`) from left to right; flat, so a long one is not deep."""

    first: Node
    rest: tuple[tuple[ChainOperator, Node], ...]


@dataclass(frozen=True, slots=True)
class AsOf:
    """Membership on a day, or on any day of a span. A date further inside takes precedence."""

    node: Node
    when: date | Span


@dataclass(frozen=True, slots=True)
class Pick:
    """Those of a part that a rule picks by their bars."""

    node: Node
    rule: Rule


Node: TypeAlias = Ref | Bare | Glob | Symbols | Both | Chain | AsOf | Pick
Leaf: TypeAlias = Ref | Bare | Glob | Symbols


def format_expression(node: Node) -> str:
    """The canonical text of `node`; parsing it gives an equal node."""
    match node:
        case Ref(ref):
            return str(ref)
        case Bare(key):
            return json.dumps(key) if SYMBOL.fullmatch(key) else quoted(key)
        case Glob(pattern, kind):
            return pattern if kind is None else f"{kind}:{pattern}"
        case Symbols(symbols):
            return "{" + ", ".join(symbols) + "}"
        case Both(parts):
            return " & ".join(_in_group(part, (Both, Chain, AsOf)) for part in parts)
        case Chain(first, rest):
            steps = (f" {sign} {_in_group(part, (Chain, AsOf))}" for sign, part in rest)
            return _in_group(first, (Chain, AsOf)) + "".join(steps)
        case AsOf(inner, when):
            return f"{_in_group(inner, (Both, Chain, AsOf))} @ {format_when(when)}"
        case Pick(inner, rule):
            return f"pick({format_expression(inner)}; {rule})"


def format_when(when: date | Span) -> str:
    """`2020-01-02`, or `2015-01-01..2020-12-31` with both days inside."""
    return f"{when.start}..{when.last}" if isinstance(when, Span) else str(when)


def leaves(node: Node) -> Iterator[Leaf]:
    """The operands of an expression, from left to right."""
    match node:
        case Both(parts):
            for part in parts:
                yield from leaves(part)
        case Chain(first, rest):
            yield from leaves(first)
            for _, part in rest:
                yield from leaves(part)
        case AsOf(inner, _) | Pick(inner, _):
            yield from leaves(inner)
        case _:
            yield node


def has_rule(node: Node) -> bool:
    """Whether some part of an expression picks by a rule."""
    match node:
        case Pick():
            return True
        case Both(parts):
            return any(map(has_rule, parts))
        case Chain(first, rest):
            return has_rule(first) or any(has_rule(part) for _, part in rest)
        case AsOf(inner, _):
            return has_rule(inner)
        case _:
            return False


def narrowed(node: Node, within: Span | None, symbols: tuple[str, ...] = ()) -> Node | None:
    """Of an expression that stands under a span as a whole: the days inside `within`, of these
    `symbols` (all without any). None for any other, and where no day is left."""
    match node:
        case AsOf(inner, Span() as span) if left := span & within if within else span:
            return AsOf(Both((inner, Symbols(tuple(sorted(symbols))))) if symbols else inner, left)
        case _:
            return None


def references(node: Node) -> tuple[Ref | Bare | Glob, ...]:
    """What an expression names besides written-out symbols, in order of appearance, each once."""
    return tuple(dict.fromkeys(leaf for leaf in leaves(node) if not isinstance(leaf, Symbols)))


def respellings(node: Node) -> tuple[str, ...]:
    """Notes on the symbols in braces that were written another way than the vendor's."""
    return tuple(n for leaf in leaves(node) if isinstance(leaf, Symbols) for n in leaf.notes)


def _in_group(node: Node, loose: tuple[type, ...]) -> str:
    text = format_expression(node)
    return f"({text})" if isinstance(node, loose) else text
