"""`tickstock universe ...`."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import Parameter

from tickstock.cli.changes import Allow, How, Yes, carry_out
from tickstock.cli.history import AsOf
from tickstock.cli.moments import KnownAt, moment
from tickstock.cli.output import Common, console, print_json, talk, unmarked
from tickstock.cli.session import open_tick

if TYPE_CHECKING:
    from tickstock.service.history import View
    from tickstock.store.universes import Listed


def list_(
    *,
    type_: Annotated[str | None, Parameter(name="--type", help="Only this type.")] = None,
    common: Common = Common(),
) -> int:
    """List all universes, with counts."""
    from tickstock.errors import BadInput
    from tickstock.model import READ_TYPES
    from tickstock.universes.suggest import did_you_mean, shown

    if type_ is not None and type_ not in READ_TYPES:
        guess = did_you_mean(type_, READ_TYPES) or f"Types are {', '.join(READ_TYPES)}."
        raise BadInput(f"{shown(type_)} is no type of universe.", guess)
    with open_tick(common) as tick:
        found = [u for u in tick.universes.list() if type_ in (None, u.ref.type)]
    if common.json:
        print_json("universe list", [_listed(u) for u in found])
        return 0
    if not found:
        talk("No universe is stored yet. Try: tickstock universe organize")
    width = max((len(str(u.ref)) for u in found), default=0)
    out = console()
    for u in found:
        count = "?" if u.symbols is None else f"{u.symbols:,}"
        what = f"  [dim]= {unmarked(u.expression)}[/]" if u.expression else ""
        when = u.updated_at.strftime("%Y-%m-%d") if u.updated_at else ""
        out.print(f"{u.ref!s:<{width}}  {count:>6}  {when:<10}  {unmarked(u.name)}{what}")
    return 0


def _listed(u: Listed) -> dict[str, object]:
    return {
        "type": u.ref.type,
        "key": u.ref.key,
        "name": u.name,
        "symbols": u.symbols,
        "expression": u.expression,
        "description": u.description,
        "source": u.source,
        "updated_at": u.updated_at.isoformat() if u.updated_at else None,
    }


def show(
    expression: str,
    *,
    as_of: AsOf = None,
    known_at: KnownAt = None,
    why: Annotated[
        bool, Parameter(negative="", help="Name the part that let each symbol in.")
    ] = False,
    common: Common = Common(),
) -> int:
    """Print the symbols of a universe or an expression.

    One a line, sorted. With --as-of the members of that day, and how far today's list stands
    for them.
    """
    from tickstock.words import plural

    with open_tick(common) as tick:
        found = tick.history.show(expression, as_of, moment(known_at))
    if common.json:
        print_json("universe show", _shown(expression, found, why))
        return 0
    for symbol in found.symbols:
        parts = "  " + ", ".join(found.lineage[symbol]) if why else ""
        print(f"{symbol}{parts}")
    talk(plural(len(found.symbols), "symbol"))
    for line in (*([found.label] if found.label else []), *found.notes):
        talk(str(line))
    return 0


def _shown(expression: str, found: View, why: bool) -> dict[str, object]:
    body: dict[str, object] = {"expression": expression, "symbols": list(found.symbols)}
    if found.label:
        body["survivorship"] = found.label.as_dict()
    if found.notes:
        body["notes"] = list(found.notes)
    lineage = {s: list(parts) for s, parts in found.lineage.items()} if why else {}
    return body | ({"lineage": lineage} if why else {})


def organize(
    *,
    preserve: Annotated[
        bool, Parameter(negative="", help="Remove nothing; keep what people changed.")
    ] = False,
    allow: Allow = None,
    allow_foreign: Annotated[
        bool,
        Parameter(negative="", help="Remove or replace rows too that TickStock never wrote."),
    ] = False,
    allow_removals: Annotated[
        bool, Parameter(negative="", help="Remove universes however many of the table they are.")
    ] = False,
    how: How = How(),
    common: Common = Common(),
) -> int:
    """Bring the stored universes to their definitions.

    Shown first, then asked, then done. The change guard refuses a plan that takes much from one
    universe or from all of them together, or anything from rows that TickStock never wrote,
    until that is allowed.
    """
    from tickstock.universes.guard import names_of
    from tickstock.universes.plan import Mode

    with open_tick(common) as tick:
        plan = tick.universes.plan_organize(Mode.PRESERVE if preserve else Mode.REPLACE)
        return carry_out(
            "universe organize",
            plan,
            tick.universes.apply,
            common=common,
            how=how,
            allow=[
                *(allow or ()),
                *names_of(plan, foreign=allow_foreign, removals=allow_removals),
            ],
        )


def validate(
    *,
    fix: Annotated[bool, Parameter(negative="", help="Fix what is safe to fix.")] = False,
    yes: Yes = False,
    strict: Annotated[bool, Parameter(negative="", help="Exit 3 when there are warnings.")] = False,
    format_: Annotated[
        Literal["text", "json", "markdown"], Parameter(name="--format", help="How to print.")
    ] = "text",
    common: Common = Common(),
) -> int:
    """Check every stored universe.

    Ends with 0 where all is well, 1 for errors, 3 for warnings with --strict. With --fix,
    repeats, other spellings and lists encoded twice are fixed first, by a plan that is shown
    and asked about; what is left is then reported.
    """
    from tickstock.universes.validate import exit_code, render

    with open_tick(common) as tick:
        if fix and (code := carry_out(
            "universe validate --fix", tick.edits.fix(), tick.edits.apply,
            common=replace(common, json=False), how=How(yes=yes),
        )):  # fmt: skip
            return code
        findings = tick.universes.validate()
    if common.json or format_ == "json":
        print_json("universe validate", json.loads(render(findings, "json")))
    else:
        print(render(findings, format_))
    return exit_code(findings, strict)
