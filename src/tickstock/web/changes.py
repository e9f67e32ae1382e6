"""Changes of one universe from the page and the API: shown first, then done exactly as shown."""

from __future__ import annotations

import enum
import re
import shlex
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from starlette.responses import JSONResponse, Response

from tickstock.errors import BadInput, StalePlan, TickStockError
from tickstock.service import TickStock
from tickstock.universes.files.words import words_of
from tickstock.universes.guard import Objections, names_of, objections
from tickstock.universes.plan import OrganizePlan, as_dict
from tickstock.web.answers import status_of
from tickstock.web.context import RequestContext
from tickstock.web.fields import address_of, one_of, ref_of, texts

BETWEEN = re.compile(r"[\s,;]+")


class EditKind(enum.StrEnum):
    """What can be done to a universe."""

    MEMBERS = "members"
    ADD = "add"
    REMOVE = "remove"
    LIST = "list"
    EXPRESSION = "expression"
    NAME = "name"
    RENAME = "rename"
    DELETE = "delete"
    REVERT = "revert"


EDITS = (
    (EditKind.MEMBERS, "Members: take out, add"),
    (EditKind.ADD, "Add symbols"),
    (EditKind.REMOVE, "Remove symbols"),
    (EditKind.LIST, "Replace by a list"),
    (EditKind.EXPRESSION, "Replace by an expression"),
    (EditKind.NAME, "Name and description"),
    (EditKind.RENAME, "Give another key"),
    (EditKind.DELETE, "Delete"),
    (EditKind.REVERT, "Bring back an earlier state"),
)


@dataclass(frozen=True, slots=True)
class ChangeForm:
    """What is to be done to the universe `ref`; which of the other fields count, `kind` says.

    `revision` is the number of the change whose outcome is brought back; empty undoes the last one.
    Of the members, `leave` are taken out while `symbols` are added.
    """

    ref: str
    kind: EditKind = EditKind.ADD
    symbols: tuple[str, ...] = ()
    expression: str = ""
    title: str = ""
    description: str = ""
    new_ref: str = ""
    revision: str = ""
    why: str = ""
    leave: tuple[str, ...] = ()

    def plan(self, tick: TickStock) -> OrganizePlan:
        """What it would do. Raises what the edits raise, and BadInput for a field left empty."""
        edits = tick.edits
        edits_of: dict[EditKind, Callable[[], OrganizePlan]] = {
            EditKind.MEMBERS: lambda: self._plan_members(tick),
            EditKind.ADD: lambda: edits.add(self.ref, self._given()),
            EditKind.REMOVE: lambda: edits.remove(self.ref, self._given()),
            EditKind.LIST: lambda: edits.set(self.ref, self._given(), title=self.title or None),
            EditKind.EXPRESSION: lambda: edits.set(
                self.ref, expression=self.expression, title=self.title or None
            ),
            EditKind.NAME: lambda: edits.set(
                self.ref, title=self.title or None, description=self.description or None
            ),
            EditKind.RENAME: lambda: edits.rename(self.ref, self.new_ref, title=self.title or None),
            EditKind.DELETE: lambda: edits.delete(self.ref),
            EditKind.REVERT: lambda: edits.revert(self.ref, revision=_number(self.revision)),
        }
        return edits_of[self.kind]()

    def _plan_members(self, tick: TickStock) -> OrganizePlan:
        if not self.leave:
            return tick.edits.add(self.ref, self._given())
        if not self.symbols:
            return tick.edits.remove(self.ref, self.leave)
        held = tick.universes.get(self.ref)
        if held.expression:
            raise BadInput("An expression loses and gains members one after the other.",
                           "Take out first, then add.")  # fmt: skip
        stay = [symbol for symbol in held.symbols if symbol not in self.leave]
        join = [symbol for symbol in self.symbols if symbol not in held.symbols]
        return tick.edits.set(self.ref, [*stay, *join])

    @property
    def is_empty(self) -> bool:
        """Whether members are to be changed, and none is named yet."""
        of_members = self.kind in (EditKind.MEMBERS, EditKind.ADD, EditKind.REMOVE)
        return of_members and not (self.symbols or self.leave)

    def command(self) -> list[str]:
        """The words of the command line that does the same, quoted for a shell."""
        if self.kind is EditKind.MEMBERS:
            kinds = ((EditKind.REMOVE, self.leave), (EditKind.ADD, self.symbols))
            parts = [replace(self, kind=k, symbols=of).command() for k, of in kinds if of]
            return [*parts[0], *("&&" for _ in parts[1:]), *(w for p in parts[1:] for w in p)]
        words: dict[EditKind, list[str]] = {
            EditKind.ADD: ["add", self.ref, *self.symbols],
            EditKind.REMOVE: ["remove", self.ref, *self.symbols],
            EditKind.LIST: ["set", self.ref, *self.symbols],
            EditKind.EXPRESSION: ["set", self.ref, "--expression", self.expression],
            EditKind.NAME: ["set", self.ref],
            EditKind.RENAME: ["rename", self.ref, self.new_ref],
            EditKind.DELETE: ["delete", self.ref],
            EditKind.REVERT: ["revert", self.ref, *([self.revision] if self.revision else [])],
        }
        more = {"--reason": self.why}
        if self.kind in (EditKind.LIST, EditKind.EXPRESSION, EditKind.NAME, EditKind.RENAME):
            more |= {"--name": self.title}
        if self.kind is EditKind.NAME:
            more |= {"--description": self.description}
        options = [word for name, text in more.items() if text for word in (name, text)]
        return [shlex.quote(w) for w in ("tickstock", "universe", *words[self.kind], *options)]

    def _given(self) -> tuple[str, ...]:
        if not self.symbols:
            raise BadInput("No symbol was given.", "Name at least one.")
        return self.symbols

    @property
    def after(self) -> str:
        """What the universe is called afterwards."""
        return self.new_ref if self.kind is EditKind.RENAME else self.ref


