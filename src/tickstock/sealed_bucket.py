"""Sealed files in a bucket of S3, or of a server that speaks it.

An upload is there when it is complete, and nothing before. What a process that dies has sent of one
the server keeps, unseen, until a rule of the bucket removes it. Needs pyarrow.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cached_property, lru_cache
from pathlib import Path
from typing import IO, Any, cast

from tickstock.errors import BadSetting, TickStockError, Transient
from tickstock.extras import need
from tickstock.sealed_place import (
    ENDING,
    Bucket,
    FolderPlace,
    SealedDraft,
    SealedPlace,
    SealedWhere,
    damaged,
    out_of_reach,
)

CONNECT_SECONDS = 10
SILENT_SECONDS = 60
"""Seconds without a byte after which the server counts as away."""
ATTEMPTS = 3
"""So often a request is made, each time a little later, before somebody hears of it."""
REFUSALS = ("ACCESS_DENIED", "INVALID_ACCESS_KEY_ID", "SIGNATURE_DOES_NOT_MATCH", "UNAUTHORIZED")
"""What the library calls an answer that does not change by asking again."""


@lru_cache(maxsize=8)
def place_at(where: SealedWhere) -> SealedPlace:
    """The files in a folder or bucket. Asks for nothing yet."""
    return FolderPlace(where) if isinstance(where, Path) else BucketPlace(where)


def bucket_at(address: str, endpoint: str | None) -> Bucket:
    """What `s3://BUCKET/FOLDER` names. Raises BadSetting."""
    scheme, _, rest = address.partition("://")
    name, _, folder = rest.partition("/")
    if scheme != "s3" or not name or set(rest) & set("@:?#"):
        # Without what was given, which may hold a key.
        raise BadSetting(
            "TICKSTOCK_SEALED_FILES is neither a folder nor an address as s3://BUCKET/FOLDER.",
            "Whose keys they are, AWS_ACCESS_KEY_ID and its like say.",
        )
    return Bucket(name, folder.strip("/"), endpoint)


class BucketPlace:
    """A folder in a bucket. Who may is said by the standard variables and files (AWS_ACCESS_KEY_ID
    and its like), in which region by AWS_REGION."""

    def __init__(self, bucket: Bucket) -> None:
        self._bucket = bucket

    def shown(self, name: str) -> str:
        return f"{self._bucket}/{name}{ENDING}"

    def create(self, name: str) -> SealedDraft:
        return _UploadDraft(self, name)

    def unwritable(self, error: OSError) -> TickStockError:
        return _failure(error, f"Sealed files cannot be written to {self._bucket}")

    def open(self, name: str) -> IO[bytes]:
        where = self.shown(name)
        with _answering(where):
            try:
                file = self.files.open_input_file(self.path(name))
                return cast("IO[bytes]", _Reader(file, where))
            except FileNotFoundError:
                if self._is_there():
                    raise damaged(where, "is not there") from None
        raise out_of_reach(where, "the bucket has no such folder")

    def sizes(self) -> dict[str, int]:
        fs = need("pyarrow.fs")
        with _answering(str(self._bucket)):
            found = self.files.get_file_info(
                fs.FileSelector(self._bucket.path, allow_not_found=True)
            )
        return {one.base_name: one.size for one in found if one.type is fs.FileType.File}

    def path(self, name: str) -> str:
        """As the library calls a file."""
        return f"{self._bucket.path}/{name}{ENDING}"

    @cached_property
    def files(self) -> Any:
        fs = need("pyarrow.fs")
        return fs.S3FileSystem(
            endpoint_override=self._bucket.endpoint,
            connect_timeout=CONNECT_SECONDS,
            request_timeout=SILENT_SECONDS,
            retry_strategy=fs.AwsStandardS3RetryStrategy(max_attempts=ATTEMPTS),
        )

    def _is_there(self) -> bool:
        kinds = need("pyarrow.fs").FileType
        return bool(self.files.get_file_info(self._bucket.path).type is not kinds.NotFound)


class _UploadDraft:
    """An upload, which is there under its name when it is closed; no database names it yet."""

    def __init__(self, place: BucketPlace, name: str) -> None:
        self._place, self._name = place, name
        self._is_published = False
        self.stream = place.files.open_output_stream(place.path(name))

    def close(self) -> int:
        size = int(self.stream.tell())
        self.stream.close()
        return size

    def open(self) -> IO[bytes]:
        return self._place.open(self._name)

    def publish(self) -> None:
        self._is_published = True

    def discard(self) -> None:
        if not self._is_published:
            with suppress(OSError):  # then it stays, and nobody names it
                self.stream.close()
                self._place.files.delete_file(self._place.path(self._name))


class _Reader(io.RawIOBase):
    """A file of the library's. What fails in it is told as what it is: the reader of Parquet would
    take a network that is away for a file that is damaged."""

    def __init__(self, file: Any, where: str) -> None:
        self._file, self._where = file, where

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def read(self, size: int = -1, /) -> bytes:
        with _answering(self._where):
            return bytes(self._file.read(size if size >= 0 else None))

    def seek(self, offset: int, whence: int = 0, /) -> int:
        return int(self._file.seek(offset, whence))

    def tell(self) -> int:
        return int(self._file.tell())

    def close(self) -> None:
        self._file.close()
        super().close()


@contextmanager
def _answering(where: str) -> Iterator[None]:
    """What the library raises while it asks for a file, as what it means for its bars: nothing."""
    try:
        yield
    except OSError as e:
        raise _failure(e, f"The sealed file {where} cannot be got at") from e


def _failure(error: OSError, what: str) -> TickStockError:
    """A refusal, or that the server does not answer as it should, which passes."""
    text = " ".join(str(error).split())[:300]
    if any(word in text for word in REFUSALS):
        return BadSetting(
            f"{what}, as it is refused: {text}.",
            "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or a profile, say who asks.",
        )
    return Transient(
        f"{what}, as the server does not answer: {text}.",
        "Try again; TICKSTOCK_S3_ENDPOINT is its address where it is not Amazon's.",
    )
