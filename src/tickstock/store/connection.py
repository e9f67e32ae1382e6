"""A connection in a transaction, as those outside the store hand it on: they know no psycopg."""

from __future__ import annotations

from typing import Any

import psycopg
from procrastinate.exceptions import ConnectorException

Connection = psycopg.Connection[Any]
ENGINE_AWAY = (ConnectorException, psycopg.Error)
"""What the job engine raises, over connections of its own, when the database is away."""
