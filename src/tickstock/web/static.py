"""The page's own files, read once. Addresses carry a hash, so browsers keep them for good."""

from __future__ import annotations

import gzip
import hashlib
from dataclasses import dataclass
from functools import cache
from importlib import resources
from importlib.resources.abc import Traversable

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

TYPES = {
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
    ".txt": "text/plain; charset=utf-8",
}


@dataclass(frozen=True, slots=True)
class File:
    body: bytes
    packed: bytes
    type: str
    version: str


@cache
def files() -> dict[str, File]:
    """Every file by its name below `static/`."""
    root = resources.files("tickstock.web").joinpath("static")
    return {name: _read(file) for name, file in _walk(root, "")}


def _walk(folder: Traversable, prefix: str) -> list[tuple[str, Traversable]]:
    found: list[tuple[str, Traversable]] = []
    for entry in folder.iterdir():
        if entry.is_dir():
            found += _walk(entry, f"{prefix}{entry.name}/")
        elif entry.name[entry.name.rfind(".") :] in TYPES:
            found.append((prefix + entry.name, entry))
    return found


def _read(file: Traversable) -> File:
    body = file.read_bytes()
    kind = TYPES[file.name[file.name.rfind(".") :]]
    version = hashlib.sha256(body).hexdigest()[:12]
    return File(body, gzip.compress(body, 9, mtime=0), kind, version)


def address(name: str) -> str:
    """Where the file is fetched from, in this version of it."""
    return f"/static/{name}?v={files()[name].version}"


async def serve_file(request: Request) -> Response:
    """A file, packed for browsers that take it so. Nothing on disk is looked up by the name."""
    file = files().get(request.path_params["name"])
    if file is None:
        return PlainTextResponse("There is no such file.\n", 404)
    packed = "gzip" in request.headers.get("accept-encoding", "")
    current = request.query_params.get("v") == file.version
    headers = {"vary": "accept-encoding"} | ({"content-encoding": "gzip"} if packed else {})
    headers["cache-control"] = (
        "public, max-age=31536000, immutable" if current else "public, no-cache"
    )
    return Response(file.packed if packed else file.body, 200, headers, file.type)
