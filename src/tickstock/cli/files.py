"""`tickstock files ...`: bar files, from which day bars are read faster."""

from __future__ import annotations

from typing import Annotated

from cyclopts import Parameter

from tickstock.cli.output import Common, console, print_json
from tickstock.cli.session import open_tick
from tickstock.words import number, plural


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
    """Compare the files with the database, bar by bar.

    Ends with 1 where a file is damaged or differs. Bars are right all the same: of a damaged file
    none is taken.
    """
    with open_tick(common) as tick:
        found = tick.bar_files.verify()
    if common.json:
        print_json("files", found)
        return 1 if found.differences else 0
    out = console()
    for difference in found.differences:
        out.print(f"{difference.year}: {difference.what}", markup=False)
    if found.files is None:
        out.print("There are no files of this database: `tickstock files fold` writes them.")
        return 0
    state = "they differ" if found.differences else "all are equal"
    files = plural(found.files, "file")
    out.print(f"{plural(found.bars, 'bar')} were compared with {files}: {state}.")
    return 1 if found.differences else 0
