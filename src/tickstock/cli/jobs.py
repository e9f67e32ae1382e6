"""`tickstock jobs ...`: watch and steer jobs."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from tickstock.cli.output import Common, console, print_json, talk, unmarked
from tickstock.cli.session import open_tick
from tickstock.words import cut, plural, sessions_held

if TYPE_CHECKING:
    from rich.console import Console

    from tickstock.loading.request import LoadRequest
    from tickstock.model import JobState
    from tickstock.service.progress import Progress
    from tickstock.store.jobs import Job

JobId = Annotated[str, Parameter(help="The id, its first characters, or the client's own id.")]
SHOWN_FAILURES = 20


def list_(
    *,
    state: Annotated[str | None, Parameter(help="Only jobs of this state.")] = None,
    most: Annotated[int, Parameter(help="How many.")] = 20,
    common: Common = Common(),
) -> int:
    """List the newest jobs."""
    from tickstock.cli.watch import line_of

    with open_tick(common) as tick:
        wanted = None if state is None else _state(state)
        found = tick.jobs.newest(most, wanted)
        are_there = bool(found or tick.jobs.newest(1))
    if common.json:
        print_json("jobs list", [line_of(p) | {"title": p.load.title} for p in found])
        return 0
    if not found and wanted is not None and are_there:
        talk(f"No job is {wanted.replace('_', ' ')}.")
    elif not found:
        talk("No job yet. Try: tickstock load etf_universe:core_etfs --for 1mo")
    out = console()
    for p in found:
        when = p.load.created_at.astimezone().strftime("%Y-%m-%d %H:%M")
        out.print(
            f"{str(p.load.id)[:8]}  {when}  {_state_word(p):<21} {p.percent:>3} %  "
            f"{p.held:>9,}/{p.expected:<9,} {unmarked(cut(p.load.title))}"
        )
        if p.load.met_a_fault:
            out.print(f"          {p.load.message}", markup=False)
    return 0


def show(job: JobId, *, common: Common = Common()) -> int:
    """Show one job: progress, results, errors."""
    with open_tick(common) as tick:
        progress = tick.jobs.progress(tick.jobs.find(job))
    show_outcome(progress, as_json=common.json)
    return 0


def watch(job: JobId, *, common: Common = Common()) -> int:
    """Follow a job until it ends."""
    from tickstock.cli.watch import exit_code
    from tickstock.cli.watch import watch as follow

    with open_tick(common) as tick:
        progress = follow(tick, tick.jobs.find(job))
    show_outcome(progress, as_json=common.json)
    return exit_code(progress)


def cancel(job: JobId, *, common: Common = Common()) -> int:
    """End a job; what is done stays done."""
    with open_tick(common) as tick:
        load_id = tick.jobs.find(job)
        done = tick.jobs.cancel(load_id, "Cancelled from the command line.")
        progress = tick.jobs.progress(load_id)
    if not done:
        talk(f"{_ended(progress)}: there is nothing to cancel.")
    show_outcome(progress, as_json=common.json)
    return 0 if done else 1


def pause(job: JobId, *, common: Common = Common()) -> int:
    """Pause a job: ask nothing more for it until it is resumed.

    Whichever worker is at it. What is done stays done. `tickstock jobs resume` goes on with it.
    """
    with open_tick(common) as tick:
        load_id = tick.jobs.find(job)
        tick.steering.pause(load_id)
        progress = tick.jobs.progress(load_id)
    if not progress.paused:
        talk(f"{_ended(progress)}: there is nothing to pause.")
    show_outcome(progress, as_json=common.json)
    return 0 if progress.paused else 1


def clone(
    job: JobId,
    *,
    background: Annotated[bool, Parameter(negative="", help="Leave it to a worker.")] = False,
    common: Common = Common(),
) -> int:
    """Submit a job again, planned as of now.

    For the same symbols, timeframes and days.
    """
    with open_tick(common) as tick:
        load_id = tick.steering.clone(tick.jobs.find(job), requested_by="cli").id
    return _go_on(str(load_id), common, background=background)


def prune(
    *,
    older_than: Annotated[
        str | None, Parameter(help="Age, say 30d or 6mo [default: TICKSTOCK_JOBS_KEPT_DAYS].")
    ] = None,
    dry_run: Annotated[bool, Parameter(negative="", help="Only say how many.")] = False,
    common: Common = Common(),
) -> int:
    """Forget jobs that ended long ago.

    With their calls, and receipts that have expired or were revoked as long ago. Bars and coverage
    stay as they are.
    """
    from tickstock.loading.request import age_of

    with open_tick(common) as tick:
        age = age_of(older_than) if older_than else None
        count, before = tick.steering.prune(age, dry_run=dry_run)
    if common.json:
        body = {"jobs": count, "ended_before": before.isoformat(), "dry_run": dry_run}
        print_json("jobs prune", body)
    else:
        what = "would be forgotten" if dry_run else "were forgotten"
        day = before.astimezone().strftime("%Y-%m-%d %H:%M")
        console().print(f"{plural(count, 'job')} that ended before {day} {what}.")
    return 0


def _ended(progress: Progress) -> str:
    return f"The job {str(progress.load.id)[:8]} has ended ({progress.load.state})"


def retry(
    job: JobId,
    *,
    background: Annotated[bool, Parameter(negative="", help="Leave it to a worker.")] = False,
    common: Common = Common(),
) -> int:
    """Ask again for what failed or was cancelled."""
    with open_tick(common) as tick:
        load_id = tick.jobs.find(job)
        if not tick.jobs.retry(load_id):
            talk("No call of this job failed or was cancelled: nothing to ask again.")
    return _go_on(str(load_id), common, background=background)


def resume(
    job: JobId,
    *,
    background: Annotated[bool, Parameter(negative="", help="Leave it to a worker.")] = False,
    common: Common = Common(),
) -> int:
    """Go on with a paused or interrupted job, in this process."""
    with open_tick(common) as tick:
        progress = tick.jobs.progress(tick.jobs.find(job))
    if progress.load.state.finished:
        talk(f"{_ended(progress)}: there is nothing to resume.")
        show_outcome(progress, as_json=common.json)
        return 1
    return _go_on(job, common, background=background)


def _go_on(job: str, common: Common, *, background: bool) -> int:
    from tickstock.cli.foreground import work_and_watch
    from tickstock.cli.watch import exit_code

    with open_tick(common) as tick:
        load_id = tick.jobs.find(job)
        tick.steering.resume(load_id)
        progress = tick.jobs.progress(load_id) if background else work_and_watch(tick, load_id)
        show_outcome(progress, as_json=common.json)
    return 0 if background else exit_code(progress)


def _state(text: str) -> JobState:
    from tickstock.errors import BadInput
    from tickstock.model import JobState

    try:
        return JobState(text)
    except ValueError:
        raise BadInput(
            f"{text!r} is not a state of a job.", f"One of: {', '.join(JobState)}."
        ) from None


def show_outcome(progress: Progress, *, as_json: bool) -> None:
    """What a job came to, or how far it is."""
    from tickstock.cli.watch import calls_made, line_of, standing

    load = progress.load
    if as_json:
        errors = [
            {"kind": e.kind, "calls": e.calls, "example": e.example, "symbol": e.symbol}
            for e in progress.errors
        ]
        body = line_of(progress) | {"title": load.title, "message": load.message}
        print_json("load", body | {"report": load.report, "errors": errors})
        return
    out = console()
    short = str(load.id)[:8]
    days = f"{load.asked.span.start}..{load.asked.span.last}"
    out.print(f"[bold]{unmarked(cut(load.title))}[/]  {days}  job {short}")
    bars = f"{plural(progress.rows_new, 'bar')} new"
    if progress.rows_changed:
        bars += f", {progress.rows_changed:,} changed"
    calls = calls_made(progress)
    state = _state_text(_state_word(progress))
    out.print(f"{state}: {load.message or _held(progress)} · {bars} · {calls}")
    if said := standing(progress):
        out.print(f"  {said}", markup=False)
    _show_actions(out, load)
    _show_asides(out, load)
    _show_doubts(out, load)
    _show_taken(out, load)
    if progress.rows_changed:
        out.print(f"  what changed: tickstock revisions --job {short}", markup=False)
    if not load.state.finished:
        out.print(f"Go on with: tickstock jobs resume {short}")
    _show_failures(out, progress)


def _show_actions(out: Console, load: Job) -> None:
    """Splits and dividends that a job brought or changed, where it did."""
    found = (load.report or {}).get("actions") or {}
    said = [f"{found[k]} {k}" for k in ("added", "corrected", "withdrawn") if found.get(k)]
    if said:
        out.print(f"  splits and dividends: {', '.join(said)}")


def _show_asides(out: Console, load: Job) -> None:
    """Rows of answers that were put aside, with some of them."""
    found = (load.report or {}).get("aside") or {}
    if found.get("rows"):
        out.print(f"  {plural(found['rows'], 'row')} put aside, for instance:")
        for example in found["examples"]:
            out.print(f"    {example}", markup=False)


def _show_doubts(out: Console, load: Job) -> None:
    """How many doubts there are, and which commands list them."""
    found = (load.report or {}).get("doubts") or {}
    about = (("actions", "splits and dividends", "verify"), ("bars", "bars", "missing"))
    for key, what, command in about:
        if count := found.get(key):
            out.print(f"  {plural(count, 'doubt')} about {what}: tickstock {command}", markup=False)


def _show_taken(out: Console, load: Job) -> None:
    """Where readers of SQL will not find the bars of a job."""
    if taken := (load.report or {}).get("names_taken"):
        said = f"  not in {', '.join(taken)}, which another program has: see tickstock doctor"
        out.print(said, markup=False)


def _held(progress: Progress) -> str:
    return sessions_held(progress.held, progress.expected)


def _state_word(progress: Progress) -> str:
    return "paused" if progress.paused else str(progress.load.state)


def _state_text(state: str) -> str:
    colours = {"completed": "green", "completed_with_errors": "yellow", "failed": "red"}
    text = state.replace("_", " ")
    colour = colours.get(state)
    return f"[{colour}]{text}[/]" if colour else text


def _show_failures(out: Console, progress: Progress) -> None:
    for e in progress.errors:
        end = "" if e.failed else " (asked again since)"
        out.print(f"  {e.kind}, {plural(e.calls, 'call')}{end}: {e.example}", markup=False)
    items = (progress.load.report or {}).get("items", [])
    short = [i for i in items if i[4]]
    for symbol, timeframe, expected, held, causes in short[:SHOWN_FAILURES]:
        why = ", ".join(f"{n} {c.replace('_', ' ')}" for c, n in causes.items())
        out.print(f"  {symbol:<8} {timeframe:<5} {held:>6,} of {expected:<6,} {why}", markup=False)
    if len(short) > SHOWN_FAILURES:
        out.print(f"  and {len(short) - SHOWN_FAILURES} more; --json has them all")
    if short:
        names = [symbol for symbol, *_ in short]
        out.print(f"  why: {_missing(progress.load.asked, names)}", markup=False)


def _missing(asked: LoadRequest, names: Sequence[str]) -> str:
    """The command that says why: of the universe, or of the symbols where there is none."""
    from tickstock.model import Timeframe
    from tickstock.service.requests import FROM_CSV, NAMED

    is_stored = not asked.universe.startswith(FROM_CSV) and asked.universe != NAMED
    whole = asked.universe if is_stored else f"{{{','.join(dict.fromkeys(names))}}}"
    words = ["tickstock", "missing", whole]
    if not asked.intervals:  # else the expression says which days are meant
        words += ["--from", str(asked.span.start), "--to", str(asked.span.last)]
    if asked.timeframes != (Timeframe.DAY,):
        words += ["--timeframes", ",".join(asked.timeframes)]
    return shlex.join(words)
