"""`tickstock plan` and `tickstock load`."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from tickstock.cli.output import Common, console, print_json, talk, unmarked
from tickstock.cli.session import open_tick
from tickstock.words import plural

if TYPE_CHECKING:
    from tickstock.actions import ActionCall
    from tickstock.loading.plan import Plan
    from tickstock.service import TickStock

Universe = Annotated[
    str,
    Parameter(
        help="A universe (etf_universe:core_etfs), symbols ('{AAPL, MSFT}'), or an expression over "
        "both ('etf_universe:sector_* | {SPY}')."
    ),
]
For = Annotated[
    str | None,
    Parameter(name="--for", help="How far back: 1d 2d 1w 1mo 3mo 6mo 1y 2y 5y all [default: 1y]."),
]
First = Annotated[date | None, Parameter(name="--from", help="First session (New York date).")]
Last = Annotated[date | None, Parameter(name="--to", help="Last session, included.")]
Frames = Annotated[str, Parameter(help="Any of day,hour,1min; week and month come from day.")]
Refresh = Annotated[bool, Parameter(negative="", help="Ask again for what is held already.")]
Priority = Annotated[
    int | None,
    Parameter(help="Higher goes first [default: 30 up to 10 calls, 20, 10, 0 above 1,000]."),
]
Csv = Annotated[
    str | None, Parameter(help="A CSV file in the configured folder, in place of a universe.")
]
SHOWN_REMARKS = 20
"""Remarks on the file that are printed."""
Pad = Annotated[
    int, Parameter(help="Days more before and after each interval of a universe as it was.")
]
Background = Annotated[bool, Parameter(negative="", help="Submit and return; a worker does it.")]


def plan(
    universe: Universe = "",
    *,
    for_: For = None,
    from_: First = None,
    to: Last = None,
    timeframes: Frames = "day",
    refresh: Refresh = False,
    csv: Csv = None,
    pad: Pad = 0,
    common: Common = Common(),
) -> int:
    """Show what `load` would do, and do nothing.

    Sessions missing, calls, time. `tickstock load --plan TOKEN` then does exactly that, or says
    what has moved.
    """
    from tickstock.cli.history import label_as_dict, talk_label
    from tickstock.service.plans import plan_as_dict

    with open_tick(common) as tick:
        request = tick.requests.resolve(
            _named(universe, csv), csv=csv, duration=for_, first=from_, last=to,
            timeframes=timeframes, refresh=refresh, pad=pad,
        )  # fmt: skip
        made = tick.plans.make(request)
        _warn(tick)
        _print_file(tick, csv)
        token = tick.plans.keep(made)
        actions = tick.actions.plan(request.symbols, refresh=refresh)
        has_label = universe and not request.is_market  # which has no list to be labelled
        label = tick.history.survivorship(universe, request.span.start) if has_label else None
        left_out = tick.universes.left_out(universe) if universe else ()
        if common.json:
            body = (
                plan_as_dict(made) | {"token": token} | {"actions": [str(call) for call in actions]}
            ) | {"left_out": list(left_out)}
            print_json("plan", body | label_as_dict(label))
        else:
            show_plan(made, token)
            show_actions(actions)
            talk_label(label)
            _talk_left_out(left_out)
    return 0


def load(
    universe: Universe = "",
    *,
    for_: For = None,
    from_: First = None,
    to: Last = None,
    timeframes: Annotated[
        str | None,
        Parameter(help="Any of day,hour,1min; week and month come from day [default: day]."),
    ] = None,
    refresh: Refresh = False,
    csv: Csv = None,
    pad: Pad = 0,
    plan_: Annotated[
        str | None, Parameter(name="--plan", help="Do this plan, as shown by `tickstock plan`.")
    ] = None,
    background: Background = False,
    priority: Priority = None,
    common: Common = Common(),
) -> int:
    """Load what is missing of a universe's history, with the fewest calls.

    Ctrl-C stops at once and keeps what is done; `tickstock jobs resume` goes on.
    """
    from tickstock.errors import BadInput

    given = universe or csv or for_ or from_ or to or timeframes or refresh or pad
    if plan_ is not None and given:
        raise BadInput("A plan says all there is to load.", "Give --plan alone, or leave it out.")
    with open_tick(common) as tick:
        if plan_ is not None:
            made = tick.plans.recall(plan_)
        else:
            request = tick.requests.resolve(
                _named(universe, csv), csv=csv, duration=for_, first=from_, last=to,
                timeframes=timeframes or "day", refresh=refresh, pad=pad,
            )  # fmt: skip
            made = tick.plans.make(request)
            _talk_left_out(tick.universes.left_out(universe) if universe else ())
            _print_file(tick, csv)
        digest = made.digest if plan_ is not None else None
        return _perform(tick, made, digest, common, background=background, priority=priority)


def refresh(
    universe: str,
    *,
    sessions: Annotated[int, Parameter(help="How many of the newest sessions.")] = 5,
    timeframes: Frames = "day",
    background: Background = False,
    priority: Priority = None,
    common: Common = Common(),
) -> int:
    """Ask again for the newest sessions of a universe.

    Vendors correct bars for days after the close, and what they had not then they may have now.
    """
    from tickstock.errors import BadInput

    if sessions < 1:
        raise BadInput(f"{sessions} sessions were asked for.", "Give 1 or more.")
    with open_tick(common) as tick:
        request = tick.requests.resolve(
            universe, duration=f"{sessions}d", timeframes=timeframes, refresh=True
        )
        made = tick.plans.make(request)
        return _perform(tick, made, None, common, background=background, priority=priority)


def _perform(
    tick: TickStock,
    made: Plan,
    digest: str | None,
    common: Common,
    *,
    background: bool,
    priority: int | None,
) -> int:
    """Submit a plan, and work on it here unless it is left to a worker."""
    from tickstock.cli.foreground import work_and_watch
    from tickstock.cli.jobs import show_outcome
    from tickstock.cli.watch import exit_code
    from tickstock.worker.run import configured_source

    _warn(tick)
    if not background and made.calls:
        # A wrong vendor or a missing key is said before anything is submitted.
        configured_source(tick, ())
    _talk_survivorship(tick, made, common)
    submitted = tick.jobs.submit(made, requested_by="cli", priority=priority, digest=digest)
    if background:
        show_outcome(tick.jobs.progress(submitted.id), as_json=common.json)
        return 0
    if not common.json:
        show_plan_line(made)
    progress = work_and_watch(tick, submitted.id)
    show_outcome(progress, as_json=common.json)
    return exit_code(progress)


def _talk_survivorship(tick: TickStock, made: Plan, common: Common) -> None:
    """How far the universe of a job stands for its first day; a list or a file has no past."""
    from tickstock.cli.history import talk_label

    asked = made.request
    if asked.revision and not asked.is_market and not common.json:
        talk_label(tick.history.survivorship(asked.universe, asked.span.start))


def _warn(tick: TickStock) -> None:
    if warning := tick.dates.warning():
        talk(f"warning: {warning}")


def _talk_left_out(notes: Sequence[str]) -> None:
    for note in notes:
        talk(f"note: {note}")


def _print_file(tick: TickStock, csv: str | None) -> None:
    """What a file was read as, what was left out, and whom nobody knows."""
    if csv is None:
        return
    from tickstock.universes.files import left_out_words

    found = tick.universes.read_csv(csv)
    talk(f"{found.name}, read as: {found.form}; {found.verdict}")
    if out := left_out_words(found.left_out):
        talk(f"Left out: {out}.")
    for remark in found.remarks[:SHOWN_REMARKS]:
        talk(str(remark))
    if len(found.remarks) > SHOWN_REMARKS:
        talk(f"And {len(found.remarks) - SHOWN_REMARKS} more remarks.")


def _named(universe: str, csv: str | None) -> str:
    from tickstock.errors import BadInput

    if bool(universe) == bool(csv):
        got = "Both a universe and --csv were given." if csv else "No universe was given."
        raise BadInput(got, "Give one, say etf_universe:core_etfs; `tickstock universe list`.")
    return universe


def show_plan_line(made: Plan) -> None:
    kinds = ", ".join(f"{n} {k.replace('_', ' ')}" for k, n in made.calls_by_kind.items())
    calls = f"{plural(len(made.calls), 'call')} ({kinds})" if made.calls else "no call"
    talk(f"{plural(made.cells, 'session')} missing: {calls}, about {_time(made.seconds)}")
    if made.account:
        talk(f"your account: {made.account}")


def show_plan(made: Plan, token: str) -> None:
    """The plan for a person."""
    out = console()
    held, expected = sum(i.held for i in made.items), sum(i.expected for i in made.items)
    request = made.request
    out.print(
        f"[bold]{unmarked(request.universe)}[/]  {request.span}  {', '.join(request.timeframes)}"
    )
    if request.is_market:
        out.print("  symbols             all   whoever traded: 1 call a session, whatever the size")
    else:
        out.print(f"  symbols    {len(request.symbols):>12,}")
    out.print(f"  sessions   {expected:>12,}   held {held:,}, missing {made.cells:,}")
    for skip in made.skips:
        names = ", ".join(f"{s} {span}" for s, span in skip.examples)
        out.print(f"  not asked  {skip.cells:>12,}   {skip.cause.replace('_', ' ')}: {names}")
    kinds = ", ".join(f"{n:,} {k.replace('_', ' ')}" for k, n in made.calls_by_kind.items())
    if made.account:
        out.print(f"  your account {'':>8}   {made.account}")
    if request.is_market and (beyond := _beyond_account(made)):
        out.print(
            f"  beyond it  {beyond:>12,}   sessions that an account reaching back so far adds"
        )
    out.print(f"  calls      {len(made.calls):>12,}   {kinds or 'nothing to ask'}")
    out.print(
        f"  bars       {made.expected_bars:>12,}   about {max(made.bytes / 1e6, 0.1):,.1f} MB"
    )
    out.print(f"  time       {_time(made.seconds):>12}   {_bound(made)}")
    if made.price:
        out.print(f"  price      {made.price:>12,.2f}")
    out.print(f"  plan       {token:>12}   do it with: tickstock load --plan {token}")


def _beyond_account(made: Plan) -> int:
    """Sessions that the account does not include."""
    from tickstock.model import GapCause

    return sum(s.cells for s in made.skips if s.cause is GapCause.NOT_ENTITLED)


def _bound(made: Plan) -> str:
    if made.exact:
        return "no other calls are quicker"
    return f"no calls are quicker than {_time(made.least_seconds)}"


def show_actions(calls: Sequence[ActionCall]) -> None:
    """What is asked for besides bars; an answer may take more than one page."""
    for call in calls[:4]:
        console().print(f"  and        {call}", markup=False)
    if len(calls) > 4:
        console().print(f"  and        {len(calls) - 4} more calls for splits and dividends")


def _time(seconds: float) -> str:
    if seconds < 90:
        return f"{seconds:.1f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"
