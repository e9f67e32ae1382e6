"""Where sealed files are, a folder or a bucket (`sealed_bucket.py`), and which bars are in some.

A file is written once, under a name that is used once, and is there under it as a whole or not at
all. One that is not there, or damaged, is `BadFile`: its bars may be lost. Of a place that cannot
be got at nothing is known, and that is another error.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Protocol, TypeAlias

from tickstock.errors import BadFile, BadSetting, TickStockError
from tickstock.model import Timeframe
from tickstock.private import FILE, make_folder
from tickstock.shortage import shortage

ENDING = ".parquet"
FRESH = ".tmp"
NOUNS = {Timeframe.MINUTE: "minute", Timeframe.HOUR: "hour"}
"""What is sealed, as people and the names of files call it."""


def kinds_of_bars(timeframes: Iterable[Timeframe]) -> str:
    """`minute bars`, `minute and hour bars`."""
    given = {*timeframes}
    return " and ".join(noun for frame, noun in NOUNS.items() if frame in given) + " bars"


@dataclass(frozen=True, slots=True)
class Bucket:
    """A folder in a bucket of S3; `endpoint` is the address of a server that is not Amazon's."""

    name: str
    folder: str
    endpoint: str | None = None

    @property
    def path(self) -> str:
        return f"{self.name}/{self.folder}".rstrip("/")

    def __str__(self) -> str:
        return f"s3://{self.path}"


SealedWhere: TypeAlias = Path | Bucket


class SealedDraft(Protocol):
    """A file that is being written to `stream`."""

    stream: Any

    def close(self) -> int:
        """Have all that was written be kept; how many bytes these are."""
        ...

    def open(self) -> IO[bytes]:
        """It as it lies there, when it is closed."""
        ...

    def publish(self) -> None:
        """From here on it is there under its name."""
        ...

    def discard(self) -> None:
        """Remove what is left of a file that was not published."""
        ...


class SealedPlace(Protocol):
    """Files by their names, without their ending."""

    def shown(self, name: str) -> str:
        """Where a file is, for people."""
        ...

    def create(self, name: str) -> SealedDraft:
        """Begin a file. Raises OSError."""
        ...

    def unwritable(self, error: OSError) -> TickStockError:
        """What to say of an error while a file is written."""
        ...

    def open(self, name: str) -> IO[bytes]:
        """A file, to be read. Raises BadFile where it is not there, BadSetting or Transient where
        that cannot be known; so does reading it."""
        ...

    def sizes(self) -> dict[str, int]:
        """All files, with their endings, and their bytes. Raises BadSetting or Transient."""
        ...


class FolderPlace:
    """A folder of this machine, or one that it has mounted."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def shown(self, name: str) -> str:
        return str(self._path(name))

    def create(self, name: str) -> SealedDraft:
        make_folder(self._folder)
        return _FolderDraft(self._path(name))

    def unwritable(self, error: OSError) -> TickStockError:
        return BadFile(
            f"Sealed files cannot be written to {self._folder}: {error.strerror or error}.",
            "Make room or let it be written to; TICKSTOCK_SEALED_FILES may name another place.",
        )

    def open(self, name: str) -> IO[bytes]:
        path = self._path(name)
        try:
            return path.open("rb")
        except FileNotFoundError:
            if self._folder.is_dir():
                raise damaged(str(path), "is not there") from None
            raise out_of_reach(str(path), "the folder is not there") from None
        except (OSError, MemoryError) as e:
            raise as_known(str(path), e) from e

    def sizes(self) -> dict[str, int]:
        found = dict[str, int]()
        try:
            for file in self._folder.iterdir() if self._folder.exists() else ():
                with suppress(FileNotFoundError):  # removed meanwhile
                    found[file.name] = file.stat().st_size
        except OSError as e:
            raise out_of_reach(str(self._folder), e.strerror or str(e)) from e
        return found

    def _path(self, name: str) -> Path:
        return self._folder / f"{name}{ENDING}"


class _FolderDraft:
    """A file under a name for the time being, that only its owner may look into."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._fresh = path.with_suffix(FRESH)
        only_new = os.O_WRONLY | os.O_CREAT | os.O_EXCL
        self.stream = os.fdopen(os.open(self._fresh, only_new, FILE), "wb")

    def close(self) -> int:
        self.stream.flush()
        os.fsync(self.stream.fileno())
        size = self.stream.tell()
        self.stream.close()
        return size

    def open(self) -> IO[bytes]:
        return self._fresh.open("rb")

    def publish(self) -> None:
        self._fresh.replace(self._path)
        handle = os.open(self._path.parent, os.O_RDONLY)
        try:
            os.fsync(handle)  # or the name may be lost with the power
        finally:
            os.close(handle)

    def discard(self) -> None:
        self.stream.close()
        self._fresh.unlink(missing_ok=True)


def as_known(where: str, error: Exception) -> TickStockError:
    """What an error says of a file: that its bytes are gone, or that nothing is known of it."""
    if short := shortage(error):
        return short  # of this machine; to be told that the bars are lost would lose them
    if isinstance(error, OSError) and error.errno not in (None, errno.EIO):
        return out_of_reach(where, error.strerror or str(error))
    return damaged(where, f"cannot be read ({' '.join(str(error).split())[:200]})")


def out_of_reach(where: str, why: str) -> BadSetting:
    """The error where nothing is known of a file: its bars must not be taken for lost."""
    return BadSetting(
        f"The sealed file {where} cannot be got at: {why}.",
        "Let it be read, and have the disk mounted; TICKSTOCK_SEALED_FILES names the folder. Where "
        "the folder is gone for good, make an empty one.",
    )


def damaged(where: str, what: str) -> BadFile:
    """The error for a sealed file that cannot be used."""
    return BadFile(
        f"The sealed file {where} {what}. Its bars are nowhere else.",
        "Bring the file back from a copy, or set TICKSTOCK_SEALED_FILES to the folder with it. If "
        "there is none: `tickstock files unseal MONTH --lost`, and load the month again.",
    )
