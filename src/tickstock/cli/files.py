"""`tickstock files ...`: bar files, from which day bars are read faster, and sealed files, which
have closed months of minute and hour bars."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from tickstock.cli.output import Common, console, print_json, talk
from tickstock.cli.session import open_tick
from tickstock.model import Timeframe
from tickstock.sealed_place import NOUNS, kinds_of_bars
from tickstock.words import number, plural

if TYPE_CHECKING:
    from tickstock.service.sealed_months import CheckedFiles
    from tickstock.store.folding import Compared

Frames = Annotated[str, Parameter(help="Any of 1min,hour.")]


def fold(
    *,
    anew: Annotated[
        bool, Parameter(negative="", help="All years, whatever there is already.")
    ] = False,
    common: Common = Common(),
) -> int:
    """Write day bars to files, to be read faster.

    Years in which nothing was written since the last time stay as they are. Every command that
    reads day bars uses the files by itself, with what has changed since from the database: the
    answer is the same, with them or without.
    """
    with open_tick(common) as tick:
        done = tick.bar_files.fold(anew=anew)
    if common.json:
        print_json("files", done)
        return 0
    written = f"{plural(done.bars, 'bar')} of {plural(len(done.years), 'year')} were written"
    size = f"{number(done.bytes // 1000)} kB"
    console().print(f"{written} ({size}); there are files of {plural(done.files, 'year')}.")
    return 0


def verify(*, common: Common = Common()) -> int:
    """Compare day files with the database, sealed ones with their checksums.

    Bar by bar. Ends with 1 where a file is damaged, differs or is lacking. Day bars are right all
    the same: of a damaged file none is taken. Sealed bars are nowhere else.
    """
    with open_tick(common) as tick:
        sealed = tick.sealed_months.check()
        found = tick.bar_files.verify() if tick.bar_files.readable else None
    damages = bool(found and found.differences) or bool(sealed.damaged)
    if common.json:
        print_json("files", {"days": found, "sealed": sealed})
        return 1 if damages else 0
    if found is not None:
        _show_compared(found)
    _show_checked(sealed)
    return 1 if damages else 0


def _show_compared(found: Compared) -> None:
    out = console()
    for difference in found.differences:
        out.print(f"{difference.year}: {difference.what}", markup=False)
    if found.files is None:
        out.print("There are no files of day bars: `tickstock files fold` writes them.")
        return
    state = "they differ" if found.differences else "all are equal"
    files = plural(found.files, "file")
    out.print(f"{plural(found.bars, 'bar')} were compared with {files}: {state}.")


def _show_checked(found: CheckedFiles) -> None:
    out = console()
    for one in found.damaged:
        out.print(one.what, markup=False)
    for path in found.unnamed:
        out.print(f"{path}: this database reads nothing from it.", markup=False)
    if found.unnamed:
        out.print("Files that no other database reads either may be removed.")
    if found.files:
        state = f"{len(found.damaged)} cannot be read" if found.damaged else "all are whole"
        files, bars = plural(found.files, "sealed file"), counted(found.by_timeframe)
        out.print(f"{files} with {bars}: {state}.")


def counted(bars: Mapping[Timeframe, int]) -> str:
    """`3 minute bars and 2 hour bars`."""
    return " and ".join(plural(count, f"{NOUNS[frame]} bar") for frame, count in bars.items())


def seal(
    *,
    before: Annotated[str, Parameter(help="Seal the months before this one, as 2025-01.")],
    timeframes: Frames = "1min",
    common: Common = Common(),
) -> int:
    """Move closed months of minute or hour bars out of the database, into files.

    A tenth of the room, and no longer in backups of the database: the folder has to be copied as
    well. Bars are compared with their checksums, and read again from the file, before they leave
    the database. All commands read them as before; corrections are kept in the database, over the
    file. A month that a job still asks for, or whose bars are not what was written, is left as it
    is. Ends with 1 where one was. What hours took the database keeps, for hour bars to come. Needs
    pyarrow.
    """
    with open_tick(common) as tick:
        done = tick.sealed_months.seal(before, timeframes)
        folder = tick.database.sealed_files
    if common.json:
        print_json("files", done)
        return 1 if done.left else 0
    out = console()
    for one in done.months:
        size = f"{number(max(one.bytes // 1000, 1))} kB"
        is_late = one.timeframe is Timeframe.MINUTE and not one.is_freed
        later = "; the database gives its space back later" if is_late else ""
        symbols, bars = plural(one.instruments, "symbol"), plural(one.bars, "bar")
        out.print(f"{one.timeframe} {one.month:%Y-%m}: {bars} of {symbols}, {size}{later}")
    for left in done.left:
        out.print(f"{left.month:%Y-%m} stays: {left.why} {left.do}", markup=False)
    if any(one.timeframe is Timeframe.HOUR for one in done.months):
        out.print("The database keeps the space of these hours, for hour bars to come.")
    if done.months:
        talk(f"These bars are in {folder} and nowhere else: copy it with your backups.")
    elif not done.left:
        out.print(f"The database has no {kinds_of_bars(done.timeframes)} of before {before}.")
    return 1 if done.left else 0


def unseal(
    *months: Annotated[str, Parameter(help="Months, as 2024-12.")],
    lost: Annotated[
        bool,
        Parameter(
            negative="",
            help="Give up bars whose file cannot be read: they do not count as held any more, and "
            "the next load asks for them.",
        ),
    ] = False,
    timeframes: Frames = "1min",
    common: Common = Common(),
) -> int:
    """Bring sealed months of minute or hour bars back into the database.

    Their files stay where they are, unused.
    """
    with open_tick(common) as tick:
        done = tick.sealed_months.unseal(months, timeframes, is_lost=lost)
    if common.json:
        print_json("files", done)
        return 0
    months_, bars = plural(len(done.months), "month"), plural(done.bars, "bar")
    console().print(f"{bars} of {months_} are in the database again.")
    if done.lost:
        gone = plural(done.lost, "month")
        console().print(f"Given up: {gone} of a symbol. Load them again.")
    return 0


def sealed(*, common: Common = Common()) -> int:
    """List months of minute and hour bars that are in sealed files."""
    with open_tick(common) as tick:
        found = tick.sealed_months.listed()
        folder = tick.database.sealed_files
    if common.json:
        print_json("files", {"folder": str(folder), "months": found})
        return 0
    out = console()
    for one in found:
        symbols, bars = plural(one.instruments, "symbol"), plural(one.bars, "bar")
        where = f"{one.timeframe:<5} {one.month:%Y-%m}"
        out.print(f"{where}  {bars} of {symbols} in {plural(one.files, 'file')}")
    out.print(f"in {folder}" if found else "No month is sealed.", markup=False)
    return 0
