"""Stored expressions that a change of other universes makes fail."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from tickstock.errors import BadExpression
from tickstock.model import UniverseRef
from tickstock.store.connection import Connection
from tickstock.store.universe_lookup import StoreLookup
from tickstock.universes.expression import Bare, Node, Ref, parse, references


def effects(
    conn: Connection,
    environment: str,
    *,
    gone: Collection[UniverseRef] = (),
    new: Collection[UniverseRef] = (),
) -> list[str]:
    """For people: the stored expressions that name universes which will not be there any more, and
    those by a key that will be of two. Those that cannot be read fail as it is."""
    held = StoreLookup(conn, environment).all_keys
    after = (held.keys() - set(gone)) | set(new)
    return [
        f"{user} is the expression {text}, {why}"
        for user, text in sorted(held.items())
        if text is not None and user not in gone and (tree := _tree(text)) is not None
        for why in _failures(tree, held, after)
    ]


def _tree(text: str) -> Node | None:
    try:
        return parse(text)
    except BadExpression:
        return None


def _failures(
    tree: Node, held: Mapping[UniverseRef, str | None], after: Collection[UniverseRef]
) -> list[str]:
    found = []
    for part in references(tree):
        if isinstance(part, Ref) and part.ref in held and part.ref not in after:
            found.append(f"which names {part.ref} and will fail.")
        if not isinstance(part, Bare):
            continue
        before = [ref for ref in held if ref.key == part.key]
        then = sorted(ref for ref in after if ref.key == part.key)
        if len(before) == 1 and not then:
            found.append(f"which names {before[0]} and will fail.")
        if len(before) == 1 and len(then) > 1:
            names = " and ".join(map(str, then))
            found.append(f"which names {part.key} and will fail: that is the key of {names} then.")
    return found
