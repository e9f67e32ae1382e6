"""`tickstock jobs ...`: watch and steer loads."""

from __future__ import annotations

from typing import Annotated, Any

from cyclopts import Parameter

from tickstock.cli.output import Common, console, print_json, talk
from tickstock.cli.session import open_tick

JobId = Annotated[str, Parameter(help="The id, its first characters, or the client's own id.")]
SHOWN_FAILURES = 20


def list_(
    *,
    state: Annotated[str | None, Parameter(help="Only loads of this state.")] = None,
    most: Annotated[int, Parameter(help="How many.")] = 20,
    common: Common = Common(),  # noqa: B008 -- frozen
) -> int:
    """The newest loads."""
    from tickstock.cli.foreground import line_of
    from tickstock.model import LoadState

    with open_tick(common) as tick:
        wanted = None if state is None else _state(state, LoadState)
        found = tick.loads.newest(most, wanted)
    if common.json:
        print_json("jobs list", [line_of(p) | {"title": p.load.title} for p in found])
        return 0
    if not found:
        talk("No load yet. Try: tickstock load etf_universe:core_etfs --for 1mo")
    out = console()
    for p in found:
        when = p.load.created_at.astimezone().strftime("%Y-%m-%d %H:%M")
        out.print(
            f"{str(p.load.id)[:8]}  {when}  {p.load.state:<21} {p.percent:>3} %  "
            f"{p.held:>9,}/{p.expected:<9,} {p.load.title}"
        )
    return 0


def show(job: JobId, *, common: Common = Common()) -> int:  # noqa: B008 -- frozen
    """One load: progress, results, errors."""
    with open_tick(common) as tick:
        progress = tick.loads.progress(tick.loads.find(job))
    show_outcome(progress, as_json=common.json)
    return 0


def watch(job: JobId, *, common: Common = Common()) -> int:  # noqa: B008 -- frozen
    """Follow a load until it ends."""
    from tickstock.cli.foreground import exit_code
    from tickstock.cli.foreground import watch as follow

    with open_tick(common) as tick:
        progress = follow(tick, tick.loads.find(job))
    show_outcome(progress, as_json=common.json)
    return exit_code(progress)


def cancel(job: JobId, *, common: Common = Common()) -> int:  # noqa: B008 -- frozen
    """End a load; what is done stays done."""
    with open_tick(common) as tick:
        load_id = tick.loads.find(job)
        done = tick.loads.cancel(load_id, "Cancelled from the command line.")
        if not done:
            talk(f"The load {str(load_id)[:8]} had ended already.")
        show_outcome(tick.loads.progress(load_id), as_json=common.json)
    return 0


def retry(
    job: JobId,
    *,
    background: Annotated[bool, Parameter(negative="", help="Leave it to a worker.")] = False,
    common: Common = Common(),  # noqa: B008 -- frozen
) -> int:
    """Ask again for what failed or was cancelled."""
    return _go_on(job, common, background=background, again=True)


def resume(job: JobId, *, common: Common = Common()) -> int:  # noqa: B008 -- frozen
    """Go on with an interrupted load, in this process."""
    return _go_on(job, common, background=False, again=False)


def _go_on(job: str, common: Common, *, background: bool, again: bool) -> int:
    from tickstock.cli.foreground import exit_code, work_and_watch

    with open_tick(common) as tick:
        load_id = tick.loads.find(job)
        if again and not tick.loads.retry(load_id):
            talk("No call of this load failed or was cancelled: nothing to ask again.")
        progress = tick.loads.progress(load_id) if background else work_and_watch(tick, load_id)
        show_outcome(progress, as_json=common.json)
    return 0 if background else exit_code(progress)


def _state(text: str, states: Any) -> Any:
    from tickstock.errors import BadInput

    try:
        return states(text)
    except ValueError:
        raise BadInput(
            f"{text!r} is not a state of a load.", f"One of: {', '.join(states)}."
        ) from None


def show_outcome(progress: Any, *, as_json: bool) -> None:
    """What a load came to, or how far it is."""
    from tickstock.cli.foreground import line_of

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
    out.print(f"[bold]{load.title}[/]  {load.request['from']}..{load.request['to']}  job {short}")
    bars = f"{progress.rows_new:,} bars new"
    if progress.rows_changed:
        bars += f", {progress.rows_changed:,} changed"
    calls = f"{progress.calls:,} of {progress.calls_planned:,} calls"
    out.print(f"{_state_text(load.state)}: {load.message or _held(progress)} · {bars} · {calls}")
    if not load.state.finished:
        out.print(f"Go on with: tickstock jobs resume {short}")
    _show_failures(out, progress)


def _held(progress: Any) -> str:
    return f"{progress.held:,} of {progress.expected:,} sessions held"


def _state_text(state: str) -> str:
    colours = {"completed": "green", "completed_with_errors": "yellow", "failed": "red"}
    text = state.replace("_", " ")
    colour = colours.get(state)
    return f"[{colour}]{text}[/]" if colour else text


def _show_failures(out: Any, progress: Any) -> None:
    for e in progress.errors:
        end = "" if e.failed else " (asked again since)"
        out.print(f"  {e.kind}, {e.calls} calls{end}: {e.example}", markup=False)
    items = (progress.load.report or {}).get("items", [])
    short = [i for i in items if i[4]]
    for symbol, timeframe, expected, held, causes in short[:SHOWN_FAILURES]:
        why = ", ".join(f"{n} {c.replace('_', ' ')}" for c, n in causes.items())
        out.print(f"  {symbol:<8} {timeframe:<5} {held:>6,} of {expected:<6,} {why}", markup=False)
    if len(short) > SHOWN_FAILURES:
        out.print(f"  and {len(short) - SHOWN_FAILURES} more; --json has them all")
