"""The command line: arguments in, a service call, text or JSON out, an exit code.

Nothing heavy is imported here: `tickstock --help` must start as fast as the command-line library.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence


def main(arguments: Sequence[str] | None = None) -> None:
    """Run one command and end the process with its exit code."""
    from tickstock.cli.app import run
    from tickstock.cli.streams import fit_streams

    fit_streams()
    sys.exit(run(list(sys.argv[1:] if arguments is None else arguments)))