def _number(text: str) -> int | None:
    if text and not text.isdecimal():
        raise BadInput(f"{text[:40]!r} is not the number of a change.", "The log shows them.")
    return int(text) if text else None


def show(ctx: RequestContext) -> Response:
    """The form of a change; in the address may stand what was typed before, with its plan."""
    try:
        form = _read(ctx.query, ctx.request.query_params.getlist)
    except BadInput as e:
        return _page(ctx, ChangeForm(ctx.query("ref")), error=e, status=422)
    if form.ref and not ctx.query("do") and _members(ctx, form):
        form = replace(form, kind=EditKind.MEMBERS)
    try:
        plan = form.plan(ctx.tick) if form.kind is EditKind.MEMBERS and not form.is_empty else None
    except TickStockError as e:
        return _page(ctx, form, error=e, status=status_of(e))
    return _page(ctx, form, plan)


def plan(ctx: RequestContext) -> Response:
    """What a change would do, as a part. Nothing is done."""
    form = _read(ctx.query, ctx.request.query_params.getlist)
    made, error = None, None
    try:
        made = None if form.is_empty else form.plan(ctx.tick)
    except TickStockError as e:
        error = e
    return ctx.page(
        "change_plan.html", form=form, plan=made, guard=refusal(made) if made else None, error=error
    )


def edit(ctx: RequestContext) -> Response:
    """Shows what the change would do, or with the digest of that does it."""
    try:
        form = _read(ctx.field, ctx.fields.getlist)
    except BadInput as e:
        return _page(ctx, ChangeForm(ctx.field("ref")), error=e, status=422)
    try:
        plan = form.plan(ctx.tick)
    except TickStockError as e:
        return _page(ctx, form, error=e, status=status_of(e))
    if not ctx.field("digest"):
        return _page(ctx, form, plan)
    try:
        _perform(ctx, form, plan, allowed(ctx), "the page")
    except TickStockError as e:
        return _page(ctx, form, plan, error=e, status=status_of(e))
    return ctx.go(
        "/universes?deleted=1" if form.kind is EditKind.DELETE else address_of(form.after)
    )


