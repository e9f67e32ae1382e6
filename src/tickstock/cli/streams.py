"""Output to terminals and pipes that cannot hold every character, or no character at all."""

from __future__ import annotations

import codecs
import errno
import json
import os
import re
import sys
import unicodedata
from collections.abc import Mapping
from io import TextIOWrapper
from typing import TextIO

FALLBACK = "tickstock.fallback"
"""The name of the handler of characters that an encoding lacks."""
PLAIN: Mapping[str, str] = {
    **dict(zip("▁▂▃▄▅▆▇█", "1234567#", strict=True)),
    "·": ".",
    "┤": "|",
    "→": "->",
    "∩": "&",
    "…": "...",
    "–": "-",
    "—": "-",
    "━": "-",
    "•": "*",
    "“": '"',
    "”": '"',
    "’": "'",
}
"""What we draw and write, in ASCII. What is drawn keeps its width, and its legend stays true."""
OUTPUT_FAULTS = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO)
_BEYOND_ASCII = re.compile(r"[^\x00-\x7f]")


def fit_streams() -> None:
    """From here on, stdout and stderr take every text, whatever their encoding lacks."""
    codecs.register_error(FALLBACK, _fall_back)
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is None:  # closed by whoever started us
            setattr(sys, name, open(os.devnull, "w", encoding="utf-8"))
        elif isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors=FALLBACK)


def _fall_back(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    lost = error.object[error.start : error.end]
    return "".join(map(plain, lost)), error.end


def plain(character: str) -> str:
    """A character in ASCII: ours as PLAIN says, a letter without its accents, else `?`."""
    if known := PLAIN.get(character):
        return known
    parts = unicodedata.normalize("NFKD", character)
    return "".join(c for c in parts if c.isascii()) or "?"


def json_for(text: str, stream: TextIO) -> str:
    """A JSON text for a stream: what its encoding lacks is escaped, so that nothing is lost."""
    try:
        text.encode(stream.encoding or "utf-8")
    except UnicodeEncodeError:
        return _BEYOND_ASCII.sub(lambda found: json.dumps(found.group())[1:-1], text)
    return text


def is_output_fault(error: OSError) -> bool:
    """Whether stdout took no more: a full disk behind it, most often."""
    return error.filename is None and error.errno in OUTPUT_FAULTS
