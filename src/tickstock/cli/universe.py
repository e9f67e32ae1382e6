"""`tickstock universe ...`."""

from __future__ import annotations

import sys
from collections import Counter
from datetime import UTC, datetime
from typing import Annotated, Any, Literal

from cyclopts import Parameter

from tickstock.cli.output import Common, console, print_json, talk
from tickstock.cli.session import open_tick

REASON = "organize from the command line"
Yes = Annotated[bool, Parameter(alias="-y", negative="", help="Do not ask.")]
Allow = Annotated[
    list[str] | None,
    Parameter(help="Key of a universe that may lose more than the change guard lets through."),
]


def list_(
    *,
    type_: Annotated[str | None, Parameter(name="--type", help="Only this type.")] = None,
    common: Common = Common(),  # noqa: B008 -- frozen
) -> int:
    """All universes, with counts."""
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
        what = f"  [dim]= {u.expression}[/]" if u.expression else ""
        when = u.updated_at.strftime("%Y-%m-%d") if u.updated_at else ""
        out.print(f"{str(u.ref):<{width}}  {count:>6}  {when:<10}  {u.name}{what}")
    return 0


def _listed(u: Any) -> dict[str, Any]:
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
    why: Annotated[
        bool, Parameter(negative="", help="Name the part that let each symbol in.")
    ] = False,
    common: Common = Common(),  # noqa: B008 -- frozen
) -> int:
    """The symbols of a universe or an expression, one a line, sorted."""
    with open_tick(common) as tick:
        found = tick.universes.evaluate(expression)
    if common.json:
        body = {"expression": expression, "symbols": list(found.symbols)}
        lineage = {s: list(parts) for s, parts in found.lineage.items()} if why else {}
        print_json("universe show", body | ({"lineage": lineage} if why else {}))
        return 0
    for symbol in found.symbols:
        parts = "  " + ", ".join(found.lineage[symbol]) if why else ""
        print(f"{symbol}{parts}")
    talk(f"{len(found.symbols)} symbols")
    return 0


def organize(
    *,
    preserve: Annotated[
        bool, Parameter(negative="", help="Remove nothing; keep what people changed.")
    ] = False,
    dry_run: Annotated[bool, Parameter(negative="", help="Show the plan, write nothing.")] = False,
    yes: Yes = False,
    allow: Allow = None,
    common: Common = Common(),  # noqa: B008 -- frozen
) -> int:
    """Bring the stored universes to their definitions: shown first, then asked, then done."""
    from tickstock.universes.plan import Mode, as_dict, lines

    mode = Mode.PRESERVE if preserve else Mode.REPLACE
    with open_tick(common) as tick:
        plan = tick.universes.plan_organize(mode)
        if common.json:
            print_json("universe organize", as_dict(plan) | {"applied": not dry_run and yes})
        else:
            print("\n".join(lines(plan, verbose=common.verbose)))
        if dry_run:
            talk("Dry run: nothing was written.")
            return 0
        if not plan.writes:
            talk("Nothing to do.")
            return 0
        if not yes and not _agreed(plan):
            return 2
        tick.universes.apply(plan, reason=REASON, allow=allow or ())
        talk("Done: " + ", ".join(f"{n} {word}" for word, n in plan.counts.items()) + ".")
    return 0


def validate(
    *,
    strict: Annotated[bool, Parameter(negative="", help="Exit 3 when there are warnings.")] = False,
    format_: Annotated[
        Literal["text", "json", "markdown"], Parameter(name="--format", help="How to print.")
    ] = "text",
    common: Common = Common(),  # noqa: B008 -- frozen
) -> int:
    """Check every stored universe. Exit 0 clean, 1 errors, 3 warnings with --strict."""
    from tickstock.universes.validate import Severity, exit_code, render

    with open_tick(common) as tick:
        findings = tick.universes.validate(datetime.now(UTC))
    print(render(findings, "json" if common.json else format_))
    counts = Counter(f.severity for f in findings)
    talk(", ".join(f"{counts[s]} {s.value}s" for s in Severity))
    return exit_code(findings, strict)


def _agreed(plan: Any) -> bool:
    """Ask, naming what will be removed. Without a terminal nobody can answer: refuse."""
    if not sys.stdin.isatty():
        talk("error: this would write, and there is no terminal to ask at.")
        talk("       Add --yes to do it, or --dry-run to look.")
        return False
    if plan.removed:
        talk("This removes: " + ", ".join(str(ref) for ref in plan.removed))
    sys.stderr.write("Continue? [y/N] ")
    sys.stderr.flush()
    if sys.stdin.readline().strip().lower() in ("y", "yes"):
        return True
    talk("Nothing was written.")
    return False
