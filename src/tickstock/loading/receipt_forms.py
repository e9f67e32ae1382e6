"""What a receipt says, line by line, and all of it as Markdown. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator

from tickstock.loading.causes import CAUSES
from tickstock.loading.receipt import Receipt, share, some_of
from tickstock.words import plural, sessions_held

SPECIAL = re.compile(r"([\\`*_{}\[\]<>()#+!|~&$])")
UNPRINTABLE = re.compile("[\0-\x08\x0b-\x1f\x7f\ud800-\udfff\ufffe\uffff]+")
"""What XML cannot have, and no text needs."""


def as_markdown(receipt: Receipt) -> str:
    """The figures as Markdown; names that others gave mean nothing in it."""
    lines = [
        f"# Coverage of {_plain(receipt.universe)}",
        "",
        *(f"- {name}: {_plain(text)}" for name, text in facts(receipt)),
    ]
    if receipt.causes or receipt.never_heard_of:
        lines += ["", "| Not held, by cause | Sessions | Means | Examples |", "|---|---:|---|---|"]
        lines += [f"| {' | '.join(map(_plain, line))} |" for line in cause_lines(receipt)]
    lines += ["", f"| {_rows_shown(receipt)} | Held | Sessions |", "|---|---:|---:|"]
    lines += [
        f"| {_plain(row.name)} | {share(row.held, row.expected)} | {row.held:,} of"
        f" {row.expected:,} |"
        for row in receipt.rows
    ]
    return "\n".join([*lines, ""])


def facts(receipt: Receipt) -> Iterator[tuple[str, str]]:
    """What a receipt tells, line by line."""
    yield "made", f"{receipt.made_at:%Y-%m-%d %H:%M:%S} UTC"
    yield "bars", f"{receipt.timeframe}, {receipt.days}"
    held, expected = receipt.held, receipt.expected
    yield "held", f"{share(held, expected)}, {sessions_held(held, expected)}"
    if receipt.chosen:
        yield "symbols shown", receipt.chosen
    yield "survivorship", receipt.survivorship.removeprefix("survivorship: ")
    if receipt.synthetic:
        yield "synthetic", f"bars of {plural(receipt.synthetic, 'symbol')} are made up"
    yield "content hash", content_of(receipt)


def content_of(receipt: Receipt) -> str:
    """The hash of the bars, or why there is none."""
    count = plural(receipt.content.bars, "bar")
    if receipt.content.sha256:
        return f"sha256:{receipt.content.sha256} of {count}, raw"
    return f"none: {count} are more than are read for one" if receipt.content.bars else "no bar"


def cause_lines(receipt: Receipt) -> Iterator[tuple[str, str, str, str]]:
    """Causes of what is not held: name, sessions, what it means, examples."""
    for line in receipt.causes:
        name = line.cause.replace("_", " ")
        yield name, f"{line.sessions:,}", CAUSES[line.cause].text, ", ".join(line.examples)
    if receipt.never_heard_of:
        names = some_of(receipt.some_never_heard_of, receipt.never_heard_of)
        yield "never heard of", "", plural(receipt.never_heard_of, "symbol"), names


def _rows_shown(receipt: Receipt) -> str:
    last = receipt.first_row + len(receipt.rows) - 1
    if not receipt.rows or (receipt.first_row == 1 and last == receipt.symbols):
        return plural(receipt.symbols, "symbol")
    return f"Symbols {receipt.first_row:,} to {last:,} of {receipt.symbols:,}"


def _plain(text: str) -> str:
    """On one line, with no character that means something in Markdown or HTML."""
    return SPECIAL.sub(r"\\\1", " ".join(UNPRINTABLE.sub(" ", text).split()))
