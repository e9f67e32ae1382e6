"""How results and errors leave the command line."""

from __future__ import annotations

import contextlib
import logging
import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from tickstock.cli.streams import is_output_fault, json_for
from tickstock.errors import TickStockError
from tickstock.shortage import shortage

if TYPE_CHECKING:
    from rich.console import Console

# Until a log is set up, what goes to it must not end up on the screen, tracebacks and all.
logging.getLogger("tickstock").addHandler(logging.NullHandler())

ENDLESS = 1 << 20
SCHEMA = "tickstock/1"
"""Version of every `--json` output. Fields may be added under one version, never changed."""


@Parameter(name="*")
@dataclass(frozen=True, slots=True)
class Common:
    """Options of every command."""

    json: Annotated[bool, Parameter(negative="", help="Print one JSON document.")] = False
    home: Annotated[
        Path | None, Parameter(help="Folder of the embedded database, settings and logs.")
    ] = None
    verbose: Annotated[
        bool, Parameter(alias="-v", negative="", help="Show the log on stderr too.")
    ] = False


def print_json(command: str, data: object) -> None:
    """One JSON document on stdout."""
    import msgspec

    body = {"schema": SCHEMA, "command": command, "data": data}
    text = msgspec.json.format(msgspec.json.encode(body, enc_hook=str), indent=2)
    sys.stdout.write(json_for(text.decode(), sys.stdout) + "\n")


def talk(text: str) -> None:
    """Something for a person, on stderr: results alone are on stdout."""
    print(text, file=sys.stderr)


def console(*, stderr: bool = False) -> Console:
    """A rich console that honours NO_COLOR and plain pipes."""
    from rich.console import Console

    return Console(stderr=stderr, highlight=False, soft_wrap=True)


def width_of(console: Console) -> int:
    """The columns of a terminal, or as COLUMNS says. Into a pipe or a file no width is assumed."""
    return int(console.width) if console.is_terminal or "COLUMNS" in os.environ else ENDLESS


def unmarked(text: str) -> str:
    """Text that others wrote, for a rich console: nothing in it is markup or moves the cursor."""
    from rich.markup import escape

    from tickstock.universes.suggest import visible

    return escape(visible(text))


def report_error(error: Exception, *, as_json: bool) -> int:
    """Say what went wrong and answer the exit code."""
    if isinstance(error, OSError) and is_output_fault(error):
        return _output_lost(error)
    error = shortage(error) or error
    if not isinstance(error, TickStockError):
        return _internal(error)
    if as_json:
        import msgspec

        body: dict[str, object] = {
            "error": type(error).__name__,
            "what": error.what,
            "hint": error.hint,
        }
        body |= error.facts
        text = msgspec.json.encode({"schema": SCHEMA, **body}).decode()
        sys.stderr.write(json_for(text, sys.stderr) + "\n")
    else:
        print(f"error: {error.what}", file=sys.stderr)
        if error.hint:
            print(f"       {error.hint}", file=sys.stderr)
    logging.getLogger("tickstock.cli").error("%s: %s", type(error).__name__, error)
    return error.exit_code


def _output_lost(error: OSError) -> int:
    print(f"error: The output could not be written: {error.strerror}.", file=sys.stderr)
    with contextlib.suppress(OSError):  # what is left of it must not be tried again at the end
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return 1


def _internal(error: Exception) -> int:
    logging.getLogger("tickstock.cli").error("internal error", exc_info=error)
    files = [h.baseFilename for h in logging.getLogger().handlers if hasattr(h, "baseFilename")]
    # Without a log nothing is masked yet: what the error says may hold a password.
    where = f"The log has the details: {files[0]}" if files else "It came before there was a log."
    print(f"error: an error inside TickStock ({type(error).__name__}).", file=sys.stderr)
    print(f"       {where}", file=sys.stderr)
    return 1
