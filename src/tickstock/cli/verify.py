"""`tickstock verify`: stored bars, and exported folders."""

from __future__ import annotations

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
    common: Common = Common(),
) -> int:
    """Check stored bars, or an exported folder.

    Stored bars are checked against what is kept about them, and against splits and dividends.
    Nothing is changed. Ends with 1 where bars are damaged or a folder differs; doubts about the
    vendor's splits and dividends are shown, and are no failure.
    """
    from tickstock.errors import BadInput

    if bool(universe) == (folder is not None):
        got = "Both a universe and --folder were given." if universe else "Nothing was named."
        raise BadInput(got, "Give a universe, say '{AAPL}', or --folder FOLDER.")
    if folder is not None:
        return _verify_folder(folder, common, against_database=against_database)
    from tickstock.model import Timeframe

    with open_tick(common) as tick:
        found = tick.verify.stored(tick.universes.members(universe), Timeframe(timeframe))
    if common.json:
        print_json("verify", found)
    else:
        _show(found)
    return 1 if found.damages else 0


def _show(found: Verified) -> None:
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
    state = plural(len(found.damages), "damage") if found.damages else "sound"
    bars, names = plural(found.bars, "bar"), plural(len(found.hashes), "symbol")
    out.print(
        f"{bars} of {names} ({found.timeframe}): {state}, "
        f"{plural(len(found.findings), 'doubt')} about splits and dividends"
    )
    out.print(f"content {found.content}")


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
