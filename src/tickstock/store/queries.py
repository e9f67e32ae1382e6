"""SQL stays SQL: named, described queries in the `.sql` files beside this one.

A query is a `-- name: snake_case` line, one or more `--` lines that say what it is for, then the
statement. Parameters are psycopg's named ones (`%(symbol)s`).
"""

from __future__ import annotations

import functools
import itertools
import re
from collections.abc import Iterator, Mapping
from importlib import resources
from types import MappingProxyType

from tickstock.errors import BadFile

_NAME = re.compile(r"--\s*name:\s*(.*?)\s*")
_SNAKE_CASE = re.compile(r"[a-z][a-z0-9_]*")
_FORM = "Write `-- name: snake_case`, a line `-- what it is for`, then the SQL."


@functools.cache
def load(file: str) -> Mapping[str, str]:
    """The queries of a `.sql` file of this package, by name.

    Raises BadFile, with the line, for a name that is doubled or malformed, a query without
    description or SQL, and SQL that stands before the first name.
    """
    text = resources.files("tickstock.store").joinpath(file).read_text(encoding="utf-8")
    return parse(text, file)


def parse(text: str, file: str) -> Mapping[str, str]:
    """The queries in `text`; `file` is for messages. Raises BadFile as `load` does."""
    found: dict[str, str] = {}
    for line, name, block in _blocks(text, file):
        if not _SNAKE_CASE.fullmatch(name):
            raise BadFile(f"{file}:{line}: the query name {name!r} is not snake_case.", _FORM)
        if name in found:
            raise BadFile(f"{file}:{line}: the query {name!r} is there twice.", "Rename one.")
        found[name] = _statement(block, f"{file}:{line}: the query {name!r}")
    return MappingProxyType(found)


def _blocks(text: str, file: str) -> Iterator[tuple[int, str, list[str]]]:
    """Line number, name and following lines of each query."""
    start, name, block = 0, "", list[str]()
    for number, line in enumerate(text.splitlines(), 1):
        if head := _NAME.fullmatch(line):
            if start:
                yield start, name, block
            start, name, block = number, head[1], []
        elif start:
            block.append(line)
        elif line.strip():
            raise BadFile(f"{file}:{number}: text before the first query name.", _FORM)
    if start:
        yield start, name, block


def _statement(block: list[str], where: str) -> str:
    """The SQL after the description, which is cut off: psycopg would read a `%` in its prose."""
    prose = list(itertools.takewhile(lambda line: line.startswith("--"), block))
    if not prose:
        raise BadFile(f"{where} has no description.", _FORM)
    sql = "\n".join(block[len(prose) :]).strip()
    if not sql:
        raise BadFile(f"{where} has no SQL.", _FORM)
    return sql
