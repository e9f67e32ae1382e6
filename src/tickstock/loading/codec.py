"""The written form of a job request: kept with jobs and plans, and told to programs. Pure.

There is one form, and it only grows. Days are both included. What earlier versions have kept is
read as well: jobs without `intervals`, `revision` and `pad`, and plans with half-open spans.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

from tickstock.errors import BadInput, TickStockError
from tickstock.loading.request import LoadRequest
from tickstock.model import Timeframe
from tickstock.spans import Span


def encode(request: LoadRequest) -> dict[str, Any]:
    """The request in values that JSON has; `decode` gives it back."""
    first, last = _days(request.span)
    return {
        "universe": request.universe,
        "symbols": list(request.symbols),
        "timeframes": [t.value for t in request.timeframes],
        "from": first,
        "to": last,
        "refresh": request.refresh,
        "as_it_was": bool(request.intervals),
        "spells": [[_days(span) for span in of] for of in request.intervals],
        "revision": request.revision,
        "pad": request.pad,
    }


def decode(found: Mapping[str, Any]) -> LoadRequest:
    """The request that was written down; fields that it does not know are left out.

    Raises BadInput where it cannot be one.
    """
    half_open = "span" in found
    try:
        days = found["span"] if half_open else (found["from"], found["to"])
        return LoadRequest(
            str(found.get("universe", "")),
            tuple(found["symbols"]),
            tuple(Timeframe(t) for t in found["timeframes"]),
            _span(days, half_open=half_open),
            bool(found.get("refresh", False)),
            tuple(
                tuple(_span(s, half_open=half_open) for s in of) for of in found.get("spells", ())
            ),
            str(found.get("revision", "")),
            int(found.get("pad", 0)),
        )
    except TickStockError:
        raise
    except (AttributeError, KeyError, TypeError, ValueError) as e:
        what = f"A stored request cannot be read ({type(e).__name__}: {e})."
        raise BadInput(what, "Something else than TickStock wrote it; plan the job anew.") from e


def _days(span: Span) -> tuple[str, str]:
    return span.start.isoformat(), span.last.isoformat()


def _span(days: Sequence[str], *, half_open: bool) -> Span:
    start, end = map(date.fromisoformat, days)
    return Span(start, end) if half_open else Span.inclusive(start, end)
