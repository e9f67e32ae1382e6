"""The log: JSON lines in a file of the home folder, and on stderr when asked for.

Our modules log through structlog, libraries through the standard library; both end here. Secrets
are masked by value in every line, whatever field they came in.
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
        mask,
    ]
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
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
            structlog.processors.format_exc_info,
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
            file.parent.mkdir(parents=True, exist_ok=True)
            handlers.append(
                logging.handlers.RotatingFileHandler(
                    file, maxBytes=MAX_BYTES, backupCount=KEPT_FILES, encoding="utf-8"
                )
            )
    if show:
        handlers.append(logging.StreamHandler(sys.stderr))
    return handlers or [logging.NullHandler()]


def _formatter(shared: list[Any], renderer: Any) -> logging.Formatter:
    return structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=shared,
        processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, renderer],
    )


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
