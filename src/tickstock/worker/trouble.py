"""What a part of the worker that is tried again and again says of its trouble: once."""

from __future__ import annotations

import structlog

from tickstock.errors import TickStockError

log = structlog.get_logger("tickstock.worker")


class TroubleLog:
    """Logs under `event` what a part met, when it is new: not the same again at each try."""

    def __init__(self, event: str) -> None:
        self._event = event
        self._said = ""

    def trouble(self, error: Exception) -> None:
        """With its traceback where it is none of ours."""
        said = f"{type(error).__name__}: {error}"
        if said == self._said:
            return
        self._said = said
        if isinstance(error, TickStockError):
            log.warning(self._event, error=error)
        else:
            log.error(self._event, exc_info=error)

    def well(self) -> None:
        """It went well: the next trouble is new, whatever it is."""
        self._said = ""
