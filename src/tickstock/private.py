"""Folders and files that nobody but their owner may look into. What is there already stays as it
is: `doctor` tells of it."""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import IO

FOLDER, FILE = 0o700, 0o600
ENTERED = 0o711
"""A folder that others may go through, and not look into."""
OTHERS = 0o077
SEALED = "sealed"
"""In a home folder, the one of sealed files."""


def make_home(home: Path, *, has_server: bool) -> None:
    """Make a home folder where there is none. The embedded server, which runs as another user when
    root starts it, has to get through one of root's to its data."""
    make_folder(home, ENTERED if has_server and os.geteuid() == 0 else FOLDER)


def make_folder(folder: Path, mode: int = FOLDER) -> None:
    """Make a folder where there is none, and those above as the system makes folders."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    folder.mkdir(mode=mode, exist_ok=True)


def open_text(file: Path, mode: str) -> IO[str]:
    """Open a file to write to, which is private where it is new."""
    return open(file, mode, encoding="utf-8", opener=_private)


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, FILE)


def open_to_others(path: Path, allowed: int = 0) -> int:
    """The mode of a file or folder, where others may do more with it than `allowed`; else 0.

    Raises OSError where it cannot be looked at, as one that is not there.
    """
    mode = stat.S_IMODE(path.stat().st_mode)
    return mode if mode & OTHERS & ~allowed else 0
