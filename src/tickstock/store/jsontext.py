"""JSON as PostgreSQL prints it, which allows more than either of our decoders takes."""

from __future__ import annotations

import json

import msgspec


def decoded(value: str) -> object:
    """JSON as Python holds it; the text itself, which is refused with its beginning shown, where
    Python cannot hold it (a number of 5,000 digits, a thousand lists within lists)."""
    try:
        return msgspec.json.decode(value)
    except (msgspec.DecodeError, RecursionError):
        pass  # msgspec refuses numbers that JSON allows and json takes
    try:
        return json.loads(value)
    except (ValueError, RecursionError):
        return value


def shared(value: object, known: dict[str, str]) -> object:
    """`value` with the texts of a plain list replaced by equal ones out of `known`, which grows.

    5 million symbols of which 10,000 differ are then 10,000 objects that know their hashes: a third
    of the memory, and everything that is done with them takes half of the time.
    """
    if isinstance(value, list) and {*map(type, value)} == {str}:
        return [*map(known.setdefault, value, value)]
    return value
