"""`tickstock universe set · add · remove · rename · delete · revert · record`."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from tickstock.cli.changes import Allow, How, carry_out
from tickstock.cli.imports import AskVendor, identify
from tickstock.cli.output import Common
from tickstock.cli.session import open_tick
from tickstock.universes.files.words import words_of

Ref = Annotated[str, Parameter(help="The universe: type:key, or its key alone.")]
Title = Annotated[str | None, Parameter(name="--name", help="The name for people.")]


def set_(
    ref: Ref,
    *symbols: Annotated[str, Parameter(help="Symbols, with blanks or commas between.")],
    expression: Annotated[
        str | None, Parameter(help="A stored expression in place of a list of symbols.")
    ] = None,
    name: Title = None,
    description: Annotated[str | None, Parameter(help="What it is.")] = None,
    ask_vendor: AskVendor = False,
    allow: Allow = None,
    how: How = How(),
    common: Common = Common(),
) -> int:
    """Make a universe, or replace what it holds.

    By these symbols or this expression. REF is `type:key`, say `stock_universe:theme_mine`.
    With only --name or --description the members stay.
    """
    with open_tick(common) as tick:
        if ask_vendor:
            identify(tick, words_of(symbols))
        plan = tick.edits.set(
            ref, symbols, expression=expression, title=name, description=description
        )
        return carry_out(
            "universe set", plan, tick.edits.apply, common=common, how=how, allow=allow
        )


def add(
    ref: Ref,
    *symbols: Annotated[str, Parameter(help="Symbols, with blanks or commas between.")],
    ask_vendor: AskVendor = False,
    allow: Allow = None,
    how: How = How(),
    common: Common = Common(),
) -> int:
    """Put symbols into a universe.

    At the end of a list, or joined to an expression.
    """
    with open_tick(common) as tick:
        if ask_vendor:
            identify(tick, words_of(symbols))
        plan = tick.edits.add(ref, _given(symbols))
        return carry_out(
            "universe add", plan, tick.edits.apply, common=common, how=how, allow=allow
        )


def remove(
    ref: Ref,
    *symbols: Annotated[str, Parameter(help="Symbols, with blanks or commas between.")],
    allow: Allow = None,
    how: How = How(),
    common: Common = Common(),
) -> int:
    """Take symbols out of a universe."""
    with open_tick(common) as tick:
        plan = tick.edits.remove(ref, _given(symbols))
        return carry_out(
            "universe remove", plan, tick.edits.apply, common=common, how=how, allow=allow
        )


def rename(
    ref: Ref,
    new: Annotated[str, Parameter(help="The key that it gets, as type:key.")],
    *,
    name: Title = None,
    how: How = How(),
    common: Common = Common(),
) -> int:
    """Give a universe another key.

    `type:key` to `type:new_key`. Its past goes with it.
    """
    with open_tick(common) as tick:
        plan = tick.edits.rename(ref, new, title=name)
        how = replace(how, reason=how.reason or f"renamed from {ref} to {new}")
        return carry_out("universe rename", plan, tick.edits.apply, common=common, how=how)


def delete(
    *refs: Annotated[str, Parameter(help="Universes: type:key, or the key alone.")],
    how: How = How(),
    common: Common = Common(),
) -> int:
    """Delete universes.

    Their history stays; `universe revert REF` brings one back.
    """
    with open_tick(common) as tick:
        plan = tick.edits.delete(*_given(refs))
        return carry_out("universe delete", plan, tick.edits.apply, common=common, how=how)


def revert(
    ref: Ref,
    revision: int | None = None,
    *,
    to: Annotated[
        str | None,
        Parameter(
            help="Bring back what was there then: a New York date (its end), or a time (UTC)."
        ),
    ] = None,
    allow: Allow = None,
    how: How = How(),
    common: Common = Common(),
) -> int:
    """Undo a change, or bring back an earlier state.

    The last change of a universe, or all after REVISION (see `universe log`).
    """
    from tickstock.cli.moments import moment

    with open_tick(common) as tick:
        plan = tick.edits.revert(ref, revision=revision, at=moment(to))
        return carry_out(
            "universe revert", plan, tick.edits.apply, common=common, how=how, allow=allow
        )


def record(
    ref: Ref,
    file: Annotated[Path, Parameter(help="The file with the history.")],
    *,
    source: Annotated[
        str | None, Parameter(help="Where it comes from [default: the file's name].")
    ] = None,
    through: Annotated[
        date | None, Parameter(help="The last day it speaks about [default: its last date].")
    ] = None,
    backwards: Annotated[
        bool, Parameter(negative="", help="Changes, read back from the members of today.")
    ] = False,
    column: Annotated[
        str | None, Parameter(help="The column of symbols, by its heading or number, if not clear.")
    ] = None,
    how: How = How(),
    common: Common = Common(),
) -> int:
    """Record who was in a universe on past days.

    The list of today stays as it is. FILE has memberships (symbol,opt-in,opt-out), lists
    (date,symbol, or date and all symbols of the day in a cell) or changes (date,action,symbol or
    date,add,remove). What was known before is kept: `universe show --known-at`.
    """
    from tickstock.cli.history import content_of

    with open_tick(common) as tick:
        plan = tick.edits.record(
            ref,
            file.name,
            content_of(file),
            source=source or file.name,
            through=through,
            backwards=backwards,
            column=column or "",
        )
        return carry_out("universe record", plan, tick.edits.apply, common=common, how=how)


def _given(words: tuple[str, ...]) -> tuple[str, ...]:
    from tickstock.errors import BadInput

    if not words:
        raise BadInput("Nothing was named to do this to.", "Name at least one.")
    return words
