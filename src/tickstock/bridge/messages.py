"""What clients write on the job bus, read without trust. Pure: bytes in, a value out.

A message that cannot be followed becomes a `Refusal` with the reason, never an exception; fields
that are not known are left out.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Annotated, Any

import msgspec
from msgspec import Meta, Struct

from tickstock.errors import BadInput
from tickstock.loading.request import Duration, parse_timeframes, years_to_duration
from tickstock.universes.suggest import did_you_mean, shown, visible
from tickstock.universes.symbol import read_symbols

MOST_BYTES = 1024 * 1024
MOST_SYMBOLS = 20_000
LONGEST_ID = 200
LONGEST_ANSWERED_ID = 500
"""A job id that is too long still names a key; beyond this nobody is answered."""
LONGEST_REASON = 2_000
SHOWN_SYMBOLS = 3
"""So many name a list of symbols for which the client has no name."""

SEEDS = {
    "SP500": "stock_universe:index_sp500",
    "NASDAQ100": "stock_universe:index_nasdaq100",
    "ETF": "etf_universe:master_all_etfs",
    "ALL": "stock_universe:master_all_stocks | etf_universe:master_all_etfs",
}
"""The universe types of `universe_seed`, as expressions over stored universes."""


@dataclass(frozen=True, slots=True)
class JobMessage:
    """A client's wish that can be followed. Exactly one of `symbols`, `universe`, `expression`
    and `csv_file` is set; `universe` is in the clients' own spelling.

    `source` is what the client calls the list of symbols. `timeframes` are the words of the
    message; `bars` is false where no bars were asked for. `kept` is kept and not acted on.
    """

    job_id: str
    job_type: str
    duration: Duration
    timeframes: tuple[str, ...] = ("day",)
    symbols: tuple[str, ...] = ()
    universe: str = ""
    expression: str = ""
    csv_file: str = ""
    source: str = ""
    requested_by: str = ""
    refresh: bool = False
    bars: bool = True
    kept: tuple[tuple[str, Any], ...] = ()


@dataclass(frozen=True, slots=True)
class Refusal:
    """A message that is not followed. `job_id` is empty where nobody can be answered."""

    job_id: str
    job_type: str
    reason: str


@dataclass(frozen=True, slots=True)
class Cancel:
    """The wish to end one job, or with an empty `job_id` all jobs that came from clients."""

    job_id: str
    reason: str


# --- the messages as they are written -----------------------------------------------------------
_Text = Annotated[str, Meta(max_length=500)]
_Symbols = Annotated[list[Annotated[str, Meta(max_length=64)]], Meta(max_length=MOST_SYMBOLS)]
_Words = Annotated[list[Annotated[str, Meta(max_length=20)]], Meta(max_length=20)]


class _Message(Struct, frozen=True, kw_only=True, tag_field="job_type"):
    """Fields of every job. A null is a field that is not there."""

    job_id: Annotated[str, Meta(min_length=1, max_length=LONGEST_ID)]
    requested_by: _Text | int | None = None
    years: float | None = None


class _CsvUniverseLoad(_Message, frozen=True, kw_only=True, tag="csv_universe_load"):
    symbols: _Symbols | None = None
    source: _Text | None = None
    universe_key: _Text | None = None
    csv_file: _Text | None = None
    universe_type: _Text | None = None
    timeframes: _Words | None = None
    include_ohlcv: bool | None = None
    run_analysis_after_import: bool | None = None


class _HistoricalLoad(_Message, frozen=True, kw_only=True, tag="historical_load"):
    symbols: _Symbols | None = None
    timespan: Annotated[str, Meta(max_length=20)] | None = None


class _MultiTimeframeLoad(_Message, frozen=True, kw_only=True, tag="multi_timeframe_load"):
    symbols: _Symbols | None = None
    timeframes: _Words | None = None


class _UniverseSeed(_Message, frozen=True, kw_only=True, tag="universe_seed"):
    universe_type: Annotated[str, Meta(max_length=40)] | None = None
    refresh: bool | None = None


_AnyMessage = _CsvUniverseLoad | _HistoricalLoad | _MultiTimeframeLoad | _UniverseSeed
_JOBS = msgspec.json.Decoder(_AnyMessage)
JOB_TYPES = ("csv_universe_load", "historical_load", "multi_timeframe_load", "universe_seed")


class _Envelope(Struct, frozen=True):
    """As much of a message as it takes to answer it."""

    job_id: str | int | None = None
    job_type: Any = None


class _Control(Struct, frozen=True):
    job_id: str | int | None = None
    action: str | None = None
    command: str | None = None
    reason: Any = None


_ENVELOPES = msgspec.json.Decoder(_Envelope)
_CONTROLS = msgspec.json.Decoder(_Control)
_UNREADABLE = (ValueError, RecursionError)  # msgspec's and Unicode's errors are ValueErrors


# --- jobs ---------------------------------------------------------------------------------------
def read_job(data: bytes) -> JobMessage | Refusal:
    """The job that a message asks for, or why it is not followed."""
    if len(data) > MOST_BYTES:
        return refusal(
            data, f"The message has {len(data):,} bytes, at most {MOST_BYTES:,} are read."
        )
    try:
        message = _JOBS.decode(data)
    except _UNREADABLE as error:
        return refusal(data, _said(error, data))
    if not _answerable(message.job_id):
        return Refusal("", "", "The job_id holds a character that no text may hold (NUL).")
    try:
        return _job(message)
    except BadInput as error:
        return Refusal(message.job_id, _tag(message), _cut(str(error)))


def refusal(data: bytes, reason: str) -> Refusal:
    """The refusal of a message, addressed to its sender where its job id can be read."""
    envelope = _envelope(data)
    job_id = "" if envelope.job_id is None else str(envelope.job_id)
    if not _answerable(job_id):
        job_id = ""
    kind = envelope.job_type if envelope.job_type in JOB_TYPES else ""
    return Refusal(job_id, kind, _cut(reason))


def _job(message: _AnyMessage) -> JobMessage:
    duration = years_to_duration(1.0 if message.years is None else message.years)
    by = "" if message.requested_by is None else visible(str(message.requested_by))
    fields: dict[str, Any] = {
        "job_id": message.job_id,
        "job_type": _tag(message),
        "duration": duration,
        "requested_by": by,
    }
    match message:
        case _CsvUniverseLoad():
            return JobMessage(**fields | _of_csv_load(message))
        case _HistoricalLoad():
            frames = _timeframes([message.timespan or "day"], ("day", "minute"))
            return JobMessage(**fields, **_listed(message.symbols), timeframes=frames)
        case _MultiTimeframeLoad():
            if not message.timeframes:
                raise BadInput("The field timeframes is missing.", "Give some of: day, hour, 1min.")
            frames = _timeframes(message.timeframes)
            return JobMessage(**fields, **_listed(message.symbols), timeframes=frames)
        case _UniverseSeed():
            return JobMessage(**fields | _of_seed(message))


def _of_csv_load(message: _CsvUniverseLoad) -> dict[str, Any]:
    """Which symbols: `symbols`, else `universe_key`, else `csv_file`, else nothing is loaded."""
    kept = ("universe_type", "run_analysis_after_import")
    fields: dict[str, Any] = {
        "timeframes": _timeframes(message.timeframes or ["day"]),
        "bars": message.include_ohlcv is not False,
        "kept": tuple((k, v) for k in kept if (v := getattr(message, k)) is not None),
    }
    source = visible(message.source or message.universe_key or message.csv_file or "")
    if message.symbols:
        return fields | _listed(message.symbols) | ({"source": source} if source else {})
    if message.universe_key and message.universe_key.strip():
        return fields | {"universe": message.universe_key.strip(), "source": source}
    if message.csv_file:
        return fields | {"csv_file": message.csv_file, "source": source}
    raise BadInput(
        "The message names no symbols, no universe_key and no csv_file.", "Give one of them."
    )


def _of_seed(message: _UniverseSeed) -> dict[str, Any]:
    kind = message.universe_type or ""
    if kind.upper() not in SEEDS:
        hint = did_you_mean(kind, SEEDS) or f"Give one of: {', '.join(SEEDS)}."
        raise BadInput(f"The universe_type {shown(kind)} is not known.", hint)
    return {
        "expression": SEEDS[kind.upper()],
        "source": SEEDS[kind.upper()],
        "refresh": bool(message.refresh),
        "kept": (("universe_type", kind.upper()),),
    }


def _listed(symbols: list[str] | None) -> dict[str, Any]:
    if not symbols:
        raise BadInput("The message names no symbols.", 'Give some, like "symbols": ["SPY"].')
    # Whose identifiers are, the database is asked when the job is made of it.
    read = read_symbols(symbols, lambda texts: {text: text for text in texts}).symbols
    more = f" and {len(read) - SHOWN_SYMBOLS} more" if len(read) > SHOWN_SYMBOLS else ""
    return {"symbols": read, "source": ", ".join(read[:SHOWN_SYMBOLS]) + more}


def _timeframes(words: list[str], allowed: Iterable[str] = ()) -> tuple[str, ...]:
    """The words, once each, after a look whether all of them can be read."""
    plain = tuple(dict.fromkeys(word.strip().lower() for word in words))
    wrong = [w for w in plain if allowed and w not in allowed]
    if wrong:
        raise BadInput(
            f"The timespan {shown(wrong[0])} is not known.", f"Give one of: {', '.join(allowed)}."
        )
    parse_timeframes(",".join(shown(w)[1:-1] for w in plain))
    return plain


# --- the control channel ------------------------------------------------------------------------
def read_control(data: bytes) -> Cancel | Refusal:
    """What a message on the control channel asks for."""
    if len(data) > MOST_BYTES:
        return Refusal("", "", "The control message is too large.")
    try:
        found = _CONTROLS.decode(data)
    except _UNREADABLE as error:
        return Refusal("", "", _said(error, data))
    reason = visible(found.reason)[:200] if isinstance(found.reason, str) else ""
    if found.command == "cancel_all":
        return Cancel("", f"Cancelled with all jobs{': ' if reason else ''}{reason}.")
    job_id = "" if found.job_id is None else str(found.job_id)
    if found.action == "cancel" and job_id and _answerable(job_id):
        return Cancel(job_id, f"Cancelled by a client{': ' if reason else ''}{reason}.")
    return Refusal(
        "",
        "",
        "The control message asks for nothing that is known: action cancel"
        " with a job_id, or command cancel_all.",
    )


# --- words --------------------------------------------------------------------------------------
def _envelope(data: bytes) -> _Envelope:
    """What can be read of a message that is not in order, perhaps nothing."""
    try:
        return _ENVELOPES.decode(data)
    except _UNREADABLE:
        pass
    if len(data) > MOST_BYTES:
        return _Envelope()
    try:  # NaN, which Python's own encoder writes, is not JSON; the job id may be fine
        return msgspec.convert(json.loads(data), _Envelope)
    except _UNREADABLE:
        return _Envelope()


def _answerable(job_id: str) -> bool:
    """Whether the id can be kept by PostgreSQL: no NUL, no half of a surrogate pair."""
    sound = not any(c == "\0" or "\ud800" <= c <= "\udfff" for c in job_id)
    return sound and len(job_id) <= LONGEST_ANSWERED_ID


def _said(error: Exception, data: bytes) -> str:
    if isinstance(error, msgspec.ValidationError):
        kind = _envelope(data).job_type
        if isinstance(kind, str) and kind not in JOB_TYPES:
            hint = did_you_mean(kind, JOB_TYPES) or f"Give one of: {', '.join(JOB_TYPES)}."
            return f"The job_type {shown(kind)} is not known. {hint}"
        what, _, where = str(error).replace("`", "").partition(" - at ")
        place = re.sub(r"^\$\.?", "", where)
        return f"The field {place} does not fit: {what}." if place else f"{what}."
    if isinstance(error, RecursionError):
        return "The message is nested too deeply."
    return f"The message is not JSON: {error}."


def _tag(message: _AnyMessage) -> str:
    return str(type(message).__struct_config__.tag)


def _cut(reason: str) -> str:
    return "".join(c for c in reason if c == "\n" or c.isprintable())[:LONGEST_REASON]
