"""`tickstock schedule ...`."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from tickstock.cli.load import Universe
from tickstock.cli.output import Common, console, print_json, talk
from tickstock.cli.session import open_tick

if TYPE_CHECKING:
    from tickstock.service import TickStock
    from tickstock.service.schedules import Planned

Name = Annotated[str, Parameter(help="The schedule's name.")]


def add(
    name: Annotated[str, Parameter(help="A name for it: letters, digits and . _ -")],
    universe: Universe,
    *,
    at: Annotated[str, Parameter(help="New York time, say 18:30.")],
    after_close: Annotated[
        bool,
        Parameter(
            negative="",
            help="Only after sessions, relative to a close at 16:00: on half days as much earlier.",
        ),
    ] = False,
    for_: Annotated[
        str, Parameter(name="--for", help="How far back each time: 1d 2d 1w 1mo 1y ...")
    ] = "1w",
    timeframes: Annotated[str, Parameter(help="Any of day,hour,1min.")] = "day",
    common: Common = Common(),
) -> int:
    """Load a universe every day, or after every close.

    At a New York time. Workers (`tickstock worker`, `tickstock serve`) perform it, each due
    time once however many of them run. What was missed while none ran is made up for by one
    load. A time before 09:30 with --after-close is on the day after the session.
    """
    from tickstock.loading.due import parse_time

    with open_tick(common) as tick:
        made = tick.schedules.add(
            name, universe, parse_time(at), after_close=after_close, duration=for_,
            timeframes=timeframes, created_by="cli",
        )  # fmt: skip
        _warn_of_lag(tick, made)
    _show(made, common, "schedule add")
    return 0


def _warn_of_lag(tick: TickStock, made: Planned) -> None:
    """A session's bars are final some time after its close: earlier, its day is left out."""
    lag = tick.dates.limits().publication_lag
    schedule = made.schedule
    if schedule.after_close:
        from tickstock.loading.due import DueRule

        if DueRule(schedule.at, after_close=True).delay < lag:
            hours = lag.total_seconds() / 3600
            talk(
                f"Bars of a session are final {hours:g} hours after its close: at that time, it "
                "is the sessions before that are loaded."
            )


def list_(*, common: Common = Common()) -> int:
    """List schedules, when they ran and when they are due next."""
    from tickstock.service.schedules import schedule_as_dict

    with open_tick(common) as tick:
        found = tick.schedules.planned()
    if common.json:
        print_json("schedule list", [schedule_as_dict(p) for p in found])
        return 0
    if not found:
        talk(
            "No schedule yet. Try: tickstock schedule add daily etf_universe:core_etfs "
            "--at 01:00 --after-close"
        )
    for planned in found:
        _print(planned)
    return 0


def remove(name: Name, *, common: Common = Common()) -> int:
    """Remove a schedule.

    The jobs that it made stay.
    """
    with open_tick(common) as tick:
        tick.schedules.remove(name)
    if common.json:
        print_json("schedule remove", {"name": name})
    else:
        talk(f"Removed {name}.")
    return 0


def run_now(name: Name, *, common: Common = Common()) -> int:
    """Submit a schedule's job at once.

    Besides its due times; a worker does it.
    """
    from tickstock.cli.jobs import show_outcome

    with open_tick(common) as tick:
        load = tick.schedules.run_now(name, requested_by=f"schedule {name}, by hand")
        show_outcome(tick.jobs.progress(load.id), as_json=common.json)
    return 0


def _show(planned: Planned, common: Common, command: str) -> None:
    from tickstock.service.schedules import schedule_as_dict

    if common.json:
        print_json(command, schedule_as_dict(planned))
    else:
        _print(planned)


def _print(planned: Planned) -> None:
    schedule, last = planned.schedule, planned.last
    how = "after every close" if schedule.after_close else "every day"
    out = console()
    out.print(
        f"{schedule.name:<16} {schedule.universe}  --for {schedule.duration} "
        f"{schedule.timeframes}  {schedule.at:%H:%M} {how}",
        markup=False,
    )
    out.print(f"{'':<16} next {_when(planned.next)}", markup=False)
    if last is not None:
        made_up = f", making up for {last.missed} missed" if last.missed else ""
        job = f" job {str(last.load_id)[:8]}" if last.load_id else ""
        told = f" {last.message}" if last.message else ""
        out.print(
            f"{'':<16} last {_when(last.due_at)}: {last.state}{job}{made_up}{told}", markup=False
        )


def _when(moment: datetime | None) -> str:
    from tickstock.clock import NEW_YORK

    if moment is None:
        return "unknown: the list of sessions ends before"
    return f"{moment.astimezone(NEW_YORK):%a %Y-%m-%d %H:%M %Z}"
