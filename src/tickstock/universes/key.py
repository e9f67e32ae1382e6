"""Names of universes: `type:key` for programs, a name for people."""

from __future__ import annotations

import json
import re

from tickstock.errors import BadKey
from tickstock.model import READ_TYPES, UniverseRef
from tickstock.universes.suggest import did_you_mean, shown

KEY = re.compile(r"[a-z][a-z0-9_]*")
PREFIXES = ("master_", "index_", "sector_", "theme_")
QUOTED = re.compile(r'"(?:[^"\\]|\\.)*"', re.DOTALL)
"""A key as `model.quoted` writes one that is no plain word."""
MAX_KEY = 100
MAX_NAME = 200


def parse_ref(text: str) -> UniverseRef:
    """The universe that `type:key` names.

    The type must be one that is read. The key may break the convention that `check_key` holds
    new keys to: rows that other programs wrote must be nameable, or nobody could fix them. It is
    written as it is, or in quotes with the escapes of JSON.
    Raises BadKey, with the nearest known type where the type is unknown.
    """
    kind, colon, key = text.strip().partition(":")
    if not colon:
        raise BadKey(
            f"{shown(text)} names no universe: the type before the colon is missing.",
            f"Write it like etf_universe:core_etfs; types are {', '.join(READ_TYPES)}.",
        )
    if kind not in READ_TYPES:
        guess = did_you_mean(kind, READ_TYPES)
        raise BadKey(
            f"{shown(kind)} in {shown(text, 80)} is no type of universe.",
            guess or f"Types are {', '.join(READ_TYPES)}.",
        )
    return UniverseRef(kind, read_key(key))


def parse_alone(text: str) -> UniverseRef | None:
    """The universe that the whole text names; None where it names none so."""
    try:
        return parse_ref(text)
    except BadKey:
        return None


def read_key(text: str) -> str:
    """The key that `text` writes: itself, or what its quotes hold.

    Raises BadKey for no text at all, and for what no database can hold.
    """
    key = unquoted(text) if QUOTED.fullmatch(text) else text
    if not text or "\0" in key or any("\ud800" <= c <= "\udfff" for c in key):
        raise BadKey(
            f"{shown(text)} cannot be a key.",
            'Write it like core_etfs, or in quotes like "my list".',
        )
    return key


def unquoted(text: str) -> str:
    """What a key in quotes holds. Raises BadKey for an escape that JSON does not know."""
    try:
        return str(json.loads(text, strict=False))
    except ValueError:
        raise BadKey(
            f"{shown(text)} is not well quoted.",
            r"Within quotes, write \" for a quote and \\ for a backslash.",
        ) from None


def check_key(key: str) -> str | None:
    """Hold a key that is about to be written to the convention.

    Returns a warning for a key that is allowed and has none of the known prefixes.
    Raises BadKey for a key that is not `[a-z][a-z0-9_]*` or is longer than 100 characters.
    """
    if not KEY.fullmatch(key) or len(key) > MAX_KEY:
        raise BadKey(
            f"{shown(key)} cannot be the key of a universe.",
            f"Use small letters, digits and underscores, first a letter, at most {MAX_KEY}"
            f"{_key_guess(key)}.",
        )
    if key.startswith(PREFIXES):
        return None
    return f"The key {key} has none of the prefixes {', '.join(PREFIXES)}."


def check_name(name: str) -> str:
    """The name for people without blanks around it.

    Raises BadKey when it is blank, longer than 200 characters or holds a control character.
    """
    bare = name.strip()
    if not bare:
        raise BadKey("The name of a universe is blank.", "Write a few words, such as Core ETFs.")
    if len(bare) > MAX_NAME or not bare.isprintable():
        raise BadKey(
            f"{shown(bare)} cannot be the name of a universe.",
            f"Use at most {MAX_NAME} characters on one line.",
        )
    return bare


def _key_guess(key: str) -> str:
    guess = re.sub(r"[^a-z0-9]+", "_", key.lower()).strip("_")
    return f", such as {guess}" if KEY.fullmatch(guess) and len(guess) <= MAX_KEY else ""
