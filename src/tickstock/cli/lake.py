"""`tickstock lake ...`: stored day bars as Iceberg tables, which other engines read."""

from __future__ import annotations

from typing import Annotated

from cyclopts import Parameter

from tickstock.cli.output import Common, console, print_json
from tickstock.cli.session import open_tick
from tickstock.words import number, plural


def publish(
    *,
    anew: Annotated[
        bool, Parameter(negative="", help="All years, whatever there is already.")
    ] = False,
    common: Common = Common(),
) -> int:
    """Publish day bars as Iceberg tables, for other engines to read.

    Years in which nothing was written since the last time stay as they are. Who reads meanwhile has
    the state before; who reads afterwards, all of the new one. `tickstock lake status` says where
    the tables are.
    """
    with open_tick(common) as tick:
        done = tick.lake.publish(anew=anew)
    if common.json:
        print_json("lake", done)
        return 0
    bars = done.tables[0]
    written = f"{plural(bars.rows, 'bar')} of {plural(len(bars.written), 'year')} were written"
    size = number(sum(table.bytes for table in done.tables) // 1000)
    console().print(f"{written} ({size} kB), as of {done.as_of:%Y-%m-%d %H:%M:%S}Z.")
    return 0


def status(*, common: Common = Common()) -> int:
    """Show the Iceberg tables that were published, and where they are."""
    with open_tick(common) as tick:
        found = tick.lake.status()
    if common.json:
        print_json("lake", found)
        return 0
    out = console()
    for table in found.tables:
        size, many = number(table.bytes // 1000), plural(table.snapshots, "snapshot")
        out.print(
            f"{table.name}: {plural(table.rows, 'row')} in {plural(table.files, 'file')} "
            f"({size} kB), {many}, published {table.published_at:%Y-%m-%d %H:%M:%S}Z\n"
            f"  {table.metadata}",
            markup=False, soft_wrap=True,
        )  # fmt: skip
    if not found.tables:
        out.print("Nothing was published yet: `tickstock lake publish` does it.")
    out.print(f"catalog: {' '.join(f'{k}={v}' for k, v in found.catalog.items())}",
              markup=False, soft_wrap=True)  # fmt: skip
    return 0
