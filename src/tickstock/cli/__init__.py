"""The command line: arguments in, a service call, text or JSON out, an exit code.

Nothing heavy is imported here: `tickstock --help` must start as fast as the command-line library.
"""

from __future__ import annotations

import gc
import importlib
import sys
from collections.abc import Sequence

BETWEEN_COLLECTIONS = 100_000
"""New objects between two looks for garbage; Python's own default is made for the smallest
programs: most of what a command makes is modules, and looking through them again and again took
a fifth of its time."""


def main(arguments: Sequence[str] | None = None) -> None:
    """Run one command and end the process with its exit code."""
    gc.set_threshold(BETWEEN_COLLECTIONS, 10, 10)
    import_structlog()
    from tickstock.cli.app import run
    from tickstock.cli.streams import fit_streams

    fit_streams()
    sys.exit(run(list(sys.argv[1:] if arguments is None else arguments)))


def import_structlog() -> None:
    """Import structlog without rich, which it would take along for coloured tracebacks that we
    never print, and which takes longer than all of the rest of it."""
    there = sys.modules.get("rich")
    sys.modules["rich"] = None  # type: ignore[assignment]  # Python's way to say: not to be had
    try:
        importlib.import_module("structlog")
    finally:
        del sys.modules["rich"]
        if there is not None:
            sys.modules["rich"] = there
