"""What a check finds, how bad it is, and how it is written for people, programs and reports."""

from __future__ import annotations

import enum
import json
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from tickstock.model import UniverseRef
from tickstock.universes.suggest import visible

Form = Literal["text", "json", "markdown"]
JSON_VERSION = 1


class Severity(enum.StrEnum):
    """Errors make a universe wrong or unreadable; infos are worth a look and fail nothing."""

    ERROR = "error"
    WARNING = "warning"
    INFO = "info"


class UniverseCheck(enum.StrEnum):
    """What was looked at; stable names for programs."""

    SHAPE = "shape"
    EMPTY = "empty"
    SYMBOL = "symbol"
    KEY = "key"
    EXPRESSION = "expression"
    MASTER = "master"
    SIZE = "size"
    DUPLICATE = "duplicate"
    SPELLING = "spelling"
    ENCODING = "encoding"
    PREFIX = "prefix"
    NAME = "name"
    UPDATED = "updated_at"
    SOURCE_AGE = "source_age"
    OUT_OF_DATE = "out_of_date"
    SECTORS = "sectors"
    NEAR_DUPLICATE = "near_duplicate"
    COMBO = "stock_etf_combo"
    COUNT = "count"
    LOOKALIKE = "lookalike"
    DELISTED = "delisted"
    RENAMED = "renamed"
    UNKNOWN = "unknown"

    @property
    def severity(self) -> Severity:
        if self in _ERRORS:
            return Severity.ERROR
        return Severity.INFO if self in _INFOS else Severity.WARNING


_ERRORS = {
    UniverseCheck.SHAPE,
    UniverseCheck.EMPTY,
    UniverseCheck.SYMBOL,
    UniverseCheck.KEY,
    UniverseCheck.EXPRESSION,
    UniverseCheck.MASTER,
    UniverseCheck.SIZE,
}
_INFOS = {UniverseCheck.COUNT, UniverseCheck.LOOKALIKE, UniverseCheck.UNKNOWN}

_RANK = {severity: rank for rank, severity in enumerate(Severity)}


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong: what, why that matters, how to fix it.

    `symbol` is empty where the finding is about the universe as a whole.
    """

    severity: Severity
    ref: UniverseRef
    environment: str
    symbol: str
    what: str
    why: str
    fix: str
    check: UniverseCheck


def exit_code(findings: Iterable[Finding], strict: bool = False) -> int:
    """0 clean, 1 with errors, 3 with warnings where `strict` asks for it."""
    severities = {finding.severity for finding in findings}
    if Severity.ERROR in severities:
        return 1
    return 3 if strict and Severity.WARNING in severities else 0


def order(finding: Finding) -> tuple[int, str, UniverseRef, str, str]:
    """Sorts errors first, then by environment and universe."""
    rank = _RANK[finding.severity]
    return rank, finding.environment, finding.ref, finding.check, finding.symbol


def render(findings: Sequence[Finding], form: Form) -> str:
    """The findings as text, as JSON of a versioned schema, or as a Markdown table.

    What rows hold is untrusted: nothing in it can move a cursor or break the table.
    """
    return _FORMS[form](findings)


def _text(findings: Sequence[Finding]) -> str:
    lines = []
    for finding in findings:
        lines.append(f"{finding.severity}: {_subject(finding)}: {_line(finding.what)}")
        lines.append(f"    {_line(finding.why)}")
        lines.append(f"    Fix: {_line(finding.fix)}")
    return "\n".join([*lines, _summary(findings)])


def _json(findings: Sequence[Finding]) -> str:
    counts = Counter(finding.severity for finding in findings)
    return json.dumps(
        {
            "version": JSON_VERSION,
            "counts": {str(severity): counts[severity] for severity in Severity},
            "findings": [_record(finding) for finding in findings],
        },
        indent=2,
    )


def _record(finding: Finding) -> dict[str, str]:
    return {
        "severity": finding.severity,
        "check": finding.check,
        "universe": str(finding.ref),
        "environment": finding.environment,
        "symbol": finding.symbol,
        "what": finding.what,
        "why": finding.why,
        "fix": finding.fix,
    }


def _markdown(findings: Sequence[Finding]) -> str:
    head = ("Severity", "Universe", "Environment", "Symbol", "What", "Why", "Fix")
    rows = [head, ("---",) * len(head)]
    rows += [
        (f.severity, str(f.ref), f.environment, f.symbol, f.what, f.why, f.fix) for f in findings
    ]
    table = "\n".join(f"| {' | '.join(map(_cell, row))} |" for row in rows) if findings else ""
    return f"{table}\n\n{_summary(findings)}".lstrip()


def _cell(text: str) -> str:
    escaped = "".join(f"\\{c}" if c in "\\|*_`[]<>" else c for c in _line(text))
    return escaped or " "


def _subject(finding: Finding) -> str:
    symbol = f" {visible(finding.symbol)}" if finding.symbol else ""
    return f"{visible(str(finding.ref))} ({visible(finding.environment)}){symbol}"


def _line(text: str) -> str:
    return visible(" ".join(text.split()))


def _summary(findings: Sequence[Finding]) -> str:
    if not findings:
        return "Nothing is wrong."
    counts = Counter(finding.severity for finding in findings)
    said = (f"{counts[s]} {s}{'' if counts[s] == 1 else 's'}" for s in Severity)
    return f"{', '.join(said)}."


_FORMS: dict[Form, Callable[[Sequence[Finding]], str]] = {
    "text": _text,
    "json": _json,
    "markdown": _markdown,
}
