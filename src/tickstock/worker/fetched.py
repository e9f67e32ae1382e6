"""An answer on its way to the database."""

from __future__ import annotations

from dataclasses import dataclass

from tickstock.loading.targets import Target, Targets
from tickstock.model import Answer
from tickstock.store.ledger import Lease


@dataclass(frozen=True, slots=True)
class Fetched:
    """A call that is ours, its answer, what the job wants of it, and how often the vendor was
    asked. With `market`, all that it holds is wanted."""

    lease: Lease
    answer: Answer
    targets: Targets
    asked: int = 1
    market: Target | None = None
