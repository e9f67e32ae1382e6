"""The language in which a universe is written from others.

    (stock_universe:index_sp500 | stock_universe:index_nasdaq100)
        & stock_universe:sector_technology - {TSLA, NVDA} @ 2020-01-02

Grammar:

    expression = chain [ "@" when ]
    chain      = meet { ( "|" | "+" | "-" ) meet }      from left to right
    meet       = operand { "&" operand }                binds tighter than | and -
    operand    = atom [ "@" when ]
    atom       = "(" expression ")" | "pick" "(" expression ";" rule ")" | set | universe
    set        = "{" symbol { "," symbol } "}"
    universe   = [ type ":" ] key, the key with * or ? for any that matches; * alone is all of them
    key        = letters, digits and underscores; or any text in quotes, with the escapes of JSON
    when       = date [ ".." date ]                     YYYY-MM-DD, both days inside

- A date binds the operand before it; where it ends the expression or a parenthesis, it binds all
  of that. So `a | b @ D` is `(a | b) @ D`, and `a | (b @ D)` dates b alone. Of two dates, the
  inner one holds.
- A key without a type stands for the one universe that has it. Symbols stand in braces only.
- A key with blanks and the like stands in quotes: `stock_universe:"my list" | index_sp500`. Alone,
  with its type, it may go without: `stock_universe:my list`.
- A range answers with everything that the expression holds on any day of it.
- `pick` takes those that a rule picks by their bars, see `rules`; it has an answer for each day.
- A glob inside a stored expression leaves out whatever is built on that expression.
- Operators compare instruments, and answer with the tickers of the day that is asked for:
  `index_sp500 - {FB}` is without Meta, though another has that ticker now.
"""

from tickstock.universes.evaluate import (
    Evaluation,
    Lookup,
    PickMembers,
    asked_day,
    evaluate,
    evaluate_days,
    evaluate_intervals,
    left_out_notes,
    no_picks,
    refuse_future,
    taken_for,
    universes_under,
)
from tickstock.universes.nodes import (
    AsOf,
    Bare,
    Both,
    Chain,
    Glob,
    Node,
    Ref,
    Symbols,
    format_expression,
    narrowed,
    references,
    respellings,
)
from tickstock.universes.parsing import parse, parse_client_universe

__all__ = [
    "AsOf",
    "Bare",
    "Both",
    "Chain",
    "Evaluation",
    "Glob",
    "Lookup",
    "Node",
    "PickMembers",
    "Ref",
    "Symbols",
    "asked_day",
    "evaluate",
    "evaluate_days",
    "evaluate_intervals",
    "format_expression",
    "left_out_notes",
    "narrowed",
    "no_picks",
    "parse",
    "parse_client_universe",
    "references",
    "refuse_future",
    "respellings",
    "taken_for",
    "universes_under",
]
