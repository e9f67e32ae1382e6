"""Lists without columns: symbols in a text, as people type and paste them.

One or more in a line, with commas or blanks between; cashtags, quotes and brackets of a program's
list, bullets. A blank may stand inside a symbol (`BRK B`, `PEP US`), between two (`PEP KO`), or
before a name (`PEP PEPSICO INC`): what is known of symbols tells them apart, and what it does not
is refused.
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache

from tickstock.errors import BadSymbol
from tickstock.universes.files.delimited import (
    MAX_WORDS,
    SECTION,
    Row,
    bare,
    is_comment,
    lines_of,
)
from tickstock.universes.files.headers import is_identifier_word, is_symbol_word
from tickstock.universes.files.imported import Gather
from tickstock.universes.known import is_known
from tickstock.universes.suggest import shown
from tickstock.universes.symbol import MAX_LENGTH, SYMBOL, read_symbol

_SEPARATORS = re.compile(r"[,;|\t]")
_BULLET = re.compile(r"(?:[-*+\u2022\u25aa\u2013]|\d{1,5}[.)])\s+")
_INLINE = re.compile(r"\s#(?![A-Z]+[/!])")
"""A comment after symbols."""
_ASSIGNMENT = re.compile(r"(?<!\w)(?:(?:const|let|var)\s++)?[A-Za-z_]\w*+\s*+=\s*+(?=[\[({]|set\()")
"""Each word is looked at once: a line may be one word, or blanks, of a million characters."""
_PASTED = re.compile(
    r"\s*(?:(?:(?:const|let|var)\s+)?[A-Za-z_]\w*\s*=\s*)?(?:[\[({]|set\(\[)\s*"
    r"(?:'|[A-Za-z]+(?:[.\-/][A-Za-z]+)?\s*[,\]})])"
    r"|\s*(?!symbols\b)(?:(?:const|let|var)\s+)?[A-Za-z_]\w*\s*=\s*[\[({]\s*\""
    r"|\s*\{\s*\"[^\":{}]*\"\s*[,}]"
    r"|\s*[A-Za-z_]+:[ \t]*\n(?:[ \t]*-[ \t]+\S+[ \t]*(?:\n|$))+$"
)
_JSON_WORD = re.compile(r"\s*\[\s*(?:true|false|null|NaN)\b")
_AROUND = " \t'\"`[](){}\u2018\u2019\u201c\u201d"
_LONGEST_ROOT = 5
MAX_REMEMBERED = 32_768
"""Words: more than there are symbols that anybody knows."""
LONGEST_REMEMBERED = 32


def read_words(text: str, gather: Gather) -> None:
    """Gather the symbols of a text."""
    gather.expect_words()
    lines = _lines(_ASSIGNMENT.sub("", text, count=1), gather)
    take_cells(lines, gather, has_header=True)


def take_cells(rows: Iterable[Row], gather: Gather, *, has_header: bool = False) -> None:
    """Gather every symbol in every cell; with `has_header` a first cell alone may be a heading."""
    for place, (line, cells) in enumerate(rows):
        if has_header and place == 0 and len(cells) == 1 and _is_heading(cells[0]):
            continue
        for cell in cells:
            if cell.isalnum():
                gather.count_row()
                gather.add(line, cell)
                continue
            for word in _words(line, _cleaned(cell), gather):
                gather.count_row()
                gather.add(line, word)


def _is_heading(cell: str) -> bool:
    return is_symbol_word(cell) or is_identifier_word(cell)


def is_words(text: str) -> bool:
    """Whether text is one without columns: no separator anywhere, all of it in one line, or a list
    that was pasted from a program or a page."""
    if is_pasted(text):
        return True
    lines = iter(lines_of(text))
    first = next(lines, "")
    if any(is_symbol_word(cell) for cell in _SEPARATORS.split(first, 200)):
        return False
    if first.lstrip().startswith(SECTION) or ('"' in first and _SEPARATORS.search(first)):
        return False
    if _SEPARATORS.search(first):
        cells = _SEPARATORS.split(first, MAX_WORDS)
        is_alone = next(lines, None) is None
        return is_alone and all(looks_like_symbols(c) for c in cells if c.strip())
    return not any(_SEPARATORS.search(line) or line.count('"') % 2 for line in (first, *lines))


def is_pasted(text: str) -> bool:
    """Whether text is the list of a program that is no JSON: `['PEP', 'KO']`."""
    return bool(_PASTED.match(text)) and not _JSON_WORD.match(text)


def looks_like_symbols(cell: str) -> bool:
    """Whether every word of a cell reads like a ticker of the US."""
    return all(_reads_like_ticker(word) for word in _cleaned(cell).split()) or _reads_like_ticker(
        _cleaned(cell)
    )


def _reads_like_ticker(text: str) -> bool:
    try:
        symbol, _ = read_symbol(text)
    except BadSymbol:
        return False
    return len(symbol.partition(".")[0]) <= _LONGEST_ROOT or is_known(symbol)


def _lines(text: str, gather: Gather) -> Iterator[Row]:
    for line, written in enumerate(io.StringIO(text, newline=None), 1):
        content = written.strip()
        if content.isalnum():
            yield line, [content]
            continue
        if is_comment(written):
            gather.leave_out(line, "comment")
            continue
        if written.startswith(SECTION):
            gather.leave_out(line, "section")
            continue
        content = _INLINE.split(content, 1)[0]
        content = _BULLET.sub("", content, count=1)
        cells = _SEPARATORS.split(content)
        if filled := [text for c in cells if (text := bare(c))]:
            yield line, filled


def _cleaned(cell: str) -> str:
    """A cell without the quotes and brackets of a program's list."""
    return bare(cell).strip(_AROUND)