def _read(field: Callable[[str], str], many: Callable[[str], Sequence[object]]) -> ChangeForm:
    return ChangeForm(
        field("ref").strip(),
        one_of(EditKind, field("do") or EditKind.ADD, "something that can be done to a universe"),
        tuple(words_of([field("symbols")])),
        field("expression").strip(),
        field("title").strip(),
        field("description").strip(),
        field("new_ref").strip(),
        field("revision").strip(),
        field("why").strip(),
        tuple(s for text in many("leave") for s in BETWEEN.split(str(text)) if s),
    )


def _perform(
    ctx: RequestContext, form: ChangeForm, plan: OrganizePlan, allow: list[str], where: str
) -> None:
    refuse_stale(plan, ctx.field("digest"))
    who = f"{form.kind} from {where} by {ctx.name}"
    reason = f"{form.why} ({who})" if form.why else who
    ctx.tick.edits.apply(plan, reason=reason, allow=allow)
    ctx.note(f"universe {form.kind}", form.ref)


def refuse_stale(plan: OrganizePlan, digest: str) -> None:
    """Raise StalePlan where the plan is not the one that was shown."""
    if plan.digest != digest:
        raise StalePlan(
            "The universe, or what was typed, has changed since this was shown.",
            "Look at the new plan; nothing was written.",
        )


def refusal(plan: OrganizePlan) -> Objections | None:
    """What the change guard holds against a plan, before it is performed."""
    found = objections(plan)
    return found if found.why else None


def allowed(ctx: RequestContext) -> list[str]:
    """The universes that a form lets pass the change guard."""
    return [value for value in ctx.fields.getlist("allow") if isinstance(value, str)]


def allowed_at_once(ctx: RequestContext, plan: OrganizePlan) -> list[str]:
    """What `allow_foreign` and `allow_removals` of a form or body let pass besides."""
    foreign, removals = (
        ctx.field(name) in ("true", "True", "1") for name in ("allow_foreign", "allow_removals")
    )
    return names_of(plan, foreign=foreign, removals=removals)


def _page(
    ctx: RequestContext,
    form: ChangeForm,
    plan: OrganizePlan | None = None,
    error: TickStockError | None = None,
    status: int = 200,
) -> Response:
    guard = refusal(plan) if plan else None
    return ctx.page(
        "change.html", status, form=form, plan=plan, guard=guard, error=error, edits=EDITS,
        members=_members(ctx, form),
    )  # fmt: skip


def _members(ctx: RequestContext, form: ChangeForm) -> tuple[str, ...]:
    """Of a stored list that can be read; an expression has none to take out one by one."""
    try:
        found = ctx.tick.universes.get(form.ref)
    except TickStockError:
        return ()
    return () if found.expression else found.symbols


# --- for programs -----------------------------------------------------------------------------
def change(ctx: RequestContext) -> Response:
    """What a change of a universe would do; with the `digest` of that it is done."""
    form = ChangeForm(
        ref_of(ctx),
        one_of(EditKind, ctx.field("do"), "something that can be done to a universe"),
        tuple(texts(ctx, "symbols")),
        ctx.field("expression"),
        ctx.field("title"),
        ctx.field("description"),
        ctx.field("new_ref"),
        ctx.field("revision"),
        ctx.field("why"),
        tuple(texts(ctx, "leave")),
    )
    plan = form.plan(ctx.tick)
    if ctx.field("digest"):
        _perform(ctx, form, plan, texts(ctx, "allow"), "the API")
    return plan_answer(plan, applied=bool(ctx.field("digest")))


def plan_answer(plan: OrganizePlan, *, applied: bool, **more: Any) -> Response:
    """A plan as JSON; `guard` is what the change guard holds against it, and
    `guard_refs` the universes to allow."""
    guard = refusal(plan)
    body = as_dict(plan) | {
        "guard": str(guard) if guard else None,
        "guard_refs": [str(ref) for ref in guard.refs] if guard else [],
        "applied": applied,
    }
    return JSONResponse(body | more)
