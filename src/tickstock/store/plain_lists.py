"""Lists for PostgreSQL's arrays, written as one text where no element needs quotes.

psycopg looks at each element: of ten thousand symbols that takes longer than the question itself.
What may stand without quotes: https://www.postgresql.org/docs/current/arrays.html#ARRAYS-IO
"""

from __future__ import annotations

import re
from typing import Any

from psycopg.abc import Buffer
from psycopg.types.array import ListDumper

from tickstock.store.connection import Connection

PLAIN = re.compile(r"[\w.:/+-]+(?:,[\w.:/+-]+)*", re.ASCII)
"""Elements without quotes, as far as symbols and keys need it."""
NULL = re.compile(r"(?i)(?:^|,)null(?:,|$)")


class PlainListDumper(ListDumper):
    """As psycopg's own, to the byte."""

    def dump(self, obj: list[Any]) -> Buffer | None:
        kinds = set(map(type, obj))
        if kinds == {int}:
            return f"{{{','.join(map(str, obj))}}}".encode("ascii")
        if kinds == {str}:
            text = ",".join(obj)
            is_plain = PLAIN.fullmatch(text) and text.count(",") == len(obj) - 1
            if is_plain and not NULL.search(text):
                return f"{{{text}}}".encode("ascii")
        return super().dump(obj)


def write_plain_lists(connection: Connection) -> None:
    """From now on lists are written so on this connection."""
    connection.adapters.register_dumper(list, PlainListDumper)
