"""How every change of universes goes: shown first, asked about, then done exactly as shown."""

from __future__ import annotations

import sys
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from tickstock.cli.output import Common, print_json, talk

if TYPE_CHECKING:
    from tickstock.universes.plan import OrganizePlan

Yes = Annotated[bool, Parameter(alias="-y", negative="", help="Do not ask.")]
Allow = Annotated[
    list[str] | None,
    Parameter(
        negative="", help="Key of a universe that may lose more than the change guard lets through."
    ),
]
NOT_AGREED = 2


@Parameter(name="*")
@dataclass(frozen=True, slots=True)
class How:
    """Options of every command that changes universes."""

    reason: Annotated[
        str | None, Parameter(alias="-m", help="Why, for the log [default: the command].")
    ] = None
    dry_run: Annotated[bool, Parameter(negative="", help="Show the plan, write nothing.")] = False
    yes: Yes = False


def carry_out(
    command: str,
    plan: OrganizePlan,
    apply: Callable[..., None],
    *,
    common: Common,
    how: How,
    allow: Collection[str] | None = None,
    more: Mapping[str, object] | None = None,
) -> int:
    """Show a plan, ask, and perform it; the exit code.

    `apply` is `Edits.apply` or its like. With `--json` the plan is printed once, at the end, with
    `applied`: whether it was performed; `more` is printed beside it.

    Raises GuardRefused before anybody is asked, in a dry run too.
    """
    from tickstock.errors import GuardRefused
    from tickstock.universes.guard import check_plan
    from tickstock.universes.plan import as_dict, lines

    def ended(applied: bool, code: int = 0) -> int:
        if common.json:
            print_json(command, {**as_dict(plan), **(more or {}), "applied": applied})
        return code

    if not common.json:
        print("\n".join(lines(plan, verbose=common.verbose)))
    try:
        check_plan(plan, allow or ())
    except GuardRefused:
        ended(applied=False)
        raise
    if plan.idle or how.dry_run:
        talk("Nothing to do." if plan.idle else "Dry run: nothing was written.")
        return ended(applied=False)
    if not how.yes and not agreed(plan):
        return ended(applied=False, code=NOT_AGREED)
    apply(plan, reason=how.reason or f"{command} from the command line", allow=allow or ())
    done = [f"{n} {word}" for word, n in plan.counts.items()]
    count = len(plan.recordings)
    done += [f"{count} {'history' if count == 1 else 'histories'} recorded"] if count else []
    talk("Done: " + ", ".join(done) + ".")
    return ended(applied=True)


def agreed(plan: OrganizePlan) -> bool:
    """Ask, naming what will be removed. Without a terminal nobody can answer: refuse."""
    if not sys.stdin.isatty():
        talk("error: this would write, and there is no terminal to ask at.")
        talk("       Add --yes to do it.")
        return False
    if plan.removed:
        talk("This removes: " + ", ".join(str(ref) for ref in plan.removed))
    sys.stderr.write("Continue? [y/N] ")
    sys.stderr.flush()
    if sys.stdin.readline().strip().lower() in ("y", "yes"):
        return True
    talk("Nothing was written.")
    return False
