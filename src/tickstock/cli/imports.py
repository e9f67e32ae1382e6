"""`tickstock universe import`, `export` and `refresh`."""

from __future__ import annotations

import sys
from collections.abc import Collection, Sequence
from datetime import date
from functools import partial
from pathlib import Path
from typing import Annotated, Any

from cyclopts import Parameter

from tickstock.cli.asking import ask_listings
from tickstock.cli.changes import Allow, How, carry_out
from tickstock.cli.output import Common, talk
from tickstock.cli.session import open_tick
from tickstock.errors import BadFile, BadInput
from tickstock.universes.files import MAX_HISTORY_BYTES, Form, Imported, left_out_words
from tickstock.universes.files.written import OutForm
from tickstock.universes.sources import CatalogSource
from tickstock.words import plural

AskVendor = Annotated[
    bool, Parameter(negative="", help="Ask whose the CUSIPs and ISINs of a list are, a call each.")
]
SHOWN = 20
"""Remarks that are printed without --verbose."""


def import_(
    file: Annotated[Path, Parameter(help="The list.")],
    *more: Annotated[str, Parameter(show=False)],
    as_: Annotated[str, Parameter(name="--as", help="The universe, as type:key (needed).")] = "",
    format_: Annotated[
        Form, Parameter(name="--format", help="What the file is, where its content misleads.")
    ] = Form.AUTO,
    column: Annotated[
        str | None,
        Parameter(help="Heading or number of the column of symbols, where several could be it."),
    ] = None,
    ask_vendor: AskVendor = False,
    name: Annotated[str | None, Parameter(help="The universe's name for people.")] = None,
    allow: Allow = None,
    how: How = How(),
    common: Common = Common(),
) -> int:
    """Make a file's symbols the members of a universe.

    Shown first, then asked, then done.
    """
    if more or not as_:
        raise BadInput(
            "import takes one FILE, and the universe by --as.",
            "tickstock universe import FILE --as stock_universe:theme_mine",
        )
    column = column or ""
    with open_tick(common) as tick:
        as_ = str(tick.universes.named(as_))
        content = _content(file)
        if ask_vendor:
            texts = tick.imports.identifiers(file.name, content, form=format_, column=column)
            identify(tick, texts)
        imported = tick.imports.read(file.name, content, as_, form=format_, column=column)
        change = tick.imports.plan(imported, as_, title=name)
        return _perform("universe import", tick, change, common=common, how=how, allow=allow)


def refresh(
    universe: str,
    *,
    source: Annotated[
        str | None,
        Parameter(
            help="file:PATH, package:NAME[:INDEX], vendor:tickers[:TYPE] or vendor:etf:SYMBOL;"
            " by default where its members came from."
        ),
    ] = None,
    date_: Annotated[
        date | None, Parameter(name="--date", help="Members on this day, where a vendor is asked.")
    ] = None,
    allow: Allow = None,
    how: How = How(),
    common: Common = Common(),
) -> int:
    """Bring a universe up to date from its source.

    Shown first, then asked, then done.
    """
    with open_tick(common) as tick:
        universe = str(tick.universes.named(universe))
        found = tick.imports.source(universe, source)
        imported = _members(tick, universe, found, date_)
        change = tick.imports.plan(imported, universe, source=found)
        return _perform("universe refresh", tick, change, common=common, how=how, allow=allow)


def export(
    expression: str,
    *,
    format_: Annotated[OutForm, Parameter(name="--format", help="How to write.")] = OutForm.CSV,
    out: Annotated[Path | None, Parameter(help="The file to write; by default stdout.")] = None,
    common: Common = Common(),
) -> int:
    """Write the symbols of a universe or an expression.

    Importing them gives the same list.
    """
    if common.json and format_ is OutForm.CSV:
        format_ = OutForm.JSON
    with open_tick(common) as tick:
        content = tick.imports.export(expression, format_)
    if out is None:
        _to_stdout(content, format_)
        return 0
    try:
        out.write_bytes(content)
    except OSError as e:
        raise BadFile(f"{out} cannot be written: {e.strerror}.", "Choose another place.") from e
    talk(f"Wrote {out}, {len(content):,} bytes.")
    return 0


def _content(file: Path) -> bytes:
    """No more of a file than tells that it is too large."""
    try:
        with file.open("rb") as stream:
            return stream.read(MAX_HISTORY_BYTES + 1)
    except OSError as e:
        raise BadFile(f"The file {file} cannot be read: {e.strerror}.", "Check it.") from e


def identify(tick: Any, texts: Sequence[str]) -> None:
    """Ask the vendor whose the CUSIPs and ISINs among some texts are, where that is not known."""
    if cusips := tick.listings.unknown_cusips(texts):
        talk(f"Asking the vendor whose {plural(len(cusips), 'identifier')} these are.")
        ask_listings(tick, partial(tick.listings.identify, cusips))


def _members(tick: Any, universe: str, source: CatalogSource, day: date | None) -> Imported:
    """What the source gives now, or, asked of a vendor, on a day."""
    if day is not None and source.kind not in ("tickers", "etf"):
        raise BadInput(f"The source {source} knows no other day.", "Leave --date out.")
    if source.kind == "file":
        file = Path(source.what)
        found: Imported = tick.imports.read(file.name, _content(file), universe)
        return found
    if source.kind == "package":
        given: Imported = tick.imports.package(source)
        return given
    asked: Imported = ask_listings(tick, partial(tick.imports.fetch, source, day=day))
    return asked


def _perform(command: str, tick: Any, change: Any, *, common: Common, **options: Any) -> int:
    """Show what was read and what it changes, ask, and do it."""

    def apply(_: Any, *, reason: str, allow: Collection[str]) -> None:
        tick.imports.apply(change, reason=reason, allow=allow)

    if not common.json:
        _describe(change.imported, common.verbose)
    more = {"imported": change.imported.as_dict()}
    return carry_out(command, change.plan, apply, common=common, more=more, **options)


def _describe(imported: Imported, verbose: bool) -> None:
    when = f", as of {imported.as_of}" if imported.as_of else ""
    print(f"{imported.name}, read as: {imported.form}{when}")
    print(f"  {imported.verdict}")
    if out := left_out_words(imported.left_out):
        print(f"  Left out: {out}.")
    shown = imported.remarks if verbose else imported.remarks[:SHOWN]
    for remark in shown:
        print(f"  {remark}")
    if len(shown) < len(imported.remarks):
        print(f"  and {len(imported.remarks) - len(shown)} more (--verbose shows them)")


def _to_stdout(content: bytes, form: OutForm) -> None:
    if form is OutForm.PARQUET and sys.stdout.isatty():
        raise BadInput("Parquet is not for a terminal.", "Give --out FILE.")
    sys.stdout.flush()
    sys.stdout.buffer.write(content)
    sys.stdout.buffer.flush()
