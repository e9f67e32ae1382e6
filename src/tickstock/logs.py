"""The log: JSON lines in a file of the home folder, and on stderr when asked for.

Our modules log through structlog, libraries through the standard library; both end here. Secrets
are masked by value in every line, whatever field they came in. What tells once more that the
database or Redis is away is left out: `outages` says that, once a second at most.
"""

from __future__ import annotations

import contextlib
import logging
import logging.handlers
import sys
from collections.abc import Iterable, MutableMapping
from pathlib import Path
from typing import Any

import structlog

from tickstock.outages import OUTAGES
from tickstock.private import make_folder, open_text

MASK = "********"
MAX_BYTES = 10 * 1024 * 1024
KEPT_FILES = 5
SHORTEST_SECRET = 6
"""Shorter values are not masked: they would blot out ordinary words."""


def set_up_logs(file: Path | None, level: str, secrets: Iterable[str], *, show: bool) -> None:
    """Send all logging to `file` (when it can be written) and, with `show`, to stderr."""
    mask = _Masker(s for s in secrets if len(s) >= SHORTEST_SECRET)
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
        _errors_as_text,
        mask,
    ]
    structlog.configure(
        processors=[
            _without_repeats,
            *shared,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=False,
    )
    lines = _formatter(shared, structlog.processors.JSONRenderer())
    root = logging.getLogger()
    for old in list(root.handlers):
        root.removeHandler(old)
        old.close()
    root.setLevel(level.upper())
    # procrastinate tells every job at INFO, by every worker: ours say the same once.
    logging.getLogger("procrastinate").setLevel(logging.WARNING)
    for handler in _handlers(file, show):
        handler.setFormatter(lines)
        handler.addFilter(_is_news)
        root.addHandler(handler)


def leave_to_logging() -> None:
    """Where nobody has set up structlog: hand its events to the standard library's `logging`, which
    is the program's business. Left alone, structlog prints to stdout, local variables included."""
    if structlog.is_configured():
        return
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.stdlib.filter_by_level,
            _without_repeats,
            structlog.processors.format_exc_info,
            _errors_as_text,
            structlog.stdlib.render_to_log_kwargs,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=False,
    )


def _handlers(file: Path | None, show: bool) -> list[logging.Handler]:
    handlers: list[logging.Handler] = []
    if file is not None:
        # A log that cannot be written must not stop the work; the console still tells.
        with contextlib.suppress(OSError):
            make_folder(file.parent)
            handlers.append(_PrivateFile(file, maxBytes=MAX_BYTES, backupCount=KEPT_FILES))
    if show:
        handlers.append(logging.StreamHandler(sys.stderr))
    return handlers or [logging.NullHandler()]


class _PrivateFile(logging.handlers.RotatingFileHandler):
    """A log that its owner alone can read, also what it is rotated into."""

    def _open(self) -> Any:
        return open_text(Path(self.baseFilename), self.mode)


def _formatter(shared: list[Any], renderer: Any) -> logging.Formatter:
    return structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=shared,
        processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, renderer],
    )


def _without_repeats(
    _logger: Any, _method: str, event: MutableMapping[str, Any]
) -> MutableMapping[str, Any]:
    """A structlog processor that drops what `outages` tells in one voice for all."""
    found = event.get("exc_info")
    raised = sys.exc_info()[1] if found is True else found
    if OUTAGES.is_said((raised, *event.values())):
        raise structlog.DropEvent
    return event


def _is_news(record: logging.LogRecord) -> bool:
    """The same for lines of libraries, and of those of our modules that log as they do."""
    arguments = record.args if isinstance(record.args, tuple) else ()
    raised = record.exc_info[1] if record.exc_info else None
    return not OUTAGES.is_said((raised, *arguments))


def _errors_as_text(
    _logger: Any, _method: str, event: MutableMapping[str, Any]
) -> MutableMapping[str, Any]:
    for key, value in event.items():
        if isinstance(value, BaseException):
            event[key] = str(value) or type(value).__name__
    return event


class _Masker:
    """A structlog processor that blots out secret values."""

    def __init__(self, secrets: Iterable[str]) -> None:
        self._secrets = tuple(sorted(set(secrets), key=len, reverse=True))

    def __call__(
        self, _logger: Any, _method: str, event: MutableMapping[str, Any]
    ) -> MutableMapping[str, Any]:
        for key, value in event.items():
            if isinstance(value, str):
                event[key] = self.mask(value)
        return event

    def mask(self, text: str) -> str:
        for secret in self._secrets:
            text = text.replace(secret, MASK)
        return text
