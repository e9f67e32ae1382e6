"""Reading an answer's body with a cap on what it becomes when decompressed.

A gzip stream may grow a thousandfold. It is inflated in small steps here, so that a body which
exceeds the cap costs no more memory than the cap.
"""

from __future__ import annotations

import zlib
from collections.abc import AsyncIterable

from tickstock.actions import AnyCall
from tickstock.vendors.words import unreadable

STEP = 1 << 20
_GZIP = 16 + zlib.MAX_WBITS


class Body:
    """A body as it arrives: `feed` the pieces, then `finish` for the whole.

    `encoding` is the Content-Encoding header. `received` counts bytes as they came. `call` is
    what was asked, for the messages.

    Raises:
        VendorUnreadable: another encoding than gzip, broken gzip, or more than `cap` bytes.
    """

    def __init__(self, call: AnyCall, encoding: str, cap: int) -> None:
        self._call = call
        kind = encoding.strip().lower()
        if kind not in ("", "identity", "gzip", "x-gzip"):
            raise unreadable(call, f"is encoded as {kind[:20]!r}, and only gzip was offered")
        self._inflater = zlib.decompressobj(_GZIP) if "gzip" in kind else None
        self._cap = cap
        self._whole = bytearray()
        self.received = 0

    def feed(self, piece: bytes) -> None:
        self.received += len(piece)
        if self._inflater is None:
            self._keep(piece)
            return
        try:
            while piece:
                self._keep(self._inflater.decompress(piece, STEP))
                piece = self._inflater.unconsumed_tail
        except zlib.error as error:
            raise unreadable(self._call, f"is broken gzip: {error}") from None
        if self._inflater.unused_data:
            raise unreadable(self._call, "goes on after the end of its gzip")

    def finish(self) -> bytes:
        if self._inflater is not None and self.received and not self._inflater.eof:
            raise unreadable(self._call, "is gzip that ends in the middle")
        return bytes(self._whole)

    def _keep(self, piece: bytes) -> None:
        if len(self._whole) + len(piece) > self._cap:
            raise unreadable(self._call, f"is larger than {self._cap:,} bytes when unpacked")
        self._whole += piece


async def read_body(pieces: AsyncIterable[bytes], body: Body) -> tuple[bytes, int]:
    """The whole unpacked body, and how many bytes came over the wire."""
    async for piece in pieces:
        body.feed(piece)
    return body.finish(), body.received
