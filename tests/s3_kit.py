"""A server that speaks S3, as far as TickStock and the libraries that it uses ask it to."""

from __future__ import annotations

import asyncio
import hashlib
import itertools
import re
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from urllib.parse import unquote
from xml.etree import ElementTree
from xml.sax.saxutils import escape

from aiohttp import web

SIGNED = re.compile(
    r"AWS4-HMAC-SHA256 Credential=(\w+)/(\d{8})/([\w-]+)/s3/aws4_request, ?"
    r"SignedHeaders=([\w;-]+), ?Signature=[0-9a-f]{64}"
)
CHANGED = "Thu, 07 Mar 2024 16:00:00 GMT"
RANGE = re.compile(r"bytes=(\d+)-(\d+)")


class S3Server:
    """Serves objects of one bucket, path-style, to whoever signs with the one key.

    It does not prove a signature; it insists on there being one, of the asked form, by the key.
    `refused` are keys of objects that the account is not entitled to, `broken` those that are
    answered by an error, or by too few bytes where that is 200; `writes` is what all that is
    written is answered by. An upload in parts is one object when it is completed, and nothing
    before.
    """

    def __init__(self, objects: Mapping[str, bytes] = {}, bucket: str = "flatfiles") -> None:
        self.objects = dict(objects)
        self.bucket = bucket
        self.key_id = "KEYID0123456789"
        self.refused: set[str] = set()
        self.broken: dict[str, int] = {}
        self.writes = 200
        self.requests: list[web.BaseRequest] = []
        self.parts: dict[str, dict[int, bytes]] = {}
        self._uploads = itertools.count()
        self.url = ""

    async def __aenter__(self) -> S3Server:
        self._runner = web.ServerRunner(web.Server(self._handle), shutdown_timeout=1.0)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        host, port = self._runner.addresses[0][:2]
        self.url = f"http://{host}:{port}"
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._runner.cleanup()

    @contextmanager
    def running(self) -> Iterator[S3Server]:
        """In a thread of its own."""
        loop = asyncio.new_event_loop()
        ready, stop = threading.Event(), asyncio.Event()

        async def serve() -> None:
            async with self:
                ready.set()
                await stop.wait()

        thread = threading.Thread(target=lambda: loop.run_until_complete(serve()))
        thread.start()
        try:
            assert ready.wait(60)
            yield self
        finally:
            loop.call_soon_threadsafe(stop.set)
            thread.join()
            loop.close()

    @property
    def environ(self) -> dict[str, str]:
        """The standard variables by which programs find it."""
        return {
            "AWS_ENDPOINT_URL": self.url,
            "AWS_ACCESS_KEY_ID": self.key_id,
            "AWS_SECRET_ACCESS_KEY": "made-up-secret",
            "AWS_REGION": "us-east-1",
            "AWS_EC2_METADATA_DISABLED": "true",
        }

    async def _handle(self, request: web.BaseRequest) -> web.StreamResponse:
        self.requests.append(request)
        signed = SIGNED.fullmatch(request.headers.get("Authorization", ""))
        if signed is None or "x-amz-date" not in request.headers:
            return _error(403, "AccessDenied")
        if signed[1] != self.key_id:
            return _error(403, "InvalidAccessKeyId")
        bucket, _, key = unquote(request.path).lstrip("/").partition("/")
        if bucket != self.bucket:
            return _error(404, "NoSuchBucket")
        if key in self.refused:
            return _error(403, "AccessDenied")
        if self.broken.get(key, 200) != 200:
            return _error(self.broken[key], "SlowDown")
        if not key:
            return self._of_bucket(request)
        if request.method == "GET" and key in self.broken:
            return await self._shortened(request, self._read(request, key))
        if request.method in ("GET", "HEAD"):
            return self._read(request, key)
        if self.writes != 200:
            return _error(self.writes, "AccessDenied" if self.writes == 403 else "SlowDown")
        return await self._write(request, key)

    async def _shortened(
        self, request: web.BaseRequest, answer: web.Response
    ) -> web.StreamResponse:
        """All of it is promised, and half of it comes."""
        body = answer.body
        assert isinstance(body, bytes)
        found = web.StreamResponse(status=answer.status, headers=answer.headers)
        found.content_length = len(body)
        await found.prepare(request)
        await found.write(body[: len(body) // 2])
        transport = request.transport
        assert transport is not None
        transport.close()
        return found

    def _of_bucket(self, request: web.BaseRequest) -> web.Response:
        if request.method == "HEAD":
            return web.Response(headers={"x-amz-bucket-region": "us-east-1"})
        return self._list(request.query.get("prefix", ""), request.query.get("delimiter", ""))

    def _list(self, prefix: str, delimiter: str) -> web.Response:
        found, folders = list[str](), set[str]()
        for key in sorted(self.objects):
            if key.startswith(prefix):
                inner, sep, _ = key[len(prefix) :].partition(delimiter or "\0")
                if sep:
                    folders.add(f"{prefix}{inner}{sep}")
                else:
                    found.append(key)
        contents = "".join(
            f"<Contents><Key>{escape(key)}</Key><Size>{len(self.objects[key])}</Size>"
            "<LastModified>2024-03-07T16:00:00.000Z</LastModified></Contents>"
            for key in found
        )
        common = "".join(
            f"<CommonPrefixes><Prefix>{escape(folder)}</Prefix></CommonPrefixes>"
            for folder in sorted(folders)
        )
        count = len(found) + len(folders)
        return _xml(
            f"<ListBucketResult><Name>{self.bucket}</Name><Prefix>{escape(prefix)}</Prefix>"
            f"<KeyCount>{count}</KeyCount><IsTruncated>false</IsTruncated>{contents}{common}"
            "</ListBucketResult>"
        )

    def _read(self, request: web.BaseRequest, key: str) -> web.Response:
        if key not in self.objects:
            return _error(404, "NoSuchKey")
        body = self.objects[key]
        headers = {"ETag": _tag(body), "Last-Modified": CHANGED, "Accept-Ranges": "bytes"}
        if request.method == "HEAD":
            return web.Response(headers=headers | {"Content-Length": str(len(body))})
        asked = RANGE.fullmatch(request.headers.get("Range", ""))
        if asked is None:
            return web.Response(body=body, headers=headers)
        first, last = int(asked[1]), min(int(asked[2]), len(body) - 1)
        if first > last:
            return _error(416, "InvalidRange")
        headers["Content-Range"] = f"bytes {first}-{last}/{len(body)}"
        return web.Response(status=206, body=body[first : last + 1], headers=headers)

    async def _write(self, request: web.BaseRequest, key: str) -> web.Response:
        query = request.query
        if request.headers.get("Expect", "").lower() == "100-continue":
            request.writer.transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        body = b"".join([chunk async for chunk in request.content.iter_any()])
        if "aws-chunked" in request.headers.get("Content-Encoding", ""):
            body = _unchunked(body)
        upload = query.get("uploadId", "")
        match request.method:
            case "POST" if "uploads" in query:
                upload = f"upload-{next(self._uploads)}"
                self.parts[upload] = {}
                return _xml(
                    "<InitiateMultipartUploadResult>"
                    f"<Bucket>{self.bucket}</Bucket><Key>{escape(key)}</Key>"
                    f"<UploadId>{upload}</UploadId></InitiateMultipartUploadResult>"
                )
            case "PUT" if upload:
                self.parts[upload][int(query["partNumber"])] = body
                return web.Response(headers={"ETag": _tag(body)})
            case "POST":
                listed = ElementTree.fromstring(body).iter()
                named = [int(e.text or 0) for e in listed if e.tag.endswith("PartNumber")]
                parts = self.parts.pop(upload)
                self.objects[key] = b"".join(parts[number] for number in named)
                return _xml(
                    f"<CompleteMultipartUploadResult><Key>{escape(key)}</Key>"
                    f"<ETag>{_tag(self.objects[key])}</ETag></CompleteMultipartUploadResult>"
                )
            case "PUT":
                self.objects[key] = body
                return web.Response(headers={"ETag": _tag(body)})
            case "DELETE":
                self.parts.pop(upload, None) if upload else self.objects.pop(key, None)
                return web.Response(status=204)
        return _error(405, "MethodNotAllowed")


def _unchunked(body: bytes) -> bytes:
    """What was sent in signed or checked chunks."""
    out, at = [], 0
    while True:
        end = body.index(b"\r\n", at)
        size = int(body[at:end].split(b";")[0], 16)
        if not size:
            return b"".join(out)
        out.append(body[end + 2 : end + 2 + size])
        at = end + 2 + size + 2


def _tag(body: bytes) -> str:
    return f'"{hashlib.md5(body, usedforsecurity=False).hexdigest()}"'


def _xml(text: str) -> web.Response:
    return web.Response(text=f'<?xml version="1.0"?>{text}', content_type="application/xml")


def _error(status: int, code: str) -> web.Response:
    body = f"<Error><Code>{code}</Code><Message>no</Message></Error>"
    return web.Response(status=status, text=body, content_type="application/xml")
