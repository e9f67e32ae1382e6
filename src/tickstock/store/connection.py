"""A connection in a transaction, as those outside the store hand it on: they know no psycopg."""

from __future__ import annotations

from typing import Any

import psycopg

Connection = psycopg.Connection[Any]
DRIVER_ERROR = psycopg.Error
"""What the job engine lets through, over connections of its own, besides its own errors."""
