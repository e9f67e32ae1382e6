"""What has moved between a plan that was shown and the same plan now. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from tickstock.loading.causes import SETTLED
from tickstock.loading.plan import Plan
from tickstock.model import GapCause

NAMED = 5


def state_of(plan: Plan, vendor: str) -> dict[str, Any]:
    """The state that a plan was made from, in figures, by timeframe."""
    expected: Counter[str] = Counter()
    held: Counter[str] = Counter()
    for item in plan.items:
        expected[item.timeframe.value] += item.expected
        held[item.timeframe.value] += item.held
    skipped = {f"{s.timeframe.value} {s.cause.value}": s.cells for s in plan.skips}
    return {
        "vendor": vendor,
        "calls": len(plan.calls),
        "expected": dict(expected),
        "held": dict(held),
        "skipped": skipped,
    }


def what_moved(
    before: Mapping[str, Any],
    now: Mapping[str, Any],
    symbols: tuple[Sequence[str], Sequence[str]],
    revisions: tuple[str, str],
) -> list[str]:
    """Sentences without their stops, the cause that explains most first; never empty.

    `before` and `now` are from `state_of`; `symbols` and `revisions` those of the requests.
    """
    found = [*_universe(symbols, revisions), *_vendor(before, now)]
    found += _published(before, now)
    found += _arrived(before, now)
    found += _answers(before, now)
    if not found and before["calls"] != now["calls"]:
        found.append(f"the plan needs {now['calls']} calls now, and needed {before['calls']}")
    return found or ["other sessions are held or missing than were"]


def _universe(
    symbols: tuple[Sequence[str], Sequence[str]], revisions: tuple[str, str]
) -> Iterator[str]:
    added = sorted(set(symbols[1]) - set(symbols[0]))
    removed = sorted(set(symbols[0]) - set(symbols[1]))
    if added or removed:
        yield "the universe has changed: " + ", ".join(
            f"{word} {_names(names)}"
            for word, names in (("new", added), ("gone", removed))
            if names
        )
    elif revisions[0] != revisions[1]:
        yield "the universe was changed, and names the same symbols"


def _vendor(before: Mapping[str, Any], now: Mapping[str, Any]) -> Iterator[str]:
    if before["vendor"] != now["vendor"]:
        yield f"the vendor is {now['vendor']} now, and was {before['vendor']}"


def _published(before: Mapping[str, Any], now: Mapping[str, Any]) -> Iterator[str]:
    for timeframe, count in now["expected"].items():
        more = count - before["expected"].get(timeframe, 0)
        if more:
            word = "more sessions were published" if more > 0 else "sessions fewer are expected"
            yield f"{abs(more):,} {word} ({timeframe} bars)"


def _arrived(before: Mapping[str, Any], now: Mapping[str, Any]) -> Iterator[str]:
    for timeframe, count in now["held"].items():
        more = count - before["held"].get(timeframe, 0)
        if more:
            word = "bars arrived for" if more > 0 else "bars are gone for"
            yield f"{word} {abs(more):,} sessions ({timeframe} bars)"


def _answers(before: Mapping[str, Any], now: Mapping[str, Any]) -> Iterator[str]:
    """Answers that stood about gaps, and no longer do, or do now."""
    for key in sorted({*before["skipped"], *now["skipped"]}):
        timeframe, cause = key.split(" ", 1)
        if GapCause(cause) in SETTLED:
            more = now["skipped"].get(key, 0) - before["skipped"].get(key, 0)
            what = cause.replace("_", " ")
            if more < 0:
                yield f"answers about {-more:,} sessions have expired ({timeframe}, {what})"
            elif more > 0:
                yield f"the vendor has answered about {more:,} sessions ({timeframe}, {what})"


def _names(names: Sequence[str]) -> str:
    more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
    return ", ".join(names[:NAMED]) + more
