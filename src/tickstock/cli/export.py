"""`tickstock export` and `tickstock revisions`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from tickstock.cli.holdings import TIMEFRAMES, AdjustBy, First, Last
from tickstock.cli.moments import KnownAt, moment
from tickstock.cli.output import Common, console, print_json, talk
from tickstock.cli.session import open_tick
from tickstock.words import number, plural

if TYPE_CHECKING:
    from tickstock.store.bar_history import Revision

SHOWN = 200


def export(
    universe: str,
    folder: Annotated[Path, Parameter(help="A new folder, or an empty one.")],
    *,
    timeframe: Annotated[TIMEFRAMES, Parameter(help="Which bars.")] = "day",
    for_: Annotated[str | None, Parameter(name="--for", help="How far back, say 1y.")] = None,
    from_: First = None,
    to_: Last = None,
    adjust: AdjustBy = "splits",
    known_at: KnownAt = None,
    common: Common = Common(),
) -> int:
    """Write bars as Parquet files with a manifest.

    As in `tickstock export '{AAPL}' FOLDER`. For polars, DuckDB and Spark: `SELECT * FROM
    'FOLDER/**/*.parquet'`. Check it anywhere with `tickstock verify --folder FOLDER`.
    """
    from tickstock.actions import Adjust
    from tickstock.model import Timeframe
    from tickstock.service.export import MANIFEST

    with open_tick(common) as tick:
        asked = tick.requests.look(universe, duration=for_, first=from_, last=to_, by_name=True)
        made = tick.exports.write(
            folder, universe, asked.symbols, Timeframe(timeframe), asked.span,
            intervals=asked.intervals, adjust=Adjust(adjust), known_at=moment(known_at),
        )  # fmt: skip
    if common.json:
        print_json("export", made)
        return 0
    size = sum(f.bytes for f in made.files) / 1e3
    bars, names = plural(made.bars, "bar"), plural(len(made.symbols), "symbol")
    console().print(
        f"{bars} of {names} in {plural(len(made.files), 'file')} "
        f"({size:,.0f} kB), described in {folder / MANIFEST}",
        markup=False,
    )
    return 0


def revisions(
    universe: str = "",
    *,
    timeframe: Annotated[
        TIMEFRAMES | None, Parameter(help="Which bars [default: day, or those of the job].")
    ] = None,
    since: Annotated[
        str | None, Parameter(help="Replaced since a New York date (its end), or a time (UTC).")
    ] = None,
    job: Annotated[
        str | None, Parameter(help="Replaced while this job ran; by itself, of all its symbols.")
    ] = None,
    common: Common = Common(),
) -> int:
    """List bars that a later answer replaced.

    Symbol, day, old and new values, and when.
    """
    from tickstock.errors import BadInput
    from tickstock.model import Timeframe

    if not universe and job is None:
        raise BadInput("Nothing was named.", "Give a universe, say '{AAPL}', or --job.")
    with open_tick(common) as tick:
        first, last = moment(since), None
        frames: Sequence[Timeframe] = [Timeframe(timeframe or "day")]
        if job is not None:
            load = tick.jobs.progress(tick.jobs.find(job)).load
            first, last = load.started_at or load.created_at, load.finished_at
            frames = frames if timeframe else load.asked.timeframes
        symbols = tick.universes.members(universe) if universe else load.asked.symbols
        found = [
            (frame, symbol, r)
            for frame in frames
            for symbol, r in tick.holdings.revisions(symbols, frame, first, last)
        ]
    if common.json:
        print_json("revisions", [_as_dict(*one) for one in found])
        return 0
    if not found:
        talk("No bar of these symbols was replaced.")
    out = console()
    for frame, symbol, r in found[:SHOWN]:
        when = r.replaced_at.strftime("%Y-%m-%d %H:%M:%SZ")
        out.print(f"{symbol:<8} {_bar_time(r, frame)}  {_change(r)}  {when}", markup=False)
    if len(found) > SHOWN:
        out.print(f"and {len(found) - SHOWN} more; --json has them all")
    return 0


NAMES = ("open", "high", "low", "close", "volume")


def _as_dict(timeframe: str, symbol: str, r: Revision) -> dict[str, object]:
    return {
        "timeframe": timeframe,
        "symbol": symbol,
        "at": r.at,
        "replaced_at": r.replaced_at,
        "old": dict(zip(NAMES, r.old, strict=True)) if r.old else None,
        "new": dict(zip(NAMES, r.new, strict=True)) if r.new else None,
    }


def _bar_time(r: Revision, timeframe: str) -> str:
    form = "%Y-%m-%d %H:%MZ" if timeframe in ("1min", "hour") else "%Y-%m-%d"
    return str(r.at.strftime(form))


def _change(r: Revision) -> str:
    """The numbers that differ, old → new."""
    if r.old is None or r.new is None:
        return "came late: there was no bar before" if r.old is None else "is gone"
    pairs = zip(NAMES, r.old, r.new, strict=True)
    changed = [f"{name} {number(a)} → {number(b)}" for name, a, b in pairs if a != b]
    return ", ".join(changed) or "vwap or trades"
