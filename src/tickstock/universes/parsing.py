"""From text to the nodes of a universe expression. The grammar is in `expression.py`."""

from __future__ import annotations

import re
from collections.abc import Container
from dataclasses import dataclass
from datetime import date

from tickstock.errors import BadDates, BadExpression, BadKey, BadSymbol
from tickstock.model import READ_TYPES
from tickstock.spans import Span
from tickstock.universes import nodes
from tickstock.universes.identifiers import IDENTIFIERS, bare_identifier, is_identifier
from tickstock.universes.key import QUOTED, parse_alone, parse_ref, read_key
from tickstock.universes.nodes import (
    AsOf,
    Bare,
    Both,
    Chain,
    ChainOperator,
    Glob,
    Node,
    Pick,
    Ref,
)
from tickstock.universes.rules import (
    MOST_SESSIONS,
    WINDOWS,
    Condition,
    Look,
    Measure,
    Rule,
    Top,
)
from tickstock.universes.suggest import did_you_mean, shown
from tickstock.universes.symbol import SYMBOL, read_symbol, read_symbols

MAX_LENGTH = 10_000
MAX_DEPTH = 50
"""Parentheses within parentheses; far below what Python's own stack allows."""

_TOKEN = re.compile(
    r'(?P<quoted>(?:\w+:)?"(?:[^"\\]|\\.)*")|'
    r"(?P<word>[\w*?.:]+)|(?P<set>\{[^{}]*\})|(?P<sign>[|+&()\-]|;|>=|<=)"
    r"|@\s*(?P<when>\d{4}-\d{2}-\d{2}(?:\s*\.\.\s*\d{4}-\d{2}-\d{2})?)(?!\d)"
)
_OPERATORS = re.compile(r'[|+&(){}@"*?,\-]')
_BLANK = re.compile(r"\s*")
_KEY = re.compile(r"[A-Za-z0-9_]+")
_PATTERN = re.compile(r"[A-Za-z0-9_*?]+")
_NUMBER = re.compile(r"\d[\d_]*(\.\d+)?(e\d{1,2})?")
_BEFORE_RULE = re.compile(r"\bpick\([^;(){}]*$")
_WIDTH = 60
_PICK = "Write it like pick(index_sp500; price >= 5; top 100 by dollar_volume over 63)."


def parse(text: str) -> Node:
    """The expression that `text` writes.

    Raises BadExpression with the text and a caret below the place where it stops making sense.
    """
    if (alone := _alone(text)) is not None:
        return alone
    if len(text) > MAX_LENGTH:
        raise BadExpression(
            f"The expression has {len(text):,} characters, at most {MAX_LENGTH:,} are read.",
            "Store parts of it as universes of their own and name those.",
        )
    if not text.strip():
        raise BadExpression(
            "The expression is blank.", "Name a universe, such as etf_universe:core_etfs."
        )
    return _Parser(text).whole()


def _alone(text: str) -> Ref | None:
    """The one universe that the whole text names, with a key that is quoted or that nothing in
    the grammar could be taken for."""
    kind, _, key = text.strip().partition(":")
    if kind not in READ_TYPES or not (QUOTED.fullmatch(key) or not _OPERATORS.search(key)):
        return None
    ref = parse_alone(text)
    return None if ref is None else Ref(ref)


def parse_client_universe(text: str, known: Container[str] = ()) -> Node:
    """What existing clients write for a universe: `type:key`, a key, or a union `SPY:nasdaq100`.

    In a union each part between colons is a key or a symbol: a key where it is in `known` (the
    keys that exist) or cannot be a symbol as it is written, otherwise a symbol.
    Raises BadExpression for blank and unreadable parts.
    """
    words = [word.strip() for word in text[:MAX_LENGTH].split(":")]
    if len(text) > MAX_LENGTH or not all(words):
        raise BadExpression(
            f"{shown(text, 80)} names no universe: a part beside a colon is missing, or it is"
            f" longer than {MAX_LENGTH:,} characters.",
            "Write type:key, a key, or several keys and symbols joined by colons.",
        )
    parts: list[Node] = []
    at = 0
    while at < len(words):
        width = 2 if words[at] in READ_TYPES and at + 1 < len(words) else 1
        parts.append(_client_part(words[at : at + width], known))
        at += width
    return Chain(parts[0], tuple(("|", part) for part in parts[1:])) if parts[1:] else parts[0]


