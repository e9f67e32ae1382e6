"""Where flat files lie: in a folder of this machine, or in a store that speaks S3.

Reading gives the bytes and a tag of their version, or None where there is no such file.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any, Protocol

from tickstock.errors import (
    BadSetting,
    CredentialsRefused,
    NotEntitled,
    TickStockError,
    VendorRefused,
    VendorUnavailable,
    VendorUnreadable,
)
from tickstock.extras import need
from tickstock.vendors.http import checked_base, refuse_set_clock
from tickstock.vendors.massive.settings import MassiveSettings

LARGEST = 1 << 30
"""Bytes of one packed file; the vendor's largest of this kind are a few per cent of it."""
ENDPOINT = "https://files.massive.com"
BUCKET = "flatfiles"
WRONG_KEY = ("InvalidAccessKeyId", "SignatureDoesNotMatch", "AuthorizationHeaderMalformed")


@dataclass(frozen=True, slots=True)
class FoundFile:
    """A file: its bytes, and a tag that changes when it is replaced."""

    data: bytes | memoryview
    etag: str


class Files(Protocol):
    """Files by key, as in `us_stocks_sip/day_aggs_v1/2024/03/2024-03-07.csv.gz`."""

    async def read(self, key: str) -> FoundFile | None:
        """The file, or None where there is none. Any other trouble is an error."""


class FolderFiles:
    """A folder that holds files under the vendor's own keys.

    Raises:
        BadSetting: there is no such folder.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        if not folder.is_dir():
            raise BadSetting(
                f"The folder for flat files {folder} does not exist.", "Give one that does."
            )

    async def read(self, key: str) -> FoundFile | None:
        return await asyncio.to_thread(self._read, key)

    def _read(self, key: str) -> FoundFile | None:
        file = self._folder / key
        product = self._folder.joinpath(*key.split("/")[:2])
        try:
            stat = file.stat()
            _check_size(stat.st_size, key)
            return FoundFile(file.read_bytes(), f"{stat.st_mtime_ns:x}-{stat.st_size:x}")
        except FileNotFoundError:
            if product.is_dir():
                return None
            raise VendorRefused(
                f"The folder for flat files holds no {product.name}.",
                f"Put files there, as {key}.",
            ) from None
        except OSError as error:
            raise VendorUnavailable(
                f"The file {file} cannot be read: {error.strerror}.", "Check it."
            ) from error


class S3Files:
    """A bucket of the vendor, by the account's own S3 key pair. Path-style, SigV4.

    `endpoint` must have been checked to be https, or on this machine.

    Raises:
        MissingExtra: the extra `s3` is not installed.
    """

    def __init__(self, endpoint: str, key_id: str, secret: str, bucket: str = BUCKET) -> None:
        store = need("obstore.store")
        # Given by a function, so that no AWS_... variable of this machine is mixed in.
        credential: Any = {"access_key_id": key_id, "secret_access_key": secret, "expires_at": None}
        self._store = store.S3Store(
            bucket,
            endpoint=endpoint,
            region="us-east-1",
            virtual_hosted_style_request=False,
            skip_signature=False,
            credential_provider=lambda: credential,
            client_options={
                "allow_http": endpoint.startswith("http://"),
                "connect_timeout": timedelta(seconds=10),
                "timeout": timedelta(seconds=300),
            },
            # Whoever holds the call decides whether it is asked again.
            retry_config={"max_retries": 0, "retry_timeout": timedelta(seconds=300)},
        )

    def __repr__(self) -> str:
        return "S3Files()"

    async def read(self, key: str) -> FoundFile | None:
        obstore = need("obstore")
        try:
            result = await obstore.get_async(self._store, key)
            _check_size(result.meta["size"], key)
            data = await result.bytes_async()
        except (obstore.exceptions.BaseError, FileNotFoundError, PermissionError) as error:
            failure = _failure(error, key)
            if failure is None:
                return None
        else:
            return FoundFile(memoryview(data), str(result.meta["e_tag"] or ""))
        # Raised out here, so that no traceback leads to the library's request.
        raise failure


def s3_files(account: MassiveSettings) -> S3Files:
    """The files in the account's bucket; its key pair must be set."""
    assert account.s3_key_id is not None and account.s3_secret is not None
    endpoint = checked_base(account.s3_endpoint, ENDPOINT)
    refuse_set_clock(endpoint)
    return S3Files(
        endpoint,
        account.s3_key_id.get_secret_value(),
        account.s3_secret.get_secret_value(),
    )


def _check_size(size: int, key: str) -> None:
    if size > LARGEST:
        raise VendorUnreadable(
            f"The file {key} has {size:,} bytes, far more than such files have.",
            "Nothing of it is kept; the call can be asked again.",
        )


def _failure(error: Exception, key: str) -> TickStockError | None:
    """The library's error in our terms, None for a file that is not there.

    Its text quotes the request, and is not passed on.
    """
    known = need("obstore.exceptions")
    text = str(error)
    if isinstance(error, known.NotFoundError | FileNotFoundError):
        if "NoSuchBucket" not in text:
            return None
        return BadSetting("There are no flat files at that address.", "Check MASSIVE_S3_ENDPOINT.")
    refused = isinstance(error, known.PermissionDeniedError | PermissionError)
    wrong_key = refused and any(c in text for c in WRONG_KEY)
    if wrong_key or isinstance(error, known.UnauthenticatedError):
        return CredentialsRefused(
            "The vendor refused the S3 key.", "Check MASSIVE_S3_KEY_ID and MASSIVE_S3_SECRET."
        )
    if refused:
        return NotEntitled(
            f"The vendor account is not entitled to the file {key}.",
            "Ask for a span that the plan includes, or change the plan.",
        )
    return VendorUnavailable(f"The file {key} could not be read from the vendor.", "Try later.")
