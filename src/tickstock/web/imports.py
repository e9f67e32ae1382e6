"""Lists of symbols from files into universes, with a preview, and universes out as files.

Nothing is kept between preview and import: the page carries the file, packed, and the digest of the
plan says whether the import would still do what was shown.
"""

from __future__ import annotations

import base64
import binascii
import zlib
from typing import Any

from starlette.datastructures import UploadFile
from starlette.responses import Response

from tickstock.errors import BadFile, BadInput, TickStockError
from tickstock.service.imports import ImportPlan
from tickstock.universes.files import MAX_BYTES
from tickstock.universes.files.written import OutForm
from tickstock.web.answers import status_of
from tickstock.web.changes import allowed, plan_answer, refusal, refuse_stale
from tickstock.web.context import RequestContext
from tickstock.web.fields import address_of, one_of, ref_of, texts

LARGEST_FILE = 2_000_000
LARGEST_BODY = 3_000_000
"""A file that cannot be packed, as text, and the rest of the form."""
SHOWN = 200
TYPES = {
    OutForm.CSV: "text/csv; charset=utf-8",
    OutForm.JSON: "application/json",
    OutForm.TOML: "application/toml",
    OutForm.TXT: "text/plain; charset=utf-8",
    OutForm.PARQUET: "application/vnd.apache.parquet",
}


def show(ctx: RequestContext) -> Response:
    """The form of an import."""
    return _page(ctx, ctx.query("ref"), ctx.query("title"))


def import_(ctx: RequestContext) -> Response:
    """Shows what a file holds and what importing it would do; with the digest of that does it."""
    ref, title = ctx.field("ref").strip(), ctx.field("title").strip()
    try:
        name, data = _file(ctx)
        change = _plan(ctx, ref, title, name, data)
    except TickStockError as e:
        return _page(ctx, ref, title, error=e, status=status_of(e))
    shown: dict[str, Any] = {"change": change, "kept": _packed(data), "file": name}
    if not ctx.field("digest"):
        return _page(ctx, ref, title, **shown)
    try:
        _perform(ctx, ref, change, allowed(ctx), "the page")
    except TickStockError as e:
        return _page(ctx, ref, title, **shown, error=e, status=status_of(e))
    return ctx.go(address_of(ref))


def _plan(ctx: RequestContext, ref: str, title: str, name: str, data: bytes) -> ImportPlan:
    imports = ctx.tick.imports
    column = ctx.field("column").strip()
    found = imports.read(name, data, ref, column=column, most_bytes=MAX_BYTES)
    return imports.plan(found, ref, title=title or None)


def _perform(
    ctx: RequestContext, ref: str, change: ImportPlan, allow: list[str], where: str
) -> None:
    refuse_stale(change.plan, ctx.field("digest"))
    reason = f"import of {change.imported.name} from {where} by {ctx.name}"
    ctx.tick.imports.apply(change, reason=reason, allow=allow)
    ctx.note("universe import", f"{ref} from {change.imported.name}")


def _file(ctx: RequestContext) -> tuple[str, bytes]:
    """Name and bytes of the file that was chosen, or of the one whose preview was shown."""
    upload = ctx.fields.get("file")
    if isinstance(upload, UploadFile):
        with upload.file as stream:
            data = stream.read(LARGEST_FILE + 1)
        if data or upload.filename:
            return (upload.filename or "file")[:200], _checked(data)
    if ctx.field("kept"):
        return ctx.field("file_name", "file")[:200], _checked(_unpacked(ctx.field("kept")))
    raise BadInput("No file was chosen.", "Choose one.")


def _checked(data: bytes) -> bytes:
    if len(data) > LARGEST_FILE:
        raise BadFile(
            f"The file is larger than {LARGEST_FILE // 1_000_000} MB.",
            "Lists of symbols are smaller; `tickstock universe import` takes larger ones.",
        )
    return data


def _packed(data: bytes) -> str:
    return base64.b64encode(zlib.compress(data)).decode()


def _unpacked(text: str) -> bytes:
    """Never more than a little over the largest file, whatever was sent."""
    try:
        return zlib.decompressobj().decompress(_decoded(text), LARGEST_FILE + 1)
    except zlib.error:
        raise BadFile("The file of the preview is damaged.", "Choose it again.") from None


def _decoded(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except binascii.Error:
        raise BadFile("The content is no base64.", "Send the file's bytes as base64.") from None


def _page(
    ctx: RequestContext,
    ref: str,
    title: str,
    *,
    change: ImportPlan | None = None,
    kept: str = "",
    file: str = "",
    error: TickStockError | None = None,
    status: int = 200,
) -> Response:
    return ctx.page(
        "import.html",
        status,
        ref=ref,
        title=title,
        column=ctx.field("column") or ctx.query("column"),
        change=change,
        guard=refusal(change.plan) if change else None,
        kept=kept,
        file=file,
        error=error,
        shown=SHOWN,
        largest=LARGEST_FILE,
        names=[row.ref for row in ctx.services.shelf.rows().listed[:300]],
    )


def export(ctx: RequestContext) -> Response:
    """The members of a universe as a file: `form` is csv, json, toml, txt or parquet."""
    ref, form = ref_of(ctx), one_of(OutForm, ctx.query("form", "csv"), "a form")
    body = ctx.tick.imports.export(ref, form)
    name = "".join(c if c.isalnum() or c in "._-" else "_" for c in ref.partition(":")[2] or ref)
    headers = {"content-disposition": f'attachment; filename="{name}.{form}"'}
    return Response(body, 200, headers, TYPES[form])


# --- for programs -----------------------------------------------------------------------------
def import_content(ctx: RequestContext) -> Response:
    """What importing a file (`content`, base64) would do; with the `digest` of that it is done."""
    data = _checked(_decoded(ctx.field("content")))
    ref, name = ref_of(ctx), ctx.field("name", "file")[:200]
    change = _plan(ctx, ref, ctx.field("title"), name, data)
    if ctx.field("digest"):
        _perform(ctx, ref, change, texts(ctx, "allow"), "the API")
    found = change.imported.as_dict()
    return plan_answer(change.plan, applied=bool(ctx.field("digest")), imported=found)