def _client_part(words: list[str], known: Container[str]) -> Node:
    word = words[-1]
    try:
        if len(words) == 2:
            return Ref(parse_ref(":".join(words)))
        if word not in known and is_identifier(word):
            return nodes.Symbols((word,))
        if word in known or (_KEY.fullmatch(word) and not SYMBOL.fullmatch(word)):
            return Bare(word)
        symbol, note = read_symbol(word)
    except (BadKey, BadSymbol) as error:
        why = error.what.partition(" is not a symbol: ")[2]
        raise BadExpression(
            f"{shown(word)} is neither the key of a universe nor a symbol"
            f"{f': {why}' if why else '.'}",
            error.hint,
        ) from None
    return nodes.Symbols((symbol,), (note,) if note else ())


@dataclass(frozen=True, slots=True)
class _Token:
    """`kind` is word, set, sign, when or end; `at` is where the text of the token begins."""

    kind: str
    text: str
    at: int


class _Parser:
    """Recursive descent over the tokens of one text."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.tokens = self._tokens()
        self.place = 0

    def whole(self) -> Node:
        node = self._group(0)
        if self._peek().text == ")":
            raise self._error(self._peek().at, "This parenthesis closes nothing")
        if self._peek().kind == "sign":
            raise self._error(self._peek().at, "This stands only within pick(...)", _PICK)
        return node

    def _group(self, depth: int) -> Node:
        """A whole expression or the inside of parentheses; a date at its end binds all of it."""
        first = self._meet(depth)
        rest: list[tuple[ChainOperator, Node]] = []
        while self._peek().text in ("|", "+", "-"):
            sign = self._take().text
            rest.append(("-" if sign == "-" else "|", self._meet(depth)))
        node = Chain(first, tuple(rest)) if rest else first
        if self._peek().kind == "when":
            node = AsOf(node, self._when(self._take()))
        if self._peek().kind not in ("end", "sign") or self._peek().text == "(":
            raise self._error(
                self._peek().at,
                "An operator (|, & or -) is missing before this",
                'A key with blanks stands in quotes: stock_universe:"my list".',
            )
        return node

    def _meet(self, depth: int) -> Node:
        parts = [self._operand(depth)]
        while self._peek().text == "&":
            self._take()
            parts.append(self._operand(depth))
        return Both(tuple(parts)) if parts[1:] else parts[0]

    def _operand(self, depth: int) -> Node:
        """An atom, with its date unless that date ends the group and so belongs to the group."""
        node = self._atom(depth)
        if self._peek().kind != "when" or self._ends_group(self._peek(1)):
            return node
        node = AsOf(node, self._when(self._take()))
        if self._peek().kind == "when":
            raise self._error(self._peek().at, "This is a second date for the same part")
        return node

    def _atom(self, depth: int) -> Node:
        token = self._take()
        if token.text == "pick" and self._peek().text == "(":
            return self._pick(self._take(), depth + 1)
        if token.kind == "word":
            return self._word(token)
        if token.kind == "quoted":
            return self._quoted(token)
        if token.kind == "set":
            return self._set(token)
        if token.text == "(":
            return self._parenthesised(token, depth + 1)
        raise self._error(
            token.at,
            "A universe, a set in braces or a parenthesis is expected here",
            "Write it like (index_sp500 | index_dow30) & sector_technology - {TSLA}.",
        )

    # ------------------------------------------------------------------ rules
    def _pick(self, opening: _Token, depth: int) -> Node:
        """`pick(expression; rule)`, from its parenthesis on."""
        if depth > MAX_DEPTH:
            raise self._error(opening.at, f"Parentheses are nested more than {MAX_DEPTH} deep")
        node = self._group(depth)
        conditions: list[Condition] = []
        top = None
        while self._peek().text == ";":
            semicolon = self._take()
            if top is not None:
                raise self._error(semicolon.at, "`top` must come last", _PICK)
            if self._peek().text == "top":
                top = self._top()
            else:
                conditions.append(self._condition())
        if self._peek().text != ")":
            raise self._error(self._peek().at, "A semicolon or a parenthesis is missing", _PICK)
        if not conditions and top is None:
            raise self._error(self._peek().at, "The rule is missing", _PICK)
        self._take()
        return Pick(node, Rule(tuple(conditions), top))

    def _condition(self) -> Condition:
        look, sign = self._look(), self._take()
        if sign.text not in (">=", "<="):
            raise self._error(sign.at, "`>=` or `<=` is missing", _PICK)
        return Condition(look, sign.text == ">=", self._number())

    def _top(self) -> Top:
        self._take()
        place = self._peek()
        count = self._number()
        if count < 1 or count != int(count):
            raise self._error(place.at, "This is no number of members", _PICK)
        if self._take().text != "by":
            raise self._error(place.at, "`by MEASURE` is missing", _PICK)
        return Top(int(count), self._look())

    def _look(self) -> Look:
        token = self._take()
        try:
            measure = Measure(token.text)
        except ValueError:
            hint = did_you_mean(token.text, [*Measure]) or f"Measures are {', '.join(Measure)}."
            raise self._error(token.at, f"{shown(token.text)} is no measure", hint) from None
        if self._peek().text != "over":
            return Look(measure, WINDOWS[measure])
        over = self._take()
        sessions = self._number()
        if not 1 <= sessions <= MOST_SESSIONS or sessions != int(sessions):
            what = f"A window has 1 to {MOST_SESSIONS:,} sessions"
            raise self._error(over.at, what, _PICK)
        if measure is Measure.AGE and sessions != WINDOWS[measure]:
            raise self._error(over.at, "An age has no window", _PICK)
        return Look(measure, int(sessions))

    def _number(self) -> float:
        token = self._take()
        if not _NUMBER.fullmatch(token.text):
            raise self._error(token.at, f"{shown(token.text)} is no number", _PICK)
        return float(token.text)

    def _parenthesised(self, opening: _Token, depth: int) -> Node:
        if depth > MAX_DEPTH:
            raise self._error(opening.at, f"Parentheses are nested more than {MAX_DEPTH} deep")
        node = self._group(depth)
        if self._take().text != ")":
            raise self._error(opening.at, "This parenthesis is never closed")
        return node

    def _word(self, token: _Token) -> Node:
        kind, colon, key = token.text.rpartition(":")
        if not _PATTERN.fullmatch(key):
            raise self._no_key(token)
        is_glob = "*" in key or "?" in key
        if not colon:
            if SYMBOL.fullmatch(key):
                raise self._no_key(token)
            return Glob(key) if is_glob else Bare(key)
        if kind not in READ_TYPES:
            hint = did_you_mean(kind, READ_TYPES) or f"Types are {', '.join(READ_TYPES)}."
            raise self._error(token.at, f"{shown(kind)} is no type of universe", hint)
        try:
            return Glob(key, kind) if is_glob else Ref(parse_ref(token.text))
        except BadKey as error:
            raise self._error(token.at, error.what.rstrip("."), error.hint) from None

    def _quoted(self, token: _Token) -> Node:
        kind, colon, _ = token.text.partition(":")
        try:
            if colon and '"' not in kind:
                return Ref(parse_ref(token.text))
            return Bare(read_key(token.text))
        except BadKey as error:
            raise self._error(token.at, error.what.rstrip("."), error.hint) from None

    def _no_key(self, token: _Token) -> BadExpression:
        if token.text.lower() == "pick" and self._peek().text == "(":
            return self._error(token.at, f"{token.text} is written in small letters", _PICK)
        if SYMBOL.fullmatch(token.text):
            return self._error(
                token.at,
                f"{token.text} looks like a symbol, and only keys stand without braces",
                self._braces_hint(token.text),
            )
        return self._error(
            token.at,
            f"{shown(token.text)} is not the key of a universe",
            "A key has letters, digits and underscores, like index_sp500 or"
            ' stock_universe:index_sp500, or stands in quotes, like stock_universe:"my list";'
            " symbols stand in braces, like {BRK.B}.",
        )

    def _set(self, token: _Token) -> Node:
        inside = token.text[1:-1]
        if not inside.strip():
            raise self._error(token.at, "This set is empty", "Name symbols, such as {TSLA, NVDA}.")
        found: dict[str, None] = {}
        notes: list[str] = []
        at = token.at + 1
        for part in inside.split(","):
            symbol, note = self._symbol(part, at)
            found[symbol] = None
            notes += [note] if note else []
            at += len(part) + 1
        return nodes.Symbols(tuple(sorted(found)), tuple(notes))

    def _symbol(self, part: str, at: int) -> tuple[str, str | None]:
        try:
            return read_symbol(part)
        except BadSymbol as error:
            if error.kind in IDENTIFIERS:  # whose it is, is asked when it is evaluated
                return bare_identifier(part), None
            lead = len(part) - len(part.lstrip())
            raise self._error(at + lead, error.what.rstrip("."), error.hint) from None

    def _when(self, token: _Token) -> date | Span:
        try:
            days = [date.fromisoformat(day.strip()) for day in token.text.split("..")]
        except ValueError:
            raise self._error(
                token.at, f"{token.text} is no date of the calendar", "Write YYYY-MM-DD."
            ) from None
        if len(days) == 1:
            return days[0]
        try:
            return Span.inclusive(*days)
        except (BadDates, OverflowError):
            raise self._error(
                token.at, f"{token.text} is no range of dates", "The earlier date is first."
            ) from None

    def _braces_hint(self, word: str) -> str:
        """How to write the word, or the whole list that somebody typed, as symbols."""
        try:
            symbols = read_symbols(re.split(r"[,\s]+", self.text.strip(" ,"))).symbols
        except BadSymbol:
            symbols = (word,)
        return f"Write symbols in braces: {{{', '.join(symbols)}}}."

    def _peek(self, ahead: int = 0) -> _Token:
        return self.tokens[min(self.place + ahead, len(self.tokens) - 1)]

    def _take(self) -> _Token:
        token = self._peek()
        self.place += 1
        return token

    def _ends_group(self, token: _Token) -> bool:
        return token.kind == "end" or token.text == ")"

    def _tokens(self) -> list[_Token]:
        tokens: list[_Token] = []
        at = self._skip_blanks(0)
        while at < len(self.text):
            match = _TOKEN.match(self.text, at)
            if not match:
                raise self._unreadable(at)
            kind = match.lastgroup or ""
            tokens.append(_Token(kind, match[kind], match.start(kind)))
            at = self._skip_blanks(match.end())
        return [*tokens, _Token("end", "", len(self.text))]

    def _skip_blanks(self, at: int) -> int:
        match = _BLANK.match(self.text, at)
        return match.end() if match else at

    def _unreadable(self, at: int) -> BadExpression:
        match self.text[at]:
            case "{":
                return self._error(at, "This brace is never closed")
            case '"':
                return self._error(at, "This quotation is never closed")
            case "@":
                return self._error(
                    at,
                    "A date must follow @",
                    "Write @ 2020-01-02, or @ 2015-01-01..2020-12-31 for a range.",
                )
            case ",":
                if _BEFORE_RULE.search(self.text[:at]):
                    return self._error(at, "A semicolon stands before a rule, no comma", _PICK)
                return self._error(
                    at, "A comma stands only between braces", self._braces_hint("AAPL, MSFT")
                )
            case ">" | "<" | "=":
                return self._error(at, "A rule compares with `>=` or `<=`", _PICK)
            case "%":
                return self._error(at, "A share is written as a number, 0.9 for 90 %", _PICK)
            case other:
                return self._error(
                    at,
                    f"The character {shown(other)} has no meaning here",
                    "Operators are | (or +), &, -, parentheses, braces and @ DATE.",
                )

    def _error(self, at: int, what: str, hint: str = "") -> BadExpression:
        """The error with the part of the text around `at` and a caret below it."""
        start = max(0, at - _WIDTH)
        line = "".join(c if c.isprintable() else " " for c in self.text[start : at + _WIDTH])
        before, after = "..." * (start > 0), "..." * (at + _WIDTH < len(self.text))
        caret = " " * (at - start + len(before)) + "^"
        return BadExpression(
            f"{what} (character {at + 1}):\n  {before}{line}{after}\n  {caret}\n", hint
        )
