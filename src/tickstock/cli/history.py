"""`tickstock universe containing · diff · log · blame`, and the past in `show`."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from tickstock.cli.output import Common, console, print_json, talk, unmarked
from tickstock.cli.session import open_tick

if TYPE_CHECKING:
    from tickstock.store.history import Blame, LogEntry
    from tickstock.universes.survivorship import Survivorship, Unlabelled

AsOf = Annotated[
    date | None, Parameter(help="Who was in it at the end of this day (New York date).")
]
SHOWN = 8
LOGGED = (
    "action",
    "by_role",
    "application",
    "source",
    "reason",
    "old_name",
    "new_name",
    "old_expression",
    "new_expression",
    "joined",
    "left",
)
"""What the log gives as it is."""


def content_of(file: Path) -> bytes:
    """No more of a file with a history than tells that it is too large. Raises BadFile."""
    from tickstock.errors import BadFile
    from tickstock.universes.files import MAX_HISTORY_BYTES

    try:
        with file.open("rb") as stream:
            return stream.read(MAX_HISTORY_BYTES + 1)
    except OSError as e:
        raise BadFile(f"{file} cannot be read: {e.strerror}.", "Check the path.") from e


def label_as_dict(label: Survivorship | Unlabelled | None) -> dict[str, object]:
    """The survivorship label of a read over the past for `--json`; nothing where there is none."""
    return {} if label is None else {"survivorship": label.as_dict()}


def talk_label(label: Survivorship | Unlabelled | None) -> None:
    """The label for a person. That a list of one's own has no past is no news."""
    from tickstock.universes.survivorship import Unlabelled

    if label is None or (isinstance(label, Unlabelled) and label.is_own):
        return
    talk(str(label))


def containing(
    symbol: str,
    *,
    as_of: AsOf = None,
    common: Common = Common(),
) -> int:
    """List the universes that hold a symbol.

    Those of all types that hold SYMBOL, now or on a day.
    """
    from tickstock.words import plural

    with open_tick(common) as tick:
        found = tick.history.containing(symbol, as_of)
    if common.json:
        day = as_of.isoformat() if as_of else None
        body = {"symbol": symbol, "as_of": day, "universes": [str(ref) for ref in found]}
        names = {str(ref): name for ref, name in found.items()}
        print_json("universe containing", body | {"names": names})
        return 0
    for ref, name in found.items():
        print(ref if name == symbol else f"{ref}  as {name}")
    talk(f"{plural(len(found), 'universe')}{f' on {as_of}' if as_of else ''}")
    return 0


def diff(
    first: str,
    second: str,
    *,
    common: Common = Common(),
) -> int:
    """Compare two universes or expressions, or one on two days.

    As in `KEY@2020-01-02 KEY`. `-` is in the first alone, `+` in the second alone.
    """
    with open_tick(common) as tick:
        found = tick.history.diff(first, second)
    if common.json:
        body = {"first": first, "second": second, "only_first": list(found.only_first)}
        print_json("universe diff", body | {"only_second": list(found.only_second)})
        return 0
    for sign, symbols in (("-", found.only_first), ("+", found.only_second)):
        for symbol in symbols:
            print(f"{sign} {symbol}")
    gone, new, same = len(found.only_first), len(found.only_second), len(found.common)
    talk(f"{gone} only in the first, {new} only in the second, {same} in both")
    return 0


def log(
    ref: str,
    *,
    most: Annotated[int, Parameter(help="How many lines.")] = 30,
    common: Common = Common(),
) -> int:
    """List every change of a universe, by whomever.

    Histories told of it as well; the latest first.
    """
    from tickstock.universes.suggest import visible

    with open_tick(common) as tick:
        entries = tick.history.log(ref, most)
    if common.json:
        print_json("universe log", [_as_dict(e) for e in entries])
        return 0
    if not entries:
        talk("No change since it was taken over.")
    out = console()
    for e in entries:
        who, why = _by(e)
        number = f"{e.id:>6}" if e.action != "history" else "     -"
        out.print(f"{number}  {e.at:%Y-%m-%d %H:%M:%S}Z  {e.action:<8} {who}  [dim]{why}[/]")
        for line in _changes(e):
            out.print(f"        {visible(line)}", markup=False)
    return 0


def _by(change: LogEntry | Blame) -> tuple[str, str]:
    """Who did it, and why."""
    who = " ".join(filter(None, (change.by_role, change.application)))
    why = "; ".join(filter(None, (change.reason, change.source)))
    return unmarked(who), unmarked(why)


def _changes(e: LogEntry) -> list[str]:
    lines = [f"about {e.days}"] if e.days else []
    if e.old_name and e.new_name and e.old_name != e.new_name:
        lines.append(f'name: "{e.old_name}" -> "{e.new_name}"')
    if e.old_expression != e.new_expression:
        lines.append(f"expression: {e.old_expression or 'none'} -> {e.new_expression or 'none'}")
    for word, symbols in (("joined", e.joined), ("left", e.left)):
        if symbols:
            more = f" and {len(symbols) - SHOWN} more" if len(symbols) > SHOWN else ""
            lines.append(f"{word} ({len(symbols)}): {' '.join(symbols[:SHOWN])}{more}")
    return lines


def _as_dict(e: LogEntry) -> dict[str, object]:
    days = {"from": e.days.start.isoformat(), "to": e.days.last.isoformat()} if e.days else None
    fields = {name: getattr(e, name) for name in LOGGED}
    number = None if e.action == "history" else e.id
    return {"revision": number, "at": e.at.isoformat(), "days": days, **fields}


def blame(
    ref: str,
    *symbols: str,
    common: Common = Common(),
) -> int:
    """Show since when symbols are in a universe, and through which change."""
    with open_tick(common) as tick:
        found = tick.history.blame(ref, *symbols)
    if common.json:
        names = ("symbol", "revision", "by_role", "application", "source", "reason")
        rows = [{name: getattr(b, name) for name in names} | _times(b) for b in found]
        print_json("universe blame", rows)
        return 0
    out = console()
    for b in found:
        number = f"revision {b.revision}" if b.revision else ""
        who, why = _by(b)
        since = b.since or "unknown"
        out.print(f"{unmarked(b.symbol):<8} {since!s:<10}  {number:<14} {who}  [dim]{why}[/]")
    return 0


def _times(b: Blame) -> dict[str, object]:
    return {
        "since": b.since.isoformat() if b.since else None,
        "at": b.at.isoformat() if b.at else None,
    }