def _words(line: int, cell: str, gather: Gather) -> list[str]:
    """The symbols as they are written in a cell; what cannot be told apart becomes a problem."""
    found, unknown = _told_apart(cell)
    if not unknown:
        return found
    strange = ", ".join(map(shown, unknown))
    gather.problem(
        line,
        f"{shown(cell)} is no list of symbols: nobody knows {strange} as one. Put a comma or a tab"
        " between a symbol and its name, or between symbols.",
    )
    return []


def _told_apart(cell: str) -> tuple[list[str], list[str]]:
    """The symbols in a cell as they are written, and those among several that nobody knows."""
    words = cell.split()
    if len(words) < 2 or (len(words) == 2 and len(cell) <= MAX_LENGTH and _is_one(cell, words)):
        return [cell] if words else [], []
    if not all(map(_is_word, words)):
        return [cell], []
    found = list(_with_classes(words))
    if any(word.startswith("$") for word in words):
        return found, []
    return found, [word for word in found if not _is_known(word)]


def words_of(texts: Iterable[str]) -> list[str]:
    """The symbols in texts that a person typed or pasted, each as it is written there: as in a
    file, a cell of several words that nobody knows as symbols stays one."""
    found: list[str] = []
    for text in texts:
        for line in _ASSIGNMENT.sub("", text, count=1).splitlines():
            content = _BULLET.sub("", line.strip(), count=1)
            for cell in map(_cleaned, _SEPARATORS.split(content)):
                words, unknown = _told_apart(cell)
                found += [cell] if unknown else words
    return found


def _is_one(cell: str, words: Sequence[str]) -> bool:
    """Whether two words are one symbol: BRK B, PEP US, ACHR WS; F T are two."""
    try:
        symbol, _ = read_symbol(cell)
    except BadSymbol as fault:
        return fault.kind == "foreign" and not all(map(_is_known, words))
    return is_known(symbol) or not all(map(_is_known, words))


def _with_classes(words: Sequence[str]) -> Iterator[str]:
    """The words, a single letter joined to the root before it where that makes the symbol."""
    place = 0
    while place < len(words):
        word, after = words[place], words[place + 1 : place + 2]
        joined = f"{word}.{after[0]}" if after and len(after[0]) == 1 else ""
        if joined and is_known(joined):
            # HEI and A are symbols too, so "HEI A" between others could be either.
            yield f"{word} {after[0]}" if is_known(word) else joined
            place += 2
        else:
            yield word
            place += 1


def _is_word(word: str) -> bool:
    return bool(SYMBOL.fullmatch(word.upper() if word.islower() else word)) or _is_known(word)


def _is_known(word: str) -> bool:
    return _is_known_short(word) if len(word) <= LONGEST_REMEMBERED else _look_up(word)


def _look_up(word: str) -> bool:
    try:
        return " " not in word and is_known(read_symbol(word)[0])
    except BadSymbol:
        return False


_is_known_short = lru_cache(MAX_REMEMBERED)(_look_up)
