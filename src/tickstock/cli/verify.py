"""`tickstock verify`: stored bars, and exported folders."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from tickstock.cli.holdings import TIMEFRAMES
from tickstock.cli.output import Common, console, print_json
from tickstock.cli.session import open_tick
from tickstock.words import plural

if TYPE_CHECKING:
    from tickstock.service.verify import Verified

SHOWN = 50
NOUNS = {"1min": "minute", "hour": "hour", "day": "day"}


def verify(
    universe: str = "",
    *,
    folder: Annotated[
        Path | None, Parameter(help="A folder that `tickstock export` wrote, to check instead.")
    ] = None,
    against_database: Annotated[
        bool, Parameter(negative="", help="With --folder: compare with the bars stored here too.")
    ] = False,
    timeframe: Annotated[TIMEFRAMES, Parameter(help="Which bars.")] = "day",
    accept: Annotated[
        bool, Parameter(negative="", help="First take what is stored for right, as it is now.")
    ] = False,
    common: Common = Common(),
) -> int:
    """Check stored bars, or an exported folder.

    Stored bars are checked against the checksums of what was written, against what is kept about
    them, and against splits and dividends; jobs that have ended against what they were then.
    Nothing is changed but, with --accept, the checksums and counts. Ends with 1 where something is
    damaged or a folder differs; doubts about the vendor's splits and dividends are shown, and are
    no failure.
    """
    from tickstock.errors import BadInput

    if bool(universe) == (folder is not None):
        got = "Both a universe and --folder were given." if universe else "Nothing was named."
        raise BadInput(got, "Give a universe, say '{AAPL}', or --folder FOLDER.")
    if accept and folder is not None:
        raise BadInput("--accept was given with --folder.", "Give it with a universe.")
    if folder is not None:
        return _verify_folder(folder, common, against_database=against_database)
    from tickstock.model import Timeframe

    with open_tick(common) as tick:
        members = tick.universes.members(universe)
        taken = tick.verify.accept(members, Timeframe(timeframe)) if accept else None
        found = tick.verify.stored(members, Timeframe(timeframe))
    if taken is not None:
        days, jobs = plural(taken.days, "day"), plural(taken.jobs, "job")
        console(stderr=True).print(f"taken as they are now: {days} of bars, {jobs}")
    if common.json:
        print_json("verify", found)
    else:
        _show(found, universe)
    return 1 if found.damages else 0


def _show(found: Verified, universe: str) -> None:
    out = console()
    for damage in found.damages[:SHOWN]:
        out.print(f"damaged: {damage.symbol}: {damage.what}", markup=False)
        out.print(f"         {damage.do}", markup=False)
    for f in found.findings[:SHOWN]:
        out.print(f"{f.symbol} {f.day}  {f.doubt}: {f.what}", markup=False)
        out.print(f"    {f.why} {f.do}", markup=False)
    for rest in (found.damages, found.findings):
        if len(rest) > SHOWN:
            out.print(f"and {len(rest) - SHOWN} more; --json has them all")
    if lacking := found.without_bars:
        more = f" and {len(lacking) - 8} more" if len(lacking) > 8 else ""
        kind = NOUNS[found.timeframe]
        out.print(f"no {kind} bars stored of {', '.join(lacking[:8])}{more}", markup=False)
    for timeframe, symbols in found.others:
        out.print(
            f"{NOUNS[timeframe]} bars are held of {plural(len(symbols), 'symbol')}: "
            f"check them with --timeframe {timeframe}"
        )
    for line in _unknown(found, universe):
        out.print(line, markup=False)
    sound = "nothing found damaged" if found.unknown or found.unknown_jobs else "sound"
    state = plural(len(found.damages), "damage") if found.damages else sound
    bars, names = plural(found.bars, "bar"), plural(len(found.hashes), "symbol")
    out.print(
        f"{bars} of {names} ({found.timeframe}): {state}, "
        f"{plural(len(found.findings), 'doubt')} about splits and dividends"
    )
    out.print(f"content {found.content}")


def _unknown(found: Verified, universe: str) -> Iterator[str]:
    """What nothing is known of, and what to do about it."""
    if found.unknown:
        days = plural(sum(count for _, count in found.unknown), "day")
        symbols = plural(len(found.unknown), "symbol")
        yield f"unknown: bars of {days} ({symbols}) were written before checksums were kept"
    if found.unknown_jobs:
        yield f"unknown: {plural(found.unknown_jobs, 'job')} ended before checksums were kept"
    if found.unknown or found.unknown_jobs:
        timeframe = "" if found.timeframe == "day" else f" --timeframe {found.timeframe}"
        yield "         Whether their values changed cannot be told. To have it told from now on:"
        yield f"         tickstock verify '{universe}'{timeframe} --accept"


def _verify_folder(folder: Path, common: Common, *, against_database: bool) -> int:
    from tickstock.service.export import check_files, read_manifest

    manifest = read_manifest(folder)
    found = check_files(folder, manifest)
    if against_database:
        with open_tick(common) as tick:
            found += tick.exports.differences(folder)
    if common.json:
        print_json("verify", {"equal": not found, "differences": found})
        return 1 if found else 0
    out = console()
    for difference in found[:SHOWN]:
        out.print(f"{difference.path} {difference.what}", markup=False)
    what = "differ" if found else "are equal to the manifest"
    also = " and to the bars stored here" if against_database and not found else ""
    out.print(
        f"{plural(len(manifest.files), 'file')}, {plural(manifest.bars, 'bar')}: they {what}{also}."
    )
    return 1 if found else 0
